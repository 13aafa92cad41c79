;; Exceptions in their former form.
(component
  (core module
    (tag $oops)
    (func try throw $oops catch_all end))
)
