;; The simplest trap.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    unreachable)
)
