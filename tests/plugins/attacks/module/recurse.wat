;; A function that calls itself without end: the stack runs out.
(module
  ;; @guest
  (func $deeper (param i64 i64 i64 i64) (result i64)
    (i64.add (local.get 0)
      (call $deeper (local.get 3) (local.get 2) (local.get 1) (local.get 0))))
  (func (export "assess") (param $order i32) (result i32)
    (drop (call $deeper (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
