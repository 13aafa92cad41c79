//! `lezai order`: shows an order with every try to pay it, and why its channel was chosen.

use std::process::ExitCode;

use serde_json::Value;

use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Commands on orders.
#[derive(Debug, clap::Subcommand)]
pub enum OrderCommand {
    /// Show an order, and for each try to pay it the channels that could have been asked, with their reasons.
    Show(ShowArgs),
}

/// Which order.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The order.
    order: String,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: OrderCommand) -> ExitCode {
    let OrderCommand::Show(args) = command;
    outcome::finish(show(&args).await)
}

async fn show(args: &ShowArgs) -> Result<String, Failed> {
    let target = &format!("/admin/v1/orders/{}", args.order);
    let found = outcome::parse(&args.operator.ask(OperatorCall::get(target)).await?)?;
    Ok(if args.json { found.to_string() } else { lines(&found) })
}

/// The order in a line, and below it each attempt with its candidates.
fn lines(found: &Value) -> String {
    let order = &found["order"];
    let mut lines = vec![format!(
        "{}  {}  {} {}  {}",
        text(&order["id"]),
        text(&found["merchant"]),
        order["amount"],
        text(&order["currency"]),
        text(&order["status"])
    )];
    for attempt in found["attempts"].as_array().into_iter().flatten() {
        let by = attempt["routed"]["by"].as_str().map(|by| format!(", by {by}"));
        lines.push(format!(
            "  {}  {}  {} at {}{}",
            text(&attempt["id"]),
            text(&attempt["begun_at"]),
            text(&attempt["method"]),
            text(&attempt["channel"]),
            by.unwrap_or_default()
        ));
        let candidates = attempt["routed"]["candidates"].as_array();
        lines.extend(candidates.into_iter().flatten().map(candidate));
    }
    lines.join("\n")
}

fn candidate(it: &Value) -> String {
    let own = it["direct_account"].as_str().map(|account| format!(" ({account})"));
    let cost = it["cost"].as_i64().map(|cost| format!(", costs {cost}"));
    let answered = match it["requests"].as_u64() {
        Some(requests) if requests > 0 => format!(", answered {} of {requests}", it["answered"]),
        _ => String::new(),
    };
    let latency = it["latency_ms"].as_u64().map(|ms| format!(" in {ms} ms"));
    format!(
        "    {}{}: {}{}{answered}{}",
        text(&it["channel"]),
        own.unwrap_or_default(),
        text(&it["reason"]),
        cost.unwrap_or_default(),
        latency.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_shown_with_its_attempts_and_their_reasons() {
        let found = json!({
            "merchant": "m_tea",
            "order": { "id": "ord_1", "amount": 12_800, "currency": "CNY", "status": "paid" },
            "attempts": [
                { "id": "att_1", "method": "qr", "channel": "a", "begun_at": "2026-11-30T08:00:00Z" },
                { "id": "att_2", "method": "qr", "channel": "b", "begun_at": "2026-11-30T08:01:00Z",
                  "routed": { "by": "cost", "candidates": [
                      { "channel": "b", "reason": "cheapest", "cost": 49, "requests": 20, "answered": 19, "latency_ms": 80 },
                      { "channel": "a", "direct_account": "19000", "reason": "circuit_open", "requests": 5, "answered": 0 },
                      { "channel": "c", "reason": "costlier", "requests": 0, "answered": 0 },
                  ] } },
            ],
        });
        let expected = "\
ord_1  m_tea  12800 CNY  paid
  att_1  2026-11-30T08:00:00Z  qr at a
  att_2  2026-11-30T08:01:00Z  qr at b, by cost
    b: cheapest, costs 49, answered 19 of 20 in 80 ms
    a (19000): circuit_open, answered 0 of 5
    c: costlier";
        assert_eq!(lines(&found), expected);
    }
}
