;; An answer inside of its own list: the reasons are the answer's own bytes.
(module
  ;; @guest
  (data (i32.const 0) "\00\00\00\00\01\00\00\00\00\00\00\00\01\00\00\00")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
