;; The order's texts go into the memory of another instance than the hook's. The memory is the
;; component's own, but the hook's type is not the contract's.
(component
  (core module $a (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
  (core module $b (func (export "f") (param i32 i32)))
  (core instance $a (instantiate $a))
  (core instance $b (instantiate $b))
  (func $f (param "order" string)
    (canon lift (core func $b "f") (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
  (instance $h (export "assess" (func $f)))
  (export "lezai:plugin/risk@1.0.0" (instance $h))
)
