;; A memory whose pages have one byte.
(component
  (core module
    (memory 1 (pagesize 1)))
)
