;; Hints about branches lie in a section that nobody reads.
(component
  (core module
    (func (param i32)
      (@metadata.code.branch_hint "\01") (if (local.get 0) (then))))
)
