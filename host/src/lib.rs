//! The gateway edge: an HTTP API in front of the core, and what stands behind it: the store, the
//! worker, the channels, the plugins of each merchant.
//!
//! Decisions are made in `lezai_core` alone. The world is touched by [`http`], [`worker`] and the
//! channels they call, and what must be true together is written in one commit ([`store`]).

#![forbid(unsafe_code)]

#[macro_use]
pub mod say;

pub mod address;
pub mod assets;
pub mod backup;
pub mod balances;
pub mod brand;
pub mod call;
pub mod callback;
pub mod caller;
pub mod channel;
pub mod checkout;
pub mod client;
pub mod clock;
pub mod data_dir;
pub mod decision;
pub mod dev;
pub mod doctor;
pub mod echo;
pub mod entropy;
pub mod events;
pub mod gateway;
pub mod http;
pub mod hub;
pub mod idempotency;
pub mod json;
pub mod keys;
pub mod ledger;
pub mod legible;
pub mod listen;
pub mod log;
pub mod merchants;
pub mod metrics;
pub mod native_key;
pub mod nonces;
pub mod operator;
pub mod order_request;
pub mod orders;
pub mod page;
pub mod page_check;
pub mod plugin_command;
pub mod plugins;
pub mod problem;
pub mod rate;
pub mod readiness;
pub mod realm;
pub mod refunds;
pub mod review_command;
pub mod reviews;
pub mod sandbox;
pub mod serve;
pub mod shop;
pub mod store;
pub mod test_clock;
pub mod transport;
pub mod trigger;
pub mod turns;
pub mod velocity;
pub mod views;
pub mod worker;
