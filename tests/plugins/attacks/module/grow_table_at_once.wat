;; A table of 2^32 - 2 elements, at once.
(module
  ;; @guest
  (table $t 1 funcref)
  (func (export "assess") (param $order i32) (result i32)
    (drop (table.grow $t (ref.null func) (i32.const -2)))
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
