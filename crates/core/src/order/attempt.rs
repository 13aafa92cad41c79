//! A try to pay, and what its channel gave for it.

use serde::{Deserialize, Serialize};

use crate::id::AttemptId;
use crate::instalments::Plan;
use crate::routing::Routed;
use crate::time::Timestamp;

/// One try to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Our id of it, at the channel too.
    pub id: AttemptId,
    /// The method the shopper chose.
    pub method: String,
    /// The channel that was asked.
    pub channel: String,
    /// The merchant's own account there that it is made to; absent if it is made to ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<DirectAccount>,
    /// The plan that the shopper chose, if it is paid in monthly parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalments: Option<Plan>,
    /// When the shopper chose. [`crate::order::step`] writes it; records of earlier releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// Whether a till scanned a code for it. Once it is given up, such an attempt is reversed and never pays the
    /// order: the shopper may have paid before the reversal reaches the channel.
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_code: bool,
    /// Why this channel was asked; records of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Attempt {
    /// When it was begun, the same for each call to the channel.
    pub fn begun(&self) -> Timestamp {
        self.begun_at.unwrap_or_else(|| self.id.made_at())
    }
}

/// A merchant's own account at a channel, as an attempt was made with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectAccount {
    /// The account as the channel names it: another version of its keys is the same account.
    pub account: String,
    /// The version of the merchant's credentials.
    pub version: u32,
}

/// Why a channel declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// A stable word, such as `shopper_declined`.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// A channel's offer: a credential to pay by, and its expiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The credential that the shopper pays by.
    pub credential: Credential,
    /// From when on it begins no payment any more; absent if it ends with the order. Who began in time
    /// may still finish, and what comes of that is taken or returned as any late payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The credential by which a shopper pays with the method chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// A text to show as a QR code, which the shopper's wallet scans.
    Qr {
        /// The text.
        qr: String,
    },
    /// An address to send the shopper to.
    Redirect {
        /// The address.
        redirect_url: String,
    },
    /// The parameters of `wx.requestPayment` in a WeChat mini-program, and of a page's call in WeChat's browser,
    /// signed by WeChat Pay's merchant.
    WechatJsapi {
        /// The mini-program or official account that the page belongs to.
        app_id: String,
        /// Seconds since the epoch, as a text.
        time_stamp: String,
        /// At most 32 characters.
        nonce_str: String,
        /// `prepay_id=…`
        package: String,
        /// `RSA`.
        sign_type: String,
        /// The signature over these, base64.
        pay_sign: String,
    },
    /// The parameters of `my.tradePay` in an Alipay mini-program.
    AlipayMini {
        /// Alipay's number of the trade.
        trade_no: String,
    },
    /// The parameters of `tt.pay` in a Douyin mini-program.
    DouyinMini {
        /// Douyin's number of the order.
        order_id: String,
        /// The token that opens it, once.
        order_token: String,
    },
}
