;; A fee with a fraction.
(component
  (core module $m (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable) (func (export "f") (result f64) f64.const 0.1))
  (core instance $i (instantiate $m))
  (func $f (result f64) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $h (export "fee" (func $f)))
  (export "lezai:plugin/pricing@1.0.0" (instance $h))
)
