//! Payouts: a merchant has paid out what is available to it, or to one that it shares with; a second
//! person approves what its contract says; the operator has one looked at again that the channel was
//! silent on.
//!
//! A payout's money is taken in the commit that accepts it, and of many at once each sees what those
//! before it left. The channel is asked after that commit, by the worker.

use lezai_core::funds::payout::{
    Destination, Funds, Payout, PayoutEvent, PayoutState, PayoutTerms,
};
use lezai_core::id::{MerchantId, PayoutId};
use lezai_core::money::{Currency, MAX_MINOR, Money};
use lezai_core::policy::is_receiver;
use lezai_core::time::Timestamp;

use super::{OURS, follow, happen, not_found, views};
use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::schedule;
use lezai_store as store;
use lezai_store::{Page, Tx};
use lezai_wire::json::{Field, Invalid, Kind, Object};
use lezai_wire::order_request::number;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::parse_rfc3339;
use views::PayoutView;

/// How far ahead a payout may be planned: 90 days.
const AHEAD_SECS: i64 = 90 * 86_400;
const VERDICTS: [(&str, bool); 2] = [("approve", true), ("refuse", false)];
/// The person who decides: whoever has the operator's token.
const OPERATOR: &str = "operator";

/// A merchant's wish for a payout.
#[derive(Clone, Debug)]
pub struct NewPayout {
    /// The merchant's own number.
    pub merchant_payout_id: String,
    /// The amount that arrives; more than zero.
    pub amount: Money,
    /// Whose available balance it is taken from, if not the merchant's own.
    pub receiver: Option<String>,
    /// Where to.
    pub destination: Destination,
    /// The text that the recipient reads.
    pub description: Option<String>,
    /// It is not sent before.
    pub not_before: Option<Timestamp>,
}

impl NewPayout {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let minor = body.required("amount", |field| field.integer(1..=MAX_MINOR))?;
        let currency =
            body.required("currency", |field| field.parsed(3..=3, Currency::from_code))?;
        let amount = Money::new(minor, currency).map_err(|error| Invalid {
            kind: Kind::InvalidField,
            field: "amount".to_owned(),
            detail: error.to_string(),
        })?;
        let payout = Self {
            merchant_payout_id: body
                .required("merchant_payout_id", |field| field.parsed(1..=64, own_number))?,
            amount,
            receiver: body.optional("receiver", |field| field.parsed(1..=64, receiver))?,
            destination: body.required("destination", destination)?,
            description: body.optional("description", |field| field.shown(1..=80))?,
            not_before: body.optional("not_before", |field| field.parsed(1..=40, time))?,
        };
        body.finish()?;
        Ok(payout)
    }
}

fn destination(field: Field) -> Result<Destination, Invalid> {
    let mut object = field.object()?;
    let destination = Destination {
        kind: object.required("kind", |field| field.text(1..=32))?,
        account: object.required("account", |field| field.shown(1..=64))?,
        holder: object.optional("holder", |field| field.shown(1..=70))?,
    };
    object.finish()?;
    Ok(destination)
}

fn own_number(text: &str) -> Result<String, String> {
    match text.starts_with(OURS) {
        true => Err(format!("taken: numbers that begin with {OURS} are the gateway's own")),
        false => number(text).map_err(|error| error.to_string()),
    }
}

fn receiver(text: &str) -> Result<String, &'static str> {
    if is_receiver(text) { Ok(text.to_owned()) } else { Err("not a receiver's name") }
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    parse_rfc3339(text).ok_or("not a time as RFC 3339 has it, such as 2026-11-18T11:06:40Z")
}

/// The first channel that pays to such a destination.
pub(super) fn channel_for(gateway: &Gateway, destination: &Destination) -> Option<String> {
    let kind = destination.kind.as_str();
    let mut payers = gateway.channels.payers();
    payers.find(|(it, _)| *it == kind).map(|(_, channel)| channel.to_owned())
}

/// Accepts a payout, once for its idempotency key and its number.
///
/// # Errors
///
/// `insufficient_funds`, `payout_limit_exceeded`, `payout_not_agreed`, `merchant_payout_id_taken`,
/// `invalid_field`.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewPayout,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let channel = channel_for(gateway, &new.destination).ok_or_else(|| {
        let kinds: Vec<&str> = gateway.channels.payers().map(|(kind, _)| kind).collect();
        let detail = format!("destination.kind must be one of: {}", kinds.join(", "));
        Problem::new(Code::InvalidField, detail).with("field", "destination.kind")
    })?;
    let now = gateway.node.clock.now();
    if new.not_before.is_some_and(|it| it > now.plus_secs(AHEAD_SECS)) {
        let detail = "not_before must be at most 90 days ahead";
        return Err(Problem::new(Code::InvalidField, detail).with("field", "not_before"));
    }
    let id = PayoutId::new(now, gateway.node.entropy.bytes());
    let merchant = merchant.clone();
    let done = key.commit(&gateway.node, move |tx| {
        let payout = accept(tx, Wanted { id, merchant, channel, new }, now)?;
        Ok((ApiResponse::json(201, &views::payout(&payout))?, ()))
    });
    Ok(told(gateway, done.await?))
}

struct Wanted {
    id: PayoutId,
    merchant: MerchantId,
    channel: String,
    new: NewPayout,
}

fn accept(tx: &dyn Tx, wanted: Wanted, now: Timestamp) -> Result<Payout, Problem> {
    let Wanted { id, merchant, channel, new } = wanted;
    let NewPayout { merchant_payout_id, amount, receiver, destination, description, not_before } =
        new;
    if let Some(first) = tx.payout_by_merchant_payout_id(&merchant, &merchant_payout_id)? {
        return Err(taken(&first));
    }
    let agreed = schedule::in_force(tx, &merchant, now)?;
    let contract = &agreed.contract;
    let wait = contract.new_destination_wait_secs();
    let known_since = tx.destination_since(&merchant, &destination)?.unwrap_or(now);
    let not_before = not_before.unwrap_or(now).max(known_since.plus_secs(wait)).max(now);
    let terms = PayoutTerms {
        id,
        merchant,
        merchant_payout_id,
        receiver,
        amount,
        fee: contract.payout_fee(amount),
        fee_returned: contract.payout_fee_returned(),
        channel,
        destination,
        description,
        contract: agreed.number,
        settlement: None,
        created_at: now,
        not_before,
    };
    take(tx, terms, &agreed.contract, now)
}

/// Accepts a payout with these terms, and takes what it takes.
///
/// # Errors
///
/// The core's refusal as a problem; `payout_not_agreed`.
pub(super) fn take(
    tx: &dyn Tx,
    terms: PayoutTerms,
    contract: &lezai_core::funds::contract::Contract,
    now: Timestamp,
) -> Result<Payout, Problem> {
    let currency = terms.amount.currency();
    let rules = contract.payout_rules(currency).ok_or_else(|| {
        let detail = format!("the merchant's contract has no payouts in {currency}");
        Problem::new(Code::PayoutNotAgreed, detail).with("field", "currency")
    })?;
    let zero = Money::zero(currency);
    let today = if rules.day_max == i64::MAX {
        zero
    } else {
        let days = schedule::cut_offs(contract, now, schedule::TODAY).map_err(Problem::internal)?;
        let since = days.last_passed(now).map_or(now.plus_secs(-86_400), |it| it.at);
        tx.paid_out_since(&terms.merchant, currency, since)?
    };
    // The ledger's numbers are debits; what is available is a credit.
    let available = tx.balance(&terms.owner(), currency)?.saturating_neg();
    let available = Money::new(available, currency).unwrap_or(zero);
    let step = Payout::accept(terms, rules, Funds { available, today })?;
    if !tx.insert_payout(&step.payout)? {
        return Err(taken(&step.payout));
    }
    Ok(follow(tx, step, now)?)
}

fn taken(first: &Payout) -> Problem {
    Problem::new(
        Code::MerchantPayoutIdTaken,
        "query the payout with this number; use another number for another payout",
    )
    .with("field", "merchant_payout_id")
    .with("payout_id", first.terms.id.to_string())
}

/// The merchant's payout with this id.
///
/// # Errors
///
/// `payout_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<PayoutView, Problem> {
    let id = PayoutId::parse(id).map_err(|_| not_found())?;
    let found = store::read(&gateway.node.store, move |view| view.payout(&id)).await?;
    let found = found.filter(|it| it.terms.merchant == *merchant).ok_or_else(not_found)?;
    Ok(views::payout(&found))
}

/// The merchant's payouts with its number: one or none.
///
/// # Errors
///
/// `internal`.
pub async fn find_by_number(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: String,
) -> Result<Vec<PayoutView>, Problem> {
    let merchant = merchant.clone();
    let found = store::read(&gateway.node.store, move |view| {
        view.payout_by_merchant_payout_id(&merchant, &number)
    })
    .await?;
    Ok(found.iter().map(views::payout).collect())
}

/// A page of the merchant's payouts.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    status: Option<&'static str>,
    page: Page<PayoutId>,
) -> Result<List<PayoutView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (merchant, limit) = (merchant.clone(), page.limit);
    let found =
        store::read(&gateway.node.store, move |view| view.payouts(&merchant, status, &page))
            .await?;
    Ok(List::new(found.iter().map(views::payout).collect(), limit, |it: &PayoutView| it.id.clone()))
}

/// A page of every merchant's payouts of one status, for the operator.
///
/// # Errors
///
/// `internal`.
pub async fn of_status(
    gateway: &Gateway,
    status: &'static str,
    page: Page<PayoutId>,
) -> Result<List<OperatorPayout>, Problem> {
    let limit = page.limit;
    let found =
        store::read(&gateway.node.store, move |view| view.payouts_of_status(status, &page)).await?;
    let found = found.iter().map(operator_view).collect();
    Ok(List::new(found, limit, |it: &OperatorPayout| it.payout.id.clone()))
}

/// A payout as the operator reads it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct OperatorPayout {
    /// Whose it is.
    pub merchant: String,
    /// The channel that pays.
    pub channel: String,
    /// The payout.
    pub payout: PayoutView,
}

fn operator_view(payout: &Payout) -> OperatorPayout {
    OperatorPayout {
        merchant: payout.terms.merchant.to_string(),
        channel: payout.terms.channel.clone(),
        payout: views::payout(payout),
    }
}

/// Calls a payout off that was not sent, once for its idempotency key.
///
/// # Errors
///
/// `payout_not_found`, `payout_state`.
pub async fn cancel(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = PayoutId::parse(id).map_err(|_| not_found())?;
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let done = key.commit(&gateway.node, move |tx| {
        if tx.payout(&id)?.is_none_or(|it| it.terms.merchant != merchant) {
            return Err(not_found());
        }
        let payout = happen(tx, &id, PayoutEvent::CancelRequested, now)?;
        Ok((ApiResponse::json(200, &views::payout(&payout))?, ()))
    });
    Ok(told(gateway, done.await?))
}

/// How the operator decides on a payout, and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether it may be sent.
    pub approved: bool,
    /// Why; the merchant reads it.
    pub reason: String,
}

impl Decision {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let decision = Self {
            approved: body.required("verdict", |field| field.one_of(&VERDICTS))?,
            reason: body.required("reason", |field| field.text(1..=200))?,
        };
        body.finish()?;
        Ok(decision)
    }
}

/// Approves or refuses a payout that needs it, once for its idempotency key.
///
/// # Errors
///
/// `payout_not_found`, `payout_state`, `payout_decided`.
pub async fn decide(
    gateway: &Gateway,
    id: &str,
    decision: Decision,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let Decision { approved, reason } = decision;
    let event = PayoutEvent::Decided { approved, reason, by: OPERATOR.to_owned() };
    by_operator(gateway, id, event, key).await
}

/// Has the channel asked again about a payout that it was silent on.
///
/// # Errors
///
/// `payout_not_found`, `payout_state`.
pub async fn resume(
    gateway: &Gateway,
    id: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    by_operator(gateway, id, PayoutEvent::Resumed, key).await
}

async fn by_operator(
    gateway: &Gateway,
    id: &str,
    event: PayoutEvent,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = PayoutId::parse(id).map_err(|_| not_found())?;
    let now = gateway.node.clock.now();
    let key = key.on(&super::merchant_of(gateway, &id).await?);
    let done = key.commit(&gateway.node, move |tx| {
        let payout = happen(tx, &id, event, now)?;
        Ok((ApiResponse::json(200, &operator_view(&payout))?, ()))
    });
    Ok(told(gateway, done.await?))
}

/// The answer of a request; what it left to be done is begun, unless it was before.
fn told(gateway: &Gateway, done: Outcome<(ApiResponse, ())>) -> ApiResponse {
    match done {
        Outcome::Before(first) => first,
        Outcome::Now((answer, ())) => {
            gateway.node.cluster.wake.call();
            answer
        }
    }
}

/// The status with this name.
///
/// # Errors
///
/// The statuses that there are, for any other text.
pub fn status(text: &str) -> Result<&'static str, &'static str> {
    PayoutState::STATUSES
        .into_iter()
        .find(|it| *it == text)
        .ok_or("not a status of a payout, such as paid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payout_is_read_strictly() {
        const GOOD: &str = r#"{"merchant_payout_id":"P-1","amount":6000,"currency":"CNY","destination":{"kind":"bank_account","account":"6222020200112233445","holder":"Tea House"},"description":"Leaves","not_before":"2026-11-18T11:06:40Z"}"#;
        let good = NewPayout::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((good.amount.minor(), good.receiver), (6000, None));
        for (from, to, field) in [
            ("6000", "0", "amount"),
            ("6000", "60.5", "amount"),
            ("CNY", "XXX", "currency"),
            ("P-1", "P 1", "merchant_payout_id"),
            (r#""kind":"bank_account","#, "", "destination.kind"),
            (r#""account":"6222020200112233445","#, "", "destination.account"),
            ("6222020200112233445", "", "destination.account"),
            ("Tea House", "", "destination.holder"),
            ("\"holder\"", "\"name\"", "destination.name"),
            ("2026-11-18T11:06:40Z", "2026-11-18", "not_before"),
            ("\"description\"", "\"receiver\":\"a b\",\"description\"", "receiver"),
            ("\"description\"", "\"method\":\"instant\",\"description\"", "method"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = NewPayout::parse(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!(error.field, field, "{to}: {}", error.detail);
        }
    }
}
