//! A run in memory, from bytes to JSON: for a merchant's server, whose day is small.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bill::{self, Bill, Contents, Limits, ReadError};
use crate::class::{BadTime, Terms};
use crate::layout::{self, Layout};
use crate::refused::Refused;
use crate::report::{self, Between, Telling};
use crate::rules::{BadRules, Rule, Rules};
use crate::run::{self, Counted, InMemory, Keep, Plan, RunError, Side, Spread, Total};

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
    hold(Between::TradesAndBooks, theirs, ours, options)
}

/// As [`reconcile`], a channel's bills of funds with its bills of trades.
///
/// # Errors
///
/// See [`NoResult`].
pub fn reconcile_funds(
    funds: &[&[u8]],
    trades: &[&[u8]],
    options: &[u8],
) -> Result<Value, NoResult> {
    hold(Between::FundsAndTrades, funds, trades, options)
}

fn hold(
    between: Between,
    theirs: &[&[u8]],
    ours: &[&[u8]],
    options: &[u8],
) -> Result<Value, NoResult> {
    let options: Options =
        serde_json::from_slice(options).map_err(|error| NoResult::Options(error.to_string()))?;
    let rules = options.rules.map_or_else(|| Ok(Rules::default()), Rules::new)?;
    for layout in &options.layouts {
        layout.check().map_err(|error| NoResult::Options(error.to_string()))?;
    }
    let layouts = [options.layouts, layout::known()].concat();
    let files = InMemory::default();
    let (theirs, their_total) = read_side(&files, Side::Theirs, theirs, &layouts)?;
    let layouts = match between {
        Between::TradesAndBooks => layouts,
        Between::FundsAndTrades => [layout::trades_as_funds(), layouts].concat(),
    };
    let (ours, our_total) = read_side(&files, Side::Ours, ours, &layouts)?;
    let terms = Terms::of(
        &theirs,
        options.from.as_deref(),
        options.to.as_deref(),
        options.offset.as_deref(),
        options.window_seconds,
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
    side: Side,
    inputs: &[&[u8]],
    layouts: &[Layout],
) -> Result<(Vec<Bill>, Total), NoResult> {
    let name = if side == Side::Theirs { "theirs" } else { "ours" };
    let mut spread = Spread::new(files, side, 1).map_err(RunError::from)?;
    let mut bills = Vec::new();
    for (file, bytes) in inputs.iter().enumerate() {
        let number = u16::try_from(file).unwrap_or(u16::MAX);
        let limits = Limits { bytes_max: FILE_MAX };
        let bill =
            bill::read(*bytes, layouts, number, limits, |it| spread.put(it)).map_err(|error| {
                match error {
                    ReadError::Refused(refused) => NoResult::Refused { side: name, file, refused },
                    ReadError::Io(error) => RunError::Io(error).into(),
                }
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
            let found = reconcile_funds(&[funds(fee).as_bytes()], &[trades.as_bytes()], b"{}");
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
