;; An array of the garbage collector's: memory that no linear memory's limit counts.
(component
  (core module
    (type $bytes (array (mut i8)))
    (func (drop (array.new_default $bytes (i32.const 100000000)))))
)
