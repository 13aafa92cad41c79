//! Reconciliation: what a channel's bill says, held against what the books expected, and what a bank's statement says,
//! held against that bill.
//!
//! [`bill::read`] turns a bill of any known layout into [`movement::Movement`]s. [`run`] brings those of both
//! sides together, partition by partition, and gives each bill line and each expected movement exactly one
//! [`class::Class`]. Money is whole numbers throughout.
//!
//! This crate touches nothing: bytes come in by `Read`, and what does not fit in memory goes to the caller's
//! [`run::Partitions`].

#![forbid(unsafe_code)]

pub mod amount;
pub mod bill;
pub mod bounds;
pub mod class;
pub mod layout;
pub mod movement;
pub mod refused;
pub mod report;
mod rows;
pub mod rules;
pub mod run;
pub mod sides;
pub mod statement;
pub mod when;
pub mod whole;
