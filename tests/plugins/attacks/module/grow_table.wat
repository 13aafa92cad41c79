;; A table, element by element, without end.
(module
  ;; @guest
  (table $t 1 funcref)
  (func (export "assess") (param $order i32) (result i32)
    (loop $again
      (drop (table.grow $t (ref.null func) (i32.const 1)))
      (br $again))
    unreachable)
)
