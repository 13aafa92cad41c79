;; A clock of WASI 0.2.
(component
  (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))
)
