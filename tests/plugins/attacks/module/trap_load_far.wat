;; A load as far beyond as an instruction can say: 8 GiB less some.
(module
  ;; @guest
  (func (export "assess") (param $order i32) (result i32)
    (i32.load offset=4294967295 (i32.const -1)))
)
