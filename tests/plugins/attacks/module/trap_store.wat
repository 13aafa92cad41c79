;; A store beyond the end of memory.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i64.store (i32.const 65529) (i64.const -1))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
