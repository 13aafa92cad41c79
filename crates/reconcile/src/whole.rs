//! A run in memory, from bytes to JSON: for a merchant's server, whose day is small.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bill::{self, Bill, Contents, Limits, ReadError};
use crate::class::{BadTime, Terms};
use crate::layout::{self, Layout};
use crate::movement::Movement;
use crate::refused::Refused;
use crate::report::{self, Between, Telling};
use crate::rules::{BadRules, Rule, Rules};
use crate::run::{self, Counted, InMemory, Keep, Plan, RunError, Side, Spread, Total};
use crate::sides::{self, Compared};

/// The most bytes of one file.
const FILE_MAX: u64 = 1 << 28;

/// The options of a run. All of them may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Where the time begins that the first side covers.
    pub from: Option<String>,
    /// Where it ends, itself not in it.
    pub to: Option<String>,
    /// Where days begin, as `+08:00`.
    pub offset: Option<String>,
    /// How near to an end of that time a movement may be in the neighbour's bill.
    pub window_seconds: u32,
    /// Rules that clear, in place of the usual ones.
    pub rules: Option<Vec<Rule>>,
    /// Mappings of other files.
    pub layouts: Vec<Layout>,
    /// List what matched, too.
    pub all: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            offset: None,
            window_seconds: 300,
            rules: None,
            layouts: Vec::new(),
            all: false,
        }
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum NoResult {
    /// The options are not of their form.
    #[error("options: {0}")]
    Options(String),
    /// The rules may not be used.
    #[error(transparent)]
    Rules(#[from] BadRules),
    /// A time of the options.
    #[error(transparent)]
    Time(#[from] BadTime),
    /// A file that is not taken.
    #[error("{side} {file}: {refused}")]
    Refused {
        /// `theirs` or `ours`.
        side: &'static str,
        /// Which, counted from 0.
        file: usize,
        /// Why.
        refused: Refused,
    },
    /// A bill that is still being made.
    #[error("theirs {0}: the channel is still making this bill; ask for it again later")]
    Creating(usize),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Reconciles some files with others: an object with `differences` and `summary`, as `lezai reconcile --json`
/// prints them.
///
/// # Errors
///
/// See [`NoResult`].
pub fn reconcile(theirs: &[&[u8]], ours: &[&[u8]], options: &[u8]) -> Result<Value, NoResult> {
    compare((Between::TradesAndBooks, false), theirs, ours, options)
}

/// As [`reconcile`], any of the comparisons. If there is a bank's statement, the withdrawals are in that of the bank and
/// not in that of the bills of funds and of trades.
///
/// # Errors
///
/// See [`NoResult`].
pub fn compare(
    (between, with_bank): (Between, bool),
    theirs: &[&[u8]],
    ours: &[&[u8]],
    options: &[u8],
) -> Result<Value, NoResult> {
    let options: Options =
        serde_json::from_slice(options).map_err(|error| NoResult::Options(error.to_string()))?;
    let usual = || Ok(sides::usual_rules(between));
    let rules = options.rules.map_or_else(usual, Rules::new)?;
    for layout in &options.layouts {
        layout.check().map_err(|error| NoResult::Options(error.to_string()))?;
    }
    let layouts = [options.layouts, layout::known()].concat();
    let files = InMemory::default();
    let read = |side, inputs, layouts: &[Layout]| {
        read_side(&files, Compared { between, side, with_bank }, inputs, layouts)
    };
    let (theirs, their_total) = read(Side::Theirs, theirs, &layouts)?;
    let layouts = sides::layouts_of_ours(between, layouts);
    let (ours, our_total) = read(Side::Ours, ours, &layouts)?;
    let terms = Terms::of(
        &theirs,
        options.from.as_deref(),
        options.to.as_deref(),
        options.offset.as_deref(),
        sides::window_seconds(between, options.window_seconds),
    )?;
    let keep = if options.all { Keep::All } else { Keep::Differences };
    let plan = Plan { terms, rules, keep, partition_max: usize::MAX };
    let mut counted = Counted::default();
    counted.add_all(&run::join_partition(&files, 0, &plan)?);
    let unparsed: usize = theirs.iter().chain(&ours).map(|it| it.unparsed.len()).sum();
    let unparsed = u64::try_from(unparsed).unwrap_or(u64::MAX);
    let summary = run::summary(counted, unparsed, &plan.rules, &their_total, &our_total)?;
    let telling = Telling { between, rules: &plan.rules, offset_minutes: terms.offset_minutes };
    let mut differences = Vec::new();
    run::merge(&files, 1, &summary.over_bound, |outcome| {
        differences.push(telling.json(outcome));
        Ok(())
    })?;
    for (side, bills) in [("theirs", &theirs), ("ours", &ours)] {
        differences.extend(
            bills.iter().flat_map(|it| &it.unparsed).map(|it| report::unparsed(between, side, it)),
        );
    }
    let file = |bill: &Bill| report::file(bill);
    let mut summary = telling.summary(&summary, &terms);
    summary["theirs"] = theirs.iter().map(file).collect();
    summary["ours"] = ours.iter().map(file).collect();
    Ok(json!({ "differences": differences, "summary": summary }))
}

fn read_side(
    files: &InMemory,
    compared: Compared,
    inputs: &[&[u8]],
    layouts: &[Layout],
) -> Result<(Vec<Bill>, Total), NoResult> {
    let name = if compared.side == Side::Theirs { "theirs" } else { "ours" };
    let mut spread = Spread::new(files, compared.side, 1).map_err(RunError::from)?;
    let mut bills = Vec::new();
    for (file, bytes) in inputs.iter().enumerate() {
        let number = u16::try_from(file).unwrap_or(u16::MAX);
        let limits = Limits { bytes_max: FILE_MAX };
        let put = |it: &Movement<'_>| compared.seen(it).map_or(Ok(()), |it| spread.put(&it));
        let bill =
            bill::read(*bytes, layouts, number, limits, put).map_err(|error| match error {
                ReadError::Refused(refused) => NoResult::Refused { side: name, file, refused },
                ReadError::Io(error) => RunError::Io(error).into(),
            })?;
        if bill.contents == Contents::Creating {
            return Err(NoResult::Creating(file));
        }
        bills.push(bill);
    }
    Ok((bills, spread.finish().map_err(RunError::from)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str =
        "at,kind,reference,minor,currency\n2026-03-01T09:30:00+08:00,payment,a,5,CNY\n";

    #[test]
    fn two_files_become_differences_and_a_summary() {
        let more = format!("{OWN}2026-03-01T10:00:00+08:00,payment,b,7,CNY\n");
        let found = reconcile(&[more.as_bytes()], &[OWN.as_bytes()], b"{}").unwrap();
        assert_eq!(found["summary"]["open"], 1);
        assert_eq!(found["summary"]["sum_theirs"]["CNY"], 12);
        assert_eq!(found["differences"][0]["class"], "missing_here");
        assert_eq!(found["differences"][0]["theirs"]["reference"], "b");
        let none = reconcile(&[OWN.as_bytes()], &[OWN.as_bytes()], b"{}").unwrap();
        assert_eq!(none["differences"], json!([]));
        let all = reconcile(&[OWN.as_bytes()], &[OWN.as_bytes()], br#"{"all":true}"#).unwrap();
        assert_eq!(all["differences"][0]["class"], "matched");
    }

    #[test]
    fn a_bill_of_funds_is_held_against_the_bill_of_trades() {
        let trades = "at,kind,reference,minor,currency,fee\n\
             2026-03-01T09:30:00+08:00,payment,a,500,CNY,3.4\n\
             2026-03-01T09:31:00+08:00,refund,b,-100,CNY,-0.6\n";
        let funds = |fee: &str| {
            format!(
                "at,kind,reference,minor,currency\n\
                 2026-03-01T09:30:00+08:00,payment,a,500,CNY\n\
                 2026-03-01T09:30:00+08:00,fee,a,{fee},CNY\n\
                 2026-03-01T09:31:00+08:00,refund,b,-100,CNY\n\
                 2026-03-01T09:31:00+08:00,fee_return,b,1,CNY\n"
            )
        };
        let hold = |fee| {
            let between = (Between::FundsAndTrades, false);
            let found = compare(between, &[funds(fee).as_bytes()], &[trades.as_bytes()], b"{}");
            let found = found.unwrap();
            let all = found["differences"].as_array().unwrap().iter();
            let told = all.map(|it| (it["class"].clone(), it["cleared_by"].clone()));
            (found["summary"]["open"].as_u64(), told.collect::<Vec<_>>())
        };
        // The fee of 3.4 fen is three, and 0.6 that go back are one.
        assert_eq!(hold("-3"), (Some(0), vec![]));
        assert_eq!(hold("-4"), (Some(0), vec![(json!("fee"), json!("fee_rounding"))]));
        assert_eq!(hold("-5"), (Some(1), vec![(json!("fee"), Value::Null)]));
    }

    #[test]
    fn a_bank_is_held_against_the_withdrawals_of_the_bill_of_funds() {
        let trades = "at,kind,reference,minor,currency\n\
             2026-03-01T09:30:00+08:00,payment,a,900,CNY\n";
        let funds = "at,kind,reference,minor,currency\n\
             2026-03-01T09:30:00+08:00,payment,a,900,CNY\n\
             2026-03-01T10:00:00+08:00,withdrawal,w1,-500,CNY\n\
             2026-03-01T10:01:00+08:00,withdrawal,w2,-70,CNY\n\
             2026-03-01T10:02:00+08:00,withdrawal,w3,-8,CNY\n\
             2026-02-27T10:02:00+08:00,withdrawal,w5,-3,CNY\n\
             2026-02-10T10:02:00+08:00,withdrawal,w6,-4,CNY\n\
             2026-03-01T11:00:00+08:00,withdrawal_return,w2,70,CNY\n\
             2026-03-01T12:00:00+08:00,payout,po,-20,CNY\n";
        // What the shop's own mapping makes of a statement: some rows are of another business.
        let layout = r#"{"name":"bank","needs":["Day","Remark"],"offset":"+08:00","currency":"CNY","rows":[
            {"when":{"From":["Tenpay"]},"kind":"withdrawal","key":["Remark"],"key_behind":"no. ",
             "income":["In"],"expense":["Out"],"at":["Day"]},{"skip":true}]}"#;
        let bank = "Day,From,Remark,In,Out\n\
             2026-03-01,Tenpay,settled no. w1,5.00,\n\
             2026-03-01,Tenpay,settled no. w2 today,0.70,\n\
             2026-03-01,Tenpay,settled no. w3,0.07,\n\
             2026-03-01,Tenpay,settled no. w4,0.01,\n\
             2026-03-01,Tenpay,settled no. w5,0.03,\n\
             2026-03-01,Landlord,rent,,9.00\n";
        let options = format!(r#"{{"layouts":[{layout}],"offset":"+08:00","all":true}}"#);
        let options = options.as_bytes();
        let of = |between| {
            let (theirs, ours) = match between {
                Between::BankAndFunds => (bank, funds),
                _ => (funds, trades),
            };
            let sides = ([theirs.as_bytes()], [ours.as_bytes()]);
            let found = compare((between, true), &sides.0, &sides.1, options).unwrap();
            let side = |it: &Value| it["reference"].as_str().map(str::to_owned);
            let all = found["differences"].as_array().unwrap().iter().map(|it| {
                let reference = side(&it["theirs"]).or(side(&it["ours"])).unwrap();
                (reference, it["class"].as_str().unwrap().to_owned(), it["cleared_by"].clone())
            });
            let mut all: Vec<_> = all.collect();
            all.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            (all, found["summary"].clone())
        };
        let row = |reference: &str, class: &str, rule: Value| {
            (reference.to_owned(), class.to_owned(), rule)
        };
        let (found, summary) = of(Between::BankAndFunds);
        let expected = [
            row("w1", "matched", Value::Null),
            row("w2", "matched", Value::Null),
            // It went back at the channel, and the bank does not have that yet.
            row("w2", "missing_there", json!("on_its_way")),
            row("w3", "amount", Value::Null),
            row("w4", "missing_here", Value::Null),
            row("w5", "timing", json!("arrived_later")),
            row("w6", "missing_there", Value::Null),
        ];
        assert_eq!(found, expected);
        assert_eq!(summary["open"], 3, "{summary}");
        // The sums are those of both sides, as the bank sees them.
        assert_eq!(summary["sum_theirs"]["CNY"], 500 + 70 + 7 + 1 + 3);
        assert_eq!(summary["sum_ours"]["CNY"], 500 + 70 + 8 + 3 + 4 - 70);
        // No withdrawal is compared twice; the payout is still what only the bill of funds has.
        let (found, summary) = of(Between::FundsAndTrades);
        let expected = [row("a", "matched", Value::Null), row("po", "missing_here", Value::Null)];
        assert_eq!(found, expected);
        assert_eq!(summary["sum_theirs"]["CNY"], 900 - 20);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (theirs, options, word) in [
            (OWN, r#"{"al":true}"#, "al"),
            (OWN, r#"{"from":"yesterday"}"#, "from"),
            (OWN, r#"{"offset":"8"}"#, "offset"),
            (OWN, r#"{"rules":[{"name":"a","class":"amount","max_days":1}]}"#, "never cleared"),
            ("hello\n", "{}", "theirs 0: line 1"),
            (r#"{"code":"STATEMENT_CREATING"}"#, "{}", "later"),
        ] {
            let error = reconcile(&[theirs.as_bytes()], &[OWN.as_bytes()], options.as_bytes());
            let text = error.unwrap_err().to_string();
            assert!(text.contains(word), "{options}: {text}");
        }
    }
}
