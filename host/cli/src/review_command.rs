//! `lezai review`: lists the orders that risk control wants looked at, approves them, refuses them.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Commands on reviews.
#[derive(Debug, clap::Subcommand)]
pub enum ReviewCommand {
    /// List the orders that wait for a review, newest first.
    List(ListArgs),
    /// Approve an order: its money is the merchant's, and settles like any other.
    Approve(DecideArgs),
    /// Refuse an order: its money goes back to the shopper, by a void or a refund.
    Refuse(DecideArgs),
}

/// Which page of the list.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// At most so many.
    #[arg(long, default_value_t = 20, value_name = "ORDERS", value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Only what is older than this order: the `next` of the page before.
    #[arg(long, value_name = "ORDER")]
    after: Option<String>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which order, and why.
#[derive(Debug, clap::Args)]
pub struct DecideArgs {
    /// The order.
    order: String,
    /// Why, for the merchant to read.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Sent once more with the same key, a decision is answered as the first time [default: a random one].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: ReviewCommand) -> ExitCode {
    let done = match command {
        ReviewCommand::List(args) => list(&args).await,
        ReviewCommand::Approve(args) => decide(&args, "approve").await,
        ReviewCommand::Refuse(args) => decide(&args, "refuse").await,
    };
    outcome::finish(done)
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let after = args.after.as_ref().map(|it| format!("&after={it}")).unwrap_or_default();
    let target = &format!("/admin/v1/reviews?limit={}{after}", args.limit);
    let call = OperatorCall { method: Method::GET, target, idempotency_key: None, body: None };
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(outcome::page(&found, line, "no order waits for a review"))
}

async fn decide(args: &DecideArgs, verdict: &str) -> Result<String, Failed> {
    let key = outcome::key_or_random(args.idempotency_key.as_ref());
    let call = OperatorCall {
        method: Method::POST,
        target: &format!("/admin/v1/orders/{}/review", args.order),
        idempotency_key: Some(&key),
        body: Some(json!({ "verdict": verdict, "reason": args.reason }).to_string()),
    };
    Ok(line(&outcome::parse(&args.operator.ask(call).await?)?))
}

/// An order in a line: who, how much, how it stands, and why it is held.
fn line(reviewed: &Value) -> String {
    let order = &reviewed["order"];
    let reasons = order["decision"]["reasons"].as_array().into_iter().flatten();
    let reasons: Vec<_> = reasons.filter_map(|it| it["code"].as_str()).collect();
    let review = &order["review"];
    let state = review["verdict"].as_str().unwrap_or_else(|| text(&review["status"]));
    format!(
        "{}  {}  {} {}  {}, {state}  {}",
        text(&reviewed["order_id"]),
        text(&reviewed["merchant"]),
        order["amount"],
        text(&order["currency"]),
        text(&order["status"]),
        reasons.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_a_line() {
        let review = json!({
            "order_id": "ord_1", "merchant": "m_tea",
            "order": {
                "amount": 2_500_800, "currency": "CNY", "status": "paid", "review": { "status": "open" },
                "decision": { "reasons": [{ "code": "large_amount" }, { "code": "no_address" }] },
            },
        });
        assert_eq!(line(&review), "ord_1  m_tea  2500800 CNY  paid, open  large_amount no_address");
    }
}
