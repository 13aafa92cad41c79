//! Debits: orders that are charged under a mandate, without the shopper.
//!
//! That the mandate allows it is looked at in the commit that makes the order, counts it in the mandate and begins its
//! payment, so that many debits at once are not more than its bounds. The worker has the channel debit afterwards, by
//! the attempt's own number.

use lezai_core::id::{AttemptId, MandateId, MerchantId, OrderId};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{Attempt, Event};
use lezai_core::payer::Payer;
use lezai_core::policy::{Customer, Device, OrderFacts, Scene};
use lezai_core::time::Timestamp;
use lezai_store as store;
use lezai_wire::json::{Invalid, Object};
use lezai_wire::order_request::{NewOrder, metadata, number, url};
use lezai_wire::problem::{Code, Problem};

use super::mandates::amount;
use super::{Agreement, Opened, Wanted, decide, open, priced, shares, taken};
use crate::gateway::{self, Gateway};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::mandates::not_found;
use crate::merchants::Merchant;
use crate::plugins::deciding::Decided;
use crate::{fees, views};

/// A debit that the channel does not decide on is called off after three days.
const EXPIRY_SECS: i64 = 3 * 86_400;

/// A merchant's wish for a debit.
#[derive(Clone, Debug)]
pub struct NewDebit {
    /// The merchant's own number of the order.
    pub merchant_order_id: String,
    /// How much.
    pub amount: Money,
    /// The text that the payer reads.
    pub description: String,
    /// Where callbacks go.
    pub notify_url: Option<String>,
    /// The merchant's own remarks.
    pub metadata: std::collections::BTreeMap<String, String>,
}

impl NewDebit {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let currency =
            body.required("currency", |field| field.parsed(3..=3, Currency::from_code))?;
        let debit = Self {
            merchant_order_id: body
                .required("merchant_order_id", |field| field.parsed(1..=64, number))?,
            amount: body.required("amount", |field| amount(field, currency))?,
            description: body.required("description", |field| field.shown(1..=200))?,
            notify_url: body.optional("notify_url", url)?,
            metadata: body.optional("metadata", metadata)?.unwrap_or_default(),
        };
        body.finish()?;
        Ok(debit)
    }

    /// The order that it is.
    fn order(self) -> NewOrder {
        NewOrder {
            merchant_order_id: self.merchant_order_id,
            amount: self.amount,
            description: self.description,
            methods: Vec::new(),
            expires_in_secs: EXPIRY_SECS,
            capture: Default::default(),
            split: Default::default(),
            shares: Vec::new(),
            refund_bearer: Default::default(),
            fx_quote: None,
            notify_url: self.notify_url,
            return_url: None,
            scene: Scene::Agreement,
            customer: Customer::default(),
            payer: Payer::default(),
            device: Device::default(),
            metadata: self.metadata,
        }
    }
}

/// Debits under a mandate, once for its idempotency key and its number: the answer is the order, which the worker has
/// charged.
///
/// # Errors
///
/// `mandate_not_found`, `mandate_state`, `debit_above_mandate`, `currency_mismatch`, `merchant_order_id_taken`, and
/// what the merchant's policy and risk control say against it.
pub async fn create(
    gateway: &Gateway,
    merchant: &Merchant,
    mandate: &str,
    new: NewDebit,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let decide = async |facts: OrderFacts| decide(gateway, merchant, facts);
    create_decided(gateway, merchant, mandate, new, key, decide).await
}

/// As [`create`], with anything that decides.
///
/// # Errors
///
/// As of [`create`], and what `decide` says.
pub async fn create_decided<F>(
    gateway: &Gateway,
    merchant: &Merchant,
    mandate: &str,
    new: NewDebit,
    key: IdempotentRequest,
    decide: impl FnOnce(OrderFacts) -> F,
) -> Result<ApiResponse, Problem>
where
    F: Future<Output = Result<(OrderFacts, Decided), Problem>>,
{
    let id = MandateId::parse(mandate).map_err(|_| not_found())?;
    let now = gateway.node.clock.now();
    let opened = match prepare(gateway, merchant, &id, new, decide, now).await {
        Ok(opened) => opened,
        // A repeat gets what the first request got, whatever the merchant's rules say by now.
        Err(_) if key.was_answered(&gateway.node).await? => {
            return match key.start(&gateway.node, |_| Ok(())).await? {
                Outcome::Before(first) => Ok(first),
                Outcome::Now(()) => {
                    Err(Problem::internal("a first response was there and is no more"))
                }
            };
        }
        Err(refusal) => return Err(refusal),
    };
    let attempt = Attempt {
        id: AttemptId::new(now, gateway.node.entropy.bytes()),
        method: opened.record.order.terms.methods.first().cloned().unwrap_or_default(),
        channel: opened.channel.clone(),
        account: None,
        instalments: None,
        begun_at: None,
        by_code: false,
        // The mandate names the channel.
        routed: None,
    };
    let public_url = gateway.public_url.clone();
    let done = key.commit(&gateway.node, move |tx| {
        let Debit { record, looked_up, effects, session, .. } = opened;
        let terms = &record.order.terms;
        let mandate = tx.mandate(&id)?.filter(|it| it.terms.merchant == terms.merchant);
        let mandate = mandate.ok_or_else(not_found)?.debit(terms.amount, now)?;
        let record = match looked_up {
            Some(agreed) => priced(tx, record, &agreed)?,
            None => record,
        };
        shares::check_receivers(tx, &record.order.terms)?;
        if !tx.insert_order(&record, &session)? {
            return Err(taken(tx, &record)?);
        }
        tx.update_mandate(&mandate)?;
        fees::count(tx, &record.order)?;
        gateway::schedule(tx, &record, effects, now)?;
        let order = record.order.terms.id;
        let record = gateway::apply(tx, &order, Event::MethodChosen(attempt), now)?;
        let view = views::order_with_checkout(&record, &public_url, None);
        let view = lezai_wire::views::OrderView { checkout: None, ..view };
        Ok((ApiResponse::json(201, &view)?, record))
    });
    let done = done.await?;
    if let Outcome::Now(_) = &done {
        gateway.node.metrics.orders_created.inc();
    }
    Ok(gateway.announce(done))
}

/// A debit that is about to be.
struct Debit {
    record: store::OrderRecord,
    looked_up: Option<lezai_core::funds::contract::Agreed>,
    effects: Vec<lezai_core::order::Effect>,
    session: store::SessionRecord,
    channel: String,
}

/// The decision of the merchant's policy and risk control on the debit. What the mandate allows is the commit's to say.
async fn prepare<F>(
    gateway: &Gateway,
    merchant: &Merchant,
    id: &MandateId,
    new: NewDebit,
    decide: impl FnOnce(OrderFacts) -> F,
    now: Timestamp,
) -> Result<Debit, Problem>
where
    F: Future<Output = Result<(OrderFacts, Decided), Problem>>,
{
    let mandate = find(gateway, &merchant.record.id, id.clone()).await?;
    let mut new = new.order();
    if let Some(url) = &mut new.notify_url {
        *url = gateway.callbacks.address(merchant, url)?.into();
    }
    let method = mandate.terms.method.clone();
    let facts = new.facts(
        OrderId::new(now, gateway.node.entropy.bytes()),
        merchant.record.id.clone(),
        merchant.policy.profile().clone(),
        vec![method.clone()],
        now,
    );
    merchant.policy.check_limits(&facts).map_err(|error| {
        Problem::new(Code::LimitExceeded, error.to_string()).with("field", "amount")
    })?;
    let (facts, decided) = decide(facts).await?;
    let agreement = Some(Agreement { mandate: mandate.terms.id, method });
    let wanted = Wanted { new, quote: None, facts, agreement };
    let Opened { record, looked_up, effects, session, .. } =
        open(gateway, merchant, wanted, decided, now)?;
    Ok(Debit { record, looked_up, effects, session, channel: mandate.terms.channel })
}

async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: MandateId,
) -> Result<lezai_core::funds::mandate::Mandate, Problem> {
    let found = store::read_of(&gateway.node.store, merchant, move |view| view.mandate(&id));
    found.await?.filter(|it| it.terms.merchant == *merchant).ok_or_else(not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debit_is_read_strictly_and_is_an_order_by_agreement() {
        let read = |body: &str| match NewDebit::parse(body.as_bytes()) {
            Ok(it) => format!("{} {} {}", it.merchant_order_id, it.amount, it.description),
            Err(invalid) => invalid.detail,
        };
        let good = r#"{"merchant_order_id":"A-1","amount":4900,"currency":"CNY","description":"Tea of May"}"#;
        for (body, expected) in [
            (good, "A-1 4900 CNY Tea of May"),
            (
                r#"{"merchant_order_id":"A-1","amount":4900,"currency":"CNY"}"#,
                "description is required",
            ),
            (
                r#"{"merchant_order_id":"A-1","description":"T","currency":"CNY"}"#,
                "amount is required",
            ),
            (
                r#"{"merchant_order_id":"A-1","amount":4900,"currency":"CNY","description":"T","methods":["x"]}"#,
                "there is no field methods",
            ),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
        let order = NewDebit::parse(good.as_bytes()).unwrap().order();
        assert_eq!((order.scene, order.expires_in_secs), (Scene::Agreement, EXPIRY_SECS));
    }
}
