//! Tries a merchant's receiver out: one good callback, one forged, and the good one again. It says
//! what the receiver answered, and what that means; whether it acted twice on what came twice,
//! nobody can see from outside.

use lezai_core::id::EventId;
use lezai_wire::time::rfc3339;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::Callbacks;
use super::transport::{Post, Transport, Unreached};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::merchants::Merchant;
use lezai_wire::problem::{Code, Problem};

/// The result of testing a receiver.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report {
    /// Always `endpoint_test`.
    object: &'static str,
    /// Where the callbacks went.
    url: String,
    /// Whether each was answered as it should be.
    passed: bool,
    /// The good one, the forged one, the repeat.
    callbacks: Vec<Finding>,
}

/// A receiver's answer to one test callback.
#[derive(Debug, Serialize, ToSchema)]
pub struct Finding {
    /// `good`, `forged` or `duplicate`.
    kind: &'static str,
    /// The status code that it answered with.
    status: Option<u16>,
    /// Why there was no answer, in a word: docs/callbacks.md has them all.
    error: Option<&'static str>,
    /// Until the answer, or until there was none.
    latency_ms: u64,
    /// Whether that is right.
    right: bool,
    /// The meaning, in words.
    note: &'static str,
}

impl Callbacks {
    /// Sends the three, one after the other; once for its idempotency key.
    ///
    /// # Errors
    ///
    /// `missing_field` without an address; `notify_url_refused`; `rate_limited` while another such call
    /// of the merchant's runs.
    pub async fn test_receiver(
        &self,
        merchant: &Merchant,
        url: Option<String>,
        key: IdempotentRequest,
    ) -> Result<ApiResponse, Problem> {
        let _turn = self.node.cluster.turns.heavy(&merchant.record.id)?;
        if let Outcome::Before(first) = key.start(&self.node, |_| Ok(())).await? {
            return Ok(first);
        }
        let answer = ApiResponse::json(200, &self.report(merchant, url).await?)?;
        // Should we be killed before this, the same request tries the receiver once more.
        key.finish(&self.node, answer).await
    }

    async fn report(&self, merchant: &Merchant, url: Option<String>) -> Result<Report, Problem> {
        let url = url.or_else(|| merchant.record.notify_url.clone());
        let url = url.ok_or_else(|| {
            Problem::new(Code::MissingField, "the merchant has no address for callbacks; name one")
                .with("field", "notify_url")
        })?;
        let parsed = self.address(merchant, &url)?;
        let now = self.node.clock.now();
        let id = EventId::new(now, self.node.entropy.bytes()).to_string();
        let body = json!({
            "id": id, "type": "endpoint.test", "created_at": rfc3339(now),
            "merchant": merchant.record.id, "sequence": 0, "data": {},
        });
        let body = body.to_string().into_bytes();
        // Another event under the good one's signatures: both of them fail, so whichever it verifies.
        let other = String::from_utf8_lossy(&body).replace("endpoint.test", "endpoint.fake");
        let mut callbacks = Vec::with_capacity(3);
        for (kind, sent) in [("good", &body), ("forged", &other.into_bytes()), ("duplicate", &body)]
        {
            let finding = {
                let fields =
                    self.signed_fields(merchant, &id, &body, &parsed, self.node.clock.wall());
                let fields = fields.map_err(Problem::internal)?;
                send(
                    &*self.transport,
                    kind,
                    Post { url: parsed.clone(), fields, body: sent.clone() },
                )
                .await
            };
            callbacks.push(finding);
        }
        let passed = callbacks.iter().all(|it| it.right);
        Ok(Report { object: "endpoint_test", url: parsed.into(), passed, callbacks })
    }
}

async fn send(transport: &dyn Transport, kind: &'static str, post: Post) -> Finding {
    let begun = Instant::now();
    let reply = transport.send(post).await;
    let latency_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, error) = match reply {
        Ok(reply) => (Some(reply.status), None),
        Err(why) => (None, Some(why)),
    };
    let (right, note) = match error {
        Some(why) => (false, why.meaning()),
        None => judge(kind, status),
    };
    let error = error.map(Unreached::as_str);
    Finding { kind, status, error, latency_ms, right, note }
}

fn judge(kind: &str, status: Option<u16>) -> (bool, &'static str) {
    match (kind, status) {
        (_, None) => (false, "there was no answer"),
        ("good", Some(200..=299)) => (true, "taken, as it should be"),
        ("good", Some(300..=399)) => (false, "redirects are not followed: give the last address"),
        ("good", Some(401 | 403)) => {
            (false, "refused: is the secret or the gateway's key another one, or the clock wrong?")
        }
        ("good", Some(_)) => {
            (false, "not taken: types that are not known are to be taken and ignored")
        }
        ("forged", Some(200..=299)) => (
            false,
            "taken, though neither signature fits: whoever knows the address can forge payments",
        ),
        ("forged", Some(400..=499)) => (true, "refused, as it should be"),
        ("forged", Some(_)) => (false, "neither taken nor refused: answer 401"),
        (_, Some(200..=299)) => (
            true,
            "taken, as it should be; whether it was acted on twice, only the receiver's records tell",
        ),
        (_, Some(_)) => {
            (false, "refused, so that it would be sent for a day: answer a repeat with 200")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_judged_by_what_it_answers() {
        for (status, right) in [
            (None, [false, false, false]),
            (Some(204), [true, false, true]),
            (Some(302), [false, false, false]),
            (Some(401), [false, true, false]),
            (Some(409), [false, true, false]),
            (Some(500), [false, false, false]),
        ] {
            let judged = ["good", "forged", "duplicate"].map(|kind| judge(kind, status).0);
            assert_eq!(judged, right, "{status:?}");
        }
    }
}
