;; A hook without its function.
(component
  (instance $i)
  (export "lezai:plugin/risk@1.0.0" (instance $i))
)
