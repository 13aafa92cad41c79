;; A thread of its own.
(component
  (core type $f (func (param i32)))
  (core func (canon thread.spawn-ref $f))
)
