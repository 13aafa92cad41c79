//! An HTTP/1.1 server over a router, with patience for slow readers and a bound for everything, and where a request
//! comes from. The gateway, the demo shop and `lezai listen` stand on it; it knows nothing of payments.

#![forbid(unsafe_code)]

mod linger;
pub mod origin;
pub mod proxies;
pub mod server;
pub mod tls;
