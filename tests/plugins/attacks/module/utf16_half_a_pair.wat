;; An error in UTF-16 that is half of a surrogate pair.
;; @options string-encoding=utf16
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\10\00\00\00\01\00\00\00")
  (data (i32.const 16) "\00\d8")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
