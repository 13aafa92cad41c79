;; A fee with the bits of a NaN, where a whole number is expected.
(module
  ;; @guest
  (data (i32.const 64) "CNY")
  (data (i32.const 16) "\40\00\00\00\03\00\00\00")
  (func (export "fee") (param $order i32) (result i32)
    (f64.store (i32.const 8) (f64.div (f64.const 0) (f64.load (i32.const 32))))
    i32.const 0)
)
