;; The type of a function that answers later.
(component
  (type (func async (result u32)))
)
