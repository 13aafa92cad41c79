;; An error whose text is not UTF-8.
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\10\00\00\00\03\00\00\00")
  (data (i32.const 16) "\ed\a0\80") ;; half of a pair, as UTF-8 must not have it
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
