//! `lezai payout`: asks for payouts as the merchant, and decides on them as the operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::CallerArgs;
use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, PageArgs, text};

/// Commands on payouts.
#[derive(Debug, clap::Subcommand)]
pub enum PayoutCommand {
    /// List the merchant's payouts, or every merchant's of one status, newest first.
    List(ListArgs),
    /// Show a payout of the merchant's.
    Show(ShowArgs),
    /// Pay out what is available, as the merchant.
    Create(CreateArgs),
    /// List the merchant's batches of payouts, or every merchant's that need approval, newest first.
    Batches(BatchesArgs),
    /// Pay out to many at once, as the merchant: all of it is accepted, or nothing.
    CreateBatch(CreateBatchArgs),
    /// Approve a payout or a whole batch that needs it, as the operator.
    Approve(DecideArgs),
    /// Refuse a payout or a whole batch that needs approval, as the operator: the money is available again.
    Refuse(DecideArgs),
    /// Ask the channel again about a payout that it was silent on, as the operator.
    Resume(ResumeArgs),
}

/// Which payouts.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only those of one status, such as paid.
    #[arg(long)]
    status: Option<String>,
    /// Only those of a batch.
    #[arg(long, value_name = "BATCH")]
    batch: Option<String>,
    /// Those of every merchant, or of any merchant's batch, as the operator [default: those to be approved one by one,
    /// or all of the batch].
    #[arg(long)]
    all_merchants: bool,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Which batches.
#[derive(Debug, clap::Args)]
pub struct BatchesArgs {
    /// Those of every merchant that need approval, as the operator.
    #[arg(long)]
    all_merchants: bool,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The batch to create.
#[derive(Debug, clap::Args)]
pub struct CreateBatchArgs {
    /// A file with the body of `POST /v1/payout_batches`, as JSON.
    file: PathBuf,
    /// Sent once more with the same key, it is one batch [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Which payout, or which batch.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The payout (po_…) or the batch (pob_…).
    payout: String,
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

/// How much, and where to.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The merchant's own number for it.
    #[arg(long, value_name = "NUMBER")]
    number: String,
    /// The amount that arrives, in minor units.
    #[arg(long, value_name = "MINOR")]
    amount: i64,
    /// ISO 4217.
    #[arg(long, default_value = "CNY")]
    currency: String,
    /// The kind of account that it goes to: bank_account or wallet.
    #[arg(long, default_value = "bank_account")]
    kind: String,
    /// The account's number or name.
    #[arg(long)]
    account: String,
    /// Whose account it is.
    #[arg(long, value_name = "NAME")]
    holder: Option<String>,
    /// Take it from what is available to this receiver.
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    /// The text that the recipient reads.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Do not send it before this time.
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Sent once more with the same key, it is one payout [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Which payout or batch, and why.
#[derive(Debug, clap::Args)]
pub struct DecideArgs {
    /// The payout (po_…) or the batch (pob_…).
    payout: String,
    /// Why, for the merchant to read.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Sent once more with the same key, a decision is answered as the first time [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which payout.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The payout.
    payout: String,
    /// Sent once more with the same key, it is done once [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: PayoutCommand) -> ExitCode {
    outcome::finish(match command {
        PayoutCommand::List(args) => list(&args).await,
        PayoutCommand::Show(args) => show(&args).await,
        PayoutCommand::Create(args) => create(&args).await,
        PayoutCommand::Batches(args) => batches(&args).await,
        PayoutCommand::CreateBatch(args) => create_batch(&args).await,
        PayoutCommand::Approve(args) => decide(&args, "approve").await,
        PayoutCommand::Refuse(args) => decide(&args, "refuse").await,
        PayoutCommand::Resume(args) => resume(&args).await,
    })
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let status = args.status.as_ref().map(|it| format!("&status={it}")).unwrap_or_default();
    let query = args.page.query() + &status;
    let list = match &args.batch {
        Some(batch) => format!("v1/payout_batches/{batch}/payouts?{query}"),
        None => format!("v1/payouts?{query}"),
    };
    let found = if args.all_merchants {
        of_all_merchants(&args.caller, &format!("/admin/{list}")).await?
    } else {
        args.caller.ask("GET", &format!("/{list}"), None, None).await?
    };
    Ok(args.page.show(&found, line, "there is no such payout"))
}

/// The operator's view, read with the token of the merchant's data folder.
async fn of_all_merchants(caller: &CallerArgs, target: &str) -> Result<Value, Failed> {
    let operator = OperatorArgs {
        gateway: caller.gateway.clone(),
        data: caller.data_dir.clone().into(),
        admin_token_file: None,
    };
    let call = OperatorCall { method: Method::GET, target, idempotency_key: None, body: None };
    outcome::parse(&operator.ask(call).await?)
}

async fn batches(args: &BatchesArgs) -> Result<String, Failed> {
    let query = args.page.query();
    let found = if args.all_merchants {
        of_all_merchants(&args.caller, &format!("/admin/v1/payout_batches?{query}")).await?
    } else {
        args.caller.ask("GET", &format!("/v1/payout_batches?{query}"), None, None).await?
    };
    Ok(args.page.show(&found, batch_line, "there is no such batch"))
}

async fn create_batch(args: &CreateBatchArgs) -> Result<String, Failed> {
    let body = fs::read(&args.file).map_err(|error| unreadable(&args.file, &error))?;
    let body = serde_json::from_slice(&body).map_err(|error| unreadable(&args.file, &error))?;
    let key = outcome::key_or_random(args.idempotency_key.as_ref());
    if args.idempotency_key.is_none() {
        eprintln!("to repeat the same request: --idempotency-key {key}");
    }
    let created = args.caller.ask("POST", "/v1/payout_batches", Some(&key), Some(&body)).await?;
    Ok(batch_line(&created))
}

fn unreadable(file: &Path, why: &dyn std::fmt::Display) -> Failed {
    Failed::NotDone(format!("{}: {why}", file.display()))
}

/// Whether an id is that of a batch.
fn is_batch(id: &str) -> bool {
    id.starts_with("pob_")
}

async fn show(args: &ShowArgs) -> Result<String, Failed> {
    let (of, shown): (_, fn(&Value) -> String) = match is_batch(&args.payout) {
        true => ("payout_batches", batch_details),
        false => ("payouts", details),
    };
    let target = format!("/v1/{of}/{}", args.payout);
    let found = args.caller.ask("GET", &target, None, None).await?;
    Ok(if args.json { found.to_string() } else { shown(&found) })
}

async fn create(args: &CreateArgs) -> Result<String, Failed> {
    let mut body = json!({
        "merchant_payout_id": args.number, "amount": args.amount, "currency": args.currency,
        "destination": { "kind": args.kind, "account": args.account },
    });
    for (name, value) in [
        ("receiver", &args.receiver),
        ("description", &args.description),
        ("not_before", &args.not_before),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    if let Some(holder) = &args.holder {
        body["destination"]["holder"] = json!(holder);
    }
    let key = outcome::key_or_random(args.idempotency_key.as_ref());
    if args.idempotency_key.is_none() {
        eprintln!("to repeat the same request: --idempotency-key {key}");
    }
    Ok(line(&args.caller.ask("POST", "/v1/payouts", Some(&key), Some(&body)).await?))
}

async fn decide(args: &DecideArgs, verdict: &str) -> Result<String, Failed> {
    let (of, shown): (_, fn(&Value) -> String) = match is_batch(&args.payout) {
        true => ("payout_batches", batch_line),
        false => ("payouts", line),
    };
    let call = OperatorCall {
        method: Method::POST,
        target: &format!("/admin/v1/{of}/{}/decision", args.payout),
        idempotency_key: Some(&outcome::key_or_random(args.idempotency_key.as_ref())),
        body: Some(json!({ "verdict": verdict, "reason": args.reason }).to_string()),
    };
    Ok(shown(&outcome::parse(&args.operator.ask(call).await?)?))
}

async fn resume(args: &ResumeArgs) -> Result<String, Failed> {
    let call = OperatorCall {
        method: Method::POST,
        target: &format!("/admin/v1/payouts/{}/resume", args.payout),
        idempotency_key: Some(&outcome::key_or_random(args.idempotency_key.as_ref())),
        body: None,
    };
    Ok(line(&outcome::parse(&args.operator.ask(call).await?)?))
}

/// A payout in a line; with its merchant if the operator reads it.
fn line(found: &Value) -> String {
    let payout = if found["payout"].is_object() { &found["payout"] } else { found };
    let merchant = found["merchant"].as_str().map(|it| format!("{it}  ")).unwrap_or_default();
    let attention: Vec<_> =
        payout["attention"].as_array().into_iter().flatten().map(text).collect();
    format!(
        "{}  {merchant}{}  {} {} and {} fee  {}  {} {}  {}",
        text(&payout["id"]),
        text(&payout["merchant_payout_id"]),
        payout["amount"],
        text(&payout["currency"]),
        payout["fee"],
        text(&payout["status"]),
        text(&payout["destination"]["kind"]),
        text(&payout["destination"]["account"]),
        attention.join(" ")
    )
    .trim_end()
    .to_owned()
}

/// A batch in a line; with its merchant if the operator reads it.
fn batch_line(found: &Value) -> String {
    let batch = if found["payout_batch"].is_object() { &found["payout_batch"] } else { found };
    let merchant = found["merchant"].as_str().map(|it| format!("{it}  ")).unwrap_or_default();
    format!(
        "{}  {merchant}{}  {} payouts of {} {} and {} fee  {}",
        text(&batch["id"]),
        text(&batch["merchant_payout_batch_id"]),
        batch["total_count"],
        batch["total_amount"],
        text(&batch["currency"]),
        batch["fee"],
        text(&batch["status"]),
    )
}

/// A batch's line, and how much of it is in which state.
fn batch_details(batch: &Value) -> String {
    let mut lines = vec![batch_line(batch)];
    for it in batch["by_status"].as_array().into_iter().flatten() {
        lines.push(format!("  {:<14} {:>4} of {}", text(&it["status"]), it["count"], it["amount"]));
    }
    for name in ["created_at", "closed_at"] {
        if let Some(value) = batch[name].as_str() {
            lines.push(format!("  {name:<14} {value}"));
        }
    }
    if let Some(verdict) = batch["approval"]["verdict"].as_str() {
        lines.push(format!("  {:<14} {verdict}, {}", "approval", text(&batch["approval"]["at"])));
    }
    lines.join("\n")
}

/// A payout's line, and what else is known of it.
fn details(payout: &Value) -> String {
    let mut lines = vec![line(payout)];
    for name in ["created_at", "not_before", "sent_at", "paid_at", "channel_ref", "settlement_id"] {
        if let Some(value) = payout[name].as_str() {
            lines.push(format!("  {name:<13} {value}"));
        }
    }
    if let Some(code) = payout["failure"]["code"].as_str() {
        lines.push(format!("  {:<13} {code}, {}", "failure", text(&payout["failure"]["at"])));
    }
    if let Some(verdict) = payout["approval"]["verdict"].as_str() {
        lines.push(format!("  {:<13} {verdict}, {}", "approval", text(&payout["approval"]["at"])));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_is_a_line_and_its_states() {
        let batch = json!({
            "id": "pob_1", "merchant_payout_batch_id": "B-1", "currency": "CNY", "total_amount": 9000, "total_count": 2,
            "fee": 200, "status": "open", "created_at": "2026-11-18T11:06:40Z",
            "by_status": [{ "status": "sent", "count": 1, "amount": 3000 }, { "status": "paid", "count": 1, "amount": 6000 }],
        });
        let expected = "pob_1  B-1  2 payouts of 9000 CNY and 200 fee  open";
        assert_eq!(batch_line(&batch), expected);
        assert_eq!(
            batch_details(&batch),
            format!(
                "{expected}\n  sent           1 of 3000\n  paid           1 of 6000\n  created_at     2026-11-18T11:06:40Z"
            )
        );
        let seen = json!({ "merchant": "m_tea", "payout_batch": batch });
        assert!(batch_line(&seen).starts_with("pob_1  m_tea  B-1"));
    }

    #[test]
    fn payout_is_a_line_for_both_sides() {
        let payout = json!({
            "id": "po_1", "merchant_payout_id": "P-1", "amount": 10_978, "currency": "CNY", "fee": 100,
            "status": "sent", "destination": { "kind": "wallet", "account": "****77" },
            "attention": ["amount"], "sent_at": "2026-11-18T11:06:40Z",
        });
        let expected = "po_1  P-1  10978 CNY and 100 fee  sent  wallet ****77  amount";
        assert_eq!(line(&payout), expected);
        assert_eq!(details(&payout), format!("{expected}\n  sent_at       2026-11-18T11:06:40Z"));
        let seen = json!({ "merchant": "m_tea", "channel": "sandbox", "payout": payout });
        assert!(line(&seen).starts_with("po_1  m_tea  P-1"), "{}", line(&seen));
    }
}
