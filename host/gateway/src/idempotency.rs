//! `Idempotency-Key` as in the IETF draft (draft-ietf-httpapi-idempotency-key-header): the first
//! answer to a key is kept in the commit that did the work, so it is there exactly if the work is,
//! and a repeat gets it byte for byte.

use lezai_core::id::MerchantId;
use lezai_core::signature::Verified;
use lezai_core::time::Timestamp;
use serde::Serialize;

use crate::cluster::nonces;
use crate::node::Node;
use lezai_store as store;
use lezai_store::{IdempotencyKey, Scope, StoreError, StoredResponse, Tx, View};
use lezai_traces::Kind;
use lezai_wire::problem::{Code, Problem};

/// A key is remembered for a day; after that it counts as new.
pub const RETENTION_SECS: i64 = 86_400;
/// As long as the longest key that a client library makes, and some.
const MAX_KEY: usize = 255;

/// A request that can be repeated: its key, what it asks, and who signed it.
#[derive(Clone, Debug)]
pub struct IdempotentRequest {
    /// Whose key it is, and the key.
    pub key: IdempotencyKey,
    /// The fingerprint of the request.
    pub fingerprint: String,
    /// Whose nonce it takes; none where a token proves who asks.
    pub signer: Option<Signer>,
    /// Whose rows it writes.
    pub writes: Scope,
}

/// The outcome of a request that may have been sent before.
pub enum Outcome<T> {
    /// It was done now.
    Now(T),
    /// It was done before: the first response, byte for byte.
    Before(ApiResponse),
}

/// The signer of a request, and the nonce of its signature.
#[derive(Clone, Debug)]
pub struct Signer {
    keyid: String,
    nonce: String,
}

impl<T> From<&Verified<T>> for Signer {
    fn from(verified: &Verified<T>) -> Self {
        Self { keyid: verified.keyid().to_owned(), nonce: verified.nonce().to_owned() }
    }
}

impl Signer {
    /// Takes the request's nonce in the commit that it leads to.
    ///
    /// # Errors
    ///
    /// `nonce_reused`.
    pub fn take_nonce(&self, tx: &dyn Tx, wall: Timestamp) -> Result<(), Problem> {
        nonces::take_for_good(tx, &self.keyid, &self.nonce, wall)
    }

    /// A signer whom nobody verified: for the simulator, which speaks over no wire.
    pub fn simulated(keyid: &str, nonce: String) -> Self {
        Self { keyid: keyid.to_owned(), nonce }
    }
}

/// An answer to such a request.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    status: u16,
    body: Vec<u8>,
    /// It was given before.
    pub repeated: bool,
}

impl IdempotentRequest {
    /// Does the request's work in one commit, once: the nonce is taken, the first response is given if there was
    /// one, and else the answer of `work` is kept with all that it wrote.
    ///
    /// # Errors
    ///
    /// `nonce_reused`, `idempotency_key_reused`, and those of `work`.
    pub async fn commit<T: Send + 'static>(
        self,
        node: &Node,
        work: impl FnOnce(&dyn Tx) -> Result<(ApiResponse, T), Problem> + Send + 'static,
    ) -> Result<Outcome<(ApiResponse, T)>, Problem> {
        let (now, wall) = (node.clock.now(), node.clock.wall());
        let part = lezai_traces::part("commit", Kind::Inside);
        let done = store::write(&node.store, self.writes.clone(), move |tx| {
            if let Some(first) = self.begin(tx, wall)? {
                return Ok(Outcome::Before(first));
            }
            let (answer, value) = work(tx)?;
            self.keep(tx, &answer, now)?;
            Ok(Outcome::Now((answer, value)))
        });
        part.ended(done.await, |problem: &Problem| problem.code().as_str().to_owned())
    }

    /// Begins a request whose work takes more than one commit, with the first of them. It ends with
    /// [`IdempotentRequest::finish`]; should the process die before that, a repeat begins again.
    ///
    /// # Errors
    ///
    /// As of [`IdempotentRequest::commit`].
    pub async fn start<T: Send + 'static>(
        &self,
        node: &Node,
        work: impl FnOnce(&dyn Tx) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Outcome<T>, Problem> {
        let (request, wall) = (self.clone(), node.clock.wall());
        let part = lezai_traces::part("commit", Kind::Inside);
        let begun = store::write(&node.store, self.writes.clone(), move |tx| {
            match request.begin(tx, wall)? {
                Some(first) => Ok(Outcome::Before(first)),
                None => work(tx).map(Outcome::Now),
            }
        });
        part.ended(begun.await, |problem: &Problem| problem.code().as_str().to_owned())
    }

    /// Keeps the answer to a request that was begun by [`IdempotentRequest::start`]; if another one was kept meanwhile,
    /// that one stands.
    ///
    /// # Errors
    ///
    /// `internal`.
    pub async fn finish(self, node: &Node, answer: ApiResponse) -> Result<ApiResponse, Problem> {
        let now = node.clock.now();
        store::write(&node.store, self.writes.clone(), move |tx| {
            match self.stored_response(tx)? {
                Some(first) => Ok(first),
                None => {
                    self.keep(tx, &answer, now)?;
                    Ok(answer)
                }
            }
        })
        .await
    }

    /// Whether the request is a repeat.
    ///
    /// # Errors
    ///
    /// `idempotency_key_reused`.
    pub async fn was_answered(&self, node: &Node) -> Result<bool, Problem> {
        let request = self.clone();
        let read = move |view: &dyn View| Ok(request.stored_response(view));
        let first = match &self.writes {
            Scope::Merchant(merchant) => store::read_of(&node.store, merchant, read).await??,
            Scope::Gateway | Scope::Background => store::read(&node.store, read).await??,
        };
        Ok(first.is_some())
    }

    /// The same request, on a merchant's rows.
    #[must_use]
    pub fn on(self, merchant: &MerchantId) -> Self {
        Self { writes: Scope::Merchant(merchant.clone()), ..self }
    }

    /// The nonce is taken before the first response is given, or a replay would be answered, too.
    fn begin(&self, tx: &dyn Tx, wall: Timestamp) -> Result<Option<ApiResponse>, Problem> {
        if let Some(signer) = &self.signer {
            signer.take_nonce(tx, wall)?;
        }
        self.stored_response(tx)
    }

    fn stored_response<V: View + ?Sized>(&self, view: &V) -> Result<Option<ApiResponse>, Problem> {
        match view.stored_response(&self.key)? {
            None => Ok(None),
            Some(first) if first.fingerprint == self.fingerprint => {
                Ok(Some(ApiResponse { status: first.status, body: first.body, repeated: true }))
            }
            Some(_) => Err(Problem::new(
                Code::IdempotencyKeyReused,
                "this key was used for another request; use a new key for a new request, and the same bytes for a repeat",
            )),
        }
    }

    fn keep(&self, tx: &dyn Tx, answer: &ApiResponse, now: Timestamp) -> Result<(), StoreError> {
        let first = StoredResponse {
            fingerprint: self.fingerprint.clone(),
            status: answer.status,
            body: answer.body.clone(),
        };
        tx.save_response(&self.key, &first, now)
    }
}

impl ApiResponse {
    /// A JSON answer.
    ///
    /// # Errors
    ///
    /// `internal`, should it not encode.
    pub fn json(status: u16, view: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(view).map_err(Problem::internal)?;
        Ok(Self { status, body, repeated: false })
    }
}

impl ApiResponse {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, to be sent.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// The key in a header field: the draft's quoted string (RFC 9651), or the same without quotes.
///
/// # Errors
///
/// `idempotency_key_missing`, `idempotency_key_invalid`.
pub fn parse_key(field: Option<&str>) -> Result<String, Problem> {
    let missing = || {
        Problem::new(
            Code::IdempotencyKeyMissing,
            "send an Idempotency-Key with every POST, such as a UUID in quotes",
        )
    };
    let field = field.ok_or_else(missing)?.trim();
    let key = match field.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').unwrap_or_default(),
        None => field,
    };
    let allowed = |b: u8| b.is_ascii_graphic() && !b"\"\\,;".contains(&b);
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(allowed) {
        let detail =
            "an Idempotency-Key is 1 to 255 visible ASCII characters in quotes, without \" \\ , ;";
        return Err(Problem::new(Code::IdempotencyKeyInvalid, detail));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_or_without_quotes() {
        for (field, key) in [
            (Some("\"8e03978e-40d5-43dd\""), Ok("8e03978e-40d5-43dd")),
            (Some("8e03978e-40d5-43dd"), Ok("8e03978e-40d5-43dd")),
            (Some(" k "), Ok("k")),
            (None, Err(Code::IdempotencyKeyMissing)),
            (Some(""), Err(Code::IdempotencyKeyInvalid)),
            (Some("\"\""), Err(Code::IdempotencyKeyInvalid)),
            (Some("\"a"), Err(Code::IdempotencyKeyInvalid)),
            (Some("a b"), Err(Code::IdempotencyKeyInvalid)),
            (Some("\"a\", \"b\""), Err(Code::IdempotencyKeyInvalid)),
            (Some("ключ"), Err(Code::IdempotencyKeyInvalid)),
        ] {
            let parsed = parse_key(field).map_err(|problem| problem.code());
            assert_eq!(parsed.as_deref().map_err(|code| *code), key, "{field:?}");
        }
    }
}
