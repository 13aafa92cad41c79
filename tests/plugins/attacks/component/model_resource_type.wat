;; A handle's type, exported alone.
(component
  (type $thing (resource (rep i32)))
  (export "thing" (type $thing))
)
