;; It counts its orders in a global, and would reveal the count to the second one.
(module
  ;; @guest
  (global $asked (mut i32) (i32.const 0))
  (func (export "assess") (param $order i32) (result i32)
    (i32.store16 (i32.const 6) (global.get $asked)) ;; the score
    (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
    i32.const 0)
)
