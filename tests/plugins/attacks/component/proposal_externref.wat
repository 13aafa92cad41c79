;; References to host objects, which do not exist here.
(component
  (core module
    (func (param externref)))
)
