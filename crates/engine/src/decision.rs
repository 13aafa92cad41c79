//! Decides about an order: who is asked each question, whose answer counts, and what applies when
//! there is none.
//!
//! | hook | the merchant's plugin does not answer | the standard plugin does not answer |
//! |---|---|---|
//! | risk | review, with the reason [`PLUGIN_FAILED`] | no decision |
//! | pricing, routing | the standard plugin is asked | no decision |
//! | split | nothing is split | is not asked |
//! | statement | no columns | is not asked |

use std::fmt;

use lezai_core::money::Money;
use lezai_core::policy::answer::{
    check_channels, check_columns, check_fee, check_risk, check_shares,
};
use lezai_core::policy::{
    Column, Nonsense, OrderFacts, Reason, Risk, Share, Verdict, channels_in_compact,
};

use crate::Engine;
use crate::contract::OrderRecord;
use crate::hook::Hook;
use crate::plugin::Plugin;
use crate::sandbox::{Asked, Failure, Sandbox};

/// The code of the one reason for a review when the merchant's plugin did not say how risky the
/// order is.
pub const PLUGIN_FAILED: &str = "plugin_failed";

/// The plugins' decision on an order. Every number was checked by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub risk: Risk,
    /// The merchant's fee: in the order's currency, at most its amount.
    pub fee: Money,
    /// The channels in the order in which they are tried; each is named in the policy.
    pub channels: Vec<String>,
    /// The parties' shares of the amount; with the fee at most all of it.
    pub shares: Vec<Share>,
    /// The extra columns in the merchant's books.
    pub columns: Vec<Column>,
    /// How risk, pricing and routing ran.
    pub hooks: [HookRun; 3],
    /// How split ran, if the merchant's plugin answers it.
    pub split: Option<HookRun>,
    /// How statement ran, if the merchant's plugin answers it.
    pub statement: Option<HookRun>,
}

impl Decision {
    /// Whether the same question gets the same decision on any machine, bit for bit. Not if the clock
    /// ended a plugin's answer: where it does depends on the machine and on what else that did.
    pub fn is_replayable(&self) -> bool {
        !self.runs().any(|(_, run)| run.outcome == Outcome::Failed(Failure::Deadline))
    }

    /// How each hook ran that was asked, in the order in which they were.
    pub fn runs(&self) -> impl Iterator<Item = (Hook, &HookRun)> {
        let more = [(Hook::Split, &self.split), (Hook::Statement, &self.statement)];
        let more = more.into_iter().filter_map(|(hook, run)| Some((hook, run.as_ref()?)));
        Hook::STANDARD.into_iter().zip(&self.hooks).chain(more)
    }
}

/// How one hook ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRun {
    /// SHA-256, in hex, of the plugin that was asked first: the merchant's if it answers the hook.
    pub digest: String,
    /// The fuel that the plugin burnt, in wasmtime's units.
    pub fuel: u64,
    /// The size that its instance's memory had grown to by then, in bytes; a multiple of 64 KiB.
    pub memory: usize,
    /// Whether it answered. If not, the hook's fallback applied.
    pub outcome: Outcome,
}

/// Whether a plugin answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Answered,
    /// It did not.
    Failed(Failure),
}

/// The standard plugin did not answer, so there is no decision. An order is never taken without
/// one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the standard plugin did not answer {hook}: {cause}")]
pub struct Undecided {
    /// The question.
    pub hook: Hook,
    /// Why.
    pub cause: Failure,
}

/// Decides about an order by the merchant's own plugin, with its settings, where it answers, and
/// else by the standard plugin, with the merchant's policy in its compact form.
///
/// Each plugin gets a fresh instance for this order, and another one after a failure. Waits if
/// [`Config::slots`](crate::Config::slots) decisions are under way; takes some 12 to 15 µs when
/// none fails, and at worst as long as seven times [`Limits::fuel`](crate::Limits::fuel).
/// The plugins must be of this engine.
///
/// # Errors
///
/// If the standard plugin did not answer, or `compact_policy` is none.
pub fn decide(
    engine: &Engine,
    standard: &Plugin,
    compact_policy: &[u8],
    own: Option<(&Plugin, &[u8])>,
    order: &OrderFacts,
) -> Result<Decision, Undecided> {
    let known = channels_in_compact(compact_policy).map_err(|error| Undecided {
        hook: Hook::Routing,
        cause: Failure::Nonsense(error.to_string()),
    })?;
    let _pass = engine.gate.pass();
    let record = OrderRecord::new(order);
    let mut panel = Panel {
        own: own.map(|(plugin, settings)| Party::new(engine, plugin, settings)),
        standard: Party::new(engine, standard, compact_policy),
    };
    let (risk, risk_run) = panel.ask(Hook::Risk, Some(fail_closed), |party| {
        let question = |it: &mut Sandbox<'_>, settings: &[u8]| it.assess(&record, settings);
        party.ask(question, |answer| {
            let risk = Risk::from(answer);
            check_risk(&risk).map(|()| risk)
        })
    })?;
    let (fee, pricing_run) = panel.ask(Hook::Pricing, None, |party| {
        let question = |it: &mut Sandbox<'_>, settings: &[u8]| it.fee(&record, settings);
        party.ask(question, |answer| check_fee(answer.minor, &answer.currency, order))
    })?;
    let (channels, routing_run) = panel.ask(Hook::Routing, None, |party| {
        let question = |it: &mut Sandbox<'_>, settings: &[u8]| it.route(&record, settings);
        party.ask(question, |answer| {
            check_channels(&answer, known.iter().map(String::as_str)).map(|()| answer)
        })
    })?;
    let (shares, split) = panel.ask_own(Hook::Split, |party| {
        let question = |it: &mut Sandbox<'_>, settings: &[u8]| it.divide(&record, fee, settings);
        party.ask(question, |answer| {
            check_shares(answer.into_iter().map(|it| (it.receiver, it.minor)), fee, order)
        })
    });
    let (columns, statement) = panel.ask_own(Hook::Statement, |party| {
        let question = |it: &mut Sandbox<'_>, settings: &[u8]| it.columns(&record, settings);
        party.ask(question, |answer| {
            let columns: Vec<Column> = answer.into_iter().map(Column::from).collect();
            check_columns(&columns).map(|()| columns)
        })
    });
    let hooks = [risk_run, pricing_run, routing_run];
    Ok(Decision { risk, fee, channels, shares, columns, hooks, split, statement })
}

/// The plugins that can be asked about an order.
struct Panel<'e> {
    own: Option<Party<'e>>,
    standard: Party<'e>,
}

/// A plugin with its settings, and its instance for this order once it was asked.
struct Party<'e> {
    engine: &'e Engine,
    plugin: &'e Plugin,
    settings: &'e [u8],
    sandbox: Option<Sandbox<'e>>,
}

impl Panel<'_> {
    /// Asks the merchant's plugin if it answers the hook, else the standard one. If the merchant's
    /// fails, `fallback` answers in its stead, or without one the standard plugin.
    fn ask<Answer>(
        &mut self,
        hook: Hook,
        fallback: Option<fn(&Failure) -> Answer>,
        ask: impl Fn(&mut Party<'_>) -> Asked<Answer>,
    ) -> Result<(Answer, HookRun), Undecided> {
        let undecided = |cause| Undecided { hook, cause };
        let Some(own) = self.own.as_mut().filter(|own| own.plugin.answers(hook)) else {
            let asked = ask(&mut self.standard);
            let run = self.standard.run(&asked, Outcome::Answered);
            return Ok((asked.answer.map_err(undecided)?, run));
        };
        let asked = ask(own);
        let mut run = own.run(&asked, Outcome::Answered);
        let failure = match asked.answer {
            Ok(answer) => return Ok((answer, run)),
            Err(failure) => failure,
        };
        let answer = match fallback {
            Some(fallback) => fallback(&failure),
            None => ask(&mut self.standard).answer.map_err(undecided)?,
        };
        run.outcome = Outcome::Failed(failure);
        Ok((answer, run))
    }
}

impl Panel<'_> {
    /// Asks the merchant's plugin if it answers the hook; there is nothing without its answer.
    fn ask_own<Answer: Default>(
        &mut self,
        hook: Hook,
        ask: impl FnOnce(&mut Party<'_>) -> Asked<Answer>,
    ) -> (Answer, Option<HookRun>) {
        let Some(own) = self.own.as_mut().filter(|own| own.plugin.answers(hook)) else {
            return (Answer::default(), None);
        };
        let asked = ask(own);
        let mut run = own.run(&asked, Outcome::Answered);
        let answer = asked.answer.unwrap_or_else(|failure| {
            run.outcome = Outcome::Failed(failure);
            Answer::default()
        });
        (answer, Some(run))
    }
}

impl<'e> Party<'e> {
    fn new(engine: &'e Engine, plugin: &'e Plugin, settings: &'e [u8]) -> Self {
        Self { engine, plugin, settings, sandbox: None }
    }

    /// Asks the instance, a fresh one if there is none, and checks what it answers. An instance
    /// that failed, or talked nonsense, is not asked again.
    fn ask<Raw, Answer>(
        &mut self,
        question: impl FnOnce(&mut Sandbox<'e>, &[u8]) -> Asked<Raw>,
        check: impl FnOnce(Raw) -> Result<Answer, Nonsense>,
    ) -> Asked<Answer> {
        let sandbox = match self.sandbox.take() {
            Some(sandbox) => Ok(sandbox),
            None => Sandbox::start(self.engine, self.plugin),
        };
        let mut sandbox = match sandbox {
            Ok(sandbox) => sandbox,
            Err(failure) => return Asked { fuel: 0, memory: 0, answer: Err(failure) },
        };
        let Asked { fuel, memory, answer } = question(&mut sandbox, self.settings);
        let answer =
            answer.and_then(|raw| check(raw).map_err(|error| Failure::Nonsense(error.to_string())));
        if answer.is_ok() {
            self.sandbox = Some(sandbox);
        }
        Asked { fuel, memory, answer }
    }

    fn run<Answer>(&self, asked: &Asked<Answer>, outcome: Outcome) -> HookRun {
        let Asked { fuel, memory, .. } = *asked;
        HookRun { digest: self.plugin.digest().to_owned(), fuel, memory, outcome }
    }
}

/// Nobody knows how risky the order is, so a person looks at it.
fn fail_closed(failure: &Failure) -> Risk {
    let message = format!("The merchant's plugin did not answer: {}", failure.label());
    let reasons = vec![Reason { code: PLUGIN_FAILED.to_owned(), message }];
    Risk { verdict: Verdict::Review, score: 0, reasons }
}

impl Outcome {
    /// `ok`, or [`Failure::label`].
    pub fn label(&self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Failed(failure) => failure.label(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("ok"),
            Self::Failed(failure) => write!(f, "{}: {failure}", failure.label()),
        }
    }
}
