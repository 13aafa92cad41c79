;; It searches all the memory that it may have for what others left.
(module
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 4096))
  (func (export "realloc")
    (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func (export "assess") (param $order i32) (result i32)
    (local $at i32)
    ;; Behind what its own order took, everything must be zero.
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 31)) (i32.const -32)))
    (loop $again
      (if
        (i64.ne
          (i64.or
            (i64.or (i64.load (local.get $at)) (i64.load offset=8 (local.get $at)))
            (i64.or (i64.load offset=16 (local.get $at)) (i64.load offset=24 (local.get $at))))
          (i64.const 0))
        (then (i32.store16 (i32.const 6) (i32.const 999)))) ;; the score
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 2097152))))
    i32.const 0)
)
