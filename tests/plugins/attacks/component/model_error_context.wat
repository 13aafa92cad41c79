;; An error with a history that the host would keep.
(component
  (type error-context)
  (core func (canon error-context.drop))
)
