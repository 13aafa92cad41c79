;; Division by zero.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
