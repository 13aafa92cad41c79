;; A text in either of two encodings, as long as a number without its highest bit can say.
;; @options string-encoding=latin1+utf16
(module
  ;; @guest
  (data (i32.const 0) "\01\00\00\00\10\00\00\00\ff\ff\ff\ff")
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
