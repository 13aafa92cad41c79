;; Vectors. They are part of WebAssembly 2.0, but compilers do not write them by default, and rules
;; on one order have nothing to vectorise.
(component
  (core module
    (func (result v128) (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4))))
)
