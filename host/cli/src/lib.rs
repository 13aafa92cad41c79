//! The command line. `dev` puts the gateway together from its parts; no other crate knows them all.

#![forbid(unsafe_code)]

#[macro_use]
pub mod say;

pub mod backup;
pub mod bill_command;
pub mod call;
pub mod caller;
mod cannot_start;
pub mod channel_command;
mod compose;
pub mod contract_command;
pub mod data_dir;
pub mod database;
pub mod dev;
pub mod difference_command;
pub mod doctor;
pub mod fees_command;
mod folder;
pub mod fx_command;
pub mod keys;
pub mod ledger;
pub mod listen;
pub mod log;
pub mod merchant_command;
pub mod migrate;
pub mod operator;
pub mod order_command;
pub mod outcome;
pub mod page_check;
pub mod payout_command;
pub mod plugin_command;
mod progress;
pub mod reconcile_command;
pub mod review_command;
pub mod secrets;
pub mod secrets_command;
pub mod serve;
pub mod settlement_command;
mod source;
pub mod statement_command;
pub mod trigger;
