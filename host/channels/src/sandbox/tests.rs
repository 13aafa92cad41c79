//! The wallet's answer to each act, one after another.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use lezai_core::id::RefundId;
use lezai_core::money::Currency;
use lezai_core::payer::Payer;
use magic::{CODE_SECS, CODE_SOON_SECS, LATE_SECS, PREPAY_SECS};

const START_MS: i64 = 1_795_000_000_000;

/// A wallet on a clock of its own, with one attempt.
struct Scene {
    wallet: Sandbox,
    clock: Arc<AtomicI64>,
    attempt: AttemptId,
    amount: i64,
}

impl Scene {
    fn new(amount: i64) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let now = Arc::clone(&clock);
        let wallet = Sandbox::open(Path::new(":memory:"), "http://gw".to_owned(), move || {
            Timestamp::from_ms(now.load(Ordering::Relaxed))
        });
        let attempt = AttemptId::new(Timestamp::from_ms(START_MS), [1; 10]);
        Self { wallet: wallet.unwrap(), clock, attempt, amount }
    }

    async fn prepare(&self, kind: MethodKind, capture: bool) -> Offer {
        let request = PaymentRequest {
            attempt: self.attempt.clone(),
            kind,
            amount: cny(self.amount),
            merchant_name: "Demo".to_owned(),
            description: "Tea".to_owned(),
            return_url: "http://shop/".to_owned(),
            capture,
            instalments: None,
            method: "wallet_qr".to_owned(),
            payer: Payer::default(),
            client_ip: None,
            code: None,
            begun_at: Timestamp::from_ms(START_MS),
            expires_at: Timestamp::from_ms(START_MS).plus_secs(900),
        };
        match self.wallet.prepare(request).await.unwrap() {
            Prepared::Offer(offer) => offer,
            other => panic!("{other:?}"),
        }
    }

    /// Does what the word says, such as `approve`, `capture:500` or `refund2:500`, and writes
    /// down what the wallet says.
    async fn act(&self, word: &str) -> String {
        let (verb, minor) = word.split_once(':').unwrap_or((word, "0"));
        let amount = cny(minor.parse().unwrap());
        let (verb, n) = match verb.strip_suffix(|it: char| it.is_ascii_digit()) {
            Some(verb) => (verb, word.as_bytes()[verb.len()] - b'0'),
            None => (verb, 1),
        };
        let refund = RefundId::new(Timestamp::from_ms(START_MS), [n; 10]);
        let attempt = self.attempt.clone();
        let reference = AttemptRef {
            attempt: attempt.clone(),
            method: "wallet_qr".to_owned(),
            amount: cny(self.amount),
            begun_at: Timestamp::from_ms(START_MS),
            expires_at: Timestamp::from_ms(START_MS).plus_secs(900),
        };
        let payment = cny(self.amount);
        let (begun_at, requested_at) = (reference.begun_at, reference.begun_at);
        let back = RefundRequest {
            refund,
            attempt: attempt.clone(),
            method: reference.method.clone(),
            amount,
            payment,
            begun_at,
            requested_at,
        };
        let said = match verb {
            "prepare" | "authorise" => {
                self.prepare(MethodKind::Qr, verb == "prepare").await;
                return String::new();
            }
            "wait" => {
                self.clock.fetch_add(LATE_SECS * 1000, Ordering::Relaxed);
                return String::new();
            }
            "refund" => {
                return match self.wallet.refund(back).await {
                    Ok(standing) => of_refund(standing),
                    Err(_) => "silence".to_owned(),
                };
            }
            "ask" => {
                let standing = self.wallet.query_refund(&back).await;
                return standing.map_or("silence".to_owned(), of_refund);
            }
            "approve" => self.wallet.act(&attempt, Act::Approve).await,
            "decline" => self.wallet.act(&attempt, Act::Decline).await,
            "query" => self.wallet.query(&reference).await,
            "cancel" => self.wallet.cancel(&reference).await,
            "return" => {
                let method = reference.method;
                let request =
                    ReversalRequest { attempt, method, number: 0, begun_at, requested_at };
                self.wallet.reverse(request).await
            }
            "capture" => self.wallet.capture(CaptureRequest { attempt, number: 1, amount }).await,
            _ => panic!("{word}"),
        };
        match said {
            Ok(AttemptStatus::Paid { amount, .. }) => format!("paid:{}", amount.minor()),
            Ok(AttemptStatus::Authorized { amount, .. }) => {
                format!("authorised:{}", amount.minor())
            }
            Ok(AttemptStatus::Declined { code }) => format!("declined:{code}"),
            Ok(AttemptStatus::Refused { code }) => format!("refused:{code}"),
            Ok(standing) => format!("{standing:?}").to_lowercase(),
            Err(_) => "silence".to_owned(),
        }
    }
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

fn of_refund(standing: RefundStatus) -> String {
    match standing {
        RefundStatus::Failed { code } => format!("failed:{code}"),
        standing => format!("{standing:?}").to_lowercase(),
    }
}

async fn check(amount: i64, acts: &str, expected: &str) {
    let scene = Scene::new(amount);
    let mut said = Vec::new();
    for word in acts.split_whitespace() {
        said.push(scene.act(word).await);
    }
    said.retain(|it| !it.is_empty());
    assert_eq!(said.join(" "), expected, "{amount}: {acts}");
}

#[tokio::test]
async fn each_way_is_taken_once() {
    for (acts, expected) in [
        ("prepare query", "pending"),
        ("prepare approve decline cancel query", "paid:12800 paid:12800 paid:12800 paid:12800"),
        ("prepare decline approve", "declined:shopper_declined declined:shopper_declined"),
        ("prepare cancel approve", "cancelled cancelled"),
        ("prepare approve return return", "paid:12800 returned returned"),
        ("prepare return", "pending"),
        ("query", "unknown"),
        ("cancel prepare approve", "cancelled cancelled"),
        ("prepare approve prepare query", "paid:12800 paid:12800"),
        ("prepare approve capture:1", "paid:12800 paid:12800"),
        ("authorise approve approve query", "authorised:12800 authorised:12800 authorised:12800"),
        (
            "authorise approve capture:5000 capture:5000 capture:9000",
            "authorised:12800 paid:5000 paid:5000 paid:5000",
        ),
        (
            "authorise approve capture:12801 capture:0 query",
            "authorised:12800 refused:amount_not_authorized refused:amount_not_authorized authorised:12800",
        ),
        ("authorise approve return query", "authorised:12800 returned returned"),
        ("authorise approve cancel approve", "authorised:12800 cancelled cancelled"),
        ("authorise capture:1", "pending"),
    ] {
        check(12800, acts, expected).await;
    }
}

#[tokio::test]
async fn no_more_goes_back_than_came() {
    for (acts, expected) in [
        ("prepare approve refund:12800", "paid:12800 succeeded"),
        // A repeat is no second refund, and cannot change the first.
        (
            "prepare approve refund:6000 refund:6000 refund2:6800 refund3:1",
            "paid:12800 succeeded succeeded succeeded failed:exceeds_payment",
        ),
        (
            "prepare approve refund:12801 refund:1",
            "paid:12800 failed:exceeds_payment failed:exceeds_payment",
        ),
        ("prepare refund:1", "failed:no_such_payment"),
        ("refund:1", "failed:no_such_payment"),
        ("authorise approve refund:1", "authorised:12800 failed:no_such_payment"),
        (
            "authorise approve capture:500 refund:501 refund2:500",
            "authorised:12800 paid:500 failed:exceeds_payment succeeded",
        ),
        ("prepare approve refund:1 return", "paid:12800 succeeded refused:already_refunded"),
        ("prepare approve return refund:1", "paid:12800 returned failed:no_such_payment"),
        // A refund still on its way, or lost on its way, is taken from what is left.
        (
            "prepare approve refund:2961 refund2:2964 refund3:6876 refund4:6875",
            "paid:12800 pending silence failed:exceeds_payment succeeded",
        ),
        ("prepare approve ask", "paid:12800 unknown"),
    ] {
        check(12800, acts, expected).await;
    }
}

#[tokio::test]
async fn every_magic_amount_does_what_it_says() {
    for (amount, acts, expected) in [
        (10901, "prepare approve query", "declined:insufficient_funds declined:insufficient_funds"),
        (10902, "prepare approve query", "declined:limit_exceeded declined:limit_exceeded"),
        (10903, "prepare approve query", "declined:account_frozen declined:account_frozen"),
        (10911, "prepare query approve query query", "pending paid:10911 silence paid:10911"),
        (
            10912,
            "prepare approve query query",
            "declined:network_failure silence declined:network_failure",
        ),
        (10913, "prepare approve query wait query", "pending pending paid:10913"),
        (10913, "prepare approve cancel wait query return", "pending pending paid:10913 returned"),
        (10913, "authorise approve wait query", "pending authorised:10913"),
        (10914, "prepare approve query query", "paid:10914 paid:10914 paid:10914"),
        (10915, "prepare approve wait query cancel query", "pending pending pending paid:10915"),
        (10916, "prepare approve query cancel query", "paid:10916 silence silence silence"),
        (10921, "prepare approve query return", "paid:10922 paid:10922 returned"),
        (10922, "prepare approve query return", "paid:10921 paid:10921 returned"),
        (
            10931,
            "authorise approve capture:10931 query return",
            "authorised:10931 refused:capture_declined authorised:10931 returned",
        ),
        (
            10932,
            "authorise approve capture:5000 query capture:5000",
            "authorised:10932 silence paid:5000 paid:5000",
        ),
        (
            10941,
            "prepare approve return query refund:10941",
            "paid:10941 refused:void_declined paid:10941 succeeded",
        ),
        (10942, "prepare approve return return", "paid:10942 silence returned"),
        (
            10951,
            "prepare approve refund:500 refund2:10951",
            "paid:10951 failed:partial_refund_not_supported succeeded",
        ),
        (
            12800,
            "prepare approve refund:961 ask wait ask refund:961",
            "paid:12800 pending pending succeeded succeeded",
        ),
        (
            12800,
            "prepare approve refund:962 ask refund:962 refund2:12800",
            "paid:12800 failed:account_closed failed:account_closed failed:account_closed succeeded",
        ),
        (
            12800,
            "prepare approve refund:963 ask refund:963",
            "paid:12800 silence succeeded succeeded",
        ),
        (
            12800,
            "prepare approve refund:964 ask refund:964 ask",
            "paid:12800 silence unknown succeeded succeeded",
        ),
        (12800, "prepare approve refund:965 ask refund:965", "paid:12800 silence silence silence"),
    ] {
        check(amount, acts, expected).await;
    }
}

#[tokio::test]
async fn the_shopper_sees_what_came_and_what_went_back() {
    let scene = Scene::new(12800);
    for (word, agreed, refunded) in [
        ("prepare", false, 0),
        ("approve", true, 0),
        ("refund1:961", true, 0),
        ("refund2:500", true, 500),
        ("refund3:962", true, 500),
        ("wait", true, 1461),
    ] {
        scene.act(word).await;
        let shown = scene.wallet.payment(&scene.attempt).await.unwrap().unwrap();
        assert_eq!((shown.agreed, shown.refunded.minor()), (agreed, refunded), "{word}");
    }
}

#[tokio::test]
async fn a_code_ends_once_and_who_had_begun_may_finish() {
    for (amount, secs) in [(12800, CODE_SECS), (10917, CODE_SOON_SECS)] {
        let scene = Scene::new(amount);
        let end = Some(Timestamp::from_ms(START_MS).plus_secs(secs));
        assert_eq!(scene.prepare(MethodKind::Qr, true).await.expires_at, end);
        let over =
            async || scene.wallet.payment(&scene.attempt).await.unwrap().unwrap().code_is_over;
        scene.clock.fetch_add(secs * 1000 - 1, Ordering::Relaxed);
        assert!(!over().await, "{amount}");
        scene.clock.fetch_add(1, Ordering::Relaxed);
        assert!(over().await, "{amount}");
        assert_eq!(scene.prepare(MethodKind::Qr, true).await.expires_at, end, "asked again");
        assert_eq!(scene.act("approve").await, format!("paid:{amount}"));
        assert!(!over().await, "{amount}");
    }
    for (amount, kind, secs) in [
        (10917, MethodKind::Redirect, None),
        (10917, MethodKind::AlipayMini, Some(CODE_SOON_SECS)),
        (12800, MethodKind::WechatJsapi, Some(PREPAY_SECS)),
    ] {
        let end = secs.map(|secs| Timestamp::from_ms(START_MS).plus_secs(secs));
        assert_eq!(Scene::new(amount).prepare(kind, true).await.expires_at, end, "{kind:?}");
    }
}

#[tokio::test]
async fn a_file_is_read_again_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let open = || {
        let now = || Timestamp::from_ms(START_MS);
        let wallet = Sandbox::open(&path, "http://gw".to_owned(), now).unwrap();
        Scene { wallet, ..Scene::new(12800) }
    };
    let scene = open();
    scene.prepare(MethodKind::Qr, true).await;
    assert_eq!(scene.act("approve").await, "paid:12800");
    drop(scene);
    let scene = open();
    assert_eq!(scene.act("query").await, "paid:12800");
    assert_eq!(scene.act("refund:12800").await, "succeeded");
}
