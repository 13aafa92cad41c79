//! Findings of a run, as differences: how each begins, and by how much the channel has more.

use lezai_core::digest::sha256_hex;
use lezai_core::funds::difference::{Difference, DifferenceState, Surplus};
use lezai_core::id::DifferenceId;
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_reconcile::class::Class;
use lezai_reconcile::report::Between;
use lezai_store::bills::{DifferenceRecord, ReconciliationRecord};
use lezai_wire::problem::{Code, Problem};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::carried;

/// The most differences of a run, beside pairs with what the days before left: a bill with more is another account's,
/// and a matter for `lezai reconcile` on files.
pub(super) const DIFFERENCES_MAX: usize = 10_000;

/// The most rows of a run that are no pair, those of merchants' own accounts with them.
const ROWS_MAX: usize = 10 * DIFFERENCES_MAX;

/// Refuses what is more than people can look at.
pub(super) fn check_count(found: &[DifferenceRecord]) -> Result<(), Problem> {
    let counts = |it: &&DifferenceRecord| {
        let is_cleared = matches!(it.difference.state, DifferenceState::Cleared { .. });
        !is_cleared && !carried::has_carried(&it.found)
    };
    match found.iter().filter(counts).count() > DIFFERENCES_MAX {
        true => Err(too_many()),
        false => Ok(()),
    }
}

fn too_many() -> Problem {
    let detail = format!(
        "more than {DIFFERENCES_MAX} differences: is it the bill of another account? `lezai reconcile` on files takes it"
    );
    Problem::new(Code::BillRefused, detail)
}

/// The differences that a run found. An id depends on what both sides say, so that whatever names the
/// difference names its evidence.
pub(super) fn differences(
    run: &ReconciliationRecord,
    found: &Value,
) -> Result<Vec<DifferenceRecord>, Problem> {
    let all = found["differences"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.len() > ROWS_MAX {
        return Err(too_many());
    }
    let record = |(number, found): (usize, &Value)| {
        let evidence = sha256_hex(found.to_string().as_bytes());
        let id =
            DifferenceId::new(run.at, ten(&format!("difference {} {number} {evidence}", run.id)));
        let difference = Difference {
            id,
            channel: run.channel.clone(),
            surplus: surplus(&run.channel, found),
            of_fee: is_of_fee(found),
            payment: payment(found),
            return_failed: None,
            state: state(found),
            asked: None,
            owner: None,
            opened_at: run.at,
        };
        DifferenceRecord {
            difference,
            run: run.id.clone(),
            day: run.day,
            between: found["between"].as_str().unwrap_or_default().to_owned(),
            class: found["class"].as_str().unwrap_or_default().to_owned(),
            found: found.clone(),
            evidence,
        }
    };
    Ok(all.iter().enumerate().map(record).collect())
}

/// The number of a payment that the bill of trades has alone.
fn payment(found: &Value) -> Option<String> {
    let theirs = &found["theirs"];
    let is_alone = found["ours"].is_null()
        && found["between"] == Between::TradesAndBooks.as_str()
        && [Class::MissingHere, Class::Timing].iter().any(|it| found["class"] == it.as_str());
    let is_done = theirs["kind"] == "payment" && theirs["status"] == "done";
    if is_alone && is_done { theirs["reference"].as_str().map(str::to_owned) } else { None }
}

/// Whether all that a difference is about are fees.
fn is_of_fee(found: &Value) -> bool {
    let kinds = ["theirs", "ours"].map(|side| found[side]["kind"].as_str());
    kinds.iter().flatten().all(|kind| matches!(*kind, "fee" | "fee_return"))
        && kinds.iter().any(Option::is_some)
}

/// How a difference begins. One side alone that a rule clears is waited for: the next bill has its other half.
fn state(found: &Value) -> DifferenceState {
    let rule = found["cleared_by"].as_str().map(str::to_owned);
    let is_alone = found["theirs"].is_object() != found["ours"].is_object();
    match rule {
        Some(rule) if is_alone => DifferenceState::Expected { rule },
        Some(rule) => DifferenceState::Cleared { rule },
        None => DifferenceState::Open,
    }
}

/// The channel's surplus over the books by a difference: of a pair of one currency what one side has
/// more, and of what is alone all of it. A row that is not understood tells no amount.
fn surplus(channel: &str, found: &Value) -> Option<Surplus> {
    let side = |name: &str| {
        let side = &found[name];
        let currency = Currency::from_code(side["currency"].as_str()?).ok()?;
        Some((side["minor"].as_i64()?, currency, side["kind"].as_str()?.starts_with("payout")))
    };
    let (minor, currency, is_payout) = match (side("theirs"), side("ours")) {
        (Some((theirs, currency, is_payout)), Some((ours, other, _))) => (currency == other)
            .then(|| theirs.checked_sub(ours))
            .flatten()
            .map(|it| (it, currency, is_payout)),
        (Some(theirs), None) => Some(theirs),
        (None, Some((ours, currency, is_payout))) => {
            ours.checked_neg().map(|it| (it, currency, is_payout))
        }
        (None, None) => None,
    }?;
    // What only a bill of funds has, none of our payouts moved: it left the takings.
    let is_ours = found["between"] != Between::FundsAndTrades.as_str() || found["ours"].is_object();
    let account = match is_payout && is_ours {
        true => Account::Prefund(channel.to_owned()),
        false => Account::ChannelReceivable(channel.to_owned()),
    };
    Some(Surplus { account, minor, currency })
}

/// Ten bytes of a digest.
pub(super) fn ten(text: &str) -> [u8; 10] {
    let digest = Sha256::digest(text);
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn surplus_is_what_the_channel_has_more() {
        let side = |kind: &str, minor: i64, currency: &str| json!({ "kind": kind, "minor": minor, "currency": currency });
        let pay = |minor| side("payment", minor, "CNY");
        for (theirs, ours, expected) in [
            (pay(500), Value::Null, Some((500, "channel_receivable:x"))),
            (Value::Null, pay(500), Some((-500, "channel_receivable:x"))),
            (Value::Null, side("refund", -500, "CNY"), Some((500, "channel_receivable:x"))),
            (pay(501), pay(500), Some((1, "channel_receivable:x"))),
            (side("payout", -500, "CNY"), Value::Null, Some((-500, "prefund:x"))),
            (pay(500), side("payment", 500, "JPY"), None),
            (json!({ "file": 0, "line": 7 }), Value::Null, None),
        ] {
            let found = surplus("x", &json!({ "theirs": theirs, "ours": ours }));
            let found = found.map(|it| (it.minor, it.account.to_string()));
            let expected = expected.map(|(minor, account)| (minor, account.to_owned()));
            assert_eq!(found, expected, "{theirs} {ours}");
        }
    }
}
