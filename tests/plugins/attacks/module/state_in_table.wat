;; It leaves a function in its table, and would reveal it to the second order.
(module
  ;; @guest
  (table $t 2 funcref)
  (elem declare func $mark)
  (func $mark)
  (func (export "assess") (param $order i32) (result i32)
    (i32.store16 (i32.const 6) (i32.eqz (ref.is_null (table.get $t (i32.const 1))))) ;; the score
    (table.set $t (i32.const 1) (ref.func $mark))
    i32.const 0)
)
