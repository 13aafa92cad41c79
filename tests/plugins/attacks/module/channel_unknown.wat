;; A channel that the merchant's policy does not name.
(module
  ;; @guest
  (data (i32.const 4) "\10\00\00\00\01\00\00\00")
  (data (i32.const 16) "\00\01\00\00\0d\00\00\00")
  (data (i32.const 256) "my_own_pocket")
  (func (export "route") (param $order i32) (result i32)
    i32.const 0)
)
