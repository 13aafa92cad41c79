//! Releases of merchants' plugins, as orders meet them: pure, but for what is counted.
//!
//! `stage` says where a release may go, `rollout` which one decides an order, `health` when one does badly.

pub mod health;
pub mod rollout;
pub mod stage;
