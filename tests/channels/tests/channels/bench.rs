//! A channel and its simulator, and the numbers, clocks and faults of the rows.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use lezai_channel_simulators::fault::{Fault, What};
use lezai_channel_simulators::{
    Simulators, alipay as sim_alipay, keys, unionpay as sim_unionpay, wechat as sim_wechat,
};
use lezai_channels::alipay;
use lezai_channels::channel::{
    AttemptRef, AttemptStatus, Callback, Channel, MethodKind, PaymentRequest, Prepared,
    RefundRequest,
};
use lezai_channels::http::{Headers, Network, Transport};
use lezai_channels::number;
use lezai_channels::surroundings::{Machine, NoRandomness, Surroundings};
use lezai_channels::unionpay;
use lezai_channels::wechat;
use lezai_core::id::{AttemptId, RefundId};
use lezai_core::money::{Currency, Money};
use lezai_core::order::Offer;
use lezai_core::payer::Payer;
use lezai_core::time::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The machine's clock, which a test moves ahead.
#[derive(Default)]
pub(crate) struct Clock(pub(crate) AtomicI64);

impl Surroundings for Clock {
    fn now(&self) -> i64 {
        Machine.now() + self.0.load(Ordering::SeqCst)
    }

    fn random(&self) -> Result<[u8; 16], NoRandomness> {
        Machine.random()
    }
}

/// A channel and its simulator.
pub(crate) struct Bench {
    pub(crate) provider: &'static str,
    pub(crate) method: &'static str,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) simulators: Arc<Simulators>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) callbacks: mpsc::UnboundedReceiver<Callback>,
    _folder: tempfile::TempDir,
}

pub(crate) fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in keys::FILES {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

pub(crate) fn wechat_config(base_url: &str) -> wechat::account::WechatConfig {
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

pub(crate) fn alipay_config(base_url: &str) -> alipay::account::AlipayConfig {
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
pub(crate) enum Mode {
    Key,
    Certificate,
    Partner,
}

/// The network, with the cryptography that the TLS library wants to be told even where nothing is encrypted.
pub(crate) fn network() -> Network {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Network::new().unwrap()
}

pub(crate) async fn simulators() -> (Arc<Simulators>, String) {
    let simulators = Arc::new(Simulators::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = simulators.serve(listener).unwrap();
    (simulators, format!("http://{address}"))
}

pub(crate) async fn wechat_bench(mode: Mode) -> Bench {
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

pub(crate) async fn wechat_bench_with(
    change: impl FnOnce(&mut wechat::account::WechatConfig),
) -> Bench {
    let (simulators, url) = simulators().await;
    let folder = files();
    let mut config = wechat_config(&url);
    change(&mut config);
    let account = config.load(folder.path()).unwrap();
    let (notify_url, callbacks) = receiver("/channels/wechat/notify").await;
    let clock = Arc::new(Clock::default());
    let transport = Arc::new(network());
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

pub(crate) async fn alipay_bench(mode: Mode) -> Bench {
    alipay_bench_over(mode, Arc::new(network())).await
}

pub(crate) async fn alipay_bench_over(mode: Mode, transport: Arc<dyn Transport>) -> Bench {
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

pub(crate) fn unionpay_config(base_url: &str) -> unionpay::account::UnionpayConfig {
    unionpay::account::UnionpayConfig {
        merchant: sim_unionpay::MERCHANT.to_owned(),
        private_key_file: "unionpay_merchant.pem".into(),
        certificate_file: "unionpay_merchant.crt".into(),
        middle_certificate_files: vec!["unionpay_middle.crt".into()],
        root_certificate_file: "unionpay_root.crt".into(),
        methods: None,
        base_url: Some(base_url.to_owned()),
        file_url: Some(format!("{base_url}/file")),
    }
}

pub(crate) async fn unionpay_bench() -> Bench {
    let (simulators, url) = simulators().await;
    let folder = files();
    let account = unionpay_config(&url).load(folder.path()).unwrap();
    let (notify_url, callbacks) = receiver("/channels/unionpay/notify").await;
    let clock = Arc::new(Clock::default());
    let transport = Arc::new(network());
    let channel = unionpay::channel::Unionpay::new(account, transport, clock.clone(), notify_url);
    Bench {
        provider: "unionpay",
        method: "unionpay_qr",
        channel: Arc::new(channel),
        simulators,
        clock,
        callbacks,
        _folder: folder,
    }
}

/// Each account of each provider.
pub(crate) async fn benches() -> Vec<Bench> {
    vec![
        unionpay_bench().await,
        wechat_bench(Mode::Key).await,
        wechat_bench(Mode::Certificate).await,
        wechat_bench(Mode::Partner).await,
        alipay_bench(Mode::Key).await,
        alipay_bench(Mode::Certificate).await,
    ]
}

/// Receives callbacks and answers 500: what is tested is what the channel makes of them.
pub(crate) async fn receiver(path: &str) -> (String, mpsc::UnboundedReceiver<Callback>) {
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
pub(crate) fn entropy() -> [u8; 10] {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [7; 10];
    bytes[..8].copy_from_slice(&MADE.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    bytes
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn cny(fen: i64) -> Money {
    Money::new(fen, Currency::from_code("CNY").unwrap()).unwrap()
}

pub(crate) const TOTAL: i64 = 8_888;

impl Bench {
    pub(crate) fn payment(&self) -> PaymentRequest {
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
            begun_at: now,
            expires_at: now.plus_secs(900),
        }
    }

    pub(crate) fn fault(&self, call: &str, what: What) {
        let (provider, call) = (self.provider.to_owned(), call.to_owned());
        self.simulators.faults.add(Fault { provider, call, what, times: 1 });
    }

    pub(crate) fn pay(&self, payment: &PaymentRequest) -> Result<(), String> {
        let number = number::of_attempt(&payment.attempt);
        match self.provider {
            "wechat" => self.simulators.wechat.pay(&self.simulators, &number),
            "unionpay" => self.simulators.unionpay.pay(&self.simulators, &number),
            _ => self.simulators.alipay.pay(&self.simulators, &number),
        }
    }

    pub(crate) fn finish(&self, refund: &RefundId) {
        let number = number::of_refund(refund);
        match self.provider {
            "wechat" => self.simulators.wechat.finish_refund(&self.simulators, &number),
            "unionpay" => self.simulators.unionpay.finish_refund(&self.simulators, &number),
            _ => self.simulators.alipay.finish_refund(&self.simulators, &number),
        }
        .unwrap();
    }

    pub(crate) fn books(&self) -> Value {
        match self.provider {
            "wechat" => self.simulators.wechat.books(),
            "unionpay" => self.simulators.unionpay.books(),
            _ => self.simulators.alipay.books(),
        }
    }

    pub(crate) fn orders(&self) -> usize {
        let books = self.books();
        let orders = books.get("orders").or_else(|| books.get("trades"));
        orders.and_then(Value::as_object).unwrap().len()
    }

    pub(crate) fn refunds(&self) -> usize {
        self.books()["refunds"].as_object().unwrap().len()
    }

    pub(crate) async fn query(&self, payment: &PaymentRequest) -> Result<AttemptStatus, String> {
        self.channel.query(&reference(payment)).await.map_err(|error| error.reason)
    }

    pub(crate) async fn cancel(&self, payment: &PaymentRequest) -> Result<AttemptStatus, String> {
        self.channel.cancel(&reference(payment)).await.map_err(|error| error.reason)
    }

    pub(crate) async fn offer(&self, payment: &PaymentRequest) -> Offer {
        match self.channel.prepare(payment.clone()).await.unwrap() {
            Prepared::Offer(offer) => offer,
            other => panic!("{other:?}"),
        }
    }

    /// A prepare that is sent again: UnionPay tells the text of a code once.
    pub(crate) async fn offer_again(&self, payment: &PaymentRequest) -> Option<Offer> {
        match self.channel.prepare(payment.clone()).await.unwrap() {
            Prepared::Offer(offer) => Some(offer),
            Prepared::Refused { code } if self.provider == "unionpay" => {
                assert_eq!(code, "number_used");
                None
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn paid(&self) -> PaymentRequest {
        let payment = self.payment();
        self.offer(&payment).await;
        self.pay(&payment).unwrap();
        payment
    }
}

pub(crate) fn reference(payment: &PaymentRequest) -> AttemptRef {
    AttemptRef {
        attempt: payment.attempt.clone(),
        method: payment.method.clone(),
        amount: payment.amount,
        begun_at: payment.begun_at,
        expires_at: payment.expires_at,
    }
}

pub(crate) fn refund(payment: &PaymentRequest, fen: i64) -> RefundRequest {
    RefundRequest {
        refund: RefundId::new(now(), entropy()),
        attempt: payment.attempt.clone(),
        method: payment.method.clone(),
        amount: cny(fen),
        payment: payment.amount,
        begun_at: payment.begun_at,
        requested_at: now(),
    }
}

pub(crate) fn is_paid(standing: &AttemptStatus, fen: i64) -> bool {
    matches!(standing, AttemptStatus::Paid { amount, channel_ref } if *amount == cny(fen) && !channel_ref.is_empty())
}

/// The faults by which an answer must not be believed.
pub(crate) const FORGERIES: [What; 8] = [
    What::WrongSignature,
    What::Unsigned,
    What::Garbage,
    What::WrongNumber,
    What::CutAfter,
    What::CutBefore,
    What::ErrorAfter,
    What::ErrorBefore,
];
