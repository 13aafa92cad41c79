;; One instruction fills a megabyte, again and again.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (drop (memory.grow (i32.const 17)))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 1048576))
      (br $again))
    unreachable)
)
