//! The merchant and its shoppers: what they ask, what they hear, and that they act on it once.

use std::sync::Arc;

use lezai_core::id::{MandateId, MerchantId, OrderId, PayoutId, SessionId, SplitId};
use lezai_core::ledger::Account;
use lezai_core::money::Money;
use lezai_core::order::{Event, Order, State};
use lezai_core::policy::{Reason, Risk, Share, Verdict};
use lezai_core::time::Timestamp;
use lezai_engine::{Decision as Decided, HookRun, Outcome as Hook};
use lezai_gateway::callbacks::transport::Reply;
use lezai_gateway::events;
use lezai_gateway::funds::fx::{self, NewQuote};
use lezai_gateway::funds::payout_batches::{self, NewPayoutBatch};
use lezai_gateway::funds::payouts::{self, NewPayout};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::idempotency::{ApiResponse, IdempotentRequest, Signer};
use lezai_gateway::orders;
use lezai_gateway::orders::charge;
use lezai_gateway::orders::checkout;
use lezai_gateway::orders::checkout::{Page, PayRequest};
use lezai_gateway::orders::debits::{self, NewDebit};
use lezai_gateway::orders::mandates::{self, NewMandate};
use lezai_gateway::orders::refunds;
use lezai_gateway::orders::refunds::NewRefund;
use lezai_gateway::orders::reviews;
use lezai_gateway::orders::reviews::Decision;
use lezai_gateway::orders::splits;
use lezai_store::{Claim, IdempotencyKey, Scope, SessionRecord, fingerprint};
use lezai_store_sqlite::order_with_entries;
use lezai_wire::order_request::{NewCharge, NewOrder};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::split_request::{NewReturn, NewSplit};
use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};

use super::accounts;
use super::bank::CHANNEL;
use super::fx::SETTLED;
use super::plan::Op;
use super::world::{Checked, DAY_MS, Heard, START, World, fail};
use super::{Fault, Planted};

/// A merchant's request, which it sends again until it is answered.
pub(super) struct Request {
    pub(super) what: What,
    pub(super) key: String,
    pub(super) body: Vec<u8>,
    pub(super) under_way: bool,
    /// It is not sent again before.
    pub(super) not_before: Timestamp,
    pub(super) answered: Option<(u16, Vec<u8>)>,
    pub(super) answered_at: Timestamp,
    /// A request sent until the answer came may still be refused: it was decided before.
    pub(super) answered_after: u64,
    pub(super) refused: Option<Code>,
}

impl Request {
    /// Whether its sender does not know yet what came of it.
    pub(super) fn is_open(&self) -> bool {
        self.answered.is_none() && self.refused.is_none()
    }
}

/// One sending of a request.
pub(super) struct Sent {
    request: usize,
    number: u64,
}

#[derive(Clone)]
pub(super) enum What {
    Create {
        fee: i64,
        held: bool,
        later: bool,
    },
    Choose(OrderId, SessionId),
    /// A till's.
    Charge(OrderId),
    Act(OrderId, Event),
    Refund(OrderId),
    Redeliver(String),
    /// The operator's.
    Review(OrderId),
    Quote,
    Payout,
    PayoutBatch,
    CancelPayout(PayoutId),
    Split(OrderId),
    GiveBack(SplitId),
    FinishSplits(OrderId),
    Mandate,
    RevokeMandate(MandateId),
    /// With a number that says what is decided on it.
    Debit(MandateId, usize),
}

impl World<'_> {
    pub(super) fn deliver(&mut self, parcels: usize) -> Checked {
        let nth = self.random.below(parcels);
        let fate = self.random.below(12);
        let parcel = self.post.lock().unwrap().swap_remove(nth);
        if fate == 0 && self.fault(Fault::CallbackLost) {
            self.note(|| "a callback is lost".to_owned());
            return Ok(());
        }
        let event: Value = serde_json::from_slice(&parcel.body).unwrap();
        if fate == 3 && self.fault(Fault::CallbackRefused) {
            let retry_after_secs = Some(self.random.between(0, 100_000));
            self.note(|| format!("the merchant's server is busy for {retry_after_secs:?} s"));
            let _ = parcel.reply.send(Reply { retry_after_secs, ..503.into() });
            return Ok(());
        }
        if fate == 4 && self.random.once_in(8) && self.fault(Fault::CallbackGone) {
            self.note(|| "the merchant's server wants no such callback".to_owned());
            self.gone.insert(event["id"].as_str().unwrap_or_default().to_owned());
            let _ = parcel.reply.send(410.into());
            return Ok(());
        }
        self.receive(&event)?;
        if fate == 1 && self.fault(Fault::CallbackTwice) {
            self.receive(&event)?;
        }
        if fate == 2 && self.fault(Fault::CallbackUnanswered) {
            self.note(|| "the merchant's answer to a callback is lost".to_owned());
            return Ok(());
        }
        let _ = parcel.reply.send(200.into());
        Ok(())
    }

    fn receive(&mut self, event: &Value) -> Checked {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let order = event["data"]["order"]["id"].as_str().unwrap_or_default().to_owned();
        self.note(|| format!("the merchant hears {kind} ({id})"));
        let new = self.received.insert(id.clone());
        *self.counts.events.entry(kind.clone()).or_default() += 1;
        if !new && self.run.planted != Planted::DuplicateCallback {
            self.counts.duplicates += 1;
            return Ok(());
        }
        let acted = self.acted.entry(id.clone()).or_default();
        *acted += 1;
        if *acted > 1 {
            return fail(format!("the merchant acted {acted} times on {id}"));
        }
        if kind == "order.paid" {
            let shipped = self.shipped.entry(order.clone()).or_default();
            *shipped += 1;
            if *shipped > 1 {
                return fail(format!("{order} was told as paid by {shipped} events"));
            }
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, op: Op) {
        self.note(|| format!("{op:?}"));
        *self.counts.ops.entry(op.name()).or_default() += 1;
        let nth = self.requests.len();
        match op {
            Op::Create { minor, fee, manual, held, expires, bearer, later, fx } => {
                let fee = minor * fee / 1_000_000;
                // A party without a share bears nothing.
                let alone = accounts::has_one(self.run.seed) && accounts::is_alone(minor);
                let shared = later || (minor - fee) / 3 > 0 && !alone;
                let bearer =
                    ["merchant", "pro_rata", "receiver:seller"][if shared { bearer } else { 0 }];
                let mut body = json!({
                    "refund_bearer": bearer, "split": if later { "later" } else { "agreed" },
                    "merchant_order_id": format!("A-{nth}"), "amount": minor, "currency": "CNY", "description": "Tea",
                    "capture": if manual { "manual" } else { "automatic" }, "expires_in": expires,
                });
                if let Some((quote, currency)) = fx.and_then(|n| self.quote_of(n)) {
                    (body["fx_quote"], body["currency"]) = (quote.into(), currency.into());
                }
                self.request(What::Create { fee, held, later }, &body);
            }
            Op::CreateAgain(n) => {
                // The same number under another key: a merchant who lost its key.
                let before =
                    self.requests.iter().filter(|it| matches!(it.what, What::Create { .. }));
                let before: Vec<_> = before.map(|it| (it.what.clone(), it.body.clone())).collect();
                if let Some((what, body)) = before.get(n % before.len().max(1)).cloned() {
                    self.request(what, &serde_json::from_slice(&body).unwrap());
                }
            }
            Op::Choose(n) => {
                if let Some((order, session)) = self.order(n, &["created", "paying"]) {
                    let method = if n % 2 == 0 { "sim_qr" } else { "sim_redirect" };
                    self.request(What::Choose(order, session), &json!({ "method": method }));
                }
            }
            Op::Sell { .. } | Op::Charge(_) => self.begin_at_the_counter(op),
            Op::Approve(n, short) => self.shopper(n, true, short),
            Op::Refuse(n) => self.shopper(n, false, false),
            Op::Hint(n, times) => {
                // A channel's unasked callbacks: none, one or two, and about anything.
                for _ in 0..times {
                    self.hint_about_order(n);
                }
            }
            Op::Review(n, approve) => {
                if let Some(order) = self.held_order(n) {
                    self.review(order, approve);
                }
            }
            Op::Close(n) => self.act(n, &["created", "paying"], Event::CloseRequested, "close", 0),
            Op::Void(n) => self.act(n, &["paid", "authorized"], Event::VoidRequested, "void", 0),
            Op::Capture(n, percent) => {
                let statuses = ["authorized"];
                let amount = self.order(n, &statuses).and_then(|it| self.part(&it.0, percent));
                let event = Event::CaptureRequested(amount.filter(|_| percent > 0));
                self.act(n, &statuses, event, "capture", percent);
            }
            Op::Refund(n, percent, same_number) => {
                let Some((order, _)) = self.order(n, &["paid"]) else { return };
                let Some(amount) = self.part(&order, percent) else { return };
                let number = if same_number { "R-same".to_owned() } else { format!("R-{nth}") };
                let body = json!({ "merchant_refund_id": number, "amount": amount.minor(), "currency": amount.currency().code() });
                self.request(What::Refund(order), &body);
            }
            Op::OtherBody(n) => {
                // One key for two requests is refused.
                let refunds = self
                    .requests
                    .iter()
                    .filter(|it| it.answered.is_some() && matches!(it.what, What::Refund(_)));
                let refunds: Vec<_> = refunds.map(|it| (it.what.clone(), it.key.clone())).collect();
                let Some((what, key)) = refunds.get(n % refunds.len().max(1)).cloned() else {
                    return;
                };
                let body = json!({ "merchant_refund_id": format!("R-{nth}"), "amount": 1, "currency": "CNY" });
                self.request_with_key(what, key, &body);
            }
            Op::Redeliver(n) => {
                let heard = self.received.len().max(1);
                if let Some(event) = self.received.iter().nth(n % heard).cloned() {
                    self.request(What::Redeliver(event), &json!({}));
                }
            }
            Op::Payout(n, percent, same_number) => {
                // Some of what is available by now, and sometimes more.
                let ours = Account::MerchantAvailable(self.shared.merchant.id.clone());
                let sellers = Account::ReceiverAvailable(
                    self.shared.merchant.id.clone(),
                    "seller".to_owned(),
                );
                let of_seller = n.is_multiple_of(4);
                let from = if of_seller { sellers } else { ours };
                let there = -self.balances.get(&(from, SETTLED)).copied().unwrap_or_default();
                let minor = match n {
                    // Above what the contract lets out at once.
                    _ if n.is_multiple_of(11) => 80_001,
                    _ if n.is_multiple_of(9) => 500,
                    _ if same_number => (there / 4).max(1),
                    _ => (there * percent / 100).max(1),
                };
                let number = if same_number { "P-same".to_owned() } else { format!("P-{nth}") };
                let mut body = json!({
                    "merchant_payout_id": number, "amount": minor, "currency": "CNY",
                    "destination": { "kind": "account", "account": format!("tea-{}", n % 3) },
                });
                if of_seller {
                    body["receiver"] = "seller".into();
                }
                self.request(What::Payout, &body);
            }
            Op::CancelPayout(n) => {
                let payouts = self.payouts();
                if let Some(payout) = payouts.get(n % payouts.len().max(1)) {
                    self.request(What::CancelPayout(payout.terms.id.clone()), &json!({}));
                }
            }
            Op::PayoutBatch(n, percent) => self.begin_payout_batch(n, percent),
            Op::Split(..) | Op::GiveBack(..) | Op::FinishSplits(_) => self.begin_split(op),
            Op::Quote(n) => self.begin_quote(n),
            Op::Mandate { .. }
            | Op::Agree(..)
            | Op::Debit { .. }
            | Op::TakeBack(_)
            | Op::RevokeMandate(_) => self.begin_mandate(op),
            Op::Advance(secs) => self.advance(secs * 1000),
        }
    }

    /// The merchant found an event in the list that it was never told.
    pub(super) fn ask_again(&mut self, event: String) {
        self.note(|| format!("the merchant asks for {event} again"));
        self.request(What::Redeliver(event), &json!({}));
    }

    /// An order in one of these states, seven times in eight: else most would be refused.
    fn order(&self, n: usize, statuses: &[&str]) -> Option<(OrderId, SessionId)> {
        let suits = |it: &&(OrderId, SessionId)| {
            self.read_order(&it.0).is_some_and(|order| statuses.contains(&order.state.status()))
        };
        let suited: Vec<_> = self.orders.iter().filter(suits).collect();
        if !n.is_multiple_of(8) && !suited.is_empty() {
            return suited.get(n % suited.len()).copied().cloned();
        }
        self.orders.get(n % self.orders.len().max(1)).cloned()
    }

    /// An order that waits for a review, three times in four; else one that is held or was.
    fn held_order(&self, n: usize) -> Option<OrderId> {
        let waits = |it: &&(OrderId, SessionId)| {
            self.read_order(&it.0).is_some_and(|order| order.under_review())
        };
        let waiting: Vec<_> = self.orders.iter().filter(waits).collect();
        if !n.is_multiple_of(4) {
            return waiting.get(n % waiting.len().max(1)).map(|it| it.0.clone());
        }
        // One that was decided on, or that nobody holds.
        let paid = |it: &&(OrderId, SessionId)| {
            self.read_order(&it.0).is_some_and(|order| {
                let is_paid = matches!(order.state, State::Paid { .. });
                is_paid && !order.under_review() && (order.terms.held || n.is_multiple_of(8))
            })
        };
        let paid: Vec<_> = self.orders.iter().filter(paid).collect();
        paid.get(n % paid.len().max(1)).map(|it| it.0.clone())
    }

    /// The operator decides on an order.
    pub(super) fn review(&mut self, order: OrderId, approve: bool) {
        let verdict = if approve { "approve" } else { "refuse" };
        self.request(What::Review(order), &json!({ "verdict": verdict, "reason": "Looked at" }));
    }

    fn part(&self, order: &OrderId, percent: i64) -> Option<Money> {
        let amount = self.read_order(order)?.terms.amount;
        Money::new((amount.minor() * percent / 100).max(1), amount.currency()).ok()
    }

    pub(super) fn read_order(&self, id: &OrderId) -> Option<Order> {
        self.look(|connection| order_with_entries(connection, id, 0).unwrap().0)
    }

    fn shopper(&mut self, n: usize, approves: bool, short: bool) {
        let now = self.now();
        let Some((attempt, act)) = self.bank.shopper(n, approves, short, now) else { return };
        *self.counts.acts.entry(act).or_default() += 1;
        self.note(|| format!("the shopper has {act} {attempt}"));
        if !self.random.once_in(3) {
            let gateway = Arc::clone(&self.gateway);
            self.spawn(async move {
                let _ = gateway.sync_attempt(attempt).await;
                Heard::Nothing
            });
        }
    }

    fn hint_about_order(&mut self, n: usize) {
        let attempt = self
            .order(n, &["paying"])
            .and_then(|(id, _)| self.read_order(&id))
            .and_then(|it| it.attempts.first().map(|it| it.id.clone()));
        let Some(attempt) = attempt else { return };
        let gateway = Arc::clone(&self.gateway);
        self.spawn(async move {
            let _ = gateway.sync_attempt(attempt).await;
            Heard::Nothing
        });
    }

    fn act(&mut self, n: usize, statuses: &[&str], event: Event, word: &str, with: i64) {
        if let Some((order, _)) = self.order(n, statuses) {
            self.request(What::Act(order, event), &json!({ "act": word, "with": with }));
        }
    }

    pub(super) fn request(&mut self, what: What, body: &Value) {
        let nth = self.requests.len();
        self.request_with_key(what, format!("key-{nth}"), body);
        // An impatient merchant: the same request twice at once.
        if self.random.once_in(8) && self.fault(Fault::SentTwice) {
            self.send(nth);
        }
    }

    fn request_with_key(&mut self, what: What, key: String, body: &Value) {
        let nth = self.requests.len();
        self.requests.push(Request {
            what,
            key,
            body: serde_json::to_vec(body).unwrap(),
            under_way: false,
            not_before: START,
            answered: None,
            answered_at: START,
            answered_after: 0,
            refused: None,
        });
        self.send(nth);
    }

    pub(super) fn send(&mut self, nth: usize) {
        self.nonces += 1;
        let sent = Sent { request: nth, number: self.nonces };
        let request = &mut self.requests[nth];
        request.under_way = true;
        let signer = Signer::simulated("merchant", format!("nonce-{}", self.nonces));
        let merchant_id = self.shared.merchant.id.clone();
        let scope = match &request.what {
            What::Choose(_, session) => session.to_string(),
            What::Review(_) => "operator".to_owned(),
            _ => merchant_id.to_string(),
        };
        let path = match &request.what {
            What::Create { .. } => "/v1/orders".to_owned(),
            What::Choose(_, session) => format!("/v1/checkout/sessions/{session}/pay"),
            What::Charge(order) => format!("/v1/orders/{order}/charge"),
            What::Act(order, _) => format!("/v1/orders/{order}/act"),
            What::Refund(order) => format!("/v1/orders/{order}/refunds"),
            What::Redeliver(event) => format!("/v1/events/{event}/redeliver"),
            What::Split(order) => format!("/v1/orders/{order}/splits"),
            What::GiveBack(split) => format!("/v1/splits/{split}/returns"),
            What::FinishSplits(order) => format!("/v1/orders/{order}/splits/finish"),
            What::Quote => "/v1/fx_quotes".to_owned(),
            What::Mandate => "/v1/mandates".to_owned(),
            What::RevokeMandate(mandate) => format!("/v1/mandates/{mandate}/revoke"),
            What::Debit(mandate, _) => format!("/v1/mandates/{mandate}/debits"),
            What::Payout => "/v1/payouts".to_owned(),
            What::PayoutBatch => "/v1/payout_batches".to_owned(),
            What::CancelPayout(payout) => format!("/v1/payouts/{payout}/cancel"),
            What::Review(order) => format!("/admin/v1/orders/{order}/review"),
        };
        let key = IdempotentRequest {
            key: IdempotencyKey { scope, key: request.key.clone() },
            fingerprint: fingerprint("POST", &path, &request.body),
            // The operator signs nothing.
            signer: (!matches!(request.what, What::Review(_))).then_some(signer),
            writes: Scope::Merchant(merchant_id.clone()),
        };
        let (what, body) = (request.what.clone(), request.body.clone());
        let gateway = Arc::clone(&self.gateway);
        self.spawn(async move {
            let result = ask(&gateway, merchant_id, what, body, key).await;
            Heard::Answer(sent, result)
        });
    }

    pub(super) fn hear(&mut self, sent: Sent, result: Result<ApiResponse, Problem>) -> Checked {
        let (now, nth) = (self.now(), sent.request);
        self.requests[nth].under_way = false;
        match result {
            Ok(answer) => {
                if self.random.once_in(10) && self.fault(Fault::ReplyLost) {
                    let key = self.requests[nth].key.clone();
                    self.note(|| format!("the answer to {key} is lost on its way to the merchant"));
                    return Ok(());
                }
                if answer.status() == 202 && matches!(self.requests[nth].what, What::Charge(_)) {
                    self.till_waits(nth);
                    return Ok(());
                }
                let key = self.requests[nth].key.clone();
                self.note(|| format!("{key} is answered {}", answer.status()));
                self.counts.answers += 1;
                let said = (answer.status(), answer.body().to_vec());
                let request = &mut self.requests[nth];
                if let Some(first) = &request.answered {
                    if *first != said && now.as_ms() - request.answered_at.as_ms() < DAY_MS {
                        return fail(format!(
                            "{key} was answered twice, and not with the same bytes"
                        ));
                    }
                    return Ok(());
                }
                let create = matches!(request.what, What::Create { .. } | What::Debit(..));
                let quote = matches!(request.what, What::Quote);
                (request.answered, request.answered_at) = (Some(said), now);
                request.answered_after = self.nonces;
                let view: Value = serde_json::from_slice(answer.body()).unwrap();
                if quote {
                    self.hear_quote(&view);
                }
                if create {
                    let id = OrderId::parse(view["id"].as_str().unwrap_or_default()).unwrap();
                    let session = self.look(|connection| {
                        let sql = "SELECT session FROM orders WHERE id = ?1";
                        connection
                            .query_row(sql, [id.as_str()], |row| row.get::<_, String>(0))
                            .optional()
                    });
                    let Some(session) = session.unwrap() else {
                        return fail(format!("{id} was acknowledged and is not there"));
                    };
                    let session = SessionId::parse(&session).unwrap();
                    if self.orders.iter().any(|it| it.0 == id) {
                        return Ok(());
                    }
                    self.orders.push((id, session));
                }
                Ok(())
            }
            Err(problem) => {
                let code = problem.code();
                let key = self.requests[nth].key.clone();
                self.note(|| format!("{key} is refused: {}", code.as_str()));
                *self.counts.refusals.entry(code.as_str()).or_default() += 1;
                if matches!(code, Code::ChannelUnavailable | Code::Overloaded) {
                    // Sent again with the same key.
                    if self.quiet && code != Code::ChannelUnavailable {
                        return fail(format!("{key} cannot be answered: {}", code.as_str()));
                    }
                    return Ok(());
                }
                if code == Code::Internal {
                    return fail(format!("{key}: the gateway failed: {problem:?}"));
                }
                if self.requests[nth].answered.is_some()
                    && sent.number > self.requests[nth].answered_after
                    && now.as_ms() - self.requests[nth].answered_at.as_ms() < DAY_MS
                {
                    return fail(format!(
                        "{key} was answered, and then refused: {}",
                        code.as_str()
                    ));
                }
                self.requests[nth].refused = Some(code);
                Ok(())
            }
        }
    }

    /// At the end the merchant asks for every answer again: none is lost, none is another.
    pub(super) fn last_requests(&mut self) {
        let now = self.now().as_ms();
        for nth in 0..self.requests.len() {
            let it = &self.requests[nth];
            if it.answered.is_some() && now - it.answered_at.as_ms() < DAY_MS / 2 {
                self.counts.repeats += 1;
                self.send(nth);
            }
        }
    }
}

/// One request, as the HTTP handlers do it once the signature is verified and the body is read.
async fn ask(
    gateway: &Gateway,
    merchant_id: MerchantId,
    what: What,
    body: Vec<u8>,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    match what {
        What::Create { fee, held, later } => {
            let new = NewOrder::parse(&body)?;
            let merchant = gateway.merchants.current().get(&merchant_id).cloned().unwrap();
            let own = gateway.merchants.accounts.current(&merchant_id, CHANNEL).is_some();
            let decide = |facts: lezai_core::policy::OrderFacts| async move {
                // A third of what the fee leaves is somebody else's, if there is a third; of some orders nobody
                // else has a part, so that they may be paid to the merchant's own account.
                let alone = own && accounts::is_alone(facts.amount.minor());
                let decided = decided(facts.amount, fee, held, !later && !alone);
                Ok((facts, decided))
            };
            orders::create_decided(gateway, &merchant, new, key, decide).await
        }
        What::Choose(order, session) => {
            let PayRequest { choice, .. } = PayRequest::parse(&body)?;
            let session = SessionRecord {
                id: session,
                order,
                merchant: merchant_id.clone(),
                secret_hash: String::new(),
                gateway_key: gateway.keys.current().keyid.clone(),
                claim: None,
                claims: 0,
            };
            let claim =
                Claim { key: gateway.keys.current().jwk.clone(), origin: String::new(), at: START };
            let page = Page { claim, proven: true };
            checkout::pay(gateway, &session, page, choice, key).await
        }
        What::Charge(order) => {
            let NewCharge { code } = NewCharge::parse(&body)?;
            charge::charge(gateway, &merchant_id, order.as_str(), code, key).await
        }
        What::Act(order, event) => {
            orders::act(gateway, &merchant_id, order.as_str(), event, key).await
        }
        What::Redeliver(event) => events::redeliver(&gateway.node, &merchant_id, &event, key).await,
        What::Review(order) => {
            let decision = Decision::parse(&body)?;
            reviews::decide(gateway, order.as_str(), decision, key).await
        }
        What::Mandate => {
            mandates::create(gateway, &merchant_id, NewMandate::parse(&body)?, key).await
        }
        What::RevokeMandate(mandate) => {
            mandates::revoke(gateway, &merchant_id, mandate.as_str(), key).await
        }
        What::Debit(mandate, n) => {
            let new = NewDebit::parse(&body)?;
            let merchant = gateway.merchants.current().get(&merchant_id).cloned().unwrap();
            let decide = |facts: lezai_core::policy::OrderFacts| async move {
                let fee = facts.amount.minor() * 6 / 1000;
                let decided = decided(facts.amount, fee, n.is_multiple_of(5), n.is_multiple_of(2));
                Ok((facts, decided))
            };
            let mandate = mandate.as_str();
            debits::create_decided(gateway, &merchant, mandate, new, key, decide).await
        }
        What::Quote => fx::quote(gateway, &merchant_id, NewQuote::parse(&body)?, key).await,
        What::Payout => {
            let new = NewPayout::parse(&body)?;
            payouts::create(gateway, &merchant_id, new, key).await
        }
        What::PayoutBatch => {
            let new = NewPayoutBatch::parse(&body)?;
            payout_batches::create(gateway, &merchant_id, new, key).await
        }
        What::CancelPayout(payout) => {
            payouts::cancel(gateway, &merchant_id, payout.as_str(), key).await
        }
        What::Split(order) => {
            let new = NewSplit::parse(&body)?;
            splits::create(gateway, &merchant_id, order.as_str(), new, key).await
        }
        What::GiveBack(split) => {
            let new = NewReturn::parse(&body)?;
            splits::give_back(gateway, &merchant_id, split.as_str(), new, key).await
        }
        What::FinishSplits(order) => {
            splits::finish(gateway, &merchant_id, order.as_str(), key).await
        }
        What::Refund(order) => {
            let new = NewRefund::parse(&body)?;
            refunds::create(gateway, &merchant_id, order.as_str(), new, key).await
        }
    }
}

/// A decision as a merchant's plugin would make it.
fn decided(
    amount: Money,
    fee: i64,
    held: bool,
    shared: bool,
) -> lezai_gateway::plugins::deciding::Decided {
    let fee = Money::new(fee, amount.currency()).unwrap();
    let hook = HookRun { digest: String::new(), fuel: 0, memory: 0, outcome: Hook::Answered };
    let reason = Reason { code: "sim".to_owned(), message: "Held".to_owned() };
    let risk = Risk {
        verdict: if held { Verdict::Review } else { Verdict::Accept },
        score: 0,
        reasons: if held { vec![reason] } else { Vec::new() },
    };
    let third = (amount.minor() - fee.minor()) / 3;
    let share = Money::new(third, fee.currency()).unwrap();
    let share = Share { receiver: "seller".to_owned(), amount: share };
    let hooks = [hook.clone(), hook.clone(), hook];
    let decision = Decided {
        risk,
        fee,
        channels: vec![CHANNEL.to_owned()],
        shares: if third > 0 && shared { vec![share] } else { Vec::new() },
        columns: Vec::new(),
        hooks,
        split: None,
        statement: None,
    };
    decision.into()
}
