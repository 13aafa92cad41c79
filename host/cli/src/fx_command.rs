//! `lezai fx`: puts rates of the market, by which merchants' quotes are made, and lists them.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Commands on rates.
#[derive(Debug, clap::Subcommand)]
pub enum FxCommand {
    /// List the rates that were put, stale ones too.
    List(ListArgs),
    /// Put the rate from one currency to another; it takes the place of the one before. None is turned round: each
    /// direction has its own.
    Put(PutArgs),
}

/// At which gateway.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which rate.
#[derive(Debug, clap::Args)]
pub struct PutArgs {
    /// The currency that shoppers pay, such as USD.
    from: String,
    /// The currency that is settled, such as CNY.
    to: String,
    /// As many of the second for one of the first, as a decimal: 7.1234.
    rate: String,
    /// The spread of quotes for five minutes, in parts per million of the rate [default: they are not offered].
    #[arg(long, value_name = "PPM")]
    five_minutes: Option<u32>,
    /// The spread of quotes for an hour [default: they are not offered].
    #[arg(long, value_name = "PPM")]
    hour: Option<u32>,
    /// The spread of quotes for a day [default: they are not offered].
    #[arg(long, value_name = "PPM")]
    day: Option<u32>,
    /// For how many seconds quotes are made by it; after that it is stale.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    valid_for: u32,
    /// Where it is from [default: operator].
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: FxCommand) -> ExitCode {
    outcome::finish(match command {
        FxCommand::List(args) => list(&args).await,
        FxCommand::Put(args) => put(&args).await,
    })
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let target = "/admin/v1/fx_rates";
    let call = OperatorCall { method: Method::GET, target, idempotency_key: None, body: None };
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(outcome::page(&found, line, "no rate was put"))
}

async fn put(args: &PutArgs) -> Result<String, Failed> {
    let target = &format!("/admin/v1/fx_rates/{}/{}", args.from, args.to);
    let body = Some(body(args).to_string());
    let call = OperatorCall { method: Method::PUT, target, idempotency_key: None, body };
    Ok(line(&outcome::parse(&args.operator.ask(call).await?)?))
}

/// The request: only what was said.
fn body(args: &PutArgs) -> Value {
    let mut spreads = json!({});
    for (name, ppm) in [("five_minutes", args.five_minutes), ("hour", args.hour), ("day", args.day)]
    {
        if let Some(ppm) = ppm {
            spreads[name] = json!(ppm);
        }
    }
    let mut body = json!({ "rate": args.rate, "spread_ppm": spreads, "valid_for": args.valid_for });
    if let Some(source) = &args.source {
        body["source"] = json!(source);
    }
    body
}

/// A rate in a line.
fn line(rate: &Value) -> String {
    let spreads = rate["spread_ppm"].as_object().into_iter().flatten();
    let spreads: Vec<_> = spreads.map(|(lock, ppm)| format!("{lock} {ppm} ppm")).collect();
    let end = if rate["stale"] == true { "stale since" } else { "until" };
    format!(
        "{} -> {}  {}  {}  {end} {}  {}",
        text(&rate["from_currency"]),
        text(&rate["to_currency"]),
        text(&rate["rate"]),
        spreads.join(", "),
        text(&rate["valid_until"]),
        text(&rate["source"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    #[test]
    fn a_rate_is_a_line() {
        let mut rate = json!({
            "from_currency": "USD", "to_currency": "CNY", "rate": "7.1234", "stale": false,
            "spread_ppm": { "five_minutes": 3000, "hour": 5000 }, "source": "treasury desk",
            "valid_until": "2026-11-18T11:10:00.000Z",
        });
        let expected = "USD -> CNY  7.1234  five_minutes 3000 ppm, hour 5000 ppm  \
                        until 2026-11-18T11:10:00.000Z  treasury desk";
        assert_eq!(line(&rate), expected);
        rate["stale"] = json!(true);
        assert_eq!(line(&rate), expected.replace("until", "stale since"));
    }

    #[test]
    fn what_was_not_said_is_not_sent() {
        let read = |words: &str| {
            let command = PutArgs::augment_args(clap::Command::new("put").no_binary_name(true));
            body(&PutArgs::from_arg_matches(&command.get_matches_from(words.split(' '))).unwrap())
        };
        let short = json!({ "rate": "7.1", "spread_ppm": { "hour": 5000 }, "valid_for": 3600 });
        assert_eq!(read("USD CNY 7.1 --hour 5000"), short);
        let long = json!({
            "rate": "7.1", "spread_ppm": { "five_minutes": 1, "day": 2 }, "valid_for": 60, "source": "desk",
        });
        let words = "USD CNY 7.1 --five-minutes 1 --day 2 --valid-for 60 --source desk";
        assert_eq!(read(words), long);
    }
}
