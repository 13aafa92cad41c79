;; A text that ends beyond the end of memory, by one byte.
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\f9\ff\00\00\08\00\00\00")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
