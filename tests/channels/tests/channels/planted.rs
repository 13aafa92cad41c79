//! Bugs that adapters have had elsewhere, planted around ours: each breaks one rule, and the rule finds it.
//!
//! The trait leaves some bugs no room: a callback can only say what to ask about, so what is planted there is a
//! callback that was not verified.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use lezai_channel_simulators::fault::What;
use lezai_channels::channel::{
    About, Acknowledgement, AttemptRef, AttemptStatus, Callback, CallbackFuture, CaptureRequest,
    Channel, ChannelFuture, HandledCallback, Method, PaymentRequest, Prepared, RefundRequest,
    RefundStatus, ReversalRequest,
};
use lezai_channels::http::{Headers, Network, Request, Sent, Transport};
use lezai_core::id::AttemptId;
use serde_json::Value;

use crate::bench::{
    Bench, Mode, TOTAL, alipay_bench, alipay_bench_over, benches, entropy, is_paid, network, now,
    unionpay_bench, wechat_bench,
};

/// The faults of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// A request that was not answered is sent again under a new number.
    NewNumber,
    /// A time-out is taken for a failure.
    TimeoutFails,
    /// A time-out is taken for leave to ask another channel.
    FailsOver,
    /// A callback is believed whoever sent it.
    CallbackBelieved,
    /// The amount that was asked for is reported, whatever was paid.
    AmountIgnored,
    /// Answers are parsed and written anew before their signature is checked.
    Reserialised,
}

/// The rule that each of them breaks.
const RULES: [(Planted, &str); 6] = [
    (Planted::NewNumber, "one order for one attempt"),
    (Planted::TimeoutFails, "a time-out is unknown"),
    (Planted::FailsOver, "no other channel while the first is unknown"),
    (Planted::CallbackBelieved, "a callback is verified"),
    (Planted::AmountIgnored, "the amount is the one that was told"),
    (Planted::Reserialised, "an answer is verified as it came"),
];

/// A channel with a bug in front of it.
struct Buggy {
    inner: Arc<dyn Channel>,
    other: Arc<dyn Channel>,
    planted: Planted,
    begun: Mutex<BTreeSet<String>>,
}

impl Channel for Buggy {
    fn id(&self) -> &'static str {
        self.inner.id()
    }

    fn methods(&self) -> &'static [Method] {
        self.inner.methods()
    }

    fn prepare(&self, mut request: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        let first = self.begun.lock().unwrap().insert(request.attempt.to_string());
        if self.planted == Planted::NewNumber && !first {
            request.attempt = AttemptId::new(now(), entropy());
        }
        Box::pin(async move {
            match (self.inner.prepare(request.clone()).await, self.planted) {
                (Err(_), Planted::TimeoutFails) => {
                    Ok(Prepared::Refused { code: "timeout".to_owned() })
                }
                (Err(_), Planted::FailsOver) => {
                    let method = self.other.methods()[0];
                    let request = PaymentRequest { method: method.id.to_owned(), ..request };
                    self.other.prepare(request).await
                }
                (told, _) => told,
            }
        })
    }

    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.clone();
        Box::pin(async move {
            let told = self.inner.query(&attempt).await?;
            Ok(match told {
                AttemptStatus::Paid { channel_ref, .. }
                    if self.planted == Planted::AmountIgnored =>
                {
                    AttemptStatus::Paid { amount: attempt.amount, channel_ref }
                }
                told => told,
            })
        })
    }

    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        self.inner.cancel(attempt)
    }

    fn capture(&self, request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        self.inner.capture(request)
    }

    fn reverse(&self, request: ReversalRequest) -> ChannelFuture<'_, AttemptStatus> {
        self.inner.reverse(request)
    }

    fn refund(&self, request: RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        self.inner.refund(request)
    }

    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        self.inner.query_refund(request)
    }

    fn hear(&self, callback: Callback) -> CallbackFuture<'_> {
        if self.planted != Planted::CallbackBelieved {
            return self.inner.hear(callback);
        }
        let reply = Acknowledgement { status: 200, content_type: "text/plain", body: "success" };
        let about = About::Payment(AttemptId::new(now(), entropy()));
        Box::pin(std::future::ready(HandledCallback { about, reply }))
    }
}

/// A network whose answers are parsed and written anew on their way.
struct Reserialising(Network);

impl Transport for Reserialising {
    fn send(&self, request: Request) -> Sent<'_> {
        Box::pin(async move {
            let mut answer = self.0.send(request).await?;
            if let Ok(told) = serde_json::from_slice::<Value>(&answer.body) {
                answer.body = told.to_string().into_bytes();
            }
            Ok(answer)
        })
    }

    fn download(&self, request: Request, bytes_max: usize) -> Sent<'_> {
        self.0.download(request, bytes_max)
    }
}

/// The rules that a channel breaks.
async fn broken(bench: &Bench, other: &Bench) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    let payment = bench.payment();
    bench.fault("prepay", What::CutAfter);
    if let Ok(told) = bench.channel.prepare(payment.clone()).await {
        let refused = matches!(told, Prepared::Refused { .. });
        broken.insert(if refused {
            "a time-out is unknown"
        } else {
            "no other channel while the first is unknown"
        });
    }
    let _ = bench.channel.prepare(payment).await;
    if bench.orders() != 1 {
        broken.insert("one order for one attempt");
    }
    if other.orders() != 0 {
        broken.insert("no other channel while the first is unknown");
    }

    let payment = bench.payment();
    if bench.channel.prepare(payment.clone()).await.is_err() {
        // It believes nothing that is true, either.
        broken.insert("an answer is verified as it came");
        return broken;
    }
    bench.pay(&payment).unwrap();
    let told = bench.query(&payment).await;
    assert!(told.as_ref().is_ok_and(|told| is_paid(told, TOTAL)), "{told:?}");
    bench.fault("query", What::WrongAmount);
    if bench.query(&payment).await.is_ok_and(|told| is_paid(&told, TOTAL)) {
        broken.insert("the amount is the one that was told");
    }

    let body = b"out_trade_no=0193710e2f4a1b2c3d4e5f60718293a4&sign=AAAA".to_vec();
    let heard = bench.channel.hear(Callback { headers: Headers::default(), body }).await;
    if heard.about != About::Refused {
        broken.insert("a callback is verified");
    }
    broken
}

#[tokio::test]
async fn our_adapters_break_no_rule() {
    for bench in benches().await {
        let other = wechat_bench(Mode::Key).await;
        assert_eq!(broken(&bench, &other).await, BTreeSet::new(), "{}", bench.provider);
    }
}

#[tokio::test]
async fn each_planted_bug_is_found() {
    for (planted, rule) in RULES {
        for mut bench in
            [alipay_bench(Mode::Key).await, wechat_bench(Mode::Key).await, unionpay_bench().await]
        {
            if planted == Planted::Reserialised {
                // Alipay alone signs JSON within JSON, and writes it in a way of its own.
                bench = alipay_bench_over(Mode::Key, Arc::new(Reserialising(network()))).await;
            }
            let other = alipay_bench(Mode::Key).await;
            bench.channel = Arc::new(Buggy {
                inner: bench.channel,
                other: Arc::clone(&other.channel),
                planted,
                begun: Mutex::default(),
            });
            let found = broken(&bench, &other).await;
            assert!(found.contains(rule), "{} {planted:?}: {found:?}", bench.provider);
        }
    }
}
