;; A core module that wants WASI's first version, which nobody gives it: what is inside of a
;; component is the component's own to satisfy.
(component
  (core module $m
    (import "wasi_snapshot_preview1" "fd_write"
      (func (param i32 i32 i32 i32) (result i32))))
  (core instance (instantiate $m))
)
