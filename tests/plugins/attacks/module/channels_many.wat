;; The same channel two hundred times.
(module
  ;; @guest
  (data (i32.const 4) "\00\04\00\00\c8\00\00\00")
  (data (i32.const 64) "sandbox")
  (func (export "route") (param $order i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 1024))
    (loop $again
      (i64.store (local.get $at) (i64.const 0x700000040)) ;; 7 bytes at 64
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 2624))))
    i32.const 0)
)
