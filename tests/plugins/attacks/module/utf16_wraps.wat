;; A text in UTF-16 of 2^31 units: twice that overflows to zero.
;; @options string-encoding=utf16
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\10\00\00\00\00\00\00\80")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
