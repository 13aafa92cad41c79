;; A core module inside that nobody makes an instance of, and no hook.
(component
  (core module (func (export "assess")))
)
