//! Layouts of bills that the operator writes: the gateway reads bills by them, each run names the one that it used, and a
//! bill that was read by one is read so for ever.

use lezai_tests::{Gateway, TempDir, lezai};
use serde_json::{Value, json};

use crate::bills::{DAY, Desk};

/// The layout in docs/reconciliation.md, near enough, with the column of the amounts.
fn layout(amount: &str) -> String {
    json!({
        "name": "acme", "delimiter": ";", "needs": ["Txn", "Gross"], "offset": "+08:00", "currency": "CNY",
        "rows": [{ "kind": "payment", "key": ["Txn"], "amount": [amount], "sign": "in", "at": ["When"] }],
    })
    .to_string()
}

impl Desk<'_> {
    fn layout_command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (url, data) =
            (format!("http://{}", self.gateway.authority), self.gateway.data.display().to_string());
        let at = ["--gateway", &url, "--data-dir", &data];
        let done = lezai(&[&["bill", "layout"], arguments, &at[..]].concat());
        let text = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), text + &String::from_utf8(done.stderr).unwrap())
    }

    fn run_anew(&self) -> Value {
        let body = json!({ "channel": "sandbox", "date": self.day }).to_string();
        let run = self.operator("POST", "/admin/v1/reconciliations", body);
        assert_eq!(run.status, 200, "{}", run.json());
        run.json()
    }
}

#[test]
fn bills_are_read_by_the_operators_layouts() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    let file = folder.path().join("acme.json");
    let put = |text: &str| {
        std::fs::write(&file, text).unwrap();
        desk.layout_command(&["put", file.to_str().unwrap()])
    };
    desk.advance(DAY);
    let target = format!("/admin/v1/bills/sandbox/{}", desk.day);
    let bill = format!("Txn;Gross;Net;When\nx-1;5.00;4.97;{} 09:30:00\n", desk.day);
    // So that nobody fetches another while this looks.
    let none = r#"{"code":"NO_STATEMENT_EXIST"}"#;
    assert_eq!(desk.operator("PUT", &format!("{target}?kind=funds"), none).status, 200);
    // Nobody knows yet what it is.
    assert_eq!(desk.operator("PUT", &target, bill.clone()).code(), "bill_refused");
    let (code, said) = desk.layout_command(&["list"]);
    assert_eq!((code, said.trim()), (Some(0), "there is no layout beside the gateway's own"));

    let (code, said) = put(&layout("Gross"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("acme              edition 1  sha-256 "), "{said}");
    // The same once more is the same edition.
    assert_eq!(put(&layout("Gross")).1, said);
    let listed = desk.operator("GET", "/admin/v1/bill_layouts", "").json();
    let first = listed["data"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(listed["data"][0]["layout"]["needs"], json!(["Txn", "Gross"]), "{listed}");
    // One that would take other files, or that means nothing, is refused, and says what of it.
    let wide = layout("Gross").replace(r#"["Txn","Gross"]"#, r#"["at","kind"]"#);
    let refused = desk.operator("PUT", "/admin/v1/bill_layouts/acme", wide);
    assert_eq!(
        (refused.code().as_str(), &refused.json()["field"]),
        ("invalid_field", &json!("needs"))
    );
    let (code, said) = put("{}");
    assert_eq!(code, Some(2), "{said}");

    let read = desk.operator("PUT", &target, bill.clone()).json();
    assert_eq!(
        (&read["layout"], &read["layout_digest"]),
        (&json!("acme"), &json!(first)),
        "{read}"
    );
    let run = desk.run_anew();
    assert_eq!(run["layout"], json!({ "name": "acme", "digest": first }), "{run}");
    assert_eq!(run["summary"]["sum_theirs"]["CNY"], 500, "{run}");

    // Another edition is for what comes then: the run that there is stays, bit for bit.
    let (code, said) = put(&layout("Net"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("edition 2"), "{said}");
    assert_eq!(desk.run_anew(), run);
    // The same file once more, read by it, is another edition of the bill.
    let read = desk.operator("PUT", &target, bill).json();
    assert_eq!((&read["edition"], &read["digest"]), (&json!(2), &run["bill_digest"]), "{read}");
    let second = desk.run_anew();
    assert_eq!(second["layout"]["digest"], read["layout_digest"], "{second}");
    assert_eq!(second["summary"]["sum_theirs"]["CNY"], 497, "{second}");
    assert_ne!(second["id"], run["id"]);
    // A file of a known layout is read by that one.
    let own = format!(
        "at,kind,reference,minor,currency,Txn,Gross\n{}T09:30:00+08:00,payment,x,7,CNY,,\n",
        desk.day
    );
    assert_eq!(desk.operator("PUT", &target, own).json()["layout"], "lezai-movements");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}
