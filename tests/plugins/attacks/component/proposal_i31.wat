;; Numbers as references.
(component
  (core module
    (func (drop (ref.i31 (i32.const 1)))))
)
