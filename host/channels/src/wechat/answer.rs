//! WeChat Pay's responses. One is read only after it was verified.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::Response;
use crate::outcome::{self, Advice, CallError};
use crate::wechat::account::Account;
use crate::wechat::errors::TABLE;
use crate::wechat::verify::Unverified;

/// The effect of a call, which decides what an error leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It only asks.
    Ask,
    /// It makes an order that the shopper has not seen.
    Prepay,
    /// It closes an order.
    Close,
    /// It may move money at once: a payment code, a reversal, a refund.
    Move,
}

/// Reads an answer whose signature was checked.
///
/// A success that is not signed, or wrongly, is not believed, and neither is an error that is signed
/// wrongly. An error may come without a signature, as the documentation says; TLS stands for it.
///
/// # Errors
///
/// [`CallError`].
pub fn read(
    response: &Response,
    verified: Result<(), Unverified>,
    act: Act,
) -> Result<&[u8], CallError> {
    let status = response.status;
    match verified {
        Ok(()) => {}
        Err(Unverified::Unsigned) if !(200..300).contains(&status) => {}
        Err(reason) => {
            return Err(CallError::Unknown(format!("the answer is not verified: {reason}")));
        }
    }
    if (200..300).contains(&status) {
        return Ok(&response.body);
    }
    let Problem { code, message } = serde_json::from_slice(&response.body).unwrap_or_default();
    let unknown = || CallError::Unknown(format!("status {status}, {code:.64}"));
    // A server that answers 5xx may have done it. So may one that limits refunds, as WeChat Pay says.
    if status >= 500 || code.is_empty() || (status == 429 && act == Act::Move) {
        return Err(unknown());
    }
    let refusal = outcome::refusal(TABLE, &code, &message);
    match refusal.advice {
        // An unknown code of a call that moves money is not a certain "no".
        Advice::Query if refusal.word == "channel_error" => Err(unknown()),
        _ => Err(CallError::Refused(refusal)),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    message: String,
}

/// Reads a body that was believed.
///
/// # Errors
///
/// [`CallError::Unknown`] for what has another shape.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| CallError::Unknown(format!("unreadable: {error}")))
}

/// A prepaid order: one of these, by the scene.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Prepaid {
    /// Native: the text of the QR code.
    pub code_url: Option<String>,
    /// JSAPI, mini-program and app: its number, valid for two hours.
    pub prepay_id: Option<String>,
    /// H5: where to send the shopper, within five minutes.
    pub h5_url: Option<String>,
}

/// How an order stands at WeChat Pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeState {
    /// Paid.
    Success,
    /// Paid, and something of it, not always all, was given back.
    Refund,
    /// Not paid yet.
    NotPay,
    /// Closed: it cannot be paid any more.
    Closed,
    /// Reversed (payment code).
    Revoked,
    /// The shopper is entering the password (payment code).
    UserPaying,
    /// The payment failed (payment code).
    PayError,
    /// Accepted and not decided (some documents).
    Accept,
}

/// An order as WeChat Pay tells it, in answers and callbacks.
#[derive(Clone, Debug, Deserialize)]
pub struct Transaction {
    /// The application.
    #[serde(alias = "sp_appid")]
    pub appid: Option<String>,
    /// The merchant, or the service provider.
    #[serde(alias = "sp_mchid")]
    pub mchid: Option<String>,
    /// The merchant behind the service provider.
    pub sub_mchid: Option<String>,
    /// Our number.
    pub out_trade_no: Option<String>,
    /// WeChat Pay's number, once it is paid.
    pub transaction_id: Option<String>,
    /// How it stands.
    pub trade_state: TradeState,
    /// The amount; absent before the shopper began, in some answers.
    pub amount: Option<TransactionAmount>,
    /// When it was paid.
    pub success_time: Option<String>,
}

/// An order's amount.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionAmount {
    /// Fen that the order is. `payer_total` is less where a coupon paid a part, and the merchant gets all.
    pub total: Option<i64>,
    /// The currency, CNY if absent.
    pub currency: Option<String>,
}

/// The values that an answer must match.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Our number.
    pub number: &'a str,
    /// Fen; None where the caller does not know it.
    pub total: Option<i64>,
}

impl Transaction {
    /// Compares merchant, application, number, amount and currency with what was asked.
    ///
    /// # Errors
    ///
    /// [`CallError::Mismatch`].
    pub fn check(&self, account: &Account, expected: Expected<'_>) -> Result<(), CallError> {
        let mismatch = |field| Err(CallError::Mismatch { field });
        let differs =
            |told: &Option<String>, own: &str| told.as_deref().is_some_and(|told| told != own);
        // An answer of a payment code that waits for the password names nothing but its state.
        let must_name = self.trade_state != TradeState::UserPaying;
        if must_name && self.mchid.is_none() || differs(&self.mchid, &account.merchant) {
            return mismatch("mchid");
        }
        if differs(&self.appid, &account.app_id) {
            return mismatch("appid");
        }
        let sub = account.sub.as_ref().map(|sub| sub.merchant.as_str());
        if self.sub_mchid.as_deref().is_some_and(|told| sub != Some(told))
            || (must_name && sub.is_some() && self.sub_mchid.is_none())
        {
            return mismatch("sub_mchid");
        }
        if must_name && self.out_trade_no.is_none() || differs(&self.out_trade_no, expected.number)
        {
            return mismatch("out_trade_no");
        }
        let currency = self.amount.as_ref().and_then(|amount| amount.currency.as_deref());
        if currency.is_some_and(|currency| currency != "CNY") {
            return mismatch("currency");
        }
        let told = self.amount.as_ref().and_then(|amount| amount.total);
        match (told, expected.total) {
            (Some(told), Some(total)) if told != total => mismatch("total"),
            (None, _) if matches!(self.trade_state, TradeState::Success | TradeState::Refund) => {
                mismatch("total")
            }
            _ => Ok(()),
        }
    }
}

/// How a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefundState {
    /// The shopper has it.
    Success,
    /// It was closed: it failed.
    Closed,
    /// It is on its way.
    Processing,
    /// It came back: the shopper's card is gone. A person chooses where it goes.
    Abnormal,
}

/// A refund as WeChat Pay tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct RefundAnswer {
    /// WeChat Pay's number.
    pub refund_id: String,
    /// Our number.
    pub out_refund_no: String,
    /// Our number of the payment.
    pub out_trade_no: Option<String>,
    /// How it stands; a callback calls it `refund_status`.
    #[serde(alias = "refund_status")]
    pub status: RefundState,
    /// The amounts.
    pub amount: RefundAmount,
    /// The merchant, in callbacks.
    #[serde(alias = "sp_mchid")]
    pub mchid: Option<String>,
    /// The merchant behind the service provider, in callbacks.
    pub sub_mchid: Option<String>,
}

/// A refund's amounts.
#[derive(Clone, Debug, Deserialize)]
pub struct RefundAmount {
    /// Fen that the payment was.
    pub total: i64,
    /// Fen that are given back.
    pub refund: i64,
    /// The currency, CNY if absent.
    pub currency: Option<String>,
}

impl RefundAnswer {
    /// Compares numbers, amounts and currency with what was asked.
    ///
    /// # Errors
    ///
    /// [`CallError::Mismatch`].
    pub fn check(
        &self,
        number: &str,
        payment: Option<&str>,
        amount: Option<i64>,
    ) -> Result<(), CallError> {
        let mismatch = |field| Err(CallError::Mismatch { field });
        if self.out_refund_no != number {
            return mismatch("out_refund_no");
        }
        if let (Some(told), Some(own)) = (self.out_trade_no.as_deref(), payment)
            && told != own
        {
            return mismatch("out_trade_no");
        }
        if amount.is_some_and(|amount| amount != self.amount.refund) {
            return mismatch("refund");
        }
        if self.amount.currency.as_deref().is_some_and(|currency| currency != "CNY") {
            return mismatch("currency");
        }
        Ok(())
    }
}

/// Where a bill is downloaded from.
#[derive(Clone, Debug, Deserialize)]
pub struct BillAddress {
    /// The address, valid for minutes.
    pub download_url: String,
    /// `SHA1`.
    pub hash_type: String,
    /// The hash of the unpacked file, in hexadecimal digits.
    pub hash_value: String,
}
