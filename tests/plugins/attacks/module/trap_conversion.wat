;; NaN, converted to a whole number.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (drop (i64.trunc_f64_s (f64.div (f64.const 0) (f64.load (i32.const 0)))))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
