;; The network, as WASI 0.2 has it.
(component
  (import "wasi:sockets/tcp@0.2.0" (instance (export "tcp-socket" (type (sub resource)))))
)
