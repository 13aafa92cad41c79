;; Stacks that a guest switches between.
(component
  (core module
    (type $f (func))
    (type $c (cont $f))
    (elem declare func $g)
    (func $g)
    (func (resume $c (cont.new $c (ref.func $g)))))
)
