//! A release's way on the real binary: signed, refused when it is not what it says, published into
//! the shadow, compared, let out step by step, live, and taken back by itself when it does badly.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};
use lezai_core::digest::sha256_hex;
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::key::SigningKey;
use lezai_core::release::{Limits, Manifest, Share};
use lezai_tests::{Answer, Gateway, Merchant, Publisher, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

const PLUGINS: &str = "/admin/v1/merchants/m_demo/plugins";
/// Far longer than what is done beside orders takes.
const SOON: Duration = Duration::from_secs(180);
/// Lets the demo plugin take gift cards below 1,000 yuan as they come.
const GENEROUS: &[u8] = b"CNY 100000\n";

struct Scene {
    merchant: Merchant,
    publisher: Publisher,
    token: String,
    gateway: Gateway,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
        Self {
            merchant: Merchant::demo(&gateway),
            publisher: Publisher::demo(&gateway),
            token: token.trim().to_owned(),
            gateway,
            folder,
        }
    }

    fn call(&self, method: &str, target: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::new(method, target, body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", self.token));
        request.send(&self.gateway.authority).unwrap()
    }

    fn publish(&self, component: &[u8], settings: &[u8], stage: &str) -> u64 {
        let body = self.publisher.upload(component, settings, stage);
        let answer = self.call("POST", PLUGINS, &body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(answer.json()["stage"], stage);
        answer.json()["sequence"].as_u64().unwrap()
    }

    fn act(&self, sequence: u64, what: &str, body: &Value) -> Value {
        let answer = self.call("POST", &format!("{PLUGINS}/{sequence}/{what}"), body);
        assert_eq!(answer.status, 200, "{what}: {}", answer.json());
        answer.json()
    }

    fn releases(&self) -> Vec<Value> {
        let answer = self.call("GET", PLUGINS, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["data"].as_array().unwrap().clone()
    }

    fn release(&self, sequence: u64) -> Value {
        self.releases().into_iter().find(|it| it["sequence"] == sequence).unwrap()
    }

    /// A gift card of 600 yuan, which the demo plugin looks at twice unless it is generous.
    fn gift_card(&self) -> Value {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(60_000);
        order["metadata"] = json!({"goods": "gift_card"});
        let answer = self.merchant.create(&random_hex(), order.to_string()).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()
    }

    fn differences(&self, sequence: u64) -> Vec<Value> {
        let target = format!("{PLUGINS}/{sequence}/differences?limit=100");
        let answer = self.call("GET", &target, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["data"].as_array().unwrap().clone()
    }

    fn events(&self, event_type: &str) -> Vec<Value> {
        let answer = self.merchant.get(&format!("/v1/events?type={event_type}"));
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["data"].as_array().unwrap().clone()
    }

    fn metrics(&self) -> String {
        let answer = Request::new("GET", "/metrics", "").send(&self.gateway.authority).unwrap();
        String::from_utf8(answer.body).unwrap()
    }

    /// The command line, as an operator types it.
    fn cli(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (url, token) = (
            format!("http://{}", self.gateway.authority),
            self.gateway.data.join("admin-token").display().to_string(),
        );
        let at = ["--merchant", "m_demo", "--gateway", &url, "--admin-token-file", &token];
        let at = if arguments[0] == "sign" { &at[..2] } else { &at[..] };
        let output = lezai(&[&["plugin"], arguments, at].concat());
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

/// Waits until something is so.
fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < SOON, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sequence_of(order: &Value) -> u64 {
    order["decision"]["release"]["sequence"].as_u64().unwrap()
}

fn takes(per_mille: u16, order: &Value) -> bool {
    let id = OrderId::parse(order["id"].as_str().unwrap()).unwrap();
    Share::from_per_mille(per_mille).unwrap().takes(&id)
}

fn assert_problem(answer: &Answer, status: u16, code: &str, what: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {text}");
}

fn artifact(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../target/artifacts", name].iter().collect();
    std::fs::read(&path)
        .unwrap_or_else(|_| panic!("{} is not there: run `make artifacts` first", path.display()))
}

#[test]
fn from_the_shadow_to_all_orders_and_back() {
    let scene = Scene::new();
    let demo = artifact("plugins/demo_rules.wasm");
    let first = scene.releases()[0]["sequence"].as_u64().unwrap();
    assert_eq!(scene.release(first)["stage"], "live");

    // In the shadow it decides nothing, and where it differs is written down.
    let second = scene.publish(&demo, GENEROUS, "shadow");
    let order = scene.gift_card();
    assert_eq!((&order["decision"]["verdict"], sequence_of(&order)), (&json!("review"), first));
    let release = &order["decision"]["release"];
    assert_eq!((&release["stage"], &release["plugin"]), (&json!("live"), &json!("demo_rules")));
    let differences =
        soon("a difference", || Some(scene.differences(second)).filter(|found| !found.is_empty()));
    let difference = &differences[0];
    assert_eq!(difference["order"], order["id"]);
    assert_eq!(difference["applied"], "old");
    assert_eq!(difference["old"]["verdict"], "review");
    assert_eq!(difference["old"]["reasons"][0]["code"], "gift_card_new_device");
    assert_eq!(difference["new"]["verdict"], "accept");
    // One that both see alike is none.
    scene.merchant.create(&random_hex(), Merchant::order(&random_hex()).to_string()).unwrap();
    soon("two comparisons", || {
        Some(()).filter(|()| scene.release(second)["counts"]["compared"] == 2)
    });
    assert_eq!(scene.differences(second).len(), 1);
    let (code, text) = scene.cli(&["diff"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 of 2 orders decided otherwise"), "{text}");
    assert!(text.contains(order["id"].as_str().unwrap()), "{text}");
    assert!(text.contains("gift_card_new_device"), "{text}");

    // Step by step: each order is on the side that its id says, before and after.
    for (step, per_mille) in [(None, 1), (None, 10), (Some("50"), 500)] {
        let arguments: &[&str] = match &step {
            Some(to) => &["promote", "--to", to, "--drift", "100"],
            None => &["promote", "--drift", "100"],
        };
        let (code, text) = scene.cli(arguments);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(scene.release(second)["per_mille"], per_mille);
        let met = || {
            let order = scene.gift_card();
            let new = takes(per_mille, &order);
            assert_eq!(sequence_of(&order), if new { second } else { first }, "{order}");
            let verdict = if new { "accept" } else { "review" };
            assert_eq!(order["decision"]["verdict"], verdict, "{order}");
            new
        };
        let mut sides: Vec<bool> = (0..24).map(|_| met()).collect();
        // An order's side is in its id, which is random: as many orders as it takes to meet both.
        soon("both sides are met", || {
            sides.push(met());
            Some(()).filter(|()| per_mille < 500 || sides.contains(&true) && sides.contains(&false))
        });
    }
    let refused = scene.call(
        "POST",
        &format!("{PLUGINS}/{second}/promote"),
        &json!({"to": "canary", "per_mille": 10}),
    );
    assert_problem(&refused, 409, "release_stage", "backwards");

    // Resting, it is not asked at all; going on, it is where it was.
    assert_eq!(scene.act(second, "pause", &Value::Null)["paused"], true);
    let paused: Vec<u64> = (0..12).map(|_| sequence_of(&scene.gift_card())).collect();
    assert_eq!(paused, [first; 12]);
    let (code, text) = scene.cli(&["promote"]);
    assert!(code == Some(0) && text.contains("canary 50 %"), "{text}");
    // All of it, the same answer again, and the one before ready to take over.
    for _ in 0..2 {
        assert_eq!(scene.act(second, "promote", &json!({"to": "live"}))["stage"], "live");
    }
    assert_eq!(sequence_of(&scene.gift_card()), second);
    assert_eq!(scene.release(first)["stage"], "previous");
    let (_, text) = scene.cli(&["list"]);
    assert!(text.contains("live") && text.contains("previous"), "{text}");

    // A decision made so is still so after a restart.
    let authority = scene.gateway.authority.clone();
    let Scene { merchant, publisher, token, mut gateway, folder } = scene;
    gateway.kill();
    let gateway = Gateway::start_at(folder.path(), &authority);
    let scene = Scene { merchant, publisher, token, gateway, folder };
    assert_eq!(sequence_of(&scene.gift_card()), second);
    let (code, text) = scene.cli(&["rollback"]);
    assert!(code == Some(0) && text.contains("rolled_back"), "{text}");
    assert_eq!(sequence_of(&scene.gift_card()), first);
    let (code, text) = scene.cli(&["rollback", "--sequence", &second.to_string()]);
    assert!(code == Some(0) && text.contains("rolled_back"), "again: {text}");
    assert_eq!(sequence_of(&scene.gift_card()), first);
}

#[test]
fn what_does_badly_is_taken_back_by_itself() {
    let scene = Scene::new();
    let (demo, hostile) = (artifact("plugins/demo_rules.wasm"), artifact("plugins/hostile.wasm"));
    let first = scene.releases()[0]["sequence"].as_u64().unwrap();

    // Live and trapping: each order goes to review, and after some the one before decides again.
    let trapping = scene.publish(&hostile, b"risk=trap", "live");
    let mut orders = 0;
    soon("a live release that traps is taken back", || {
        orders += 1;
        Some(()).filter(|()| sequence_of(&scene.gift_card()) == first)
    });
    assert!(orders > 20, "one bad order takes nothing back: {orders}");
    let release = scene.release(trapping);
    assert_eq!((&release["stage"], &release["why"]), (&json!("rolled_back"), &json!("failures")));
    let event = soon("the event", || scene.events("plugin.rolled_back").pop());
    assert_eq!(event["data"]["release"]["sequence"], trapping);
    assert_eq!(event["data"]["release"]["why"], "failures");

    // In the shadow, nobody notices but the record.
    let shadow = scene.publish(&hostile, b"risk=loop", "shadow");
    soon("a release in the shadow is taken back", || {
        assert_eq!(sequence_of(&scene.gift_card()), first);
        Some(()).filter(|()| scene.release(shadow)["stage"] == "rolled_back")
    });

    // Deciding otherwise more often than it was said to.
    let drifting = scene.publish(&demo, GENEROUS, "shadow");
    scene.act(drifting, "promote", &json!({"to": "canary", "per_mille": 500, "drift_percent": 20}));
    soon("a release that drifts is taken back", || {
        scene.gift_card();
        Some(()).filter(|()| scene.release(drifting)["stage"] == "rolled_back")
    });
    assert_eq!(scene.release(drifting)["why"], "drift");
    assert_eq!(sequence_of(&scene.gift_card()), first);
    let metrics = scene.metrics();
    for line in [
        "lezai_plugin_rollbacks_total{outcome=\"failures\"}",
        "lezai_plugin_rollbacks_total{outcome=\"drift\"} 1",
        "lezai_plugin_verdicts_total{merchant=\"m_demo\",plugin=\"demo_rules\"",
        "lezai_plugin_hooks_total{merchant=\"m_demo\"",
        "lezai_plugin_found_total{merchant=\"m_demo\"",
        "lezai_plugin_seconds_bucket{",
        "lezai_plugin_fuel_bucket{",
        "lezai_plugin_memory_bytes_bucket{",
        "lezai_plugin_live_seconds_bucket{",
        "lezai_plugins_ready ",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    let log = scene.gateway.log();
    assert!(!log.contains("panicked") && !log.contains("internal failure"), "{log}");
}

#[test]
fn a_release_is_what_its_publisher_signed_or_nothing() {
    let scene = Scene::new();
    let (demo, hostile) = (artifact("plugins/demo_rules.wasm"), artifact("plugins/hostile.wasm"));
    let before = scene.releases();
    let publisher = &scene.publisher;
    let manifest = publisher.manifest(&demo, b"");
    let other = Publisher {
        key: SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 7))
            .unwrap(),
        ..publisher.clone()
    };
    let with = |manifest: Manifest| publisher.upload_as(&manifest, &demo, b"", "live");
    let mut swapped = publisher.upload_as(&manifest, &demo, b"", "live");
    swapped["component"] = Base64::encode_string(&hostile).into();
    let mut unreadable = swapped.clone();
    unreadable["manifest"] = Base64::encode_string(b"{}").into();
    let mut altered = publisher.upload_as(&manifest, &demo, b"", "live");
    altered["settings"] = Base64::encode_string(GENEROUS).into();
    let limits = Limits { fuel: manifest.limits.fuel + 1, ..manifest.limits };
    let patient = Limits { deadline_ms: manifest.limits.deadline_ms + 1, ..manifest.limits };
    let another = MerchantId::parse("m_other").unwrap();
    for (what, body, status, code) in [
        ("no manifest", unreadable, 400, "release_malformed"),
        (
            "a key that nobody registered",
            with(Manifest { keyid: "nobody".to_owned(), ..manifest.clone() }),
            403,
            "release_key_unknown",
        ),
        (
            "another's signature",
            other.upload_as(&manifest, &demo, b"", "live"),
            403,
            "release_signature_invalid",
        ),
        (
            "another merchant's",
            with(Manifest { merchant: another, ..manifest.clone() }),
            403,
            "release_of_another",
        ),
        ("another component", swapped, 422, "release_digest_mismatch"),
        ("other settings", altered, 422, "release_digest_mismatch"),
        (
            "another contract",
            with(Manifest { contract: "lezai:plugin@9.0.0".to_owned(), ..manifest.clone() }),
            422,
            "release_contract",
        ),
        ("too much", with(Manifest { limits, ..manifest.clone() }), 422, "release_limits"),
        ("too long", with(Manifest { limits: patient, ..manifest.clone() }), 422, "release_limits"),
        (
            "hooks that it has not",
            with(Manifest { hooks: vec!["pricing".to_owned()], ..manifest.clone() }),
            422,
            "release_hooks",
        ),
    ] {
        assert_problem(&scene.call("POST", PLUGINS, &body), status, code, what);
        assert_eq!(scene.releases().len(), before.len(), "{what}");
    }
    assert_eq!(sequence_of(&scene.gift_card()), before[0]["sequence"].as_u64().unwrap());

    // The same release again is answered as the first time, the one before it no more. A deadline of its
    // own is taken, and ends nothing.
    let hasty = Limits { deadline_ms: 0, ..manifest.limits };
    let manifest = Manifest { limits: hasty, ..manifest };
    let (old, new) = (with(manifest.clone()), with(publisher.manifest(&demo, b"")));
    let answers = [&old, &old].map(|body| scene.call("POST", PLUGINS, body));
    assert_eq!((answers[0].status, answers[0].json()), (200, answers[1].json()));
    assert_eq!(scene.gift_card()["decision"]["hooks"]["risk"]["outcome"], "ok");
    assert_eq!(scene.call("POST", PLUGINS, &new).status, 200);
    assert_problem(&scene.call("POST", PLUGINS, &old), 409, "release_replayed", "an old release");
    let reused = with(Manifest { version: "2".to_owned(), ..manifest });
    assert_problem(&scene.call("POST", PLUGINS, &reused), 409, "release_replayed", "its number");

    // A key that was taken away signs nothing any more.
    let key = "/admin/v1/merchants/m_demo/plugin-keys/demo-plugins";
    assert_eq!(scene.call("DELETE", key, &Value::Null).status, 204);
    assert_problem(&scene.call("DELETE", key, &Value::Null), 404, "not_found", "twice");
    let body = publisher.upload(&demo, b"", "live");
    let answer = scene.call("POST", PLUGINS, &body);
    assert_problem(&answer, 403, "release_key_unknown", "a key that is gone");
}

#[test]
fn a_release_is_signed_in_one_place_and_published_in_another() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    let file = folder.join("night_owls.wasm");
    std::fs::write(&file, artifact("plugins/demo_rules.wasm")).unwrap();
    let file = file.display().to_string();
    let key = scene.gateway.data.join("demo-plugins.pem").display().to_string();
    let (code, text) = scene.cli(&["sign", &file, "--key", &key, "--plugin-version", "1.2.0"]);
    assert_eq!(code, Some(0), "{text}");
    let release = folder.join("night_owls.release.json").display().to_string();
    let (code, text) = scene.cli(&["publish", &file, "--release", &release]);
    assert!(code == Some(0) && text.contains("shadow"), "{text}");
    assert!(text.contains("night_owls 1.2.0"), "{text}");
    let (code, text) = scene.cli(&["publish", &file, "--live", "--key", &key]);
    assert!(code == Some(0) && text.contains("live"), "{text}");
    let (code, text) = scene.cli(&["publish", &file, "--release", &release]);
    assert!(code == Some(1) && text.contains("release_replayed"), "{text}");
    let (code, text) = scene.cli(&["show"]);
    assert!(code == Some(0) && text.contains("night_owls 0.0.0"), "{text}");
    let (code, text) = scene.cli(&["remove"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = scene.cli(&["show"]);
    assert!(code == Some(1) && text.contains("not_found"), "{text}");

    // The files on disk are nobody else's, and under their digests.
    use std::os::unix::fs::PermissionsExt as _;
    let blobs = scene.gateway.data.join("plugins/sha256");
    let mode = |path: &PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&blobs), mode(&scene.gateway.data.join("plugin-cache"))), (0o700, 0o700));
    for entry in std::fs::read_dir(&blobs).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(path.file_name().unwrap().to_str(), Some(sha256_hex(&bytes).as_str()));
        assert_eq!(mode(&path), 0o600);
    }
}

#[test]
fn the_decision_log_has_what_was_denied_too() {
    let scene = Scene::new();
    let taken = scene.gift_card();
    let mut order = Merchant::order("L-1");
    order["amount"] = json!(600_000);
    order["metadata"] = json!({"goods": "gift_card"});
    let denied = scene.merchant.create(&random_hex(), order.to_string()).unwrap();
    assert_problem(&denied, 403, "risk_denied", "ten times the limit");
    let target = "/admin/v1/merchants/m_demo/decisions";
    let log = soon("both decisions", || {
        let answer = scene.call("GET", target, &Value::Null).json();
        Some(answer["data"].as_array().unwrap().clone()).filter(|log| log.len() == 2)
    });
    assert_eq!(log[0]["decision"]["verdict"], "deny");
    assert_eq!(log[1]["order"], taken["id"]);
    for line in &log {
        let decision = &line["decision"];
        let hook = &decision["hooks"]["risk"];
        assert_eq!(hook["plugin"], decision["release"]["digest"], "{line}");
        assert!(hook["fuel"].as_u64().unwrap() > 0 && decision["reasons"][0]["code"].is_string());
    }
    let one = scene.call("GET", &format!("{target}?limit=1"), &Value::Null).json();
    assert_eq!(one["data"], json!([log[0]]));
    let answer = scene.call("GET", &format!("{target}?limit=101"), &Value::Null);
    assert_problem(&answer, 400, "invalid_field", "too many");
}
