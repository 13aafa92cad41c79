;; A start function that does not end: it runs before any question.
(module
  ;; @guest
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
