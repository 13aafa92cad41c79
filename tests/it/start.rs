//! `lezai dev` begins in a second or says in one line why it cannot, ends without a loss, and tells
//! no secrets on the way.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Merchant, Request, TempDir, lezai, random_hex, send_raw};
use serde_json::Value;

/// A second is what is promised; the rest is for machines that do something else at the same time.
const START: Duration = Duration::from_secs(5);

#[test]
fn it_starts_soon_and_again_with_what_it_made() {
    let folder = TempDir::new();
    let made = |folder: &Path| {
        let data = folder.join("data");
        [
            "gateway.pem",
            "gateway-public.pem",
            "demo-merchant.pem",
            "demo-merchant-public.pem",
            "demo-plugins.pem",
            "demo-webhook-secret",
            "admin-token",
        ]
        .map(|name| std::fs::read_to_string(data.join(name)).unwrap())
    };
    let mut gateway = Gateway::start(folder.path());
    let first = made(folder.path());
    gateway.interrupt();
    assert!(gateway.ended_well());
    let begun = Instant::now();
    let gateway = Gateway::start(folder.path());
    assert!(begun.elapsed() < START, "{:?}", begun.elapsed());
    assert_eq!(made(folder.path()), first);
    assert_eq!(Request::new("GET", "/readyz", "").send(&gateway.authority).unwrap().status, 200);

    // A secret file is its owner's alone.
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&gateway.data), 0o700);
    for name in [
        "gateway.pem",
        "demo-merchant.pem",
        "demo-plugins.pem",
        "demo-webhook-secret",
        "admin-token",
        "lezai.db",
        "sandbox.db",
        "shop.db",
    ] {
        assert_eq!(mode(&gateway.data.join(name)), 0o600, "{name}");
    }
}

#[test]
fn why_it_cannot_start_is_one_line() {
    let folder = TempDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = "127.0.0.1:0";
    let data = folder.path().join("data").display().to_string();
    let running = Gateway::start(folder.path());
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let below_file = file.join("data").display().to_string();

    for (arguments, says) in [
        (["--listen", &taken, "--shop", free, "--data", "fresh"], &taken[..]),
        (["--listen", free, "--shop", &taken, "--data", "fresh"], &taken),
        (["--listen", free, "--shop", free, "--data", &below_file], &below_file),
        (["--listen", free, "--shop", free, "--data", &data], "another gateway"),
        (["--listen", "nowhere", "--shop", free, "--data", "fresh"], "--listen"),
    ] {
        let fresh = folder.path().join(random_hex()).display().to_string();
        let arguments: Vec<&str> =
            arguments.iter().map(|it| if *it == "fresh" { &fresh } else { *it }).collect();
        cannot_start(&arguments, says);
    }
    drop(running);

    // Files that another start would build on.
    for (name, content) in [
        ("gateway.pem", "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n"),
        ("gateway.pem", ""),
        ("demo-merchant.pem", "no key"),
        ("demo-webhook-secret", "whsec_short"),
        ("admin-token", ""),
        (
            "lezai.db",
            "this is no database, and long enough that SQLite would look at its header: \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
    ] {
        let path = folder.path().join("data").join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, content).unwrap();
        cannot_start(&["--listen", free, "--shop", free, "--data", &data], name);
        assert_eq!(std::fs::read(&path).unwrap(), content.as_bytes(), "{name} was written over");
        std::fs::write(&path, whole).unwrap();
    }
    Gateway::start(folder.path());
}

/// It ends with 2, and says one line on standard error and nothing else.
fn cannot_start(arguments: &[&str], says: &str) {
    let output = lezai(&[&["dev"], arguments].concat());
    let (out, error) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert_eq!(out, "", "{arguments:?}");
    assert!(error.contains(says), "{arguments:?}: {error:?} does not say {says:?}");
    // clap has a paragraph for what it cannot read; ours is a line.
    let lines = error.trim_end().lines().count();
    assert!(lines == 1 || says == "--listen", "{arguments:?}: {error}");
}

#[test]
fn ctrl_c_lets_what_is_under_way_be_answered() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let number = "S-0001";
    let request = merchant.post("/v1/orders", &random_hex(), Merchant::order(number).to_string());
    let bytes = request.bytes(&gateway.authority);
    let (head, rest) = bytes.split_at(bytes.len() - 20);
    let answer = std::thread::scope(|scope| {
        let answer =
            scope.spawn(|| send_raw(&gateway.authority, &[head, rest], Duration::from_secs(2)));
        std::thread::sleep(Duration::from_millis(700));
        gateway.interrupt();
        answer.join().unwrap()
    });
    let answer = answer.unwrap_or_else(|error| panic!("{error}\n{}", gateway.log()));
    assert_eq!(answer.status, 201, "{}", answer.json());
    assert!(gateway.ended_well(), "{}", gateway.log());

    let gateway = Gateway::start(folder.path());
    assert_eq!(Merchant::demo(&gateway).find(number).len(), 1);
}

#[test]
fn the_log_is_json_with_a_request_s_id_and_no_secret() {
    let folder = TempDir::new();
    let gateway = Gateway::start_with(folder.path(), &["--log", "json"]);
    let merchant = Merchant::demo(&gateway);
    let mut order = Merchant::order("S-0002");
    order["customer"] =
        serde_json::json!({"ref": "shopper-4711", "ip": "198.51.100.23", "country": "CN"});
    order["device"] = serde_json::json!({"id": "device-0815", "user_agent": "Secret Browser 9"});
    order["metadata"] = serde_json::json!({"note": "for the birthday"});
    order["description"] = serde_json::json!("A ring");
    let key = random_hex();
    let request = merchant.post("/v1/orders", &key, order.to_string());
    let answer = merchant.send(&request).unwrap();
    let created = answer.json();
    let id = created["id"].as_str().unwrap();
    Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "")
        .send(&gateway.authority)
        .unwrap();
    let page = format!("/pay/{}", created["checkout"]["session"].as_str().unwrap());
    Request::new("GET", &page, "").send(&gateway.authority).unwrap();
    let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
    let webhook = std::fs::read_to_string(gateway.data.join("demo-webhook-secret")).unwrap();
    let admin = Request::new("GET", "/admin/v1/merchants/m_demo", "")
        .with("authorization", &format!("Bearer {}", token.trim()));
    assert_eq!(admin.send(&gateway.authority).unwrap().status, 200);
    std::thread::sleep(Duration::from_millis(500));

    let log = gateway.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    assert!(!lines.is_empty());
    let request_id = answer.field("request-id").expect("an answer names its request");
    assert!(log.contains(request_id), "{request_id} is not in the log:\n{log}");
    let secret = created["checkout"]["client_secret"].as_str().unwrap();
    let signature = request.field("signature").unwrap();
    for (what, text) in [
        ("the client secret", secret),
        ("the operator's token", token.trim()),
        ("the webhook secret", webhook.trim()),
        ("a private key", "PRIVATE KEY"),
        ("the signature", &signature[..40]),
        ("who bought", "shopper-4711"),
        ("the shopper's address", "198.51.100.23"),
        ("the shopper's device", "device-0815"),
        ("the shopper's browser", "Secret Browser"),
        ("the note", "birthday"),
        ("what was bought", "A ring"),
    ] {
        assert!(!log.contains(text), "the log tells {what}:\n{log}");
    }
}
