;; It would have the host do something else meanwhile.
(component
  (core func (canon thread.yield))
)
