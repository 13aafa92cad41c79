//! `lezai contract`, `payout`, `settle`, `settlement` and `fees` on the real binary.

use lezai_tests::{Gateway, Merchant, Request, TempDir, eventually, lezai, random_hex};
use serde_json::{Value, json};

struct Shell<'g> {
    gateway: &'g Gateway,
    url: String,
    data: String,
}

impl<'g> Shell<'g> {
    fn new(gateway: &'g Gateway) -> Self {
        let data = gateway.data.display().to_string();
        Self { gateway, url: format!("http://{}", gateway.authority), data }
    }

    /// The exit code, and what was printed.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let at = ["--gateway", &self.url, "--data-dir", &self.data];
        let output = lezai(&[arguments, &at].concat());
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    fn done(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}\n{}", self.gateway.log());
        text
    }

    fn advance(&self, secs: i64) {
        let body = json!({ "advance_secs": secs }).to_string();
        let clock = Request::new("POST", "/sandbox/clock", body)
            .with("content-type", "application/json")
            .send(&self.gateway.authority)
            .unwrap();
        assert_eq!(clock.status, 200);
    }

    /// An order of this amount that is paid.
    fn paid(&self, merchant: &Merchant, minor: i64) {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(minor);
        let created = merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let pay = format!("/sandbox/orders/{}/pay", created["id"].as_str().unwrap());
        let paid = Request::new("POST", &pay, "").send(&self.gateway.authority).unwrap();
        assert_eq!(paid.status, 200, "{}", paid.json());
    }

    /// Waits until a payout has a status.
    fn ends(&self, id: &str, status: &str) -> Value {
        eventually(|| {
            let shown = self.done(&["payout", "show", id, "--json"]);
            let payout: Value = serde_json::from_str(&shown).unwrap();
            if payout["status"] == status { Ok(payout) } else { Err(shown) }
        })
    }
}

const CREATE: [&str; 6] =
    ["payout", "create", "--account", "6222020200112233445", "--holder", "Tea House"];

#[test]
fn commands_agree_pay_out_decide_and_settle() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let (shell, merchant) = (Shell::new(&gateway), Merchant::demo(&gateway));
    let of = ["--merchant", "m_demo"];
    // Half a day from now, so that none passes unless the clock is moved.
    let minute = (lezai_tests::now_ms() / 60_000 + 720) % 1440;
    let cut_off = format!("{:02}:{:02}", minute / 60, (minute % 60).max(1));
    let file = |name: &str, rate: i64| {
        let path = folder.path().join(name);
        let contract = json!({
            "fees": { "payment": [{ "currency": "CNY", "rate_ppm": rate, "rounding": "half_up" }] },
            "cycle": { "kind": "after", "seconds": 0 },
            "day": { "zone": "UTC", "cut_off": cut_off },
            "payouts": { "limits": [
                { "currency": "CNY", "min": 1, "max": 50_000, "day_max": 90_000, "approval_above": 20_000 },
            ] },
        });
        std::fs::write(&path, contract.to_string()).unwrap();
        path.display().to_string()
    };
    let (first, dearer) = (file("first.json", 10_000), file("dearer.json", 20_000));

    let none = shell.done(&[&["contract", "list"], &of[..]].concat());
    assert_eq!(none, "the merchant has no contract: the standard holds\n");
    let put = shell.done(&[&["contract", "put", &first], &of[..]].concat());
    assert!(put.starts_with("1    in_force "), "{put}");
    let again = shell.done(&[&["contract", "put", &first, "--number", "1"], &of[..]].concat());
    assert_eq!(again, put, "the same once more");
    let shown = shell.done(&[&["contract", "show", "1"], &of[..]].concat());
    assert!(shown.contains("\"rate_ppm\": 10000"), "{shown}");
    let refused = shell.run(&[&["contract", "put", &dearer, "--number", "9"], &of[..]].concat());
    assert_eq!(
        (refused.0, refused.1.contains("contract_number")),
        (Some(1), true),
        "{}",
        refused.1
    );

    // In real time it is available at once.
    shell.paid(&merchant, 100_000);
    let open = eventually(|| {
        let open = shell.done(&[&["settle", "--dry-run"], &of[..]].concat());
        if open.starts_with("CNY  0 -> 99000  1 lines") { Ok(open) } else { Err(open) }
    });
    assert!(open.contains("would be carried, manual"), "{open}");
    let simulated = shell.done(&[&["fees", "simulate", &dearer], &of[..]].concat());
    assert!(simulated.contains("captured 100000: fees 1000 -> 2000 (+1000)"), "{simulated}");
    assert!(simulated.contains("hit hardest:\n  ord_"), "{simulated}");

    let create = |number: &str, amount: &str| {
        shell.run(&[&CREATE[..], &["--number", number, "--amount", amount]].concat())
    };
    assert_eq!(create("P-0", "50001").0, Some(1), "beyond the contract");
    let paid = create("P-1", "10000").1;
    let id = paid.split("  ").next().unwrap().to_owned();
    assert!(paid.contains("  P-1  10000 CNY and 0 fee  "), "{paid}");
    shell.ends(&id, "paid");
    let (approved, refused) = (create("P-2", "20001").1, create("P-3", "20002").1);
    let id_of = |line: &str| line.split("  ").next().unwrap().to_owned();
    let (approved, refused) = (id_of(&approved), id_of(&refused));
    let waiting = shell.done(&["payout", "list", "--all-merchants"]);
    assert_eq!(waiting.lines().filter(|it| it.contains("needs_approval")).count(), 2, "{waiting}");
    let decided = shell.done(&["payout", "approve", &approved, "--reason", "Known supplier"]);
    assert!(decided.starts_with(&format!("{approved}  m_demo  P-2")), "{decided}");
    let decided = shell.done(&["payout", "refuse", &refused, "--reason", "Unknown"]);
    assert!(decided.contains("  cancelled  "), "{decided}");
    shell.ends(&approved, "paid");
    // One that is paid needs no second question, and stays as it is.
    let resumed = shell.done(&["payout", "resume", &approved]);
    assert!(resumed.contains("  paid  "), "{resumed}");
    let listed = shell.done(&["payout", "list", "--status", "cancelled"]);
    assert!(listed.starts_with(&format!("{refused}  P-3")), "{listed}");
    assert_eq!(listed.lines().count(), 1, "{listed}");

    let early = shell.done(&[&["settle"], &of[..]].concat());
    assert_eq!(early, "no cut-off of the merchant's has passed\n");
    shell.advance(86_400);
    let settled = shell.done(&[&["settle"], &of[..]].concat());
    assert!(settled.starts_with("stl_") && settled.contains("carried 68999, manual"), "{settled}");
    assert_eq!(shell.done(&[&["settle"], &of[..]].concat()), settled, "closed once");
    assert_eq!(shell.done(&["settlement", "list"]), settled);
    let shown = shell.done(&["settlement", "show", &id_of(&settled)]);
    assert!(shown.contains("payout_request"), "{shown}");
    assert!(shown.ends_with("  0 before, +68999 in it, 68999 after\n"), "{shown}");
    let check = lezai(&["ledger", "check", "--data", &shell.data]);
    assert!(check.status.success(), "{check:?}");
}
