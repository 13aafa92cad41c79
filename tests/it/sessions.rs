//! Access to a checkout session: looking claims nothing, the first choice of a method does, nobody
//! takes over what is being paid, and what is lost can be given again.

use std::time::{Duration, Instant};

use lezai_core::claim::{MAX_CLAIMS, MAX_SESSIONS};
use lezai_core::grant::Unverified;
use lezai_tests::page::Page;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, at_once, lezai, random_hex};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(60);
/// As in host/channels/src/sandbox/magic.rs.
const CODE_SECS: i64 = 120;

struct Scene {
    gateway: Gateway,
    merchant: Merchant,
    _folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        let merchant = Merchant::demo(&gateway);
        Self { gateway, merchant, _folder: folder }
    }

    fn order(&self) -> Value {
        self.merchant
            .create(&random_hex(), Merchant::order(&random_hex()).to_string())
            .unwrap()
            .json()
    }

    fn page(&self, order: &Value, nth: u8) -> Page<'_> {
        Page::nth(&self.gateway.authority, order, nth)
    }

    fn renew(&self, order: &Value, key: &str) -> Answer {
        let target = format!("/v1/orders/{}/session", order["id"].as_str().unwrap());
        self.merchant.send(&self.merchant.post(&target, key, "{}")).unwrap()
    }

    fn read(&self, order: &Value) -> Value {
        self.merchant.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).json()
    }

    /// A shopper's act in the sandbox: `pay` or `decline`.
    fn shopper(&self, order: &Value, act: &str) {
        let target = format!("/sandbox/orders/{}/{act}", order["id"].as_str().unwrap());
        let answer = Request::new("POST", &target, "").send(&self.gateway.authority).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    fn advance(&self, secs: i64) {
        let body = json!({ "advance_secs": secs }).to_string();
        let request = Request::new("POST", "/sandbox/clock", body);
        let request = request.with("content-type", "application/json");
        assert_eq!(request.send(&self.gateway.authority).unwrap().status, 200);
    }

    /// Nothing went wrong within, and the books are right.
    fn end(&self) {
        let data = self.gateway.data.display().to_string();
        let check = lezai(&["ledger", "check", "--data", &data]);
        assert!(check.status.success(), "{check:?}");
        assert!(!self.gateway.log().contains("internal failure"), "{}", self.gateway.log());
    }
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.code(), code, "{}", answer.json());
}

type Work<'a> = Box<dyn Fn() -> Answer + Sync + Send + 'a>;

#[test]
fn to_look_claims_nothing_and_the_first_choice_does() {
    let scene = Scene::new();
    let order = scene.order();
    let (scanner, shopper) = (scene.page(&order, 0), scene.page(&order, 1));
    for page in [&scanner, &shopper, &scanner] {
        let seen = page.opens();
        assert_eq!(seen.status, 200, "{}", seen.json());
        let seen = seen.json();
        assert_eq!((&seen["status"], &seen["claimed"]), (&json!("created"), &json!(false)));
        // The grant is for this page's own key.
        Unverified::parse(seen["grant"].as_str().unwrap()).unwrap();
    }
    // A page that has not claimed it has no session to look at otherwise, and cannot pay.
    refused(&shopper.call("GET", "", "", ""), "session_unclaimed");
    refused(&shopper.call("GET", "/events", "", ""), "session_unclaimed");
    refused(&shopper.call("POST", "/pay", r#"{"method":"wallet_qr"}"#, "k"), "session_unclaimed");
    let forged = json!({ "method": "wallet_qr", "claim": { "client_secret": "x", "key": shopper.proof()["key"] } });
    refused(&shopper.call("POST", "/pay", &forged.to_string(), "k"), "client_secret_invalid");
    assert_eq!(scene.read(&order)["status"], "created");

    let first = shopper.pays_first("k");
    assert_eq!(first.status, 200, "{}", first.json());
    assert_eq!(first.json()["claimed"], true);
    assert!(first.json()["payment"]["qr"].is_string());
    // Sent again it is the same payment, byte for byte; with its claim or without, the session is its.
    assert_eq!(shopper.pays_first("k").body, first.body);
    assert_eq!(shopper.view()["payment"], first.json()["payment"]);
    assert_eq!(shopper.pay("other")["payment"], first.json()["payment"]);
    assert_eq!(shopper.opens().json()["claimed"], true);
    // Nobody else sees what they pay by, nor takes it over.
    for answer in [scanner.opens(), scanner.claims(), scanner.pays_first("s")] {
        refused(&answer, "session_taken");
    }
    refused(&scanner.call("GET", "", "", ""), "key_unknown");

    // How it ended, whoever knows the secret may see.
    scene.shopper(&order, "pay");
    let seen = scanner.opens().json();
    assert_eq!((&seen["status"], &seen["claimed"]), (&json!("paid"), &json!(false)));
    refused(&scanner.claims(), "session_taken");
    refused(&scanner.pays_first("t"), "session_taken");
    scene.end();
}

#[test]
fn of_many_that_claim_at_once_one_has_the_session() {
    let scene = Scene::new();
    for _ in 0..10 {
        let order = scene.order();
        let pages: Vec<_> = (0..6).map(|n| scene.page(&order, n)).collect();
        let works: Vec<Work<'_>> = pages
            .iter()
            .map(|page| -> Work<'_> { Box::new(move || page.pays_first("same")) })
            .collect();
        let answers = at_once(&works);
        let won: Vec<_> = answers.iter().filter(|it| it.status == 200).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        for answer in answers.iter().filter(|it| it.status != 200) {
            let code = answer.code();
            // They chose one idempotency key, which is worked on, or was used for the one that won.
            let told = ["session_taken", "request_in_progress", "idempotency_key_reused"];
            assert!(told.contains(&code.as_str()), "{}", answer.json());
        }
        let paying = scene.read(&order);
        let attempt = paying["payment"]["attempt"].as_str().unwrap();
        assert!(won[0].json()["payment"]["qr"].as_str().unwrap().contains(attempt));
    }
    scene.end();
}

#[test]
fn what_is_lost_is_claimed_anew_while_nobody_pays() {
    let scene = Scene::new();
    let order = scene.order();
    let page = |n| scene.page(&order, n);
    // A reload in a browser that keeps nothing: another key each time.
    assert_eq!(page(0).claims().status, 200);
    assert_eq!(page(1).claims().status, 200);
    refused(&page(0).call("GET", "", "", ""), "key_unknown");
    // The one that lost it may come back, too: by its secret, as anybody.
    assert_eq!(page(0).opens().json()["claimed"], false);

    let paying = page(2).pays_first("a");
    assert_eq!(paying.status, 200, "{}", paying.json());
    refused(&page(3).pays_first("b"), "session_taken");
    // The wallet said no: nobody pays.
    scene.shopper(&order, "decline");
    assert_eq!(page(3).opens().json()["declined"]["code"], "shopper_declined");
    assert_eq!(page(3).pays_first("b").status, 200);
    // The code's time is over: no payment can be begun by it.
    refused(&page(4).pays_first("c"), "session_taken");
    scene.advance(CODE_SECS);
    let renewed = page(4).pays_first("c");
    assert_eq!(renewed.status, 200, "{}", renewed.json());
    // A request signed by a page that had it is no way back.
    refused(&page(3).call("POST", "/pay", r#"{"method":"wallet_qr"}"#, "d"), "key_unknown");
    scene.shopper(&order, "decline");

    // There is an end to it, and each claim is written down.
    let claims = u8::try_from(MAX_CLAIMS).unwrap();
    for n in 5..claims {
        assert_eq!(page(n).claims().status, 200, "{n}");
    }
    refused(&page(claims).claims(), "session_taken");
    assert_eq!(page(claims - 1).claims().status, 200, "it has it");
    let store = rusqlite::Connection::open(scene.gateway.data.join("lezai.db")).unwrap();
    let former = "SELECT count(*) FROM former_claims WHERE session = ?1 AND ended_ms >= claim_ms";
    let session = order["checkout"]["session"].as_str().unwrap();
    let kept: u32 = store.query_row(former, [session], |row| row.get(0)).unwrap();
    assert_eq!(kept, MAX_CLAIMS - 1);
    assert!(scene.gateway.log().contains("session claimed anew"));
    scene.end();
}

#[test]
fn a_session_is_renewed_by_its_merchant_alone_and_once_for_a_key() {
    let scene = Scene::new();
    let order = scene.order();
    let before = scene.page(&order, 0);
    assert_eq!(before.pays_first("k").status, 200);

    let answer = scene.renew(&order, "renew");
    assert_eq!(answer.status, 201, "{}", answer.json());
    let renewed = answer.json();
    let (old, new) = (&order["checkout"], &renewed["checkout"]);
    assert_ne!(new["session"], old["session"]);
    assert_ne!(new["client_secret"], old["client_secret"]);
    assert!(new["url"].as_str().unwrap().contains(new["session"].as_str().unwrap()));
    // A repeat gets the same, and makes nothing.
    assert_eq!(scene.renew(&order, "renew").body, answer.body);
    let read = scene.read(&order);
    assert_eq!(read["checkout"]["session"], new["session"]);
    assert!(read["checkout"]["client_secret"].is_null());

    // The page before is told so, whatever it asks; also what it had asked already.
    for answer in [
        before.call("GET", "", "", ""),
        before.call("GET", "/events", "", ""),
        before.opens(),
        before.claims(),
        before.call("POST", "/pay", r#"{"method":"wallet_qr"}"#, "more"),
        before.pays_first("even-more"),
    ] {
        refused(&answer, "session_replaced");
    }
    // The new one goes on with what is under way, and what was begun before counts once.
    let after = scene.page(&renewed, 1);
    let seen = after.opens().json();
    assert_eq!((&seen["status"], &seen["claimed"]), (&json!("paying"), &json!(false)));
    let paying = after.pays_first("k").json();
    assert_eq!(paying["payment"], seen["payment"]);
    scene.shopper(&order, "pay");
    assert_eq!(after.view()["status"], "paid");
    assert_eq!(scene.read(&order)["captured_amount"], 12800);
    refused(&scene.renew(&order, "late"), "order_state");

    // Not another's, not one that is closed or over, and not without end.
    let target = format!("/v1/orders/ord_{}/session", "0".repeat(32));
    let stranger = scene.merchant.post(&target, &random_hex(), "");
    refused(&scene.merchant.send(&stranger).unwrap(), "order_not_found");
    let many = scene.order();
    for n in 1..MAX_SESSIONS {
        assert_eq!(scene.renew(&many, &random_hex()).status, 201, "{n}");
    }
    refused(&scene.renew(&many, &random_hex()), "too_many_sessions");
    let over = scene.order();
    scene.advance(901);
    let answer = scene.renew(&over, &random_hex());
    assert!(["order_expired", "order_state"].contains(&answer.code().as_str()), "{answer:?}");
    scene.end();
}

#[test]
fn a_renewal_during_payment_leaves_one_payment() {
    let scene = Scene::new();
    for _ in 0..10 {
        let order = scene.order();
        let page = scene.page(&order, 0);
        let (pay, renew) = (random_hex(), random_hex());
        let works: [Work<'_>; 2] =
            [Box::new(|| page.pays_first(&pay)), Box::new(|| scene.renew(&order, &renew))];
        let answers = at_once(&works);
        let [paid, renewed] = &answers[..] else { panic!() };
        assert_eq!(renewed.status, 201, "{}", renewed.json());
        // They have their code, or were told; and then their page is told.
        if paid.status != 200 {
            refused(paid, "session_replaced");
        }
        refused(&page.opens(), "session_replaced");
        let next = scene.page(&renewed.json(), 1);
        assert_eq!(next.pays_first(&random_hex()).status, 200);
        scene.shopper(&order, "pay");
        let begun = Instant::now();
        while next.view()["status"] != "paid" {
            assert!(begun.elapsed() < TIMEOUT, "{}", scene.gateway.log());
        }
        assert_eq!(scene.read(&order)["captured_amount"], 12800);
    }
    scene.end();
}

#[test]
fn a_replay_of_what_was_overheard_does_nothing() {
    let scene = Scene::new();
    let order = scene.order();
    let page = scene.page(&order, 0);
    for (what, body, status) in [
        ("/open", page.proof(), 200),
        ("/pay", json!({ "method": "wallet_qr", "claim": page.proof() }), 200),
        ("/claim", page.proof(), 200),
    ] {
        let request = page.request("POST", what, &body.to_string(), &random_hex());
        let send = || request.send(&scene.gateway.authority).unwrap();
        assert_eq!(send().status, status, "{what}");
        assert_eq!(send().code(), "nonce_reused", "{what}");
    }
    scene.end();
}

#[test]
fn the_order_s_time_is_told_beside_the_wall_s() {
    let scene = Scene::new();
    let order = scene.order();
    let page = scene.page(&order, 0);
    scene.advance(86_400);
    let order = scene.order();
    let page_of_today = scene.page(&order, 1);
    let at = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let seen = page_of_today.opens().json();
    assert!((0..=900).contains(&(at(&seen["expires_at"]) - at(&seen["now"]))), "{seen}");
    assert!(at(&seen["now"]) - at(&seen["server_time"]) >= 86_399, "{seen}");
    let over = page.opens();
    assert!(over.status == 200 || over.code() == "session_expired", "{}", over.json());
    scene.end();
}

#[test]
fn no_answer_to_a_page_may_be_kept() {
    let scene = Scene::new();
    let order = scene.order();
    let page = scene.page(&order, 0);
    for answer in [
        page.opens(),
        page.claims(),
        page.call("GET", "", "", ""),
        page.call("POST", "/pay", "{}", "k"),
    ] {
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("vary"), Some("*"), "a service worker may not keep it");
    }
}
