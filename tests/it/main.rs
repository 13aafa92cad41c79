//! Tests across crates: the gateway as a stranger meets it, the arrows between crates, vectors through the
//! engine, the simulator. One module for each subject.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod accounts;
mod arrows;
mod author;
mod backup;
mod bank_statements;
mod bill_layouts;
mod bill_resolutions;
mod bills;
mod callbacks;
mod channels;
mod charges;
mod codes;
mod counter;
mod crash;
mod deploy;
mod fees;
mod first_hour;
mod forms;
mod funds_commands;
mod fx;
mod hostile;
mod idempotency;
mod instalments;
mod keys;
mod lanes;
mod late_bills;
mod lifecycle;
mod listen;
mod mandates;
mod marketplace;
mod mini;
mod modules;
mod outages;
mod own_books;
mod payout_batches;
mod payouts;
mod personal;
mod plugins_agree;
mod plugins_rollout;
mod races;
mod replay;
mod reviews;
mod routing;
mod sandbox;
mod serve;
mod sessions;
mod sim;
mod sm2;
mod splits;
mod start;
mod statements;
mod traces;
mod vectors_engine;
