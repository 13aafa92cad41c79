;; The code of a reason that is not UTF-8.
(module
  ;; @guest
  (data (i32.const 0) "\00\00\00\00\01\00\00\00\10\00\00\00\01\00\00\00") ;; ok, review, one reason at 16
  (data (i32.const 16) "\20\00\00\00\02\00\00\00\20\00\00\00\02\00\00\00") ;; code and message at 32
  (data (i32.const 32) "\ff\fe")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
