//! The gateway, by use case: what happens to orders, funds, merchants, events and plugins, and what is done
//! after a commit. Decisions about money are made in `lezai_core` alone, and what must be true together is
//! written in one commit of `lezai_store`. Knows neither HTTP nor SQL.

#![forbid(unsafe_code)]

pub mod callbacks;
pub mod channels;
pub mod cluster;
pub mod events;
pub mod fees;
pub mod funds;
pub mod gateway;
pub mod idempotency;
pub mod jobs;
pub mod keys;
pub mod mandates;
pub mod merchants;
pub mod metrics;
pub mod node;
pub mod orders;
pub mod peers;
pub mod plugins;
pub mod rate_source;
pub mod readiness;
pub mod realm;
pub mod reconciliation;
pub mod releases;
pub mod schedule;
pub mod statements;
pub mod test_clock;
pub mod views;
