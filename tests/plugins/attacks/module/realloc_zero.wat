;; An allocator that always returns 0: all parts of the order overlap. That harms only the guest.
(module
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    i32.const 0)
  (func (export "assess") (param $order i32) (result i32)
    i32.const 32768)
)
