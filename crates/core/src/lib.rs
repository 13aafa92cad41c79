//! The domain model of payments: money, orders, the ledger, policy, and signatures.
//!
//! This crate runs in the shopper's page, in mini-programs, in sandboxed plugins and in the
//! gateway, and must give the same bytes in each. So it is blind: no I/O, no clock, no
//! randomness, no floats, no async, and no other crate of this workspace. The time and every
//! random byte are arguments.

#![forbid(unsafe_code)]

pub mod call;
pub mod claim;
pub mod digest;
pub mod exchange;
pub mod funds;
pub mod grant;
pub mod id;
pub mod instalments;
pub mod ip;
pub mod key;
pub mod ledger;
pub mod mask;
pub mod money;
pub mod order;
pub mod payer;
pub mod policy;
pub mod release;
pub mod routing;
pub mod signature;
mod structured;
pub mod terms;
pub mod time;
pub mod webhook;
