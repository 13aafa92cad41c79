;; A type from outside.
(component
  (import "account" (type (sub resource)))
)
