;; A clock, as WASI 0.3 has it.
(component
  (import "wasi:clocks/system-clock@0.3.0" (instance (export "now" (func (result u64)))))
)
