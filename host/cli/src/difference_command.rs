//! `lezai difference`: looks at the differences between channels' bills and the books, and resolves them.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, PageArgs, text};

/// Commands on differences.
#[derive(Debug, clap::Subcommand)]
pub enum DifferenceCommand {
    /// List the differences of a status, newest first.
    List(ListArgs),
    /// Show a difference with both sides.
    Show(ShowArgs),
    /// Say who takes care of a difference.
    Assign(AssignArgs),
    /// Resolve a difference: explain it, or book its amount.
    Resolve(ResolveArgs),
    /// Approve a resolution that needs a second person.
    Approve(DecideArgs),
    /// Refuse a resolution that needs a second person: the difference is open again.
    Refuse(DecideArgs),
}

/// Which differences.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// open, expected, paired, cleared, superseded, proposed, returning or resolved.
    #[arg(long, default_value = "open")]
    status: String,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which difference.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The difference.
    difference: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which difference, and whose it is.
#[derive(Debug, clap::Args)]
pub struct AssignArgs {
    /// The difference.
    difference: String,
    /// The person who takes care of it.
    #[arg(long, value_name = "PERSON")]
    owner: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// How a difference is resolved.
#[derive(Debug, clap::Args)]
pub struct ResolveArgs {
    /// The difference.
    difference: String,
    /// The action that resolves it.
    #[arg(long, value_parser = ["explain", "suspense", "write_off", "accept_fee", "ask_channel", "book_late", "return"])]
    act: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The person who resolves it.
    #[arg(long, value_name = "PERSON")]
    by: String,
    /// Sent once more with the same key, it is answered as the first time [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// The difference, and the person who decides.
#[derive(Debug, clap::Args)]
pub struct DecideArgs {
    /// The difference.
    difference: String,
    /// The person who decides: another than who proposed.
    #[arg(long, value_name = "PERSON")]
    by: String,
    /// Sent once more with the same key, it is answered as the first time [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: DifferenceCommand) -> ExitCode {
    outcome::finish(match command {
        DifferenceCommand::List(args) => list(&args).await,
        DifferenceCommand::Show(args) => show(&args).await,
        DifferenceCommand::Assign(args) => {
            let body = json!({ "owner": args.owner });
            post(&args.operator, &args.difference, "owner", None, &body).await
        }
        DifferenceCommand::Resolve(args) => {
            let body = json!({ "act": args.act, "reason": args.reason, "by": args.by });
            let key = args.idempotency_key.as_ref();
            post(&args.operator, &args.difference, "resolution", key, &body).await
        }
        DifferenceCommand::Approve(args) => decide(&args, "approve").await,
        DifferenceCommand::Refuse(args) => decide(&args, "refuse").await,
    })
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let target = format!("/admin/v1/differences?status={}&{}", args.status, args.page.query());
    let found = outcome::parse(&args.operator.ask(OperatorCall::get(&target)).await?)?;
    Ok(args.page.show(&found, line, &format!("no difference is {}", args.status)))
}

async fn show(args: &ShowArgs) -> Result<String, Failed> {
    let target = format!("/admin/v1/differences/{}", args.difference);
    let found = outcome::parse(&args.operator.ask(OperatorCall::get(&target)).await?)?;
    let whole = serde_json::to_string_pretty(&found).unwrap_or_default();
    Ok(format!("{}\n{whole}", line(&found)))
}

async fn decide(args: &DecideArgs, verdict: &str) -> Result<String, Failed> {
    let body = json!({ "verdict": verdict, "by": args.by });
    post(&args.operator, &args.difference, "approval", args.idempotency_key.as_ref(), &body).await
}

async fn post(
    operator: &OperatorArgs,
    difference: &str,
    name: &str,
    key: Option<&String>,
    body: &Value,
) -> Result<String, Failed> {
    let call = OperatorCall {
        method: Method::POST,
        target: &format!("/admin/v1/differences/{difference}/{name}"),
        idempotency_key: Some(&outcome::key_or_random(key)),
        body: Some(body.to_string()),
    };
    Ok(line(&outcome::parse(&operator.ask(call).await?)?))
}

/// A difference in a line: where, what, how much, how it stands, whose it is.
fn line(difference: &Value) -> String {
    let surplus = match difference["surplus"].as_i64() {
        Some(minor) => format!("{minor:+} {}", text(&difference["currency"])),
        None => "no amount".to_owned(),
    };
    format!(
        "{}  {} {}  {}  {surplus}  {}, {} days, {}  {}",
        text(&difference["id"]),
        text(&difference["channel"]),
        text(&difference["date"]),
        text(&difference["class"]),
        text(&difference["status"]),
        difference["age_days"],
        difference["owner"].as_str().unwrap_or("nobody's"),
        text(&difference["found"]["reason"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_a_line() {
        let mut difference = json!({
            "id": "dif_1", "channel": "wechat", "date": "2026-11-18", "class": "amount", "status": "open",
            "surplus": -1, "currency": "CNY", "age_days": 2, "found": { "reason": "amount: 1.00 CNY there, 1.01 CNY here" },
        });
        let expected = "dif_1  wechat 2026-11-18  amount  -1 CNY  open, 2 days, nobody's  amount: 1.00 CNY there, 1.01 CNY here";
        assert_eq!(line(&difference), expected);
        difference["owner"] = json!("li");
        difference["surplus"] = Value::Null;
        assert!(line(&difference).contains("  no amount  open, 2 days, li  "));
    }
}
