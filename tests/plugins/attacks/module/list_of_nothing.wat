;; Four thousand reasons of two empty texts: no bytes, but many objects.
(module
  ;; @guest
  (data (i32.const 0) "\00\00\00\00\01\00\00\00\00\00\01\00\a0\0f\00\00") ;; 4,000 at 65536
  (func (export "assess") (param $order i32) (result i32)
    (drop (memory.grow (i32.const 1)))
    i32.const 0)
)
