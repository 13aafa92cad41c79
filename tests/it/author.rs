//! An author's verbs, by the binary alone: a new plugin builds, is taken and decides; C works as
//! well as Rust; what is refused is told with what to do; an order of the past is decided again.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use lezai_tests::{Gateway, Merchant, TempDir, binary, random_hex};
use rusqlite::Connection;
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A command in a folder with the compiler for wasm that set-up prepared, if rustup's has none. What
/// is built stays in the tree's own `target`, and nothing is fetched.
fn command(program: impl Into<OsString>, folder: &Path) -> Command {
    let mut command = Command::new(program.into());
    let target = root().join("target/author");
    command.current_dir(folder).env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
    for inherited in ["CARGO", "RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN"]
    {
        command.env_remove(inherited);
    }
    command
}

fn lezai(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = command(binary(), folder);
    let prepared = root().join(".setup/wasm");
    if prepared.join("ready").exists() {
        let flags =
            format!("--sysroot={0}\x1f-Clinker={0}/bin/wasm-ld", prepared.to_str().unwrap());
        command
            .env("CARGO", prepared.join("bin/cargo"))
            .env("RUSTC", prepared.join("bin/rustc"))
            .env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    command.args(arguments).output().unwrap()
}

/// The output of a verb that succeeds.
fn says(folder: &Path, arguments: &[&str]) -> String {
    let output = lezai(folder, arguments);
    let [said, errors] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(output.status.success(), "{arguments:?}: {said}{errors}");
    said
}

/// The output of a verb that finds something wanting.
fn complains(folder: &Path, arguments: &[&str]) -> String {
    let output = lezai(folder, arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    said
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_new_plugin_builds_at_once_and_decides() {
    let folder = TempDir::new();
    says(folder.path(), &["plugin", "new", "night_owls"]);
    let at = folder.path().join("night_owls");
    // The versions that this tree is built with, which are here.
    fs::copy(root().join("Cargo.lock"), at.join("Cargo.lock")).unwrap();

    let native = command("cargo", &at).args(["test", "--quiet"]).output().unwrap();
    assert!(native.status.success(), "{}", String::from_utf8_lossy(&native.stderr));

    let built = says(&at, &["plugin", "build"]);
    contains(&built, &["night_owls.wasm", "taken", "hooks     risk", "imports   none"]);
    let tested = says(&at, &["plugin", "test", "night_owls.wasm"]);
    contains(
        &tested,
        &["ok    at-night", "because night", "fuel", "µs", "2 orders, all as expected"],
    );

    // The values found are written down; a wrong one is reported.
    says(&at, &["plugin", "test", "night_owls.wasm", "orders", "--update"]);
    let file = at.join("orders/at-noon.json");
    let kept = fs::read_to_string(&file).unwrap();
    contains(&kept, &["\"fee\": 77", "\"fuel\": {"]);
    says(&at, &["plugin", "test", "night_owls.wasm", "orders", "--fuel", "0"]);
    fs::write(&file, kept.replace("\"fee\": 77", "\"fee\": 78")).unwrap();
    let wrong = complains(&at, &["plugin", "test", "night_owls.wasm"]);
    contains(&wrong, &["WRONG at-noon", "fee: expected 78; found 77", "1 of 2 orders"]);

    let bench = says(&at, &["plugin", "bench", "night_owls.wasm"]);
    contains(&bench, &["median", "p99", "at-night", "at-noon"]);
    let profile = says(&at, &["plugin", "profile", "night_owls.wasm", "orders/at-night.json"]);
    contains(&profile, &["at-night: risk burns", "itself", "cabi_realloc"]);
}

#[test]
fn c_is_as_good_a_language() {
    let folder = TempDir::new();
    let source = root().join("tests/plugins/c_rules");
    let module = folder.path().join("c_rules.wasm");
    let built = Command::new(source.join("build.sh")).arg(&module).output().unwrap();
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors} (scripts/setup clang installs what it needs)");
    let (module, orders) = (module.to_str().unwrap(), source.join("orders"));
    contains(&says(folder.path(), &["plugin", "check", module]), &["taken", "hooks     risk"]);
    let tested = says(folder.path(), &["plugin", "test", module, orders.to_str().unwrap()]);
    contains(&tested, &["3 orders, all as expected", "because device_again"]);
}

#[test]
fn what_is_refused_is_told_with_what_to_do() {
    let folder = TempDir::new();
    let refused = |text: &str| {
        fs::write(folder.path().join("plugin.wat"), text).unwrap();
        complains(folder.path(), &["plugin", "check", "plugin.wat"])
    };
    let functions = "(func)".repeat(4_001);
    let data = "x".repeat(300_000);
    for (text, parts) in [
        (
            "(module (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func)))".to_owned(),
            &["imports wasi_snapshot_preview1.clock_time_get", "at_ms"][..],
        ),
        (
            "(component (import \"wasi:clocks/wall-clock@0.2.0\" (instance)))".to_owned(),
            &["imports wasi:clocks", "to do:"],
        ),
        ("(module)".to_owned(), &["cannot be made a component", "export!"]),
        ("(component)".to_owned(), &["exports none of risk", "to do:"]),
        ("(modul)".to_owned(), &["plugin.wat", "expected"]),
        (
            format!("(component (core module {functions}))"),
            &["limit:   4000 functions", "over by: 1 (0 %)", "to do:   Have less code"],
        ),
        (
            format!("(component (core module (memory 8) (data (i32.const 0) \"{data}\")))"),
            &["limit:   262144 bytes", "over by: ", "opt-level"],
        ),
    ] {
        contains(&refused(&text), parts);
    }
    // The same that a gateway would say of the gateway's own.
    let standard = root().join("target/artifacts/policy.wasm");
    let taken = says(folder.path(), &["plugin", "check", standard.to_str().unwrap()]);
    contains(&taken, &["hooks     risk, pricing, routing\n"]);
    let exists = lezai(folder.path(), &["plugin", "new", "Night-Owls"]);
    assert_eq!(exists.status.code(), Some(2));
}

#[test]
fn an_order_of_the_past_is_decided_again() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let mut body = Merchant::order(&random_hex());
    body["amount"] = json!(60_000);
    body["metadata"] = json!({"goods": "gift_card"});
    body["customer"] = json!({"ref": "c-1"});
    let order = merchant.create(&random_hex(), body.to_string()).unwrap().json();
    assert_eq!(order["decision"]["verdict"], "review", "{order}");
    let id = order["id"].as_str().unwrap();
    let data = gateway.data.to_str().unwrap();
    let again = lezai(folder.path(), &["plugin", "replay", id, "--data-dir", data]);
    assert!(again.status.success(), "{again:?}");
    contains(&String::from_utf8(again.stderr).unwrap(), &["the same again, bit for bit"]);
    // Output for a program stands alone.
    let decision: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(decision["reasons"][0]["code"], "gift_card_new_device", "{decision}");

    // With other settings than by then nothing is claimed.
    fs::write(folder.path().join("settings"), "CNY 1").unwrap();
    let other = ["plugin", "replay", id, "--data", data, "--settings", "settings"];
    assert_eq!(lezai(folder.path(), &other).status.code(), Some(2));
    // Another plugin decides otherwise, and that is told.
    let hostile = root().join("target/artifacts/plugins/hostile.wasm");
    let hostile = hostile.to_str().unwrap();
    let different =
        complains(folder.path(), &["plugin", "replay", id, "--data", data, "--plugin", hostile]);
    contains(&different, &["not the same", "hooks.risk.plugin", "another digest"]);
}

/// A decision that the clock ended is not the same elsewhere: that is told, and no difference.
#[test]
fn a_decision_that_the_clock_ended_is_not_compared() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let order = merchant.create(&random_hex(), Merchant::order(&random_hex()).to_string()).unwrap();
    let order = order.json();
    assert_eq!(order["decision"]["replayable"], true, "{order}");
    let id = order["id"].as_str().unwrap();
    // As a gateway on a slow machine would have kept it.
    let store = Connection::open(gateway.data.join("lezai.db")).unwrap();
    store.busy_timeout(Duration::from_secs(60)).unwrap();
    let late =
        "UPDATE orders SET details = json_set(details, '$.decision.replayable', json('false'),
                '$.decision.hooks.risk.outcome', 'deadline') WHERE id = ?";
    assert_eq!(store.execute(late, [id]).unwrap(), 1);
    let data = gateway.data.to_str().unwrap();
    let output = lezai(folder.path(), &["plugin", "replay", id, "--data", data]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    contains(&said, &["not replayable: then the clock ended 1 of its hooks", "`deadline`"]);
    let found = merchant.get(&format!("/v1/orders/{id}")).json();
    assert_eq!(found["decision"]["replayable"], false, "{found}");
}

/// As `head` does: a verb whose reader has gone ends as one that the system ends for it (128 and
/// SIGPIPE), and without a word.
#[test]
fn who_has_read_enough_ends_a_verb_quietly() {
    let plugin = root().join("target/artifacts/plugins/demo_rules.wasm");
    let orders = root().join("tests/plugins/c_rules/orders");
    let [plugin, orders] = [plugin, orders].map(|it| it.to_str().unwrap().to_owned());
    for arguments in
        [&["openapi"][..], &["plugin", "check", &plugin], &["plugin", "test", &plugin, &orders]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(binary(), &root()).args(arguments).stdout(writer).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*errors), (Some(141), ""), "{arguments:?}");
    }
}
