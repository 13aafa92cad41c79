;; The only signed division that overflows.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (drop (i32.div_s (i32.const -2147483648) (i32.sub (i32.load (i32.const 0)) (i32.const 1))))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
