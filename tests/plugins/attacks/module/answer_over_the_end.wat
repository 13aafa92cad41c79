;; An answer that begins within memory and ends beyond it.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    i32.const 65528)
)
