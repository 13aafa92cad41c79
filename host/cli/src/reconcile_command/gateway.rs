//! A day of a channel's, reconciled by the gateway.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, number, text};

/// Has a day reconciled and prints what it came to. The exit code is 0 if nothing is open, 1 if something
/// is, and 2 if it could not be said.
pub(super) async fn run(
    operator: &OperatorArgs,
    channel: &str,
    date: &str,
    as_json: bool,
) -> ExitCode {
    match reconcile(operator, channel, date).await {
        Ok((run, differences)) => {
            let open = differences.iter().filter(|it| is_open(it)).count();
            if as_json {
                for it in &differences {
                    say!("{it}");
                }
                say!("{run}");
            } else {
                say!("{}", report(&run, &differences));
            }
            ExitCode::from(u8::from(open > 0))
        }
        Err(Failed::Refused(why) | Failed::NotDone(why)) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

async fn reconcile(
    operator: &OperatorArgs,
    channel: &str,
    date: &str,
) -> Result<(Value, Vec<Value>), Failed> {
    let call = OperatorCall {
        method: Method::POST,
        target: "/admin/v1/reconciliations",
        idempotency_key: None,
        body: Some(json!({ "channel": channel, "date": date }).to_string()),
    };
    let run = outcome::parse(&operator.ask(call).await?)?;
    let target = format!("/admin/v1/differences?limit=100&reconciliation={}", text(&run["id"]));
    let (mut differences, mut after) = (Vec::new(), String::new());
    loop {
        let page = operator.ask(OperatorCall::get(&format!("{target}{after}"))).await?;
        let page = outcome::parse(&page)?;
        differences.extend(page["data"].as_array().into_iter().flatten().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok((run, differences)),
        }
    }
}

/// The range of entries; of several chains how many there are.
fn entries(run: &Value) -> String {
    let ends = |name: &str| -> Vec<u64> {
        run[name].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
    };
    match (&ends("after_entries")[..], &ends("to_entries")[..]) {
        ([after], [to]) => format!("entries after {after} to {to}"),
        (after, to) => {
            let count: u64 =
                to.iter().zip(after).map(|(to, after)| to.saturating_sub(*after)).sum();
            format!("{count} entries of {} chains", to.len())
        }
    }
}

fn is_open(difference: &Value) -> bool {
    difference["status"] == "open"
}

fn report(run: &Value, differences: &[Value]) -> String {
    let digest = text(&run["bill_digest"]);
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let mut lines = vec![
        format!(
            "{} of {}  {}, by edition {} of its bill, sha-256 {}",
            text(&run["channel"]),
            text(&run["date"]),
            text(&run["id"]),
            run["edition"],
            short(digest)
        ),
        entries(run),
        String::new(),
    ];
    lines.extend(classes(&run["summary"], "movements"));
    let others =
        [("funds", "of its bill of funds", "trades"), ("bank", "of the bank's statement", "funds")];
    for (member, of, ours) in others.into_iter().filter(|it| run[it.0].is_object()) {
        let (edition, digest) = (&run[member]["edition"], short(text(&run[member]["digest"])));
        lines.push(String::new());
        lines.push(format!("by edition {edition} {of}, sha-256 {digest}"));
        lines.extend(classes(&run["summary"][member], ours));
    }
    lines.push(String::new());
    let mut open: Vec<&Value> = differences.iter().filter(|it| is_open(it)).collect();
    open.reverse();
    if open.is_empty() {
        lines.push("nothing is open".to_owned());
    } else {
        lines.push(format!("{} open:", open.len()));
        lines.extend(open.into_iter().map(line));
    }
    lines.join("\n")
}

/// The classes of two sides, the second of which has this name.
fn classes(summary: &Value, ours: &str) -> Vec<String> {
    let mut lines = vec![format!("{:<15}{:<14}{:>7}{ours:>11}", "class", "cleared by", "lines")];
    for class in summary["classes"].as_array().into_iter().flatten() {
        let open = class["class"] != "matched" && class["cleared_by"].is_null();
        let cleared = class["cleared_by"].as_str().unwrap_or(if open { "open" } else { "" });
        lines.push(format!(
            "{:<15}{cleared:<14}{:>7}{:>11}",
            text(&class["class"]),
            number(&class["lines"]),
            number(&class["movements"])
        ));
    }
    lines
}

/// A difference in a line.
fn line(difference: &Value) -> String {
    let found = &difference["found"];
    let side = if found["theirs"].is_object() { &found["theirs"] } else { &found["ours"] };
    format!(
        "{}  {:<13}  {} {}  {}",
        text(&difference["id"]),
        text(&difference["class"]),
        text(&side["kind"]),
        text(&side["reference"]),
        text(&found["reason"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_is_reported_with_its_classes_and_what_is_open() {
        let run = json!({
            "id": "rec_1", "channel": "sandbox", "date": "2026-11-18", "edition": 1,
            "bill_digest": "cb3398584243ffff", "after_entries": [0], "to_entries": [9],
            "summary": { "classes": [
                { "class": "matched", "cleared_by": null, "lines": 1, "movements": 1 },
                { "class": "missing_there", "cleared_by": null, "lines": 0, "movements": 1 },
                { "class": "timing", "cleared_by": "cut_off", "lines": 1, "movements": 0 },
            ] },
        });
        let open = json!({
            "id": "dif_1", "class": "missing_there", "status": "open",
            "found": { "theirs": null, "ours": { "kind": "payment", "reference": "0193" }, "reason": "the books have it, the bill does not" },
        });
        let cleared = json!({ "id": "dif_2", "class": "timing", "status": "cleared", "found": {} });
        assert_eq!(
            report(&run, &[open, cleared]),
            "sandbox of 2026-11-18  rec_1, by edition 1 of its bill, sha-256 cb3398584243\n\
             entries after 0 to 9\n\n\
             class          cleared by      lines  movements\n\
             matched                            1          1\n\
             missing_there  open                0          1\n\
             timing         cut_off             1          0\n\n\
             1 open:\n\
             dif_1  missing_there  payment 0193  the books have it, the bill does not"
        );
        assert!(report(&run, &[]).ends_with("\n\nnothing is open"));
        let mut both = run;
        both["funds"] = json!({ "edition": 2, "digest": "0123456789abcdef" });
        both["summary"]["funds"] = json!({ "classes": [
            { "class": "fee", "cleared_by": "fee_rounding", "lines": 1, "movements": 1 },
        ] });
        let mut all = both.clone();
        all["bank"] = json!({ "edition": 1, "digest": "fedcba9876543210" });
        all["summary"]["bank"] = json!({ "classes": [
            { "class": "missing_there", "cleared_by": "on_its_way", "lines": 0, "movements": 1 },
        ] });
        assert!(report(&all, &[]).ends_with(
            "\n\nby edition 1 of the bank's statement, sha-256 fedcba987654\n\
             class          cleared by      lines      funds\n\
             missing_there  on_its_way          0          1\n\n\
             nothing is open"
        ));
        assert!(report(&both, &[]).ends_with(
            "\n\nby edition 2 of its bill of funds, sha-256 0123456789ab\n\
             class          cleared by      lines     trades\n\
             fee            fee_rounding        1          1\n\n\
             nothing is open"
        ));
    }
}
