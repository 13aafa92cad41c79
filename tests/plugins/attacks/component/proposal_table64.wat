;; A table with 64-bit indices.
(component
  (core module
    (table i64 1 funcref))
)
