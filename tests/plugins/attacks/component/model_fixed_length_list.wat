;; A list of a fixed length, which says in five bytes how much room it wants.
(component
  (type (list u8 4294967295))
)
