;; Imported functions, as an interface of another package.
(component
  (import "acme:bank/accounts@1.0.0" (instance (export "pay" (func (param "to" string)))))
)
