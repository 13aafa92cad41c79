;; Overlapping data segments: the last one counts, and all of them are the guest's own.
(module
  ;; @guest
  (data (i32.const 0) "\02\02\02\02\02\02\02\02")
  (data (i32.const 2) "\01\01\01\01\01\01")
  (data (i32.const 0) "\00\00\00\00\00\00\00\00")
  (func (export "assess") (param $order i32) (result i32)
    ;; All zeros: accepted, score 0, no reasons.
    i32.const 0)
)
