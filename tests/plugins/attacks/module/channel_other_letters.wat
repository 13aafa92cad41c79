;; A channel whose name looks like an existing one.
(module
  ;; @guest
  (data (i32.const 4) "\10\00\00\00\01\00\00\00")
  (data (i32.const 16) "\00\01\00\00\08\00\00\00")
  (data (i32.const 256) "sandb\d0\bex")
  (func (export "route") (param $order i32) (result i32)
    i32.const 0)
)
