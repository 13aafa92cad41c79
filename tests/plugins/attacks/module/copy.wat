;; One instruction copies a megabyte, a thousand times: fuel must count bytes.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (drop (memory.grow (i32.const 17)))
    (loop $again
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 1048576))
      (br $again))
    unreachable)
)
