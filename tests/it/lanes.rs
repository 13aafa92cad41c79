//! A bank that does not answer payouts: captures go on, however many payouts wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lezai_assets as assets;
use lezai_base::clock::Clock;
use lezai_base::entropy::Entropy;
use lezai_channels::channel::{
    AttemptRef, AttemptStatus, CaptureRequest, Channel, ChannelFuture, Method, MethodKind,
    PaymentRequest, PayoutRequest, PayoutStatus, Prepared, RefundRequest, RefundStatus,
    ReversalRequest, Unanswered,
};
use lezai_core::funds::payout::{Destination, Payout, PayoutEffect, PayoutState, PayoutTerms};
use lezai_core::id::{AttemptId, MerchantId, OrderId, PayoutId};
use lezai_core::key::SigningKey;
use lezai_core::money::{Currency, Money};
use lezai_core::order::{Attempt, Event};
use lezai_core::policy::{OrderFacts, Risk, Verdict};
use lezai_core::webhook::Secret;
use lezai_engine::{Config, Decision, Engine, HookRun, Outcome};
use lezai_gateway::callbacks::egress::EgressPolicy;
use lezai_gateway::callbacks::transport::{Post, Reply, Transport, Unreached};
use lezai_gateway::cluster::rate::Rates;
use lezai_gateway::gateway::{Gateway, Parts};
use lezai_gateway::idempotency::IdempotentRequest;
use lezai_gateway::keys::Keys;
use lezai_gateway::merchants::Merchants;
use lezai_gateway::plugins::blobs::Blobs;
use lezai_gateway::{jobs, orders};
use lezai_store::{
    Brand, IdempotencyKey, MerchantRecord, Scope, Store, StoreError, Task, Tx, fingerprint, write,
};
use lezai_store_sqlite::SqliteStore;
use lezai_tests::TempDir;
use lezai_wire::order_request::NewOrder;
use serde_json::{Value, json};
use tokio::sync::watch;

/// More than the worker has under way at once in any lane.
const PAYOUTS: u8 = 200;

const POLICY: &str = r#"{"version":1,"limits":[{"currency":"CNY","min":1,"max":5000000}],
  "risk":{"review_at":60,"deny_at":100},"fees":[{"currency":"CNY","rate_ppm":6000,"rounding":"half_up"}],
  "routes":[{"channel":"silent"}]}"#;

/// A channel that captures at once, and says nothing of payouts until it is let.
struct Silent {
    asked: AtomicUsize,
    speaks: watch::Receiver<bool>,
}

impl Silent {
    async fn wait(&self) -> Result<PayoutStatus, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let _ = self.speaks.clone().wait_for(|speaks| *speaks).await;
        Ok(PayoutStatus::Failed { code: "refused".to_owned() })
    }
}

impl Channel for Silent {
    fn id(&self) -> &'static str {
        "silent"
    }
    fn methods(&self) -> &'static [Method] {
        const METHODS: &[Method] = &[Method::anywhere("wallet_qr", MethodKind::Qr)];
        METHODS
    }
    fn prepare(&self, _: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        Box::pin(async { Ok(Prepared::Refused { code: "unused".to_owned() }) })
    }
    fn query(&self, _: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async { Ok(AttemptStatus::Pending) })
    }
    fn cancel(&self, _: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async { Ok(AttemptStatus::Pending) })
    }
    fn capture(&self, request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        let channel_ref = "c".to_owned();
        Box::pin(async move { Ok(AttemptStatus::Paid { amount: request.amount, channel_ref }) })
    }
    fn reverse(&self, _: ReversalRequest) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async { Ok(AttemptStatus::Pending) })
    }
    fn refund(&self, _: RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(async { Ok(RefundStatus::Pending) })
    }
    fn query_refund(&self, _: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(async { Ok(RefundStatus::Pending) })
    }
    fn pays_to(&self) -> &'static [&'static str] {
        &["account"]
    }
    fn pay_out(&self, _: PayoutRequest) -> ChannelFuture<'_, PayoutStatus> {
        Box::pin(self.wait())
    }
    fn query_payout(&self, _: &PayoutId) -> ChannelFuture<'_, PayoutStatus> {
        Box::pin(self.wait())
    }
}

/// Nobody hears callbacks.
struct Nobody;

impl Transport for Nobody {
    fn send(
        &self,
        _: Post,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Reply, Unreached>> + Send + '_>> {
        Box::pin(async { Err(Unreached::Closed) })
    }
}

pub(crate) fn merchant() -> MerchantId {
    MerchantId::parse("m_tea").unwrap()
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

/// A gateway of this process, over these channels, whose one merchant has this policy.
pub(crate) async fn gateway_with(
    folder: &TempDir,
    policy: &str,
    clock: Arc<Clock>,
    channels: Vec<Arc<dyn Channel>>,
) -> Gateway {
    let record = MerchantRecord {
        id: merchant(),
        name: "Tea House".to_owned(),
        notify_url: None,
        webhook_secret: Secret::from_bytes((0..32).collect()).unwrap().reveal(),
        policy: policy.to_owned(),
        notify_hosts: Vec::new(),
        frame_origins: Vec::new(),
        brand: Brand::default(),
        former_secret: None,
    };
    let engine = Engine::new(Config { slots: 1, ..Config::new(folder.path()) }).unwrap();
    let standard = engine.load(assets::STANDARD_PLUGIN).unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&folder.path().join("lezai.db")).unwrap());
    let put = record.clone();
    write(&store, Scope::Merchant(merchant()), move |tx| tx.put_merchant(&put)).await.unwrap();
    let gateway = Gateway::new(Parts {
        public_url: "https://gateway.example".to_owned(),
        authorities: Vec::new(),
        clock,
        entropy: Entropy::Os,
        store,
        engine: Arc::new(engine),
        standard,
        blobs: Arc::new(Blobs::open(folder.path()).unwrap()),
        keys: Keys::one(SigningKey::from_entropy(b"a gateway's own key, for a test!").unwrap()),
        admin_token: String::new(),
        rates: Rates::default(),
        reach: EgressPolicy::Public,
        transport: Box::new(Nobody),
        channels,
        accounts: Arc::new(lezai_channels::accounts::Accounts::default()),
        sandbox: None,
    });
    let merchants = Merchants::load(vec![record], Vec::new(), Default::default());
    gateway.merchants.replace(Arc::new(merchants));
    gateway
}

/// A request of the merchant's, under a key.
pub(crate) fn request(scope: &str, key: &str, body: &str) -> IdempotentRequest {
    IdempotentRequest {
        key: IdempotencyKey { scope: scope.to_owned(), key: key.to_owned() },
        fingerprint: fingerprint("POST", "/v1/orders", body.as_bytes()),
        signer: None,
        writes: Scope::Merchant(merchant()),
    }
}

async fn gateway(folder: &TempDir, silent: Arc<Silent>) -> Arc<Gateway> {
    let clock = Clock::simulated(lezai_core::time::Timestamp::from_secs(1_795_000_000));
    Arc::new(gateway_with(folder, POLICY, Arc::new(clock), vec![silent]).await)
}

/// An order that is authorised: it waits to be captured.
async fn authorised(gateway: &Gateway) -> OrderId {
    let body = json!({ "merchant_order_id": "A-1", "amount": 12_800, "currency": "CNY", "description": "Tea",
                       "methods": ["wallet_qr"], "capture": "manual" })
    .to_string();
    let tea = gateway.merchants.known(&merchant()).unwrap();
    let key = request("m_tea", "k", &body);
    let decide = |facts: OrderFacts| async move {
        let hook =
            HookRun { digest: String::new(), fuel: 0, memory: 0, outcome: Outcome::Answered };
        let risk = Risk { verdict: Verdict::Accept, score: 0, reasons: Vec::new() };
        let decision = Decision {
            risk,
            fee: cny(77),
            channels: vec!["silent".to_owned()],
            shares: Vec::new(),
            columns: Vec::new(),
            hooks: [hook.clone(), hook.clone(), hook],
            split: None,
            statement: None,
        };
        Ok((facts, decision.into()))
    };
    let new = NewOrder::parse(body.as_bytes()).unwrap();
    let made = orders::create_decided(gateway, &tea, new, key, decide).await.unwrap();
    let made: Value = serde_json::from_slice(made.body()).unwrap();
    let order = OrderId::parse(made["id"].as_str().unwrap()).unwrap();
    let attempt = AttemptId::new(gateway.node.clock.now(), [1; 10]);
    let chosen = Attempt {
        id: attempt.clone(),
        method: "wallet_qr".to_owned(),
        channel: "silent".to_owned(),
        instalments: None,
        account: None,
        begun_at: None,
        by_code: false,
        routed: None,
    };
    gateway.apply(order.clone(), Event::MethodChosen(chosen)).await.unwrap();
    let channel_ref = "c".to_owned();
    let authorized = Event::Authorized { attempt, amount: cny(12_800), channel_ref };
    gateway.apply(order.clone(), authorized).await.unwrap();
    order
}

fn payout(n: u8, gateway: &Gateway) -> Payout {
    let now = gateway.node.clock.now();
    let terms = PayoutTerms {
        id: PayoutId::new(now, [n; 10]),
        merchant: merchant(),
        merchant_payout_id: format!("P-{n}"),
        receiver: None,
        amount: cny(100),
        fee: cny(0),
        fee_returned: false,
        channel: "silent".to_owned(),
        destination: Destination {
            kind: "account".to_owned(),
            account: "courier-7".to_owned(),
            holder: None,
        },
        description: None,
        contract: 0,
        settlement: None,
        batch: None,
        created_at: now,
        not_before: now,
    };
    let state = PayoutState::Queued;
    Payout { terms, state, approval: None, attention: Vec::new(), version: 1, notices: 0 }
}

/// Looks until it is so, for as long as any machine needs.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < std::time::Duration::from_secs(180), "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payouts_that_a_bank_does_not_answer_delay_no_capture() {
    let folder = TempDir::new();
    let (speak, speaks) = watch::channel(false);
    let silent = Arc::new(Silent { asked: AtomicUsize::new(0), speaks });
    let gateway = gateway(&folder, Arc::clone(&silent)).await;
    let order = authorised(&gateway).await;
    let now = gateway.node.clock.now();
    for n in 0..PAYOUTS {
        let payout = payout(n, &gateway);
        let work = move |tx: &dyn Tx| {
            let send = Task::Payout { payout: payout.terms.id.clone(), what: PayoutEffect::Send };
            assert!(tx.insert_payout(&payout)?);
            tx.schedule(&send, now)?;
            Ok::<_, StoreError>(())
        };
        write(&gateway.node.store, Scope::Merchant(merchant()), work).await.unwrap();
    }
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(jobs::run(Arc::clone(&gateway), stopped));
    // As many as are under way at once wait for the bank.
    until("a lane is full", async || silent.asked.load(Ordering::Relaxed) >= 64).await;
    gateway.apply(order.clone(), Event::CaptureRequested(None)).await.unwrap();
    let status = async || gateway.record(order.clone()).await.unwrap().order.state.status();
    until("it is captured", async || status().await == "paid").await;
    assert!(silent.asked.load(Ordering::Relaxed) < PAYOUTS.into(), "the bank still says nothing");
    speak.send(true).unwrap();
    stop.send(true).unwrap();
    gateway.node.cluster.wake.call();
    worker.await.unwrap();
}
