//! Money out: when a payment is settled, what a merchant has agreed to, and how its money gets to it.
//!
//! As with an order, what may happen to a payout is one pure function, [`payout::step()`]. Calendars,
//! cut-offs and contracts are data that come as arguments.

pub mod bill;
pub mod calendar;
pub mod contract;
pub mod cycle;
pub mod date;
pub mod difference;
pub mod fx;
pub mod mandate;
pub mod month;
pub mod payout;
pub mod payout_batch;
pub mod pricing;
pub mod receiver;
pub mod settlement;
pub mod split;
