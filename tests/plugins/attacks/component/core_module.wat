;; A core module, with what a hook is called, and no component around it.
(module (memory (export "memory") 1) (func (export "assess") (param i32) (result i32) i32.const 0))
