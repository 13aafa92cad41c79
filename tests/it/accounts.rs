//! Merchants' own accounts on a running gateway: credentials that are tried before they are kept, payments that are booked
//! as a memorandum, refunds out of the merchant's account, and callbacks that tell of no other account's payments.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::forms::{encoded, form_of, post};
use lezai_channel_simulators::fault::{Fault, What};
use lezai_channel_simulators::{Simulators, keys};
use lezai_tests::page::Page;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, eventually, lezai, random_hex};
use serde_json::{Value, json};

const NATIVE: &str = "wechat_native";

/// A gateway with the sandbox alone, its demo merchant, and WeChat Pay, simulated, where that merchant has an account.
struct Scene {
    simulators: Arc<Simulators>,
    // They run on it.
    runtime: tokio::runtime::Runtime,
    address: String,
    merchant: Merchant,
    gateway: Gateway,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::of(false)
    }

    /// With an account of the platform's own at WeChat Pay, as a service provider's, or without.
    fn of(is_provider: bool) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let simulators = Arc::new(Simulators::new());
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            simulators.serve(listener).unwrap()
        });
        let folder = TempDir::new();
        for (name, content) in keys::FILES {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let address = address.to_string();
        let gateway = match is_provider {
            true => {
                let own = config(folder.path(), &address, "wechat_merchant.pem", "[\"wechat_h5\"]");
                Gateway::start_with(folder.path(), &["--channels", own.to_str().unwrap()])
            }
            false => Gateway::start(folder.path()),
        };
        let merchant = Merchant::demo(&gateway);
        let scene = Self { simulators, runtime, address, merchant, gateway, folder };
        scene.policy(&["sandbox", "wechat"], None);
        scene
    }

    /// The configuration of an account at WeChat Pay, with this private key.
    fn config(&self, key: &str, methods: &str) -> PathBuf {
        config(self.folder.path(), &self.address, key, methods)
    }

    /// Another configuration.
    fn file(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{}.toml", random_hex()));
        std::fs::write(&file, text).unwrap();
        file
    }

    /// A command on the demo merchant's accounts: its exit code, and what it printed.
    fn command(&self, verb: &str, arguments: &[&str]) -> (i32, String) {
        let data = self.gateway.data.to_str().unwrap();
        let url = format!("http://{}", self.gateway.authority);
        let mut all = vec!["merchant", "channel", verb, "m_demo"];
        all.extend(arguments);
        all.extend(["--gateway", &url, "--data-dir", data]);
        let done = lezai(&all);
        let text = [done.stdout, done.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
        (done.status.code().unwrap(), text)
    }

    fn put(&self, channel: &str, config: &Path, more: &[&str]) -> (i32, String) {
        let config = config.to_str().unwrap();
        self.command("put", &[&[channel, "--config", config], more].concat())
    }

    fn operator(&self, method: &str, target: &str, body: &Value) -> Answer {
        let token = std::fs::read_to_string(self.gateway.data.join("admin-token")).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Request::new(method, target, body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", token.trim()))
            .send(&self.gateway.authority)
            .unwrap()
    }

    /// Routes orders to these channels, with these methods open.
    fn policy(&self, channels: &[&str], methods: Option<&[&str]>) {
        let target = "/admin/v1/merchants/m_demo/policy";
        let mut policy = self.operator("GET", target, &Value::Null).json();
        policy["routes"] = channels.iter().map(|channel| json!({ "channel": channel })).collect();
        policy.as_object_mut().unwrap().remove("methods");
        if let Some(methods) = methods {
            policy["methods"] = json!(methods);
        }
        let answer = self.operator("PUT", target, &policy);
        assert_eq!(answer.status, 204, "{}", answer.json());
    }

    fn create(&self, methods: &[&str], with: Value) -> Answer {
        let mut order = Merchant::order(&random_hex());
        order["methods"] = json!(methods);
        for (name, value) in with.as_object().into_iter().flatten() {
            order[name] = value.clone();
        }
        self.merchant.create(&random_hex(), order.to_string()).unwrap()
    }

    fn order(&self, methods: &[&str]) -> Value {
        let answer = self.create(methods, json!({}));
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()
    }

    fn find(&self, order: &Value) -> Value {
        self.merchant.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).json()
    }

    fn until(&self, order: &Value, is: impl Fn(&Value) -> bool) -> Value {
        eventually(|| {
            let now = self.find(order);
            if is(&now) { Ok(now) } else { Err(format!("{now}\n{}", self.gateway.log())) }
        })
    }

    /// The shopper chooses a method; the provider's number of the attempt.
    fn choose(&self, order: &Value, method: &str) -> String {
        let page = Page::of(&self.gateway.authority, order);
        page.claim();
        page.choose(&json!({ "method": method }).to_string(), &random_hex());
        let id = self.find(order)["payment"]["attempt"].as_str().unwrap().to_owned();
        id.strip_prefix("att_").unwrap().to_owned()
    }

    fn pay(&self, number: &str) {
        let _inside = self.runtime.enter();
        self.simulators.wechat.pay(&self.simulators, number).unwrap();
    }

    fn act(&self, order: &Value, act: &str, body: Value) -> Answer {
        let target = format!("/v1/orders/{}/{act}", order["id"].as_str().unwrap());
        self.merchant.send(&self.merchant.post(&target, &random_hex(), body.to_string())).unwrap()
    }

    /// Has an amount refunded: the refund's id.
    fn refund(&self, order: &Value, amount: i64) -> String {
        let number = random_hex();
        let body = json!({ "merchant_refund_id": number, "amount": amount, "currency": "CNY" });
        let answer = self.act(order, "refunds", body);
        assert!(answer.status < 300, "{}", answer.json());
        self.until(order, |it| it["refunding_amount"] == 0);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// A balance of the merchant's.
    fn balance(&self, account: &str) -> i64 {
        let all = self.merchant.get("/v1/balances").json();
        let data = all["data"].as_array().unwrap().iter();
        let found = data.filter(|it| it["account"] == account && it["currency"] == "CNY");
        found.filter_map(|it| it["amount"].as_i64()).sum()
    }

    fn ledger_holds(&self) {
        let checked =
            lezai(&["ledger", "check", "--data-dir", self.gateway.data.to_str().unwrap()]);
        let text = String::from_utf8(checked.stdout).unwrap();
        assert!(checked.status.success(), "{text}{}", String::from_utf8_lossy(&checked.stderr));
    }
}

fn config(folder: &Path, address: &str, key: &str, methods: &str) -> PathBuf {
    let serial = keys::MERCHANT_SERIAL;
    let text = format!(
        r#"
        [channels.wechat]
        merchant = "1900000001"
        app_id = "wx8888888888888888"
        certificate_serial = "{serial}"
        private_key_file = "{key}"
        api_v3_key_file = "wechat_api_v3_key"
        download_certificates = true
        methods = {methods}
        base_url = "http://{address}"
        "#
    );
    let file = folder.join(format!("{}.toml", random_hex()));
    std::fs::write(&file, text).unwrap();
    file
}

/// An account at the sandbox that takes one method.
const WALLET: &str = "[channels.sandbox]\naccount = \"tea-wallet\"\nmethods = [\"wallet_qr\"]\n";

fn is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |order| order["status"] == status
}

#[test]
fn credentials_are_tried_before_they_are_kept_and_never_shown() {
    let scene = Scene::new();
    // Another key than the one that WeChat Pay knows.
    let (code, text) =
        scene.put("wechat", &scene.config("alipay_app.pem", "[\"wechat_native\"]"), &[]);
    assert!(code == 1 && text.contains("credentials_refused"), "{code} {text}");
    let (code, text) = scene.put("wechat", &scene.config("wechat_api_v3_key", "[]"), &[]);
    assert!(code == 1 && text.contains("invalid_field"), "{code} {text}");
    let (_, text) = scene.command("list", &[]);
    assert!(text.contains("platform's accounts alone"), "{text}");
    assert_eq!(scene.create(&[NATIVE], json!({})).json()["code"], "method_unavailable");

    let config = scene.config("wechat_merchant.pem", "[\"wechat_native\"]");
    let (code, text) = scene.put("wechat", &config, &[]);
    let account =
        format!("version 1  1900000001:wx8888888888888888  key {}", keys::MERCHANT_SERIAL);
    assert!(code == 0 && text.contains(&account), "{code} {text}");
    // The same once more is no new version.
    let (code, text) = scene.put("wechat", &config, &[]);
    assert!(code == 0 && text.contains("version 1"), "{text}");
    let (code, text) = scene.command("check", &["wechat"]);
    assert!(code == 0 && text.contains("the credentials work"), "{text}");
    let list = scene.operator("GET", "/admin/v1/merchants/m_demo/channels", &Value::Null);
    let shown = list.json().to_string();
    for secret in [keys::API_V3_KEY, "PRIVATE KEY", "wechat_merchant.pem"] {
        assert!(!shown.contains(secret) && !scene.gateway.log().contains(secret), "{shown}");
    }
    // Somebody else's number is nobody's.
    for target in
        ["/admin/v1/merchants/m_nobody/channels", "/admin/v1/merchants/m_demo/channels/alipay"]
    {
        let method = if target.ends_with("alipay") { "DELETE" } else { "GET" };
        assert_eq!(scene.operator(method, target, &Value::Null).status, 404, "{target}");
    }
}

#[test]
fn a_payment_to_the_merchants_own_account_is_a_memorandum_and_is_refunded_out_of_it() {
    let scene = Scene::new();
    let config = scene.config("wechat_merchant.pem", "[\"wechat_native\"]");
    assert_eq!(scene.put("wechat", &config, &[]).0, 0);
    let order = scene.order(&[NATIVE]);
    let number = scene.choose(&order, NATIVE);
    scene.pay(&number);
    // By the callback, at the account's own address.
    let paid = scene.until(&order, is("paid"));
    let account = "1900000001:wx8888888888888888";
    assert_eq!(paid["payment"]["direct_account"], account, "{paid}");
    let fee = paid["fee"].as_i64().unwrap();
    assert!(fee > 0);
    let stands = || ["direct", "owes", "pending", "available"].map(|it| scene.balance(it));
    assert_eq!(stands(), [12_800, fee, 0, 0]);

    // Another key of the same account, and then another version: the payment goes on.
    let rotated = scene.config("wechat_merchant.pem", "[\"wechat_native\", \"wechat_h5\"]");
    let (code, text) = scene.put("wechat", &rotated, &[]);
    assert!(code == 0 && text.contains("version 2"), "{text}");
    scene.refund(&order, 6_400);
    let half = fee / 2;
    assert_eq!(stands(), [6_400, fee - half, 0, 0]);

    // Removed, nothing new is paid to it, and what was paid is still refunded out of it.
    assert_eq!(scene.command("remove", &["wechat"]).0, 0);
    assert_eq!(scene.create(&[NATIVE], json!({})).json()["code"], "method_unavailable");
    scene.refund(&order, 6_400);
    assert_eq!(stands(), [0, 0, 0, 0]);
    scene.ledger_holds();
}

#[test]
fn a_service_providers_merchant_is_paid_under_the_platforms_keys() {
    let scene = Scene::of(true);
    let bound = scene
        .file("[channels.wechat]\nsub_merchant = \"1900000109\"\nmethods = [\"wechat_native\"]\n");
    let (code, text) = scene.put("wechat", &bound, &[]);
    assert!(code == 1 && text.contains("invalid_field"), "it is no account by itself: {text}");
    let (code, text) = scene.put("wechat", &bound, &["--bound"]);
    assert!(code == 0 && text.contains("1900000001/1900000109:"), "{code} {text}");
    let order = scene.order(&[NATIVE]);
    let number = scene.choose(&order, NATIVE);
    scene.pay(&number);
    let paid = scene.until(&order, is("paid"));
    let account = "1900000001/1900000109:wx8888888888888888";
    assert_eq!(paid["payment"]["direct_account"], account, "{paid}");
    let refund = scene.refund(&order, 12_800);
    assert_eq!((scene.balance("direct"), scene.balance("owes")), (0, 0));
    // The platform's own method is the platform's, and not this merchant's.
    assert_eq!(scene.create(&["wechat_h5"], json!({})).json()["code"], "method_unavailable");
    // The provider's own bill has it as well, though the money was never the platform's.
    let refund = refund.strip_prefix("rfd_").unwrap();
    let bill = format!(
        "at,kind,reference,minor,currency,fee,status\n\
         2026-01-05T12:00:00+08:00,payment,{number},12800,CNY,,done\n\
         2026-01-05T12:30:00+08:00,refund,{refund},-12800,CNY,,done\n\
         2026-01-05T12:40:00+08:00,payment,0193a0,700,CNY,,done\n"
    );
    let target = "/admin/v1/bills/wechat/2026-01-05";
    let token = std::fs::read_to_string(scene.gateway.data.join("admin-token")).unwrap();
    let put = Request::new("PUT", target, bill)
        .with("authorization", &format!("Bearer {}", token.trim()))
        .send(&scene.gateway.authority)
        .unwrap();
    assert!(put.status < 300, "{}", put.json());
    let day = json!({ "channel": "wechat", "date": "2026-01-05" });
    let run = scene.operator("POST", "/admin/v1/reconciliations", &day);
    assert_eq!(run.status, 200, "{}", run.json());
    let all = scene.operator("GET", "/admin/v1/differences?status=cleared", &Value::Null).json();
    let cleared = all["data"].as_array().unwrap();
    assert_eq!(cleared.len(), 2, "{all}");
    for it in cleared {
        assert_eq!(it["cleared_by"], "paid to the merchant's own account", "{it}");
    }
    let open = scene.operator("GET", "/admin/v1/differences?status=open", &Value::Null).json();
    assert_eq!(open["data"].as_array().unwrap().len(), 1, "{open}");
    scene.ledger_holds();
}

/// The page and the way back have addresses of the account, whose key signed the form.
#[test]
fn a_shopper_goes_to_unionpays_page_of_the_merchants_own_account() {
    let scene = Scene::new();
    let address = &scene.address;
    let text = format!(
        r#"
        [channels.unionpay]
        merchant = "777290058110048"
        private_key_file = "unionpay_merchant.pem"
        certificate_file = "unionpay_merchant.crt"
        middle_certificate_files = ["unionpay_middle.crt"]
        root_certificate_file = "unionpay_root.crt"
        base_url = "http://{address}"
        "#
    );
    let (code, said) = scene.put("unionpay", &scene.file(&text), &[]);
    assert_eq!(code, 0, "{said}");
    scene.policy(&["unionpay"], None);
    let order = scene.order(&["unionpay_page"]);
    let page = Page::of(&scene.gateway.authority, &order);
    page.claim();
    let shown = page.choose(&json!({ "method": "unionpay_page" }).to_string(), &random_hex());
    let attempt = scene.find(&order)["payment"]["attempt"].as_str().unwrap().to_owned();
    let number = attempt.strip_prefix("att_").unwrap();
    let address = shown["payment"]["redirect_url"].as_str().unwrap_or_else(|| panic!("{shown}"));
    let target = &address[format!("http://{}", scene.gateway.authority).len()..];
    assert!(target.starts_with("/channels/unionpay/page/m_demo/1?"), "{target}");
    let page = Request::new("GET", target, "").send(&scene.gateway.authority).unwrap();
    assert_eq!(page.status, 200);
    // Neither the platform's address nor another version's knows the form.
    for changed in ["/channels/unionpay/page", "/channels/unionpay/page/m_nobody/1"] {
        let changed = target.replacen("/channels/unionpay/page/m_demo/1", changed, 1);
        let refused = Request::new("GET", &changed, "").send(&scene.gateway.authority).unwrap();
        assert_eq!(refused.status, 404, "{changed}");
    }
    let (action, fields) = form_of(std::str::from_utf8(&page.body).unwrap());
    let there = post(&action, encoded(&fields));
    assert!(String::from_utf8(there.body).unwrap().contains(number));
    let lost = Fault {
        provider: "unionpay".to_owned(),
        call: "callback".to_owned(),
        what: What::Lost,
        times: 1,
    };
    scene.simulators.faults.add(lost);
    {
        let _inside = scene.runtime.enter();
        scene.simulators.unionpay.pay(&scene.simulators, number).unwrap();
    }
    let (back, form) = scene.simulators.unionpay.returns(number, None).unwrap();
    assert!(back.ends_with("/channels/unionpay/return/m_demo/1"), "{back}");
    let (_, forged) =
        scene.simulators.unionpay.returns(number, Some(What::WrongSignature)).unwrap();
    assert_eq!(post(&back, forged).status, 404);
    let answer = post(&back, form);
    assert_eq!(answer.status, 303);
    let url = order["checkout"]["url"].as_str().unwrap();
    assert_eq!(answer.field("location"), url.split('#').next());
    scene.until(&order, is("paid"));
    assert_eq!(scene.balance("direct"), 12_800);
    scene.ledger_holds();
}

#[test]
fn a_callback_tells_of_its_own_accounts_payments_alone() {
    let scene = Scene::new();
    let config = scene.config("wechat_merchant.pem", "[\"wechat_native\"]");
    assert_eq!(scene.put("wechat", &config, &[]).0, 0);
    // Another merchant with the same account: what its provider signs is signed rightly for both.
    let policy = scene.operator("GET", "/admin/v1/merchants/m_demo/policy", &Value::Null).json();
    let tea = json!({ "name": "Tea", "policy": policy });
    assert_eq!(scene.operator("PUT", "/admin/v1/merchants/m_tea", &tea).status, 200);
    let (data, url) =
        (scene.gateway.data.to_str().unwrap(), format!("http://{}", scene.gateway.authority));
    let put = lezai(&[
        "merchant",
        "channel",
        "put",
        "m_tea",
        "wechat",
        "--config",
        config.to_str().unwrap(),
        "--gateway",
        &url,
        "--data-dir",
        data,
    ]);
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));

    let order = scene.order(&[NATIVE]);
    let number = scene.choose(&order, NATIVE);
    let lost = Fault {
        provider: "wechat".to_owned(),
        call: "callback".to_owned(),
        what: What::Lost,
        times: 1,
    };
    scene.simulators.faults.add(lost);
    scene.pay(&number);
    let tell = |path: &str| {
        let _inside = scene.runtime.enter();
        let told = scene.simulators.notify.sent().len();
        let to = format!("{url}{path}");
        scene.simulators.wechat.tell_at(&scene.simulators, &number, &to).unwrap();
        eventually(|| {
            let sent = scene.simulators.notify.sent();
            sent.get(told).map(|it| it.statuses.clone()).ok_or_else(|| "not sent".to_owned())
        })
    };
    // Of another merchant's account: read, answered, and nothing is asked.
    assert_eq!(tell("/channels/wechat/notify/m_tea/1"), [200]);
    assert_eq!(scene.find(&order)["status"], "paying");
    // The platform has no such channel, and nobody has this account.
    for path in ["", "/m_nobody/1", "/m_tea/x"] {
        let target = format!("/channels/wechat/notify{path}");
        let answer = Request::new("POST", &target, "{}").send(&scene.gateway.authority).unwrap();
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(tell("/channels/wechat/notify/m_demo/1"), [200]);
    assert_eq!(scene.find(&order)["status"], "paid");
}

#[test]
fn what_is_open_what_is_shared_and_who_takes_the_rest() {
    let scene = Scene::new();
    let config = scene.file(WALLET);
    let (code, text) = scene.put("sandbox", &config, &[]);
    assert_eq!(code, 0, "{text}");
    // The account takes one method, and the platform's takes nothing of this merchant's.
    let order = scene.order(&["wallet_qr", "wallet_redirect"]);
    assert_eq!(order["methods"], json!(["wallet_qr"]));
    let later = scene.create(&["wallet_qr"], json!({ "split": "later" }));
    assert_eq!((later.status, later.json()["field"].clone()), (422, json!("shares")));
    let pay = |order: &Value| {
        let target = format!("/sandbox/orders/{}/pay", order["id"].as_str().unwrap());
        let answer = Request::new("POST", &target, "").send(&scene.gateway.authority).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        scene.find(order)
    };
    let paid = pay(&order);
    assert_eq!(paid["payment"]["direct_account"], "tea-wallet", "{paid}");
    let split = json!({ "merchant_split_id": "S-1", "shares": [{ "receiver": "a", "amount": 1 }] });
    let answer = scene.act(&order, "splits", split);
    assert_eq!((answer.status, answer.json()["code"].clone()), (409, json!("paid_directly")));
    assert_eq!(scene.act(&order, "void", json!({})).status, 200);
    scene.until(&order, is("voided"));
    assert_eq!((scene.balance("direct"), scene.balance("owes")), (0, 0));

    // With the operator's leave the platform's account takes the rest.
    assert_eq!(scene.put("sandbox", &config, &["--platform-fallback"]).0, 0);
    let order = scene.order(&["wallet_qr", "wallet_redirect"]);
    assert_eq!(order["methods"], json!(["wallet_qr", "wallet_redirect"]));
    let later = scene.create(&["wallet_qr"], json!({ "split": "later" }));
    assert_eq!(later.status, 201, "{}", later.json());
    let paid = pay(&later.json());
    assert_eq!(paid["payment"]["direct_account"], Value::Null, "{paid}");

    // A method that is closed is neither offered nor taken, also by an order that was made before.
    scene.policy(&["sandbox"], Some(&["wallet_redirect"]));
    assert_eq!(scene.create(&["wallet_qr"], json!({})).json()["code"], "method_unavailable");
    let page = Page::of(&scene.gateway.authority, &order);
    let shown = page.claim();
    let offered: Vec<_> =
        shown["methods"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(offered, [json!("wallet_redirect")]);
    let body = json!({ "method": "wallet_qr" }).to_string();
    let chosen = page.call("POST", "/pay", &body, &random_hex());
    assert_eq!(chosen.json()["code"], "method_unavailable");
    scene.ledger_holds();
}
