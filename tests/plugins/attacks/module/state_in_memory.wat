;; It counts its orders in memory, and would reveal the count to the second one.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.store16 (i32.const 6) (i32.load (i32.const 60000))) ;; the score
    (i32.store (i32.const 60000) (i32.add (i32.load (i32.const 60000)) (i32.const 1)))
    i32.const 0)
)
