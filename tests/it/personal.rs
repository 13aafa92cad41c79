//! Personal data is kept for what it is needed for and told to nobody else: values that can be recognised are
//! planted wherever a person's may stand, rightly and wrongly, and then looked for in all that comes out.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lezai_tests::page::Page;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, binary, eventually, random_hex};
use serde_json::{Value, json};

const EMAIL: &str = "zhang.wei.planted@example.com";
const PHONE: &str = "13912345678";
const CARD: &str = "4111111111111111";
const IP: &str = "198.51.100.77";
const AGENT: &str = "PlantedBrowser/7.7 (planted-serial-5551234)";
const DEVICE: &str = "planted-device-0badcafe";
const CUSTOMER: &str = "planted-customer-42";
const TOKEN: &str = "planted-token-in-a-query";
const ACCOUNT: &str = "6222020200998877665";
const HOLDER: &str = "Planted Zhang Wei";

/// All that must not come out. The beginning of a number is left by masking, so whole ones are looked for.
const PLANTED: [&str; 10] =
    [EMAIL, PHONE, CARD, IP, AGENT, DEVICE, CUSTOMER, TOKEN, ACCOUNT, HOLDER];

/// Fails if anything planted is in the text.
fn clean(what: &str, text: &str) {
    for planted in PLANTED {
        assert!(!text.contains(planted), "{what} tells {planted}: {text}");
    }
}

fn order(receiver: &str) -> Value {
    let mut order = Merchant::order(&random_hex());
    order["customer"] = json!({ "ref": CUSTOMER, "ip": IP, "country": "CN" });
    order["device"] = json!({ "id": DEVICE, "kind": "phone", "user_agent": AGENT });
    order["metadata"] = json!({ "contact": EMAIL, "phone": PHONE });
    order["description"] = json!(format!("Tea for {EMAIL}, {PHONE}"));
    order["return_url"] = json!(format!("https://shop.example/?t={TOKEN}"));
    order["notify_url"] = json!(receiver);
    order
}

#[test]
fn what_is_a_person_s_is_in_no_log_no_problem_and_no_line_of_listen() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let (mut listen, address, printed) = listen(&gateway);

    // A whole life of an order, which the merchant alone reads.
    let callbacks = format!("http://{address}/callbacks?t={TOKEN}");
    let created = merchant.create(&random_hex(), order(&callbacks).to_string()).unwrap();
    assert_eq!(created.status, 201, "{}", created.json());
    let created = created.json();
    let id = created["id"].as_str().unwrap();
    let page = Page::of(&gateway.authority, &created);
    let sessions = [page.claim(), page.pay("p"), page.view()];
    for mut session in sessions {
        // The description and the return address are in the shopper's own page and request.
        session["description"].take();
        session["return_url"].take();
        clean("the page's session", &session.to_string());
    }
    let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
    let refund = json!({
        "merchant_refund_id": "R-1", "amount": 100, "currency": "CNY", "reason": format!("{EMAIL} sent it back"),
    });
    let path = format!("/v1/orders/{id}/refunds");
    let refunded = merchant.send(&merchant.post(&path, &random_hex(), refund.to_string())).unwrap();
    assert_eq!(refunded.status, 201);
    pay_out(&gateway, &merchant);
    // Nobody takes callbacks here: why is logged, and the address not.
    let nowhere = order(&format!("http://127.0.0.1:1/?t={TOKEN}"));
    let lost = merchant.create(&random_hex(), nowhere.to_string()).unwrap().json();
    let pay = format!("/sandbox/orders/{}/pay", lost["id"].as_str().unwrap());
    assert_eq!(Request::new("POST", &pay, "").send(&gateway.authority).unwrap().status, 200);

    // Where they do not belong, the answer complains of them without saying them.
    for answer in misplaced(&gateway, &merchant, &callbacks) {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status >= 400, "{text}");
        clean("a problem", &text);
    }
    let metrics = Request::new("GET", "/metrics", "").send(&gateway.authority).unwrap();
    clean("a metric", &String::from_utf8_lossy(&metrics.body));

    wait("both callbacks", || {
        let printed = printed.lock().unwrap().join("\n");
        printed.contains("order.paid") && printed.contains("refund.succeeded")
    });
    clean("lezai listen", &printed.lock().unwrap().join("\n"));
    wait("the callback that nobody takes", || gateway.log().contains("callback not delivered"));
    let log = gateway.log();
    assert!(
        log.contains("answered") && log.contains(id),
        "the log says what happened, and to which order"
    );
    clean("the log", &log);
    let secret = created["checkout"]["client_secret"].as_str().unwrap().split('.').next().unwrap();
    assert!(!log.contains(secret), "the log has a client secret");
    let _ = listen.kill();
    let _ = listen.wait();
}

/// A payout to a person's account, for whom its description is meant, once something is settled.
fn pay_out(gateway: &Gateway, merchant: &Merchant) {
    let clock = Request::new("POST", "/sandbox/clock", r#"{"advance_secs":86401}"#)
        .with("content-type", "application/json");
    assert_eq!(clock.send(&gateway.authority).unwrap().status, 200);
    let body = json!({
        "merchant_payout_id": "P-1", "amount": 100, "currency": "CNY", "description": format!("For {HOLDER}"),
        "destination": { "kind": "bank_account", "account": ACCOUNT, "holder": HOLDER },
    });
    eventually(|| {
        let request = merchant.post("/v1/payouts", &random_hex(), body.to_string());
        let answer = merchant.send(&request).unwrap();
        if answer.status == 201 { Ok(()) } else { Err(answer.json().to_string()) }
    });
    let mut wrong = body.clone();
    wrong["merchant_payout_id"] = json!("P-2");
    wrong["destination"]["kind"] = json!(ACCOUNT);
    wrong["destination"]["account"] = json!(format!("{ACCOUNT}\u{7}"));
    for wrong in [wrong, body] {
        let request = merchant.post("/v1/payouts", &random_hex(), wrong.to_string());
        let answer = merchant.send(&request).unwrap();
        assert!(answer.status >= 400);
        clean("a problem of a payout", &answer.json().to_string());
    }
}

/// Requests that are wrong, each with something planted where it does not belong.
fn misplaced(gateway: &Gateway, merchant: &Merchant, callbacks: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut orders = Vec::new();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut order = order(callbacks);
        change(&mut order);
        order.to_string()
    };
    for planted in PLANTED {
        for member in [
            "amount",
            "currency",
            "methods",
            "scene",
            "expires_in",
            "capture",
            "notify_url",
            "return_url",
        ] {
            orders.push(with(&|order| order[member] = json!(planted)));
        }
        orders.push(with(&|order| order["customer"]["country"] = json!(planted)));
        orders.push(with(&|order| order["customer"]["ip"] = json!(format!("{planted} "))));
        orders.push(with(&|order| order["device"]["kind"] = json!(planted)));
        orders.push(with(&|order| order["merchant_order_id"] = json!(format!("{planted} #"))));
        orders.push(with(&|order| order["description"] = json!(format!("{planted}\u{7}"))));
        orders.push(with(&|order| order["metadata"]["k"] = json!({ "v": planted })));
    }
    // As the name of a member, an address or a number is masked; other names are the merchant's words.
    for planted in [EMAIL, PHONE, CARD] {
        orders.push(with(&|order| order[planted] = json!(1)));
        orders.push(with(&|order| order["metadata"][planted] = json!(1)));
        orders.push(format!(r#"{{"{planted}":1,"{planted}":2}}"#));
        orders.push(format!(r#"{{"amount":1,"x":{planted:?} {planted:?}}}"#));
        answers.push(merchant.get(&format!("/v1/orders/{planted}")));
        answers.push(merchant.get(&format!("/v1/orders?status={planted}")));
        answers.push(
            Request::new("GET", &format!("/{planted}"), "").send(&gateway.authority).unwrap(),
        );
        let wallet = Request::new("GET", &format!("/sandbox/wallet/{planted}"), "");
        answers.push(wallet.send(&gateway.authority).unwrap());
    }
    answers.extend(orders.into_iter().map(|order| merchant.create(&random_hex(), order).unwrap()));
    answers
}

/// `lezai listen --json`, where callbacks go, and what it printed.
fn listen(gateway: &Gateway) -> (std::process::Child, String, Arc<Mutex<Vec<String>>>) {
    let mut child = Command::new(binary())
        .args(["listen", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&gateway.data)
        .args(["--gateway", &format!("http://{}", gateway.authority)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    for stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
        let lines = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
    }
    let address = || {
        let lines = lines.lock().unwrap();
        let line = lines.iter().find(|it| it.contains("callbacks to http://"))?;
        Some(line.split("http://").nth(1)?.split('/').next()?.to_owned())
    };
    wait("lezai listen", || address().is_some());
    let address = address().unwrap();
    (child, address, lines)
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
