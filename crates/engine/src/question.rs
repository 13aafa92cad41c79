//! One question alone, and what a plugin says to it before anybody has checked it: for tests that
//! compare plugins' words, and for measurements. An order is decided by [`decide`](crate::decide),
//! which believes none of them.

use lezai_core::money::Money;
use lezai_core::policy::{Column, OrderFacts, Risk};

use crate::Engine;
use crate::contract::OrderRecord;
use crate::hook::Hook;
use crate::plugin::Plugin;
use crate::sandbox::{Asked, Sandbox};

/// An answer as it was given. Its numbers may be nonsense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// To [`Hook::Risk`].
    Risk(Risk),
    /// To [`Hook::Pricing`].
    Fee {
        /// In minor units of the currency.
        minor: u64,
        /// Its code, or any other text.
        currency: String,
    },
    /// To [`Hook::Routing`].
    Channels(Vec<String>),
    /// To [`Hook::Split`]: receivers, and how much each gets in minor units.
    Shares(Vec<(String, u64)>),
    /// To [`Hook::Statement`].
    Columns(Vec<Column>),
}

/// Asks one question of a fresh instance, under all limits. `fee` is what [`Hook::Split`] is told.
pub fn ask(
    engine: &Engine,
    plugin: &Plugin,
    settings: &[u8],
    order: &OrderFacts,
    hook: Hook,
    fee: Money,
) -> Asked<Said> {
    let _pass = engine.gate.pass();
    let record = OrderRecord::new(order);
    let mut sandbox = match Sandbox::start(engine, plugin) {
        Ok(sandbox) => sandbox,
        Err(failure) => return Asked { fuel: 0, memory: 0, answer: Err(failure) },
    };
    match hook {
        Hook::Risk => sandbox.assess(&record, settings).map(|it| Said::Risk(it.into())),
        Hook::Pricing => sandbox
            .fee(&record, settings)
            .map(|it| Said::Fee { minor: it.minor, currency: it.currency }),
        Hook::Routing => sandbox.route(&record, settings).map(Said::Channels),
        Hook::Split => sandbox
            .divide(&record, fee, settings)
            .map(|it| Said::Shares(it.into_iter().map(|it| (it.receiver, it.minor)).collect())),
        Hook::Statement => sandbox
            .columns(&record, settings)
            .map(|it| Said::Columns(it.into_iter().map(Column::from).collect())),
    }
}
