;; A load as far beyond the end as an instruction can express: nearly 8 GiB.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.load offset=4294967295 (i32.const -1)))
)
