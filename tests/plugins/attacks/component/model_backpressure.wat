;; It would tell the host to wait.
(component
  (core func (canon backpressure.inc))
)
