;; A core module with a hook's name, and no component around it.
(module (memory (export "memory") 1) (func (export "assess") (param i32) (result i32) i32.const 0))
