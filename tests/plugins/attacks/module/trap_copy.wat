;; A copy that ends beyond the end of memory.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (memory.copy (i32.const 65535) (i32.const 0) (i32.const 2))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
