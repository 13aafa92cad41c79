//! A merchant's calls on orders: create, query, close, capture, void, renew the checkout session.

pub mod attempts;
pub mod charge;
pub mod checkout;
pub mod collecting;
pub mod debits;
mod fx;
pub mod mandates;
pub mod refunds;
pub mod reviews;
mod shares;
pub mod splits;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::claim::MAX_SESSIONS;
use lezai_core::digest::sha256_hex;
use lezai_core::funds::contract::Agreed;
use lezai_core::funds::fx::Quote;
use lezai_core::funds::pricing::{FeeBasis, Used};
use lezai_core::id::{MandateId, MerchantId, OrderId, SessionId};
use lezai_core::instalments::Plan;
use lezai_core::money::Money;
use lezai_core::order::{Capture, Effect, Event, Order, SplitTime, Step, Terms};
use lezai_core::policy::{OrderFacts, Verdict};
use lezai_core::routing::OrderedBy;
use lezai_core::signature::Verified;
use lezai_core::time::Timestamp;
use serde::Serialize;

use crate::cluster::velocity::Counted;
use crate::fees;
use crate::gateway;
use crate::gateway::{Gateway, not_found};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::merchants::Merchant;
use crate::orders::collecting::Ways;
use crate::plugins::deciding::Decided;
use crate::plugins::recording::record;
use crate::views;
use lezai_channels::channel::Method;
use lezai_store as store;
use lezai_store::decision::DecisionRecord;
use lezai_store::plugins::Denial;
use lezai_store::{Details, OrderRecord, OrderSample, Page, SessionRecord};
use lezai_traces::Kind;
use lezai_wire::order_request::NewOrder;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::OrderView;

/// Creates an order, once for its idempotency key.
///
/// # Errors
///
/// The error in the request, what the merchant's policy and risk control say against it,
/// and `merchant_order_id_taken`.
pub async fn create(
    gateway: &Gateway,
    merchant: &Merchant,
    request: Verified<NewOrder>,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let decide = async |facts: OrderFacts| decide(gateway, merchant, facts);
    create_decided(gateway, merchant, request.into_content(), key, decide).await
}

/// The decision of the merchant's plugin, or of the standard one.
fn decide(
    gateway: &Gateway,
    merchant: &Merchant,
    facts: OrderFacts,
) -> Result<(OrderFacts, Decided), Problem> {
    let decided = gateway.plugins.decide(merchant, &facts)?;
    Ok((facts, decided))
}

/// As [`create`], with anything that decides.
///
/// # Errors
///
/// As of [`create`], and what `decide` says.
pub async fn create_decided<F>(
    gateway: &Gateway,
    merchant: &Merchant,
    new: NewOrder,
    key: IdempotentRequest,
    decide: impl FnOnce(OrderFacts) -> F,
) -> Result<ApiResponse, Problem>
where
    F: Future<Output = Result<(OrderFacts, Decided), Problem>>,
{
    let now = gateway.node.clock.now();
    // A repeat gets what the first request got, whatever the merchant's rules say by now. The commit
    // below looks for that first of all; only where there will be none it is looked for here, so that
    // a new order costs no read.
    let mut counted = None;
    let opened = match prepare(gateway, merchant, new, decide, now, &mut counted).await {
        Ok(opened) => opened,
        Err(_) if key.was_answered(&gateway.node).await? => {
            return match key.start(&gateway.node, |_| Ok(())).await? {
                Outcome::Before(first) => Ok(first),
                Outcome::Now(()) => {
                    Err(Problem::internal("a first response was there and is no more"))
                }
            };
        }
        Err(refusal) => {
            // A denial counts as a try. Any other order that came to nothing is taken back, here and below.
            if refusal.code() == Code::RiskDenied
                && let Some(counted) = counted
            {
                counted.keep();
            }
            return Err(refusal);
        }
    };
    let Opened { record, looked_up, effects, session, client_secret, quote } = opened;
    let public_url = gateway.public_url.clone();

    let done = key.commit(&gateway.node, move |tx| {
        let record = match looked_up {
            Some(agreed) => priced(tx, record, &agreed)?,
            None => record,
        };
        let view = views::order_with_checkout(&record, &public_url, Some(client_secret));
        let answer = ApiResponse::json(201, &view)?;
        shares::check_receivers(tx, &record.order.terms)?;
        if !tx.insert_order(&record, &session)? {
            return Err(taken(tx, &record)?);
        }
        if let Some(quote) = &quote {
            fx::take(tx, quote)?;
        }
        fees::count(tx, &record.order)?;
        gateway::schedule(tx, &record, effects, now)?;
        Ok((answer, ()))
    });
    match done.await? {
        Outcome::Before(first) => Ok(first),
        Outcome::Now((answer, ())) => {
            if let Some(counted) = counted {
                counted.keep();
            }
            // The worker is not woken: the order's one task, to expire, is due in a minute at the earliest.
            gateway.node.metrics.orders_created.inc();
            Ok(answer)
        }
    }
}

/// The decision of the merchant's policy and risk control on the request. An order that got so far that
/// somebody was asked about it is `counted`.
async fn prepare<'g, F>(
    gateway: &'g Gateway,
    merchant: &Merchant,
    mut new: NewOrder,
    decide: impl FnOnce(OrderFacts) -> F,
    now: Timestamp,
    counted: &mut Option<Counted<'g>>,
) -> Result<Opened, Problem>
where
    F: Future<Output = Result<(OrderFacts, Decided), Problem>>,
{
    if let Some(url) = &mut new.notify_url {
        *url = gateway.callbacks.address(merchant, url)?.into();
    }
    let quote = fx::find(gateway, &merchant.record.id, &new, now).await?;
    let methods = offered(gateway, merchant, &new, !plans(merchant, &new).is_empty())?;
    let mut facts = new.facts(
        OrderId::new(now, gateway.node.entropy.bytes()),
        merchant.record.id.clone(),
        merchant.policy.profile().clone(),
        methods,
        now,
    );
    merchant.policy.check_limits(&facts).map_err(|error| {
        Problem::new(Code::LimitExceeded, error.to_string()).with("field", "amount")
    })?;
    let (velocity, order) = gateway.node.cluster.velocity.count(&OrderSample::from(&facts));
    facts.velocity = velocity;
    *counted = Some(order);
    let part = lezai_traces::part("decide", Kind::Inside);
    let decided = part.ended(decide(facts).await, gateway::problem_code);
    let (facts, decided) = decided?;
    let wanted = Wanted { new, quote, facts, agreement: None };
    open(gateway, merchant, wanted, decided, now)
}

/// The merchant's order with this id.
///
/// # Errors
///
/// `order_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<OrderView, Problem> {
    let record = gateway.record(OrderId::parse(id).map_err(|_| not_found())?).await?;
    if record.order.terms.merchant != *merchant {
        return Err(not_found());
    }
    Ok(views::order_with_checkout(&record, &gateway.public_url, None))
}

/// A page of the merchant's orders.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    status: Option<&'static str>,
    page: Page<OrderId>,
) -> Result<List<OrderView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (merchant, limit) = (merchant.clone(), page.limit);
    let found =
        store::read(&gateway.node.store, move |view| view.orders(&merchant, status, &page)).await?;
    let found: Vec<_> = found
        .iter()
        .map(|record| views::order_with_checkout(record, &gateway.public_url, None))
        .collect();
    Ok(List::new(found, limit, |order| order.id.clone()))
}

/// The merchant's orders with its number: one or none.
///
/// # Errors
///
/// `internal`.
pub async fn find_by_number(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: String,
) -> Result<Vec<OrderView>, Problem> {
    let merchant = merchant.clone();
    let found = store::read(&gateway.node.store, move |view| {
        view.order_by_merchant_order_id(&merchant, &number)
    })
    .await?;
    Ok(found
        .iter()
        .map(|record| views::order_with_checkout(record, &gateway.public_url, None))
        .collect())
}

/// A change that a merchant asks for: what is to happen to which of its orders.
pub struct Change {
    /// The order.
    pub order: OrderId,
    /// The event to apply.
    pub event: Event,
    /// The status of the answer.
    pub status: u16,
}

/// Lets something happen to a merchant's order, once for its idempotency key: looked up, decided,
/// written and its answer kept in one commit, so that of many at once each sees what those before
/// it left. `allowed` may have something against it that the order itself does not know; `answer`
/// makes the body.
///
/// # Errors
///
/// `order_not_found`, what the core refuses, what `allowed` says.
pub async fn change<B: Serialize>(
    gateway: &Gateway,
    merchant: &MerchantId,
    key: IdempotentRequest,
    change: Change,
    allowed: impl FnOnce(&dyn store::Tx) -> Result<(), Problem> + Send + 'static,
    answer: impl FnOnce(&OrderRecord) -> Result<B, Problem> + Send + 'static,
) -> Result<ApiResponse, Problem> {
    let Change { order, event, status } = change;
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let done = key.commit(&gateway.node, move |tx| {
        if tx.order(&order)?.is_none_or(|it| it.order.terms.merchant != merchant) {
            return Err(not_found());
        }
        allowed(tx)?;
        let record = gateway::apply(tx, &order, event, now)?;
        Ok((ApiResponse::json(status, &answer(&record)?)?, record))
    });
    Ok(gateway.announce(done.await?))
}

/// Closes an order that is not paid, reverses one that is, or captures one that is authorised.
///
/// # Errors
///
/// As of [`change`].
pub async fn act(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    event: Event,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let order = OrderId::parse(id).map_err(|_| not_found())?;
    let public_url = gateway.public_url.clone();
    let view =
        move |record: &OrderRecord| Ok(views::order_with_checkout(record, &public_url, None));
    let asked = Change { order, event, status: 200 };
    change(gateway, merchant, key, asked, |_| Ok(()), view).await
}

/// Gives an order that is not paid a new checkout session, once for its idempotency key, and ends the
/// one before: for a shopper whose page is lost. What they began there can still be paid by what they have
/// of it, and counts once.
///
/// # Errors
///
/// `order_not_found`, `order_state`, `order_expired`, `too_many_sessions`.
pub async fn renew_session(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let order = OrderId::parse(id).map_err(|_| not_found())?;
    let (merchant, public_url) = (merchant.clone(), gateway.public_url.clone());
    let now = gateway.node.clock.now();
    let (session, client_secret) = new_session(gateway, order.clone(), merchant.clone(), now);
    let done = key.commit(&gateway.node, move |tx| {
        let record = tx.order(&order)?.filter(|it| it.order.terms.merchant == merchant);
        let record = record.ok_or_else(not_found)?;
        record.order.check_unpaid(now)?;
        if record.order.terms.mandate.is_some() {
            let detail = "a debit is charged without the shopper, and has no page for them";
            return Err(Problem::new(Code::OrderState, detail)
                .with("order_status", record.order.state.status()));
        }
        // The one that it has is not among the former.
        if tx.former_sessions(&order)? + 1 >= MAX_SESSIONS {
            let detail = format!("an order has at most {MAX_SESSIONS} checkout sessions");
            return Err(Problem::new(Code::TooManySessions, detail));
        }
        tx.renew_session(&session, now)?;
        let record = OrderRecord { session: session.id, ..record };
        let view = views::order_with_checkout(&record, &public_url, Some(client_secret));
        Ok((ApiResponse::json(201, &view)?, record))
    });
    match done.await? {
        Outcome::Before(first) => Ok(first),
        Outcome::Now((answer, record)) => {
            let order = &record.order;
            tracing::info!(order = %order.terms.id, session = %record.session, "session renewed");
            // The page of the one before looks, and is told.
            gateway.tell_watchers(order);
            Ok(answer)
        }
    }
}

/// The plans by which the order may be paid in monthly parts. A channel finances what it pays at once: not
/// what is set aside, and perhaps captured in part.
fn plans(merchant: &Merchant, new: &NewOrder) -> Vec<Plan> {
    match new.capture {
        Capture::Automatic => merchant.policy.instalments(new.amount),
        Capture::Manual => Vec::new(),
    }
}

/// The methods that the merchant wants and some channel offers. Who names none gets those that any
/// page can use.
fn offered(
    gateway: &Gateway,
    merchant: &Merchant,
    new: &NewOrder,
    in_parts: bool,
) -> Result<Vec<String>, Problem> {
    let wanted = |method: &&Method| {
        let named = match new.methods.as_slice() {
            [] => !method.named_only,
            named => named.iter().any(|it| it == method.id),
        };
        named && (in_parts || !method.instalments) && merchant.policy.opens(method.id)
    };
    let own = gateway.merchants.accounts.current_of(&merchant.record.id);
    let own = own.iter().flat_map(|it| it.channel.methods());
    let mut methods: Vec<String> = Vec::new();
    for method in gateway.channels.methods().chain(own).filter(wanted) {
        if !methods.iter().any(|it| it == method.id) {
            methods.push(method.id.to_owned());
        }
    }
    if methods.is_empty() {
        let detail = "no channel offers any of these methods for this order; leave the field out for all that any page can use";
        return Err(Problem::new(Code::MethodUnavailable, detail).with("field", "methods"));
    }
    Ok(methods)
}

/// An order as it is wanted.
struct Wanted {
    new: NewOrder,
    /// The quote by which it is settled in another currency.
    quote: Option<Quote>,
    facts: OrderFacts,
    /// The mandate that it is a debit under.
    agreement: Option<Agreement>,
}

/// A mandate, and the method of its debits.
struct Agreement {
    mandate: MandateId,
    method: String,
}

/// An order that is about to be.
struct Opened {
    record: OrderRecord,
    /// The contract whose fee the commit has to look up, if it has to.
    looked_up: Option<Agreed>,
    effects: Vec<Effect>,
    session: SessionRecord,
    client_secret: String,
    /// The quote, used by it.
    quote: Option<Quote>,
}

/// Notes whether the order of channels is fixed, and by whom: a merchant's plugin that answered means the order that it
/// gave, a policy if it says so.
fn with_order_of_channels(
    merchant: &Merchant,
    facts: &OrderFacts,
    decision: DecisionRecord,
) -> DecisionRecord {
    let routing = &decision.hooks.routing;
    let own = decision.release.as_ref().is_some_and(|it| it.digest == routing.plugin);
    if own && routing.outcome == lezai_engine::Outcome::Answered.label() {
        return DecisionRecord { ordered_by: Some(OrderedBy::Plugin), ..decision };
    }
    DecisionRecord {
        ordered_by: merchant.policy.fixes_order().then_some(OrderedBy::Policy),
        drawn: merchant.policy.drawn(facts).map(str::to_owned),
        ..decision
    }
}

fn open(
    gateway: &Gateway,
    merchant: &Merchant,
    wanted: Wanted,
    decided: Decided,
    now: Timestamp,
) -> Result<Opened, Problem> {
    let Wanted { new, quote, facts, agreement } = wanted;
    let Decided { decision, release, settings } = decided;
    let kept = DecisionRecord {
        policy: merchant.policy_digest.clone(),
        settings,
        release,
        ..record(&decision)
    };
    let kept = with_order_of_channels(merchant, &facts, kept);
    if decision.risk.verdict == Verdict::Deny {
        return Err(denied(gateway, facts, kept, now));
    }
    let shares = !new.shares.is_empty() || !decision.shares.is_empty();
    let may_be_direct = !shares && new.split == SplitTime::Agreed && new.fx_quote.is_none();
    let methods = match &agreement {
        // Agreed with the mandate, wherever the merchant's routes lead by now.
        Some(it) => vec![it.method.clone()],
        None => open_methods(gateway, &decision.channels, &facts, may_be_direct)?,
    };
    let in_parts =
        |id: &String| gateway.method(&facts.merchant, id).is_some_and(|it| it.instalments);
    let instalments = match methods.iter().any(in_parts) {
        true => plans(merchant, &new),
        false => Vec::new(),
    };
    let agreed = gateway.merchants.contracts.in_force(&facts.merchant, now);
    let looked_up = fees::is_looked_up(&agreed.contract, new.amount.currency(), now);
    let (fee, fee_basis) = match looked_up {
        // The commit works it out, and holds the shares against it.
        true => (Money::zero(new.amount.currency()), FeeBasis::default()),
        // The contract's fee goes before that of the policy or plugin.
        false => agreed
            .contract
            .price(new.amount, now, None, facts.profile.category, Used::default())
            .unwrap_or((decision.fee, FeeBasis::default())),
    };
    let shares = shares::agreed(&new, decision.shares, fee, &facts)?;
    let terms = Terms {
        id: facts.id.clone(),
        merchant: facts.merchant.clone(),
        merchant_order_id: new.merchant_order_id,
        amount: new.amount,
        fee,
        fee_basis,
        shares,
        split: new.split,
        contract: agreed.number,
        charges: agreed.contract.charges(quote.as_ref().map_or(new.amount.currency(), |it| it.to)),
        reserve: agreed.contract.reserve(),
        refund_bearer: new.refund_bearer,
        held: decision.risk.verdict == Verdict::Review,
        capture: new.capture,
        fx: None,
        mandate: agreement.map(|it| it.mandate),
        description: new.description,
        methods,
        instalments,
        created_at: now,
        expires_at: now.plus_secs(new.expires_in_secs),
    };
    let (terms, quote) = fx::agree(terms, quote)?;
    let Step { order, effects, .. } = Order::create(terms).ok_or_else(shares::too_much)?;
    let (session, client_secret) =
        new_session(gateway, order.terms.id.clone(), order.terms.merchant.clone(), now);
    let details = Details {
        notify_url: new.notify_url,
        return_url: new.return_url,
        payer: new.payer,
        facts,
        decision: kept,
        trace: lezai_traces::place().map(|it| it.to_string()),
    };
    let record = OrderRecord { order, details, session: session.id.clone() };
    let looked_up = looked_up.then_some(agreed);
    Ok(Opened { record, looked_up, effects, session, client_secret, quote })
}

/// The order with a fee that depends on what only the commit knows: the volume of the month before, and what is left of
/// a promotion.
fn priced(
    tx: &dyn store::Tx,
    record: OrderRecord,
    agreed: &Agreed,
) -> Result<OrderRecord, Problem> {
    let OrderRecord { order: Order { terms, .. }, details, session } = record;
    let category = details.facts.profile.category;
    let found = fees::price(
        tx,
        &agreed.contract,
        &terms.merchant,
        terms.amount,
        category,
        terms.created_at,
    );
    let (fee, fee_basis) =
        found?.ok_or_else(|| Problem::internal("a fee that was looked up is none"))?;
    let fee = terms.value(fee).ok_or_else(shares::too_much)?;
    let step = Order::create(Terms { fee, fee_basis, ..terms }).ok_or_else(shares::too_much)?;
    Ok(OrderRecord { order: step.order, details, session })
}

/// Keeps a denial with its facts, and gives the refusal. The decision on an order that is made is kept with that.
fn denied(
    gateway: &Gateway,
    facts: OrderFacts,
    decision: DecisionRecord,
    now: Timestamp,
) -> Problem {
    gateway.plugins.record_denial(|| Denial {
        merchant: facts.merchant.clone(),
        order: facts.id.clone(),
        at: now,
        decision: decision.clone(),
        facts: facts.clone(),
    });
    match serde_json::to_value(views::decision(decision)) {
        Ok(view) => {
            Problem::new(Code::RiskDenied, "risk control denies the order; `decision` says why")
                .with("decision", view)
        }
        Err(error) => Problem::internal(error),
    }
}

/// The order's methods that a channel of its routes offers.
fn open_methods(
    gateway: &Gateway,
    channels: &[String],
    facts: &OrderFacts,
    may_be_direct: bool,
) -> Result<Vec<String>, Problem> {
    let those = |may_be_direct| {
        let ways = Ways { gateway, merchant: &facts.merchant, may_be_direct };
        let is_offered = |method: &&String| !ways.by(channels, method).is_empty();
        facts.methods.iter().filter(is_offered).cloned().collect::<Vec<String>>()
    };
    let methods = those(may_be_direct);
    if methods.is_empty() && !may_be_direct && !those(true).is_empty() {
        let detail = "these methods pay to the merchant's own account, and what is paid there cannot be shared with others";
        return Err(Problem::new(Code::MethodUnavailable, detail).with("field", "shares"));
    }
    if methods.is_empty() {
        let detail = "the merchant's routes lead to no channel that offers one of the methods";
        return Err(Problem::new(Code::MethodUnavailable, detail).with("field", "methods"));
    }
    Ok(methods)
}

/// A session that nobody has claimed, and its client secret.
fn new_session(
    gateway: &Gateway,
    order: OrderId,
    merchant: MerchantId,
    now: Timestamp,
) -> (SessionRecord, String) {
    let random = Base64UrlUnpadded::encode_string(&gateway.node.entropy.bytes::<32>());
    let keyid = gateway.keys.current().keyid.clone();
    let client_secret = format!("{random}.{keyid}");
    let session = SessionRecord {
        id: SessionId::new(now, gateway.node.entropy.bytes()),
        order,
        merchant,
        secret_hash: sha256_hex(random.as_bytes()),
        gateway_key: keyid,
        claim: None,
        claims: 0,
    };
    (session, client_secret)
}

fn taken(tx: &dyn store::Tx, record: &OrderRecord) -> Result<Problem, store::StoreError> {
    let terms = &record.order.terms;
    let problem = Problem::new(
        Code::MerchantOrderIdTaken,
        "query the order with this number; use another number for another order",
    )
    .with("field", "merchant_order_id");
    Ok(match tx.order_by_merchant_order_id(&terms.merchant, &terms.merchant_order_id)? {
        Some(first) => problem.with("order_id", first.order.terms.id.to_string()),
        None => problem,
    })
}
