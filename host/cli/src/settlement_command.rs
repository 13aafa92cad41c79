//! `lezai settlement` reads a merchant's batches; `lezai settle` closes, as the operator, what a cut-off
//! has left open, or shows what would be closed.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use crate::caller::CallerArgs;
use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, PageArgs, number, text};

/// Commands on settlement batches.
#[derive(Debug, clap::Subcommand)]
pub enum SettlementCommand {
    /// List the merchant's batches, newest first.
    List(ListArgs),
    /// Show a batch and its lines.
    Show(ShowArgs),
}

/// Which batches.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Which batch.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The batch.
    settlement: String,
    /// Print the batch as JSON, without its lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Whose batches are closed.
#[derive(Debug, clap::Args)]
pub struct SettleArgs {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    merchant: String,
    /// Close nothing: show what each batch would be if it were closed now.
    #[arg(long)]
    dry_run: bool,
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: SettlementCommand) -> ExitCode {
    outcome::finish(match command {
        SettlementCommand::List(args) => list(&args).await,
        SettlementCommand::Show(args) => show(&args).await,
    })
}

/// Closes, or shows what would be closed. The exit codes are those of [`run`].
pub async fn settle(args: SettleArgs) -> ExitCode {
    outcome::finish(close(&args).await)
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let target = format!("/v1/settlements?{}", args.page.query());
    let found = args.caller.ask("GET", &target, None, None).await?;
    Ok(args.page.show(&found, line, "no batch is closed yet"))
}

async fn show(args: &ShowArgs) -> Result<String, Failed> {
    let target = format!("/v1/settlements/{}", args.settlement);
    let found = args.caller.ask("GET", &target, None, None).await?;
    if args.json {
        return Ok(found.to_string());
    }
    say!("{}", line(&found));
    let mut after = String::new();
    loop {
        let part = format!("{target}/lines?limit=100{after}");
        let part = args.caller.ask("GET", &part, None, None).await?;
        for it in part["data"].as_array().into_iter().flatten() {
            say!("{}", entry(it));
        }
        match part["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(sums(&found)),
        }
    }
}

async fn close(args: &SettleArgs) -> Result<String, Failed> {
    let (method, name) = match args.dry_run {
        true => (Method::GET, "open"),
        false => (Method::POST, "close"),
    };
    let target = &format!("/admin/v1/merchants/{}/settlements/{name}", args.merchant);
    let call = OperatorCall { method, target, idempotency_key: None, body: None };
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(match args.dry_run {
        true => outcome::page(&found, open, "the merchant has nothing in any currency"),
        false => outcome::page(&found, line, "no cut-off of the merchant's has passed"),
    })
}

/// The outcome of a batch, as text.
fn outcome_of(batch: &Value) -> String {
    match batch["carried_because"].as_str() {
        Some(why) => format!("carried {}, {why}", batch["carried"]),
        None => format!(
            "paid {} and {} fee, {}",
            batch["paid"],
            batch["fee"],
            text(&batch["payout_id"])
        ),
    }
}

/// A batch in a line.
fn line(batch: &Value) -> String {
    let late = if batch["late"] == true { "  late" } else { "" };
    format!(
        "{}  {}  {} {}  {} lines  {}{late}",
        text(&batch["id"]),
        text(&batch["day"]),
        batch["closing"],
        text(&batch["currency"]),
        batch["lines"],
        outcome_of(batch)
    )
}

/// A batch that is not closed, in a line.
fn open(batch: &Value) -> String {
    let pays = match batch["carried_because"].as_str() {
        Some(why) => format!("would be carried, {why}"),
        None => format!("would pay {} and {} fee", batch["pays"], batch["fee"]),
    };
    format!(
        "{}  {} -> {}  {} lines  closes {}  {pays}",
        text(&batch["currency"]),
        batch["opening"],
        batch["closing"],
        batch["lines"],
        text(&batch["closes_at"])
    )
}

fn entry(line: &Value) -> String {
    format!(
        "  {:>8}  {}  {:+} {}  {}  {}",
        number(&line["entry"]),
        text(&line["booked_at"]),
        line["amount"].as_i64().unwrap_or_default(),
        text(&line["currency"]),
        text(&line["kind"]),
        text(&line["subject"])
    )
}

fn sums(batch: &Value) -> String {
    let minor = |name: &str| batch[name].as_i64().unwrap_or_default();
    format!("  {} before, {:+} in it, {} after", minor("opening"), minor("net"), minor("closing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn batch_is_a_line_whatever_came_of_it() {
        let mut batch = json!({
            "id": "stl_1", "day": "2026-11-18", "closing": 32_675, "currency": "CNY", "lines": 2,
            "paid": 32_575, "fee": 100, "payout_id": "po_1", "late": false, "carried": 0,
        });
        let paid = "stl_1  2026-11-18  32675 CNY  2 lines  paid 32575 and 100 fee, po_1";
        assert_eq!(line(&batch), paid);
        batch["carried_because"] = json!("manual");
        batch["carried"] = json!(32_675);
        batch["late"] = json!(true);
        let carried = "stl_1  2026-11-18  32675 CNY  2 lines  carried 32675, manual  late";
        assert_eq!(line(&batch), carried);
    }

    #[test]
    fn open_batch_says_what_it_would_pay() {
        let mut batch = json!({
            "currency": "CNY", "opening": 0, "closing": 900, "lines": 1, "pays": 800, "fee": 100,
            "closes_at": "2026-11-18T08:00:00Z",
        });
        assert_eq!(
            open(&batch),
            "CNY  0 -> 900  1 lines  closes 2026-11-18T08:00:00Z  would pay 800 and 100 fee"
        );
        batch["carried_because"] = json!("below_minimum");
        assert!(open(&batch).ends_with("would be carried, below_minimum"));
    }
}
