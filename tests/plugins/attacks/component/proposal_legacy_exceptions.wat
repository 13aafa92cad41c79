;; Exceptions as they once were.
(component
  (core module
    (tag $oops)
    (func try throw $oops catch_all end))
)
