;; It tries to identify the machine: the bits of a NaN differ between processors. Counted, they are
;; 9 everywhere here; on plain x86-64 they were 10.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.store16 (i32.const 6) (i32.popcnt (i32.reinterpret_f32
      (f32.div (f32.const 0) (f32.load (i32.const 0))))))
    i32.const 0)
)
