;; A verdict other than the three.
(module
  ;; @guest
  (data (i32.const 4) "\03")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
