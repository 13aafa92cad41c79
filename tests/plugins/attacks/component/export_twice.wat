;; One interface exported twice: two answers to one question.
(component
  (instance $i)
  (export "lezai:plugin/risk@1.0.0" (instance $i))
  (export "lezai:plugin/risk@1.0.0" (instance $i))
)
