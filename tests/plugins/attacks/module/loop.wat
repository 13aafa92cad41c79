;; An endless loop.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (loop $again (br $again))
    unreachable)
)
