//! UnionPay's gateway (银联全渠道), version 5.1.0: QR codes that the shopper scans, and codes that the till scans.
//!
//! | module | owns |
//! |---|---|
//! | [`account`] | a merchant's number and keys, and how they are configured |
//! | [`chain`] | the certificate that each message brings, up to the root |
//! | [`message`] | forms: sorted, signed, verified, read |
//! | [`call`] | the calls, as members of a form |
//! | [`answer`] | answers, and what a query tells |
//! | [`errors`] | the table of errors |
//! | [`file`] | the file of a day's transactions, out of what it is packed in |
//! | [`channel`] | the channel `unionpay` |
//! | [`client`] | the calls over a transport |
//!
//! UnionPay knows a transaction by our number **and** the time that we sent it with (`orderId`, `txnTime`). Both
//! follow from our records, so a repeat is the same transaction.
//!
//! Sources: the comments of UnionPay's own samples, its code tables, and messages that its test gateway signed, as
//! docs/channels.md lists them. No SDK of others judges this protocol: those that can be installed sign it wrongly.

pub mod account;
pub mod answer;
pub mod call;
pub mod chain;
pub mod channel;
pub mod client;
pub mod errors;
pub mod file;
pub mod message;

/// Where UnionPay answers.
pub const BASE_URL: &str = "https://gateway.95516.com";
/// Where its files are.
pub const FILE_URL: &str = "https://filedownload.95516.com";
