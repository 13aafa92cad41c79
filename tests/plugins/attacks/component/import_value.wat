;; A value from outside, which is in no finished version of the component model.
(component
  (import "secret" (value string))
)
