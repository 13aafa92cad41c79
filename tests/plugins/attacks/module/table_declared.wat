;; A table of ten million elements from the start.
(module
  ;; @guest
  (table 10000000 funcref)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
