//! Channels that take the same payment: which one is asked, why, and what happens while one of them is silent. The
//! channels are the test's own, and so is the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use lezai_base::clock::Clock;
use lezai_channels::channel::{
    AttemptRef, AttemptStatus, CaptureRequest, Channel, ChannelFuture, Method, MethodKind,
    PaymentRequest, Prepared, RefundRequest, RefundStatus, ReversalRequest, Unanswered,
};
use lezai_core::key::SigningKey;
use lezai_core::order::{Credential, Offer};
use lezai_core::policy::OrderFacts;
use lezai_core::routing::{Cost, Preference, Strategy};
use lezai_core::time::Timestamp;
use lezai_gateway::channels::Routing;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::orders::checkout::{self, Choice, Page};
use lezai_gateway::orders::{self, attempts};
use lezai_store::{Claim, SessionRecord};
use lezai_tests::{TempDir, random_hex};
use lezai_wire::order_request::NewOrder;
use serde_json::{Value, json};

use crate::lanes::{gateway_with, merchant, request};

const CARD: Method = Method::anywhere("card", MethodKind::Qr);
const QR: Method = Method::anywhere("qr", MethodKind::Qr);

/// A channel that makes a QR code after so long, or says nothing.
struct Fake {
    id: &'static str,
    methods: &'static [Method],
    clock: Arc<Clock>,
    is_silent: AtomicBool,
    latency_ms: AtomicI64,
}

impl Channel for Fake {
    fn id(&self) -> &'static str {
        self.id
    }
    fn methods(&self) -> &'static [Method] {
        self.methods
    }
    fn prepare(&self, _: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        Box::pin(async {
            self.clock.advance_ms(self.latency_ms.load(Ordering::Relaxed));
            if self.is_silent.load(Ordering::Relaxed) {
                return Err(Unanswered { channel: self.id, reason: "silent".to_owned() });
            }
            let credential = Credential::Qr { qr: format!("{}:1", self.id) };
            Ok(Prepared::Offer(Offer { credential, expires_at: None }))
        })
    }
    fn query(&self, _: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async { Ok(AttemptStatus::Pending) })
    }
    fn cancel(&self, _: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async { Ok(AttemptStatus::Pending) })
    }
    fn capture(&self, _: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async { Ok(AttemptStatus::Pending) })
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
}

struct Scene {
    gateway: Gateway,
    clock: Arc<Clock>,
    one: Arc<Fake>,
    two: Arc<Fake>,
    three: Arc<Fake>,
    _folder: TempDir,
}

/// An order, and its session with the secret of it.
struct Made {
    order: Value,
    session: SessionRecord,
}

impl Scene {
    /// `card` is of `one` alone, `qr` of `two` and `three`; the policy has this beside its routes.
    async fn new(routes: Value, more: Value, routing: Routing) -> Self {
        let clock = Arc::new(Clock::simulated(Timestamp::from_secs(1_795_000_000)));
        let fake = |id, methods| {
            Arc::new(Fake {
                id,
                methods,
                clock: Arc::clone(&clock),
                is_silent: AtomicBool::new(false),
                latency_ms: AtomicI64::new(20),
            })
        };
        let (one, two, three) = (fake("one", &[CARD]), fake("two", &[QR]), fake("three", &[QR]));
        let mut policy = json!({
            "version": 1,
            "limits": [{ "currency": "CNY", "min": 1, "max": 5_000_000 }],
            "risk": { "review_at": 60, "deny_at": 100 },
            "fees": [{ "currency": "CNY", "rate_ppm": 6_000, "rounding": "half_up" }],
            "routes": routes,
        });
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let channels: [Arc<dyn Channel>; 3] = [one.clone(), two.clone(), three.clone()];
        let folder = TempDir::new();
        let mut gateway =
            gateway_with(&folder, &policy.to_string(), Arc::clone(&clock), channels.into()).await;
        gateway.routing = routing;
        Self { gateway, clock, one, two, three, _folder: folder }
    }

    async fn order(&self, methods: &[&str]) -> Made {
        let number = random_hex();
        let body = json!({ "merchant_order_id": number, "amount": 10_000, "currency": "CNY",
                           "description": "Tea", "methods": methods })
        .to_string();
        let tea = self.gateway.merchants.known(&merchant()).unwrap();
        let key = request("m_tea", &number, &body);
        let decide = |facts: OrderFacts| {
            let decided = self.gateway.plugins.decide(&tea, &facts);
            async move { Ok((facts, decided?)) }
        };
        let new = NewOrder::parse(body.as_bytes()).unwrap();
        let made = orders::create_decided(&self.gateway, &tea, new, key, decide).await.unwrap();
        let order: Value = serde_json::from_slice(made.body()).unwrap();
        let checkout = &order["checkout"];
        let [session, secret] =
            ["session", "client_secret"].map(|name| checkout[name].as_str().unwrap());
        let session = checkout::proven(&self.gateway, session, secret).await.unwrap();
        Made { session, order }
    }

    /// The methods that a page shows.
    async fn offered(&self, methods: &[&str]) -> Vec<String> {
        let Made { session, .. } = self.order(methods).await;
        let seen = checkout::open(&self.gateway, &session, page().claim.key, String::new()).await;
        seen.unwrap().methods.into_iter().map(|it| it.id).collect()
    }

    /// The shopper pays a new order by a method; what the page is answered, or the problem's code.
    async fn pay(&self, method: &str) -> (Made, Result<Value, String>) {
        let made = self.order(&[method]).await;
        let choice = Choice { method: method.to_owned(), instalments: None };
        let key = request("page", &random_hex(), method);
        let paid = checkout::pay(&self.gateway, &made.session, page(), choice, key).await;
        let said = match paid {
            Ok(answer) => Ok(serde_json::from_slice(answer.body()).unwrap()),
            Err(problem) => Err(problem.code().as_str().to_owned()),
        };
        (made, said)
    }

    async fn fails(&self, method: &str, times: usize) {
        for _ in 0..times {
            let (_, said) = self.pay(method).await;
            assert_eq!(said.unwrap_err(), "channel_unavailable");
        }
    }

    /// Pays, and gives why its channel was chosen, as the operator reads it.
    async fn routed(&self, method: &str) -> Value {
        let (Made { order, .. }, said) = self.pay(method).await;
        said.unwrap();
        let found = attempts::find(&self.gateway, order["id"].as_str().unwrap()).await.unwrap();
        let found = serde_json::to_value(found).unwrap();
        assert_eq!(found["merchant"], "m_tea");
        let attempt = found["attempts"][0].clone();
        assert_eq!(attempt["channel"], attempt["routed"]["candidates"][0]["channel"], "{found}");
        attempt["routed"].clone()
    }

    /// Pays so often; the channel and the reason of each.
    async fn routes(&self, method: &str, times: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..times {
            let routed = self.routed(method).await;
            let first = &routed["candidates"][0];
            let [channel, reason] = ["channel", "reason"].map(|it| first[it].as_str().unwrap());
            all.push(format!("{channel} {reason}"));
        }
        all
    }
}

/// A page that proved the secret.
fn page() -> Page {
    let key = SigningKey::from_entropy(b"the key of a page that is tested").unwrap();
    let key = key.verifying_key().to_jwk();
    let at = Timestamp::from_secs(1_795_000_000);
    Page { claim: Claim { key, origin: String::new(), at }, proven: true }
}

fn listed() -> Value {
    json!([{ "channel": "one" }, { "channel": "two" }, { "channel": "three" }])
}

fn routing(strategy: Strategy, premium_ppm: u32) -> Routing {
    let costs = |rate_ppm: u32| -> Vec<Cost> {
        serde_json::from_value(json!([{ "currency": "CNY", "rate_ppm": rate_ppm }])).unwrap()
    };
    let costs = [("two".to_owned(), costs(6_000)), ("three".to_owned(), costs(3_800))];
    Routing { preference: Preference { strategy, premium_ppm }, costs: costs.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_silent_is_not_offered_and_comes_back_by_itself() {
    let scene = Scene::new(listed(), json!({}), Routing::default()).await;
    assert_eq!(scene.offered(&[]).await, ["card", "qr"]);
    // The one channel of a method falls silent: the method is not offered.
    scene.one.is_silent.store(true, Ordering::Relaxed);
    scene.fails("card", 4).await;
    assert_eq!(scene.offered(&[]).await, ["card", "qr"]);
    scene.fails("card", 1).await;
    assert_eq!(scene.offered(&[]).await, ["qr"]);
    // An order that has no other method can only try it.
    assert_eq!(scene.offered(&["card"]).await, ["card"]);

    // One of the two of another method: the other one takes its payments.
    scene.two.is_silent.store(true, Ordering::Relaxed);
    scene.fails("qr", 5).await;
    assert_eq!(scene.offered(&[]).await, ["qr"]);
    let routed = scene.routed("qr").await;
    let candidate = |number: usize| {
        let it = &routed["candidates"][number];
        (it["channel"].as_str().unwrap(), it["reason"].as_str().unwrap())
    };
    assert_eq!([candidate(0), candidate(1)], [("three", "only"), ("two", "circuit_open")]);
    assert_eq!(
        (&routed["by"], &routed["candidates"][1]["requests"]),
        (&json!("policy"), &json!(5))
    );
    let metrics = scene.gateway.node.metrics.text();
    assert!(
        metrics.contains(r#"lezai_routed_total{channel="three",reason="only"} 1"#),
        "{metrics}"
    );
    assert!(
        metrics.contains(r#"lezai_channel_request_seconds_count{channel="two"} 5"#),
        "{metrics}"
    );

    // Both: the method is left out while there is another, and nobody has to let it back.
    scene.clock.advance_ms(20_000);
    scene.three.is_silent.store(true, Ordering::Relaxed);
    scene.fails("qr", 5).await;
    scene.clock.advance_ms(12_000);
    assert_eq!(scene.offered(&[]).await, ["card", "qr"], "one and two are to be tried again");
    for channel in [&scene.one, &scene.two] {
        channel.is_silent.store(false, Ordering::Relaxed);
    }
    assert_eq!(scene.routes("qr", 2).await, ["two only", "two only"]);
    assert_eq!(scene.routes("card", 1).await, ["one only"]);
    // It answers for good: nothing is left out, whatever time goes by.
    scene.clock.advance_ms(3_600_000);
    assert_eq!(scene.offered(&[]).await, ["card", "qr"]);
    assert_eq!(scene.routes("qr", 1).await, ["two policy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_lets_one_payment_through_and_opens_again_if_that_is_not_answered() {
    let scene = Scene::new(listed(), json!({}), Routing::default()).await;
    scene.one.is_silent.store(true, Ordering::Relaxed);
    scene.fails("card", 5).await;
    scene.clock.advance_ms(29_000);
    assert_eq!(scene.offered(&[]).await, ["qr"]);
    scene.clock.advance_ms(1_000);
    assert_eq!(scene.offered(&[]).await, ["card", "qr"]);
    scene.fails("card", 1).await;
    scene.clock.advance_ms(59_000);
    assert_eq!(scene.offered(&[]).await, ["qr"], "for twice as long");
    scene.clock.advance_ms(1_000);
    scene.one.is_silent.store(false, Ordering::Relaxed);
    assert_eq!(scene.offered(&[]).await, ["card", "qr"]);
    assert_eq!(scene.routes("card", 1).await, ["one only"]);
    assert_eq!(scene.offered(&[]).await, ["card", "qr"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cheapest_is_asked_unless_another_one_is_worth_its_premium() {
    let scene = Scene::new(listed(), json!({}), routing(Strategy::Cost, 0)).await;
    let routed = scene.routed("qr").await;
    assert_eq!(
        routed,
        json!({ "by": "cost", "candidates": [
            { "channel": "three", "reason": "cheapest", "cost": 38, "requests": 0, "answered": 0 },
            { "channel": "two", "reason": "costlier", "cost": 60, "requests": 0, "answered": 0 },
        ] })
    );
    // A fifth of a percent more is worth an answer that comes a second earlier, to the edge of it.
    for (premium_ppm, channel) in [(2_200, "two fastest"), (2_199, "three cheapest")] {
        let scene = Scene::new(listed(), json!({}), routing(Strategy::Cost, premium_ppm)).await;
        scene.three.latency_ms.store(1_020, Ordering::Relaxed);
        assert_eq!(scene.routes("qr", 5).await, ["three cheapest"; 5]);
        let sixth = scene.routes("qr", 1).await;
        // The other one was not measured yet, and is tried if it is within the premium.
        let tried = if premium_ppm == 2_200 { "two unmeasured" } else { "three cheapest" };
        assert_eq!(sixth, [tried]);
        scene.routes("qr", 4).await;
        assert_eq!(scene.routes("qr", 1).await, [channel]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fastest_is_asked_and_the_others_are_measured_again_after_a_while() {
    let scene = Scene::new(listed(), json!({}), routing(Strategy::Latency, 0)).await;
    scene.two.latency_ms.store(900, Ordering::Relaxed);
    // Nothing is measured, and cheaper is better.
    assert_eq!(scene.routes("qr", 5).await, ["three cheapest"; 5]);
    scene.three.latency_ms.store(2_000, Ordering::Relaxed);
    // Its median is the new one once it is half of the answers.
    assert_eq!(scene.routes("qr", 5).await, ["three cheapest"; 5]);
    assert_eq!(scene.routes("qr", 5).await, ["two unmeasured"; 5]);
    assert_eq!(scene.routes("qr", 3).await, ["two fastest"; 3]);
    scene.clock.advance_ms(15 * 60_000);
    assert_eq!(scene.routes("qr", 1).await, ["three cheapest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_order_and_a_share_win_over_the_strategy() {
    let fixed = json!({ "channel_order": "fixed" });
    let scene = Scene::new(listed(), fixed, routing(Strategy::Cost, 0)).await;
    let routed = scene.routed("qr").await;
    assert_eq!(
        (&routed["by"], &routed["candidates"][0]["reason"]),
        (&json!("policy"), &json!("policy"))
    );
    assert_eq!(scene.routes("qr", 1).await, ["two policy"]);
    let shared = json!([
        { "channel": "one" }, { "channel": "two", "share": 100 }, { "channel": "three" },
    ]);
    let scene = Scene::new(shared, json!({}), routing(Strategy::Cost, 0)).await;
    assert_eq!(scene.routes("qr", 2).await, ["two share"; 2]);
    scene.two.is_silent.store(true, Ordering::Relaxed);
    scene.fails("qr", 5).await;
    assert_eq!(scene.routes("qr", 1).await, ["three only"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_merchant_nor_the_shopper_is_told_what_a_channel_costs() {
    let scene = Scene::new(listed(), json!({}), routing(Strategy::Cost, 0)).await;
    let (Made { order, .. }, said) = scene.pay("qr").await;
    let id = order["id"].as_str().unwrap();
    let seen = orders::find(&scene.gateway, &merchant(), id).await.unwrap();
    for text in [said.unwrap().to_string(), serde_json::to_string(&seen).unwrap()] {
        assert!(!text.contains("cheapest") && !text.contains("\"cost\""), "{text}");
    }
    let found = serde_json::to_string(&attempts::find(&scene.gateway, id).await.unwrap()).unwrap();
    assert!(found.contains("cheapest"), "{found}");
    for wrong in ["ord_00000000000000000000000000000000", "x"] {
        let refused = attempts::find(&scene.gateway, wrong).await.unwrap_err();
        assert_eq!(refused.code().as_str(), "order_not_found");
    }
}
