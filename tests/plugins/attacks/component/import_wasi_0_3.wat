;; A clock of WASI 0.3.
(component
  (import "wasi:clocks/system-clock@0.3.0" (instance (export "now" (func (result u64)))))
)
