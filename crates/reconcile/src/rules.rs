//! Rules that clear a difference without a person: data, named, and bounded. What a rule cleared names it.

use serde::{Deserialize, Serialize};

use crate::amount::MICRO;
use crate::class::{Class, Terms};
use crate::movement::{Movement, Status};

/// The most rules of a run: their numbers fit in a byte with room for none.
pub const RULES_MAX: usize = 64;
/// The most that may be cleared of a fee on one line, in minor units.
pub const EACH_MAX: u32 = 100;
/// The most that may be cleared of a bill's fees together, in minor units.
pub const BILL_MAX: u32 = 100_000;
/// The longest that something may be waited for, in days.
pub const DAYS_MAX: u16 = 31;

/// So long a bank may take for a withdrawal. Holidays of eight days are the longest in China, and a bank books on the
/// next working day.
pub const BANK_DAYS: u16 = 10;

/// One rule. The first that fits clears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in reports.
    pub name: String,
    /// The class that it clears: `fee`, `timing`, `status` or `missing_there`.
    pub class: Class,
    /// For `fee`: the most on one line, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_each: Option<u32>,
    /// For `fee`: the most in one bill, up or down, in minor units. A bill with more has none of its lines
    /// cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bill: Option<u32>,
    /// For the others: the most days between the two sides' days, or since the movement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u16>,
    /// Only where the books say one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ours: Vec<Status>,
    /// Only where the bill says one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub theirs: Vec<Status>,
}

/// Rules that may not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// The JSON is not a list of rules.
    #[error("the rules are not of the form that the documentation shows: {0}")]
    Json(String),
    /// Too many.
    #[error("there are more than {RULES_MAX} rules")]
    TooMany,
    /// A rule clears what no rule may, or lacks its bounds.
    #[error("rule {name}: {why}")]
    Rule {
        /// Which.
        name: String,
        /// The error in it.
        why: &'static str,
    },
}

/// Rules that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

impl Default for Rules {
    /// A fen of rounding on a line and a yuan in a bill; the neighbour's day; three days in flight, on either side.
    fn default() -> Self {
        let rule = |name: &str, class| Rule {
            name: name.to_owned(),
            class,
            max_each: None,
            max_bill: None,
            max_days: None,
            ours: Vec::new(),
            theirs: Vec::new(),
        };
        let in_flight = || vec![Status::Pending];
        Self(vec![
            Rule { max_each: Some(1), max_bill: Some(100), ..rule("fee_rounding", Class::Fee) },
            Rule { max_days: Some(3), ours: in_flight(), ..rule("in_flight_here", Class::Timing) },
            Rule { max_days: Some(1), ..rule("cut_off", Class::Timing) },
            Rule {
                max_days: Some(3),
                ours: in_flight(),
                theirs: vec![Status::Pending, Status::Done],
                ..rule("in_flight", Class::Status)
            },
            Rule {
                max_days: Some(3),
                theirs: in_flight(),
                ..rule("in_flight_there", Class::Timing)
            },
        ])
    }
}

impl Rules {
    /// These, and one for what the bill of another day has up to three days later: a pair in all else.
    #[must_use]
    pub fn and_late(mut self) -> Self {
        self.0.push(Rule {
            name: "late".to_owned(),
            class: Class::Timing,
            max_each: None,
            max_bill: None,
            max_days: Some(3),
            ours: vec![Status::Done],
            theirs: vec![Status::Done, Status::Pending],
        });
        self
    }
}

impl Rules {
    /// Those between a bank and a channel's bill of funds: what left the channel is waited for, and may be booked days
    /// later. Nothing is rounded there, so that no amount is cleared.
    pub fn at_bank() -> Self {
        let rule = |name: &str, class, theirs| Rule {
            name: name.to_owned(),
            class,
            max_each: None,
            max_bill: None,
            max_days: Some(BANK_DAYS),
            ours: vec![Status::Done],
            theirs,
        };
        Self(vec![
            rule("on_its_way", Class::MissingThere, Vec::new()),
            rule("arrived_later", Class::Timing, vec![Status::Done]),
            // Withdrawn after the last day of the statement.
            rule("not_due", Class::Timing, Vec::new()),
        ])
    }

    /// No rule: every difference is a person's.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Rules, if each has the bounds that its class asks for.
    ///
    /// # Errors
    ///
    /// [`BadRules`] names the first that may not be used.
    pub fn new(rules: Vec<Rule>) -> Result<Self, BadRules> {
        if rules.len() > RULES_MAX {
            return Err(BadRules::TooMany);
        }
        for (number, rule) in rules.iter().enumerate() {
            let bad = |why| Err(BadRules::Rule { name: rule.name.clone(), why });
            if rule.name.is_empty() || rule.name.len() > 64 {
                return bad("`name` must have 1 to 64 characters");
            }
            if rules[..number].iter().any(|it| it.name == rule.name) {
                return bad("`name` must be the only one of its kind");
            }
            match (rule.class, rule.max_each, rule.max_bill, rule.max_days) {
                (Class::Fee, Some(1..=EACH_MAX), Some(1..=BILL_MAX), None) => {}
                (Class::Fee, ..) => {
                    return bad("`fee` needs `max_each` up to 100 and `max_bill` up to 100000");
                }
                (
                    Class::Timing | Class::Status | Class::MissingThere,
                    None,
                    None,
                    Some(0..=DAYS_MAX),
                ) => {}
                (Class::Timing | Class::Status | Class::MissingThere, ..) => {
                    return bad("this class needs `max_days` up to 31, and no amounts");
                }
                _ => return bad("this class is never cleared by a rule"),
            }
            if rule.class == Class::Status && (rule.ours.is_empty() || rule.theirs.is_empty()) {
                return bad("`status` needs `ours` and `theirs`");
            }
        }
        Ok(Self(rules))
    }

    /// Reads a JSON list.
    ///
    /// # Errors
    ///
    /// See [`Rules::new`].
    pub fn from_json(text: &[u8]) -> Result<Self, BadRules> {
        Self::new(serde_json::from_slice(text).map_err(|error| BadRules::Json(error.to_string()))?)
    }

    /// The rules, in their order.
    pub fn list(&self) -> &[Rule] {
        &self.0
    }

    /// The number of the first rule that clears a difference, from 1; 0 for none. Whether a bill's fees stay
    /// within `max_bill` is known at the end only.
    pub(crate) fn clearing(
        &self,
        class: Class,
        theirs: Option<&Movement<'_>>,
        ours: Option<&Movement<'_>>,
        terms: &Terms,
    ) -> u8 {
        let clears = |rule: &Rule| {
            if rule.class != class {
                return false;
            }
            let among = |wanted: &[Status], side: Option<&Movement<'_>>| {
                wanted.is_empty() || side.is_some_and(|it| wanted.contains(&it.status))
            };
            if !among(&rule.ours, ours) || !among(&rule.theirs, theirs) {
                return false;
            }
            if class == Class::Fee {
                let each = i128::from(rule.max_each.unwrap_or_default()) * i128::from(MICRO);
                return fee_difference(theirs, ours).abs() <= each;
            }
            days(class, theirs, ours, terms) <= i64::from(rule.max_days.unwrap_or_default())
        };
        let found = self.0.iter().position(clears).map(|number| number + 1);
        found.and_then(|number| u8::try_from(number).ok()).unwrap_or_default()
    }

    /// The most that a rule, by its number from 1, clears in one bill, in millionths of a minor unit; `None`
    /// without such a bound.
    pub(crate) fn max_bill_micro(&self, number: u8) -> Option<i128> {
        let rule = self.0.get(usize::from(number).checked_sub(1)?)?;
        rule.max_bill.map(|units| i128::from(units) * i128::from(MICRO))
    }
}

/// How much more the channel took than was agreed, in millionths of a minor unit.
pub(crate) fn fee_difference(theirs: Option<&Movement<'_>>, ours: Option<&Movement<'_>>) -> i128 {
    let fee = |side: Option<&Movement<'_>>| {
        i128::from(side.and_then(|it| it.fee_micro).unwrap_or_default())
    };
    match (theirs, ours) {
        // Fees that are movements: what leaves is negative.
        (Some(theirs), Some(ours)) if theirs.kind.is_fee() => {
            (i128::from(ours.minor) - i128::from(theirs.minor)) * i128::from(MICRO)
        }
        _ => fee(theirs) - fee(ours),
    }
}

fn days(
    class: Class,
    theirs: Option<&Movement<'_>>,
    ours: Option<&Movement<'_>>,
    terms: &Terms,
) -> i64 {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) if class == Class::Timing => {
            (terms.day(theirs.at_ms) - terms.day(ours.at_ms)).abs()
        }
        (_, Some(ours)) => terms.age_days(ours.at_ms),
        (Some(theirs), None) => terms.age_days(theirs.at_ms),
        (None, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::movement::Kind;
    use crate::when::DAY_MS;

    #[test]
    fn the_default_rules_are_rules() {
        for Rules(rules) in [Rules::default(), Rules::default().and_late(), Rules::at_bank()] {
            let text = serde_json::to_vec(&rules).unwrap();
            assert_eq!(Rules::from_json(&text), Ok(Rules(rules)));
        }
    }

    #[test]
    fn a_rule_without_bounds_or_for_what_is_a_person_s_is_refused() {
        for (json, word) in [
            (r#"{"name":"a","class":"amount","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"duplicate","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"currency","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"direction","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"unparsed","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"missing_here","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"matched","max_days":1}"#, "never cleared"),
            (r#"{"name":"a","class":"fee","max_each":1}"#, "max_bill"),
            (r#"{"name":"a","class":"fee","max_bill":1}"#, "max_each"),
            (r#"{"name":"a","class":"fee","max_each":101,"max_bill":1}"#, "max_each"),
            (r#"{"name":"a","class":"fee","max_each":1,"max_bill":100001}"#, "max_bill"),
            (r#"{"name":"a","class":"timing"}"#, "max_days"),
            (r#"{"name":"a","class":"timing","max_days":32}"#, "max_days"),
            (r#"{"name":"a","class":"timing","max_days":1,"max_each":1}"#, "max_days"),
            (r#"{"name":"a","class":"status","max_days":1,"ours":["pending"]}"#, "theirs"),
            (r#"{"name":"","class":"timing","max_days":1}"#, "name"),
            (r#"{"name":"a","class":"timing","max_days":1,"max_day":1}"#, "max_day"),
        ] {
            let text = Rules::from_json(format!("[{json}]").as_bytes()).unwrap_err().to_string();
            assert!(text.contains(word), "{json}: {text}");
        }
        let twice = r#"[{"name":"a","class":"timing","max_days":1},{"name":"a","class":"timing","max_days":2}]"#;
        assert!(Rules::from_json(twice.as_bytes()).is_err());
    }

    #[test]
    fn what_comes_late_is_cleared_as_a_pair_alone() {
        let terms =
            Terms { period: Some((9 * DAY_MS, 10 * DAY_MS)), window_ms: 0, offset_minutes: 0 };
        let on = |day: i64| Movement {
            key: b"k",
            kind: Kind::Payment,
            status: Status::Done,
            minor: 1,
            currency: *b"CNY",
            fee_micro: None,
            at_ms: day * DAY_MS,
            file: 0,
            line: 1,
        };
        let rules = Rules::default().and_late();
        let clears = |theirs: Option<i64>, ours: Option<i64>| {
            let (theirs, ours) = (theirs.map(on), ours.map(on));
            let number = rules.clearing(Class::Timing, theirs.as_ref(), ours.as_ref(), &terms);
            rules.list().get(usize::from(number).wrapping_sub(1)).map(|it| it.name.as_str())
        };
        assert_eq!(clears(Some(9), Some(8)), Some("cut_off"));
        assert_eq!(clears(Some(9), Some(6)), Some("late"));
        assert_eq!(clears(Some(9), Some(5)), None);
        assert_eq!(clears(None, Some(7)), None);
        assert_eq!(clears(Some(7), None), None);
    }

    #[test]
    fn a_rule_clears_up_to_its_bound() {
        let terms = Terms { period: Some((0, 4 * DAY_MS)), window_ms: 0, offset_minutes: 0 };
        let at = |at_ms, fee| Movement {
            key: b"k",
            kind: Kind::Payment,
            status: Status::Done,
            minor: 1,
            currency: *b"CNY",
            fee_micro: Some(fee),
            at_ms,
            file: 0,
            line: 1,
        };
        let rules = Rules::default();
        let clears = |class, theirs: Option<Movement<'_>>, ours: Option<Movement<'_>>| {
            rules.clearing(class, theirs.as_ref(), ours.as_ref(), &terms)
        };
        let pending = |it: Movement<'static>| Movement { status: Status::Pending, ..it };
        let day = |day: i64| at(day * DAY_MS, 0);
        assert_eq!(clears(Class::Fee, Some(at(0, 5 * MICRO)), Some(at(0, 6 * MICRO))), 1);
        assert_eq!(clears(Class::Fee, Some(at(0, 5 * MICRO)), Some(at(0, 4 * MICRO - 1))), 0);
        let fee = |minor| Movement { kind: Kind::Fee, minor, fee_micro: None, ..at(0, 0) };
        assert_eq!(clears(Class::Fee, Some(fee(-78)), Some(fee(-77))), 1);
        assert_eq!(clears(Class::Fee, Some(fee(-79)), Some(fee(-77))), 0);
        assert_eq!(clears(Class::Timing, Some(day(1)), Some(day(0))), 3);
        assert_eq!(clears(Class::Timing, Some(day(2)), Some(day(0))), 0);
        assert_eq!(clears(Class::Timing, None, Some(day(2))), 3);
        assert_eq!(clears(Class::Timing, None, Some(day(1))), 0);
        assert_eq!(clears(Class::Timing, None, Some(pending(day(1)))), 2);
        assert_eq!(clears(Class::Timing, None, Some(pending(day(0)))), 2);
        assert_eq!(clears(Class::Timing, Some(pending(day(1))), None), 5);
        assert_eq!(clears(Class::Timing, Some(pending(day(-1))), None), 0);
        assert_eq!(clears(Class::Status, Some(day(1)), Some(pending(day(1)))), 4);
        assert_eq!(clears(Class::Status, Some(day(1)), Some(pending(day(-1)))), 0);
        assert_eq!(clears(Class::Status, Some(pending(day(1))), Some(day(1))), 0);
        assert_eq!(clears(Class::Amount, Some(day(1)), Some(day(1))), 0);
        assert_eq!(Rules::none().clearing(Class::Timing, None, Some(&day(3)), &terms), 0);
    }
}
