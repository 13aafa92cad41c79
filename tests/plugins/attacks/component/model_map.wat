;; A map, which no finished version has.
(component
  (type (map string u32))
)
