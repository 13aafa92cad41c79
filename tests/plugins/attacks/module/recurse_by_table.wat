;; The same through a table, which hides the recursion from a reader of the calls.
(module
  ;; @guest
  (table 1 1 funcref)
  (elem (i32.const 0) func $deeper)
  (type $deeper-type (func (param i64) (result i64)))
  (func $deeper (param i64) (result i64)
    (i64.add (local.get 0)
      (call_indirect (type $deeper-type) (i64.add (local.get 0) (i64.const 1)) (i32.const 0))))
  (func (export "assess") (param $order i32) (result i32)
    (drop (call_indirect (type $deeper-type) (i64.const 0) (i32.const 0)))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
