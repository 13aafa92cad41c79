//! WeChat Pay, APIv3.
//!
//! | module | owns |
//! |---|---|
//! | [`account`] | a merchant's or service provider's identity and keys, and how they are configured |
//! | [`sign`] | `WECHATPAY2-SHA256-RSA2048`: signing a request, and what the shopper's page gets |
//! | [`verify`] | answers and callbacks: signature, age, the keys of the platform |
//! | [`resource`] | AES-256-GCM of callbacks and certificates |
//! | [`call`] | the calls, as method, target and body |
//! | [`answer`] | what answers say: transactions, refunds, errors |
//! | [`notice`] | callbacks |
//! | [`errors`] | the table of errors |
//! | [`client`] | the calls over a transport: sign, send, verify, read |
//! | [`channel`] | the channel `wechat`
//!
//! Sources: the official SDKs (wechatpay-go, wechatpay-java, wechatpay-php) and pay.weixin.qq.com, as
//! docs/channels.md lists them.

pub mod account;
pub mod answer;
pub mod call;
pub mod channel;
pub mod client;
pub mod errors;
pub mod notice;
pub mod resource;
pub mod sign;
pub mod verify;

/// Where WeChat Pay answers.
pub const BASE_URL: &str = "https://api.mch.weixin.qq.com";
