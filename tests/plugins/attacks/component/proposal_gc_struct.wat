;; Structures of the garbage collector's.
(component
  (core module
    (type $pair (struct (field i32) (field i32)))
    (func (drop (struct.new_default $pair))))
)
