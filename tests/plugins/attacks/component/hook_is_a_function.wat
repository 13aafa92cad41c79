;; A function in place of an interface.
(component
  (core module $m (func (export "f") ))
  (core instance $i (instantiate $m))
  (func (export "risk") (canon lift (core func $i "f")))
)
