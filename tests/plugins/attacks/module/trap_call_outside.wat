;; A call of an element beyond the end of a table.
(module
  ;; @guest
  (table 2 funcref)
  (type $wanted (func))
  (func (export "assess") (param $order i32) (result i32)
    (call_indirect (type $wanted) (i32.const 2147483647))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
