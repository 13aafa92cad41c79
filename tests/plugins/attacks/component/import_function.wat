;; An imported function.
(component
  (import "now" (func (result u64)))
)
