//! The shopper's identity at the platform whose mini-program or page takes the payment. A channel needs it
//! to make the payment; no rule sees it, and nothing is decided by it.

use serde::{Deserialize, Serialize};

/// The shopper as platforms know them, told by the merchant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payer {
    /// The `openid` under the application that WeChat Pay has bound to the merchant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_openid: Option<String>,
    /// Alipay's `buyer_open_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alipay_open_id: Option<String>,
    /// Alipay's `buyer_id`, 2088…, under older applications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alipay_user_id: Option<String>,
}
