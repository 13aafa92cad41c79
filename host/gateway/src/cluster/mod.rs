//! All memory that outlives a request. Each part is bounded, and is what a second node would have to share.

pub mod hub;
pub mod nonces;
pub mod rate;
pub mod turns;
pub mod velocity;
