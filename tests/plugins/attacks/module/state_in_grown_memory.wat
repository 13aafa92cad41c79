;; It counts its orders at the end of memory that it requests.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (drop (memory.grow (i32.const 8)))
    (i32.store16 (i32.const 6) (i32.load (i32.const 589820))) ;; the score
    (i32.store (i32.const 589820) (i32.add (i32.load (i32.const 589820)) (i32.const 1)))
    i32.const 0)
)
