//! Payouts: a merchant has paid out what is available to it, or to one that it shares with; a second
//! person approves what its contract says; the operator has one looked at again that the channel was
//! silent on.
//!
//! A payout's money is taken in the commit that accepts it, and of many at once each sees what those
//! before it left. The channel is asked after that commit, by the worker.

use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::funds::payout::{
    Destination, Funds, Payout, PayoutEvent, PayoutRules, PayoutState, PayoutTerms,
};
use lezai_core::id::{MerchantId, PayoutBatchId, PayoutId, ReceiverId};
use lezai_core::money::{Currency, MAX_MINOR, Money};
use lezai_core::time::Timestamp;

use super::{OURS, follow, happen, no_receiver, not_found, views};
use crate::channels::Channels;
use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::schedule;
use lezai_store as store;
use lezai_store::{Page, Tx};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::order_request::number;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::split_request::receiver;
use lezai_wire::time::parse_rfc3339;
use views::PayoutView;

/// How far ahead a payout may be planned: 90 days.
const AHEAD_SECS: i64 = 90 * 86_400;
pub(super) const VERDICTS: [(&str, bool); 2] = [("approve", true), ("refuse", false)];
/// The person who decides: whoever has the operator's token.
pub(super) const OPERATOR: &str = "operator";

/// A merchant's wish for a payout.
#[derive(Clone, Debug)]
pub struct NewPayout {
    /// The merchant's own number.
    pub merchant_payout_id: String,
    /// The amount that arrives; more than zero.
    pub amount: Money,
    /// The receiver whose available balance it is taken from, by name; the merchant's own if absent.
    pub receiver: Option<String>,
    /// The same by its id: then it goes to where its registration says.
    pub from: Option<ReceiverId>,
    /// Where to, unless it is where a receiver's registration says.
    pub destination: Option<Destination>,
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
        let currency = body.required("currency", currency)?;
        let mut payout = Self::read(&mut body, currency)?;
        payout.not_before = body.optional("not_before", time)?;
        body.finish()?;
        Ok(payout)
    }

    /// Reads what a payout and an item of a batch have in common.
    pub(super) fn read(body: &mut Object, currency: Currency) -> Result<Self, Invalid> {
        let amount = body.required("amount", |field| amount(field, currency))?;
        let from = body.optional("from", from)?;
        if let Some(name) = ["receiver", "destination"].into_iter().find(|it| body.has(it))
            && from.is_some()
        {
            let wrong = |field: Field| -> Result<(), Invalid> {
                Err(field.invalid("is the receiver's own: leave it out, or from"))
            };
            body.required(name, wrong)?;
        }
        Ok(Self {
            merchant_payout_id: body
                .required("merchant_payout_id", |field| field.parsed(1..=64, own_number))?,
            amount,
            receiver: body.optional("receiver", |field| field.parsed(1..=64, receiver))?,
            destination: match &from {
                Some(_) => None,
                None => Some(body.required("destination", destination)?),
            },
            from,
            description: body.optional("description", |field| field.shown(1..=80))?,
            not_before: None,
        })
    }
}

/// Reads a currency.
pub(super) fn currency(field: Field) -> Result<Currency, Invalid> {
    field.parsed(3..=3, Currency::from_code)
}

/// Reads an amount that is paid.
pub(super) fn amount(field: Field, currency: Currency) -> Result<Money, Invalid> {
    let of = field.invalid("is no amount of this currency");
    let minor = field.integer(1..=MAX_MINOR)?;
    Money::new(minor, currency).map_err(|_| of)
}

/// Reads when a payout is sent at the earliest.
pub(super) fn time(field: Field) -> Result<Timestamp, Invalid> {
    const FORM: &str = "not a time as RFC 3339 has it, such as 2026-11-18T11:06:40Z";
    field.parsed(1..=40, |text| parse_rfc3339(text).ok_or(FORM))
}

/// Checks how far ahead a payout is planned.
pub(super) fn soon(not_before: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    if not_before.is_some_and(|it| it > now.plus_secs(AHEAD_SECS)) {
        let detail = "not_before must be at most 90 days ahead";
        return Err(Problem::new(Code::InvalidField, detail).with("field", "not_before"));
    }
    Ok(())
}

/// Reads where a payout goes to.
pub(super) fn destination(field: Field) -> Result<Destination, Invalid> {
    let mut object = field.object()?;
    let destination = Destination {
        kind: object.required("kind", |field| field.text(1..=32))?,
        account: object.required("account", |field| field.shown(1..=64))?,
        holder: object.optional("holder", |field| field.shown(1..=70))?,
    };
    object.finish()?;
    Ok(destination)
}

fn from(field: Field) -> Result<ReceiverId, Invalid> {
    let mut object = field.object()?;
    let id = object.required("receiver", |field| field.parsed(1..=64, ReceiverId::parse))?;
    object.finish()?;
    Ok(id)
}

fn own_number(text: &str) -> Result<String, String> {
    match text.starts_with(OURS) {
        true => Err(format!("taken: numbers that begin with {OURS} are the gateway's own")),
        false => number(text).map_err(|error| error.to_string()),
    }
}

/// The first channel that pays to such a destination.
///
/// # Errors
///
/// `invalid_field` if none does.
pub(super) fn payer(channels: &Channels, destination: &Destination) -> Result<String, Problem> {
    let kind = destination.kind.as_str();
    let found = channels.payers().find(|(it, _)| *it == kind);
    found.map(|(_, channel)| channel.to_owned()).ok_or_else(|| {
        let kinds: Vec<&str> = channels.payers().map(|(kind, _)| kind).collect();
        let detail = format!("destination.kind must be one of: {}", kinds.join(", "));
        Problem::new(Code::InvalidField, detail).with("field", "destination.kind")
    })
}

/// Accepts a payout, once for its idempotency key and its number.
///
/// # Errors
///
/// `insufficient_funds`, `payout_limit_exceeded`, `payout_not_agreed`, `merchant_payout_id_taken`,
/// `receiver_not_found`, `invalid_field`.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewPayout,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let now = gateway.node.clock.now();
    soon(new.not_before, now)?;
    let id = PayoutId::new(now, gateway.node.entropy.bytes());
    let (merchant, channels) = (merchant.clone(), gateway.channels.clone());
    let done = key.commit(&gateway.node, move |tx| {
        let agreed = schedule::in_force(tx, &merchant, now)?;
        let accepting = Accepting { merchant: &merchant, agreed: &agreed, batch: None, now };
        let terms = accepting.terms(tx, &channels, id, new)?;
        let payout = take(tx, terms, &agreed.contract, now)?;
        Ok((ApiResponse::json(201, &views::payout(&payout))?, ()))
    });
    Ok(told(gateway, done.await?))
}

/// The receiver whose money goes, if it is not the merchant's own, and where to.
fn ends(
    tx: &dyn Tx,
    merchant: &MerchantId,
    new: &NewPayout,
) -> Result<(Option<String>, Destination), Problem> {
    if let Some(destination) = &new.destination {
        return Ok((new.receiver.clone(), destination.clone()));
    }
    let id = new.from.as_ref().ok_or_else(no_receiver)?;
    let receiver = tx.receiver(id)?.filter(|it| it.merchant == *merchant);
    let receiver = receiver.ok_or_else(no_receiver)?;
    let destination = receiver.destination.ok_or_else(|| {
        let detail = "the receiver is registered without a destination";
        Problem::new(Code::InvalidField, detail).with("field", "from.receiver")
    })?;
    Ok((Some(receiver.name), destination))
}

/// The merchant, contract and time by which payouts are accepted.
pub(super) struct Accepting<'a> {
    pub(super) merchant: &'a MerchantId,
    pub(super) agreed: &'a Agreed,
    pub(super) batch: Option<&'a PayoutBatchId>,
    pub(super) now: Timestamp,
}

impl Accepting<'_> {
    /// The terms of a payout that a merchant wants.
    ///
    /// # Errors
    ///
    /// `merchant_payout_id_taken`, `receiver_not_found`, `invalid_field`.
    pub(super) fn terms(
        &self,
        tx: &dyn Tx,
        channels: &Channels,
        id: PayoutId,
        new: NewPayout,
    ) -> Result<PayoutTerms, Problem> {
        let Self { merchant, agreed, batch, now } = *self;
        let (receiver, destination) = ends(tx, merchant, &new)?;
        let channel = payer(channels, &destination)?;
        let NewPayout { merchant_payout_id, amount, description, not_before, .. } = new;
        if let Some(first) = tx.payout_by_merchant_payout_id(merchant, &merchant_payout_id)? {
            return Err(taken(&first));
        }
        let contract = &agreed.contract;
        let wait = contract.new_destination_wait_secs();
        let known_since = tx.destination_since(merchant, &destination)?.unwrap_or(now);
        Ok(PayoutTerms {
            id,
            merchant: merchant.clone(),
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
            batch: batch.cloned(),
            created_at: now,
            not_before: not_before.unwrap_or(now).max(known_since.plus_secs(wait)).max(now),
        })
    }
}

/// Accepts a payout with these terms, and takes what it takes.
///
/// # Errors
///
/// The core's refusal as a problem; `payout_not_agreed`.
pub(super) fn take(
    tx: &dyn Tx,
    terms: PayoutTerms,
    contract: &Contract,
    now: Timestamp,
) -> Result<Payout, Problem> {
    let rules = agreed_rules(contract, terms.amount.currency())?;
    let today = match day_begun(&rules, contract, now)? {
        Some(since) => tx.paid_out_since(&terms.merchant, terms.amount.currency(), since)?,
        None => Money::zero(terms.amount.currency()),
    };
    take_by(tx, terms, rules, today, now)
}

/// The limits of payouts in a currency.
///
/// # Errors
///
/// `payout_not_agreed`.
pub(super) fn agreed_rules(
    contract: &Contract,
    currency: Currency,
) -> Result<PayoutRules, Problem> {
    contract.payout_rules(currency).ok_or_else(|| {
        let detail = format!("the merchant's contract has no payouts in {currency}");
        Problem::new(Code::PayoutNotAgreed, detail).with("field", "currency")
    })
}

/// Since when payouts are added up for the limit of a day, if there is one.
///
/// # Errors
///
/// `internal`.
pub(super) fn day_begun(
    rules: &PayoutRules,
    contract: &Contract,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    if rules.day_max == i64::MAX {
        return Ok(None);
    }
    let days = schedule::cut_offs(contract, now, schedule::TODAY).map_err(Problem::internal)?;
    Ok(Some(days.last_passed(now).map_or(now.plus_secs(-86_400), |it| it.at)))
}

/// As [`take`], by rules that are known, and the sum of what was accepted on the same day before.
///
/// # Errors
///
/// The core's refusal as a problem.
pub(super) fn take_by(
    tx: &dyn Tx,
    terms: PayoutTerms,
    rules: PayoutRules,
    today: Money,
    now: Timestamp,
) -> Result<Payout, Problem> {
    let currency = terms.amount.currency();
    // The ledger's numbers are debits; what is available is a credit.
    let available = tx.balance(&terms.owner(), currency)?.saturating_neg();
    let available = Money::new(available, currency).unwrap_or(Money::zero(currency));
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

/// A page of every merchant's payouts of one status, for the operator; without a status those that wait to be decided on
/// one by one.
///
/// # Errors
///
/// `internal`.
pub async fn of_status(
    gateway: &Gateway,
    status: Option<&'static str>,
    page: Page<PayoutId>,
) -> Result<List<OperatorPayout>, Problem> {
    let limit = page.limit;
    let found = store::read(&gateway.node.store, move |view| match status {
        None | Some("needs_approval") => view.payouts_that_wait(&page),
        Some(status) => view.payouts_of_status(status, &page),
    });
    Ok(operator_page(&found.await?, limit))
}

/// A page as the operator reads it.
pub(super) fn operator_page(found: &[Payout], limit: u32) -> List<OperatorPayout> {
    let found = found.iter().map(operator_view).collect();
    List::new(found, limit, |it: &OperatorPayout| it.payout.id.clone())
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
    alone(gateway, id).await?;
    by_operator(gateway, id, event, key).await
}

/// A payout of a batch is decided on with its batch.
async fn alone(gateway: &Gateway, id: &str) -> Result<(), Problem> {
    let id = PayoutId::parse(id).map_err(|_| not_found())?;
    let found = store::read(&gateway.node.store, move |view| view.payout(&id)).await?;
    let payout = found.ok_or_else(not_found)?;
    let Some(batch) = payout.terms.batch.filter(|_| payout.approval.is_none()) else {
        return Ok(());
    };
    let detail = format!("it is decided on with its batch, {batch}");
    let problem = Problem::new(Code::PayoutState, detail);
    Err(problem.with("payout_status", payout.state.status()))
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
pub(super) fn told(gateway: &Gateway, done: Outcome<(ApiResponse, ())>) -> ApiResponse {
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
