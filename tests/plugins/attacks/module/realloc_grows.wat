;; An allocator that takes four more pages for each text.
(module
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    (i32.mul (memory.grow (i32.const 4)) (i32.const 65536)))
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
