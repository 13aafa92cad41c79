;; A function that is lifted and lowered again, repeatedly: an adapter for each time.
(component
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (func $f (canon lift (core func $i "f")))
  (core func (canon lower (func $f)))
)
