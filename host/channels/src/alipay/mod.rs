//! Alipay's open platform, gateway version 2 with RSA2.
//!
//! | module | owns |
//! |---|---|
//! | [`account`] | an application's identity and keys, and how they are configured |
//! | [`sign`] | the sorted form that is signed, and requests made of it |
//! | [`names`] | what certificates are named by |
//! | [`answer`] | answers: the signature over the raw text of a member, codes, trades, refunds |
//! | [`call`] | the calls, as a method's name and its content |
//! | [`notice`] | callbacks |
//! | [`errors`] | the table of errors |
//! | [`channel`] | the channel `alipay` |
//! | [`client`] | the calls over a transport |
//!
//! Sources: the official SDKs (alipay-sdk-nodejs-all, alipay-sdk-java-all, alipay-sdk-python-all) and
//! opendocs.alipay.com, as docs/channels.md lists them.

pub mod account;
pub mod answer;
pub mod call;
pub mod channel;
pub mod client;
pub mod errors;
pub mod names;
pub mod notice;
pub mod sign;

/// Where Alipay answers.
pub const GATEWAY_URL: &str = "https://openapi.alipay.com/gateway.do";
