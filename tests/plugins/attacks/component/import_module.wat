;; A core module from outside.
(component
  (import "helper" (core module (export "f" (func))))
)
