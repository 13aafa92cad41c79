//! Signed requests in, signed answers out (RFC 9421). A request is bounded and read whole before
//! anything looks at it, and its bytes are verified as they came.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use lezai_core::digest::content_digest;
use lezai_core::id::MerchantId;
use lezai_core::id::SessionId;
use lezai_core::key::{Sign as _, Verify, VerifyingKey};
use lezai_core::signature::{self, Input, Message, Params, Tag, Verified, sign_base};

use super::Reply;
use lezai_base::clock;
use lezai_base::entropy;
use lezai_base::native_key::NativeVerifyingKey;
use lezai_connections::origin::authority;
use lezai_connections::server::Peer;
use lezai_gateway::cluster::in_progress::UnderWay;
use lezai_gateway::cluster::nonces;
use lezai_gateway::cluster::nonces::{Signers, Taken};
use lezai_gateway::cluster::rate::Meter;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::idempotency;
use lezai_gateway::idempotency::IdempotentRequest;
use lezai_gateway::keys::GatewayKey;
use lezai_gateway::merchants::Merchant;
use lezai_store as store;
use lezai_store::{IdempotencyKey, Scope};
use lezai_wire::problem::{Code, Problem};

/// The largest request of the API takes a tenth of it.
pub const MAX_BODY: usize = 64 * 1024;
/// A batch of a thousand payouts, each with the longest texts that it may have: less than 1 KiB each.
pub const MAX_BATCH_BODY: usize = 1024 * 1024;
/// Our own answers are far smaller; the bound is for the day one is not.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Scheme, host and port.
const MAX_ORIGIN: usize = 270;
/// A body has this long to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A request that was read whole, not yet believed.
pub struct Incoming {
    head: Arc<Head>,
    body: Bytes,
    meter: Meter,
    peer: Option<Peer>,
    /// While it is worked on.
    under_way: OnceLock<UnderWay>,
}

/// The parts of a request that a signature may cover besides the body.
struct Head {
    method: String,
    scheme: &'static str,
    authority: String,
    path: String,
    query: String,
    fields: Vec<(String, String)>,
    /// Names of fields whose value is not ASCII.
    unreadable: Vec<String>,
}

impl FromRequest<Arc<Gateway>> for Incoming {
    type Rejection = Reply;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Reply> {
        Self::read(request, gateway, MAX_BODY).await
    }
}

/// As [`Incoming`], of up to [`MAX_BATCH_BODY`] if it names a merchant's key: nothing is proven before it is read, and
/// a stranger has no more memory than elsewhere.
pub struct LargeIncoming(pub Incoming);

impl FromRequest<Arc<Gateway>> for LargeIncoming {
    type Rejection = Reply;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Reply> {
        let known = Head::shared(&request, gateway).names_merchant(gateway);
        let most = if known { MAX_BATCH_BODY } else { MAX_BODY };
        Incoming::read(request, gateway, most).await.map(Self)
    }
}

impl Incoming {
    async fn read(request: Request, gateway: &Arc<Gateway>, most: usize) -> Result<Self, Reply> {
        let head = Head::shared(&request, gateway);
        let meter = request.extensions().get().cloned().unwrap_or_default();
        let peer = request.extensions().get().copied();
        let body = read_body(request, most).await?;
        if !body.is_empty() {
            head.require_json()?;
        }
        Ok(Self { head, body, meter, peer, under_way: OnceLock::new() })
    }
}

/// A merchant's request that changes something: it is done once for its key.
pub struct Change<'i> {
    /// Whose it is.
    pub merchant: Arc<Merchant>,
    /// The body, as signed by the merchant.
    pub verified: Verified<&'i [u8]>,
    /// The key by which it is the same request when it is sent again.
    pub key: IdempotentRequest,
}

impl Incoming {
    /// The body, not yet believed: for the one call that brings its key along.
    pub fn unverified_body(&self) -> &[u8] {
        &self.body
    }

    /// The `Origin` that a browser names.
    pub fn origin(&self) -> String {
        let origin = self.head.field("origin").ok().flatten().unwrap_or_default();
        // A longer one is no website's: a host has at most 253 characters.
        if origin == "null" || origin.len() > MAX_ORIGIN {
            String::new()
        } else {
            origin.to_owned()
        }
    }

    /// Counts a claim by somebody who knows the session's client secret. Nobody else uses up what
    /// is the shopper's.
    ///
    /// # Errors
    ///
    /// `rate_limited`.
    pub fn claims(&self, gateway: &Gateway, session: &SessionId) -> Result<(), Problem> {
        self.meter.count(
            &gateway.node.cluster.rates.claims,
            session.as_str(),
            gateway.node.clock.wall(),
        )
    }

    /// Counts a claim by somebody who has proven nothing: by the network that it comes from.
    ///
    /// # Errors
    ///
    /// `rate_limited`.
    pub fn stranger(&self, gateway: &Gateway) -> Result<(), Problem> {
        let network = self.peer.map_or(0, |Peer(ip)| lezai_core::ip::network(ip));
        self.meter.count(&gateway.node.cluster.rates.strangers, network, gateway.node.clock.wall())
    }

    /// Whose the request is, and its body as signed by that merchant.
    ///
    /// # Errors
    ///
    /// Any problem with the signature; `key_unknown`.
    pub fn merchant(&self, gateway: &Gateway) -> Result<(Arc<Merchant>, Verified<&[u8]>), Problem> {
        let borrowed = self.head.borrowed();
        let input = self.signature(&borrowed, Tag::Merchant)?;
        let keyid = input.keyid()?;
        let unknown = || Problem::new(Code::KeyUnknown, "no merchant has a key with this keyid");
        let (merchant, key) = gateway.merchants.current().by_keyid(keyid).ok_or_else(unknown)?;
        let verified = self.verified(&borrowed, &input, Tag::Merchant, &key)?;
        // Only what it signed is counted: nobody else uses up what is its own.
        self.meter.count(
            &gateway.node.cluster.rates.merchants,
            merchant.record.id.as_str(),
            gateway.node.clock.wall(),
        )?;
        once(gateway, &verified, Signers::Merchants)?;
        // The trace that a merchant names is its own; a stranger's could be anybody's.
        lezai_traces::believe();
        lezai_traces::note("lezai.merchant", merchant.record.id.to_string());
        Ok((merchant, verified))
    }

    /// A merchant's request that changes something.
    ///
    /// # Errors
    ///
    /// As of [`Incoming::merchant`] and [`Incoming::repeatable`].
    pub fn change(&self, gateway: &Gateway) -> Result<Change<'_>, Problem> {
        let (merchant, verified) = self.merchant(gateway)?;
        let key =
            self.repeatable(gateway, merchant.record.id.as_str(), &merchant.record.id, &verified)?;
        Ok(Change { merchant, verified, key })
    }

    /// The body as signed by the key of the page that claimed the session.
    ///
    /// # Errors
    ///
    /// Any problem with the signature; `key_unknown` if it names another key.
    pub fn page(&self, gateway: &Gateway, key: &VerifyingKey) -> Result<Verified<&[u8]>, Problem> {
        let verified = self.newcomer(key)?;
        self.admit(gateway, &verified)?;
        Ok(verified)
    }

    /// Counts a request of a page that proved to belong to a session, and takes its nonce.
    ///
    /// # Errors
    ///
    /// `rate_limited`, `nonce_reused`, `overloaded`.
    pub fn admit<T>(&self, gateway: &Gateway, verified: &Verified<T>) -> Result<(), Problem> {
        self.meter.count(
            &gateway.node.cluster.rates.pages,
            verified.keyid(),
            gateway.node.clock.wall(),
        )?;
        once(gateway, verified, Signers::Pages)
    }

    /// The body as signed by a key that came with it. Anybody can have one, so its nonce is not
    /// remembered here: whoever proves more than that has it taken in the store's commit.
    ///
    /// # Errors
    ///
    /// Any problem with the signature; `key_unknown` if it names another key.
    pub fn newcomer(&self, key: &VerifyingKey) -> Result<Verified<&[u8]>, Problem> {
        let borrowed = self.head.borrowed();
        let input = self.input_of(&borrowed, key)?;
        self.verified(&borrowed, &input, Tag::Checkout, &NativeVerifyingKey::from(key))
    }

    /// Looks whether the request carries a signature that names the key; whether it is good is not
    /// asked yet.
    ///
    /// # Errors
    ///
    /// As of [`Incoming::newcomer`], but for `signature_invalid` and what comes after it.
    pub fn names(&self, key: &VerifyingKey) -> Result<(), Problem> {
        self.input_of(&self.head.borrowed(), key).map(drop)
    }

    fn input_of(&self, fields: &[(&str, &str)], key: &VerifyingKey) -> Result<Input, Problem> {
        let input = self.signature(fields, Tag::Checkout)?;
        if input.keyid()? != key.thumbprint() {
            return Err(Problem::new(
                Code::KeyUnknown,
                "keyid must be the thumbprint (RFC 7638) of the page's key",
            ));
        }
        Ok(input)
    }

    /// The idempotency key, for a scope that the signature proved. It is the only request with this
    /// key that is worked on, for as long as the request lives.
    ///
    /// # Errors
    ///
    /// `idempotency_key_missing`, `idempotency_key_invalid`, `request_in_progress`.
    pub fn repeatable<T>(
        &self,
        gateway: &Gateway,
        scope: &str,
        merchant: &MerchantId,
        verified: &Verified<T>,
    ) -> Result<IdempotentRequest, Problem> {
        let key = self.head.idempotency_key()?;
        let key = IdempotencyKey { scope: scope.to_owned(), key };
        // It is asked for once.
        let _ = self.under_way.set(gateway.node.cluster.in_progress.begin(&key)?);
        let target = format!("{}?{}", self.head.path, self.head.query);
        Ok(IdempotentRequest {
            key,
            fingerprint: store::fingerprint(&self.head.method, &target, &self.body),
            signer: Some(verified.into()),
            writes: Scope::Merchant(merchant.clone()),
        })
    }

    fn signature(&self, fields: &[(&str, &str)], tag: Tag) -> Result<Input, Problem> {
        let unreadable = |name: &str| {
            let detail = format!("signature refused: the field {name} {}", Odd::NotAscii);
            Problem::new(Code::SignatureMalformed, detail)
        };
        if let Some(name) = self
            .head
            .unreadable
            .iter()
            .find(|it| matches!(it.as_str(), "signature" | "signature-input"))
        {
            return Err(unreadable(name));
        }
        let input = Input::by_tag(fields, tag)?;
        if self.head.method == "POST" {
            // The signature must cover the key, so without one, or with one that cannot be read, it could
            // only be refused for that.
            self.head.idempotency_key()?;
        }
        if let Some(name) = self.head.unreadable.iter().find(|it| input.names(it)) {
            return Err(unreadable(name));
        }
        Ok(input)
    }

    fn verified(
        &self,
        fields: &[(&str, &str)],
        input: &Input,
        tag: Tag,
        key: &dyn Verify,
    ) -> Result<Verified<&[u8]>, Problem> {
        let message = Message::Request(self.head.request(fields));
        Ok(input.verify(&message, &self.body, tag, key, clock::now())?)
    }
}

/// Takes the nonce of a request that a known key signed.
fn once<T>(gateway: &Gateway, verified: &Verified<T>, of: Signers) -> Result<(), Problem> {
    match gateway.node.cluster.nonces.take(of, verified.keyid(), verified.nonce(), clock::now()) {
        Taken::New => Ok(()),
        Taken::Reused => Err(nonces::reused()),
        Taken::Full => Err(Problem::new(
            Code::Overloaded,
            "this key has sent too many requests of late; send it again in some minutes",
        )),
    }
}

/// How a field that takes one value can be there and say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    Twice,
    NotAscii,
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Twice => "is there twice",
            Self::NotAscii => "has characters that are not visible ASCII",
        })
    }
}

impl Head {
    /// That of a request that was looked at before, or else a new one.
    fn shared(request: &Request, gateway: &Gateway) -> Arc<Self> {
        let head = request.extensions().get().cloned();
        head.unwrap_or_else(|| Arc::new(Self::of(request, gateway)))
    }

    /// Whether it says that a key signed it which a merchant has; that it did is not proven.
    fn names_merchant(&self, gateway: &Gateway) -> bool {
        let input = Input::by_tag(&self.borrowed(), Tag::Merchant);
        let keyid = input.as_ref().ok().and_then(|it| it.keyid().ok());
        keyid.is_some_and(|it| gateway.merchants.current().by_keyid(it).is_some())
    }

    fn of(request: &Request, gateway: &Gateway) -> Self {
        let uri = request.uri();
        let (mut fields, mut unreadable) = (Vec::new(), Vec::new());
        for (name, value) in request.headers() {
            match value.to_str() {
                Ok(value) => fields.push((name.as_str().to_owned(), value.to_owned())),
                // Left out, so a signature that covers it does not verify.
                Err(_) => unreadable.push(name.as_str().to_owned()),
            }
        }
        Self {
            method: request.method().to_string(),
            scheme: if gateway.public_url.starts_with("https:") { "https" } else { "http" },
            authority: authority(request, gateway.default_port()).unwrap_or_default(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            fields,
            unreadable,
        }
    }

    /// The value of a field that takes one, if it is there.
    fn field(&self, name: &str) -> Result<Option<&str>, Odd> {
        let mut lines = self.fields.iter().filter(|(it, _)| it == name);
        match (lines.next(), lines.next()) {
            _ if self.unreadable.iter().any(|it| it == name) => Err(Odd::NotAscii),
            (None, _) => Ok(None),
            (Some((_, value)), None) => Ok(Some(value)),
            (Some(_), Some(_)) => Err(Odd::Twice),
        }
    }

    fn idempotency_key(&self) -> Result<String, Problem> {
        let field = self.field("idempotency-key").map_err(|odd| {
            Problem::new(Code::IdempotencyKeyInvalid, format!("the Idempotency-Key {odd}"))
        })?;
        idempotency::parse_key(field)
    }

    fn borrowed(&self) -> Vec<(&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn request<'a>(&'a self, fields: &'a [(&'a str, &'a str)]) -> signature::Request<'a> {
        signature::Request {
            method: &self.method,
            scheme: self.scheme,
            authority: &self.authority,
            path: &self.path,
            query: &self.query,
            fields,
        }
    }

    fn require_json(&self) -> Result<(), Problem> {
        const FORM: &str = "send the body as Content-Type: application/json";
        let refused = |detail: String| Err(Problem::new(Code::UnsupportedMediaType, detail));
        let media_type = match self.field("content-type") {
            Ok(media_type) => media_type.unwrap_or_default(),
            Err(odd) => return refused(format!("Content-Type {odd}; {FORM}")),
        };
        let mut parts = media_type.split(';').map(str::trim);
        if !parts.next().unwrap_or_default().eq_ignore_ascii_case("application/json") {
            return refused(FORM.to_owned());
        }
        // JSON is UTF-8 (RFC 8259, section 8.1), whatever else is said.
        let charset = parts.filter_map(|it| it.split_once('='));
        let mut charset = charset.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let is_utf8 = |value: &str| {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
        };
        if charset.any(|(_, value)| !is_utf8(value)) {
            return refused("the body must be UTF-8: send charset=utf-8, or none".to_owned());
        }
        Ok(())
    }
}

/// Reads a body of at most `most` bytes.
///
/// # Errors
///
/// `unsupported_content_encoding`, `body_too_large`, `body_too_slow`, `body_broken`.
pub async fn read_body(request: Request, most: usize) -> Result<Bytes, Problem> {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "the body must be sent as it is, without Content-Encoding";
        return Err(Problem::new(Code::UnsupportedContentEncoding, detail));
    }
    let too_large = || Problem::new(Code::BodyTooLarge, format!("at most {most} bytes are taken"));
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, Limited::new(request.into_body(), most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) if !is_cut_off(&*error) => Err(Problem::new(
            Code::BodyBroken,
            "the body's chunks are not what RFC 9112, section 7.1 says",
        )),
        _ => Err(Problem::new(Code::BodyTooSlow, "the body did not arrive whole and in time")),
    }
}

/// Whether a body ended before it was whole: what came of it may have been right.
fn is_cut_off(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(it) = error {
        let incomplete =
            it.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message);
        let cut_off = it.downcast_ref::<io::Error>().is_some_and(|it| {
            use io::ErrorKind::{
                BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof,
            };
            let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof];
            kinds.contains(&it.kind())
        });
        if incomplete || cut_off {
            return true;
        }
        error = it.source();
    }
    false
}

/// Signs every answer of the API, and every problem wherever it comes from. A stream of hints is
/// not signed: nothing in it is believed. Neither is a preflight: a browser reads it, no page.
pub(super) async fn answers<F: Future<Output = Response>>(
    gateway: &Gateway,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let head = Arc::new(Head::of(&request, gateway));
    // Whoever reads the request verifies the same.
    request.extensions_mut().insert(Arc::clone(&head));
    let preflight = request.method() == Method::OPTIONS;
    let response = next(request).await;
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is = |media_type| content_type.is_some_and(|it| it == media_type);
    let of_api = head.path.starts_with("/v1/") || is("application/problem+json");
    if preflight || !of_api || is("text/event-stream") {
        return response;
    }
    let key = signing_key(gateway, &head.path).await;
    sign(&key, &head, response).await.unwrap_or_else(|problem| Reply::from(problem).into_response())
}

/// A page believes the key alone that its session pins; everybody else goes by the name.
async fn signing_key(gateway: &Gateway, path: &str) -> Arc<GatewayKey> {
    let session = path.strip_prefix("/v1/checkout/sessions/");
    let session = session.and_then(|it| SessionId::parse(it.split('/').next()?).ok());
    // While there is one key, there is no choice.
    let Some(session) = session.filter(|_| gateway.keys.now().former.is_some()) else {
        return gateway.keys.current();
    };
    match store::read(&gateway.node.store, move |view| view.session(&session)).await {
        Ok(Some(session)) => gateway.keys.named(&session.gateway_key),
        _ => gateway.keys.current(),
    }
}

/// A response whose `Content-Digest` was known before its body is read: that one is sent as it comes, however long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digested;

async fn sign(key: &GatewayKey, head: &Head, response: Response) -> Result<Response, Problem> {
    let (mut parts, body) = response.into_parts();
    let (body, has_body) = match parts.extensions.get::<Digested>() {
        Some(Digested) => (body, true),
        None => {
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(Problem::internal)?.to_bytes();
            if !body.is_empty() {
                let digest = HeaderValue::from_str(&content_digest(&body));
                let digest = digest.map_err(Problem::internal)?;
                parts.headers.insert(HeaderName::from_static("content-digest"), digest);
            }
            let has_body = !body.is_empty();
            (Body::from(body), has_body)
        }
    };
    let own = ascii(&parts.headers);
    let borrowed: Vec<(&str, &str)> =
        own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let asked = head.borrowed();
    let request = Some(head.request(&asked));
    let answer = signature::Answer { status: parts.status.as_u16(), fields: &borrowed, request };
    let nonce = nonce();
    let params =
        Params { created: clock::now(), keyid: &key.keyid, nonce: &nonce, tag: Tag::Gateway };
    let base = sign_base(&Message::Answer(answer), has_body, &params).map_err(Problem::internal)?;
    for (name, value) in base.fields(&key.native.sign(base.text.as_bytes())) {
        let value = HeaderValue::from_str(&value).map_err(Problem::internal)?;
        parts.headers.insert(HeaderName::from_static(name), value);
    }
    Ok(Response::from_parts(parts, body))
}

fn ascii(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.iter();
    fields
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

/// A nonce: 128 random bits.
pub fn nonce() -> String {
    Base64UrlUnpadded::encode_string(&entropy::bytes::<16>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_one_host_and_at_most_one_port() {
        for (host, http, https) in [
            ("pay.example", Some("pay.example"), Some("pay.example")),
            ("PAY.example:80", Some("pay.example"), Some("pay.example:80")),
            ("pay.example:443", Some("pay.example:443"), Some("pay.example")),
            ("pay.example:8080", Some("pay.example:8080"), Some("pay.example:8080")),
            ("pay.example:", Some("pay.example"), Some("pay.example")),
            ("[::1]:80", Some("[::1]"), Some("[::1]:80")),
            ("127.0.0.1:8080:80", None, None),
            ("pay.example:8080:443", None, None),
            ("[::1]:8080:80", None, None),
            ("pay.example:80:80", None, None),
            ("a@pay.example", None, None),
            ("pay.example:99999", None, None),
            ("pay.example:+80", None, None),
            ("", None, None),
        ] {
            let request = Request::get("/").header("host", host).body(Body::empty()).unwrap();
            let named = [80, 443].map(|port| authority(&request, port));
            assert_eq!([named[0].as_deref(), named[1].as_deref()], [http, https], "{host}");
        }
    }
}
