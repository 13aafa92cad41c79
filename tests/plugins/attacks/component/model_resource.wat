;; A handle to something that lives on, and a table of them that no memory limit counts.
(component
  (core module $m (func (export "drop") (param i32)))
  (core instance $i (instantiate $m))
  (type $thing (resource (rep i32) (dtor (core func $i "drop"))))
  (core func (canon resource.new $thing))
)
