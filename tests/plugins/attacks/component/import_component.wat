;; A component from outside, which it would make an instance of.
(component
  (import "helper" (component (export "f" (func))))
)
