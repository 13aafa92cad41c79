;; References to the host's things, of which there are none.
(component
  (core module
    (func (param externref)))
)
