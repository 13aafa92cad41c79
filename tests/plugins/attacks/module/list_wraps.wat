;; 2^28 + 1 reasons of 16 bytes: a product that overflows would find one.
(module
  ;; @guest
  (data (i32.const 0) "\00\00\00\00\01\00\00\00\10\00\00\00\01\00\00\10")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
