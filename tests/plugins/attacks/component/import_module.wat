;; An imported core module.
(component
  (import "helper" (core module (export "f" (func))))
)
