;; An imported type.
(component
  (import "account" (type (sub resource)))
)
