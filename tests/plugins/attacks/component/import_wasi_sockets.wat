;; The network of WASI 0.2.
(component
  (import "wasi:sockets/tcp@0.2.0" (instance (export "tcp-socket" (type (sub resource)))))
)
