//! Payment channels: the trait that every one of them is, the simulated wallet, and those of other
//! companies: WeChat Pay (APIv3), Alipay and UnionPay.
//!
//! The protocols of other companies do no I/O: a call is built and signed as bytes, and what comes back is verified and
//! read into a typed outcome. Sending is one trait, [`http::Transport`]; time and randomness are
//! another, [`Surroundings`]. What was sent, what was answered and what follows from it can therefore
//! be tested with bytes alone.
//!
//! Three rules hold everywhere in this crate:
//!
//! - A call that was not answered, or whose answer cannot be verified, is [`CallError::Unknown`]. It is
//!   never a failure, for the provider may have done what it was asked.
//! - A repeat carries the same number, so that it is not a second payment or refund.
//! - Merchant, application, number, amount and currency of each answer are compared with what was
//!   asked. One that differs is [`CallError::Mismatch`], and nothing is booked by it.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod alipay;
pub mod channel;
pub mod check;
pub mod configured;
mod form;
pub mod http;
pub mod number;
pub mod outcome;
pub mod packed;
pub mod rsa;
pub mod sandbox;
pub mod settings;
pub mod surroundings;
mod terms;
pub mod time;
pub mod unionpay;
pub mod wechat;
pub mod yuan;

pub use outcome::{Advice, CallError, ErrorRow, Refusal};
pub use surroundings::Surroundings;
