;; A load beyond the end of memory.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.load (i32.const 65533)))
)
