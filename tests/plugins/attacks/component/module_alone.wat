;; A core module that is never instantiated, and no hook.
(component
  (core module (func (export "assess")))
)
