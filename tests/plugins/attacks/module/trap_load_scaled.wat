;; Loads at all combinations of an address and a scale. A compiler once got the width of such a
;; load wrong, and let a guest read 34 GiB away.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.load offset=2147483647
      (i32.shl (i32.add (i32.load (i32.const 0)) (i32.const -1)) (i32.const 3))))
)
