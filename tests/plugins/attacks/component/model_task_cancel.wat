;; It would cancel its own task.
(component
  (core func (canon task.cancel))
)
