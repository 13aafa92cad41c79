;; A data segment beyond the end of memory.
(module
  ;; @guest
  (data (i32.const 65530) "beyond the end")
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
