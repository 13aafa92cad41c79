;; A loop made of a table of branches that all lead back.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (loop $again
      (br_table $again $again $again (i32.const 1)))
    unreachable)
)
