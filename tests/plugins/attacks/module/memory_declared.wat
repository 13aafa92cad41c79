;; A memory of 33 pages from the start: one more than allowed.
(module
  (memory (export "memory") 33)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
)
