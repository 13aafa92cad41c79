;; Vectors whose results depend on the processor: no decision could be replayed.
(component
  (core module
    (func (result v128)
      (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0))))
)
