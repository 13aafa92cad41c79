;; A start function that requests more memory than there is.
(module
  ;; @guest
  (func $start (drop (memory.grow (i32.const 64))))
  (start $start)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
