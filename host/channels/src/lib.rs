//! Payment channels: the trait that every one of them is, and the simulated wallet.

#![forbid(unsafe_code)]

pub mod channel;
pub mod sandbox;
