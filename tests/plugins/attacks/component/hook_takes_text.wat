;; A hook that takes the order as text.
(component
  (core module $m (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable) (func (export "f") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func $f (param "order" string) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $h (export "assess" (func $f)))
  (export "lezai:plugin/risk@1.0.0" (instance $h))
)
