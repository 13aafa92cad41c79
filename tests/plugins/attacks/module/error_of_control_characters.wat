;; An error of its own, full of characters that would paint a terminal or break a log line.
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\10\00\00\00\0f\00\00\00")
  (data (i32.const 16) "\1b[31m\0d\0aforged\00\07")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
