;; One interface twice: two opinions on one question.
(component
  (instance $i)
  (export "lezai:plugin/risk@1.0.0" (instance $i))
  (export "lezai:plugin/risk@1.0.0" (instance $i))
)
