;; Memory, page by page, without end.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (loop $again
      (drop (memory.grow (i32.const 1)))
      (br $again))
    unreachable)
)
