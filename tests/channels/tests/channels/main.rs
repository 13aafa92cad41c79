//! The adapters against the simulators, over a network, with everything that goes wrong.
//!
//! The rows that hold for every channel are written once and run for all: [`bench::Bench`] is what differs.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where the surprise is")]

mod bench;
mod bills;
mod callbacks;
mod counter;
mod methods;
mod payments;
mod planted;
mod refunds;
mod settings;
