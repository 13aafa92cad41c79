;; A memory of 4 GiB from the start, with a byte at each end: an image of it would be 4 GiB.
(module
  (memory (export "memory") 65536)
  (data (i32.const 0) "a")
  (data (i32.const -1) "z")
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
