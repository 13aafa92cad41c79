;; What a guest brings: a memory of one page, all zeros below 4096 unless an attack says otherwise,
;; and an allocator that hands out and takes nothing back. Aligned to 8, which is enough for every
;; type of the contract.
(memory (export "memory") 1)
(global $free (mut i32) (i32.const 4096))
(func $realloc (export "realloc")
  (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
  (global.set $free (i32.add (local.get $at) (local.get $size)))
  (local.get $at))
