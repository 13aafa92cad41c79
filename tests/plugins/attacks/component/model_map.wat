;; A map, which is in no finished version.
(component
  (type (map string u32))
)
