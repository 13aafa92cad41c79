;; A core module that needs WASI's first version, which nothing provides: a component must satisfy
;; its own core modules.
(component
  (core module $m
    (import "wasi_snapshot_preview1" "fd_write"
      (func (param i32 i32 i32 i32) (result i32))))
  (core instance (instantiate $m))
)
