//! Answers: verified, about what was asked, and what a query tells of a transaction.

use crate::http::Response;
use crate::outcome::{self, Advice, CallError, Refusal};
use crate::unionpay::account::Account;
use crate::unionpay::call::{Call, Named, compact};
use crate::unionpay::errors::TABLE;
use crate::unionpay::message::Message;

/// How a transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Done.
    Done {
        /// Fen.
        amount: i64,
        /// UnionPay's number (`queryId`).
        query_id: String,
        /// The clearing day, `MMDD`.
        clearing_day: String,
    },
    /// Under way.
    Processing,
    /// It failed. A payment that the shopper can try again may still be done until its time is over.
    Failed(Refusal),
    /// UnionPay knows no such transaction, so far.
    Unknown,
}

/// Reads the answer to a call: verifies it, and compares merchant, number and time with what was sent, and the amount
/// where both have one.
///
/// # Errors
///
/// [`CallError`]. A code other than 00 is a refusal, by the table.
pub fn read(
    account: &Account,
    call: &Call,
    response: &Response,
    now: i64,
) -> Result<Message, CallError> {
    let unknown = |why: String| CallError::Unknown(why);
    if response.status != 200 {
        return Err(unknown(format!("status {}", response.status)));
    }
    let told = Message::from_answer(&response.body).map_err(|error| unknown(error.to_string()))?;
    told.verify(account, now).map_err(|error| unknown(error.to_string()))?;
    for field in ["orderId", "txnTime"] {
        if told.get(field) != call.message.get(field) {
            return Err(CallError::Mismatch { field });
        }
    }
    for field in ["txnAmt", "currencyCode", "settleDate"] {
        if let (Some(ours), Some(theirs)) = (call.message.get(field), told.get(field))
            && ours != theirs
        {
            return Err(CallError::Mismatch { field });
        }
    }
    match told.get("respCode") {
        Some("00") => Ok(told),
        Some(code) => Err(CallError::Refused(refusal(code, told.get("respMsg")))),
        None => Err(unknown("the answer has no respCode".to_owned())),
    }
}

/// How the transaction stands that a query asked about.
///
/// # Errors
///
/// [`CallError`]: the query itself failed, or its answer is about another transaction.
pub fn state(
    told: Result<Message, CallError>,
    kind: &[&str],
    named: &Named,
    amount: Option<i64>,
) -> Result<State, CallError> {
    let told = match told {
        Ok(told) => told,
        Err(error) if error.word() == "not_found" => return Ok(State::Unknown),
        // Of a query no code says anything about the transaction.
        Err(error) => return Err(error),
    };
    let mismatch = |field| Err(CallError::Mismatch { field });
    if told.get("orderId") != Some(named.number.as_str()) {
        return mismatch("orderId");
    }
    if told.get("txnTime") != Some(compact(named.at).as_str()) {
        return mismatch("txnTime");
    }
    if !told.get("txnType").is_some_and(|told| kind.contains(&told)) {
        return mismatch("txnType");
    }
    let code = told.get("origRespCode");
    let code = code.ok_or_else(|| CallError::Unknown("no origRespCode".to_owned()))?;
    match code {
        // A6: done, with a fault of UnionPay's own that is not the merchant's.
        "00" | "A6" => {}
        code => {
            let refusal = refusal(code, told.get("origRespMsg"));
            return Ok(match refusal.advice {
                Advice::GiveUp => State::Failed(refusal),
                Advice::Query | Advice::Repeat => State::Processing,
            });
        }
    }
    if told.get("currencyCode") != Some("156") {
        return mismatch("currencyCode");
    }
    let digits = told.get("txnAmt").filter(|text| text.bytes().all(|it| it.is_ascii_digit()));
    let fen = digits.and_then(|text| text.parse::<i64>().ok());
    let Some(fen) = fen.filter(|fen| *fen < 1 << 53) else { return mismatch("txnAmt") };
    if amount.is_some_and(|amount| amount != fen) {
        return mismatch("txnAmt");
    }
    let text = |name| told.get(name).unwrap_or_default().to_owned();
    Ok(State::Done { amount: fen, query_id: text("queryId"), clearing_day: text("settleDate") })
}

fn refusal(code: &str, message: Option<&str>) -> Refusal {
    outcome::refusal(TABLE, code, message.unwrap_or_default())
}
