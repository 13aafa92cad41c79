;; Elements beyond the end of their table.
(module
  ;; @guest
  (table 1 funcref)
  (func $it)
  (elem (i32.const 1) func $it)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
