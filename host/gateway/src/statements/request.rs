//! Requests of merchants for statements and plans, read strictly.

use lezai_core::funds::date::Date;
use lezai_core::id::SettlementId;
use lezai_core::time::Timestamp;
use lezai_reconcile::statement::{Columns, Form, Kind};
use lezai_wire::json::{Invalid, Kind as Wrong, Object};
use lezai_wire::time::parse_rfc3339;

use super::zone::{Period, Zone};

const KINDS: [(&str, Kind); 3] =
    [("account.1", Kind::Account), ("orders.1", Kind::Orders), ("settlement.1", Kind::Settlement)];
const FORMS: [(&str, Form); 2] = [("csv", Form::Csv), ("jsonl", Form::JsonLines)];
const PERIODS: [(&str, Period); 3] =
    [("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];
const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];

/// Names of columns that are read: more than any type has, with a plugin's.
const COLUMNS_MAX: usize = 32;
/// The longest range: a year, with room for whoever counts its days otherwise.
const RANGE_MAX_SECS: i64 = 400 * 86_400;
/// An entry that is being committed may be dated a moment ago: a time is over so long after it.
pub const GRACE_SECS: i64 = 10;

/// How a statement looks, whatever it covers.
#[derive(Clone, Debug)]
pub struct Look {
    /// The type of statement.
    pub kind: Kind,
    /// Its form.
    pub form: Form,
    /// The columns that are named.
    pub columns: Vec<String>,
    /// The zone's name.
    pub zone: String,
}

/// The range of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Entries that were booked, or batches that were closed, in a range of time.
    Range {
        /// The first moment in it.
        from: Timestamp,
        /// The first moment behind it.
        to: Timestamp,
    },
    /// One settlement batch.
    Settlement(SettlementId),
}

/// A merchant's wish for a statement.
#[derive(Clone, Debug)]
pub struct NewStatement {
    /// How it looks.
    pub look: Look,
    /// Its range.
    pub covers: Covers,
}

/// A merchant's wish for a plan.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// How its statements look.
    pub look: Look,
    /// How often one is made.
    pub period: Period,
    /// Whether any is.
    pub is_on: bool,
}

impl NewStatement {
    /// Reads a body. What is to be covered must be over at `now`.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let look = look(&mut body)?;
        let covers = covers(&mut body, &look, now)?;
        body.finish()?;
        Ok(Self { look, covers })
    }
}

impl NewPlan {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let look = look(&mut body)?;
        let period = body.required("period", |field| field.one_of(&PERIODS))?;
        let is_on = body.optional("status", |field| field.one_of(&SWITCH))?.unwrap_or(true);
        body.finish()?;
        Ok(Self { look, period, is_on })
    }
}

/// A plan's name: 1 to 40 of `a-z`, `0-9`, `_` and `-`.
///
/// # Errors
///
/// [`Invalid`].
pub fn plan_name(text: &str) -> Result<String, Invalid> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    match (1..=40).contains(&text.len()) && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err(invalid("name", "must be 1 to 40 of a-z, 0-9, _ and -")),
    }
}

fn look(body: &mut Object) -> Result<Look, Invalid> {
    let kind = body.required("type", |field| field.one_of(&KINDS))?;
    let form = body.required("format", |field| field.one_of(&FORMS))?;
    let zone = body.optional("zone", |field| {
        field.parsed(1..=64, |name| Zone::named(name).map(|_| name.to_owned()))
    })?;
    let columns = body.optional("columns", |field| {
        let names = field.list(COLUMNS_MAX)?.into_iter().map(|it| it.text(1..=64));
        names.collect::<Result<Vec<_>, _>>()
    })?;
    let columns = columns.unwrap_or_default();
    Columns::named(kind, &columns).map_err(|error| invalid("columns", &error.to_string()))?;
    Ok(Look { kind, form, columns, zone: zone.unwrap_or_else(|| "UTC".to_owned()) })
}

fn covers(body: &mut Object, look: &Look, now: Timestamp) -> Result<Covers, Invalid> {
    let settlement =
        body.optional("settlement", |field| field.parsed(1..=64, SettlementId::parse))?;
    if let Some(settlement) = settlement {
        if look.kind != Kind::Settlement {
            return Err(invalid("settlement", "settlement is for statements of settlement.1"));
        }
        let times = ["from", "to"].map(|name| body.optional(name, |field| field.text(1..=40)));
        if times.into_iter().any(|it| !matches!(it, Ok(None))) {
            return Err(invalid("settlement", "send either settlement, or from and to"));
        }
        return Ok(Covers::Settlement(settlement));
    }
    let zone = Zone::named(&look.zone).map_err(|what| invalid("zone", what))?;
    let time = |text: &str| {
        let day = || Date::parse(text).ok().and_then(|day| zone.begin_of(day));
        let form = "not a day such as 2026-03-01, or a time such as 2026-03-01T00:00:00+08:00";
        parse_rfc3339(text).or_else(day).ok_or(form)
    };
    let from = body.required("from", |field| field.parsed(1..=40, time))?;
    let to = body.required("to", |field| field.parsed(1..=40, time))?;
    if to <= from {
        return Err(invalid("to", "to must be after from"));
    }
    if to > from.plus_secs(RANGE_MAX_SECS) {
        return Err(invalid("to", "to must be at most 400 days after from"));
    }
    if to.plus_secs(GRACE_SECS) > now {
        return Err(invalid("to", "to must be over: 10 seconds ago, or longer"));
    }
    Ok(Covers::Range { from, to })
}

fn invalid(field: &str, detail: &str) -> Invalid {
    let detail = detail.to_owned();
    Invalid { kind: Wrong::InvalidField, field: field.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use lezai_wire::time::rfc3339;
    use serde_json::{Value, json};

    use super::*;

    fn parse(with: Value) -> Result<NewStatement, Invalid> {
        let mut body = json!({
            "type": "orders.1", "format": "csv", "from": "2026-03-01", "to": "2026-04-01",
        });
        for (name, value) in with.as_object().unwrap() {
            body[name] = value.clone();
        }
        let now = parse_rfc3339("2026-05-01T00:00:00Z").unwrap();
        NewStatement::parse(body.to_string().as_bytes(), now)
    }

    fn range(with: Value) -> (String, String) {
        match parse(with).unwrap().covers {
            Covers::Range { from, to } => (rfc3339(from), rfc3339(to)),
            Covers::Settlement(id) => panic!("{id}"),
        }
    }

    #[test]
    fn a_day_is_one_of_the_zone() {
        for (with, from, to) in [
            (json!({}), "2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"),
            (
                json!({ "zone": "America/New_York" }),
                "2026-03-01T05:00:00.000Z",
                "2026-04-01T04:00:00.000Z",
            ),
            (
                json!({ "zone": "Asia/Shanghai", "from": "2026-03-01T00:00:00+09:00" }),
                "2026-02-28T15:00:00.000Z",
                "2026-03-31T16:00:00.000Z",
            ),
            (
                json!({ "to": "2026-04-30T23:59:50Z" }),
                "2026-03-01T00:00:00.000Z",
                "2026-04-30T23:59:50.000Z",
            ),
        ] {
            assert_eq!(range(with.clone()), (from.to_owned(), to.to_owned()), "{with}");
        }
    }

    #[test]
    fn what_cannot_be_a_statement_is_refused_with_its_field() {
        let stl = format!("stl_{}", "0".repeat(32));
        for (with, field) in [
            (json!({ "type": "orders.2" }), "type"),
            (json!({ "format": "xlsx" }), "format"),
            (json!({ "zone": "Asia/Atlantis" }), "zone"),
            (json!({ "columns": ["nets"] }), "columns"),
            (json!({ "columns": ["net", "net"] }), "columns"),
            (json!({ "type": "account.1", "columns": ["plugin.a"] }), "columns"),
            (json!({ "from": "2026-02-30" }), "from"),
            (json!({ "from": "2026-04-01" }), "to"),
            (json!({ "to": "2026-03-01" }), "to"),
            (json!({ "from": "2025-01-01" }), "to"),
            (json!({ "to": "2026-04-30T23:59:50.001Z" }), "to"),
            (json!({ "to": null }), "to"),
            (json!({ "settlement": stl }), "settlement"),
            (json!({ "type": "settlement.1", "settlement": stl }), "settlement"),
            (json!({ "since": 1 }), "since"),
        ] {
            let refused = parse(with.clone()).map(|it| it.covers);
            assert_eq!(refused.unwrap_err().field, field, "{with}");
        }
        let batch = json!({ "type": "settlement.1", "settlement": stl, "from": null, "to": null });
        assert!(matches!(parse(batch).unwrap().covers, Covers::Settlement(_)));
    }

    #[test]
    fn a_plan_is_read_strictly() {
        let plan = |text: &str| NewPlan::parse(text.as_bytes());
        let good =
            r#"{"type":"account.1","format":"jsonl","period":"month","zone":"Asia/Shanghai"}"#;
        let good = plan(good).unwrap();
        assert_eq!((good.period, good.is_on), (Period::Month, true));
        let off = r#"{"type":"account.1","format":"csv","period":"day","status":"off"}"#;
        assert!(!plan(off).unwrap().is_on);
        assert!(plan(r#"{"type":"account.1","format":"csv","period":"year"}"#).is_err());
        assert!(plan(r#"{"type":"account.1","format":"csv"}"#).is_err());
        for name in ["", "Monthly", "a b", "a/b", &"a".repeat(41)] {
            assert!(plan_name(name).is_err(), "{name}");
        }
        assert_eq!(plan_name("month-1_a"), Ok("month-1_a".to_owned()));
    }
}
