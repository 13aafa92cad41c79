;; A hook that takes no order.
(component
  (core module $m (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable) (func (export "f") (result i32) i32.const 0))
  (core instance $i (instantiate $m))
  (func $f (result (list string)) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $h (export "route" (func $f)))
  (export "lezai:plugin/routing@1.0.0" (instance $h))
)
