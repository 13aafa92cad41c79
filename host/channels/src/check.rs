//! A signed question about an order that does not exist. Its answer proves the keys of both sides, and changes
//! nothing.

use crate::outcome::CallError;
use crate::surroundings::{self, Surroundings};
use crate::unionpay::answer::State;
use crate::unionpay::call::{Named, Product};
use crate::wechat::answer::Expected;
use crate::{alipay, unionpay, wechat};

/// Why credentials are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailed {
    /// The provider refuses them, or its answer cannot be verified by them.
    #[error("{0}")]
    Refused(String),
    /// The provider did not answer, so nothing is known of them.
    #[error("{0}")]
    Unanswered(String),
}

impl From<CallError> for CheckFailed {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        match error {
            CallError::NotSent(_) => Self::Unanswered(text),
            // An answer whose signature is wrong is unknown as well: it may be the key that is.
            CallError::Unknown(_) | CallError::Refused(_) | CallError::Mismatch { .. } => {
                Self::Refused(text)
            }
        }
    }
}

fn number(surroundings: &dyn Surroundings) -> Result<String, CheckFailed> {
    surroundings::nonce(surroundings).map_err(|error| CheckFailed::Unanswered(error.to_string()))
}

/// It read the request, knew us, and has no such order.
fn not_found(told: Result<(), CallError>) -> Result<(), CheckFailed> {
    match told {
        Err(CallError::Refused(refusal)) if refusal.word == "not_found" => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Err(CheckFailed::Refused("an order was found that nobody made".to_owned())),
    }
}

/// Asks WeChat Pay.
///
/// # Errors
///
/// [`CheckFailed`].
pub async fn wechat(
    client: &wechat::client::Client,
    surroundings: &dyn Surroundings,
) -> Result<(), CheckFailed> {
    // An error of WeChat Pay's may come unsigned. What is signed proves the platform's key and, where
    // certificates are used, the APIv3 key. First, for without certificates nothing else is asked, and a
    // refusal of them says why.
    if client.account().download_certificates {
        client.download_certificates().await?;
    }
    let number = number(surroundings)?;
    let expected = Expected { number: &number, total: None };
    not_found(client.query(expected).await.map(drop))
}

/// Asks Alipay.
///
/// # Errors
///
/// [`CheckFailed`].
pub async fn alipay(
    client: &alipay::client::Client,
    surroundings: &dyn Surroundings,
) -> Result<(), CheckFailed> {
    let number = number(surroundings)?;
    not_found(client.query(&number, None).await.map(drop))
}

/// Asks UnionPay.
///
/// # Errors
///
/// [`CheckFailed`].
pub async fn unionpay(
    client: &unionpay::client::Client,
    surroundings: &dyn Surroundings,
) -> Result<(), CheckFailed> {
    let number = number(surroundings)?;
    let named = Named { product: Product::Code, number, at: surroundings.now() };
    match client.query(&named).await? {
        State::Unknown => Ok(()),
        _ => Err(CheckFailed::Refused("an order was found that nobody made".to_owned())),
    }
}
