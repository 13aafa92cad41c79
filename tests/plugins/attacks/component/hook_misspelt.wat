;; A hook with a typing error: it would be left to the standard plugin silently.
(component
  (instance $i)
  (export "lezai:plugin/risks@1.0.0" (instance $i))
)
