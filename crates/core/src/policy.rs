//! Policy: what a merchant's rules say about an order, as data.
//!
//! Owns version 1 of the policy (amount limits, risk rules, fees, channel order, instalments), how it is read,
//! bounded and carried, and the pure functions that judge an order by it. The standard plugin is
//! these functions behind the plugin contract, so a page, a sandbox and a native test judge
//! alike. What any plugin may answer is in [`answer`], and is checked there for all of them.
//!
//! Never asks the clock, remembers no order, and runs no expression language: rules are typed, so
//! a policy that was saved can always be evaluated.

pub mod answer;
mod facts;
pub(crate) mod validate;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::instalments::Plan;
use crate::money::{Currency, Money};

pub(crate) use answer::is_code;
pub use answer::{Column, Nonsense, Reason, Risk, Share, Verdict, is_receiver};
pub use facts::{
    Customer, Device, DeviceKind, IpClass, OrderFacts, Party, Profile, Scene, Span, Tally,
    Velocity, Windows,
};

/// The longest JSON form of a policy, in bytes. The compact form takes a quarter of it or less.
pub const MAX_JSON: usize = 64 * 1024;

/// The longest compact form of a policy, in bytes. With the longest order that the API takes (19 KiB,
/// nearly all of it metadata) it stays below the 32 KiB that a plugin is given.
pub const MAX_COMPACT: usize = 12 * 1024;

/// The only version there is. It is also the compact form's first byte, where no instalments follow.
const VERSION: u8 = 1;

/// The compact form's first byte where instalments follow. One that was made before they were known reads
/// as it did, and costs the standard plugin what it did.
const WITH_INSTALMENTS: u8 = 2;

/// The compact form's first byte where instalments, or none, and shares of routes follow.
const WITH_SHARES: u8 = 3;

/// Parts per million in the whole.
pub(crate) const PPM: i128 = 1_000_000;

/// A merchant's policy, version 1. One that exists is valid: it was read by [`Policy::from_json`],
/// or from the compact form of one that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    version: u8,
    /// Tried in this order. Stands before the rest because [`channels_in_compact`] reads no
    /// further.
    routes: Vec<Route>,
    /// The currencies taken, and how much of each.
    limits: Vec<Limit>,
    risk: RiskRules,
    /// One schedule for each currency taken.
    fees: Vec<FeeSchedule>,
    /// The facts about the merchant that plugins are told.
    profile: Profile,
    /// The monthly plans that are offered. They follow the rest in the compact form, if there are any.
    #[serde(skip)]
    instalments: Vec<Instalments>,
    /// The share of each route, 0 for one without; empty if none has one. They follow the instalments.
    #[serde(skip)]
    shares: Vec<u8>,
    /// The methods that are open to the merchant; all if it is empty. The gateway's alone: no plugin is told, so they are
    /// not in the compact form.
    #[serde(skip)]
    methods: Vec<String>,
    /// Whether the operator's strategy may arrange the channels. The gateway's alone, as the methods are.
    #[serde(skip)]
    channel_order: ChannelOrder,
}

/// Whether the order of the routes is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChannelOrder {
    /// The operator's strategy arranges the channels.
    #[default]
    Free,
    /// They are tried as they are listed, whatever the strategy.
    Fixed,
}

/// A policy as it is written in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u8,
    routes: Vec<RouteDocument>,
    limits: Vec<Limit>,
    risk: RiskRules,
    fees: Vec<FeeSchedule>,
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    instalments: Vec<Instalments>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    channel_order: ChannelOrder,
}

impl From<Document> for Policy {
    fn from(document: Document) -> Self {
        let Document {
            version,
            routes,
            limits,
            risk,
            fees,
            profile,
            instalments,
            methods,
            channel_order,
        } = document;
        let mut shares: Vec<u8> = routes.iter().map(|it| it.share.unwrap_or_default()).collect();
        if routes.iter().all(|it| it.share.is_none()) {
            shares.clear();
        }
        let routes = routes.into_iter().map(Route::from).collect();
        Self {
            version,
            routes,
            limits,
            risk,
            fees,
            profile,
            instalments,
            shares,
            methods,
            channel_order,
        }
    }
}

/// A route as it is written in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteDocument {
    channel: String,
    #[serde(default)]
    currencies: Vec<Currency>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    amounts: Vec<Limit>,
    /// The part of the orders, in percent, for which it is tried before the others that have a share.
    share: Option<u8>,
}

impl From<RouteDocument> for Route {
    fn from(document: RouteDocument) -> Self {
        let RouteDocument { channel, currencies, methods, amounts, share: _ } = document;
        Self { channel, currencies, methods, amounts }
    }
}

/// A plan, and the amounts that may be paid by it, in minor units; both ends are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instalments {
    currency: Currency,
    min: i64,
    max: i64,
    count: u8,
    /// The shopper's fee to the channel, in parts per million of the amount.
    rate_ppm: u32,
}

/// How much one order may be, in minor units; both ends are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    currency: Currency,
    min: i64,
    max: i64,
}

/// The scores of the rules that apply add up. A threshold above [`answer::MAX_SCORE`] is never
/// reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RiskRules {
    review_at: u16,
    deny_at: u16,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// Applies to an order for which every condition holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    code: String,
    message: String,
    score: u16,
    when: Vec<Condition>,
}

/// A fact that an order leaves out is in no list: it fails every `…_in` and passes every `…_not_in`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Condition {
    /// More than the amount listed for the order's currency; does not hold for other currencies.
    AmountOver(Vec<Money>),
    /// Less than the amount listed for the order's currency; does not hold for other currencies.
    AmountUnder(Vec<Money>),
    CountryIn(Vec<String>),
    CountryNotIn(Vec<String>),
    CountryMissing,
    IpIn(Vec<IpNet>),
    IpMissing,
    DeviceKindIn(Vec<DeviceKind>),
    DeviceKindMissing,
    DeviceIdIn(Vec<String>),
    DeviceIdMissing,
    MetadataEquals {
        key: String,
        value: String,
    },
    MetadataIn {
        key: String,
        values: Vec<String>,
    },
    MetadataPresent {
        key: String,
    },
    MetadataMissing {
        key: String,
    },
    /// The kind of network that the shopper's address belongs to.
    IpClassIn(Vec<IpClass>),
    /// More orders before this one than `count`.
    CountOver {
        of: Party,
        within: Span,
        count: u32,
    },
    /// Orders in this order's currency, this one with them, add up to more than the amount listed
    /// for it; does not hold for other currencies.
    SumOver {
        of: Party,
        within: Span,
        sums: Vec<Money>,
    },
}

/// The fee of one order: the rate's part, rounded, and the fixed part; at least `min`, at most
/// `cap`, and never more than the amount. All but the rate in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeeSchedule {
    pub(crate) currency: Currency,
    /// Parts per million of the amount: 6000 is 0.6 %.
    pub(crate) rate_ppm: u32,
    #[serde(default)]
    pub(crate) fixed: i64,
    #[serde(default)]
    pub(crate) min: i64,
    #[serde(default)]
    pub(crate) cap: Option<i64>,
    pub(crate) rounding: Rounding,
}

/// How the rate's part becomes whole minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rounding {
    /// To the nearest; a half goes up.
    HalfUp,
    /// To the nearest; a half goes to the even one.
    HalfEven,
    Up,
    Down,
}

/// A channel and the orders it takes. An empty list takes all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    channel: String,
    #[serde(default)]
    currencies: Vec<Currency>,
    /// Taken if the order allows one of them.
    #[serde(default)]
    methods: Vec<String>,
    /// A currency that is not named here is taken at any amount.
    #[serde(default)]
    amounts: Vec<Limit>,
}

/// The JSON is no policy of version 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct PolicyError {
    /// Where, such as `risk.rules[2].when[0].country_in[1]`; `.` is the whole document.
    pub path: String,
    /// The error at that path.
    pub problem: String,
}

/// The bytes are no compact policy that this version made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a policy in compact form, version 1")]
pub struct NotCompact;

/// The order's amount is outside of what the policy takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// The policy has no limits for the currency, so it does not take it.
    #[error("{0} is not accepted")]
    Currency(Currency),
    /// Less than the least that is taken.
    #[error("the amount is below the least accepted, {0}")]
    Below(Money),
    /// More than the most that is taken.
    #[error("the amount is above the most accepted, {0}")]
    Above(Money),
}

/// The policy has no fee schedule for the order's currency. It then has no limits for it either,
/// so [`Policy::check_limits`] refuses such an order first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fee schedule for {0}")]
pub struct FeeError(pub Currency);

impl Policy {
    /// Reads, bounds and checks a policy.
    ///
    /// # Errors
    ///
    /// The first problem found and where it is: an unknown, missing or mistyped field, a value out
    /// of its bounds, or parts that contradict each other.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyError> {
        if json.len() > MAX_JSON {
            let problem = format!("{} bytes of JSON, at most {MAX_JSON} are taken", json.len());
            return Err(PolicyError { path: ".".to_owned(), problem });
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let document: Document =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| PolicyError {
                path: error.path().to_string(),
                problem: error.inner().to_string(),
            })?;
        let policy = Self::from(document);
        reader
            .end()
            .map_err(|error| PolicyError { path: ".".to_owned(), problem: error.to_string() })?;
        validate::policy(&policy)?;
        Ok(policy)
    }

    /// The form that is carried into the sandbox: [postcard](https://postcard.jamesmunns.com/wire-format),
    /// at most [`MAX_COMPACT`] bytes. Equal policies give equal bytes.
    pub fn to_compact(&self) -> Vec<u8> {
        // Postcard refuses sequences of unknown length alone, and there are none in a policy.
        let mut bytes = postcard::to_allocvec(self).unwrap_or_default();
        let version = match (self.shares.is_empty(), self.instalments.is_empty()) {
            (true, true) => return bytes,
            (true, false) => WITH_INSTALMENTS,
            (false, _) => WITH_SHARES,
        };
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        bytes.extend(postcard::to_allocvec(&self.instalments).unwrap_or_default());
        if version == WITH_SHARES {
            bytes.extend(postcard::to_allocvec(&self.shares).unwrap_or_default());
        }
        bytes
    }

    /// Reads what [`Policy::to_compact`] made. Bounds are not checked again: whoever holds the
    /// bytes made them from a valid policy.
    ///
    /// # Errors
    ///
    /// Truncated, over-long or foreign bytes.
    pub fn from_compact(bytes: &[u8]) -> Result<Self, NotCompact> {
        match (bytes.first(), postcard::take_from_bytes::<Self>(bytes)) {
            (Some(&VERSION), Ok((policy, []))) => Ok(policy),
            (Some(&WITH_INSTALMENTS), Ok((policy, rest))) => {
                match postcard::take_from_bytes::<Vec<Instalments>>(rest) {
                    Ok((instalments, [])) if !instalments.is_empty() => {
                        Ok(Self { version: VERSION, instalments, ..policy })
                    }
                    _ => Err(NotCompact),
                }
            }
            (Some(&WITH_SHARES), Ok((policy, rest))) => {
                match postcard::take_from_bytes::<(Vec<Instalments>, Vec<u8>)>(rest) {
                    Ok(((instalments, shares), [])) if shares.len() == policy.routes.len() => {
                        Ok(Self { version: VERSION, instalments, shares, ..policy })
                    }
                    _ => Err(NotCompact),
                }
            }
            _ => Err(NotCompact),
        }
    }

    /// Whether the policy takes an order of this amount.
    ///
    /// # Errors
    ///
    /// The limit that it is over or under.
    pub fn check_limits(&self, order: &OrderFacts) -> Result<(), LimitExceeded> {
        let currency = order.amount.currency();
        let limit = self.limits.iter().find(|limit| limit.currency == currency);
        let limit = limit.ok_or(LimitExceeded::Currency(currency))?;
        let bound = |minor| Money::new(minor, currency).unwrap_or(Money::zero(currency));
        match order.amount.minor() {
            minor if minor < limit.min => Err(LimitExceeded::Below(bound(limit.min))),
            minor if minor > limit.max => Err(LimitExceeded::Above(bound(limit.max))),
            _ => Ok(()),
        }
    }

    /// The verdict on an order: the sum of the scores of the rules that apply, at most
    /// [`answer::MAX_SCORE`], against the two thresholds. The reasons are those rules, in the
    /// policy's order, the first [`answer::MAX_REASONS`] of them.
    pub fn risk(&self, order: &OrderFacts) -> Risk {
        let mut score = 0_u16;
        let mut reasons = Vec::new();
        for rule in self.risk.rules.iter().filter(|rule| rule.applies_to(order)) {
            score = score.saturating_add(rule.score).min(answer::MAX_SCORE);
            if reasons.len() < answer::MAX_REASONS {
                reasons.push(Reason { code: rule.code.clone(), message: rule.message.clone() });
            }
        }
        let verdict = match score {
            _ if score >= self.risk.deny_at => Verdict::Deny,
            _ if score >= self.risk.review_at => Verdict::Review,
            _ => Verdict::Accept,
        };
        Risk { verdict, score, reasons }
    }

    /// The merchant's fee for an order, in the order's currency, at most its amount.
    ///
    /// # Errors
    ///
    /// If there is no schedule for the order's currency.
    pub fn fee(&self, order: &OrderFacts) -> Result<Money, FeeError> {
        let currency = order.amount.currency();
        let schedule = self.fees.iter().find(|schedule| schedule.currency == currency);
        let minor = schedule.ok_or(FeeError(currency))?.fee(order.amount.minor());
        Money::new(minor, currency).map_err(|_| FeeError(currency))
    }

    /// The channels that take the order, each once, in the order in which they are to be tried. Of those that have
    /// a share, one is drawn by the order's id and stands before the others: the same for whoever asks.
    pub fn route(&self, order: &OrderFacts) -> Vec<String> {
        let mut takers = self.takers(order);
        if let Some((first, drawn)) = drawn(&takers, order) {
            let route = takers.remove(drawn);
            takers.insert(first, route);
        }
        let mut channels: Vec<String> = Vec::new();
        for (route, _) in takers {
            if !channels.contains(&route.channel) {
                channels.push(route.channel.clone());
            }
        }
        channels
    }

    /// The channel that is drawn for the order by its share; none if no channel that takes it has one.
    pub fn drawn(&self, order: &OrderFacts) -> Option<&str> {
        let takers = self.takers(order);
        let (_, drawn) = drawn(&takers, order)?;
        takers.get(drawn).map(|(route, _)| route.channel.as_str())
    }

    /// Whether the channels are tried as they are listed, whatever the operator's strategy.
    pub fn fixes_order(&self) -> bool {
        self.channel_order == ChannelOrder::Fixed
    }

    /// The routes that take the order, each with its share.
    fn takers(&self, order: &OrderFacts) -> Vec<(&Route, u8)> {
        let shares = self.shares.iter().copied().chain(std::iter::repeat(0));
        self.routes.iter().zip(shares).filter(|(route, _)| route.takes(order)).collect()
    }

    /// The plans by which an order of this amount may be paid in monthly parts, fewest parts first.
    pub fn instalments(&self, amount: Money) -> Vec<Plan> {
        let takes = |it: &&Instalments| {
            it.currency == amount.currency() && (it.min..=it.max).contains(&amount.minor())
        };
        let plans = self.instalments.iter().filter(takes);
        let plans = plans.filter_map(|it| Plan::new(it.count, it.rate_ppm).ok());
        let mut plans: Vec<Plan> = plans.filter(|plan| plan.quote(amount).is_some()).collect();
        plans.sort_by_key(|plan| plan.count());
        plans
    }

    /// Whether a method is open to the merchant.
    pub fn opens(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|it| it == method)
    }

    /// The facts about the merchant that plugins are told.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Every channel that the policy names; a plugin can choose among them and no others.
    pub fn channels(&self) -> impl Iterator<Item = &str> + Clone {
        self.routes.iter().map(|route| route.channel.as_str())
    }
}

/// Every channel that a policy in its compact form names, as [`Policy::channels`] gives them; at a
/// sixth of the price of reading all of it.
///
/// # Errors
///
/// Foreign bytes. What follows the channels is not looked at.
pub fn channels_in_compact(bytes: &[u8]) -> Result<Vec<String>, NotCompact> {
    match postcard::take_from_bytes::<(u8, Vec<Route>)>(bytes) {
        Ok(((VERSION | WITH_INSTALMENTS | WITH_SHARES, routes), _)) => {
            Ok(routes.into_iter().map(|route| route.channel).collect())
        }
        _ => Err(NotCompact),
    }
}

/// Where the first route with a share stands, and where the one that is drawn for the order does.
fn drawn(takers: &[(&Route, u8)], order: &OrderFacts) -> Option<(usize, usize)> {
    let first = takers.iter().position(|(_, share)| *share > 0)?;
    let total: u32 = takers.iter().map(|(_, share)| u32::from(*share)).sum();
    // The last digits of an order's id are random, and nobody chooses them.
    let id = order.id.as_str();
    let digits = id.get(id.len().saturating_sub(8)..).unwrap_or_default();
    let mut left = u32::from_str_radix(digits, 16).unwrap_or_default().checked_rem(total)?;
    let drawn = takers.iter().position(|(_, share)| {
        let is_here = left < u32::from(*share);
        left = left.saturating_sub(u32::from(*share));
        is_here
    })?;
    Some((first, drawn))
}

impl Rule {
    fn applies_to(&self, order: &OrderFacts) -> bool {
        self.when.iter().all(|condition| condition.holds_for(order))
    }
}

impl Condition {
    fn holds_for(&self, order: &OrderFacts) -> bool {
        let listed = |list: &[Money]| {
            list.iter().find(|it| it.currency() == order.amount.currency()).map(|it| it.minor())
        };
        let in_list = |list: &[String], value: &Option<String>| {
            value.as_ref().is_some_and(|value| list.contains(value))
        };
        match self {
            Self::AmountOver(list) => listed(list).is_some_and(|it| order.amount.minor() > it),
            Self::AmountUnder(list) => listed(list).is_some_and(|it| order.amount.minor() < it),
            Self::CountryIn(list) => in_list(list, &order.customer.country),
            Self::CountryNotIn(list) => !in_list(list, &order.customer.country),
            Self::CountryMissing => order.customer.country.is_none(),
            Self::IpIn(nets) => {
                order.customer.ip.is_some_and(|ip| {
                    // An IPv4 address in IPv6's clothes is in the IPv4 networks.
                    let ip = ip.to_canonical();
                    nets.iter().any(|net| net.contains(&ip))
                })
            }
            Self::IpMissing => order.customer.ip.is_none(),
            Self::DeviceKindIn(kinds) => {
                order.device.kind.is_some_and(|kind| kinds.contains(&kind))
            }
            Self::DeviceKindMissing => order.device.kind.is_none(),
            Self::DeviceIdIn(list) => in_list(list, &order.device.id),
            Self::DeviceIdMissing => order.device.id.is_none(),
            Self::MetadataEquals { key, value } => order.metadata.get(key) == Some(value),
            Self::MetadataIn { key, values } => {
                order.metadata.get(key).is_some_and(|value| values.contains(value))
            }
            Self::MetadataPresent { key } => order.metadata.contains_key(key),
            Self::MetadataMissing { key } => !order.metadata.contains_key(key),
            Self::IpClassIn(classes) => {
                order.customer.ip_class.is_some_and(|class| classes.contains(&class))
            }
            Self::CountOver { of, within, count } => {
                order.velocity.tally(*of, *within).count > *count
            }
            Self::SumOver { of, within, sums } => {
                let amount = order.amount.minor().unsigned_abs();
                let sum = order.velocity.tally(*of, *within).sum.saturating_add(amount);
                listed(sums).is_some_and(|it| sum > it.unsigned_abs())
            }
        }
    }
}

impl FeeSchedule {
    /// The fee of `amount`, both in minor units.
    pub(crate) fn fee(&self, amount: i64) -> i64 {
        // In 128 bits nothing here can overflow: an amount has 63 bits, a rate 32.
        let rated = self.rounding.divide(i128::from(amount) * i128::from(self.rate_ppm), PPM);
        let cap = i128::from(self.cap.unwrap_or(i64::MAX));
        let fee = (rated + i128::from(self.fixed)).max(self.min.into()).min(cap);
        i64::try_from(fee).unwrap_or(i64::MAX).min(amount)
    }
}

impl Rounding {
    /// `dividend / divisor` as a whole number; both are non-negative.
    pub(crate) fn divide(self, dividend: i128, divisor: i128) -> i128 {
        let (whole, rest) = (dividend / divisor, dividend % divisor);
        let up = match self {
            Self::Down => false,
            Self::Up => rest > 0,
            Self::HalfUp => rest * 2 >= divisor,
            Self::HalfEven => rest * 2 > divisor || (rest * 2 == divisor && whole % 2 == 1),
        };
        whole + i128::from(up)
    }
}

impl Route {
    fn takes(&self, order: &OrderFacts) -> bool {
        let currency = order.amount.currency();
        let amount = order.amount.minor();
        (self.currencies.is_empty() || self.currencies.contains(&currency))
            && (self.methods.is_empty() || order.methods.iter().any(|it| self.methods.contains(it)))
            && self
                .amounts
                .iter()
                .filter(|range| range.currency == currency)
                .all(|range| (range.min..=range.max).contains(&amount))
    }
}

#[cfg(test)]
mod tests;
