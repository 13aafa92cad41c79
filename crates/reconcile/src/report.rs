//! The output of a run for people and programs: each outcome with its reason, and the summary.

use serde_json::{Value, json};

use crate::amount::{self, MICRO_DECIMALS};
use crate::bill::{Bill, Contents, Unparsed};
use crate::class::{Class, Terms};
use crate::movement::{Movement, Status};
use crate::rules::Rules;
use crate::run::{Outcome, Summary, Sums, Total};
use crate::when;

use lezai_core::money::Currency;

/// The two sides of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Between {
    /// A channel's bill of trades, and the books.
    #[default]
    TradesAndBooks,
    /// A channel's bill of funds, and its bill of trades.
    FundsAndTrades,
    /// The statement of the bank that a channel pays to, and the channel's bill of funds.
    BankAndFunds,
}

impl Between {
    /// The name, as in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TradesAndBooks => "trades_and_books",
            Self::FundsAndTrades => "funds_and_trades",
            Self::BankAndFunds => "bank_and_funds",
        }
    }

    /// The member of the first comparison's summary that has this one's.
    pub fn member(self) -> Option<&'static str> {
        match self {
            Self::TradesAndBooks => None,
            Self::FundsAndTrades => Some("funds"),
            Self::BankAndFunds => Some("bank"),
        }
    }

    /// Where theirs is, where ours is, and sentences about what only one of them has.
    fn words(self) -> [&'static str; 6] {
        match self {
            Self::TradesAndBooks => [
                "there",
                "here",
                "the channel has it, the books do not",
                "the books have it, the bill does not",
                "the bill has this reference before",
                "the books have this reference before",
            ],
            Self::FundsAndTrades => [
                "in the bill of funds",
                "in the bill of trades",
                "the bill of funds has it, the bill of trades does not",
                "the bill of trades has it, the bill of funds does not",
                "the bill of funds has this reference before",
                "the bill of trades has this reference before",
            ],
            Self::BankAndFunds => [
                "at the bank",
                "in the bill of funds",
                "the bank has it, the bill of funds does not",
                "the bill of funds has it, the bank does not",
                "the bank has this reference before",
                "the bill of funds has this reference before",
            ],
        }
    }
}

/// How a run's outcomes are told.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// The sides.
    pub between: Between,
    /// The rules that cleared.
    pub rules: &'a Rules,
    /// East of Greenwich, for times.
    pub offset_minutes: i32,
}

/// An amount with its currency, in major units: `128.00 CNY`.
pub fn money(minor: i128, currency: &str) -> String {
    format!("{} {currency}", amount::major(minor, exponent(currency)))
}

/// The decimals of a currency; 0 for what is none.
pub fn exponent(currency: &str) -> u32 {
    Currency::from_code(currency).map_or(0, |it| u32::from(it.exponent()))
}

impl Telling<'_> {
    /// The name of the rule of a number.
    pub fn rule(&self, number: u8) -> Option<&str> {
        let at = usize::from(number).checked_sub(1)?;
        self.rules.list().get(at).map(|rule| rule.name.as_str())
    }

    /// The member that decided the class, as in [`Telling::json`].
    pub fn field(&self, outcome: &Outcome<'_>) -> Option<&'static str> {
        match (outcome.class, &outcome.theirs, &outcome.ours) {
            (Class::Amount | Class::Direction, ..) => Some("minor"),
            (Class::Fee, Some(it), _) if it.kind.is_fee() => Some("minor"),
            (Class::Status, ..) => Some("status"),
            (Class::Fee, ..) => Some("fee_micro"),
            (Class::Currency, ..) => Some("currency"),
            (Class::Timing, Some(_), Some(_)) => Some("at"),
            (Class::Duplicate, ..) => Some("reference"),
            _ => None,
        }
    }

    /// Why, with both values where there are two.
    pub fn reason(&self, outcome: &Outcome<'_>) -> String {
        let (theirs, ours) = (outcome.theirs.as_ref(), outcome.ours.as_ref());
        let [there, here, only_theirs, only_ours, before_theirs, before_ours] =
            self.between.words();
        let both = |what: &str, of: &dyn Fn(&Movement<'_>) -> String| {
            let side = |side: Option<&Movement<'_>>| side.map_or("nothing".to_owned(), of);
            format!("{what}: {} {there}, {} {here}", side(theirs), side(ours))
        };
        let day = |it: &Movement<'_>| when::date(when::local_day(it.at_ms, self.offset_minutes));
        match (outcome.class, theirs, ours) {
            (Class::Matched, ..) => "both sides agree".to_owned(),
            (Class::MissingHere, ..) => only_theirs.to_owned(),
            (Class::MissingThere, ..) => only_ours.to_owned(),
            (Class::Timing, Some(_), Some(_)) => both("day", &day),
            (Class::Timing, Some(it), None) | (Class::Timing, None, Some(it))
                if it.status != Status::Done =>
            {
                "in flight: asked for, not known to be done".to_owned()
            }
            (Class::Timing, ..) => {
                "near the end of the period: the neighbour's bill may have it".to_owned()
            }
            (Class::Amount, ..) => both("amount", &|it| money_of(it)),
            (Class::Direction, ..) => {
                both("direction", &|it| format!("{} {}", it.kind.as_str(), money_of(it)))
            }
            (Class::Status, ..) => both("status", &|it| it.status.as_str().to_owned()),
            (Class::Fee, Some(it), _) if it.kind.is_fee() => both("fee", &|it| money_of(it)),
            (Class::Fee, ..) => both("fee", &|it| fee_of(it).unwrap_or_else(|| "none".to_owned())),
            (Class::Currency, ..) => both("currency", &|it| money_of(it)),
            (Class::Duplicate, Some(_), _) => before_theirs.to_owned(),
            (Class::Duplicate, ..) => before_ours.to_owned(),
            (Class::BalanceBreak, ..) => "the bill contradicts itself".to_owned(),
            (Class::Unparsed, ..) => "the row is not understood".to_owned(),
        }
    }

    /// An outcome as one object of JSON.
    pub fn json(&self, outcome: &Outcome<'_>) -> Value {
        json!({
            "between": self.between.as_str(),
            "class": outcome.class.as_str(),
            "cleared_by": self.rule(outcome.rule),
            "field": self.field(outcome),
            "reason": self.reason(outcome),
            "theirs": outcome.theirs.as_ref().map(|it| self.movement(it)),
            "ours": outcome.ours.as_ref().map(|it| self.movement(it)),
        })
    }

    fn movement(&self, it: &Movement<'_>) -> Value {
        let code = currency(it);
        json!({
            "file": it.file,
            "line": it.line,
            "kind": it.kind.as_str(),
            "reference": String::from_utf8_lossy(it.key),
            "minor": it.minor,
            "currency": code,
            "exponent": exponent(&code),
            "fee_micro": it.fee_micro,
            "status": it.status.as_str(),
            "at": format!("{}{}", when::date_time(it.at_ms, self.offset_minutes).replace(' ', "T"), when::offset(self.offset_minutes)),
        })
    }

    /// The result of a run, as one object of JSON.
    pub fn summary(&self, summary: &Summary, terms: &Terms) -> Value {
        let offset = terms.offset_minutes;
        let time = |at| {
            format!("{}{}", when::date_time(at, offset).replace(' ', "T"), when::offset(offset))
        };
        let classes = summary.classes.iter();
        let over = summary.over_bound.iter();
        json!({
            "open": summary.open(),
            "from": terms.period.map(|(from, _)| time(from)),
            "to": terms.period.map(|(_, to)| time(to)),
            "window_seconds": terms.window_ms / 1000,
            "rules": self.rules.list(),
            "rules_over_bound": over
                .map(|(rule, file)| json!({ "rule": self.rule(*rule), "file": file }))
                .collect::<Vec<_>>(),
            "classes": classes
                .map(|((class, rule), total)| self.total(*class, *rule, total))
                .collect::<Vec<_>>(),
            "lines": summary.total.lines,
            "movements": summary.total.movements,
            "sum_theirs": sums(&summary.total.theirs),
            "sum_ours": sums(&summary.total.ours),
        })
    }

    /// The total of a class, as one object of JSON.
    pub fn total(&self, class: Class, rule: u8, total: &Total) -> Value {
        json!({
            "class": class.as_str(),
            "cleared_by": self.rule(rule),
            "lines": total.lines,
            "movements": total.movements,
            "theirs": sums(&total.theirs),
            "ours": sums(&total.ours),
        })
    }
}

/// The result of reading a file, as one object of JSON.
pub fn file(bill: &Bill) -> Value {
    json!({
        "layout": bill.layout,
        "contents": match bill.contents {
            Contents::Rows => "rows",
            Contents::NoBill => "no_bill",
            Contents::Creating => "creating",
        },
        "rows": bill.rows,
    })
}

/// A row that is not understood, as one object of JSON.
pub fn unparsed(between: Between, side: &str, row: &Unparsed) -> Value {
    json!({
        "between": between.as_str(),
        "class": Class::Unparsed.as_str(),
        "cleared_by": null,
        "field": row.column,
        "reason": row.why.to_string(),
        side: { "file": row.file, "line": row.line },
    })
}

/// Sums by currency, in minor units. Larger ones than JSON's readers hold are texts.
pub fn sums(sums: &Sums) -> Value {
    let value = |minor: i128| match i64::try_from(minor) {
        Ok(minor) if minor.abs() < 1 << 53 => json!(minor),
        _ => json!(minor.to_string()),
    };
    sums.iter()
        .map(|(code, minor)| (code.to_owned(), value(minor)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn currency(it: &Movement<'_>) -> String {
    String::from_utf8_lossy(&it.currency).into_owned()
}

fn money_of(it: &Movement<'_>) -> String {
    money(i128::from(it.minor), &currency(it))
}

/// A fee in major units, as many decimals as it has.
fn fee_of(it: &Movement<'_>) -> Option<String> {
    let code = currency(it);
    let least = usize::try_from(exponent(&code)).unwrap_or_default();
    let text = amount::major(i128::from(it.fee_micro?), exponent(&code) + MICRO_DECIMALS);
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = decimals.trim_end_matches('0');
    let decimals = format!("{decimals:0<least$}");
    Some(match decimals.as_str() {
        "" => format!("{whole} {code}"),
        decimals => format!("{whole}.{decimals} {code}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::movement::Kind;

    #[test]
    fn a_reason_names_the_field_and_both_values() {
        let it = |minor, fee| Movement {
            key: b"ord_1",
            kind: Kind::Payment,
            status: Status::Done,
            minor,
            currency: *b"CNY",
            fee_micro: fee,
            at_ms: 1_772_328_600_000,
            file: 0,
            line: 7,
        };
        let rules = Rules::default();
        let between = Between::TradesAndBooks;
        let telling = Telling { between, rules: &rules, offset_minutes: 480 };
        let tell = |class, theirs, ours| {
            let outcome = Outcome { class, rule: 1, theirs: Some(theirs), ours: Some(ours) };
            let json = telling.json(&outcome);
            assert_eq!(json["cleared_by"], "fee_rounding");
            assert_eq!(json["theirs"]["at"], "2026-03-01T09:30:00.000+08:00");
            (json["reason"].as_str().unwrap().to_owned(), json["field"].as_str().map(str::to_owned))
        };
        let (reason, field) = tell(Class::Amount, it(12_800, None), it(12_799, None));
        assert_eq!(reason, "amount: 128.00 CNY there, 127.99 CNY here");
        assert_eq!(field.as_deref(), Some("minor"));
        let (reason, field) = tell(Class::Fee, it(1, Some(76_800_000)), it(1, Some(77_000_000)));
        assert_eq!(reason, "fee: 0.768 CNY there, 0.77 CNY here");
        assert_eq!(field.as_deref(), Some("fee_micro"));
        let yen = |fee| Movement { currency: *b"JPY", ..it(5, Some(fee)) };
        let (reason, _) = tell(Class::Fee, yen(3_000_000), yen(3_500_000));
        assert_eq!(reason, "fee: 3 JPY there, 3.5 JPY here");
    }
}
