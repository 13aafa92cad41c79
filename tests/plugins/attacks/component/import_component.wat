;; An imported component, which it would instantiate.
(component
  (import "helper" (component (export "f" (func))))
)
