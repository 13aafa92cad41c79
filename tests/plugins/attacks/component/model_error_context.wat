;; An error with a history that the host would store.
(component
  (type error-context)
  (core func (canon error-context.drop))
)
