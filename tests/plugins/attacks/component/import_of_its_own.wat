;; A component that gives its core module a function that it lowers from another component: code
;; that is needed only for components that call each other.
(component
  (component $inner
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f"))))
  (instance $inner (instantiate $inner))
  (core func $f (canon lower (func $inner "f")))
)
