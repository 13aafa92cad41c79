//! Where a payment's time went: spans of one trace, from the request that made an order to the callback that told of
//! it, sent to a collector by OTLP. Off unless a collector is named, and then a request never waits for it: spans go
//! into a bounded queue, and those that find it full are lost. Exports that fail are counted.
//!
//! A request or a task that is worked on is a [`Work`]. Code below it adds to it by the functions of this crate,
//! which do nothing where there is none. A work joins the trace of an order once the order is known ([`join`]), so its
//! span is made when it ends, or when somebody has to be told its place ([`place`]).
//!
//! No span has personal data: ids of ours, names of routes and channels, codes, and the hosts of callbacks.

#![forbid(unsafe_code)]

mod exporter;
mod place;
mod work;

pub use opentelemetry::Value;

pub use exporter::{Collector, Traces};
pub use place::Place;
pub use work::{Kind, Part, Work, believe, join, note, part, place};
