;; A guest that uses UTF-16 works like any other.
;; @options string-encoding=utf16
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    i32.const 0)
)
