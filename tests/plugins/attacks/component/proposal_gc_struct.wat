;; Structures that a garbage collector keeps.
(component
  (core module
    (type $pair (struct (field i32) (field i32)))
    (func (drop (struct.new_default $pair))))
)
