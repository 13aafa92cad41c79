//! An order paid through WeChat Pay, Alipay and UnionPay, simulated: the gateway as it is, its adapters, the providers
//! over a network, their callbacks and their silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lezai_channel_simulators::fault::{Fault, What};
use lezai_channel_simulators::{Simulators, keys};
use lezai_core::funds::date::Date;
use lezai_tests::page::Page;
use lezai_tests::{Gateway, Merchant, Request, TempDir, eventually, random_hex};
use serde_json::{Value, json};

/// The providers, a gateway with its channels, and its demo merchant.
struct Scene {
    simulators: Arc<Simulators>,
    // They run on it.
    runtime: tokio::runtime::Runtime,
    merchant: Merchant,
    gateway: Gateway,
    _folder: TempDir,
}

const PROVIDERS: [(&str, &str); 3] =
    [("wechat", "wechat_native"), ("alipay", "alipay_qr"), ("unionpay", "unionpay_qr")];

impl Scene {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let simulators = Arc::new(Simulators::new());
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            simulators.serve(listener).unwrap()
        });
        let folder = TempDir::new();
        let config = folder.path().join("lezai.toml");
        for (name, content) in keys::FILES {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let serial = keys::MERCHANT_SERIAL;
        let text = format!(
            r#"
            [channels.wechat]
            merchant = "1900000001"
            app_id = "wx8888888888888888"
            certificate_serial = "{serial}"
            private_key_file = "wechat_merchant.pem"
            api_v3_key_file = "wechat_api_v3_key"
            download_certificates = true
            base_url = "http://{address}"
            costs = [{{ currency = "CNY", rate_ppm = 6000, min = 100 }}]
            [channels.alipay]
            app_id = "2014072300007148"
            seller_id = "2088531891668739"
            private_key_file = "alipay_app.pem"
            alipay_public_key_file = "alipay_platform.pub"
            gateway_url = "http://{address}/gateway.do"
            [channels.unionpay]
            merchant = "777290058110048"
            private_key_file = "unionpay_merchant.pem"
            certificate_file = "unionpay_merchant.crt"
            middle_certificate_files = ["unionpay_middle.crt"]
            root_certificate_file = "unionpay_root.crt"
            base_url = "http://{address}"
            file_url = "http://{address}/file"
            "#
        );
        std::fs::write(&config, text).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let gateway = Gateway::start_with(&data, &["--channels", config.to_str().unwrap()]);
        let scene = Self {
            simulators,
            runtime,
            merchant: Merchant::demo(&gateway),
            gateway,
            _folder: folder,
        };
        scene.route();
        scene
    }

    /// Sends orders to all of them, and to the sandbox.
    fn route(&self) {
        let token = std::fs::read_to_string(self.gateway.data.join("admin-token")).unwrap();
        let call = |method: &str, body: Vec<u8>| {
            let target = "/admin/v1/merchants/m_demo/policy";
            let request = Request::new(method, target, body)
                .with("content-type", "application/json")
                .with("authorization", &format!("Bearer {}", token.trim()));
            request.send(&self.gateway.authority).unwrap()
        };
        let mut policy = call("GET", Vec::new()).json();
        let channels = ["sandbox", "wechat", "alipay", "unionpay"];
        policy["routes"] = channels.iter().map(|channel| json!({ "channel": channel })).collect();
        let answer = call("PUT", policy.to_string().into_bytes());
        assert_eq!(answer.status, 204, "{}", answer.json());
    }

    fn order(&self, methods: &[&str]) -> Value {
        let mut order = Merchant::order(&random_hex());
        order["methods"] = json!(methods);
        let answer = self.merchant.create(&random_hex(), order.to_string()).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()
    }

    fn find(&self, order: &Value) -> Value {
        self.merchant.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).json()
    }

    /// Looks again until the order is as it is to be. The bound is for a test that hangs.
    fn eventually(&self, order: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let now = self.find(order);
            if is(&now) {
                return now;
            }
            assert!(begun.elapsed() < Duration::from_secs(300), "not {what}: {now}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The shopper chooses a method; what the page gets, and the provider's number.
    fn choose(&self, order: &Value, method: &str) -> (Value, String) {
        let page = Page::of(&self.gateway.authority, order);
        page.claim();
        let shown = page.choose(&json!({ "method": method }).to_string(), &random_hex());
        let attempt = self.attempt(order);
        (shown, attempt)
    }

    fn attempt(&self, order: &Value) -> String {
        let shown = self.find(order);
        let id = shown.to_string();
        let at = id.rfind("att_").unwrap_or_else(|| panic!("{id}"));
        id[at + 4..at + 36].to_owned()
    }

    fn pay(&self, provider: &str, number: &str) {
        let _inside = self.runtime.enter();
        match provider {
            "wechat" => self.simulators.wechat.pay(&self.simulators, number),
            "unionpay" => self.simulators.unionpay.pay(&self.simulators, number),
            _ => self.simulators.alipay.pay(&self.simulators, number),
        }
        .unwrap();
    }

    fn fault(&self, provider: &str, call: &str, what: What) {
        let (provider, call) = (provider.to_owned(), call.to_owned());
        self.simulators.faults.add(Fault { provider, call, what, times: 1 });
    }

    fn advance(&self, seconds: i64) {
        let body = json!({ "advance_secs": seconds }).to_string();
        let request =
            Request::new("POST", "/sandbox/clock", body).with("content-type", "application/json");
        let answer = request.send(&self.gateway.authority).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    fn refund(&self, order: &Value, amount: i64) -> Value {
        let target = format!("/v1/orders/{}/refunds", order["id"].as_str().unwrap());
        let number = random_hex();
        let body = json!({ "merchant_refund_id": number, "amount": amount, "currency": "CNY" })
            .to_string();
        let answer = self.merchant.send(&self.merchant.post(&target, &random_hex(), body)).unwrap();
        assert!(answer.status < 300, "{}", answer.json());
        answer.json()
    }
}

fn is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |order| order["status"] == status
}

#[test]
fn an_order_is_paid_and_refunded_through_each_provider() {
    let scene = Scene::new();
    for (provider, method) in PROVIDERS {
        let order = scene.order(&[method]);
        let (shown, number) = scene.choose(&order, method);
        let qr = shown.to_string();
        let codes = ["weixin://wxpay/", "https://qr.alipay.com/", "https://qr.95516.com/"];
        assert!(codes.iter().any(|code| qr.contains(code)), "{qr}");
        scene.pay(provider, &number);
        // By the callback: nobody asks for twenty seconds yet.
        let paid = scene.eventually(&order, "paid", is("paid"));
        assert_eq!(paid["payment"]["channel"], provider, "{paid}");
        scene.refund(&order, 1_000);
        scene.eventually(&order, "refunded", |order| order["refunded_amount"] == 1_000);
    }
}

#[test]
fn the_operator_alone_reads_why_a_payment_went_to_its_channel() {
    let scene = Scene::new();
    let order = scene.order(&["wechat_native"]);
    let (shown, _) = scene.choose(&order, "wechat_native");
    let id = order["id"].as_str().unwrap();
    let found = scene.operator(&format!("/admin/v1/orders/{id}"));
    let attempt = &found["attempts"][0];
    assert_eq!(
        (&found["merchant"], &attempt["method"]),
        (&json!("m_demo"), &json!("wechat_native"))
    );
    assert_eq!(attempt["id"], found["order"]["payment"]["attempt"], "{found}");
    assert_eq!(
        attempt["routed"],
        json!({ "by": "policy", "candidates": [
            { "channel": "wechat", "reason": "only", "cost": 100, "requests": 0, "answered": 0 },
        ] })
    );
    for told in [shown, scene.find(&order)] {
        assert!(!told.to_string().contains("routed"), "{told}");
    }
    let (data, gateway) =
        (scene.gateway.data.display().to_string(), format!("http://{}", scene.gateway.authority));
    let show = ["order", "show", id, "--gateway", &gateway, "--data-dir", &data];
    let output = lezai_tests::lezai(&show);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("wechat_native at wechat, by policy\n    wechat: only, costs 100"),
        "{text}"
    );
    // Nobody reads it without the token.
    let target = format!("/admin/v1/orders/{id}");
    let refused = Request::new("GET", &target, "").send(&scene.gateway.authority).unwrap();
    assert_eq!(refused.json()["code"], "token_invalid");
}

impl Scene {
    /// Today, where the providers' days begin.
    fn day() -> Date {
        let day = (lezai_tests::now_ms() / 1000 + 8 * 3600).div_euclid(86_400);
        Date::parse("1970-01-01").unwrap().plus_days(i32::try_from(day).unwrap())
    }

    fn paid_and_refunded(&self, provider: &str, method: &str) {
        let order = self.order(&[method]);
        let (_, number) = self.choose(&order, method);
        self.pay(provider, &number);
        self.eventually(&order, "paid", is("paid"));
        self.refund(&order, 1_000);
        self.eventually(&order, "refunded", |order| order["refunded_amount"] == 1_000);
    }

    fn operator(&self, target: &str) -> Value {
        let token = std::fs::read_to_string(self.gateway.data.join("admin-token")).unwrap();
        Request::new("GET", target, "")
            .with("authorization", &format!("Bearer {}", token.trim()))
            .send(&self.gateway.authority)
            .unwrap()
            .json()
    }

    /// The run of a provider's day, once there is one.
    fn reconciled(&self, provider: &str, day: Date) -> Value {
        eventually(|| {
            let runs = self.operator("/admin/v1/reconciliations?limit=100");
            let mut all = runs["data"].as_array().unwrap().iter();
            let found = all.find(|it| it["channel"] == provider && it["date"] == day.to_string());
            found.cloned().ok_or_else(|| format!("{runs}\n{}", self.gateway.log()))
        })
    }
}

#[test]
fn the_days_bill_of_each_provider_is_fetched_and_agrees_with_the_books() {
    let scene = Scene::new();
    let day = Scene::day();
    // UnionPay has no bill of funds: its day is below.
    let providers = PROVIDERS.into_iter().filter(|(provider, _)| *provider != "unionpay");
    for (provider, method) in providers.clone() {
        scene.paid_and_refunded(provider, method);
    }
    scene.advance(36 * 3600);
    for (provider, _) in providers {
        let run = scene.reconciled(provider, day);
        assert_eq!(run["status"], "balanced", "{run}");
        let layout = format!("{provider}-trade");
        assert_eq!(run["summary"]["theirs"][0]["layout"], layout.as_str(), "{run}");
        let counted = ["lines", "movements"].map(|name| run["summary"][name].as_u64());
        assert_eq!(counted, [Some(2), Some(2)]);
        // The bill of funds has the fees apart: 128.00 with 0.77, and 10.00 that goes back with 0.06.
        let funds = &run["summary"]["funds"];
        assert_eq!(funds["theirs"][0]["layout"], format!("{provider}-fund").as_str(), "{run}");
        let sums = ["sum_theirs", "sum_ours"].map(|name| funds[name]["CNY"].as_i64());
        assert_eq!(sums, [Some(12_800 - 77 - 1_000 + 6); 2], "{run}");
        let counted = ["lines", "movements", "open"].map(|name| funds[name].as_u64());
        assert_eq!(counted, [Some(4), Some(4), Some(0)]);
        assert_eq!(run["funds"]["edition"], 1);
    }
}

#[test]
fn a_bill_that_is_not_there_or_not_right_is_asked_for_again() {
    let scene = Scene::new();
    let day = Scene::day();
    scene.paid_and_refunded("alipay", "alipay_qr");
    let faults = [
        ("bill", What::NotYet),
        ("bill", What::Busy),
        ("bill_file", What::CutBefore),
        ("bill_file", What::Garbage),
        ("bill_file", What::Truncated),
        ("bill_file", What::TruncatedInside),
        ("bill_file", What::WrongDay),
    ];
    for (call, what) in faults {
        scene.fault("alipay", call, what);
    }
    // To twenty past ten of the next day: only this day is over, whenever the test begins.
    let local = lezai_tests::now_ms() / 1000 + 8 * 3600;
    scene.advance(86_400 - local.rem_euclid(86_400) + 10 * 3600 + 1_200);
    let log = || scene.gateway.log().matches("a day is not reconciled yet").count();
    // Two bills are asked for at a time, and each takes the next fault of its call.
    for number in 1..=4 {
        eventually(|| match log() {
            count if count >= number => Ok(()),
            count => Err(format!("{count} of {number}: {}", scene.gateway.log())),
        });
        // A bill was refused: it is asked for again after half an hour.
        scene.advance(1_900);
    }
    let run = scene.reconciled("alipay", day);
    assert_eq!(run["status"], "balanced", "{run}");
    assert!(scene.simulators.faults.is_empty());
    let bills = scene.operator("/admin/v1/bills");
    let fetched: Vec<_> = bills["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["channel"] == "alipay" && it["date"] == day.to_string())
        .map(|it| (it["kind"].as_str(), it["edition"].as_u64(), it["rows"].as_u64()))
        .collect();
    assert_eq!(
        fetched,
        [(Some("trades"), Some(1), Some(2)), (Some("funds"), Some(1), Some(4))],
        "{bills}"
    );
}

#[test]
fn a_payment_whose_callback_is_lost_is_asked_for() {
    let scene = Scene::new();
    for (provider, method) in PROVIDERS {
        let order = scene.order(&[method]);
        let (_, number) = scene.choose(&order, method);
        scene.fault(provider, "callback", What::Lost);
        scene.pay(provider, &number);
        scene.advance(30);
        scene.eventually(&order, "paid", is("paid"));
    }
}

#[test]
fn a_callback_that_lies_changes_nothing() {
    let scene = Scene::new();
    for (provider, method) in PROVIDERS {
        let order = scene.order(&[method]);
        let (_, number) = scene.choose(&order, method);
        // Another amount in the callback: the provider is asked, and tells the right one.
        scene.fault(provider, "callback", What::Lie);
        scene.pay(provider, &number);
        let paid = scene.eventually(&order, "paid", is("paid"));
        assert_eq!(paid["amount"], 12800);
        // Nobody's callback at all.
        let target = format!("/channels/{provider}/notify");
        for body in ["", "{}", "out_trade_no=1&sign=AAAA", "\u{0}"] {
            let request =
                Request::new("POST", &target, body).with("content-type", "application/json");
            let answer = request.send(&scene.gateway.authority).unwrap();
            assert_eq!(answer.status, 401, "{provider} {body:?}");
        }
    }
    for target in ["/channels/sandbox/notify", "/channels/paypal/notify"] {
        let answer = Request::new("POST", target, "{}").send(&scene.gateway.authority).unwrap();
        assert_eq!(answer.status, 404, "{target}");
    }
    let long = "x".repeat((64 << 10) + 1);
    let answer =
        Request::new("POST", "/channels/alipay/notify", long).send(&scene.gateway.authority);
    assert_eq!(answer.unwrap().status, 413);
}

#[test]
fn a_refused_method_leaves_the_others() {
    let scene = Scene::new();
    for (provider, method) in PROVIDERS {
        let order = scene.order(&[method, "wallet_qr"]);
        scene.fault(provider, "prepay", What::Refused);
        let page = Page::of(&scene.gateway.authority, &order);
        page.claim();
        let choose = json!({ "method": method }).to_string();
        let answer = page.call("POST", "/pay", &choose, &random_hex());
        assert_eq!(answer.status, 422, "{}", answer.json());
        assert_eq!(answer.json()["code"], "method_unavailable");
        page.choose(r#"{"method":"wallet_qr"}"#, &random_hex());
    }
}

#[test]
fn a_prepare_without_an_answer_is_repeated_with_its_number() {
    let scene = Scene::new();
    for (provider, method) in PROVIDERS {
        let order = scene.order(&[method]);
        scene.fault(provider, "prepay", What::CutAfter);
        let page = Page::of(&scene.gateway.authority, &order);
        page.claim();
        let (choose, key) = (json!({ "method": method }).to_string(), random_hex());
        let answer = page.call("POST", "/pay", &choose, &key);
        assert_eq!(answer.json()["code"], "channel_unavailable", "{}", answer.json());
        if provider == "unionpay" {
            // The text of its code is told once, and was lost: the shopper chooses again.
            let answer = page.call("POST", "/pay", &choose, &key);
            assert_eq!(answer.json()["code"], "method_unavailable", "{}", answer.json());
            page.choose(&choose, &random_hex());
        } else {
            page.choose(&choose, &key);
        }
        scene.pay(provider, &scene.attempt(&order));
        scene.eventually(&order, "paid", is("paid"));
    }
    let books = scene.simulators.wechat.books();
    assert_eq!(books["orders"].as_object().unwrap().len(), 1);
    let books = scene.simulators.alipay.books();
    assert_eq!(books["trades"].as_object().unwrap().len(), 1);
}

#[test]
fn money_that_comes_too_late_goes_back() {
    let scene = Scene::new();
    // A QR code of Alipay's that nobody scanned cannot be called off.
    let order = scene.order(&["alipay_qr"]);
    let (_, number) = scene.choose(&order, "alipay_qr");
    let target = format!("/v1/orders/{}/close", order["id"].as_str().unwrap());
    let answer = scene.merchant.send(&scene.merchant.post(&target, &random_hex(), "{}")).unwrap();
    assert!(answer.status < 300, "{}", answer.json());
    scene.pay("alipay", &number);
    let begun = Instant::now();
    while scene.simulators.alipay.books()["trades"][&number]["status"] != "TRADE_CLOSED" {
        assert!(begun.elapsed() < Duration::from_secs(300), "{}", scene.simulators.alipay.books());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(scene.find(&order)["status"], "closed");
}

#[test]
fn what_unionpay_takes_too_late_is_voided() {
    let scene = Scene::new();
    let order = scene.order(&["unionpay_qr"]);
    let (_, number) = scene.choose(&order, "unionpay_qr");
    let target = format!("/v1/orders/{}/close", order["id"].as_str().unwrap());
    let answer = scene.merchant.send(&scene.merchant.post(&target, &random_hex(), "{}")).unwrap();
    assert!(answer.status < 300, "{}", answer.json());
    // The void's answer is lost, and it is asked for: there is one.
    scene.fault("unionpay", "refund", What::CutAfter);
    scene.pay("unionpay", &number);
    let books = eventually(|| {
        let books = scene.simulators.unionpay.books();
        let backs = books["refunds"].as_object().unwrap().len();
        if backs == 1 { Ok(books) } else { Err(books.to_string()) }
    });
    let void = books["refunds"].as_object().unwrap().values().next().unwrap();
    assert_eq!(void["payment"], number.as_str());
    assert_eq!(scene.find(&order)["status"], "closed");
}

#[test]
fn unionpays_file_of_a_clearing_day_agrees_with_the_books() {
    let scene = Scene::new();
    // UnionPay's days begin at 23:00 in Beijing: at midnight, nine hours east of Greenwich.
    let day = (lezai_tests::now_ms() / 1000 + 9 * 3600).div_euclid(86_400);
    let day = Date::parse("1970-01-01").unwrap().plus_days(i32::try_from(day).unwrap());
    scene.paid_and_refunded("unionpay", "unionpay_qr");
    scene.advance(36 * 3600);
    let run = scene.reconciled("unionpay", day);
    assert_eq!(run["status"], "balanced", "{run}");
    assert_eq!(run["summary"]["theirs"][0]["layout"], "unionpay-trade", "{run}");
    let counted = ["lines", "movements"].map(|name| run["summary"][name].as_u64());
    assert_eq!(counted, [Some(2), Some(2)], "{run}");
}

/// The address, names and values of the one form of a page.
fn form_of(page: &str) -> (String, Vec<(String, String)>) {
    let plain = |text: &str| text.replace("&quot;", "\"").replace("&amp;", "&");
    let after = |text: &str, mark: &str| {
        let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}"));
        plain(rest.split_once('"').unwrap().0)
    };
    let inputs = page.split("<input ").skip(1);
    let fields = inputs.map(|it| (after(it, "name=\""), after(it, "value=\"")));
    (after(page, "action=\""), fields.collect())
}

/// A form, as a browser posts it.
fn post(url: &str, body: Vec<u8>) -> lezai_tests::Answer {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    Request::new("POST", &format!("/{path}"), body)
        .with("content-type", "application/x-www-form-urlencoded")
        .send(authority)
        .unwrap()
}

fn encoded(fields: &[(String, String)]) -> Vec<u8> {
    let escaped = |text: &str| {
        let letter = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect::<String>()
    };
    let pairs: Vec<_> = fields.iter().map(|(a, b)| format!("{a}={}", escaped(b))).collect();
    pairs.join("&").into_bytes()
}

#[test]
fn a_shopper_goes_to_unionpays_page_and_comes_back() {
    let scene = Scene::new();
    let order = scene.order(&["unionpay_page"]);
    let (shown, number) = scene.choose(&order, "unionpay_page");
    let address = shown["payment"]["redirect_url"].as_str().unwrap_or_else(|| panic!("{shown}"));
    let target = &address[format!("http://{}", scene.gateway.authority).len()..];
    let page = Request::new("GET", target, "").send(&scene.gateway.authority).unwrap();
    assert_eq!(page.status, 200);
    let policy = page.field("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action http://127.0.0.1")
    );
    let (action, fields) = form_of(std::str::from_utf8(&page.body).unwrap());
    for changed in
        [target.replace("txnAmt=12800", "txnAmt=1"), target[..target.len() - 9].to_owned()]
    {
        let refused = Request::new("GET", &changed, "").send(&scene.gateway.authority).unwrap();
        assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("not_found")));
    }
    let there = post(&action, encoded(&fields));
    assert!(String::from_utf8(there.body).unwrap().contains(&number));
    // No callback comes: what the browser brings back is a hint to ask, and a forged one is none.
    scene.fault("unionpay", "callback", What::Lost);
    scene.pay("unionpay", &number);
    let (back, forged) =
        scene.simulators.unionpay.returns(&number, Some(What::WrongSignature)).unwrap();
    let refused = post(&back, forged);
    assert_eq!(refused.status, 404, "{}", refused.json());
    assert_ne!(scene.find(&order)["status"], "paid");
    // One that says more than was paid: the order knows what UnionPay answers.
    let (back, lie) = scene.simulators.unionpay.returns(&number, Some(What::Lie)).unwrap();
    let answer = post(&back, lie);
    assert_eq!(answer.status, 303);
    // The browser still has the session's secret, which nobody else is told.
    let url = order["checkout"]["url"].as_str().unwrap();
    assert_eq!(answer.field("location"), url.split('#').next());
    let paid = scene.eventually(&order, "paid", is("paid"));
    assert_eq!(
        (&paid["captured_amount"], &paid["payment"]["method"]),
        (&json!(12_800), &json!("unionpay_page"))
    );
    scene.refund(&order, 1_000);
    scene.eventually(&order, "refunded", |order| order["refunded_amount"] == 1_000);
}
