;; A call of a function of another type, by its number.
(module
  ;; @guest
  (table 1 funcref)
  (elem (i32.const 0) func $other)
  (type $wanted (func (param i64) (result i64)))
  (func $other (param i32))
  (func (export "assess") (param $order i32) (result i32)
    (drop (call_indirect (type $wanted) (i64.const 1) (i32.const 0)))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
