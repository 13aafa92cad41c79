;; A function from outside.
(component
  (import "now" (func (result u64)))
)
