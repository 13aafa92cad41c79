;; Loads at all that an address and a scale can make together, the kind of which a compiler once got the
;; width wrong and let a guest read 34 GiB away.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.load offset=2147483647
      (i32.shl (i32.add (i32.load (i32.const 0)) (i32.const -1)) (i32.const 3))))
)
