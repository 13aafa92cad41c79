;; An endless loop while the order is passed in: the guest runs before it is asked.
(module
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    (loop $again (br $again))
    unreachable)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
