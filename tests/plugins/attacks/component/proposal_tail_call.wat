;; Calls that leave no frame.
(component
  (core module
    (func $f (return_call $f)))
)
