;; Exceptions.
(component
  (core module
    (tag $oops)
    (func (block $caught (try_table (catch_all $caught) (throw $oops)))))
)
