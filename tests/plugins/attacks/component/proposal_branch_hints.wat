;; Hints about branches, in a section that nothing reads.
(component
  (core module
    (func (param i32)
      (@metadata.code.branch_hint "\01") (if (local.get 0) (then))))
)
