;; Types that refer to each other.
(component
  (core module
    (rec (type $a (func (param (ref null $b)))) (type $b (func (param (ref null $a))))))
)
