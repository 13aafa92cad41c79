//! A merchant's plugin from its first day to its last, on a gateway that runs on: shown, replaced,
//! failing in every way, repaired, removed. Each change holds for the next order, no failure costs
//! an order, and what is refused changes nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};

use lezai_core::digest::sha256_hex;
use lezai_core::key::SigningKey;
use lezai_tests::{Answer, Gateway, Merchant, Publisher, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

const PLUGIN: &str = "/admin/v1/merchants/m_demo/plugin";
const PLUGINS: &str = "/admin/v1/merchants/m_demo/plugins";
const POLICY: &str = "/admin/v1/merchants/m_demo/policy";
/// The demo policy's fee for an order of 128 yuan: 0.6 %, rounded half up.
const FEE: i64 = 77;
/// The longest component that is taken (crates/engine/src/limits.rs).
const MAX_COMPONENT: usize = 256 * 1024;
/// The longest settings that are taken (host/http/src/plugins.rs).
const MAX_SETTINGS: usize = 16 * 1024;
/// The longest upload that is taken (host/http/src/plugins.rs).
const MAX_UPLOAD: usize = 2 * 1024 * 1024;

/// A gateway with its operator, and its demo merchant with what it sells.
struct Scene {
    merchant: Merchant,
    operator: Operator,
    gateway: Gateway,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        let operator = Operator::of(&gateway);
        Self { merchant: Merchant::demo(&gateway), operator, gateway, folder }
    }

    /// The next order of 128 yuan; every plugin and policy here lets it be made.
    fn order(&self) -> Value {
        let answer =
            self.merchant.create(&random_hex(), Merchant::order(&random_hex()).to_string());
        let answer = answer.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()
    }

    fn pay(&self, order: &Value) {
        let target = format!("/sandbox/orders/{}/pay", order["id"].as_str().unwrap());
        let answer = Request::new("POST", &target, "").send(&self.gateway.authority).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(answer.json()["status"], "paid");
    }

    /// The next order is decided by the demo plugin and, where that says nothing, the standard one.
    fn demo_decides(&self, what: &str) {
        let decision = &self.order()["decision"];
        assert_eq!(decision["verdict"], "accept", "{what}: {decision}");
        let demo = sha256_hex(&artifact("plugins/demo_rules.wasm"));
        let standard = sha256_hex(&artifact("policy.wasm"));
        assert_eq!(plugins(decision), [&*demo, &*standard, &*standard], "{what}");
        assert_eq!(outcomes(decision), ["ok"; 3], "{what}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let check = lezai(&["ledger", "check", "--data", &self.gateway.data.display().to_string()]);
        assert!(check.status.success(), "the ledger does not add up: {check:?}");
        let log = self.gateway.log();
        assert!(!log.contains("panicked") && !log.contains("internal failure"), "{log}");
    }
}

/// The holder of the operator's token.
struct Operator {
    authority: String,
    token: String,
    publisher: Publisher,
}

impl Operator {
    fn of(gateway: &Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
        Self {
            authority: gateway.authority.clone(),
            token: token.trim().to_owned(),
            publisher: Publisher::demo(gateway),
        }
    }

    fn call(&self, method: &str, target: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = Request::new(method, target, body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", self.token));
        request.send(&self.authority).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    fn upload(&self, component: &[u8], settings: &[u8]) -> Answer {
        self.call("POST", PLUGINS, self.body(component, settings))
    }

    /// A release of the demo merchant's that decides at once.
    fn body(&self, component: &[u8], settings: &[u8]) -> Vec<u8> {
        self.publisher.upload(component, settings, "live").to_string().into_bytes()
    }

    /// Publishes what must be taken, and returns how it is shown.
    fn publish(&self, component: &[u8], settings: &[u8]) -> Value {
        let answer = self.upload(component, settings);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let view = answer.json();
        assert_eq!(view["digest"], sha256_hex(component).as_str());
        assert_eq!(view["size"], component.len());
        assert_eq!(self.shown(), view);
        view
    }

    fn shown(&self) -> Value {
        let answer = self.call("GET", PLUGIN, "");
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    fn policy(&self) -> Value {
        let answer = self.call("GET", POLICY, "");
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    fn put_policy(&self, policy: &Value) {
        let answer = self.call("PUT", POLICY, policy.to_string());
        assert_eq!(answer.status, 204, "{}", answer.json());
    }
}

#[test]
fn a_plugin_that_fails_costs_no_order_and_is_replaced_while_orders_go_on() {
    let scene = Scene::new();
    let (demo, hostile) = (artifact("plugins/demo_rules.wasm"), artifact("plugins/hostile.wasm"));
    let hostile_digest = sha256_hex(&hostile);
    let shown = scene.operator.shown();
    assert_eq!(shown["merchant"], "m_demo");
    assert_eq!(shown["digest"], sha256_hex(&demo).as_str());
    assert_eq!((&shown["hooks"], &shown["size"]), (&json!(["risk"]), &json!(demo.len())));
    assert!(shown["published_at"].as_str().is_some_and(|it| it.ends_with('Z')), "{shown}");
    scene.demo_decides("at first");

    for (settings, outcomes_of_it) in [
        ("", ["ok", "ok", "ok"]),
        ("risk=loop", ["fuel", "ok", "ok"]),
        ("risk=fill", ["fuel", "ok", "ok"]),
        ("risk=trap", ["trap", "ok", "ok"]),
        ("risk=recurse", ["trap", "ok", "ok"]),
        ("risk=grow", ["memory", "ok", "ok"]),
        ("risk=refuse", ["refused", "ok", "ok"]),
        ("risk=rant", ["too_much_output", "ok", "ok"]),
        ("risk=flood", ["too_much_output", "ok", "ok"]),
        ("risk=score", ["nonsense", "ok", "ok"]),
        ("risk=unexplained", ["nonsense", "ok", "ok"]),
        ("risk=code", ["nonsense", "ok", "ok"]),
        ("risk=control", ["nonsense", "ok", "ok"]),
        ("pricing=loop", ["ok", "fuel", "ok"]),
        ("pricing=more", ["ok", "nonsense", "ok"]),
        ("pricing=most", ["ok", "nonsense", "ok"]),
        ("pricing=currency", ["ok", "nonsense", "ok"]),
        ("routing=grow", ["ok", "ok", "memory"]),
        ("routing=unknown", ["ok", "ok", "nonsense"]),
        ("routing=flood", ["ok", "ok", "too_much_output"]),
        ("risk=loop,pricing=trap,routing=grow", ["fuel", "trap", "memory"]),
    ] {
        let view = scene.operator.publish(&hostile, settings.as_bytes());
        assert_eq!(view["hooks"], json!(["risk", "pricing", "routing", "split", "statement"]));
        let order = scene.order();
        let decision = &order["decision"];
        assert_eq!(outcomes(decision), outcomes_of_it, "{settings}: {decision}");
        assert_eq!(plugins(decision), [&*hostile_digest; 3], "{settings}");
        for (hook, outcome) in ["risk", "pricing", "routing"].into_iter().zip(outcomes_of_it) {
            let detail = decision["hooks"][hook]["detail"].as_str();
            assert_eq!(detail.is_none(), outcome == "ok", "{settings}: {hook}: {detail:?}");
        }
        // It goes to review either way: because the plugin says so, or because it does not say.
        assert_eq!(decision["verdict"], "review", "{settings}: {decision}");
        let [risk, pricing, _] = outcomes_of_it.map(|it| it == "ok");
        let (code, score) = if risk { ("hostile", 500) } else { ("plugin_failed", 0) };
        assert_eq!(decision["reasons"][0]["code"], code, "{settings}: {decision}");
        assert_eq!(decision["score"], score, "{settings}: {decision}");
        assert_eq!(order["fee"], if pricing { 1 } else { FEE }, "{settings}");
        assert_eq!(decision["channels"], json!(["sandbox"]), "{settings}");
        scene.pay(&order);
    }
    let metrics = Request::new("GET", "/metrics", "").send(&scene.gateway.authority).unwrap();
    let metrics = String::from_utf8(metrics.body).unwrap();
    for outcome in ["ok", "fuel", "trap", "memory", "refused", "nonsense", "too_much_output"] {
        let line = format!("lezai_hooks_total{{outcome=\"{outcome}\"}}");
        assert!(metrics.contains(&line), "{line} is not in:\n{metrics}");
    }

    // Back to the first one.
    scene.operator.publish(&demo, b"");
    scene.demo_decides("after all that failed");
    // The same component with other settings is another plugin: here, with settings it cannot read.
    scene.operator.publish(&demo, b"fifty yuan");
    let order = scene.order();
    assert_eq!(outcomes(&order["decision"]), ["refused", "ok", "ok"], "{}", order["decision"]);
    assert_eq!(order["decision"]["reasons"][0]["code"], "plugin_failed");
    let detail = order["decision"]["hooks"]["risk"]["detail"].as_str().unwrap();
    assert!(detail.contains("a line of the settings is not like `CNY 50000`"), "{detail}");
    scene.pay(&order);
    scene.operator.publish(&demo, b"CNY 100\n");
    scene.demo_decides("with settings");

    // Without one, the standard plugin decides alone.
    assert_eq!(scene.operator.call("DELETE", PLUGIN, "").status, 204);
    let order = scene.order();
    let decision = &order["decision"];
    let standard = sha256_hex(&artifact("policy.wasm"));
    assert_eq!(plugins(decision), [&*standard; 3]);
    assert_eq!(outcomes(decision), ["ok"; 3]);
    assert_eq!((&decision["verdict"], &order["fee"]), (&json!("accept"), &json!(FEE)));
    scene.pay(&order);
    for method in ["DELETE", "GET"] {
        let answer = scene.operator.call(method, PLUGIN, "");
        assert_problem(&answer, 404, "not_found", "a plugin that is gone");
    }
    scene.operator.publish(&demo, b"");
    scene.demo_decides("published again");
}

#[test]
fn what_is_refused_changes_nothing() {
    let scene = Scene::new();
    let (demo, hostile) = (artifact("plugins/demo_rules.wasm"), artifact("plugins/hostile.wasm"));
    // Bad copies of an upload that would be taken.
    let before = scene.operator.shown();
    let with = |name: &str, value: Value| {
        let mut body = scene.operator.publisher.upload(&hostile, b"", "live");
        body[name] = value;
        body.to_string().into_bytes()
    };
    let refused = |component: &[u8]| scene.operator.body(component, b"");
    let rows = [
        ("garbage", refused(b"#!/bin/sh"), 422, "plugin_refused", "component", "not a valid"),
        ("nothing", refused(b""), 422, "plugin_refused", "component", "not a valid"),
        (
            "a core module",
            refused(b"\0asm\x01\0\0\0"),
            422,
            "plugin_refused",
            "component",
            "a core module and not a component",
        ),
        (
            "an import",
            refused(&importing("wasi:clocks/wall-clock@0.2.0")),
            422,
            "plugin_refused",
            "component",
            "imports wasi:clocks/wall-clock@0.2.0",
        ),
        (
            "no hook",
            refused(COMPONENT),
            422,
            "plugin_refused",
            "component",
            "does not follow the contract",
        ),
        (
            "half of one",
            refused(&hostile[..hostile.len() / 2]),
            422,
            "plugin_refused",
            "component",
            "not a valid",
        ),
        (
            "a byte too long",
            refused(&padded(&hostile, MAX_COMPONENT + 1)),
            422,
            "plugin_refused",
            "component",
            "at most 262144",
        ),
        (
            "no base64",
            with("component", json!("not base64!")),
            400,
            "invalid_field",
            "component",
            "base64",
        ),
        (
            "base64 of URLs",
            with("component", json!("AGFzbQ0AAQA_")),
            400,
            "invalid_field",
            "component",
            "base64",
        ),
        ("a number", with("component", json!(1)), 400, "invalid_field", "component", "string"),
        (
            "settings that are no base64",
            with("settings", json!("risk=loop")),
            400,
            "invalid_field",
            "settings",
            "base64",
        ),
        (
            "settings a byte too long",
            scene.operator.body(&hostile, &[b' '; MAX_SETTINGS + 1]),
            400,
            "invalid_field",
            "settings",
            "16384",
        ),
        ("another field", with("hooks", json!([])), 400, "unknown_field", "hooks", ""),
        ("no component", b"{}".to_vec(), 400, "missing_field", "component", ""),
        ("no JSON", hostile.clone(), 400, "not_json", "", ""),
        (
            "a body too large",
            vec![b' '; MAX_UPLOAD + 1],
            413,
            "body_too_large",
            "",
            "at most 2097152",
        ),
    ];
    for (what, body, status, code, field, says) in rows {
        let answer = scene.operator.call("POST", PLUGINS, body);
        assert_problem(&answer, status, code, what);
        let problem = answer.json();
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{what}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{what}: {detail:?} does not say {says:?}");
        assert_eq!(scene.operator.shown(), before, "{what}");
        scene.demo_decides(what);
    }
    let nobody = "/admin/v1/merchants/m_none/plugins";
    let answer = scene.operator.call("POST", nobody, refused(&hostile));
    assert_problem(&answer, 404, "not_found", "nobody's plugin");
    let answer = scene.operator.call("POST", "/admin/v1/merchants/x/plugins", refused(&hostile));
    assert_problem(&answer, 400, "invalid_field", "a merchant's id that is none");

    // At the bounds themselves it is taken.
    scene.operator.publish(&padded(&hostile, MAX_COMPONENT), &[b' '; MAX_SETTINGS]);
    let decision = &scene.order()["decision"];
    assert_eq!(outcomes(decision), ["ok"; 3], "{decision}");
    scene.operator.publish(&demo, b"");
    scene.demo_decides("at last");
}

#[test]
fn a_policy_holds_for_the_next_order() {
    let scene = Scene::new();
    let usual = scene.operator.policy();
    let first = scene.order();
    assert_eq!(first["fee"], FEE);

    let mut dearer = usual.clone();
    dearer["fees"][0]["rate_ppm"] = json!(12_000);
    scene.operator.put_policy(&dearer);
    assert_eq!(scene.operator.policy(), dearer);
    assert_eq!(scene.order()["fee"], 154);
    // The terms agreed on stay.
    let target = format!("/v1/orders/{}", first["id"].as_str().unwrap());
    assert_eq!(scene.merchant.get(&target).json()["fee"], FEE);
    scene.pay(&first);

    // Limits hold whatever the plugin says.
    let mut smaller = usual.clone();
    smaller["limits"][0]["max"] = json!(12_799);
    scene.operator.put_policy(&smaller);
    let key = random_hex();
    let body = Merchant::order("L-limit").to_string();
    let answer = scene.merchant.create(&key, body.as_str()).unwrap();
    assert_problem(&answer, 422, "limit_exceeded", "an order above the limit");
    assert_eq!(answer.json()["field"], "amount");
    smaller["limits"][0]["max"] = json!(12_800);
    scene.operator.put_policy(&smaller);
    assert_eq!(scene.merchant.create(&key, body.as_str()).unwrap().status, 201);

    // Its risk rules are in the place of a plugin's hook, and apply once there is no plugin.
    let mut wary = usual.clone();
    wary["risk"]["rules"][0]["when"][0]["amount_over"][0]["minor"] = json!(12_799);
    scene.operator.put_policy(&wary);
    scene.demo_decides("whatever the policy's rules say");
    assert_eq!(scene.operator.call("DELETE", PLUGIN, "").status, 204);
    let order = scene.order();
    let decision = &order["decision"];
    assert_eq!((&decision["verdict"], &decision["score"]), (&json!("review"), &json!(60)));
    assert_eq!(decision["reasons"][0]["code"], "large_amount", "{decision}");
    scene.pay(&order);
    wary["risk"]["deny_at"] = json!(60);
    scene.operator.put_policy(&wary);
    let answer = scene.merchant.create(&random_hex(), Merchant::order("L-deny").to_string());
    let answer = answer.unwrap();
    assert_problem(&answer, 403, "risk_denied", "an order that the policy denies");
    assert_eq!(answer.json()["decision"]["verdict"], "deny");
    assert!(scene.merchant.find("L-deny").is_empty());
    scene.operator.put_policy(&usual);
    assert_eq!(scene.order()["decision"]["verdict"], "accept");
}

/// Shoppers buy while the operator publishes to and fro: each order is made, and by one plugin
/// with one set of settings from its first question to its last.
#[test]
fn orders_go_on_while_plugins_change() {
    let scene = Scene::new();
    let (demo, hostile) = (artifact("plugins/demo_rules.wasm"), artifact("plugins/hostile.wasm"));
    let standard = sha256_hex(&artifact("policy.wasm"));
    let (demo_digest, hostile_digest) = (sha256_hex(&demo), sha256_hex(&hostile));
    let (ended, seen) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    let shop = || {
        // Bounded, so that a failed operator ends the test.
        for _ in 0..10_000 {
            if ended.load(Ordering::SeqCst) {
                return;
            }
            let order = scene.order();
            let decision = &order["decision"];
            seen.lock().unwrap().insert(outcomes(decision).join(" "));
            if plugins(decision) == [&*demo_digest, &*standard, &*standard] {
                assert_eq!(decision["verdict"], "accept", "{decision}");
                assert_eq!(order["fee"], FEE, "{decision}");
            } else {
                assert_eq!(plugins(decision), [&*hostile_digest; 3], "{decision}");
                let sets = [["trap", "ok", "fuel"], ["ok", "memory", "ok"]];
                assert!(sets.contains(&outcomes(decision)), "settings of two: {decision}");
            }
            scene.pay(&order);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(shop);
        }
        for _ in 0..10 {
            // Not looked at: one that fails this often may be taken back at any moment.
            for (plugin, settings) in
                [(&hostile, "risk=trap,routing=loop"), (&hostile, "pricing=grow"), (&demo, "")]
            {
                assert_eq!(scene.operator.upload(plugin, settings.as_bytes()).status, 200);
            }
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert_eq!(seen.into_inner().unwrap().len(), 3, "each of the three decided some order");
    scene.demo_decides("at last");
}

/// Two operators who change different things at the same moment: both changes hold once both were
/// answered.
#[test]
fn changes_at_the_same_moment_all_hold() {
    let scene = Scene::new();
    let hostile = artifact("plugins/hostile.wasm");
    let usual = scene.operator.policy();
    for round in 0..10 {
        let pricing = if round % 2 == 0 { "pricing=trap" } else { "pricing=grow" };
        let mut policy = usual.clone();
        policy["fees"][0]["rate_ppm"] = json!(10_000 * (round + 1));
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                assert_eq!(scene.operator.upload(&hostile, pricing.as_bytes()).status, 200);
            });
            start.wait();
            scene.operator.put_policy(&policy);
        });
        let order = scene.order();
        let told = outcomes(&order["decision"])[1].to_owned();
        assert_eq!(told, if round % 2 == 0 { "trap" } else { "memory" }, "round {round}");
        assert_eq!(order["fee"], 128 * (round + 1), "round {round}");
    }
}

#[test]
fn a_plugin_is_its_merchant_s_alone() {
    let scene = Scene::new();
    let key =
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 3)).unwrap();
    let other = json!({"name": "Other", "policy": scene.operator.policy()});
    let answer = scene.operator.call("PUT", "/admin/v1/merchants/m_other", other.to_string());
    assert_eq!(answer.status, 200, "{}", answer.json());
    let pem = json!({"public_key": key.verifying_key().to_spki_pem().unwrap()});
    let target = "/admin/v1/merchants/m_other/keys/other-1";
    assert_eq!(scene.operator.call("PUT", target, pem.to_string()).status, 204);
    let publisher = Publisher {
        key: key.clone(),
        keyid: "other-plugins".to_owned(),
        merchant: "m_other".to_owned(),
    };
    let target = "/admin/v1/merchants/m_other/plugin-keys/other-plugins";
    assert_eq!(scene.operator.call("PUT", target, pem.to_string()).status, 204);
    let other = Merchant::new(&scene.gateway, key, "other-1");
    let target = "/admin/v1/merchants/m_other/plugin";
    let order = || {
        let answer = other.create(&random_hex(), Merchant::order(&random_hex()).to_string());
        answer.unwrap().json()["decision"].clone()
    };

    assert_problem(&scene.operator.call("GET", target, ""), 404, "not_found", "none yet");
    assert_eq!(plugins(&order()), [&*sha256_hex(&artifact("policy.wasm")); 3]);
    let hostile = artifact("plugins/hostile.wasm");
    let body = publisher.upload(&hostile, b"risk=trap", "live").to_string();
    let answer = scene.operator.call("POST", "/admin/v1/merchants/m_other/plugins", body);
    assert_eq!((answer.status, &answer.json()["merchant"]), (200, &json!("m_other")));
    assert_eq!(outcomes(&order()), ["trap", "ok", "ok"]);
    scene.demo_decides("though another merchant's plugin fails");
    assert_eq!(scene.operator.call("DELETE", target, "").status, 204);
    assert_eq!(outcomes(&order()), ["ok"; 3]);
    scene.demo_decides("though another merchant's plugin is gone");
}

#[test]
fn nobody_calls_in_the_operator_s_place() {
    let scene = Scene::new();
    let operator = &scene.operator;
    let (shown, policy) = (operator.shown(), operator.policy());
    let merchant = operator.call("GET", "/admin/v1/merchants/m_demo", "").json();
    let pem = std::fs::read_to_string(scene.gateway.data.join("demo-merchant-public.pem")).unwrap();
    let hostile = operator.body(&artifact("plugins/hostile.wasm"), b"risk=trap");
    let sequence = shown["sequence"].to_string();
    let promote = format!("{PLUGINS}/{sequence}/promote");
    let rollback = format!("{PLUGINS}/{sequence}/rollback");
    let mut cheaper = policy.clone();
    cheaper["fees"][0]["rate_ppm"] = json!(0);
    let other = json!({"name": "Mallory's", "policy": policy}).to_string().into_bytes();
    let calls: [(&str, &str, Vec<u8>); 16] = [
        ("GET", "/admin/v1/merchants/m_demo", vec![]),
        ("PUT", "/admin/v1/merchants/m_demo", other.clone()),
        ("PUT", "/admin/v1/merchants/m_mallory", other),
        (
            "PUT",
            "/admin/v1/merchants/m_demo/keys/mallory",
            json!({"public_key": pem}).to_string().into(),
        ),
        ("GET", POLICY, vec![]),
        ("PUT", POLICY, cheaper.to_string().into()),
        ("GET", PLUGIN, vec![]),
        ("POST", PLUGINS, hostile),
        ("GET", PLUGINS, vec![]),
        ("POST", &promote, json!({"to": "live"}).to_string().into()),
        ("POST", &rollback, vec![]),
        ("GET", "/admin/v1/merchants/m_demo/plugins/1/differences", vec![]),
        (
            "PUT",
            "/admin/v1/merchants/m_demo/plugin-keys/mallory",
            json!({"public_key": pem}).to_string().into(),
        ),
        ("DELETE", "/admin/v1/merchants/m_demo/plugin-keys/demo-plugins", vec![]),
        ("GET", "/admin/v1/merchants/m_demo/decisions", vec![]),
        ("DELETE", PLUGIN, vec![]),
    ];
    let token = &operator.token;
    let authorizations = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer wrong".to_owned()),
        Some(token.clone()),
        Some(format!("Basic {token}")),
        Some(format!("Bearer {token}x")),
        Some(format!("Bearer {}", &token[1..])),
        Some(format!("Bearer {}", &token[..token.len() - 1])),
    ];
    for (method, target, body) in &calls {
        for authorization in &authorizations {
            let mut request = Request::new(method, target, body.as_slice())
                .with("content-type", "application/json");
            if let Some(authorization) = authorization {
                request = request.with("authorization", authorization);
            }
            let answer = request.send(&scene.gateway.authority).unwrap();
            assert_problem(&answer, 401, "token_invalid", &format!("{method} {target}"));
        }
        // A merchant's signature is no operator's token either.
        let request = Request::new(method, target, body.as_slice())
            .with("content-type", "application/json")
            .with("idempotency-key", "\"k\"");
        let answer = scene.merchant.sign(request).send(&scene.gateway.authority).unwrap();
        assert_problem(&answer, 401, "token_invalid", &format!("{method} {target}, signed"));
    }
    assert_eq!((operator.shown(), operator.policy()), (shown, policy));
    assert_eq!(operator.call("GET", "/admin/v1/merchants/m_demo", "").json(), merchant);
    let mallory = operator.call("GET", "/admin/v1/merchants/m_mallory", "");
    assert_problem(&mallory, 404, "not_found", "a merchant that nobody made");
    scene.demo_decides("after all that");
}

/// A published plugin is there after a restart; and if it can no longer be loaded, the merchant
/// goes on selling, its orders are reviewed, and publishing repairs it.
#[test]
fn a_plugin_outlives_the_gateway_and_its_own_damage() {
    let mut scene = Scene::new();
    let hostile = artifact("plugins/hostile.wasm");
    let published = scene.operator.publish(&hostile, b"risk=refuse");
    let restart = |scene: &mut Scene| {
        let authority = scene.gateway.authority.clone();
        scene.gateway = Gateway::start_at(scene.folder.path(), &authority);
    };
    scene.gateway.kill();
    restart(&mut scene);
    assert_eq!(scene.operator.shown(), published);
    assert_eq!(outcomes(&scene.order()["decision"]), ["refused", "ok", "ok"]);

    scene.gateway.interrupt();
    assert!(scene.gateway.ended_well(), "{}", scene.gateway.log());
    // Neither compiled code nor the component that it could be made of.
    let blob = scene.gateway.data.join("plugins/sha256").join(sha256_hex(&hostile));
    std::fs::write(&blob, b"damaged").unwrap();
    std::fs::remove_dir_all(scene.gateway.data.join("plugin-cache")).unwrap();
    restart(&mut scene);
    let order = scene.order();
    let decision = &order["decision"];
    assert_eq!(decision["verdict"], "review", "{decision}");
    assert_eq!(decision["reasons"][0]["code"], "plugin_failed", "{decision}");
    assert_eq!(order["fee"], FEE, "{decision}");
    scene.pay(&order);
    scene.operator.publish(&artifact("plugins/demo_rules.wasm"), b"");
    scene.demo_decides("once it was published again");
}

fn assert_problem(answer: &Answer, status: u16, code: &str, what: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {text}");
}

/// The digests of who was asked, and what became of it: risk, pricing, routing.
fn plugins(decision: &Value) -> [&str; 3] {
    of_hooks(decision, "plugin")
}

fn outcomes(decision: &Value) -> [&str; 3] {
    of_hooks(decision, "outcome")
}

fn of_hooks<'a>(decision: &'a Value, member: &str) -> [&'a str; 3] {
    ["risk", "pricing", "routing"].map(|hook| {
        decision["hooks"][hook][member]
            .as_str()
            .unwrap_or_else(|| panic!("no {member} of {hook}: {decision}"))
    })
}

/// A component with nothing in it: magic, version 13, layer 1 (the component model's binary
/// format).
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// `(component (import NAME (instance)))`
fn importing(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    // Section 7 has one type, an instance without members; section 10 has one import of it.
    let types = [7, 3, 1, 0x42, 0];
    let import = [&[1, 0, length][..], name.as_bytes(), &[5, 0]].concat();
    [COMPONENT, &types, &[10, length + 5], &import].concat()
}

/// The same component of another length: a custom section, which says nothing, fills it up.
fn padded(component: &[u8], length: usize) -> Vec<u8> {
    let rest = length - component.len() - 6;
    // Five bytes hold any length (LEB128); the section's name is the empty one.
    let leb = [0, 7, 14, 21, 28].map(|shift| u8::try_from((rest >> shift) & 0x7f).unwrap() | 0x80);
    let leb = [leb[0], leb[1], leb[2], leb[3], leb[4] & 0x7f];
    let padded = [component, &[0], &leb, &vec![0; rest]].concat();
    assert_eq!(padded.len(), length);
    padded
}

fn artifact(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../target/artifacts", name].iter().collect();
    std::fs::read(&path)
        .unwrap_or_else(|_| panic!("{} is not there: run `make artifacts` first", path.display()))
}
