//! How a callback travels: one POST, no redirect followed, no proxy asked, five seconds, and the
//! beginning of the answer brought back.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header;
use jiff::fmt::rfc2822;
use lezai_core::time::Timestamp;
use reqwest::{Client, Url};

use crate::address::{Reach, Resolver, Unfit};
use crate::clock;

/// A receiver has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// So much of an answer's body is kept: enough to tell one error page from another.
const EXCERPT: usize = 256;

/// A callback on its way, signed.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it goes.
    pub url: Url,
    /// The header fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// How long she asks us to wait.
    pub retry_after_secs: Option<i64>,
    /// The first bytes of the body.
    pub excerpt: Vec<u8>,
}

impl From<u16> for Reply {
    fn from(status: u16) -> Self {
        Self { status, retry_after_secs: None, excerpt: Vec::new() }
    }
}

impl Reply {
    /// Whether the receiver took the callback.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there was no answer, without the address, which may carry a merchant's token.
pub type Unreached = String;

/// What takes callbacks to their receivers: the network, or a simulation of it.
pub trait Transport: Send + Sync {
    /// Sends one.
    fn send(
        &self,
        post: Post,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Unreached>> + Send + '_>>;
}

/// The network.
pub struct Http(Client);

impl Http {
    /// One that connects to what `reach` takes.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(reach: Reach) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name once more, and go where that leads.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(reach)))
            .user_agent(concat!("lezai/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }
}

impl Transport for Http {
    fn send(
        &self,
        post: Post,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Unreached>> + Send + '_>> {
        Box::pin(async move {
            let mut request = self.0.post(post.url).body(post.body);
            for (name, value) in post.fields {
                request = request.header(name, value);
            }
            let mut response = request.send().await.map_err(|error| why(&error))?;
            let retry_after = response.headers().get(header::RETRY_AFTER);
            let retry_after_secs =
                retry_after.and_then(|it| retry_after_secs(it.to_str().ok()?, clock::now()));
            let mut excerpt = Vec::new();
            // The status is the answer; a body that breaks off takes nothing from it.
            while let Ok(Some(chunk)) = response.chunk().await {
                excerpt.extend_from_slice(&chunk);
                if excerpt.len() >= EXCERPT {
                    excerpt.truncate(EXCERPT);
                    break;
                }
            }
            Ok(Reply { status: response.status().as_u16(), retry_after_secs, excerpt })
        })
    }
}

fn why(error: &reqwest::Error) -> Unreached {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(unfit) = inner.downcast_ref::<Unfit>() {
            return unfit.to_string();
        }
        source = inner.source();
    }
    if error.is_timeout() {
        "the receiver did not answer in time"
    } else {
        "the receiver cannot be reached"
    }
    .to_owned()
}

/// The field `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after_secs(value: &str, now: Timestamp) -> Option<i64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // What does not fit is for ever, which the courier bounds.
        return Some(value.parse().unwrap_or(i64::MAX));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some((date.as_second() - now.as_secs()).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        // Wed, 18 Nov 2026 11:06:40 GMT
        let now = Timestamp::from_secs(1_795_000_000);
        for (value, secs) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(i64::MAX)),
            ("Wed, 18 Nov 2026 11:08:40 GMT", Some(120)),
            ("Wed, 18 Nov 2026 10:00:00 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after_secs(value, now), secs, "{value}");
        }
    }
}
