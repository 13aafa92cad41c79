;; A hook of a version that does not exist.
(component
  (instance $i)
  (export "lezai:plugin/risk@1.0.1" (instance $i))
)
