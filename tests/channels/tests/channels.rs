//! The adapters against the simulators, over a network, with everything that goes wrong.
//!
//! The rows that hold for every channel are written once and run for both: [`Bench`] is what differs.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where the surprise is")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lezai_channel_simulators::fault::{Fault, What};
use lezai_channel_simulators::{Simulators, alipay as sim_alipay, keys, wechat as sim_wechat};
use lezai_channels::alipay;
use lezai_channels::channel::{
    About, AttemptRef, AttemptStatus, BillFetched, Callback, CaptureRequest, Channel, MethodKind,
    PaymentRequest, Prepared, RefundRequest, RefundStatus, ReversalRequest,
};
use lezai_channels::http::{Headers, Network};
use lezai_channels::number;
use lezai_channels::surroundings::{Machine, NoRandomness, Surroundings};
use lezai_channels::wechat;
use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::{AttemptId, RefundId};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{Credential, Offer};
use lezai_core::payer::Payer;
use lezai_core::time::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The machine's clock, which a test moves ahead.
#[derive(Default)]
struct Clock(AtomicI64);

impl Surroundings for Clock {
    fn now(&self) -> i64 {
        Machine.now() + self.0.load(Ordering::SeqCst)
    }

    fn random(&self) -> Result<[u8; 16], NoRandomness> {
        Machine.random()
    }
}

/// A channel and its simulator.
struct Bench {
    provider: &'static str,
    method: &'static str,
    channel: Arc<dyn Channel>,
    simulators: Arc<Simulators>,
    clock: Arc<Clock>,
    callbacks: mpsc::UnboundedReceiver<Callback>,
    _folder: tempfile::TempDir,
}

fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in keys::FILES {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn wechat_config(base_url: &str) -> wechat::account::WechatConfig {
    wechat::account::WechatConfig {
        merchant: sim_wechat::MERCHANT.to_owned(),
        app_id: sim_wechat::APP_ID.to_owned(),
        certificate_serial: keys::MERCHANT_SERIAL.to_owned(),
        private_key_file: "wechat_merchant.pem".into(),
        api_v3_key_file: "wechat_api_v3_key".into(),
        public_key_id: Some(keys::PUBLIC_KEY_ID.to_owned()),
        public_key_file: Some("wechat_public.pub".into()),
        certificate_files: Vec::new(),
        download_certificates: false,
        sub_merchant: None,
        sub_app_id: None,
        methods: None,
        base_url: Some(base_url.to_owned()),
    }
}

fn alipay_config(base_url: &str) -> alipay::account::AlipayConfig {
    alipay::account::AlipayConfig {
        app_id: sim_alipay::APP_ID.to_owned(),
        seller_id: sim_alipay::SELLER.to_owned(),
        private_key_file: "alipay_app.pem".into(),
        alipay_public_key_file: Some("alipay_platform.pub".into()),
        app_certificate_file: None,
        alipay_certificate_files: Vec::new(),
        root_certificate_file: None,
        app_auth_token_file: None,
        methods: None,
        gateway_url: Some(format!("{base_url}/gateway.do")),
    }
}

/// How an account proves itself, and WeChat Pay itself to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Key,
    Certificate,
    Partner,
}

async fn simulators() -> (Arc<Simulators>, String) {
    let simulators = Arc::new(Simulators::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = simulators.serve(listener).unwrap();
    (simulators, format!("http://{address}"))
}

async fn wechat_bench(mode: Mode) -> Bench {
    wechat_bench_with(|config| match mode {
        Mode::Key => {}
        Mode::Certificate => {
            (config.public_key_id, config.public_key_file) = (None, None);
            config.download_certificates = true;
        }
        Mode::Partner => config.sub_merchant = Some(sim_wechat::SUB_MERCHANT.to_owned()),
    })
    .await
}

async fn wechat_bench_with(change: impl FnOnce(&mut wechat::account::WechatConfig)) -> Bench {
    let (simulators, url) = simulators().await;
    let folder = files();
    let mut config = wechat_config(&url);
    change(&mut config);
    let account = config.load(folder.path()).unwrap();
    let (notify_url, callbacks) = receiver("/channels/wechat/notify").await;
    let clock = Arc::new(Clock::default());
    let transport = Arc::new(Network::new().unwrap());
    let channel = wechat::channel::WechatPay::new(account, transport, clock.clone(), notify_url);
    Bench {
        provider: "wechat",
        method: "wechat_native",
        channel: Arc::new(channel),
        simulators,
        clock,
        callbacks,
        _folder: folder,
    }
}

async fn alipay_bench(mode: Mode) -> Bench {
    let (simulators, url) = simulators().await;
    let folder = files();
    let mut config = alipay_config(&url);
    if mode == Mode::Certificate {
        config.alipay_public_key_file = None;
        config.app_certificate_file = Some("alipay_app.crt".into());
        config.root_certificate_file = Some("alipay_root.crt".into());
        config.alipay_certificate_files =
            vec!["alipay_platform.crt".into(), "alipay_platform_next.crt".into()];
    }
    let account = config.load(folder.path()).unwrap();
    let (notify_url, callbacks) = receiver("/channels/alipay/notify").await;
    let clock = Arc::new(Clock::default());
    let transport = Arc::new(Network::new().unwrap());
    let channel = alipay::channel::Alipay::new(account, transport, clock.clone(), notify_url);
    Bench {
        provider: "alipay",
        method: "alipay_qr",
        channel: Arc::new(channel),
        simulators,
        clock,
        callbacks,
        _folder: folder,
    }
}

/// Each account of each provider.
async fn benches() -> Vec<Bench> {
    vec![
        wechat_bench(Mode::Key).await,
        wechat_bench(Mode::Certificate).await,
        wechat_bench(Mode::Partner).await,
        alipay_bench(Mode::Key).await,
        alipay_bench(Mode::Certificate).await,
    ]
}

/// Receives callbacks and answers 500: what is tested is what the channel makes of them.
async fn receiver(path: &str) -> (String, mpsc::UnboundedReceiver<Callback>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{path}", listener.local_addr().unwrap());
    let (sender, callbacks) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut read = Vec::new();
                let head = loop {
                    if let Some(at) = read.windows(4).position(|end| end == b"\r\n\r\n") {
                        break at;
                    }
                    if stream.read_buf(&mut read).await.unwrap_or_default() == 0 {
                        return;
                    }
                };
                let text = String::from_utf8(read[..head].to_vec()).unwrap();
                let fields: Vec<(String, String)> = text
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                let headers = Headers(fields);
                let length: usize = headers.get("content-length").unwrap().parse().unwrap();
                while read.len() < head + 4 + length {
                    if stream.read_buf(&mut read).await.unwrap_or_default() == 0 {
                        return;
                    }
                }
                let body = read[head + 4..head + 4 + length].to_vec();
                let _ = sender.send(Callback { headers, body });
                let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    (url, callbacks)
}

/// Ids that no two tests of a process share.
fn entropy() -> [u8; 10] {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [7; 10];
    bytes[..8].copy_from_slice(&MADE.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    bytes
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap())
}

fn cny(fen: i64) -> Money {
    Money::new(fen, Currency::from_code("CNY").unwrap()).unwrap()
}

const TOTAL: i64 = 8_888;

impl Bench {
    fn payment(&self) -> PaymentRequest {
        let now = now();
        PaymentRequest {
            attempt: AttemptId::new(now, entropy()),
            kind: MethodKind::Qr,
            amount: cny(TOTAL),
            merchant_name: "茶馆".to_owned(),
            description: "龙井 \"2026\" & 碧螺春 / 😀".to_owned(),
            return_url: "https://shop.example/thanks?order=1&lang=zh".to_owned(),
            capture: true,
            instalments: None,
            method: self.method.to_owned(),
            payer: Payer::default(),
            client_ip: None,
            code: None,
            expires_at: now.plus_secs(900),
        }
    }

    fn fault(&self, call: &str, what: What) {
        let (provider, call) = (self.provider.to_owned(), call.to_owned());
        self.simulators.faults.add(Fault { provider, call, what, times: 1 });
    }

    fn pay(&self, payment: &PaymentRequest) -> Result<(), String> {
        let number = number::of_attempt(&payment.attempt);
        match self.provider {
            "wechat" => self.simulators.wechat.pay(&self.simulators, &number),
            _ => self.simulators.alipay.pay(&self.simulators, &number),
        }
    }

    fn finish(&self, refund: &RefundId) {
        let number = number::of_refund(refund);
        match self.provider {
            "wechat" => self.simulators.wechat.finish_refund(&self.simulators, &number),
            _ => self.simulators.alipay.finish_refund(&self.simulators, &number),
        }
        .unwrap();
    }

    fn books(&self) -> Value {
        match self.provider {
            "wechat" => self.simulators.wechat.books(),
            _ => self.simulators.alipay.books(),
        }
    }

    fn orders(&self) -> usize {
        let books = self.books();
        let orders = books.get("orders").or_else(|| books.get("trades"));
        orders.and_then(Value::as_object).unwrap().len()
    }

    fn refunds(&self) -> usize {
        self.books()["refunds"].as_object().unwrap().len()
    }

    async fn query(&self, payment: &PaymentRequest) -> Result<AttemptStatus, String> {
        self.channel.query(&reference(payment)).await.map_err(|error| error.reason)
    }

    async fn cancel(&self, payment: &PaymentRequest) -> Result<AttemptStatus, String> {
        self.channel.cancel(&reference(payment)).await.map_err(|error| error.reason)
    }

    async fn offer(&self, payment: &PaymentRequest) -> Offer {
        match self.channel.prepare(payment.clone()).await.unwrap() {
            Prepared::Offer(offer) => offer,
            other => panic!("{other:?}"),
        }
    }

    async fn paid(&self) -> PaymentRequest {
        let payment = self.payment();
        self.offer(&payment).await;
        self.pay(&payment).unwrap();
        payment
    }
}

fn reference(payment: &PaymentRequest) -> AttemptRef {
    AttemptRef {
        attempt: payment.attempt.clone(),
        method: payment.method.clone(),
        amount: payment.amount,
        expires_at: payment.expires_at,
    }
}

fn refund(payment: &PaymentRequest, fen: i64) -> RefundRequest {
    RefundRequest {
        refund: RefundId::new(now(), entropy()),
        attempt: payment.attempt.clone(),
        amount: cny(fen),
        payment: payment.amount,
    }
}

fn is_paid(standing: &AttemptStatus, fen: i64) -> bool {
    matches!(standing, AttemptStatus::Paid { amount, channel_ref } if *amount == cny(fen) && !channel_ref.is_empty())
}

/// The faults by which an answer must not be believed.
const FORGERIES: [What; 8] = [
    What::WrongSignature,
    What::Unsigned,
    What::Garbage,
    What::WrongNumber,
    What::CutAfter,
    What::CutBefore,
    What::ErrorAfter,
    What::ErrorBefore,
];

#[tokio::test]
async fn an_order_is_made_once_and_paid_once() {
    for bench in benches().await {
        let payment = bench.payment();
        let first = bench.offer(&payment).await;
        let again = bench.offer(&payment).await;
        for offer in [&first, &again] {
            assert!(
                matches!(&offer.credential, Credential::Qr { qr } if qr.contains("://")),
                "{offer:?}"
            );
            assert_eq!(offer.expires_at, None, "a code outlives an order of a quarter of an hour");
        }
        assert_eq!(bench.orders(), 1);
        let before = bench.query(&payment).await.unwrap();
        // At Alipay nothing is there before the code is scanned.
        let unpaid = if bench.provider == "wechat" {
            AttemptStatus::Pending
        } else {
            AttemptStatus::Unknown
        };
        assert_eq!(before, unpaid);
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    }
}

#[tokio::test]
async fn a_code_that_ends_before_its_order_says_so() {
    for bench in benches().await {
        let mut payment = bench.payment();
        payment.expires_at = now().plus_secs(4 * 3_600);
        let ends = bench.offer(&payment).await.expires_at.unwrap();
        assert!(ends < now().plus_secs(2 * 3_600) && ends > now().plus_secs(3_600));
    }
}

#[tokio::test]
async fn a_prepare_without_an_answer_is_unknown_and_its_repeat_is_the_same_order() {
    for bench in benches().await {
        for what in FORGERIES {
            let payment = bench.payment();
            let before = bench.orders();
            bench.fault("prepay", what);
            let told = bench.channel.prepare(payment.clone()).await;
            if what == What::WrongNumber && bench.provider == "wechat" {
                // Its answer to a prepare names no number.
                assert!(told.is_ok());
            } else {
                assert!(told.is_err(), "{what:?}: {told:?}");
            }
            bench.offer(&payment).await;
            assert_eq!(bench.orders(), before + 1, "{what:?}");
        }
    }
}

#[tokio::test]
async fn a_prepare_that_was_refused_says_so() {
    for bench in benches().await {
        let payment = bench.payment();
        bench.fault("prepay", What::Refused);
        let told = bench.channel.prepare(payment.clone()).await.unwrap();
        assert_eq!(told, Prepared::Refused { code: "not_permitted".to_owned() });
        assert_eq!(bench.orders(), 0);
        // A rate that is limited is no refusal: the same is sent again.
        bench.fault("prepay", What::Busy);
        assert!(bench.channel.prepare(payment.clone()).await.is_err());
        bench.offer(&payment).await;

        let capture = PaymentRequest { capture: false, ..bench.payment() };
        let told = bench.channel.prepare(capture).await.unwrap();
        assert_eq!(told, Prepared::Refused { code: "capture_unsupported".to_owned() });
        let much = PaymentRequest { amount: cny(1 << 50), ..bench.payment() };
        let told = bench.channel.prepare(much).await.unwrap();
        assert_eq!(told, Prepared::Refused { code: "invalid_request".to_owned() });
        let dollars = Money::new(1, Currency::from_code("USD").unwrap()).unwrap();
        let told =
            bench.channel.prepare(PaymentRequest { amount: dollars, ..bench.payment() }).await;
        assert_eq!(told.unwrap(), Prepared::Refused { code: "currency_unsupported".to_owned() });
        let number =
            CaptureRequest { attempt: payment.attempt.clone(), number: 1, amount: payment.amount };
        let told = bench.channel.capture(number).await.unwrap();
        assert_eq!(told, AttemptStatus::Refused { code: "capture_unsupported".to_owned() });
        assert_eq!(bench.orders(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_the_providers_is_not_believed() {
    for bench in benches().await {
        let payment = bench.paid().await;
        for what in FORGERIES {
            bench.fault("query", what);
            let told = bench.query(&payment).await;
            assert!(told.is_err(), "{} {what:?}: {told:?}", bench.provider);
        }
        if bench.provider == "wechat" {
            for what in [What::SignTest, What::Stale, What::UnknownKey, What::WrongMerchant] {
                bench.fault("query", what);
                let told = bench.query(&payment).await;
                assert!(told.is_err(), "{what:?}: {told:?}");
            }
        }
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
        // Another amount goes up as it is told: the order compares it.
        bench.fault("query", What::WrongAmount);
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL + 1));
    }
}

#[tokio::test]
async fn a_payment_is_called_off_or_was_paid() {
    for bench in benches().await {
        let unpaid = bench.payment();
        bench.offer(&unpaid).await;
        if bench.provider == "alipay" {
            // Nobody scanned it, and until its time is over somebody may.
            assert!(bench.cancel(&unpaid).await.is_err());
            let over = PaymentRequest { expires_at: now().plus_secs(-302), ..bench.payment() };
            bench.offer(&over).await;
            assert_eq!(bench.cancel(&over).await.unwrap(), AttemptStatus::Cancelled);
            bench.simulators.alipay.scan(&number::of_attempt(&unpaid.attempt)).unwrap();
        }
        bench.fault("close", What::CutAfter);
        assert!(bench.cancel(&unpaid).await.is_err());
        assert_eq!(bench.cancel(&unpaid).await.unwrap(), AttemptStatus::Cancelled);
        assert_eq!(bench.cancel(&unpaid).await.unwrap(), AttemptStatus::Cancelled);
        assert!(bench.pay(&unpaid).is_err());

        let paid = bench.paid().await;
        assert!(is_paid(&bench.cancel(&paid).await.unwrap(), TOTAL));
        let told = bench.cancel(&bench.payment()).await;
        match bench.provider {
            "wechat" => assert_eq!(told.unwrap(), AttemptStatus::Cancelled),
            _ => assert!(told.is_err()),
        }
    }
}

#[tokio::test]
async fn a_code_paid_after_it_was_given_up_is_seen() {
    let bench = alipay_bench(Mode::Key).await;
    let payment = bench.payment();
    bench.offer(&payment).await;
    assert!(bench.cancel(&payment).await.is_err());
    bench.pay(&payment).unwrap();
    assert!(is_paid(&bench.cancel(&payment).await.unwrap(), TOTAL));
}

#[tokio::test]
async fn refunds_are_done_once() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 1_000);
        let unheard = bench.channel.query_refund(&part).await.unwrap();
        assert_eq!(unheard, RefundStatus::Unknown);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
        // Something went back, and the payment is paid as before.
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));

        let too_much = bench.channel.refund(refund(&payment, TOTAL)).await.unwrap();
        assert!(matches!(too_much, RefundStatus::Failed { .. }), "{too_much:?}");
        // One number for another amount is neither done nor failed: somebody must look.
        let other = RefundRequest { amount: cny(2_000), ..part.clone() };
        let told = bench.channel.refund(other).await;
        assert!(!matches!(told, Ok(RefundStatus::Succeeded)), "{told:?}");
        assert_eq!(bench.refunds(), 1);

        let rest = refund(&payment, TOTAL - 1_000);
        assert_eq!(bench.channel.refund(rest).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 2);
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    }
}

#[tokio::test]
async fn a_refund_without_an_answer_keeps_its_number() {
    for bench in benches().await {
        for what in FORGERIES {
            let payment = bench.paid().await;
            let part = refund(&payment, 100);
            let before = bench.refunds();
            bench.fault("refund", what);
            let told = bench.channel.refund(part.clone()).await;
            assert!(told.is_err(), "{what:?}: {told:?}");
            let known = bench.channel.query_refund(&part).await.unwrap();
            let done = matches!(what, What::CutAfter | What::ErrorAfter)
                || matches!(what, What::WrongSignature | What::Unsigned | What::WrongNumber);
            let expected = if done { RefundStatus::Succeeded } else { RefundStatus::Unknown };
            assert_eq!(known, expected, "{what:?}");
            assert_eq!(bench.channel.refund(part).await.unwrap(), RefundStatus::Succeeded);
            assert_eq!(bench.refunds(), before + 1, "{what:?}");
        }
    }
}

#[tokio::test]
async fn a_refund_that_lacks_money_waits_under_its_number() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 100);
        for what in [What::NotEnough, What::Busy] {
            bench.fault("refund", what);
            let told = bench.channel.refund(part.clone()).await;
            assert!(
                !matches!(told, Ok(RefundStatus::Failed { .. } | RefundStatus::Succeeded)),
                "{told:?}"
            );
            assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Unknown);
        }
        assert_eq!(bench.channel.refund(part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
    }
}

#[tokio::test]
async fn a_refund_that_was_taken_is_not_done() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 100);
        bench.fault("refund", What::Processing);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Pending);
        assert_ne!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Pending);
        bench.finish(&part.refund);
        assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
    }
    let bench = wechat_bench(Mode::Key).await;
    let payment = bench.paid().await;
    bench.fault("refund", What::Abnormal);
    let told = bench.channel.refund(refund(&payment, 100)).await.unwrap();
    assert_eq!(told, RefundStatus::Pending, "a person says where the money goes");
}

#[tokio::test]
async fn another_amount_of_a_refund_is_not_believed() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 100);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        bench.fault("query_refund", What::WrongAmount);
        assert!(bench.channel.query_refund(&part).await.is_err());
    }
}

#[tokio::test]
async fn a_whole_payment_is_given_back_once() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let request = |number| ReversalRequest { attempt: payment.attempt.clone(), number };
        bench.fault("refund", What::CutAfter);
        assert!(bench.channel.reverse(request(0)).await.is_err());
        for number in [0, 0, 1] {
            assert_eq!(
                bench.channel.reverse(request(number)).await.unwrap(),
                AttemptStatus::Returned
            );
        }
        assert_eq!(bench.query(&payment).await.unwrap(), AttemptStatus::Returned);
        assert_eq!(bench.refunds(), 1);
    }
}

#[tokio::test]
async fn callbacks_are_hints_about_what_to_ask() {
    for mut bench in benches().await {
        let payment = bench.paid().await;
        let callback = bench.callbacks.recv().await.unwrap();
        let heard = bench.channel.hear(callback.clone()).await;
        assert_eq!(heard.about, About::Payment(payment.attempt.clone()), "{}", bench.provider);
        let taken = if bench.provider == "wechat" { r#"{"code":"SUCCESS"}"# } else { "success" };
        assert_eq!((heard.reply.status, heard.reply.body), (200, taken));

        // One byte more, another key, no signature, none at all.
        let mut changed = callback.clone();
        changed.body.push(b'1');
        let mut unsigned = callback.clone();
        unsigned.headers.0.retain(|(name, _)| !name.eq_ignore_ascii_case("wechatpay-signature"));
        if bench.provider == "alipay" {
            let body = String::from_utf8(unsigned.body).unwrap();
            unsigned.body = body.split("&sign=").next().unwrap().as_bytes().to_vec();
        }
        let empty = Callback { headers: Headers::default(), body: Vec::new() };
        for forged in [changed, unsigned, empty] {
            let heard = bench.channel.hear(forged).await;
            assert_eq!(heard.about, About::Refused);
            assert_eq!(heard.reply.status, 401);
            assert_ne!(heard.reply.body, "success");
        }

        let part = refund(&payment, 100);
        bench.channel.refund(part.clone()).await.unwrap();
        let wanted = About::Refund(part.refund);
        // Copies of the first may still come.
        while bench.channel.hear(bench.callbacks.recv().await.unwrap()).await.about != wanted {}
    }
}

#[tokio::test]
async fn callbacks_of_others_are_refused() {
    for mut bench in benches().await {
        let faults = match bench.provider {
            "wechat" => &[
                What::SignTest,
                What::WrongSignature,
                What::UnknownKey,
                What::Stale,
                What::WrongMerchant,
            ][..],
            _ => &[What::WrongSignature, What::Unsigned, What::WrongMerchant],
        };
        for what in faults {
            while bench.callbacks.try_recv().is_ok() {}
            let payment = bench.payment();
            bench.offer(&payment).await;
            bench.fault("callback", *what);
            bench.pay(&payment).unwrap();
            let mut heard = Vec::new();
            // A certificate's signature has another name in the partner's and the key's mode: all the same.
            while heard.is_empty() {
                let callback = bench.callbacks.recv().await.unwrap();
                heard.push(bench.channel.hear(callback).await.about);
            }
            assert!(
                !heard.contains(&About::Payment(payment.attempt.clone())),
                "{} {what:?}: {heard:?}",
                bench.provider
            );
        }
    }
}

#[tokio::test]
async fn a_certificate_that_comes_is_fetched_once() {
    let bench = wechat_bench(Mode::Certificate).await;
    let payment = bench.paid().await;
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    bench.simulators.wechat.rotate();
    // It was asked for less than a minute ago, and is not asked for again at once.
    assert!(bench.query(&payment).await.is_err());
    bench.clock.0.store(61, Ordering::SeqCst);
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    bench.fault("query", What::UnknownKey);
    bench.fault("certificates", What::ErrorBefore);
    assert!(bench.query(&payment).await.is_err());
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
}

#[tokio::test]
async fn certificates_of_another_are_not_taken() {
    for what in [What::WrongSignature, What::Unsigned, What::UnknownKey, What::Stale, What::Garbage]
    {
        let bench = wechat_bench(Mode::Certificate).await;
        bench.fault("certificates", what);
        let payment = bench.payment();
        assert!(bench.channel.prepare(payment).await.is_err(), "{what:?}");
        assert_eq!(bench.orders(), 0);
    }
}

#[tokio::test]
async fn a_merchant_that_moves_to_the_public_key_hears_both() {
    let mut bench = wechat_bench_with(|config| {
        config.certificate_files = vec!["wechat_platform.crt".into()];
        config.download_certificates = true;
    })
    .await;
    bench.simulators.wechat.ramp();
    let mut serials = std::collections::BTreeSet::new();
    while serials.len() < 2 {
        let payment = bench.paid().await;
        let wanted = About::Payment(payment.attempt);
        loop {
            let callback = bench.callbacks.recv().await.unwrap();
            let serial = callback.headers.get("wechatpay-serial").unwrap().to_owned();
            let about = bench.channel.hear(callback).await.about;
            assert_ne!(about, About::Refused);
            if about == wanted {
                serials.insert(serial);
                break;
            }
        }
    }
}

#[tokio::test]
async fn alipays_next_certificate_is_known_by_its_name() {
    let bench = alipay_bench(Mode::Certificate).await;
    let payment = bench.paid().await;
    bench.simulators.alipay.rotate();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    bench.fault("query", What::UnknownKey);
    assert!(bench.query(&payment).await.is_err());
}

#[tokio::test]
async fn a_trade_that_is_finished_is_paid_and_not_refunded() {
    let bench = alipay_bench(Mode::Key).await;
    let payment = bench.paid().await;
    bench.simulators.alipay.end(&bench.simulators, &number::of_attempt(&payment.attempt)).unwrap();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    let told = bench.channel.refund(refund(&payment, 100)).await.unwrap();
    assert_eq!(told, RefundStatus::Failed { code: "finished".to_owned() });
}

#[tokio::test]
async fn alipays_pages_are_addresses_that_it_takes() {
    let bench = alipay_bench(Mode::Key).await;
    for method in ["alipay_page", "alipay_wap"] {
        let payment = PaymentRequest { method: method.to_owned(), ..bench.payment() };
        let Credential::Redirect { redirect_url } = bench.offer(&payment).await.credential else {
            panic!("not an address")
        };
        assert_eq!(
            bench.orders() % 2,
            usize::from(method == "alipay_wap"),
            "made when it is opened"
        );
        let page = reqwest::get(&redirect_url).await.unwrap().text().await.unwrap();
        assert!(page.contains(&number::of_attempt(&payment.attempt)), "{page}");
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    }
}

#[tokio::test]
async fn a_mini_program_pays_as_the_shopper_that_the_order_names() {
    let wechat =
        Payer { wechat_openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into()), ..Payer::default() };
    let alipay = Payer {
        alipay_open_id: Some("074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5".into()),
        ..Payer::default()
    };
    let older = Payer { alipay_user_id: Some("2088102146225135".into()), ..Payer::default() };
    for (bench, method, payer) in [
        (wechat_bench(Mode::Key).await, "wechat_jsapi", wechat),
        (alipay_bench(Mode::Key).await, "alipay_mini", alipay),
        (alipay_bench(Mode::Key).await, "alipay_mini", older),
    ] {
        let unnamed = PaymentRequest { method: method.to_owned(), ..bench.payment() };
        let refused = bench.channel.prepare(unnamed.clone()).await.unwrap();
        assert_eq!(refused, Prepared::Refused { code: "payer_missing".to_owned() }, "{method}");
        assert_eq!(bench.orders(), 0, "{method}: nothing was asked of the provider");
        let payment = PaymentRequest { payer, ..unnamed };
        match bench.offer(&payment).await.credential {
            Credential::WechatJsapi { package, sign_type, .. } => {
                assert!(package.starts_with("prepay_id=") && sign_type == "RSA", "{package}");
            }
            Credential::AlipayMini { trade_no } => assert!(!trade_no.is_empty()),
            other => panic!("{other:?}"),
        }
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL), "{method}");
    }
}

#[tokio::test]
async fn a_till_charges_the_code_that_the_shopper_shows() {
    for (bench, method, begins) in [
        (wechat_bench(Mode::Key).await, "wechat_code", "1300000000000000"),
        (alipay_bench(Mode::Key).await, "alipay_code", "2800000000000000"),
    ] {
        let charge = |ending: &str| PaymentRequest {
            method: method.to_owned(),
            kind: MethodKind::Code,
            code: Some(format!("{begins}{ending}")),
            ..bench.payment()
        };
        let prepared =
            async |payment: &PaymentRequest| bench.channel.prepare(payment.clone()).await;
        assert_eq!(bench.channel.method_of_code(&format!("{begins}01")), Some(method));
        assert_eq!(bench.channel.method_of_code("990000000000000001"), None);

        let paid = charge("01");
        for _ in 0..2 {
            assert_eq!(prepared(&paid).await.unwrap(), Prepared::Charging, "{method}");
        }
        assert!(is_paid(&bench.query(&paid).await.unwrap(), TOTAL), "{method}");
        assert!(is_paid(&bench.cancel(&paid).await.unwrap(), TOTAL), "what is paid is not undone");

        for (ending, word) in [("03", "not_enough"), ("04", "code_")] {
            let Prepared::Refused { code } = prepared(&charge(ending)).await.unwrap() else {
                panic!("{method} {ending} is not refused")
            };
            assert!(code.contains(word), "{method} {ending}: {code}");
        }

        // The shopper is asked for the password, and leaves.
        let waiting = charge("02");
        assert_eq!(prepared(&waiting).await.unwrap(), Prepared::Charging);
        assert_eq!(bench.query(&waiting).await.unwrap(), AttemptStatus::Pending);
        assert_eq!(bench.cancel(&waiting).await.unwrap(), AttemptStatus::Cancelled);
        assert_eq!(bench.query(&waiting).await.unwrap(), AttemptStatus::Cancelled);

        // The answer is lost, before and after the act: it is asked, and never charged again.
        let lost = charge("05");
        assert!(prepared(&lost).await.is_err(), "{method}");
        assert_eq!(bench.cancel(&lost).await.unwrap(), AttemptStatus::Cancelled);
        let charged = charge("06");
        assert!(prepared(&charged).await.is_err(), "{method}");
        assert!(is_paid(&bench.query(&charged).await.unwrap(), TOTAL), "{method}");
    }
}

#[tokio::test]
async fn a_phones_browser_opens_wechat_and_comes_back() {
    let bench = wechat_bench(Mode::Key).await;
    let unnamed = PaymentRequest { method: "wechat_h5".to_owned(), ..bench.payment() };
    let refused = bench.channel.prepare(unnamed.clone()).await.unwrap();
    assert_eq!(refused, Prepared::Refused { code: "payer_missing".to_owned() });
    let payment = PaymentRequest { client_ip: Some([203, 0, 113, 7].into()), ..unnamed };
    let offer = bench.offer(&payment).await;
    let Credential::Redirect { redirect_url } = offer.credential else { panic!("not an address") };
    let back = "redirect_url=https%3A%2F%2Fshop.example%2Fthanks%3Forder%3D1%26lang%3Dzh";
    assert!(redirect_url.ends_with(back), "{redirect_url}");
    assert!(offer.expires_at.is_some(), "it opens WeChat for five minutes");
    bench.pay(&payment).unwrap();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
}

#[tokio::test]
async fn pages_and_apps_get_what_the_merchant_signed() {
    use lezai_channels::rsa::PublicKey;
    use lezai_channels::wechat::call::{Order, Scene};
    use lezai_channels::wechat::client::Client;
    let merchant = PublicKey::parse(include_str!("../keys/wechat_merchant.crt")).unwrap();
    for sub in [None, Some(sim_wechat::SUB_MERCHANT.to_owned())] {
        let (_simulators, url) = simulators().await;
        let folder = files();
        let mut config = wechat_config(&url);
        config.sub_merchant.clone_from(&sub);
        let account = config.load(folder.path()).unwrap();
        let client = Client::new(account, Arc::new(Network::new().unwrap()), Arc::new(Machine));
        let order = || Order {
            number: number::of_attempt(&AttemptId::new(now(), entropy())),
            description: "茶".repeat(60),
            total: 1,
            expires_at: Some(Machine.now() + 600),
            notify_url: "https://pay.example/channels/wechat/notify".to_owned(),
        };
        let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned();
        let prepaid = client.prepay(&Scene::Jsapi { openid }, &order()).await.unwrap();
        let told = client.jsapi_parameters(&prepaid.prepay_id.unwrap()).unwrap();
        let app_id = sim_wechat::APP_ID;
        let text = format!("{app_id}\n{}\n{}\n{}\n", told.time_stamp, told.nonce_str, told.package);
        merchant.verify(text.as_bytes(), &told.pay_sign).unwrap();
        assert!(told.package.starts_with("prepay_id=wx") && told.nonce_str.len() == 32);

        let prepay_id = client.prepay(&Scene::App, &order()).await.unwrap().prepay_id.unwrap();
        let told = client.app_parameters(&prepay_id).unwrap();
        let text = format!("{app_id}\n{}\n{}\n{prepay_id}\n", told.timestamp, told.nonce_str);
        merchant.verify(text.as_bytes(), &told.sign).unwrap();
        assert_eq!(told.partner_id, sub.unwrap_or_else(|| sim_wechat::MERCHANT.to_owned()));

        let client_ip = "2001:db8::1".to_owned();
        let h5 = client.prepay(&Scene::H5 { client_ip }, &order()).await.unwrap();
        assert!(h5.h5_url.unwrap().starts_with("https://"));
        let wrong =
            client.prepay(&Scene::H5 { client_ip: "pay.example".to_owned() }, &order()).await;
        assert!(wrong.unwrap_err().is_certain());
    }
}

#[tokio::test]
async fn a_trade_for_a_mini_program_is_made_closed_and_on_the_bill() {
    use lezai_channels::alipay::call::{BillType, Buyer, Order};
    use lezai_channels::alipay::client::Client;
    let (_simulators, url) = simulators().await;
    let folder = files();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let client = Client::new(account, Arc::new(Network::new().unwrap()), Arc::new(Machine));
    let order = Order {
        number: number::of_attempt(&AttemptId::new(now(), entropy())),
        subject: "a/b=c&d \"sign\":\"x\" 茶".to_owned(),
        total: 1,
        expires_at: Some(Machine.now() + 600),
        notify_url: "https://pay.example/channels/alipay/notify?a=1&b=%2B".to_owned(),
    };
    for buyer in [
        Buyer::OpenId("074a1CcTG1LelxKe4xQC0z".to_owned()),
        Buyer::UserId("2088102534368455".to_owned()),
    ] {
        assert!(!client.create(&order, &buyer).await.unwrap().trade_no.is_empty());
    }
    client.close(&order.number).await.unwrap();
    let closed = client.query(&order.number, Some(1)).await.unwrap();
    assert_eq!(closed.trade_status, Some(alipay::answer::TradeStatus::TradeClosed));
    assert!(!closed.was_paid());
    assert!(client.create(&order, &Buyer::OpenId(String::new())).await.unwrap_err().is_certain());
    // Nothing was paid on that day.
    let none = client.bill_address(BillType::Trade, "2026-11-29").await.unwrap_err();
    assert_eq!(none.refusal().unwrap().word, "no_bill");
    assert!(client.bill(BillType::Trade, "2026-1-1").await.unwrap_err().is_certain());
}

/// Today, where Alipay's days begin.
fn today() -> Date {
    Date::parse(&lezai_channels::time::beijing(Machine.now())[..10]).unwrap()
}

#[tokio::test]
async fn alipays_bill_is_fetched_and_unpacked() {
    for mode in [Mode::Key, Mode::Certificate] {
        let bench = alipay_bench(mode).await;
        assert!(matches!(
            bench.channel.bill(BillKind::Trades, today()).await.unwrap(),
            BillFetched::Absent(_)
        ));
        let day = today();
        let payment = bench.paid().await;
        if day != today() {
            // Midnight in Beijing passed meanwhile: the payment may be on either day.
            continue;
        }
        let BillFetched::Bill(bill) = bench.channel.bill(BillKind::Trades, day).await.unwrap()
        else {
            panic!()
        };
        let (number, gbk) = (number::of_attempt(&payment.attempt), b"\xbd\xbb\xd2\xd7");
        let has = |part: &[u8]| bill.windows(part.len()).any(|it| it == part);
        assert!(has(number.as_bytes()) && has(gbk) && has(b"88.88") && !bill.starts_with(b"PK"));
        for (call, what, word) in [
            ("bill", What::Busy, "busy"),
            ("bill", What::WrongSignature, "signature"),
            ("bill", What::CutAfter, ""),
            ("bill_file", What::CutBefore, ""),
            ("bill_file", What::Refused, "403"),
            ("bill_file", What::Truncated, "unpacked"),
        ] {
            bench.fault(call, what);
            let error = bench.channel.bill(BillKind::Trades, day).await.unwrap_err();
            assert!(error.reason.contains(word), "{what:?}: {error}");
        }
        bench.fault("bill", What::NotYet);
        assert!(matches!(
            bench.channel.bill(BillKind::Trades, day).await.unwrap(),
            BillFetched::Absent(_)
        ));
        // What Alipay lays there in place of a bill comes as it is: the parser refuses it.
        bench.fault("bill_file", What::Garbage);
        let fetched = bench.channel.bill(BillKind::Trades, day).await.unwrap();
        assert_eq!(fetched, BillFetched::Bill(b"<html>502</html>".to_vec()));
    }
}

#[tokio::test]
async fn a_bill_that_never_comes_is_given_up() {
    use lezai_channels::alipay::call::BillType;
    let (simulators, url) = simulators().await;
    let folder = files();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let network = Network::new().unwrap().downloading_within(Duration::from_millis(50));
    let client = alipay::client::Client::new(account, Arc::new(network), Arc::new(Machine));
    let number = number::of_attempt(&AttemptId::new(now(), entropy()));
    let order = alipay::call::Order {
        number: number.clone(),
        subject: "茶".to_owned(),
        total: 1,
        expires_at: None,
        notify_url: "https://pay.example/notify".to_owned(),
    };
    client.precreate(&order).await.unwrap();
    simulators.alipay.pay(&simulators, &number).unwrap();
    let (provider, call) = ("alipay".to_owned(), "bill_file".to_owned());
    simulators.faults.add(Fault { provider, call, what: What::Never, times: 2 });
    // Paid a moment ago: today, or a moment before today began.
    let (mut errors, today) = (Vec::new(), today());
    for day in [today, today.plus_days(-1)] {
        errors.push(client.bill(BillType::Trade, &day.to_string()).await.unwrap_err().to_string());
    }
    assert!(errors.iter().any(|error| error.contains("timed out")), "{errors:?}");
}

#[tokio::test]
async fn a_payment_code_is_charged_once() {
    use lezai_channels::wechat::call::CodePayment;
    use lezai_channels::wechat::client::{Client, CodePaid, Reversed};
    let (simulators, url) = simulators().await;
    let folder = files();
    let account = wechat_config(&url).load(folder.path()).unwrap();
    let client = Client::new(account, Arc::new(Network::new().unwrap()), Arc::new(Machine));
    let code = |ending: &str| CodePayment {
        number: number::of_attempt(&AttemptId::new(now(), entropy())),
        description: "茶".to_owned(),
        total: 100,
        auth_code: format!("1300000000000000{ending}"),
        store: "0001".to_owned(),
    };
    let paid = code("01");
    for _ in 0..2 {
        assert!(matches!(client.codepay(&paid).await.unwrap(), CodePaid::Decided(_)));
    }
    let waits = code("02");
    assert!(matches!(client.codepay(&waits).await.unwrap(), CodePaid::Waiting));
    assert_eq!(client.reverse(&waits.number).await.unwrap(), Reversed::Done);
    assert_eq!(
        client.codepay(&code("03")).await.unwrap_err().refusal().unwrap().word,
        "not_enough"
    );
    assert_eq!(
        client.codepay(&code("04")).await.unwrap_err().refusal().unwrap().word,
        "code_expired"
    );
    for ending in ["05", "06"] {
        let unknown = client.codepay(&code(ending)).await.unwrap_err();
        assert!(!unknown.is_certain(), "{unknown:?}");
    }
    let books = simulators.wechat.books();
    for order in books["orders"].as_object().unwrap().values() {
        assert!(order["charges"].as_u64().unwrap() <= 1);
    }
}

#[tokio::test]
async fn a_code_at_alipays_counter_is_charged_or_cancelled() {
    use lezai_channels::alipay::call::{AuthCode, Order};
    use lezai_channels::alipay::client::Client;
    let (_simulators, url) = simulators().await;
    let folder = files();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let client = Client::new(account, Arc::new(Network::new().unwrap()), Arc::new(Machine));
    let order = || Order {
        number: number::of_attempt(&AttemptId::new(now(), entropy())),
        subject: "茶".to_owned(),
        total: 100,
        expires_at: None,
        notify_url: "https://shop.example/notify".to_owned(),
    };
    let code = |ending: &str| AuthCode::parse(&format!("2800000000000000{ending}")).unwrap();
    assert!(!client.pay(&order(), &code("01"), "0001").await.unwrap().waits);
    let waiting = order();
    assert!(client.pay(&waiting, &code("02"), "0001").await.unwrap().waits);
    let canceled = client.cancel(&waiting.number).await.unwrap();
    assert_eq!((canceled.action.as_deref(), canceled.retry_flag.as_str()), (Some("close"), "N"));
    let failed = order();
    let unknown = client.pay(&failed, &code("06"), "0001").await.unwrap_err();
    assert!(!unknown.is_certain());
    // It was charged, and goes back.
    assert_eq!(client.cancel(&failed.number).await.unwrap().action.as_deref(), Some("refund"));
    // Nothing was there, which 10000 alone does not say.
    assert_eq!(client.cancel(&order().number).await.unwrap().action, None);
    let refused = client.pay(&order(), &code("04"), "0001").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().word, "code_invalid");
}

#[tokio::test]
async fn a_bill_is_what_its_hash_says() {
    use lezai_channels::wechat::call::Bill;
    use lezai_channels::wechat::client::Client;
    let bench = wechat_bench(Mode::Key).await;
    let payment = bench.paid().await;
    let (_, url) = simulators().await;
    let folder = files();
    let account = wechat_config(&url).load(folder.path()).unwrap();
    let other = Client::new(account, Arc::new(Network::new().unwrap()), Arc::new(Machine));
    let day = lezai_channels::time::beijing(Machine.now())[..10].to_owned();
    let bill = String::from_utf8(other.bill(Bill::Trades, &day).await.unwrap()).unwrap();
    assert!(bill.starts_with('\u{feff}') && !bill.contains(&number::of_attempt(&payment.attempt)));
    assert!(other.bill(Bill::Trades, "2026-1-1").await.is_err());
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let folder = files();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let _ = Simulators::new();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let network = Arc::new(Network::new().unwrap());
    let client = lezai_channels::alipay::client::Client::new(account, network, Arc::new(Machine));
    let error = client.query("0193710e2f4a1b2c3d4e5f60718293a4", None).await.unwrap_err();
    assert!(error.is_certain(), "{error:?}");
}

/// A member of a configuration, wrongly changed.
type WrongWechat = (&'static str, fn(&mut wechat::account::WechatConfig));
type WrongAlipay = (&'static str, fn(&mut alipay::account::AlipayConfig));

#[test]
fn credentials_that_cannot_work_are_named() {
    let folder = files();
    let folder: &Path = folder.path();
    fs::write(folder.join("short"), "x".repeat(31)).unwrap();
    let url = "https://api.mch.weixin.qq.com";
    assert!(wechat_config(url).load(folder).is_ok());
    let wrong: [WrongWechat; 14] = [
        ("merchant", |it| it.merchant = "wx1".to_owned()),
        ("app_id", |it| it.app_id = "1900000001".to_owned()),
        ("certificate_serial", |it| it.certificate_serial = keys::PUBLIC_KEY_ID.to_owned()),
        ("private_key_file", |it| it.private_key_file = "missing".into()),
        ("private_key_file", |it| it.private_key_file = "wechat_public.pub".into()),
        ("api_v3_key_file", |it| it.api_v3_key_file = "short".into()),
        ("public_key_id", |it| it.public_key_id = None),
        ("public_key_id", |it| it.public_key_id = Some("7132".to_owned())),
        ("public_key_file", |it| it.public_key_file = None),
        ("public_key_file", |it| it.public_key_file = Some("wechat_merchant.crt".into())),
        ("public_key_file", |it| (it.public_key_id, it.public_key_file) = (None, None)),
        ("certificate_files", |it| it.certificate_files = vec!["wechat_public.pub".into()]),
        ("sub_app_id", |it| it.sub_app_id = Some("wx9999999999999999".to_owned())),
        ("base_url", |it| it.base_url = Some("http://api.mch.weixin.qq.com".to_owned())),
    ];
    for (field, change) in wrong {
        let mut config = wechat_config(url);
        change(&mut config);
        assert_eq!(config.load(folder).unwrap_err().field, field);
    }
    let url = "https://openapi.alipay.com";
    assert!(alipay_config(url).load(folder).is_ok());
    let wrong: [WrongAlipay; 8] = [
        ("app_id", |it| it.app_id = "wx1".to_owned()),
        ("seller_id", |it| it.seller_id = "1900000001".to_owned()),
        ("private_key_file", |it| it.private_key_file = "alipay_platform.pub".into()),
        ("alipay_public_key_file", |it| it.alipay_public_key_file = Some("alipay_app.pub".into())),
        ("alipay_public_key_file", |it| it.alipay_public_key_file = None),
        ("alipay_public_key_file", |it| it.app_certificate_file = Some("alipay_app.crt".into())),
        ("app_auth_token_file", |it| it.app_auth_token_file = Some("missing".into())),
        ("gateway_url", |it| {
            it.gateway_url = Some("http://openapi.alipay.com/gateway.do".to_owned())
        }),
    ];
    for (field, change) in wrong {
        let mut config = alipay_config(url);
        change(&mut config);
        assert_eq!(config.load(folder).unwrap_err().field, field);
    }
}
