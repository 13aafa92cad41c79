//! Alipay's responses.
//!
//! The signature is over the text of one member exactly as it was sent, and never over JSON that was
//! written anew: `\/`, spaces and the order of members would be lost.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::alipay::account::Account;
use crate::alipay::errors::TABLE;
use crate::http::Response;
use crate::outcome::{self, Advice, CallError};
use crate::yuan;

/// A believed answer: Alipay took the call.
#[derive(Debug)]
pub struct Accepted<T> {
    /// Whether the shopper must still do something (`10003`).
    pub waits: bool,
    /// The result.
    pub result: T,
}

/// Verifies and reads an answer.
///
/// # Errors
///
/// [`CallError`].
pub fn read<T: DeserializeOwned>(
    account: &Account,
    response: &Response,
    node: &str,
    now: i64,
) -> Result<Accepted<T>, CallError> {
    if response.status != 200 {
        return Err(CallError::Unknown(format!("status {}", response.status)));
    }
    let text =
        std::str::from_utf8(&response.body).map_err(|_| unknown("the answer is not UTF-8"))?;
    let members: Members<'_> =
        serde_json::from_str(text).map_err(|error| unknown(&format!("unreadable: {error}")))?;
    let verified = members.verify(account, node, now);
    let (told, is_error) = match (members.get(node), members.get("error_response")) {
        (Some(told), None) => (told, false),
        (None, Some(told)) => (told, true),
        _ => return Err(unknown("the answer has not one result")),
    };
    // An error of the gateway itself may come without a signature; a result never.
    match verified {
        Ok(()) => {}
        Err(Unsigned::Missing) if is_error => {}
        Err(reason) => return Err(unknown(&format!("the answer is not verified: {reason}"))),
    }
    let status: Status =
        serde_json::from_str(told).map_err(|error| unknown(&format!("unreadable: {error}")))?;
    match status.code.as_str() {
        "10000" | "10003" if !is_error => {
            let result = serde_json::from_str(told);
            let result = result.map_err(|error| unknown(&format!("unreadable: {error}")))?;
            Ok(Accepted { waits: status.code == "10003", result })
        }
        code => Err(refused(code, &status)),
    }
}

fn refused(code: &str, status: &Status) -> CallError {
    let sub = status.sub_code.as_str();
    let known = TABLE.iter().any(|row| row.code == sub);
    let refusal = outcome::refusal(TABLE, if known { sub } else { code }, &status.sub_msg);
    let refusal = outcome::Refusal {
        code: if sub.is_empty() { refusal.code } else { sub.chars().take(64).collect() },
        ..refusal
    };
    // `20000`, a system's error and what nobody listed may have been done.
    if refusal.word == "channel_error" && refusal.advice == Advice::Query {
        return CallError::Unknown(format!("{code} {}", refusal.code));
    }
    CallError::Refused(refusal)
}

fn unknown(what: &str) -> CallError {
    CallError::Unknown(what.to_owned())
}

#[derive(Deserialize)]
struct Status {
    #[serde(deserialize_with = "text_or_number")]
    code: String,
    #[serde(default)]
    sub_code: String,
    #[serde(default)]
    sub_msg: String,
}

/// Some errors of the gateway carry their code as a number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(D::Error::custom("code must be a text or a number")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Unsigned {
    #[error("the signature is missing")]
    Missing,
    #[error("alipay_cert_sn is of no certificate that is configured and valid")]
    UnknownCertificate,
    #[error("the signature is wrong")]
    Wrong,
}

/// The members of an answer, as they were sent.
pub struct Members<'a>(Vec<(String, &'a str)>);

impl Members<'_> {
    /// A member's text, exactly as it came.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, text)| *text)
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    fn verify(&self, account: &Account, node: &str, now: i64) -> Result<(), Unsigned> {
        let told = self.get(node).or_else(|| self.get("error_response"));
        let signature = self.text("sign").filter(|sign| !sign.is_empty());
        let (Some(told), Some(signature)) = (told, signature) else {
            return Err(Unsigned::Missing);
        };
        let certificate = self.text("alipay_cert_sn");
        let key =
            account.key_of(certificate.as_deref(), now).ok_or(Unsigned::UnknownCertificate)?;
        key.verify(told.as_bytes(), &signature).map_err(|_| Unsigned::Wrong)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Self::Value = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    // Of two members with one name only one would be verified.
                    if members.iter().any(|(member, _)| *member == name) {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                    members.push((name, value.get()));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Members)
    }
}

/// The response to precreate.
#[derive(Clone, Debug, Deserialize)]
pub struct Precreated {
    /// Our number.
    pub out_trade_no: String,
    /// The text of the QR code.
    pub qr_code: String,
}

/// The response to create.
#[derive(Clone, Debug, Deserialize)]
pub struct Created {
    /// Our number.
    pub out_trade_no: String,
    /// Alipay's number, which `my.tradePay` takes.
    pub trade_no: String,
}

/// How a trade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TradeStatus {
    /// The buyer has not paid.
    WaitBuyerPay,
    /// Never paid and closed, or paid and given back whole.
    TradeClosed,
    /// Paid.
    TradeSuccess,
    /// Paid, and too old for refunds.
    TradeFinished,
}

/// A trade, in answers of query and pay.
#[derive(Clone, Debug, Deserialize)]
pub struct Trade {
    /// Our number.
    pub out_trade_no: String,
    /// Alipay's number.
    #[serde(default)]
    pub trade_no: String,
    /// How it stands; pay tells it only by its code.
    pub trade_status: Option<TradeStatus>,
    /// Yuan.
    pub total_amount: Option<String>,
    /// The currency, if it is not CNY.
    pub trans_currency: Option<String>,
    /// When it was paid. A trade that is closed and has it was paid and given back.
    pub send_pay_date: Option<String>,
    /// The same, of pay.
    pub gmt_payment: Option<String>,
}

impl Trade {
    /// Compares number, amount and currency with what was asked.
    ///
    /// # Errors
    ///
    /// [`CallError::Mismatch`].
    pub fn check(&self, number: &str, total: Option<i64>) -> Result<(), CallError> {
        if self.out_trade_no != number {
            return Err(CallError::Mismatch { field: "out_trade_no" });
        }
        if self.trans_currency.as_deref().is_some_and(|currency| currency != "CNY") {
            return Err(CallError::Mismatch { field: "trans_currency" });
        }
        let told = self.total_amount.as_deref();
        match (told.map(yuan::to_fen), total) {
            (Some(None), _) => Err(CallError::Mismatch { field: "total_amount" }),
            (Some(told), Some(total)) if told != Some(total) => {
                Err(CallError::Mismatch { field: "total_amount" })
            }
            (None, _) if self.trade_status == Some(TradeStatus::TradeSuccess) => {
                Err(CallError::Mismatch { field: "total_amount" })
            }
            _ => Ok(()),
        }
    }

    /// Fen.
    pub fn total(&self) -> Option<i64> {
        self.total_amount.as_deref().and_then(yuan::to_fen)
    }

    /// Whether money came, whatever became of it later.
    pub fn was_paid(&self) -> bool {
        let has = |date: &Option<String>| date.as_deref().is_some_and(|date| !date.is_empty());
        has(&self.send_pay_date) || has(&self.gmt_payment)
    }
}

/// The response to a refund.
#[derive(Clone, Debug, Deserialize)]
pub struct Refunded {
    /// Our number of the payment.
    pub out_trade_no: String,
    /// `Y` where this very call moved money. Anything else says nothing: ask.
    #[serde(default)]
    pub fund_change: String,
    /// Yuan given back of the trade so far, by all its refunds together.
    pub refund_fee: Option<String>,
}

/// How a refund stands.
#[derive(Clone, Debug, Deserialize)]
pub struct RefundQueried {
    /// Our number of the payment.
    pub out_trade_no: Option<String>,
    /// Our number of the refund; absent where there is none.
    pub out_request_no: Option<String>,
    /// `REFUND_SUCCESS`, or absent while it is not done.
    pub refund_status: Option<String>,
    /// Yuan of this refund.
    pub refund_amount: Option<String>,
}

impl RefundQueried {
    /// Whether this refund is done, with its number and amount compared.
    ///
    /// # Errors
    ///
    /// [`CallError::Mismatch`].
    pub fn is_done(
        &self,
        number: &str,
        refund: &str,
        amount: Option<i64>,
    ) -> Result<bool, CallError> {
        let mismatch = |field| Err(CallError::Mismatch { field });
        if self.refund_status.as_deref() != Some("REFUND_SUCCESS") {
            return Ok(false);
        }
        if self.out_request_no.as_deref() != Some(refund) {
            return mismatch("out_request_no");
        }
        if self.out_trade_no.as_deref().is_some_and(|told| told != number) {
            return mismatch("out_trade_no");
        }
        let told = self.refund_amount.as_deref().map(yuan::to_fen);
        match (told, amount) {
            (Some(told), Some(amount)) if told != Some(amount) => mismatch("refund_amount"),
            (None, _) => mismatch("refund_amount"),
            _ => Ok(true),
        }
    }
}

/// The response to close.
#[derive(Clone, Debug, Deserialize)]
pub struct Closed {
    /// Our number.
    pub out_trade_no: Option<String>,
}

/// The response to cancel.
#[derive(Clone, Debug, Deserialize)]
pub struct Canceled {
    /// Our number.
    pub out_trade_no: Option<String>,
    /// `Y` to call again.
    #[serde(default)]
    pub retry_flag: String,
    /// `close`: never paid. `refund`: paid and given back. Absent: nothing was there to undo.
    pub action: Option<String>,
}

/// Where a bill is downloaded from.
#[derive(Clone, Debug, Deserialize)]
pub struct BillAddress {
    /// The address, valid for half a minute.
    pub bill_download_url: String,
}
