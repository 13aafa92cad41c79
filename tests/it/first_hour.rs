//! A new user's first hour: the commands of the README as they are printed, from any folder below the
//! gateway's; what goes wrong is told with a way out; and `lezai dev` has a page that says what runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lezai_tests::{Gateway, Merchant, Request, TempDir, binary, random_hex};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A gateway whose folder has its usual name, and a folder two below.
fn started() -> (TempDir, Gateway, PathBuf) {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    symlink(&gateway.data, folder.path().join(".lezai")).unwrap();
    let below = folder.path().join("shop/server");
    fs::create_dir_all(&below).unwrap();
    (folder, gateway, below)
}

fn run(folder: &Path, gateway: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.current_dir(folder).env("LEZAI_GATEWAY", gateway).env_remove("LEZAI_DATA_DIR");
    command.args(arguments).output().unwrap()
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|it| String::from_utf8(it.clone()).unwrap())
}

/// The shell blocks of a document, one after the other.
fn shell_of(document: &str) -> String {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let blocks = text.split("\n```sh\n").skip(1).filter_map(|it| it.split("\n```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readme_s_commands_do_what_they_say() {
    for document in ["README.md", "README.zh-CN.md"] {
        // One for each: an order's number is the second in which it was made.
        let (_folder, gateway, below) = started();
        let origin = format!("http://{}", gateway.authority);
        let script = shell_of(document).replace("http://127.0.0.1:8080", &origin);
        assert!(script.contains("lezai call") && script.contains("curl"), "{document}: {script}");
        let program = binary();
        let path = format!("{}:{}", program.parent().unwrap().display(), env!("PATH"));
        let output = Command::new("sh")
            .args(["-euc", &script])
            .current_dir(&below)
            .envs([("PATH", path.as_str()), ("LEZAI_GATEWAY", origin.as_str())])
            .env_remove("LEZAI_DATA_DIR")
            .output()
            .unwrap();
        let [said, errors] = texts(&output);
        assert!(output.status.success(), "{document}: {said}{errors}");
        // The list shows the order as paid, and the ledger is whole.
        assert!(said.contains("\"status\": \"paid\""), "{document}: {said}");
        assert!(said.trim_end().ends_with("ok"), "{document}: {said}");
        let order: Value =
            serde_json::from_slice(&fs::read(below.join("order.json")).unwrap()).unwrap();
        assert!(order["checkout"]["url"].as_str().unwrap().starts_with(&origin));
    }
}

#[test]
fn a_response_stands_alone_on_standard_output() {
    let (_folder, gateway, below) = started();
    let origin = format!("http://{}", gateway.authority);
    let listed = run(&below, &origin, &["call", "GET", "/v1/orders?limit=1"]);
    let [said, errors] = texts(&listed);
    assert!(listed.status.success(), "{errors}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["object"], "list");
    assert!(errors.starts_with("200 OK\n"), "{errors}");
    let refused = run(&below, &origin, &["call", "GET", "/v1/orders/ord_nobody"]);
    let [said, errors] = texts(&refused);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["code"], "order_not_found");
    assert!(errors.starts_with("404 Not Found\n"), "{errors}");
    let [said, errors] = texts(&run(&below, &origin, &["call", "GET", "/v1/orders", "--include"]));
    assert!(said.starts_with("200 OK\n") && !errors.contains("200 OK"), "{said}{errors}");
    assert!(said.contains("\nsignature-input: ") && !said.contains('\u{1b}'), "{said}");

    // So it is with every command that prints JSON.
    let merchant = Merchant::demo(&gateway);
    let order = merchant.create(&random_hex(), Merchant::order(&random_hex()).to_string()).unwrap();
    let order = order.json()["id"].as_str().unwrap().to_owned();
    for arguments in [
        &["plugin", "show", "--merchant", "m_demo", "--json"][..],
        &["plugin", "list", "--merchant", "m_demo", "--json"],
        &["plugin", "diff", "--merchant", "m_demo", "--json"],
        &["plugin", "replay", &order],
        &["ledger", "balances", "--json"],
        &["openapi"],
    ] {
        let output = run(&below, &origin, arguments);
        let [said, errors] = texts(&output);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert!(serde_json::from_str::<Value>(&said).is_ok(), "{arguments:?}: {said}");
    }
}

#[test]
fn what_is_missing_is_told_with_a_way_out() {
    let empty = TempDir::new();
    let nobody = "http://127.0.0.1:9";
    let (folder, gateway, below) = started();
    let origin = format!("http://{}", gateway.authority);
    for (arguments, parts) in [
        (&["call", "GET", "/v1/orders"][..], &["demo-merchant.pem is not there", "--data-dir"][..]),
        (&["trigger", "order.paid"], &["demo-merchant.pem is not there", "LEZAI_DATA_DIR"]),
        (
            &["listen", "--listen", "127.0.0.1:0"],
            &["gateway-public.pem is not there", "--data-dir"],
        ),
        (&["ledger", "check"], &["lezai.db is not there", "--data-dir"]),
        (&["plugin", "list", "--merchant", "m_demo"], &["admin-token is not there", "--data-dir"]),
        (&["plugin", "check", "none.wasm"], &["none.wasm is not there", "check the path"]),
        (&["key", "list"], &["gateway.pem"]),
    ] {
        let output = run(empty.path(), &origin, arguments);
        let [said, errors] = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}{errors}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: {errors:?} does not say {part:?}");
        }
        assert!(!errors.contains("os error"), "{arguments:?}: {errors}");
    }
    for arguments in [
        &["call", "GET", "/v1/orders"][..],
        &["trigger", "order.paid"],
        &["plugin", "show", "--merchant", "m_demo"],
    ] {
        let output = run(&below, nobody, arguments);
        let [_, errors] = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(
            errors.contains("`lezai dev`") && errors.contains("--gateway"),
            "{arguments:?}: {errors}"
        );
    }
    // The folder has one name as a flag, and the old one goes on.
    let data = gateway.data.to_str().unwrap();
    for flag in ["--data-dir", "--data"] {
        let output = run(empty.path(), &origin, &["ledger", "check", flag, data]);
        assert!(output.status.success(), "{flag}: {output:?}");
    }
    let output = Command::new(binary())
        .args(["ledger", "check"])
        .env("LEZAI_DATA_DIR", data)
        .current_dir(empty.path())
        .output();
    assert!(output.unwrap().status.success());
    drop(folder);
}

#[test]
fn the_command_line_explains_itself() {
    let folder = TempDir::new();
    let nobody = "http://127.0.0.1:9";
    let [said, _] = texts(&run(folder.path(), nobody, &[]));
    assert!(said.contains("lezai dev") && said.contains("lezai help"), "{said}");
    let help = run(folder.path(), nobody, &["help", "plugin"]);
    assert!(help.status.success() && texts(&help)[0].contains("publish"), "{help:?}");
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef lezai"), ("fish", "complete -c lezai")]
    {
        let [said, _] = texts(&run(folder.path(), nobody, &["completions", shell]));
        assert!(said.contains(part) && said.contains("trigger"), "{shell}: {said}");
    }
    let pages = folder.path().join("man");
    let missing = run(folder.path(), nobody, &["man", "man"]);
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    fs::create_dir(&pages).unwrap();
    assert!(run(folder.path(), nobody, &["man", "man"]).status.success());
    let page = fs::read_to_string(pages.join("lezai-plugin-publish.1")).unwrap();
    assert!(page.contains("publish") && pages.join("lezai.1").exists());
}

#[test]
fn a_plugin_that_is_cut_off_or_has_no_end_is_refused() {
    let folder = TempDir::new();
    let nobody = "http://127.0.0.1:9";
    let orders = root().join("tests/plugins/c_rules/orders");
    let orders = orders.to_str().unwrap();
    let component = fs::read(root().join("target/artifacts/plugins/demo_rules.wasm")).unwrap();
    // The module in it, which is the first thing with a module's header behind the component's own.
    let header = b"\0asm\x01\0\0\0";
    let at = component.windows(header.len()).position(|it| it == header).unwrap();
    for whole in [&component[..], &component[at..]] {
        for part in [0, 4, 8, 100, whole.len() / 2] {
            fs::write(folder.path().join("cut.wasm"), &whole[..part]).unwrap();
            for arguments in [
                &["plugin", "check", "cut.wasm"][..],
                &["plugin", "build", "cut.wasm"],
                &["plugin", "test", "cut.wasm", orders],
                &["plugin", "bench", "cut.wasm", orders],
                &["plugin", "profile", "cut.wasm", orders],
            ] {
                let output = run(folder.path(), nobody, arguments);
                let [said, errors] = texts(&output);
                assert_eq!(
                    output.status.code(),
                    Some(1),
                    "{arguments:?}, {part} bytes: {said}{errors}"
                );
                assert!(!errors.contains("panicked"), "{errors}");
            }
        }
    }
    let endless = run(folder.path(), nobody, &["plugin", "check", "/dev/zero"]);
    assert_eq!(endless.status.code(), Some(2));
    assert!(texts(&endless)[1].contains("too large"), "{endless:?}");
}

#[test]
fn the_page_of_lezai_dev_says_what_runs_and_what_is_asked() {
    let (_folder, gateway, _) = started();
    let get = |path: &str| Request::new("GET", path, "").send(&gateway.authority).unwrap();
    let page = get("/");
    assert_eq!(page.status, 200);
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
    let html = String::from_utf8(page.body).unwrap();
    for part in [
        &gateway.authority,
        "demo-merchant.pem",
        "lezai trigger order.paid",
        "/reference",
        "m_demo",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let chinese = get("/?lang=zh");
    assert!(String::from_utf8(chinese.body).unwrap().contains("乐在已启动"));
    for secret in ["admin-token", "demo-webhook-secret"] {
        let secret = fs::read_to_string(gateway.data.join(secret)).unwrap();
        assert!(!html.contains(secret.trim()));
    }
    assert!(!html.contains("PRIVATE KEY"));

    // A page that was led here by DNS sees nothing of it.
    let elsewhere =
        |path| Request::new("GET", path, "").with("host", "evil.example").send(&gateway.authority);
    for path in ["/", "/dev/requests"] {
        assert_eq!(elsewhere(path).unwrap().status, 421, "{path}");
    }
    assert_eq!(Request::new("POST", "/", "{}").send(&gateway.authority).unwrap().status, 405);

    get("/v1/orders/13800138000");
    get("/healthz");
    for n in 0..120 {
        get(&format!("/nothing/{n}"));
    }
    let seen = get("/dev/requests").json();
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), 100, "as many are kept, and no more");
    let last = seen.last().unwrap();
    assert_eq!((&last["path"], &last["status"]), (&"/nothing/119".into(), &404.into()));
    assert!(last["request_id"].as_str().unwrap().starts_with("req_"));
    get("/v1/orders/13800138000");
    let number = last["number"].as_u64().unwrap();
    let more = get(&format!("/dev/requests?after={number}")).json();
    assert_eq!(more.as_array().unwrap().len(), 1);
    assert_eq!(more[0]["path"], "/v1/orders/138****8000");
}
