//! Callbacks: a form, signed over its sorted and decoded members. They are hints: what they say is asked
//! for again before money is booked.

use crate::alipay::account::Account;
use crate::alipay::answer::TradeStatus;
use crate::form;
use crate::yuan;

/// The reply to a callback, once its work is committed: these seven bytes and no other.
pub const ACCEPTED: &str = "success";
/// The reply otherwise. Alipay sends the callback again.
pub const FAILED: &str = "failure";
/// More members than Alipay ever sends.
const MEMBERS_MAX: usize = 200;

/// A callback that was verified.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its id; a repeat has the same.
    pub id: String,
    /// Our number of the payment.
    pub number: String,
    /// Alipay's number.
    pub trade_no: String,
    /// How the trade stands, as it says.
    pub status: Option<TradeStatus>,
    /// Fen of the trade.
    pub total: Option<i64>,
    /// Our number of the refund, where one is meant.
    pub refund: Option<String>,
}

/// A callback that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNotice {
    /// It is not a form, or has a member twice.
    #[error("the callback is unreadable")]
    Unreadable,
    /// It is not Alipay's.
    #[error("the signature is missing or wrong")]
    Unverified,
    /// It is about another application or merchant.
    #[error("the callback is about another {0}")]
    ForAnother(&'static str),
}

/// Verifies and reads a callback, as it came.
///
/// # Errors
///
/// [`BadNotice`].
pub fn read(account: &Account, body: &[u8], now: i64) -> Result<Notice, BadNotice> {
    let form = Form::parse(body)?;
    form.verify(account, now)?;
    // In service-provider mode `app_id` is the provider's and `auth_app_id` the merchant's.
    if form.text("app_id") != Some(account.app_id.as_str()) {
        return Err(BadNotice::ForAnother("app_id"));
    }
    if form.text("seller_id").is_some_and(|seller| seller != account.seller_id) {
        return Err(BadNotice::ForAnother("seller_id"));
    }
    let text = |name| form.text(name).map(str::to_owned);
    Ok(Notice {
        id: text("notify_id").unwrap_or_default(),
        number: text("out_trade_no").unwrap_or_default(),
        trade_no: text("trade_no").unwrap_or_default(),
        status: form.text("trade_status").and_then(status),
        total: form.text("total_amount").and_then(yuan::to_fen),
        refund: text("out_biz_no").filter(|_| form.text("refund_fee").is_some()),
    })
}

fn status(text: &str) -> Option<TradeStatus> {
    match text {
        "WAIT_BUYER_PAY" => Some(TradeStatus::WaitBuyerPay),
        "TRADE_CLOSED" => Some(TradeStatus::TradeClosed),
        "TRADE_SUCCESS" => Some(TradeStatus::TradeSuccess),
        "TRADE_FINISHED" => Some(TradeStatus::TradeFinished),
        _ => None,
    }
}

/// A form as bytes: its character set may be GBK, and the signature is over those bytes.
struct Form(form::Members);

impl Form {
    fn parse(body: &[u8]) -> Result<Self, BadNotice> {
        form::parse(body, MEMBERS_MAX).map(Self).ok_or(BadNotice::Unreadable)
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        let member = self.0.iter().find(|(member, _)| member == name.as_bytes());
        member.map(|(_, value)| value.as_slice())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    fn verify(&self, account: &Account, now: i64) -> Result<(), BadNotice> {
        let signature = self.text("sign").ok_or(BadNotice::Unverified)?;
        let keys = account.keys(now);
        let fits = |text: &[u8]| keys.iter().any(|key| key.verify(text, signature).is_ok());
        // Of trades the signature leaves `sign_type` out. Other kinds sign it too; they are none of
        // ours to act on, but their signature is right.
        if fits(&self.signed(false))
            || (self.get("trade_status").is_none() && fits(&self.signed(true)))
        {
            return Ok(());
        }
        Err(BadNotice::Unverified)
    }

    fn signed(&self, with_sign_type: bool) -> Vec<u8> {
        let mut text = Vec::new();
        for (name, value) in &self.0 {
            let left_out = name == b"sign" || (name == b"sign_type" && !with_sign_type);
            if left_out || value.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push(b'&');
            }
            text.extend_from_slice(name);
            text.push(b'=');
            text.extend_from_slice(value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_once() {
        let form = Form::parse(b"b=1%2B1+%3D+2&a=%25E6&c=").unwrap();
        assert_eq!(form.text("b"), Some("1+1 = 2"));
        assert_eq!(form.text("a"), Some("%E6"));
        assert_eq!(form.signed(false), b"a=%E6&b=1+1 = 2");
        for wrong in [&b""[..], b"a=1&a=2", b"a=%4", b"a=%zz", b"a=%+1", b"&"] {
            assert!(Form::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
