;; An imported value, which no finished version of the component model has.
(component
  (import "secret" (value string))
)
