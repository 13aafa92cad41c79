//! Callbacks. They are hints: what they say is asked for again before money is booked.

use serde::Deserialize;

use crate::http::Headers;
use crate::wechat::account::Account;
use crate::wechat::answer::{RefundAnswer, Transaction};
use crate::wechat::resource::{Encrypted, Undecryptable};
use crate::wechat::verify::{PlatformKeys, Unverified};

/// A callback that was verified and decrypted.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its id; a repeat has the same.
    pub id: String,
    /// Such as `TRANSACTION.SUCCESS`.
    pub event: String,
    /// The object that it is about.
    pub content: Content,
}

/// The object that a callback is about.
#[derive(Clone, Debug)]
pub enum Content {
    /// A payment.
    Payment(Transaction),
    /// A refund.
    Refund(RefundAnswer),
    /// Something that nobody here asked for.
    Other,
}

/// A callback that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNotice {
    /// It is not WeChat Pay's.
    #[error("{0}")]
    Unverified(#[from] Unverified),
    /// Its resource cannot be decrypted: the APIv3 key was changed.
    #[error("{0}")]
    Undecryptable(#[from] Undecryptable),
    /// It has another shape.
    #[error("the callback is unreadable")]
    Unreadable,
    /// It is about another merchant.
    #[error("the callback is about another merchant")]
    ForAnother,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    event_type: String,
    resource: Encrypted,
}

/// Verifies, decrypts and reads a callback, as it came.
///
/// # Errors
///
/// [`BadNotice`].
pub fn read(
    account: &Account,
    keys: &PlatformKeys,
    headers: &Headers,
    body: &[u8],
    now: i64,
) -> Result<Notice, BadNotice> {
    keys.verify(headers, body, now)?;
    let Envelope { id, event_type, resource } =
        serde_json::from_slice(body).map_err(|_| BadNotice::Unreadable)?;
    let content = match event_type.split('.').next() {
        Some("TRANSACTION") => {
            let plain = resource.decrypt(&account.api_v3_key)?;
            let payment: Transaction = json(&plain)?;
            check_merchant(account, payment.mchid.as_ref(), payment.sub_mchid.as_ref())?;
            Content::Payment(payment)
        }
        Some("REFUND") => {
            let plain = resource.decrypt(&account.api_v3_key)?;
            let refund: RefundAnswer = json(&plain)?;
            check_merchant(account, refund.mchid.as_ref(), refund.sub_mchid.as_ref())?;
            Content::Refund(refund)
        }
        _ => Content::Other,
    };
    Ok(Notice { id, event: event_type, content })
}

fn json<T: serde::de::DeserializeOwned>(plain: &[u8]) -> Result<T, BadNotice> {
    serde_json::from_slice(plain).map_err(|_| BadNotice::Unreadable)
}

fn check_merchant(
    account: &Account,
    merchant: Option<&String>,
    sub: Option<&String>,
) -> Result<(), BadNotice> {
    let ours =
        merchant == Some(&account.merchant) && sub == account.sub.as_ref().map(|sub| &sub.merchant);
    if ours { Ok(()) } else { Err(BadNotice::ForAnother) }
}
