;; A channel twice: two attempts where one was meant.
(module
  ;; @guest
  (data (i32.const 4) "\10\00\00\00\02\00\00\00")
  (data (i32.const 16) "\00\01\00\00\07\00\00\00\40\01\00\00\07\00\00\00")
  (data (i32.const 256) "sandbox")
  (data (i32.const 320) "sandbox")
  (func (export "route") (param $order i32) (result i32)
    i32.const 0)
)
