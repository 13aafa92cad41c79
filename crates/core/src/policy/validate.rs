//! The bounds of a policy, and what its parts must agree on. Each problem names its JSON path.
//!
//! Sees only what serde read, so unknown fields, types and currencies are settled already.

use super::answer::{self, MAX_SCORE};
use super::{
    Condition, FeeSchedule, Instalments, Limit, MAX_COMPACT, PPM, Policy, PolicyError, Profile,
    RiskRules, Route, Rule, VERSION,
};
use crate::instalments::Plan;
use crate::money::{Currency, MAX_MINOR, Money};

/// Currencies that one list can name.
pub(crate) const MAX_CURRENCIES: usize = 32;
/// Rules of one policy: each costs fuel at every order.
const MAX_RULES: usize = 64;
/// Conditions of one rule.
const MAX_CONDITIONS: usize = 8;
/// Conditions of all rules together. To look for a metadata key among 20 that begin alike costs the
/// standard plugin some 10,000 units of fuel, of the 2,000,000 that it has for a question.
const MAX_CONDITIONS_IN_ALL: usize = 96;
/// Members of all lists of conditions and routes together: to read one and compare it costs 200
/// to 400 units, and more for a long one.
const MAX_LISTED_IN_ALL: usize = 1024;
/// Currencies that the whole policy names, amounts too: to read one costs up to 1,900 units.
const MAX_CURRENCIES_IN_ALL: usize = 192;
/// Countries, networks, devices or values of one condition.
const MAX_LIST: usize = 256;
/// Routes of one policy: a channel can stand in several.
const MAX_ROUTES: usize = 32;
/// Rows of instalments in one policy.
const MAX_INSTALMENTS: usize = 64;
/// Plans that one order can offer: a shopper reads them all.
const MAX_PLANS: usize = 12;
/// A metadata key, as in the API, in bytes.
const MAX_KEY: usize = 40;
/// A metadata value or a device's id, as in the API, in bytes of four for each character.
const MAX_VALUE: usize = 800;

pub(crate) type Checked = Result<(), PolicyError>;

pub(super) fn policy(policy: &Policy) -> Checked {
    let Policy {
        version,
        routes,
        limits,
        risk,
        fees,
        profile,
        instalments,
        shares,
        methods,
        channel_order: _,
    } = policy;
    require(*version == VERSION, "version", || format!("unknown version, {VERSION} is known"))?;
    ranges("limits", limits, 1)?;
    risk_rules(risk)?;
    fee_schedules("fees", fees, 1)?;
    self::profile(profile)?;
    for (index, limit) in limits.iter().enumerate() {
        let priced = fees.iter().any(|fee| fee.currency == limit.currency);
        require(priced, &format!("limits[{index}].currency"), || {
            format!("fees has no schedule for {}", limit.currency)
        })?;
    }
    length("routes", routes.len(), 1, MAX_ROUTES)?;
    for (index, it) in routes.iter().enumerate() {
        route(&format!("routes[{index}]"), it)?;
    }
    self::shares(shares)?;
    open_methods(methods)?;
    self::instalments(instalments, limits)?;
    let mut channels: Vec<&str> = policy.channels().collect();
    channels.sort_unstable();
    channels.dedup();
    length("routes", channels.len(), 1, answer::MAX_CHANNELS)?;
    let (listed, currencies) = listed(policy);
    require(currencies <= MAX_CURRENCIES_IN_ALL, ".", || {
        format!("{currencies} currencies are named in all, at most {MAX_CURRENCIES_IN_ALL} can be")
    })?;
    require(listed <= MAX_LISTED_IN_ALL, ".", || {
        format!("the lists have {listed} members in all, at most {MAX_LISTED_IN_ALL} are allowed")
    })?;
    let size = policy.to_compact().len();
    require(size <= MAX_COMPACT, ".", || {
        format!("the policy takes {size} bytes in compact form, at most {MAX_COMPACT} are allowed")
    })
}

fn open_methods(methods: &[String]) -> Checked {
    length("methods", methods.len(), 0, MAX_LIST)?;
    for (index, it) in methods.iter().enumerate() {
        code(&format!("methods[{index}]"), it)?;
    }
    Ok(())
}

fn risk_rules(risk: &RiskRules) -> Checked {
    let RiskRules { review_at, deny_at, rules } = risk;
    require(*review_at >= 1, "risk.review_at", || "must be at least 1".to_owned())?;
    require(deny_at >= review_at, "risk.deny_at", || "must not be below review_at".to_owned())?;
    length("risk.rules", rules.len(), 0, MAX_RULES)?;
    let conditions: usize = rules.iter().map(|rule| rule.when.len()).sum();
    require(conditions <= MAX_CONDITIONS_IN_ALL, "risk.rules", || {
        format!("have {conditions} conditions, at most {MAX_CONDITIONS_IN_ALL} are allowed")
    })?;
    for (index, it) in rules.iter().enumerate() {
        rule(&format!("risk.rules[{index}]"), it)?;
    }
    Ok(())
}

fn rule(path: &str, rule: &Rule) -> Checked {
    let Rule { code, message, score, when } = rule;
    self::code(&format!("{path}.code"), code)?;
    require(answer::is_message(message), &format!("{path}.message"), || {
        format!("must be 1 to {} characters, no control characters", answer::MAX_MESSAGE)
    })?;
    require(*score <= MAX_SCORE, &format!("{path}.score"), || format!("must be 0 to {MAX_SCORE}"))?;
    length(&format!("{path}.when"), when.len(), 1, MAX_CONDITIONS)?;
    for (index, it) in when.iter().enumerate() {
        condition(&format!("{path}.when[{index}]"), it)?;
    }
    Ok(())
}

fn condition(path: &str, condition: &Condition) -> Checked {
    match condition {
        Condition::AmountOver(list) => amounts(&format!("{path}.amount_over"), list),
        Condition::AmountUnder(list) => amounts(&format!("{path}.amount_under"), list),
        Condition::CountryIn(list) => countries(&format!("{path}.country_in"), list),
        Condition::CountryNotIn(list) => countries(&format!("{path}.country_not_in"), list),
        Condition::IpIn(nets) => length(&format!("{path}.ip_in"), nets.len(), 1, MAX_LIST),
        Condition::DeviceKindIn(kinds) => {
            length(&format!("{path}.device_kind_in"), kinds.len(), 1, MAX_LIST)
        }
        Condition::DeviceIdIn(list) => values(&format!("{path}.device_id_in"), list),
        Condition::MetadataEquals { key, value } => {
            metadata_key(&format!("{path}.metadata_equals.key"), key)?;
            let path = format!("{path}.metadata_equals.value");
            length(&path, value.len(), 0, MAX_VALUE)
        }
        Condition::MetadataIn { key, values } => {
            metadata_key(&format!("{path}.metadata_in.key"), key)?;
            self::values(&format!("{path}.metadata_in.values"), values)
        }
        Condition::MetadataPresent { key } => {
            metadata_key(&format!("{path}.metadata_present.key"), key)
        }
        Condition::MetadataMissing { key } => {
            metadata_key(&format!("{path}.metadata_missing.key"), key)
        }
        Condition::IpClassIn(classes) => {
            length(&format!("{path}.ip_class_in"), classes.len(), 1, MAX_LIST)
        }
        Condition::SumOver { of: _, within: _, sums } => {
            amounts(&format!("{path}.sum_over.sums"), sums)
        }
        Condition::CountryMissing
        | Condition::IpMissing
        | Condition::DeviceKindMissing
        | Condition::DeviceIdMissing
        | Condition::CountOver { .. } => Ok(()),
    }
}

fn profile(profile: &Profile) -> Checked {
    let Profile { country, category, tier } = profile;
    let is_category = category.is_none_or(|it| it <= Profile::MAX_CATEGORY);
    require(country.as_deref().is_none_or(is_country), "profile.country", || {
        NO_COUNTRY.to_owned()
    })?;
    require(is_category, "profile.category", || {
        format!("must be 0 to {}, a code of ISO 18245", Profile::MAX_CATEGORY)
    })?;
    require(tier.is_none_or(|it| it <= Profile::MAX_TIER), "profile.tier", || {
        format!("must be 0 to {}", Profile::MAX_TIER)
    })
}

/// How many members the lists of all conditions and routes have, and how many currencies the whole
/// policy names.
fn listed(policy: &Policy) -> (usize, usize) {
    let mut listed = 0;
    let mut currencies = policy.limits.len() + policy.fees.len();
    for condition in policy.risk.rules.iter().flat_map(|rule| &rule.when) {
        match condition {
            Condition::AmountOver(list)
            | Condition::AmountUnder(list)
            | Condition::SumOver { of: _, within: _, sums: list } => currencies += list.len(),
            Condition::IpClassIn(classes) => listed += classes.len(),
            Condition::CountryIn(list)
            | Condition::CountryNotIn(list)
            | Condition::DeviceIdIn(list)
            | Condition::MetadataIn { key: _, values: list } => listed += list.len(),
            Condition::IpIn(nets) => listed += nets.len(),
            Condition::DeviceKindIn(kinds) => listed += kinds.len(),
            Condition::MetadataEquals { .. }
            | Condition::MetadataPresent { .. }
            | Condition::MetadataMissing { .. }
            | Condition::CountryMissing
            | Condition::IpMissing
            | Condition::DeviceKindMissing
            | Condition::DeviceIdMissing
            | Condition::CountOver { .. } => {}
        }
    }
    currencies += policy.instalments.len();
    for route in &policy.routes {
        listed += route.methods.len();
        currencies += route.currencies.len() + route.amounts.len();
    }
    (listed, currencies)
}

/// A list of fee schedules that stands at `list`, at least so many.
pub(crate) fn fee_schedules(list: &str, fees: &[FeeSchedule], least: usize) -> Checked {
    length(list, fees.len(), least, MAX_CURRENCIES)?;
    distinct(list, fees.iter().map(|fee| fee.currency))?;
    for (index, fee) in fees.iter().enumerate() {
        let path = format!("{list}[{index}]");
        let FeeSchedule { currency: _, rate_ppm, fixed, min, cap, rounding: _ } = fee;
        require(i128::from(*rate_ppm) <= PPM, &format!("{path}.rate_ppm"), || {
            format!("must be 0 to {PPM}")
        })?;
        non_negative(&format!("{path}.fixed"), *fixed)?;
        non_negative(&format!("{path}.min"), *min)?;
        require(cap.is_none_or(|cap| cap >= *min), &format!("{path}.cap"), || {
            "must not be below min".to_owned()
        })?;
        non_negative(&format!("{path}.cap"), cap.unwrap_or_default())?;
    }
    Ok(())
}

fn instalments(rows: &[Instalments], limits: &[Limit]) -> Checked {
    length("instalments", rows.len(), 0, MAX_INSTALMENTS)?;
    for (index, row) in rows.iter().enumerate() {
        let path = format!("instalments[{index}]");
        let Instalments { currency, min, max, count, rate_ppm } = row;
        let taken = limits.iter().any(|limit| limit.currency == *currency);
        require(taken, &format!("{path}.currency"), || format!("limits takes no {currency}"))?;
        non_negative(&format!("{path}.min"), *min)?;
        require(max >= min, &format!("{path}.max"), || "must not be below min".to_owned())?;
        non_negative(&format!("{path}.max"), *max)?;
        Plan::new(*count, *rate_ppm)
            .map_err(|error| PolicyError { path: path.clone(), problem: error.to_string() })?;
        let same = |it: &&Instalments| it.currency == *currency && it.count == *count;
        let mut before = rows[..index].iter().filter(same);
        require(before.all(|it| it.max < *min || *max < it.min), &path, || {
            format!("{count} parts have another fee for some of these amounts")
        })?;
        let mut counts: Vec<u8> =
            rows.iter().filter(|it| it.currency == *currency).map(|it| it.count).collect();
        counts.sort_unstable();
        counts.dedup();
        length("instalments", counts.len(), 0, MAX_PLANS)?;
    }
    Ok(())
}

/// Shares are percents of the orders, so they make a hundred; 0 stands for a route without one.
fn shares(shares: &[u8]) -> Checked {
    let total: u32 = shares.iter().map(|share| u32::from(*share)).sum();
    require(shares.is_empty() || total == 100, "routes", || {
        format!("the shares make {total} in all, and must make 100")
    })
}

fn route(path: &str, route: &Route) -> Checked {
    let Route { channel, currencies, methods, amounts } = route;
    code(&format!("{path}.channel"), channel)?;
    length(&format!("{path}.currencies"), currencies.len(), 0, MAX_CURRENCIES)?;
    length(&format!("{path}.methods"), methods.len(), 0, MAX_LIST)?;
    for (index, method) in methods.iter().enumerate() {
        code(&format!("{path}.methods[{index}]"), method)?;
    }
    ranges(&format!("{path}.amounts"), amounts, 0)
}

fn ranges(path: &str, limits: &[Limit], least: usize) -> Checked {
    length(path, limits.len(), least, MAX_CURRENCIES)?;
    distinct(path, limits.iter().map(|limit| limit.currency))?;
    for (index, Limit { min, max, .. }) in limits.iter().enumerate() {
        non_negative(&format!("{path}[{index}].min"), *min)?;
        require(max >= min, &format!("{path}[{index}].max"), || {
            "must not be below min".to_owned()
        })?;
        non_negative(&format!("{path}[{index}].max"), *max)?;
    }
    Ok(())
}

fn amounts(path: &str, list: &[Money]) -> Checked {
    length(path, list.len(), 1, MAX_CURRENCIES)?;
    for (index, money) in list.iter().enumerate() {
        non_negative(&format!("{path}[{index}].minor"), money.minor())?;
    }
    distinct(path, list.iter().map(|money| money.currency()))
}

fn countries(path: &str, list: &[String]) -> Checked {
    length(path, list.len(), 1, MAX_LIST)?;
    match list.iter().position(|it| !is_country(it)) {
        Some(index) => problem(format!("{path}[{index}]"), NO_COUNTRY.to_owned()),
        None => Ok(()),
    }
}

const NO_COUNTRY: &str = "must be two capitals, as in ISO 3166-1";

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn values(path: &str, list: &[String]) -> Checked {
    length(path, list.len(), 1, MAX_LIST)?;
    for (index, value) in list.iter().enumerate() {
        length(&format!("{path}[{index}]"), value.len(), 0, MAX_VALUE)?;
    }
    Ok(())
}

fn metadata_key(path: &str, key: &str) -> Checked {
    length(path, key.len(), 1, MAX_KEY)
}

fn code(path: &str, text: &str) -> Checked {
    require(answer::is_code(text), path, || {
        format!("must be 1 to {} of a-z, 0-9 and _", answer::MAX_CODE)
    })
}

pub(crate) fn distinct(path: &str, currencies: impl Iterator<Item = Currency> + Clone) -> Checked {
    for (index, currency) in currencies.clone().enumerate() {
        if currencies.clone().take(index).any(|it| it == currency) {
            return problem(format!("{path}[{index}].currency"), format!("{currency} comes twice"));
        }
    }
    Ok(())
}

pub(crate) fn non_negative(path: &str, minor: i64) -> Checked {
    require(minor >= 0, path, || "must not be negative".to_owned())?;
    require(minor <= MAX_MINOR, path, || format!("must be at most {MAX_MINOR}"))
}

pub(crate) fn length(path: &str, found: usize, least: usize, most: usize) -> Checked {
    require((least..=most).contains(&found), path, || {
        format!("has length {found}, must have {least} to {most}")
    })
}

pub(crate) fn require(holds: bool, path: &str, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { problem(path.to_owned(), otherwise()) }
}

fn problem(path: String, problem: String) -> Checked {
    Err(PolicyError { path, problem })
}
