;; An error whose text is as long as the memory.
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\00\00\00\00\00\00\01\00")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
