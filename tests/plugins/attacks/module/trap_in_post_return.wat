;; A valid answer, and a trap when it is told that the answer was read.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
  (func (export "assess-post") (param i32)
    unreachable)
)
