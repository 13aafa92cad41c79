//! `lezai serve` from outside: what each listener has and has not, TLS and its certificates, proxies, bounds,
//! and live merchants apart from the sandbox's.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use lezai_core::key::SigningKey;
use lezai_tests::{
    Answer, Gateway, Live, Merchant, Request, TempDir, binary, certify, lezai, random_hex,
    send_raw, until,
};
use serde_json::json;

const POLICY: &str = include_str!("../../host/demo-shop/policy.json");

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

fn put_merchant(live: &Live, id: &str) -> Answer {
    let policy: serde_json::Value = serde_json::from_str(POLICY).unwrap();
    let body = json!({ "name": "Tea 茶", "policy": policy });
    live.operate("PUT", &format!("/admin/v1/merchants/{id}"), &body.to_string())
}

fn some_key() -> SigningKey {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).unwrap();
    SigningKey::from_entropy(&entropy).unwrap()
}

/// A merchant with a key, as the operator makes one.
fn merchant(live: &Live, id: &str, keyid: &str) -> Merchant {
    let made = put_merchant(live, id);
    assert_eq!(made.status, 200, "{}", made.json());
    let key = some_key();
    let pem = key.verifying_key().to_spki_pem().unwrap();
    let target = format!("/admin/v1/merchants/{id}/keys/{keyid}");
    let put = live.operate("PUT", &target, &json!({ "public_key": pem }).to_string());
    assert_eq!(put.status, 204, "{}", put.json());
    Merchant::live(live, key, keyid)
}

/// A load balancer must find out that a node stops before the node refuses anybody.
#[test]
fn told_to_stop_it_answers_until_it_is_drained_and_says_that_it_is_not_ready() {
    let folder = TempDir::new();
    let tls = format!(
        "certificate = {:?}\nprivate_key = {:?}\ndrain_seconds = 3600\n",
        folder.path().join("tls.pem"),
        folder.path().join("tls.key")
    );
    let mut live = Live::start_with(folder.path(), &tls, "");
    let jwks = Request::new("GET", "/.well-known/jwks.json", "");
    let ready = || Request::new("GET", "/readyz", "").send(&live.operator).unwrap();
    assert_eq!(ready().status, 200);
    live.signal("TERM");
    until("it is not ready", || ready().status == 503);
    assert_eq!(ready().json(), json!({ "status": "draining" }));
    assert_eq!(live.send(&jwks).unwrap().status, 200);
    // A connection that would be kept is ended with the response.
    let kept = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", live.operator);
    let answer = send_raw(&live.operator, &[kept.as_bytes()], Duration::ZERO).unwrap();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    live.signal("HUP");
    assert_eq!(live.send(&jwks).unwrap().status, 200);
    // Told once more, it waits no longer.
    live.signal("TERM");
    assert!(live.ended_well(), "{}", live.log());
}

#[test]
fn each_listener_has_its_own_calls_and_neither_has_the_sandbox_s() {
    let folder = TempDir::new();
    let mut live = Live::start(folder.path());
    for (target, public, operator) in [
        ("/v1/orders", 401, 404),
        ("/.well-known/jwks.json", 200, 404),
        ("/checkout/v1/", 200, 404),
        ("/pay/x", 200, 404),
        ("/reference", 200, 200),
        ("/admin/v1/reviews", 404, 401),
        ("/metrics", 404, 200),
        ("/openapi.json", 404, 200),
        ("/readyz", 404, 200),
        ("/healthz", 404, 200),
        ("/sandbox/clock", 404, 404),
        ("/sandbox/wallet.css", 404, 404),
        ("/", 404, 404),
    ] {
        let request = Request::new("GET", target, "");
        let answers = [live.send(&request).unwrap(), request.send(&live.operator).unwrap()];
        let found = answers.each_ref().map(|it| it.status);
        assert_eq!(found, [public, operator], "{target}");
        assert!(answers[0].field("strict-transport-security").is_some(), "{target}");
    }
    let other = Request::new("GET", "/v1/orders", "").with("host", "pay.example");
    assert_eq!(live.send(&other).unwrap().code(), "misdirected");
    // The same port without TLS answers nothing.
    let port = live.authority.replace("localhost", "127.0.0.1");
    assert!(Request::new("GET", "/v1/orders", "").send(&port).is_err());
    live.signal("TERM");
    assert!(live.ended_well(), "{}", live.log());
}

#[test]
fn live_merchants_and_the_sandbox_s_never_meet() {
    let (folder, dev_folder) = (TempDir::new(), TempDir::new());
    let mut live = Live::start(folder.path());
    let tea = merchant(&live, "m_live_tea", "tea-1");
    let asked = tea.get("/v1/orders");
    assert_eq!((asked.status, asked.json()["data"].as_array().unwrap().len()), (200, 0));
    for id in ["m_demo", "m_tea", "m_liv"] {
        let refused = put_merchant(&live, id);
        assert_eq!((refused.code().as_str(), refused.status), ("invalid_field", 400), "{id}");
    }
    // No channel is configured, so nothing can be paid; and that is said.
    let refused = tea.create(&random_hex(), Merchant::order("A-1").to_string()).unwrap();
    assert!(refused.status >= 400, "{}", refused.json());
    assert!(live.log().contains("no payment channel is configured"), "{}", live.log());

    let mut gateway = Gateway::start(dev_folder.path());
    let token = fs::read_to_string(gateway.data.join("admin-token")).unwrap();
    let policy: serde_json::Value = serde_json::from_str(POLICY).unwrap();
    let body = json!({ "name": "Tea", "policy": policy }).to_string();
    let put = Request::new("PUT", "/admin/v1/merchants/m_live_tea", body)
        .with("authorization", &format!("Bearer {}", token.trim()))
        .with("content-type", "application/json");
    let refused = put.send(&gateway.authority).unwrap();
    assert_eq!(refused.code(), "invalid_field", "{}", refused.json());
    // A key of one is nobody's at the other.
    let stranger = Merchant::new(&gateway, some_key(), "tea-1");
    assert_eq!(stranger.get("/v1/orders").code(), "key_unknown");

    gateway.interrupt();
    assert!(gateway.ended_well());
    live.signal("TERM");
    assert!(live.ended_well());
    let dev = lezai(&[
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--shop",
        "127.0.0.1:0",
        "--data",
        &live.data.display().to_string(),
    ]);
    assert_eq!(dev.status.code(), Some(2), "{}", text(&dev));
    assert!(text(&dev).contains("the store is live and this gateway is sandbox"), "{}", text(&dev));
    let data = format!("data_dir={}", gateway.data.display());
    let serve = live.lezai(&["serve", "--set", &data]);
    assert_eq!(serve.status.code(), Some(2), "{}", text(&serve));
    assert!(
        text(&serve).contains("the store is sandbox and this gateway is live"),
        "{}",
        text(&serve)
    );
}

#[test]
fn a_changed_certificate_is_served_without_a_restart() {
    let folder = TempDir::new();
    let live = Live::start(folder.path());
    let shown = || live.tls.certificate(&live.authority).unwrap();
    let first = shown();
    // A key without its certificate is not used, and told.
    let (key, kept) = (folder.path().join("tls.key"), folder.path().join("kept.key"));
    fs::copy(&key, &kept).unwrap();
    fs::write(&key, "no key").unwrap();
    until("the unusable key is told", || {
        live.log().contains("the changed certificate is not used")
    });
    assert_eq!(shown(), first);
    fs::rename(&kept, &key).unwrap();
    certify(folder.path());
    until("the new certificate is shown", || shown() != first);
    let second = shown();
    certify(folder.path());
    live.signal("HUP");
    until("the third certificate is shown", || shown() != second);
    let metrics = live.operate("GET", "/metrics", "");
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("lezai_tls_certificates_refused_total 1"), "{metrics}");
}

#[test]
fn a_trusted_proxy_speaks_for_clients_and_nobody_else_does() {
    let folder = TempDir::new();
    let behind = "[proxies]\ntrusted = [\"127.0.0.1\"]\n[limits]\nstranger_per_second = 1\n";
    let live = Live::start_with(folder.path(), "", behind);
    let port = live.authority.replace("localhost", "127.0.0.1");
    let asks = |client: &str, proto: &str| {
        let request = Request::new("GET", "/v1/orders", "")
            .with("host", &live.authority)
            .with("x-forwarded-for", client)
            .with("x-forwarded-proto", proto);
        request.send(&port).unwrap()
    };
    assert_eq!(asks("198.51.100.1", "https").code(), "signature_missing");
    assert_eq!(asks("198.51.100.1", "http").code(), "misdirected");
    // A stranger who is refused again and again is refused at the door, and no other.
    until("the stranger is limited", || {
        let answer = asks("198.51.100.1", "https");
        answer.status == 429 && answer.field("retry-after").is_some()
    });
    assert_eq!(asks("1.1.1.1, 198.51.100.2", "https").status, 401);
    drop(live);

    let far = "[proxies]\ntrusted = [\"10.0.0.2\"]\n";
    let live = Live::start_with(folder.path(), "", far);
    let port = live.authority.replace("localhost", "127.0.0.1");
    let request = Request::new("GET", "/v1/orders", "")
        .with("host", &live.authority)
        .with("x-forwarded-proto", "https");
    assert_eq!(request.send(&port).unwrap().code(), "misdirected");
}

#[test]
fn the_proxy_protocol_names_the_client_before_its_first_byte() {
    let folder = TempDir::new();
    let behind = "[proxies]\ntrusted = [\"127.0.0.1\"]\nprotocol = \"proxy_v2\"\n[limits]\nstranger_per_second = 1\n";
    let live = Live::start_with(folder.path(), "", behind);
    let port = live.authority.replace("localhost", "127.0.0.1");
    let header = |last: u8| {
        let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
        [&head[..], &[198, 51, 100, last, 127, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb]].concat()
    };
    let request = Request::new("GET", "/v1/orders", "").bytes(&live.authority);
    let asks = |last: u8| send_raw(&port, &[&header(last), &request], Duration::ZERO).unwrap();
    assert_eq!(asks(1).code(), "signature_missing");
    until("the stranger is limited", || asks(1).status == 429);
    assert_eq!(asks(2).status, 401);
    assert!(send_raw(&port, &[&request], Duration::ZERO).is_err(), "there is no header");
}

#[test]
fn beyond_what_there_is_room_for_requests_are_told_to_come_again() {
    let folder = TempDir::new();
    let behind = "[proxies]\ntrusted = [\"127.0.0.1\"]\n[limits]\nrequests_in_flight = 16\n";
    let live = Live::start_with(folder.path(), "", behind);
    let port = live.authority.replace("localhost", "127.0.0.1");
    let slow = Request::new("POST", "/v1/orders", "")
        .with("content-length", "100")
        .with("content-type", "application/json")
        .bytes(&live.authority);
    let mut held: Vec<TcpStream> = Vec::new();
    until("there is no room", || {
        // Each waits for a body that does not come; who waited too long is let go.
        held.extend((0..16).map(|_| {
            let mut stream = TcpStream::connect(&port).unwrap();
            stream.write_all(&slow).unwrap();
            stream
        }));
        let answer = Request::new("GET", "/v1/orders", "").with("host", &live.authority);
        let answer = answer.send(&port).unwrap();
        answer.code() == "overloaded" && answer.field("retry-after") == Some("1")
    });
    // The operator is let in all the same.
    assert_eq!(live.operate("GET", "/readyz", "").status, 200);
    held.clear();
    until("there is room again", || {
        let asked = Request::new("GET", "/v1/orders", "").with("host", &live.authority);
        asked.send(&port).unwrap().status == 401
    });
}

#[test]
fn connections_of_one_address_are_bounded() {
    let folder = TempDir::new();
    let listen = format!(
        "certificate = {:?}\nprivate_key = {:?}\n",
        folder.path().join("tls.pem"),
        folder.path().join("tls.key")
    );
    let live = Live::start_with(folder.path(), &listen, "[limits]\nconnections_per_address = 2\n");
    let port = live.authority.replace("localhost", "127.0.0.1");
    let mut held: Vec<TcpStream> = Vec::new();
    until("the address has too many connections", || {
        held.push(TcpStream::connect(&port).unwrap());
        live.send(&Request::new("GET", "/v1/orders", "")).is_err()
    });
    held.clear();
    until("the address has room again", || {
        live.send(&Request::new("GET", "/v1/orders", "")).is_ok_and(|it| it.status == 401)
    });
}

#[test]
fn a_wrong_configuration_is_told_whole_and_a_right_one_without_secrets() {
    let folder = TempDir::new();
    let config = folder.path().join("lezai.toml");
    let says = |verb: &[&str], lines: &str| {
        fs::write(&config, lines).unwrap();
        let output =
            Command::new(binary()).args(verb).arg("--config").arg(&config).output().unwrap();
        (output.status.code(), text(&output))
    };
    let wrong = format!(
        "public_url = \"http://pay.example\"\ndata_dir = \"/dev/null/x\"\n[listen]\nadress = \"0.0.0.0:8443\"\n\
         certificate = {0:?}\nprivate_key = {0:?}\n[limits]\nconnections = 1\n",
        config
    );
    let (code, told) = says(&["serve", "--check"], &wrong);
    assert_eq!(code, Some(2), "{told}");
    for line in [
        ":1: public_url must be https",
        ":4: listen.adress is not a setting; is listen.address meant?",
        ":8: limits.connections must be a whole number",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    // The files that the settings name are checked once the settings are right.
    let right = wrong
        .replace("http:", "https:")
        .replace("adress = \"0.0.0.0:8443\"\n", "")
        .replace("connections = 1", "connections = 64")
        + "[channels.abacus]\napi_key = \"planted-secret\"\n";
    let (code, told) = says(&["serve", "--check"], &right);
    assert_eq!(code, Some(2), "{told}");
    for line in [
        ":2: data_dir cannot be a folder",
        ":4: listen.certificate cannot be used",
        ":8: channels.abacus cannot be used",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let (code, told) = says(&["config"], &right);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("api_key = \"********\"") && !told.contains("planted-secret"), "{told}");
    // Costs are checked with their line and row, and shown.
    let routed = "[channels.wechat]\nmerchant = \"1900000001\"\napp_id = \"wx8888888888888888\"\n\
                  certificate_serial = \"5F1C\"\nprivate_key_file = \"none.pem\"\napi_v3_key_file = \"none\"\n\
                  costs = [{ currency = \"CNY\", rate_ppm = 6000 }, { currency = \"USD\", rate_ppm = 1000001 }]\n";
    let costly = right.replace("[channels.abacus]\napi_key = \"planted-secret\"\n", routed);
    let (_, told) = says(&["serve", "--check"], &costly);
    let fault = ":14: channels.wechat.costs cannot be used: costs is wrong: costs[1].rate_ppm must be 0 to 1000000";
    assert!(told.contains(fault), "{told}");
    let (_, told) = says(&["config"], &costly);
    assert!(told.contains("costs = [{ currency = \"CNY\", rate_ppm = 6000 }"), "{told}");
    assert!(told.contains("strategy = \"policy\"  # default"), "{told}");
    let free = right.replace(
        "[channels.abacus]\napi_key = \"planted-secret\"\n",
        "[routing]\nstrategy = \"cost\"\n",
    );
    let (_, told) = says(&["serve", "--check"], &free);
    assert!(told.contains("routing.strategy is of no use without costs"), "{told}");
}

fn names(live: &Live) -> Vec<String> {
    let set = live.send(&Request::new("GET", "/.well-known/jwks.json", "")).unwrap().json();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|it| it["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_signing_key_is_changed_while_it_runs() {
    let folder = TempDir::new();
    let live = Live::start(folder.path());
    let tea = merchant(&live, "m_live_tea", "tea-1");
    let key = |verb: &[&str]| {
        let data = live.data.display().to_string();
        let output = live.lezai(&[&["key"], verb, &["--data-dir", &data]].concat());
        assert!(output.status.success(), "{}", text(&output));
    };
    let [old] = names(&live).try_into().unwrap();
    key(&["prepare"]);
    live.signal("HUP");
    until("the next key is published", || names(&live).len() == 2);
    assert_eq!((&names(&live)[0], tea.get("/v1/orders").status), (&old, 200));
    // That it is published is noted after it is.
    let published = live.data.join("gateway-next-published");
    until("that is noted", || published.exists());
    key(&["rotate"]);
    live.signal("HUP");
    until("the next key signs", || names(&live)[0] != old);
    assert_eq!(names(&live).len(), 2, "the former one is kept");
    // The new public key verifies what the gateway signs; the former one verifies nothing any more.
    let again = Merchant::live(&live, some_key(), "tea-2");
    assert_eq!(again.get("/v1/orders").code(), "key_unknown");
    key(&["retire", "--now"]);
    live.signal("HUP");
    until("the former key is gone", || names(&live).len() == 1);
    assert_ne!(names(&live), [old]);
}

#[test]
fn what_is_logged_is_changed_while_it_runs() {
    let folder = TempDir::new();
    let live = Live::start(folder.path());
    let ask = || {
        let request = Request::new("GET", "/v1/orders", "");
        let id = live.send(&request).unwrap().field("request-id").unwrap().to_owned();
        std::thread::sleep(Duration::from_millis(20));
        live.log().contains(&id)
    };
    until("requests are logged", ask);
    let mut config = fs::read_to_string(&live.config).unwrap();
    config.push_str("[log]\nfilter = \"error\"\n");
    fs::write(&live.config, config).unwrap();
    live.signal("HUP");
    until("requests are not logged any more", || !ask());
}

/// Whether any file of a folder has these bytes.
fn holds(folder: &std::path::Path, planted: &[u8]) -> Option<String> {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if let Some(found) = holds(&path, planted) {
                return Some(found);
            }
        } else if fs::read(&path).is_ok_and(|it| it.windows(planted.len()).any(|it| it == planted))
        {
            return Some(path.display().to_string());
        }
    }
    None
}

#[test]
fn no_planted_secret_is_in_the_data_folder_and_the_root_key_is_changed_while_it_runs() {
    let folder = TempDir::new();
    let file = folder.path().join("root.key").display().to_string();
    assert!(lezai(&["secrets", "new-root", &file]).status.success());
    let tls = format!(
        "certificate = {:?}\nprivate_key = {:?}\n",
        folder.path().join("tls.pem"),
        folder.path().join("tls.key")
    );
    let rest = format!("[secrets]\nroot_key_file = {file:?}\n");
    let mut live = Live::start_with(folder.path(), &tls, &rest);
    let secret = "whsec_cGxhbnRlZC1zZWNyZXQtcGxhbnRlZC1zZWNyZXQhIQ==";
    let policy: serde_json::Value = serde_json::from_str(POLICY).unwrap();
    let put = |secret: &str| {
        let body = json!({ "name": "Tea", "policy": policy, "webhook_secret": secret });
        live.operate("PUT", "/admin/v1/merchants/m_live_tea", &body.to_string())
    };
    let made = put(secret);
    assert_eq!(made.status, 200, "{}", made.json());
    // The secret before is kept for a day beside the new one.
    let second = "whsec_YW5vdGhlci1zZWNyZXQtYW5vdGhlci1zZWNyZXQhISE=";
    assert_eq!(put(second).status, 200);
    // A denied order's facts are kept, with the shopper's address.
    let key = some_key();
    let pem = key.verifying_key().to_spki_pem().unwrap();
    let target = "/admin/v1/merchants/m_live_tea/keys/tea-1";
    let put_key = live.operate("PUT", target, &json!({ "public_key": pem }).to_string());
    assert_eq!(put_key.status, 204, "{}", put_key.json());

    let planted: [&[u8]; 3] = [secret.as_bytes(), second.as_bytes(), b"PRIVATE KEY"];
    for it in planted {
        assert_eq!(holds(&live.data, it), None, "{}", String::from_utf8_lossy(it));
    }
    let sealed_under = |live: &Live| {
        let output = live.lezai(&["doctor", "--quick", "--json"]);
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = found["findings"].as_array().unwrap().iter();
        let secrets = findings.filter(|it| it["subject"] == "secrets");
        secrets.map(|it| it["status"].to_string() + &it["found"].to_string()).collect::<String>()
    };
    until("everything is sealed", || sealed_under(&live).contains("ok"));
    let first = sealed_under(&live);

    assert!(lezai(&["secrets", "new-root", &file]).status.success());
    let data = live.data.display().to_string();
    let forget = || lezai(&["secrets", "forget-former", &file, "--data-dir", &data]);
    assert!(!forget().status.success(), "not before all is sealed anew");
    live.signal("HUP");
    until("the former root key is forgotten", || forget().status.success());
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
    until("the signing key is sealed anew", || sealed_under(&live).contains("ok"));
    assert_ne!(sealed_under(&live), first);

    // A sealed value opens with the new root key alone, and not without one.
    live.signal("TERM");
    assert!(live.ended_well(), "{}", live.log());
    let without = live.lezai(&["serve", "--set", "secrets.root_key_file="]);
    assert_eq!(without.status.code(), Some(2), "{}", text(&without));
    let names_before = fs::read_to_string(live.data.join("gateway-public.pem")).unwrap();
    let again = Live::start_with(folder.path(), &tls, &rest);
    let merchant = Merchant::live(&again, key, "tea-1");
    assert_eq!(merchant.get("/v1/orders").status, 200);
    assert_eq!(fs::read_to_string(again.data.join("gateway-public.pem")).unwrap(), names_before);
    for it in planted {
        assert_eq!(holds(&again.data, it), None, "{}", String::from_utf8_lossy(it));
    }
}
