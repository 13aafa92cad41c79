;; A handle's type, exported beside nothing.
(component
  (type $thing (resource (rep i32)))
  (export "thing" (type $thing))
)
