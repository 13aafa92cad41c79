//! Routing: which of the channels that may collect a payment is asked first, and why.
//!
//! The policy or the merchant's plugin says which channels may serve an order, and in which order. Where that order is
//! free, the operator's [`Strategy`] arranges them by what they cost and how they answered of late. A channel whose
//! circuit is open stands behind all others. The same candidates give the same order, and each place has its reason.
//!
//! Never measures, asks a clock, or draws: figures are arguments, and shares were drawn when the order was decided.

mod cost;

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::policy::PPM;

pub use cost::{BadCost, COSTS_MAX, Cost, cost_of};

/// A channel with fewer requests of late than this is taken for one that answers best, so that it is tried and measured.
pub const MEASURED_MIN: u32 = 5;
/// Latencies in the same step are alike: a path of the network varies by this much.
pub const LATENCY_STEP_MS: u32 = 100;
/// Shares of answered requests in the same step of this many percent are alike.
pub const ANSWERED_STEP_PERCENT: u32 = 5;
/// The most candidates that an attempt keeps: a method is offered by few channels.
pub const ROUTED_MAX: usize = 8;

/// The operator's way to arrange channels whose order is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// As the policy lists them.
    #[default]
    Policy,
    /// By what they cost, the cheapest first.
    Cost,
    /// By how they answered of late: how often, and then how fast.
    Latency,
}

/// A strategy with its bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// How.
    pub strategy: Strategy,
    /// With [`Strategy::Cost`], in parts per million of the amount: a channel that costs at most so much more than the
    /// cheapest counts as one that costs the same, and then the one that answers best is first.
    pub premium_ppm: u32,
}

/// An order of channels that no strategy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderedBy {
    /// The merchant's plugin gave it.
    Plugin,
    /// The merchant's policy says that its order is fixed.
    Policy,
}

/// The answers of a channel of late, for one method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Requests to collect.
    pub requests: u32,
    /// Those that were answered.
    pub answered: u32,
    /// The median time of an answer.
    pub latency_ms: Option<u32>,
}

/// A channel, or a merchant's own account there, that can collect the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The channel.
    pub channel: String,
    /// The merchant's own account there; none for the platform's.
    pub account: Option<String>,
    /// The channel's place in the decision, from 0.
    pub place: usize,
    /// Whether its circuit lets a request through.
    pub is_up: bool,
    /// The channel's part of this payment, if the operator said so. An own account's is not the operator's concern.
    pub cost: Option<Money>,
    /// Its answers of late.
    pub measured: Measured,
}

/// A payment that is to be routed.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How much is paid.
    pub amount: Money,
    /// Whether and by whom the order of channels is fixed.
    pub ordered_by: Option<OrderedBy>,
    /// The channel that was drawn by its share.
    pub drawn: Option<&'a str>,
    /// The operator's preference.
    pub preference: Preference,
}

/// Why a candidate has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no other that is up.
    Only,
    /// Its circuit is open. It is asked only if all others are, too.
    CircuitOpen,
    /// It was drawn by its share.
    Share,
    /// Another one was drawn.
    NotDrawn,
    /// The merchant's own account stands before the platform's.
    Account,
    /// The place that the merchant's plugin gave it.
    Plugin,
    /// The place that the policy gives it.
    Policy,
    /// It costs less than the next one.
    Cheapest,
    /// It costs more than the one before, or nobody said what it costs.
    Costlier,
    /// It answers more often than the next one.
    MostReliable,
    /// It answers less often than the one before.
    LessReliable,
    /// It answers faster than the next one.
    Fastest,
    /// It answers slower than the one before.
    Slower,
    /// It had too few requests of late to be measured, and is tried.
    Unmeasured,
}

impl Reason {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Only => "only",
            Self::CircuitOpen => "circuit_open",
            Self::Share => "share",
            Self::NotDrawn => "not_drawn",
            Self::Account => "account",
            Self::Plugin => "plugin",
            Self::Policy => "policy",
            Self::Cheapest => "cheapest",
            Self::Costlier => "costlier",
            Self::MostReliable => "most_reliable",
            Self::LessReliable => "less_reliable",
            Self::Fastest => "fastest",
            Self::Slower => "slower",
            Self::Unmeasured => "unmeasured",
        }
    }
}

/// A candidate's place, by its index among the candidates that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Which.
    pub index: usize,
    /// Why there.
    pub reason: Reason,
}

/// The decision on an attempt's channel, as it is kept with the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The order that held: `plugin`, `policy`, `cost` or `latency`.
    pub by: RoutedBy,
    /// The candidates, the one that was asked first; at most [`ROUTED_MAX`].
    pub candidates: Vec<RoutedCandidate>,
}

/// The order that held for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutedBy {
    /// The merchant's plugin's.
    Plugin,
    /// The policy's.
    Policy,
    /// By cost.
    Cost,
    /// By latency.
    Latency,
}

impl RoutedBy {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Policy => "policy",
            Self::Cost => "cost",
            Self::Latency => "latency",
        }
    }
}

/// A candidate as it stood when the shopper chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedCandidate {
    /// The channel.
    pub channel: String,
    /// The merchant's own account there; absent for the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Why it has this place.
    pub reason: Reason,
    /// The channel's part of the payment, in minor units of the order's currency; absent if nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<i64>,
    /// Requests to collect of late, on the node that routed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub requests: u32,
    /// Those that were answered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub answered: u32,
    /// The median time of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Puts candidates in order, the one to ask first. Those whose circuit is open follow the others, in their own order:
/// the first of them is asked only if none is up.
pub fn route(asked: &Asked<'_>, candidates: &[Candidate]) -> Vec<Ranked> {
    let cheapest = cheapest(candidates);
    let mut ranked: Vec<(usize, Vec<Mark>)> = candidates
        .iter()
        .enumerate()
        .map(|(index, candidate)| (index, asked.marks(candidate, cheapest)))
        .collect();
    ranked.sort_by(|(one, one_marks), (other, other_marks)| {
        let named = |index: &usize| candidates.get(*index).map(|it| (&it.channel, &it.account));
        compare(one_marks, other_marks).0.then_with(|| named(one).cmp(&named(other)))
    });
    let is_up = |index: usize| candidates.get(index).is_some_and(|it| it.is_up);
    let reason = |position: usize| {
        let (index, marks) = ranked.get(position)?;
        if !is_up(*index) {
            return Some(Reason::CircuitOpen);
        }
        // The first is compared with the next one, each other with the one before.
        let (is_first, beside) = match position.checked_sub(1) {
            None => (true, ranked.get(1).filter(|(next, _)| is_up(*next))),
            Some(before) => (false, ranked.get(before)),
        };
        let decisive = beside.and_then(|(_, other)| compare(marks, other).1);
        let drawn = candidates.get(*index).is_some_and(|it| asked.draws(it));
        Some(match decisive {
            None => Reason::Only,
            Some(Mark { criterion: Criterion::Place, .. }) => asked.reason_of_place(drawn),
            Some(mark) => mark.reason(is_first),
        })
    };
    let places = ranked.iter().enumerate();
    places
        .map(|(position, (index, _))| Ranked {
            index: *index,
            reason: reason(position).unwrap_or(Reason::Only),
        })
        .collect()
}

/// The decision as it is kept.
pub fn record(asked: &Asked<'_>, candidates: &[Candidate], ranked: &[Ranked]) -> Routed {
    let kept = |it: &Ranked| {
        let candidate = candidates.get(it.index)?;
        Some(RoutedCandidate {
            channel: candidate.channel.clone(),
            account: candidate.account.clone(),
            reason: it.reason,
            cost: candidate.cost.map(Money::minor),
            requests: candidate.measured.requests,
            answered: candidate.measured.answered,
            latency_ms: candidate.measured.latency_ms,
        })
    };
    let by = match (asked.ordered_by, asked.preference.strategy) {
        (Some(OrderedBy::Plugin), _) => RoutedBy::Plugin,
        (Some(OrderedBy::Policy), _) | (None, Strategy::Policy) => RoutedBy::Policy,
        (None, Strategy::Cost) => RoutedBy::Cost,
        (None, Strategy::Latency) => RoutedBy::Latency,
    };
    Routed { by, candidates: ranked.iter().take(ROUTED_MAX).filter_map(kept).collect() }
}

/// The least that a channel of the platform's that is up takes.
fn cheapest(candidates: &[Candidate]) -> Option<i64> {
    let ours = candidates.iter().filter(|it| it.is_up && it.account.is_none());
    ours.filter_map(|it| it.cost).map(Money::minor).min()
}

/// A criterion with a candidate's value in it: less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    criterion: Criterion,
    value: u64,
    /// Whether the value stands for one that nobody measured.
    is_assumed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Criterion {
    Circuit,
    Share,
    Account,
    Cost,
    Answered,
    Latency,
    Place,
}

impl Criterion {
    fn mark(self, value: u64) -> Mark {
        Mark { criterion: self, value, is_assumed: false }
    }
}

impl Mark {
    fn reason(self, is_first: bool) -> Reason {
        match (self.criterion, is_first) {
            (Criterion::Circuit, _) => Reason::CircuitOpen,
            (Criterion::Share, true) => Reason::Share,
            (Criterion::Share, false) => Reason::NotDrawn,
            (Criterion::Account, _) => Reason::Account,
            (Criterion::Cost, true) => Reason::Cheapest,
            (Criterion::Cost, false) => Reason::Costlier,
            (Criterion::Answered | Criterion::Latency, _) if self.is_assumed => Reason::Unmeasured,
            (Criterion::Answered, true) => Reason::MostReliable,
            (Criterion::Answered, false) => Reason::LessReliable,
            (Criterion::Latency, true) => Reason::Fastest,
            (Criterion::Latency, false) => Reason::Slower,
            (Criterion::Place, _) => Reason::Policy,
        }
    }
}

/// Which of two is better, and the mark of the first one that decides it.
fn compare(one: &[Mark], other: &[Mark]) -> (Ordering, Option<Mark>) {
    let mut both = one.iter().zip(other);
    let decisive = both.find(|(one, other)| one.value != other.value);
    match decisive {
        Some((one, other)) => (one.value.cmp(&other.value), Some(*one)),
        None => (Ordering::Equal, None),
    }
}

impl Asked<'_> {
    /// A candidate's marks, the weightiest first. Two candidates are compared by the same criteria as far as they are
    /// alike, so the order is a total one.
    fn marks(&self, candidate: &Candidate, cheapest: Option<i64>) -> Vec<Mark> {
        let of_platform = u64::from(candidate.account.is_none());
        let place = Criterion::Place.mark(u64::try_from(candidate.place).unwrap_or(u64::MAX));
        let mut marks = vec![Criterion::Circuit.mark(u64::from(!candidate.is_up))];
        let account = Criterion::Account.mark(of_platform);
        let strategy = match self.ordered_by {
            Some(_) => Strategy::Policy,
            None => self.preference.strategy,
        };
        // The places of the decision have the one that was drawn where the policy wants it.
        if strategy == Strategy::Policy {
            marks.extend([place, account]);
            return marks;
        }
        marks.extend([Criterion::Share.mark(u64::from(!self.draws(candidate))), account]);
        match strategy {
            Strategy::Policy => {}
            Strategy::Latency => {
                marks.extend(candidate.measured.marks());
                marks.push(cost_mark(candidate));
            }
            Strategy::Cost => {
                // With no cost known there is nothing to compare, and the policy's order stays.
                if let Some(cheapest) = cheapest {
                    let most = cheapest.saturating_add(self.premium());
                    let cost = candidate.cost.map_or(i64::MAX, Money::minor);
                    let is_affordable = cost <= most;
                    marks.push(Criterion::Cost.mark(u64::from(!is_affordable)));
                    if is_affordable {
                        marks.extend(candidate.measured.marks());
                        marks.push(cost_mark(candidate));
                    } else {
                        marks.push(cost_mark(candidate));
                        marks.extend(candidate.measured.marks());
                    }
                }
            }
        }
        marks.push(place);
        marks
    }

    fn draws(&self, candidate: &Candidate) -> bool {
        self.drawn == Some(candidate.channel.as_str())
    }

    fn reason_of_place(&self, is_drawn: bool) -> Reason {
        match self.ordered_by {
            Some(OrderedBy::Plugin) => Reason::Plugin,
            _ if is_drawn => Reason::Share,
            _ => Reason::Policy,
        }
    }

    /// The premium in minor units: a part of the amount, rounded down.
    fn premium(&self) -> i64 {
        let amount = i128::from(self.amount.minor());
        i64::try_from(amount * i128::from(self.preference.premium_ppm) / PPM).unwrap_or(i64::MAX)
    }
}

fn cost_mark(candidate: &Candidate) -> Mark {
    Criterion::Cost.mark(candidate.cost.map_or(u64::MAX, |it| it.minor().unsigned_abs()))
}

impl Measured {
    /// The marks for how often it answers, and for how fast, in steps.
    fn marks(&self) -> [Mark; 2] {
        const BEST: u32 = 100 / ANSWERED_STEP_PERCENT;
        let assumed = |criterion| Mark { criterion, value: 0, is_assumed: true };
        if self.requests < MEASURED_MIN {
            return [assumed(Criterion::Answered), assumed(Criterion::Latency)];
        }
        let answered = u64::from(self.answered) * u64::from(BEST) / u64::from(self.requests);
        let latency = match self.latency_ms {
            Some(ms) => Criterion::Latency.mark(u64::from(ms / LATENCY_STEP_MS)),
            // It never answered, which the mark before says.
            None => Criterion::Latency.mark(u64::MAX),
        };
        [Criterion::Answered.mark(u64::from(BEST).saturating_sub(answered)), latency]
    }
}

#[cfg(test)]
mod tests;
