//! Where a plugin's fuel goes, function by function.
//!
//! The same question is asked again and again, each time of a fresh instance and with a little more
//! fuel: where it stops for want of fuel, there the fuel went. So it is production's own fuel that is
//! counted, in production's own machine code, and the same profile comes out each time.
//!
//! Wasmtime looks whether there is fuel left where a function begins and where a loop begins anew.
//! A stop at the beginning of a function is for fuel that its caller burnt; a function without loops
//! and calls counts as its caller's, as if it were inlined.

use std::sync::Arc;

use lezai_core::money::Money;
use lezai_core::policy::OrderFacts;

use crate::compile::WithNames;
use crate::contract::OrderRecord;
use crate::hook::Hook;
use crate::plugin::Plugin;
use crate::sandbox::{Failure, Sandbox};
use crate::{Config, Engine};

/// Where the fuel of one question went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The fuel that the question burnt in all.
    pub fuel: u64,
    /// The stacks that it stopped in, one for each equal part of the fuel: the names of the functions,
    /// the innermost first. A function that has no name in the component is `function 17`.
    pub stacks: Vec<Vec<String>>,
}

/// Asks one question `samples` times. The engine must have been set up with
/// [`Config::with_names`].
///
/// # Errors
///
/// If the plugin does not answer the question with all of its fuel.
pub fn profile(
    engine: &Engine,
    plugin: &Plugin,
    settings: &[u8],
    order: &OrderFacts,
    hook: Hook,
    fee: Money,
    samples: u32,
) -> Result<Profile, Failure> {
    let record = OrderRecord::new(order);
    let _pass = engine.gate.pass();
    let ask = |fuel: Option<u64>| {
        Sandbox::start(engine, plugin)?.stopped(hook, &record, fee, settings, fuel)
    };
    let (fuel, _) = ask(None)?;
    let mut stacks = Vec::new();
    for sample in 0..u64::from(samples) {
        // In the middle of each part.
        let at = (2 * sample + 1).saturating_mul(fuel) / (2 * u64::from(samples.max(1)));
        stacks.extend(ask(Some(at))?.1);
    }
    Ok(Profile { fuel, stacks })
}

impl Config {
    /// For [`profile`]: functions keep their names, and a plugin that stops tells where it was. Such
    /// an engine's code burns the same fuel; to start it takes longer.
    #[must_use]
    pub fn with_names(self) -> Self {
        Self { names: true, compiler: Arc::new(WithNames), ..self }
    }
}
