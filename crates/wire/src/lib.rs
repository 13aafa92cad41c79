//! The API's JSON: requests read strictly, problems, pages of lists, and the shapes of what is answered. Knows
//! the core, and neither a web server nor a store.

#![forbid(unsafe_code)]

pub mod decision;
pub mod json;
mod legible;
mod number;
pub mod order_request;
pub mod page;
pub mod problem;
pub mod split_request;
pub mod time;
pub mod views;
