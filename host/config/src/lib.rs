//! The configuration of `lezai serve`: a TOML file, over which the environment and then flags win.
//!
//! It is read whole and checked whole: [`read`] gives a [`Config`] in which every value is typed and in its
//! bounds, or [`Faults`] with everything that is wrong, each with its place and what to do. What the files that
//! it names contain is looked at elsewhere.

mod config;
mod fault;
mod origin;
mod reader;
mod sections;
mod shown;
#[cfg(test)]
mod tests;

pub use config::{
    Config, Limits, Listen, Log, LogFormat, Operator, Proxies, ProxyProtocol, Routing, Store,
    Strategy, Telemetry, Tls, read, template,
};
pub use fault::{Fault, Faults};
pub use origin::Origin;
pub use reader::Sources;
pub use sections::{Channels, Section};
pub use shown::Setting;
