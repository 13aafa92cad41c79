//! A page's calls: it claims a session with a key of its own, sees what it may pay, chooses a
//! method, and watches.

use lezai_core::digest::sha256_hex;
use lezai_core::id::{AttemptId, SessionId};
use lezai_core::instalments::{self, Plan};
use lezai_core::key::{Jwk, VerifyingKey};
use lezai_core::order::{Attempt, Capture, Event, Offer};
use lezai_core::signature::Verified;
use ring::hmac;

use crate::channel::{Channel, Method, MethodKind, PaymentRequest};
use crate::gateway::{self, Gateway, GatewayKey, unanswered};
use crate::idempotency::{Answer, Repeatable, Signer};
use crate::json::{Invalid, Object};
use crate::nonces;
use crate::problem::{Code, Problem};
use crate::store::{self, Claim, IdempotencyKey, OrderRecord, SessionRecord};
use crate::views::{self, SessionView};

/// After its order's end a session can still be looked at for a day.
const AFTERLIFE_SECS: i64 = 86_400;

/// What a page sends to claim a session.
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
        let mut body = Object::parse(body)?;
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

impl Choice {
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
        body.finish()?;
        Ok(Self { method, instalments: count.and_then(|count| u8::try_from(count).ok()) })
    }
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
        return Err(Problem::new(Code::SessionUnclaimed, "claim the session first"));
    };
    let key = VerifyingKey::from_jwk(&claim.key).map_err(Problem::internal)?;
    Ok((session, claim, key))
}

/// Claims a session. The first page wins; its key opens the session again, no other does.
///
/// # Errors
///
/// `session_not_found`, `client_secret_invalid`, `session_taken`, `session_expired`; `method_unavailable`
/// to a website, if the order can be paid in mini-programs alone.
pub async fn claim(
    gateway: &Gateway,
    session: &str,
    request: Verified<ClaimRequest>,
    origin: String,
) -> Result<SessionView, Problem> {
    let wall = gateway.clock.wall();
    let session = load(gateway, session).await?;
    let (keyid, nonce) = (request.keyid().to_owned(), request.nonce().to_owned());
    let ClaimRequest { client_secret, key } = request.into_content();
    // Both sides are hashes, so the time of the comparison tells nothing of the secret.
    let (random, pin) =
        client_secret.split_once('.').unwrap_or((&client_secret, &session.gateway_key));
    if sha256_hex(random.as_bytes()) != session.secret_hash || pin != session.gateway_key {
        return Err(Problem::new(
            Code::ClientSecretInvalid,
            "the client secret is not this session's",
        ));
    }
    let record = gateway.record(session.order.clone()).await?;
    if !origin.is_empty() && !works_in_pages(gateway, &record) {
        // A page could only take the session away from the mini-program that it is for.
        let detail =
            "the order names methods of mini-programs alone: it is paid in the app that claims it";
        return Err(Problem::new(Code::MethodUnavailable, detail).with("field", "methods"));
    }
    let claim = Claim { key, origin, at: gateway.clock.now() };
    let claim = {
        let id = session.id.clone();
        store::write(&gateway.store, move |tx| {
            nonces::take_for_good(tx, &keyid, &nonce, wall)?;
            match tx.session(&id)?.and_then(|session| session.claim) {
                Some(former) if former.key == claim.key => Ok(former),
                Some(_) => Err(Problem::new(
                    Code::SessionTaken,
                    "the session was claimed by another page, which has its own key",
                )),
                None => {
                    tx.claim_session(&id, &claim)?;
                    Ok(claim)
                }
            }
        })
        .await?
    };
    view(gateway, &session, &claim).await
}

fn works_in_pages(gateway: &Gateway, record: &OrderRecord) -> bool {
    let methods = &record.order.terms.methods;
    methods.iter().filter_map(|id| gateway.method(id)).any(|(_, it)| it.kind.works_anywhere())
}

/// What the page may see.
///
/// # Errors
///
/// `session_expired`, `internal`.
pub async fn view(
    gateway: &Gateway,
    session: &SessionRecord,
    claim: &Claim,
) -> Result<SessionView, Problem> {
    let record = gateway.record(session.order.clone()).await?;
    if gateway.clock.now() >= record.order.terms.expires_at.plus_secs(AFTERLIFE_SECS) {
        return Err(Problem::new(Code::SessionExpired, "the session has ended"));
    }
    // The page compares what it is granted with its own clock.
    let key = gateway.key_named(&session.gateway_key);
    views::session(gateway, &record, claim, key, gateway.clock.wall())
}

/// The shopper chose a method: asks its channel, and gives back what she needs to pay.
///
/// The attempt's id follows from the idempotency key, so a request that is repeated after a crash
/// goes on where the first one stopped: the core, the channel and the store all know the attempt.
///
/// # Errors
///
/// `method_unavailable`, `order_state`, `order_expired`, `too_many_attempts`; `channel_unavailable`.
pub async fn pay(
    gateway: &Gateway,
    session: &SessionRecord,
    claim: Claim,
    signer: Signer,
    choice: Choice,
    key: Repeatable,
) -> Result<Answer, Problem> {
    let (now, wall) = (gateway.clock.now(), gateway.clock.wall());
    let record = gateway.record(session.order.clone()).await?;
    let (channel, method) = channel_for(gateway, &record, &choice.method)?;
    let instalments = plan_for(&record, method, choice.instalments)?;
    let signing = gateway.key_named(&session.gateway_key);
    let id = attempt_id(signing, &session.id, &key);
    let (method, channel) = (choice.method, channel.id().to_owned());
    let attempt = Attempt { id, method, channel, instalments };
    let begun = {
        let (order, attempt, key) = (session.order.clone(), attempt, key.clone());
        store::write(&gateway.store, move |tx| {
            if let Some(first) = key.begin(tx, &signer, wall)? {
                return Ok::<_, Problem>(Begun::Before(first));
            }
            let record = tx.order(&order)?.ok_or_else(gateway::not_found)?;
            if let Some(under_way) = record.order.under_way(&attempt, now).cloned() {
                return Ok(Begun::Now(record, under_way));
            }
            let chosen = Event::MethodChosen(attempt.clone());
            Ok(Begun::Now(gateway::apply(tx, &order, chosen, now)?, attempt))
        })
        .await?
    };
    let (record, attempt) = match begun {
        Begun::Before(first) => return Ok(first),
        Begun::Now(record, attempt) => (record, attempt),
    };
    gateway.committed(&record);
    let offer = prepare(gateway, &record, &attempt).await?;

    let prepared = {
        let (order, now) = (session.order.clone(), gateway.clock.now());
        store::write(&gateway.store, move |tx| {
            gateway::apply(tx, &order, Event::Prepared(attempt.id, offer), now)
        })
        .await?
    };
    gateway.committed(&prepared);
    let view = views::session(gateway, &prepared, &claim, signing, gateway.clock.wall())?;
    let answer = Answer::json(200, &view)?;
    store::write(&gateway.store, move |tx| match key.first_answer(tx)? {
        Some(first) => Ok(first),
        None => {
            key.keep(tx, &answer, now)?;
            Ok(answer)
        }
    })
    .await
}

#[expect(
    clippy::large_enum_variant,
    reason = "one lives for a moment, on the stack of its request"
)]
enum Begun {
    Before(Answer),
    Now(OrderRecord, Attempt),
}

/// The same for every repeat of the request, and nobody else's: a page chooses its idempotency keys,
/// so what makes the id is a MAC of the gateway's over the key. It is made with the key that the session
/// pins, so that a change of keys between two repeats changes nothing.
fn attempt_id(signing: &GatewayKey, session: &SessionId, key: &Repeatable) -> AttemptId {
    let Repeatable { key: IdempotencyKey { scope, key }, fingerprint } = key;
    let named = format!("attempt {scope} {key} {fingerprint}");
    let mac = hmac::sign(&signing.names, named.as_bytes());
    let mac = mac.as_ref();
    // The time is the session's, not the request's: a repeat must come to the same id.
    AttemptId::new(session.made_at(), std::array::from_fn(|index| mac[index]))
}

/// The channel that serves a method of the order: the first that its decision names.
///
/// # Errors
///
/// `method_unavailable`.
pub fn channel_for<'g>(
    gateway: &'g Gateway,
    record: &OrderRecord,
    method: &str,
) -> Result<(&'g dyn Channel, &'static Method), Problem> {
    let mut channels = record.details.decision.channels.iter().filter_map(|id| gateway.channel(id));
    channels.find_map(|channel| Some((channel, channel.method(method)?))).ok_or_else(|| {
        Problem::new(Code::MethodUnavailable, "the order cannot be paid by this method")
            .with("field", "method")
    })
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

/// Asks the channel of an attempt to collect; asked again, it gives the same.
///
/// # Errors
///
/// `channel_unavailable`; `internal`, should the order's merchant or channel be gone.
pub async fn prepare(
    gateway: &Gateway,
    record: &OrderRecord,
    attempt: &Attempt,
) -> Result<Offer, Problem> {
    let channel = gateway.channel_of(record, &attempt.id)?;
    let method = channel.method(&attempt.method);
    let method = method.ok_or_else(|| Problem::internal("the channel lost the method"))?;
    let request = payment_request(gateway, record, attempt, method.kind)?;
    channel.prepare(request).await.map_err(unanswered)
}

fn payment_request(
    gateway: &Gateway,
    record: &OrderRecord,
    attempt: &Attempt,
    kind: MethodKind,
) -> Result<PaymentRequest, Problem> {
    let merchants = gateway.merchants();
    let terms = &record.order.terms;
    let merchant = merchants
        .get(&terms.merchant)
        .ok_or_else(|| Problem::internal("the order's merchant is gone"))?;
    let return_url = record.details.return_url.clone();
    Ok(PaymentRequest {
        attempt: attempt.id.clone(),
        instalments: attempt.instalments,
        kind,
        amount: terms.amount,
        merchant_name: merchant.record.name.clone(),
        description: terms.description.clone(),
        return_url: return_url.unwrap_or_else(|| views::hosted_page(record, &gateway.public_url)),
        capture: terms.capture == Capture::Automatic,
    })
}

/// The websites that may frame the hosted page of a session; none for a session that is not known.
///
/// # Errors
///
/// `internal`, should the store fail.
pub async fn frame_origins(gateway: &Gateway, session: &str) -> Result<Vec<String>, Problem> {
    let Ok(session) = SessionId::parse(session) else { return Ok(Vec::new()) };
    let session = store::read(&gateway.store, move |view| view.session(&session)).await?;
    let Some(session) = session else { return Ok(Vec::new()) };
    let record = gateway.record(session.order).await?;
    let merchants = gateway.merchants();
    let merchant = merchants.get(&record.order.terms.merchant);
    Ok(merchant.map(|it| it.record.frame_origins.clone()).unwrap_or_default())
}

async fn load(gateway: &Gateway, session: &str) -> Result<SessionRecord, Problem> {
    let not_found = || Problem::new(Code::SessionNotFound, "there is no such session");
    let id = SessionId::parse(session).map_err(|_| not_found())?;
    store::read(&gateway.store, move |view| view.session(&id)).await?.ok_or_else(not_found)
}
