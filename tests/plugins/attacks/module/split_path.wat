;; A receiver whose name is a file path.
(module
  ;; @guest
  (data (i32.const 4) "\10\00\00\00\01\00\00\00")
  (data (i32.const 16) "\00\02\00\00\0d\00\00\00\01\00\00\00\00\00\00\00")
  (data (i32.const 512) "../../m_other")
  (func (export "divide") (param $order i32) (result i32)
    i32.const 0)
)
