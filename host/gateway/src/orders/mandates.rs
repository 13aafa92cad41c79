//! A merchant's calls on mandates: make one for a shopper to agree to, ask how it stands, take it back.

use lezai_channels::channel::{Channel, MandateOffered, MandateRequest, MandateStatus};
use lezai_core::funds::mandate::{
    AGREE_SECS, MAX_PERIOD_DAYS, Mandate, MandateEvent, MandateState, MandateTerms, PeriodBound,
};
use lezai_core::id::{MandateId, MerchantId};
use lezai_core::money::{Currency, MAX_MINOR, Money};
use lezai_core::time::Timestamp;
use lezai_store as store;
use lezai_store::{Page, Scope, Tx};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::order_request::{number, sent_url};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::parse_rfc3339;
use sha2::{Digest as _, Sha256};

use crate::gateway::{Gateway, asked};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::mandates::{self, MandateView, not_found};

/// The longest that a mandate lasts: ten years.
const MAX_LIFE_SECS: i64 = 10 * 366 * 86_400;
/// The shortest: a minute, for tests.
const MIN_LIFE_SECS: i64 = 60;

/// A merchant's wish for a mandate.
#[derive(Clone, Debug)]
pub struct NewMandate {
    /// The merchant's own number.
    pub merchant_mandate_id: String,
    /// The text that the shopper agrees to.
    pub description: String,
    /// The most of each debit.
    pub max_amount: Money,
    /// The most of all debits of a period.
    pub period: Option<PeriodBound>,
    /// Where the shopper goes afterwards.
    pub return_url: Option<String>,
    /// From when on it is not debited any more.
    pub expires_at: Timestamp,
}

impl NewMandate {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let currency =
            body.required("currency", |field| field.parsed(3..=3, Currency::from_code))?;
        let mandate = Self {
            merchant_mandate_id: body
                .required("merchant_mandate_id", |field| field.parsed(1..=64, number))?,
            description: body.required("description", |field| field.shown(1..=200))?,
            max_amount: body.required("max_amount", |field| amount(field, currency))?,
            period: body.optional("period", |field| period(field, currency))?,
            return_url: body.optional("return_url", sent_url)?,
            expires_at: body.required("expires_at", time)?,
        };
        body.finish()?;
        Ok(mandate)
    }
}

/// Reads an amount of the mandate's currency.
pub(super) fn amount(field: Field, currency: Currency) -> Result<Money, Invalid> {
    let of = field.invalid("is no amount of this currency");
    let minor = field.integer(1..=MAX_MINOR)?;
    Money::new(minor, currency).map_err(|_| of)
}

fn period(field: Field, currency: Currency) -> Result<PeriodBound, Invalid> {
    let mut object = field.object()?;
    let days = object.required("days", |field| field.integer(1..=MAX_PERIOD_DAYS.into()))?;
    let bound = PeriodBound {
        days: u16::try_from(days).unwrap_or(MAX_PERIOD_DAYS),
        amount: object.required("max_amount", |field| amount(field, currency))?,
    };
    object.finish()?;
    Ok(bound)
}

fn time(field: Field) -> Result<Timestamp, Invalid> {
    const FORM: &str = "not a time as RFC 3339 has it, such as 2027-11-18T11:06:40Z";
    field.parsed(1..=40, |text| parse_rfc3339(text).ok_or(FORM))
}

/// Makes a mandate, once for its idempotency key and its number, and has the channel say where the shopper agrees to it.
///
/// # Errors
///
/// `method_unavailable`, `invalid_field`, `merchant_mandate_id_taken`; `channel_unavailable`, after which the same
/// request goes on.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewMandate,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let now = gateway.node.clock.now();
    let (of, entropy, way) = (merchant.clone(), entropy_of(&key), debits_by(gateway, merchant));
    let made = key.start(&gateway.node, move |tx| {
        match tx.mandate_by_merchant_mandate_id(&of, &new.merchant_mandate_id)? {
            // The same request once more, of which the channel may not have heard.
            Some(it) if it.terms.id == MandateId::new(it.terms.id.made_at(), entropy) => Ok(it),
            Some(it) => Err(taken(&it)),
            // A repeat is not held against what could be asked for by now.
            None => {
                let step = Mandate::create(terms(&of, new, way?, entropy, now)?);
                let step =
                    step.ok_or_else(|| Problem::internal("a mandate that bounds nothing"))?;
                if !tx.insert_mandate(&step.mandate)? {
                    return Err(Problem::internal("a number that was free is taken"));
                }
                Ok(mandates::follow_step(tx, step, now)?)
            }
        }
    });
    let mandate = match made.await? {
        Outcome::Before(first) => return Ok(first),
        Outcome::Now(mandate) => mandate,
    };
    gateway.node.cluster.wake.call();
    let mandate = sign(gateway, mandate).await?;
    let view = mandates::view(&mandate, gateway.node.clock.now());
    key.finish(&gateway.node, ApiResponse::json(201, &view)?).await
}

/// The first channel that debits, if its method is open to the merchant.
fn debits_by(gateway: &Gateway, merchant: &MerchantId) -> Result<(String, String), Problem> {
    let merchants = gateway.merchants.current();
    let opens = |method: &str| merchants.get(merchant).is_some_and(|it| it.policy.opens(method));
    let mut all = gateway.channels.all();
    let found = all.find_map(|it| {
        let method = it.debit_method().filter(|method| opens(method))?;
        Some((it.id().to_owned(), method.to_owned()))
    });
    found.ok_or_else(|| {
        let detail = "no channel of this gateway debits under mandates for the merchant";
        Problem::new(Code::MethodUnavailable, detail)
    })
}

fn terms(
    merchant: &MerchantId,
    new: NewMandate,
    (channel, method): (String, String),
    entropy: [u8; 10],
    now: Timestamp,
) -> Result<MandateTerms, Problem> {
    let (soonest, latest) = (now.plus_secs(MIN_LIFE_SECS), now.plus_secs(MAX_LIFE_SECS));
    if !(soonest..=latest).contains(&new.expires_at) {
        let detail = "expires_at must be a minute to ten years ahead";
        return Err(Problem::new(Code::InvalidField, detail).with("field", "expires_at"));
    }
    Ok(MandateTerms {
        id: MandateId::new(now, entropy),
        merchant: merchant.clone(),
        merchant_mandate_id: new.merchant_mandate_id,
        channel,
        method,
        description: new.description,
        max_amount: new.max_amount,
        period: new.period,
        return_url: new.return_url,
        created_at: now,
        agree_by: now.plus_secs(AGREE_SECS).min(new.expires_at),
        expires_at: new.expires_at,
    })
}

/// The same for every repeat of the request.
fn entropy_of(key: &IdempotentRequest) -> [u8; 10] {
    let digest =
        Sha256::digest(format!("mandate {} {} {}", key.key.scope, key.key.key, key.fingerprint));
    std::array::from_fn(|index| digest[index])
}

fn taken(first: &Mandate) -> Problem {
    let detail = "query the mandate with this number; use another number for another mandate";
    Problem::new(Code::MerchantMandateIdTaken, detail)
        .with("field", "merchant_mandate_id")
        .with("mandate_id", first.terms.id.to_string())
}

/// Has the channel say where the shopper agrees, unless it has.
///
/// # Errors
///
/// `channel_unavailable`.
pub(crate) async fn sign(gateway: &Gateway, mandate: Mandate) -> Result<Mandate, Problem> {
    if mandate.state != (MandateState::Pending { authorize_url: None }) {
        return Ok(mandate);
    }
    let channel = channel_of(gateway, &mandate)?;
    let merchants = gateway.merchants.current();
    let merchant = merchants.get(&mandate.terms.merchant);
    let merchant = merchant.ok_or_else(|| Problem::internal("the mandate's merchant is gone"))?;
    let terms = mandate.terms;
    let request = MandateRequest {
        mandate: terms.id.clone(),
        merchant_name: merchant.record.name.clone(),
        description: terms.description,
        max_amount: terms.max_amount,
        return_url: terms.return_url,
        agree_by: terms.agree_by,
        expires_at: terms.expires_at,
    };
    let event = match asked(&*channel, "sign", channel.sign(request)).await? {
        MandateOffered::At { authorize_url } => MandateEvent::Offered { authorize_url },
        MandateOffered::Refused { code } => MandateEvent::Declined { code },
    };
    apply(gateway, terms.merchant, terms.id, event).await
}

/// Lets something happen to a mandate: the core decides, and one commit keeps what it decided.
///
/// # Errors
///
/// The core's refusal as a problem; `mandate_not_found`; `internal`.
pub(crate) async fn apply(
    gateway: &Gateway,
    merchant: MerchantId,
    id: MandateId,
    event: MandateEvent,
) -> Result<Mandate, Problem> {
    let now = gateway.node.clock.now();
    let work = move |tx: &dyn Tx| mandates::happen(tx, &id, event, now);
    let mandate = store::write(&gateway.node.store, Scope::Merchant(merchant), work).await?;
    gateway.node.cluster.wake.call();
    Ok(mandate)
}

/// The channel that a mandate is agreed at.
///
/// # Errors
///
/// `internal`: the operator took the channel away.
pub(crate) fn channel_of(
    gateway: &Gateway,
    mandate: &Mandate,
) -> Result<std::sync::Arc<dyn Channel>, Problem> {
    let found = gateway.channels.shared(&mandate.terms.channel);
    found.ok_or_else(|| Problem::internal("the mandate's channel is gone"))
}

/// Asks the channel of a mandate how it stands, and applies what it says: what a channel tells us unasked ends here.
///
/// # Errors
///
/// `mandate_not_found`; `channel_unavailable`.
pub async fn sync(gateway: &Gateway, id: MandateId) -> Result<(Mandate, MandateStatus), Problem> {
    let of = id.clone();
    let found = store::read(&gateway.node.store, move |view| view.mandate(&of)).await?;
    let mandate = found.ok_or_else(not_found)?;
    let channel = channel_of(gateway, &mandate)?;
    let standing = asked(&*channel, "query_mandate", channel.query_mandate(&id)).await?;
    let event = match &standing {
        MandateStatus::Active { channel_ref } => {
            MandateEvent::Activated { channel_ref: channel_ref.clone() }
        }
        MandateStatus::Declined { code } => MandateEvent::Declined { code: code.clone() },
        MandateStatus::Revoked => MandateEvent::RevokedByPayer,
        MandateStatus::Unknown | MandateStatus::Pending => return Ok((mandate, standing)),
    };
    let mandate = apply(gateway, mandate.terms.merchant, id, event).await?;
    Ok((mandate, standing))
}

/// The merchant's mandate with this id.
///
/// # Errors
///
/// `mandate_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<MandateView, Problem> {
    let id = MandateId::parse(id).map_err(|_| not_found())?;
    let found = store::read_of(&gateway.node.store, merchant, move |view| view.mandate(&id));
    let mandate = found.await?.filter(|it| it.terms.merchant == *merchant);
    Ok(mandates::view(&mandate.ok_or_else(not_found)?, gateway.node.clock.now()))
}

/// The merchant's mandates with its number: one or none.
///
/// # Errors
///
/// `internal`.
pub async fn find_by_number(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: String,
) -> Result<Vec<MandateView>, Problem> {
    let (of, now) = (merchant.clone(), gateway.node.clock.now());
    let found = store::read_of(&gateway.node.store, merchant, move |view| {
        view.mandate_by_merchant_mandate_id(&of, &number)
    });
    Ok(found.await?.iter().map(|it| mandates::view(it, now)).collect())
}

/// A page of the merchant's mandates, of one status or of all.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    status: Option<&'static str>,
    page: Page<MandateId>,
) -> Result<List<MandateView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (of, limit, now) = (merchant.clone(), page.limit, gateway.node.clock.now());
    let found = store::read_of(&gateway.node.store, merchant, move |view| {
        view.mandates(&of, status, &page)
    });
    let found: Vec<_> = found.await?.iter().map(|it| mandates::view(it, now)).collect();
    Ok(List::new(found, limit, |it| it.id.clone()))
}

/// Reads a status.
///
/// # Errors
///
/// If no mandate has it.
pub fn status(text: &str) -> Result<&'static str, &'static str> {
    let found = MandateState::STATUSES.into_iter().find(|it| *it == text);
    found.ok_or("not a status of a mandate, such as active")
}

/// Takes a mandate back, once for its idempotency key: no debit follows. The channel is told afterwards.
///
/// # Errors
///
/// `mandate_not_found`, `mandate_state`.
pub async fn revoke(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = MandateId::parse(id).map_err(|_| not_found())?;
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let done = key.commit(&gateway.node, move |tx| {
        if tx.mandate(&id)?.is_none_or(|it| it.terms.merchant != merchant) {
            return Err(not_found());
        }
        let mandate = mandates::happen(tx, &id, MandateEvent::RevokeRequested, now)?;
        Ok((ApiResponse::json(200, &mandates::view(&mandate, now))?, ()))
    });
    match done.await? {
        Outcome::Before(first) => Ok(first),
        Outcome::Now((answer, ())) => {
            gateway.node.cluster.wake.call();
            Ok(answer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mandate_is_read_strictly() {
        let read = |body: &str| match NewMandate::parse(body.as_bytes()) {
            Ok(it) => {
                let period = it.period.map(|it| format!("{} in {} days", it.amount, it.days));
                format!("{} {} {period:?}", it.merchant_mandate_id, it.max_amount)
            }
            Err(invalid) => invalid.detail,
        };
        let with = |more: &str| {
            format!(
                r#"{{"merchant_mandate_id":"M-1","currency":"CNY","max_amount":5000,"description":"Tea","expires_at":"2027-11-18T11:06:40Z"{more}}}"#
            )
        };
        for (body, expected) in [
            (with(""), "M-1 5000 CNY None"),
            (
                with(r#","period":{"days":30,"max_amount":9000}"#),
                "M-1 5000 CNY Some(\"9000 CNY in 30 days\")",
            ),
            (with(r#","period":{"days":30}"#), "period.max_amount is required"),
            (
                with(r#","period":{"days":367,"max_amount":1}"#),
                "period.days must be a whole number from 1 to 366",
            ),
            (with(r#","amount":1"#), "there is no field amount"),
            ("{}".to_owned(), "currency is required"),
        ] {
            assert_eq!(read(&body), expected, "{body}");
        }
    }
}
