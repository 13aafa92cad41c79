;; An endless computation without a loop: a function that calls itself twice, 2^64 times in all,
;; and never deep.
(module
  ;; @guest
  (func $twice (param $depth i32)
    (if (local.get $depth) (then
      (call $twice (i32.sub (local.get $depth) (i32.const 1)))
      (call $twice (i32.sub (local.get $depth) (i32.const 1))))))
  (func (export "assess") (param $order i32) (result i32)
    (call $twice (i32.const 64))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
