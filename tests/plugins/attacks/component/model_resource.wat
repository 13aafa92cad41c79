;; A handle to something that outlives the call, and a table of handles that no memory limit
;; counts.
(component
  (core module $m (func (export "drop") (param i32)))
  (core instance $i (instantiate $m))
  (type $thing (resource (rep i32) (dtor (core func $i "drop"))))
  (core func (canon resource.new $thing))
)
