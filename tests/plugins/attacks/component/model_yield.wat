;; It would make the host do other work meanwhile.
(component
  (core func (canon thread.yield))
)
