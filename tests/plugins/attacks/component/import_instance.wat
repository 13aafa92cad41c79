;; Functions from outside, as an interface of somebody's.
(component
  (import "acme:bank/accounts@1.0.0" (instance (export "pay" (func (param "to" string)))))
)
