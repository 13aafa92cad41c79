//! `lezai fees simulate`: what a contract's fees would have come to over orders that are paid.

use std::path::PathBuf;
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{self, OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Commands on fees.
#[derive(Debug, clap::Subcommand)]
pub enum FeesCommand {
    /// Run a contract's payment fees over a merchant's paid orders; nothing is changed.
    Simulate(SimulateArgs),
}

/// Which contract, over which orders.
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// The contract, as JSON: docs/payouts.md has its form.
    file: PathBuf,
    /// The merchant.
    #[arg(long, value_name = "ID")]
    merchant: String,
    /// Over the orders of so many days.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=92))]
    days: u32,
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: FeesCommand) -> ExitCode {
    let FeesCommand::Simulate(args) = command;
    outcome::finish(simulate(&args).await)
}

async fn simulate(args: &SimulateArgs) -> Result<String, Failed> {
    let contract: Value = serde_json::from_slice(&operator::read(&args.file)?)
        .map_err(|error| Failed::NotDone(format!("{}: {error}", args.file.display())))?;
    let call = OperatorCall {
        method: Method::POST,
        target: &format!("/admin/v1/merchants/{}/fees/simulate", args.merchant),
        idempotency_key: None,
        body: Some(json!({ "contract": contract, "days": args.days }).to_string()),
    };
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    Ok(if args.json { found.to_string() } else { report(&found) })
}

/// Old and new totals for each currency, and the orders whose fee would rise the most.
fn report(found: &Value) -> String {
    let mut lines = vec![format!("{} paid orders since {}", found["orders"], text(&found["from"]))];
    for total in found["totals"].as_array().into_iter().flatten() {
        let number = |name: &str| text(&total[name]).parse::<i128>().unwrap_or_default();
        lines.push(format!(
            "{}  {} orders, captured {}: fees {} -> {} ({:+})",
            text(&total["currency"]),
            total["orders"],
            text(&total["captured"]),
            text(&total["old"]),
            text(&total["new"]),
            number("new") - number("old"),
        ));
        let parts = total["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        // Of payments alone there is nothing more to say.
        for part in parts.iter().filter(|_| parts.len() > 1) {
            let (kind, old, new) = (text(&part["kind"]), text(&part["old"]), text(&part["new"]));
            lines.push(format!("  {kind:<8} {old} -> {new}"));
        }
    }
    let hardest = found["hardest"].as_array().into_iter().flatten();
    let hardest: Vec<String> = hardest.map(order).collect();
    if !hardest.is_empty() {
        lines.push("hit hardest:".to_owned());
        lines.extend(hardest);
    }
    lines.join("\n")
}

fn order(change: &Value) -> String {
    let minor = |name: &str| change[name].as_i64().unwrap_or_default();
    format!(
        "  {}  {} {}: {} -> {} ({:+})",
        text(&change["order_id"]),
        minor("captured"),
        text(&change["currency"]),
        minor("old"),
        minor("new"),
        minor("new") - minor("old"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulation_shows_totals_and_the_orders_hit_hardest() {
        let found = json!({
            "orders": 2, "from": "2026-11-01T00:00:00Z",
            "totals": [{
                "currency": "CNY", "orders": 2, "captured": "32800", "old": "125", "new": "197",
                "parts": [{ "kind": "payment", "old": "125", "new": "187" }, { "kind": "refund", "old": "0", "new": "10" }],
            }],
            "hardest": [{ "order_id": "ord_1", "captured": 20000, "currency": "CNY", "old": 76, "new": 120 }],
        });
        assert_eq!(
            report(&found),
            "2 paid orders since 2026-11-01T00:00:00Z\n\
             CNY  2 orders, captured 32800: fees 125 -> 197 (+72)\n\
             \x20 payment  125 -> 187\n  refund   0 -> 10\n\
             hit hardest:\n  ord_1  20000 CNY: 76 -> 120 (+44)"
        );
    }
}
