;; One column twice.
(module
  ;; @guest
  (data (i32.const 4) "\10\00\00\00\02\00\00\00")
  (data (i32.const 16) "\00\02\00\00\04\00\00\00\40\02\00\00\01\00\00\00\80\02\00\00\04\00\00\00\c0\02\00\00\01\00\00\00")
  (data (i32.const 512) "till")
  (data (i32.const 576) "1")
  (data (i32.const 640) "till")
  (data (i32.const 704) "2")
  (func (export "columns") (param $order i32) (result i32)
    i32.const 0)
)
