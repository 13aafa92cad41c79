//! Copies of a data folder, taken while orders come in, and put back; and what `lezai doctor` says.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lezai_tests::{Gateway, Live, Merchant, TempDir, lezai, random_hex};
use serde_json::Value;

fn says(arguments: &[&str]) -> (Option<i32>, String) {
    let output = lezai(arguments);
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    (output.status.code(), text)
}

fn orders(merchant: &Merchant, ids: &[String]) -> usize {
    ids.iter().filter(|id| !merchant.find(id).is_empty()).count()
}

#[test]
fn a_copy_taken_while_orders_come_in_is_whole_and_is_put_back() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let data = gateway.data.display().to_string();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let create = |id: &str| {
        let made = merchant.create(&random_hex(), Merchant::order(id).to_string()).unwrap();
        assert_eq!(made.status, 201, "{}", made.json());
    };
    let before: Vec<String> = (0..10).map(|n| format!("before-{n}")).collect();
    before.iter().for_each(|id| create(id));
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut n = 0;
            while !enough.load(Ordering::SeqCst) {
                create(&format!("beside-{n}"));
                n += 1;
            }
            n
        });
        for name in ["one", "two", "three"] {
            let (code, told) = says(&["backup", &path(name), "--data-dir", &data]);
            assert_eq!(code, Some(0), "{told}");
        }
        enough.store(true, Ordering::SeqCst);
        assert!(busy.join().unwrap() > 0);
    });
    let (code, told) = says(&["backup", &path("one"), "--data-dir", &data]);
    assert_eq!((code, told.contains("is there already")), (Some(2), true), "{told}");

    let (restored, three) = (TempDir::new(), path("three"));
    let to = restored.path().join("data").display().to_string();
    let (code, told) = says(&["restore", &three, "--to", &to]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = says(&["ledger", "check", "--data-dir", &to]);
    assert_eq!(code, Some(0), "{told}");
    let again = Gateway::start(restored.path());
    let merchant = Merchant::demo(&again);
    assert_eq!(orders(&merchant, &before), before.len());
    // It goes on from there.
    let made = merchant.create(&random_hex(), Merchant::order("after").to_string()).unwrap();
    assert_eq!(made.status, 201);

    // One byte of the store is another.
    let store = Path::new(&three).join("lezai.db");
    let mut bytes = fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&store, bytes).unwrap();
    let (code, told) = says(&["restore", &three, "--to", &path("never")]);
    assert_eq!((code, told.contains("is not as it was")), (Some(2), true), "{told}");
    assert!(!folder.path().join("never").exists());
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let folder = TempDir::new();
    let live = Live::start(folder.path());
    let asks = |live: &Live| {
        let output = live.lezai(&["doctor", "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), found)
    };
    let of = |found: &Value, subject: &str| {
        let findings = found["findings"].as_array().unwrap().iter();
        let mut found: Vec<Value> =
            findings.filter(|it| it["subject"] == subject).cloned().collect();
        assert!(!found.is_empty(), "{subject}");
        found.remove(0)
    };
    let (code, found) = asks(&live);
    assert_eq!((code, &found["ok"]), (Some(0), &Value::Bool(true)), "{found}");
    for (subject, status) in [
        ("configuration", "ok"),
        // Its certificate ends in 20 days.
        ("certificate", "warning"),
        ("channels", "warning"),
        ("data folder", "ok"),
        ("signing key", "ok"),
        ("ledger", "ok"),
    ] {
        assert_eq!(of(&found, subject)["status"], status, "{subject}: {found}");
    }
    assert!(of(&found, "ledger")["found"].as_str().unwrap().starts_with("whole"));

    fs::write(folder.path().join("tls.pem"), "").unwrap();
    let key = live.data.join("gateway.pem");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, found) = asks(&live);
    assert_eq!(code, Some(1), "{found}");
    let configuration = of(&found, "configuration");
    assert_eq!(configuration["status"], "failed");
    assert!(configuration["found"].as_str().unwrap().contains("has no certificate"), "{found}");
    let folder = of(&found, "data folder");
    assert!(folder["advice"].as_str().unwrap().contains("chmod 600"), "{folder}");
}
