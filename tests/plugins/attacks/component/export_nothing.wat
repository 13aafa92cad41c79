;; A component that exports no hook.
(component

)
