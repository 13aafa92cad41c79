;; A start function that traps.
(module
  ;; @guest
  (func $start unreachable)
  (start $start)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
