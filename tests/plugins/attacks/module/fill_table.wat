;; One instruction fills a table, again and again.
(module
  ;; @guest
  (table $t 4096 funcref)
  (func (export "assess") (param $order i32) (result i32)
    (loop $again
      (table.fill $t (i32.const 0) (ref.null func) (i32.const 4096))
      (br $again))
    unreachable)
)
