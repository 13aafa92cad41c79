;; A stream: an answer without an end.
(component
  (type (stream u8))
)
