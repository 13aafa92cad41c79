//! A page's calls: it opens a session with a key of its own, sees what it may pay, chooses a method,
//! by which it claims the session, and watches.

mod session;

use lezai_core::claim::{self, Claimed};
use lezai_core::digest::sha256_hex;
use lezai_core::id::{AttemptId, SessionId};
use lezai_core::instalments::{self, Plan};
use lezai_core::key::{Jwk, VerifyingKey};
use lezai_core::order::{Attempt, Event, Offer};
use lezai_core::signature::Verified;
use lezai_core::time::Timestamp;
use ring::hmac;

use crate::gateway;
use crate::gateway::{Gateway, unanswered};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome, Signer};
use crate::keys::GatewayKey;
use crate::orders::collecting::{choose, payment_request};
use lezai_channels::channel::{Method, MethodKind, PAYER_MISSING, Prepared};
use lezai_store as store;
use lezai_store::{Claim, IdempotencyKey, OrderRecord, Scope, SessionRecord, Tx};
use lezai_wire::json::{Invalid, Object};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::SessionView;

/// After its order's end a session can still be looked at for a day.
const SESSION_READABLE_SECS: i64 = 86_400;

/// A page's request to open a session or to claim it.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The client secret: the random part, which may be followed by a dot and the thumbprint that
    /// the page pinned.
    pub client_secret: String,
    /// The page's key, which signs this request too.
    pub key: Jwk,
}

impl ClaimRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        Self::read(Object::parse(body)?)
    }

    fn read(mut body: Object) -> Result<Self, Invalid> {
        let client_secret = body.required("client_secret", |field| field.text(1..=128))?;
        let mut key = body.required("key", |field| field.object())?;
        let mut member = |name: &str| key.required(name, |field| field.text(1..=64));
        let jwk =
            Jwk { kty: member("kty")?, crv: member("crv")?, x: member("x")?, y: member("y")? };
        key.finish()?;
        body.finish()?;
        Ok(Self { client_secret, key: jwk })
    }
}

/// The way to pay that a page chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: String,
    /// In how many monthly parts, where the method is paid in such.
    pub instalments: Option<u8>,
}

/// A page's request to pay: its choice, and its claim, if it has none yet.
#[derive(Clone, Debug)]
pub struct PayRequest {
    /// The choice.
    pub choice: Choice,
    /// The claim, which is decided in the commit that the choice is written in.
    pub claim: Option<ClaimRequest>,
}

impl PayRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        const COUNTS: std::ops::RangeInclusive<i64> =
            instalments::MIN_COUNT as i64..=instalments::MAX_COUNT as i64;
        let mut body = Object::parse(body)?;
        let method = body.required("method", |field| field.text(1..=32))?;
        let count = body.optional("instalments", |field| field.integer(COUNTS))?;
        let claim = body.optional("claim", |field| ClaimRequest::read(field.object()?))?;
        body.finish()?;
        let instalments = count.and_then(|count| u8::try_from(count).ok());
        Ok(Self { choice: Choice { method, instalments }, claim })
    }
}

/// A page that pays.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its key, and where it is.
    pub claim: Claim,
    /// It proved the client secret, so it may claim the session.
    pub proven: bool,
}

/// A session by its id, with the page that claimed it.
///
/// # Errors
///
/// `session_not_found`, `session_unclaimed`.
pub async fn claimed(
    gateway: &Gateway,
    session: &str,
) -> Result<(SessionRecord, Claim, VerifyingKey), Problem> {
    let session = load(gateway, session).await?;
    let Some(claim) = session.claim.clone() else {
        let detail = "no page has the session: claim it first, or choose a method with `claim`";
        return Err(Problem::new(Code::SessionUnclaimed, detail));
    };
    let key = VerifyingKey::from_jwk(&claim.key).map_err(Problem::internal)?;
    Ok((session, claim, key))
}

/// A session by its id, for whoever knows its client secret.
///
/// # Errors
///
/// `session_not_found`, `client_secret_invalid`.
pub async fn proven(
    gateway: &Gateway,
    session: &str,
    client_secret: &str,
) -> Result<SessionRecord, Problem> {
    let session = load(gateway, session).await?;
    // Both sides are hashes, so the time of the comparison tells nothing of the secret.
    let (random, pin) =
        client_secret.split_once('.').unwrap_or((client_secret, &session.gateway_key));
    if sha256_hex(random.as_bytes()) != session.secret_hash || pin != session.gateway_key {
        return Err(Problem::new(
            Code::ClientSecretInvalid,
            "the client secret is not this session's",
        ));
    }
    Ok(session)
}

/// Shows a session to a page that proved its client secret, and claims nothing: to look has no effect.
///
/// # Errors
///
/// `session_taken`, while another page pays; `session_replaced`, `session_expired`;
/// `method_unavailable` to a website, if the order can be paid in mini-programs alone.
pub async fn open(
    gateway: &Gateway,
    session: &SessionRecord,
    key: Jwk,
    origin: String,
) -> Result<SessionView, Problem> {
    let record = gateway.record(session.order.clone()).await?;
    check_place(gateway, &record, &origin)?;
    let now = gateway.node.clock.now();
    let holder = session.claim.as_ref().map(|it| &it.key);
    claim::look(holder, &key, session.claims, &record.order, now).map_err(taken)?;
    let claimed = holder == Some(&key);
    let claim = match &session.claim {
        Some(former) if claimed => former.clone(),
        _ => Claim { key, origin, at: now },
    };
    Ok(SessionView { claimed, ..view(gateway, session, &claim).await? })
}

/// Claims a session for the page that signed. Its key opens the session again, and no other does
/// while it pays.
///
/// # Errors
///
/// As of [`open`].
pub async fn claim(
    gateway: &Gateway,
    session: &SessionRecord,
    request: Verified<ClaimRequest>,
    origin: String,
) -> Result<SessionView, Problem> {
    let (now, wall) = (gateway.node.clock.now(), gateway.node.clock.wall());
    let record = gateway.record(session.order.clone()).await?;
    check_place(gateway, &record, &origin)?;
    let signer = Signer::from(&request);
    let ClaimRequest { key, .. } = request.into_content();
    let page = Page { claim: Claim { key, origin, at: now }, proven: true };
    let claim = {
        let id = session.id.clone();
        let scope = Scope::Merchant(session.merchant.clone());
        store::write(&gateway.node.store, scope, move |tx| {
            signer.take_nonce(tx, wall)?;
            let record = tx.order(&record.order.terms.id)?.ok_or_else(gateway::not_found)?;
            take(tx, &id, &record, page, now)
        })
        .await?
    };
    view(gateway, session, &claim).await
}

/// The claim of a page that is to have a session: the one that it has, or the one that it makes if the
/// core lets it.
fn take(
    tx: &dyn Tx,
    id: &SessionId,
    record: &OrderRecord,
    page: Page,
    now: Timestamp,
) -> Result<Claim, Problem> {
    check_newest(id, record)?;
    let session = tx.session(id)?.ok_or_else(not_found)?;
    let holder = session.claim.as_ref().map(|it| &it.key);
    let Page { claim, proven } = page;
    match claim::claim(holder, &claim.key, session.claims, &record.order, now).map_err(taken)? {
        Claimed::Before => Ok(session.claim.unwrap_or(claim)),
        Claimed::Now if proven => {
            if session.claims > 0 {
                let order = &record.order.terms.id;
                tracing::info!(session = %id, %order, claims = session.claims + 1, "session claimed anew");
            }
            tx.claim_session(id, &claim)?;
            Ok(claim)
        }
        // It had the session when it signed, and another page got it since.
        Claimed::Now => Err(taken(claim::Taken::UnderWay)),
    }
}

fn taken(taken: claim::Taken) -> Problem {
    Problem::new(Code::SessionTaken, taken.to_string())
}

/// A session that another took the place of shows nothing any more.
fn check_newest(id: &SessionId, record: &OrderRecord) -> Result<(), Problem> {
    if record.session == *id {
        return Ok(());
    }
    let detail = "the merchant renewed the order's session: go on in the newest one";
    Err(Problem::new(Code::SessionReplaced, detail))
}

/// A page could only take a session away from the mini-program that it is for.
fn check_place(gateway: &Gateway, record: &OrderRecord, origin: &str) -> Result<(), Problem> {
    if origin.is_empty() || works_in_pages(gateway, record) {
        return Ok(());
    }
    let detail =
        "the order names methods of mini-programs alone: it is paid in the app that claims it";
    Err(Problem::new(Code::MethodUnavailable, detail).with("field", "methods"))
}

fn works_in_pages(gateway: &Gateway, record: &OrderRecord) -> bool {
    let terms = &record.order.terms;
    // WeChat's own method works in a page too, if WeChat shows it; another browser's page says so.
    let works =
        |kind| matches!(kind, MethodKind::Qr | MethodKind::Redirect | MethodKind::WechatJsapi);
    let methods = terms.methods.iter();
    methods.filter_map(|id| gateway.method(&terms.merchant, id)).any(|it| works(it.kind))
}

/// The session as the page may see it.
///
/// # Errors
///
/// `session_expired`, `session_replaced`, `internal`.
pub async fn view(
    gateway: &Gateway,
    session: &SessionRecord,
    claim: &Claim,
) -> Result<SessionView, Problem> {
    let record = gateway.record(session.order.clone()).await?;
    check_newest(&session.id, &record)?;
    if gateway.node.clock.now() >= record.order.terms.expires_at.plus_secs(SESSION_READABLE_SECS) {
        return Err(Problem::new(Code::SessionExpired, "the session has ended"));
    }
    // The page compares what it is granted with its own clock.
    let key = gateway.keys.named(&session.gateway_key);
    session::view(gateway, &record, claim, &key, gateway.node.clock.wall())
}

/// The shopper chose a method: asks its channel, and returns what they need to pay. A page that has
/// no session yet, and proved the client secret, gets it in the commit that its choice is written in.
///
/// The attempt's id follows from the idempotency key, so a request that is repeated after a crash
/// goes on where the first one stopped: the core, the channel and the store all know the attempt.
///
/// # Errors
///
/// `session_taken`, `session_replaced`; `method_unavailable`, `order_state`, `order_expired`,
/// `too_many_attempts`; `channel_unavailable`.
pub async fn pay(
    gateway: &Gateway,
    session: &SessionRecord,
    page: Page,
    choice: Choice,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let now = gateway.node.clock.now();
    let record = gateway.record(session.order.clone()).await?;
    check_place(gateway, &record, if page.proven { &page.claim.origin } else { "" })?;
    let chosen = choose(gateway, &record, &choice.method)?;
    let candidate = &chosen.candidate;
    let instalments = plan_for(&record, candidate.method, choice.instalments)?;
    let signing = gateway.keys.named(&session.gateway_key);
    let id = attempt_id(&signing, &session.id, &key);
    let (method, channel) = (choice.method, candidate.channel.id().to_owned());
    let account = candidate.direct();
    let routed = Some(chosen.routed.clone());
    let attempt = Attempt {
        id,
        method,
        channel,
        account,
        instalments,
        begun_at: None,
        by_code: false,
        routed,
    };
    let wanted = attempt.id.clone();
    let begun = {
        let (id, order) = (session.id.clone(), session.order.clone());
        key.start(&gateway.node, move |tx| {
            let record = tx.order(&order)?.ok_or_else(gateway::not_found)?;
            let claim = take(tx, &id, &record, page, now)?;
            if let Some(under_way) = record.order.under_way(&attempt, now).cloned() {
                return Ok((record, under_way, claim));
            }
            let chosen = Event::MethodChosen(attempt.clone());
            Ok((gateway::apply(tx, &order, chosen, now)?, attempt, claim))
        })
        .await?
    };
    let (record, attempt, claim) = match begun {
        Outcome::Before(first) => return Ok(first),
        Outcome::Now(begun) => begun,
    };
    gateway.committed(&record);
    if attempt.id == wanted {
        chosen.count(gateway);
    }
    let offer = offer(gateway, &record, &attempt).await?;

    let prepared = {
        let prepared = Event::Prepared(attempt.id, offer);
        gateway.apply_of(session.merchant.clone(), session.order.clone(), prepared).await?
    };
    check_newest(&session.id, &prepared)?;
    let view = session::view(gateway, &prepared, &claim, &signing, gateway.node.clock.wall())?;
    key.finish(&gateway.node, ApiResponse::json(200, &view)?).await
}

/// The same for every repeat of the request, and nobody else's: a page chooses its idempotency keys,
/// so what makes the id is a MAC of the gateway's over the key. It is made with the key that the session
/// pins, so that a change of keys between two repeats changes nothing.
fn attempt_id(signing: &GatewayKey, session: &SessionId, key: &IdempotentRequest) -> AttemptId {
    let IdempotentRequest { key: IdempotencyKey { scope, key }, fingerprint, .. } = key;
    let named = format!("attempt {scope} {key} {fingerprint}");
    let mac = hmac::sign(&signing.names, named.as_bytes());
    let mac = mac.as_ref();
    // The time is the session's, not the request's: a repeat must come to the same id.
    AttemptId::new(session.made_at(), std::array::from_fn(|index| mac[index]))
}

/// The plan that a choice of a method means: one of the order's if the method is paid in parts, else none.
///
/// # Errors
///
/// `missing_field`, `method_unavailable`.
fn plan_for(
    record: &OrderRecord,
    method: &Method,
    count: Option<u8>,
) -> Result<Option<Plan>, Problem> {
    let refused = |code, detail: &str| Err(Problem::new(code, detail).with("field", "instalments"));
    match (method.instalments, count) {
        (false, None) => Ok(None),
        (false, Some(_)) => refused(Code::MethodUnavailable, "the method is not paid in parts"),
        (true, None) => refused(Code::MissingField, "the method is paid in parts: say in how many"),
        (true, Some(count)) => {
            let plans = &record.order.terms.instalments;
            match plans.iter().find(|plan| plan.count() == count) {
                Some(plan) => Ok(Some(*plan)),
                None => refused(Code::MethodUnavailable, "the order is not paid in so many parts"),
            }
        }
    }
}

/// Asks the channel of an attempt to collect; asked again, it gives the same. A channel that refuses for
/// good has declined the attempt, and another method can be chosen at once.
///
/// # Errors
///
/// `method_unavailable`, `channel_unavailable`; `internal`, should the order's merchant or channel be gone.
pub async fn offer(
    gateway: &Gateway,
    record: &OrderRecord,
    attempt: &Attempt,
) -> Result<Offer, Problem> {
    let channel = gateway.channel_of(record, &attempt.id)?;
    let method = channel.method(&attempt.method);
    let method = method.ok_or_else(|| Problem::internal("the channel lost the method"))?;
    let request = payment_request(gateway, record, attempt, method.kind)?;
    let account = gateway.account_of(record, &attempt.id);
    match gateway.prepare(&*channel, account.as_deref(), request).await.map_err(unanswered)? {
        Prepared::Offer(offer) => Ok(offer),
        Prepared::Charging => Err(Problem::internal("a page charged a code")),
        Prepared::Refused { code } => {
            let detail = match code.as_str() {
                PAYER_MISSING => {
                    "the order does not say who pays, which this method needs: docs/channels.md"
                }
                _ => "the channel refused this method: choose another one",
            };
            let refused = Event::Declined { attempt: attempt.id.clone(), code };
            gateway.apply(record.order.terms.id.clone(), refused).await?;
            Err(Problem::new(Code::MethodUnavailable, detail).with("field", "method"))
        }
    }
}

/// The version of the order behind a session, for who watches it.
///
/// # Errors
///
/// `session_replaced`, `internal`.
pub async fn version(gateway: &Gateway, session: &SessionRecord) -> Result<u64, Problem> {
    let record = gateway.record(session.order.clone()).await?;
    check_newest(&session.id, &record)?;
    Ok(record.order.version)
}

/// The websites that may frame the hosted page of a session; none for a session that is not known.
///
/// # Errors
///
/// `internal`, should the store fail.
pub async fn frame_origins(gateway: &Gateway, session: &str) -> Result<Vec<String>, Problem> {
    let Ok(session) = SessionId::parse(session) else { return Ok(Vec::new()) };
    let session = store::read(&gateway.node.store, move |view| view.session(&session)).await?;
    let Some(session) = session else { return Ok(Vec::new()) };
    let record = gateway.record(session.order).await?;
    let merchants = gateway.merchants.current();
    let merchant = merchants.get(&record.order.terms.merchant);
    Ok(merchant.map(|it| it.record.frame_origins.clone()).unwrap_or_default())
}

async fn load(gateway: &Gateway, session: &str) -> Result<SessionRecord, Problem> {
    let id = session_id(session)?;
    store::read(&gateway.node.store, move |view| view.session(&id)).await?.ok_or_else(not_found)
}

/// A session's id, of whatever a stranger wrote.
///
/// # Errors
///
/// `session_not_found`.
pub fn session_id(text: &str) -> Result<SessionId, Problem> {
    SessionId::parse(text).map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::new(Code::SessionNotFound, "there is no such session")
}
