//! `lezai contract`: shows a merchant's contracts, and agrees on the next one.

use std::path::PathBuf;
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{self, OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, number, text};

/// Commands on contracts.
#[derive(Debug, clap::Subcommand)]
pub enum ContractCommand {
    /// List a merchant's contracts, newest first.
    List(ListArgs),
    /// Show a contract: what it changes, and all of it.
    Show(ShowArgs),
    /// Agree on a merchant's next contract. The same file under the same number changes nothing.
    Put(PutArgs),
}

/// Whose contracts.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    of: Of,
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
}

/// Which contract.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The contract's number.
    number: u32,
    #[command(flatten)]
    of: Of,
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
}

/// The contract, and when it comes into force.
#[derive(Debug, clap::Args)]
pub struct PutArgs {
    /// The contract, as JSON: docs/payouts.md has its form.
    file: PathBuf,
    #[command(flatten)]
    of: Of,
    /// The contract's number [default: one more than that of the last].
    #[arg(long, value_name = "NUMBER")]
    number: Option<u32>,
    /// In force from this time on [default: as soon as the notice allows].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
}

/// Whose, at which gateway.
#[derive(Debug, clap::Args)]
struct Of {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    merchant: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

impl Of {
    async fn ask(&self, method: Method, part: &str, body: Option<String>) -> Result<Value, Failed> {
        let target = &format!("/admin/v1/merchants/{}/contracts{part}", self.merchant);
        let call = OperatorCall { method, target, idempotency_key: None, body };
        outcome::parse(&self.operator.ask(call).await?)
    }
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: ContractCommand) -> ExitCode {
    outcome::finish(match command {
        ContractCommand::List(args) => list(&args).await,
        ContractCommand::Show(args) => show(&args).await,
        ContractCommand::Put(args) => put(&args).await,
    })
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let found = args.of.ask(Method::GET, "", None).await?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(outcome::page(&found, line, "the merchant has no contract: the standard holds"))
}

async fn show(args: &ShowArgs) -> Result<String, Failed> {
    let found = args.of.ask(Method::GET, &format!("/{}", args.number), None).await?;
    Ok(if args.json { found.to_string() } else { whole(&found) })
}

async fn put(args: &PutArgs) -> Result<String, Failed> {
    let contract: Value = serde_json::from_slice(&operator::read(&args.file)?)
        .map_err(|error| Failed::NotDone(format!("{}: {error}", args.file.display())))?;
    let number = match args.number {
        Some(number) => u64::from(number),
        None => {
            let found = args.of.ask(Method::GET, "", None).await?;
            found["data"][0]["number"].as_u64().unwrap_or_default() + 1
        }
    };
    let mut body = json!({ "contract": contract });
    if let Some(from) = &args.from {
        body["in_force_from"] = json!(from);
    }
    let put = args.of.ask(Method::PUT, &format!("/{number}"), Some(body.to_string())).await?;
    Ok(changes(&put))
}

/// A contract in a line.
fn line(contract: &Value) -> String {
    let differences = contract["differences"].as_array().map_or(0, Vec::len);
    format!(
        "{:<4} {:<9}  from {}  {differences} differences",
        number(&contract["number"]),
        text(&contract["status"]),
        text(&contract["in_force_from"]),
    )
}

/// A contract's line, and a line for each difference from the contract before it.
fn changes(contract: &Value) -> String {
    let difference = |it: &Value| {
        let worse = if it["worse"] == true { "  worse for the merchant" } else { "" };
        format!("  {}: {} -> {}{worse}", text(&it["path"]), text(&it["old"]), text(&it["new"]))
    };
    let differences = contract["differences"].as_array().into_iter().flatten().map(difference);
    let lines: Vec<String> = std::iter::once(line(contract)).chain(differences).collect();
    lines.join("\n")
}

fn whole(contract: &Value) -> String {
    let terms = serde_json::to_string_pretty(&contract["contract"]).unwrap_or_default();
    format!("{}\n{terms}", changes(contract))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_is_shown_with_its_differences() {
        let contract = json!({
            "number": 2, "status": "announced", "in_force_from": "2026-12-18T00:00:00Z",
            "differences": [
                { "path": "fees.payout.CNY.fixed", "old": "100", "new": "200", "worse": true },
                { "path": "settlement.pay_to", "new": "bank_account", "worse": false },
            ],
            "contract": { "day": { "cut_off": "16:00" } },
        });
        assert_eq!(
            whole(&contract),
            "2    announced  from 2026-12-18T00:00:00Z  2 differences\n  \
             fees.payout.CNY.fixed: 100 -> 200  worse for the merchant\n  \
             settlement.pay_to: - -> bank_account\n\
             {\n  \"day\": {\n    \"cut_off\": \"16:00\"\n  }\n}"
        );
    }
}
