//! Callbacks: signed, sent where they may go, and tried again.

pub mod egress;
pub mod sender;
pub mod transport;
