;; The contract's own types, from outside: even what has no function can be an instance of the host's.
(component
  (import "lezai:plugin/types@1.0.0" (instance))
)
