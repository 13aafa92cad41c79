;; A value that comes later, or never.
(component
  (type (future u32))
)
