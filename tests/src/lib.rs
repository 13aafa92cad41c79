//! The gateway as a stranger meets it: a process, a socket and a merchant's key.
//!
//! Owns starting and ending `lezai dev`, an HTTP client that can be as rude as a test needs, a
//! merchant that signs, and a receiver of callbacks. Knows nothing of the gateway's code: only
//! its command line, its files and its wire.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test that called")]

mod client;
mod eventually;
mod front;
mod gateway;
mod live;
mod merchant;
pub mod nodes;
pub mod page;
mod process;
mod publisher;
mod receiver;
pub mod recorded;
pub mod refund_race;
pub mod sim;

pub use client::{Answer, Request, at_once, crowd, send_raw};
pub use eventually::{eventually, until};
pub use gateway::{Gateway, TempDir, binary, hold, lezai};
pub use live::{Live, Tls, certify};
pub use merchant::{Merchant, now_ms, random_hex};
pub use process::system;
pub use publisher::Publisher;
pub use receiver::Receiver;
