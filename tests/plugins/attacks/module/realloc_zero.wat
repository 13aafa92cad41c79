;; An allocator that always says 0: everything of the order lies on everything else. That is the guest's own loss.
(module
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    i32.const 0)
  (func (export "assess") (param $order i32) (result i32)
    i32.const 32768)
)
