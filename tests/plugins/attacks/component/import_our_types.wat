;; The contract's own types, imported: an interface without functions could still be an instance of
;; the host's.
(component
  (import "lezai:plugin/types@1.0.0" (instance))
)
