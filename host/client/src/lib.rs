//! A client of the public API: what any merchant's server needs. It signs each request and
//! verifies the signature of each answer. It knows nothing of the gateway but its address and its
//! public key.

#![forbid(unsafe_code)]

pub mod callback;

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::digest::content_digest;
use lezai_core::key::{Jwk, VerifyingKey};
use lezai_core::signature::{
    Answer as AnswerParts, Input, Message, Params, Request as RequestParts, SignatureError, Tag,
    sign_base_with,
};
use lezai_core::time::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;

use lezai_base::clock;
use lezai_base::entropy;
use lezai_base::merchant_key::MerchantKey;
use lezai_base::native_key::NativeVerifyingKey;
use lezai_base::url::{authority, is_loopback};

/// Longer than the gateway takes for anything; after it, what the gateway did is unknown.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Above the largest page of a list, `page::BYTES_MAX`.
pub const MAX_ANSWER: usize = 1 << 20;
/// Where a gateway publishes the key that it signs with.
const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Signs requests of one merchant to one gateway.
pub struct Client {
    http: reqwest::Client,
    origin: Url,
    key: MerchantKey,
    keyid: String,
    gateway_key: Option<VerifyingKey>,
}

/// A request that is signed and not yet sent. It is good for five minutes, once.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    method: Method,
    url: Url,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
    base: String,
}

/// The gateway's response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields: lowercase names and values, line by line, but those that are not ASCII.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it is the gateway's own word.
    pub trust: Trust,
}

/// Whether an answer is the gateway's own word, and one to this very request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its signature verifies with the gateway's key.
    Verified,
    /// The client was given no key of the gateway's.
    Unchecked,
    /// Its signature does not verify: somebody between may have changed it.
    Refused(Distrust),
}

/// Why an answer is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// It names another key than the one that the client was given.
    #[error("the answer is signed with another key, {0}: is this the gateway that was meant?")]
    OtherKey(String),
    /// The signature is missing or wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A problem that the gateway answered with (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    /// A stable word.
    pub code: String,
    /// A sentence on what would be right.
    pub detail: String,
    /// Whether to send the request again.
    pub retry: Retry,
}

/// The gateway's word on whether to send a request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// The same request with the same idempotency key can succeed.
    SameKey,
    /// Ask how things stand first.
    QueryFirst,
    /// Later; nothing was done.
    Later,
    /// A word that this client does not know yet.
    #[serde(other)]
    Unknown,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The request cannot be made as asked. Nothing was sent.
    #[error("{0}")]
    Misuse(String),
    /// No answer, or not in time. What the gateway did is unknown: send the same body again with
    /// the same idempotency key.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that cannot be one of the gateway's: larger than a mebibyte, or no key where a key
    /// was asked for.
    #[error("{0}")]
    Nonsense(String),
}

impl Client {
    /// A client that signs as `keyid` with `key`. With `gateway_key` it checks each answer.
    ///
    /// # Errors
    ///
    /// [`ClientError::Misuse`] unless `base_url` is an http or https address without a path.
    pub fn new(
        base_url: &str,
        key: impl Into<MerchantKey>,
        keyid: impl Into<String>,
        gateway_key: Option<VerifyingKey>,
    ) -> Result<Self, ClientError> {
        let origin = parse_origin(base_url)?;
        Ok(Self { http: http(&origin)?, origin, key: key.into(), keyid: keyid.into(), gateway_key })
    }

    /// Signs a request and sends it. A body is JSON; a POST needs an idempotency key.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]. A problem that the gateway answers with is an [`Answer`].
    pub async fn request(
        &self,
        method: &str,
        path_and_query: &str,
        body: Option<Vec<u8>>,
        idempotency_key: Option<&str>,
    ) -> Result<Answer, ClientError> {
        self.send(&self.sign(method, path_and_query, body, idempotency_key)?).await
    }

    /// Signs a request.
    ///
    /// # Errors
    ///
    /// [`ClientError::Misuse`].
    pub fn sign(
        &self,
        method: &str,
        path_and_query: &str,
        body: Option<Vec<u8>>,
        idempotency_key: Option<&str>,
    ) -> Result<SignedRequest, ClientError> {
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| misuse("there is no such method"))?;
        if method == Method::POST && idempotency_key.is_none() {
            return Err(misuse("a POST needs an idempotency key"));
        }
        let url = parse_target(&self.origin, path_and_query)?;
        let mut fields = Vec::new();
        if let Some(key) = idempotency_key {
            fields.push(("idempotency-key", quoted(key)?));
        }
        let body = body.unwrap_or_default();
        if !body.is_empty() {
            fields.push(("content-type", "application/json".to_owned()));
            fields.push(("content-digest", content_digest(&body)));
        }
        let mut request = SignedRequest { method, url, fields, body, base: String::new() };
        let nonce = nonce();
        let params =
            Params { created: clock::now(), keyid: &self.keyid, nonce: &nonce, tag: Tag::Merchant };
        let has_body = !request.body.is_empty();
        let base = request.with_parts(|parts| {
            sign_base_with(self.key.algorithm(), &Message::Request(parts), has_body, &params)
        });
        let base = base.map_err(|error| misuse(error.to_string()))?;
        let signature = self.key.sign(base.text.as_bytes());
        let signature = signature.map_err(|error| misuse(error.to_string()))?;
        request.fields.extend(base.fields(&signature));
        request.base = base.text;
        Ok(request)
    }

    /// Sends a request and checks the answer's signature.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreachable`], [`ClientError::Nonsense`].
    pub async fn send(&self, request: &SignedRequest) -> Result<Answer, ClientError> {
        let mut outgoing = self.http.request(request.method.clone(), request.url.clone());
        for (name, value) in &request.fields {
            outgoing = outgoing.header(*name, value);
        }
        let (status, fields, body) = receive(outgoing.body(request.body.clone())).await?;
        let trust = match &self.gateway_key {
            None => Trust::Unchecked,
            Some(key) => match verify(request, status, &fields, &body, key, clock::now()) {
                Ok(()) => Trust::Verified,
                Err(why) => Trust::Refused(why),
            },
        };
        Ok(Answer { status, fields, body, trust })
    }
}

impl SignedRequest {
    /// The signature base that was signed (RFC 9421, section 2.5).
    pub fn base(&self) -> &str {
        &self.base
    }

    fn with_parts<T>(&self, run: impl FnOnce(RequestParts<'_>) -> T) -> T {
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run(RequestParts {
            method: self.method.as_str(),
            scheme: self.url.scheme(),
            authority: &authority(&self.url),
            path: self.url.path(),
            query: self.url.query().unwrap_or_default(),
            fields: &fields,
        })
    }
}

impl Answer {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem it describes.
    pub fn problem(&self) -> Option<Problem> {
        (!self.is_success()).then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

/// Fetches the gateway's key, and takes it only if it is the one with this thumbprint (RFC 7638):
/// the thumbprint must come from somewhere else than the network it is fetched over.
///
/// # Errors
///
/// [`ClientError::Nonsense`] if the gateway has no such key; [`ClientError::Unreachable`].
pub async fn fetch_gateway_key(
    base_url: &str,
    thumbprint: &str,
) -> Result<VerifyingKey, ClientError> {
    let origin = parse_origin(base_url)?;
    let (_, _, body) = receive(http(&origin)?.get(parse_target(&origin, JWKS_PATH)?)).await?;
    pick_key(&body, thumbprint).ok_or_else(|| {
        ClientError::Nonsense(format!("{JWKS_PATH} has no key with the thumbprint {thumbprint}"))
    })
}

/// An http client that follows no redirects: a signature is for one address.
pub fn http(origin: &Url) -> Result<reqwest::Client, ClientError> {
    // The first provider that a process installs stays; reqwest panics if there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("lezai/", env!("CARGO_PKG_VERSION")));
    if origin.scheme() == "http" {
        // No certificates are needed then, and to read the system's takes longer than a call.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(origin) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Misuse(format!("TLS cannot be set up: {error}")))
}

/// Sends a request and reads the answer within its bound.
pub async fn receive(
    request: reqwest::RequestBuilder,
) -> Result<(u16, Vec<(String, String)>, Vec<u8>), ClientError> {
    let mut response = request.send().await.map_err(unreachable)?;
    let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let fields = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    let (status, fields) = (response.status().as_u16(), fields.collect());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(ClientError::Nonsense(format!(
                "the answer is larger than {MAX_ANSWER} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, fields, body))
}

/// An http or https address without path, query or user.
pub fn parse_origin(base_url: &str) -> Result<Url, ClientError> {
    let refuse =
        || misuse(format!("{base_url} is no address of a gateway, such as http://127.0.0.1:8080"));
    let url = Url::parse(base_url).map_err(|_| refuse())?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    let known = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.password().is_none();
    if bare && known { Ok(url) } else { Err(refuse()) }
}

/// The address of a path at the origin, as it is sent and so as it is signed.
pub fn parse_target(origin: &Url, path_and_query: &str) -> Result<Url, ClientError> {
    let refuse = || misuse(format!("{path_and_query} is no path: it starts with / and has no #"));
    if !path_and_query.starts_with('/') || path_and_query.contains('#') {
        return Err(refuse());
    }
    // Not `join`, which would take a path that starts with // for another host.
    let address = format!("{}{path_and_query}", origin.as_str().trim_end_matches('/'));
    Url::parse(&address).map_err(|_| refuse())
}

fn verify(
    request: &SignedRequest,
    status: u16,
    fields: &[(String, String)],
    body: &[u8],
    key: &VerifyingKey,
    now: Timestamp,
) -> Result<(), Distrust> {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let input = Input::by_tag(&fields, Tag::Gateway)?;
    if input.keyid()? != key.thumbprint() {
        return Err(Distrust::OtherKey(input.keyid()?.to_owned()));
    }
    request.with_parts(|parts| {
        let answer = Message::Answer(AnswerParts { status, fields: &fields, request: Some(parts) });
        input.verify(&answer, body, Tag::Gateway, &NativeVerifyingKey::from(key), now).map(drop)
    })?;
    Ok(())
}

/// The key's name in the set is not believed: its thumbprint is computed.
fn pick_key(jwks: &[u8], thumbprint: &str) -> Option<VerifyingKey> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        kty: String,
        crv: String,
        x: String,
        y: String,
    }
    let set: Set = serde_json::from_slice(jwks).ok()?;
    let keys = set.keys.into_iter().filter_map(|Member { kty, crv, x, y }| {
        VerifyingKey::from_jwk(&Jwk { kty, crv, x, y }).ok()
    });
    keys.into_iter().find(|key| key.thumbprint() == thumbprint)
}

/// The key as the IETF draft's quoted string. What needs an escape in one is no good as a key.
fn quoted(key: &str) -> Result<String, ClientError> {
    let allowed = |b: u8| b.is_ascii_graphic() && !b"\"\\,;".contains(&b);
    if key.is_empty() || !key.bytes().all(allowed) {
        return Err(misuse("an idempotency key has visible ASCII characters, without \" \\ , ;"));
    }
    Ok(format!("\"{key}\""))
}

fn nonce() -> String {
    Base64UrlUnpadded::encode_string(&entropy::bytes::<16>())
}

fn misuse(why: impl Into<String>) -> ClientError {
    ClientError::Misuse(why.into())
}

fn unreachable(error: reqwest::Error) -> ClientError {
    if error.is_timeout() {
        return ClientError::Unreachable(format!("no answer within {} s", TIMEOUT.as_secs()));
    }
    // The innermost error says what happened; those around it say that something did.
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    ClientError::Unreachable(innermost.to_string())
}

#[cfg(test)]
mod tests {
    use lezai_base::merchant_key::MerchantPublicKey;
    use lezai_core::key::SigningKey;
    use lezai_core::signature::sign_base;

    use super::*;

    const BODY: &[u8] = br#"{"id":"ord_1"}"#;

    fn key(first: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| first + u8::try_from(i).unwrap()))
            .unwrap()
    }

    fn client(base_url: &str) -> Client {
        Client::new(base_url, key(1), "demo-1", None).unwrap()
    }

    /// The gateway's side: its answer to a request, signed with a key.
    fn answered(request: &SignedRequest, key: &SigningKey) -> Vec<(String, String)> {
        let digest = content_digest(BODY);
        let fields = [("content-type", "application/json"), ("content-digest", digest.as_str())];
        let keyid = key.verifying_key().thumbprint();
        let params =
            Params { created: clock::now(), keyid: &keyid, nonce: "nonce-0001", tag: Tag::Gateway };
        let base = request.with_parts(|parts| {
            let answer =
                Message::Answer(AnswerParts { status: 200, fields: &fields, request: Some(parts) });
            sign_base(&answer, true, &params).unwrap()
        });
        let mut all = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        all.extend(
            base.fields(&key.sign(base.text.as_bytes()))
                .map(|(name, value)| (name.to_owned(), value)),
        );
        all
    }

    #[test]
    fn a_signed_request_verifies_as_it_is_sent() {
        let client = client("https://PAY.example:443/");
        for (method, path, body, idempotency_key, target) in [
            (
                "GET",
                "/v1/orders?merchant_order_id=A-1",
                None,
                None,
                "/v1/orders?merchant_order_id=A-1",
            ),
            ("GET", "//evil.example/x", None, None, "//evil.example/x"),
            ("GET", "/a/../b?q=茶", None, None, "/b?q=%E8%8C%B6"),
            ("POST", "/v1/orders", Some(BODY.to_vec()), Some("k-1"), "/v1/orders"),
            ("POST", "/v1/orders/x/close", None, Some("k-2"), "/v1/orders/x/close"),
        ] {
            let request = client.sign(method, path, body, idempotency_key).unwrap();
            assert_eq!(request.url.as_str(), format!("https://pay.example{target}"));
            let verified = request.with_parts(|parts| {
                let input = Input::by_tag(parts.fields, Tag::Merchant).unwrap();
                let public = key(1).verifying_key();
                let verified = input.verify(
                    &Message::Request(parts),
                    &request.body,
                    Tag::Merchant,
                    &public,
                    clock::now(),
                );
                verified.map(|it| it.keyid().to_owned())
            });
            assert_eq!(verified.as_deref(), Ok("demo-1"), "{path}");
        }
    }

    #[test]
    fn a_client_signs_with_the_key_that_it_has() {
        // `openssl genpkey -algorithm SM2`, and its public half.
        let private = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgEe++AWgSJanKgB+0
oYGQGljfj4IaTnIhTzAw0YyiejehRANCAAQXn+IfkxLU4kDyfJIlrxfWDYsOmzG7
8oAhTM5txABIo6wFJXaij0arQnPw7jX9Mbx6LIPHHRivQTEd6npCAkGf
-----END PRIVATE KEY-----
";
        let public = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEF5/iH5MS1OJA8nySJa8X1g2LDpsx
u/KAIUzObcQASKOsBSV2oo9Gq0Jz8O41/TG8eiyDxx0Yr0ExHep6QgJBnw==
-----END PUBLIC KEY-----
";
        let (private, public) = (
            MerchantKey::from_pkcs8_pem(private).unwrap(),
            MerchantPublicKey::from_spki_pem(public).unwrap(),
        );
        let client = Client::new("https://pay.example", private, "sm2-1", None).unwrap();
        let request = client.sign("POST", "/v1/orders", Some(BODY.to_vec()), Some("k-1")).unwrap();
        assert!(request.base().contains(";alg=\"lezai-sm2-sm3\";"));
        request.with_parts(|parts| {
            let input = Input::by_tag(parts.fields, Tag::Merchant).unwrap();
            let message = Message::Request(parts);
            let verify = |body, key: &dyn lezai_core::key::Verify| {
                input.verify(&message, body, Tag::Merchant, key, clock::now()).map(drop)
            };
            assert_eq!(verify(&request.body, &public), Ok(()));
            assert!(verify(b"{}", &public).is_err());
            assert!(verify(&request.body, &key(1).verifying_key()).is_err());
        });
    }

    #[test]
    fn what_cannot_be_asked_is_not_sent() {
        let client = client("http://127.0.0.1:8080");
        for (method, path, key) in [
            ("GET", "v1/orders", None),
            ("GET", "@evil.example/", None),
            ("GET", "/v1#x", None),
            ("G ET", "/v1", None),
            ("POST", "/v1/orders", None),
            ("POST", "/v1/orders", Some("a b")),
            ("POST", "/v1/orders", Some("a\"")),
            ("POST", "/v1/orders", Some("")),
        ] {
            assert!(client.sign(method, path, None, key).is_err(), "{method} {path}");
        }
        for base_url in
            ["127.0.0.1:8080", "ftp://a", "http://a/b", "http://u@a", "http://a?b", "http://"]
        {
            assert!(Client::new(base_url, key(1), "k", None).is_err(), "{base_url}");
        }
    }

    #[test]
    fn an_answer_is_believed_if_the_gateway_signed_it_to_this_request() {
        let client = client("http://127.0.0.1:8080");
        let sign = || client.sign("GET", "/v1/orders/ord_1", None, None).unwrap();
        let (request, gateway) = (sign(), key(101));
        let fields = answered(&request, &gateway);
        let check = |request: &SignedRequest,
                     status,
                     fields: &[(String, String)],
                     body: &[u8],
                     at: Timestamp| {
            verify(request, status, fields, body, &gateway.verifying_key(), at)
        };
        let now = clock::now();
        assert_eq!(check(&request, 200, &fields, BODY, now), Ok(()));
        assert!(check(&request, 201, &fields, BODY, now).is_err());
        assert!(check(&request, 200, &fields, b"{}", now).is_err());
        assert!(check(&request, 200, &fields, b"", now).is_err());
        assert!(check(&request, 200, &fields[..2], BODY, now).is_err());
        assert!(check(&request, 200, &fields, BODY, now.plus_secs(301)).is_err());
        assert!(check(&sign(), 200, &fields, BODY, now).is_err(), "the answer to another request");
        let other = check(&request, 200, &answered(&request, &key(7)), BODY, now);
        assert!(matches!(other, Err(Distrust::OtherKey(_))));
    }

    #[test]
    fn a_key_is_picked_by_its_computed_thumbprint() {
        let (ours, other) = (key(1).verifying_key(), key(2).verifying_key());
        let member = |key: &VerifyingKey, kid: &str| {
            let Jwk { kty, crv, x, y } = key.to_jwk();
            serde_json::json!({"kty": kty, "crv": crv, "x": x, "y": y, "kid": kid, "use": "sig"})
        };
        let claimed = ours.thumbprint();
        let set =
            |keys: serde_json::Value| serde_json::json!({ "keys": keys }).to_string().into_bytes();
        let (own, forged) = (member(&ours, "x"), member(&other, &claimed));
        assert_eq!(pick_key(&set(serde_json::json!([forged, own])), &claimed), Some(ours));
        assert_eq!(pick_key(&set(serde_json::json!([forged])), &claimed), None);
        assert_eq!(pick_key(b"<html>", &claimed), None);
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (url, loopback) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
