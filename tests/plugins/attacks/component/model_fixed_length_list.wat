;; A list of a fixed length, which requests much memory in five bytes.
(component
  (type (list u8 4294967295))
)
