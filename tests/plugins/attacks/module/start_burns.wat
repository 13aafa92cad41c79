;; A start function that uses nearly all the fuel of a start. A question has its own fuel.
(module
  ;; @guest
  (func $start
    (local $n i32)
    (local.set $n (i32.const 280000))
    (loop $again
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n))))
  (start $start)
  (func (export "assess") (param $order i32) (result i32)
    (local $n i32)
    (local.set $n (i32.const 100000))
    (loop $again
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
