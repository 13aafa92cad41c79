//! The foundation of all that touches the world: the clock, randomness, fast P-256, merchants' keys, and how
//! addresses are written. Knows nothing of payments.

#![forbid(unsafe_code)]

pub mod clock;
pub mod entropy;
pub mod merchant_key;
pub mod native_key;
pub mod url;
