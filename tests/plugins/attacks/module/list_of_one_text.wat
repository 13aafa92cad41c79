;; 3,000 reasons that are all the same long text: little memory, and 12 MiB of answer.
(module
  ;; @guest
  (data (i32.const 0) "\00\00\00\00\01\00\00\00\00\10\00\00\b8\0b\00\00") ;; 3,000 at 4096
  (func (export "assess") (param $order i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 4096))
    (loop $again
      ;; code and message: 2,048 bytes at 2048
      (i64.store (local.get $at) (i64.const 0x80000000800))
      (i64.store offset=8 (local.get $at) (i64.const 0x80000000800))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 52096))))
    i32.const 0)
)
