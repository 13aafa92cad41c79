;; A text whose start and length add up to 2^32 + 8: a sum that overflows would place it inside.
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\10\00\00\00\f8\ff\ff\ff")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
