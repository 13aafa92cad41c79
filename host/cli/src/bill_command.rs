//! `lezai bill`: puts a channel's bill of a day, and lists those that the gateway has.

use std::path::PathBuf;
use std::process::ExitCode;

use lezai_channels::packed;
use lezai_core::funds::bill::BillKind;
use lezai_reconcile::layout::Layout;
use reqwest::Method;
use serde_json::Value;

use crate::data_dir;
use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Above what a gateway takes, so that it is the gateway that refuses.
const FILE_MAX: usize = 64 << 20;

/// Commands on bills.
#[derive(Debug, clap::Subcommand)]
pub enum BillCommand {
    /// List the latest bills of all channels, newest day first.
    List(ListArgs),
    /// Put a channel's bill of a day. The same file once more changes nothing.
    Put(PutArgs),
    /// Layouts of bills that you describe yourself.
    #[command(subcommand)]
    Layout(LayoutCommand),
}

/// Commands on layouts.
#[derive(Debug, clap::Subcommand)]
pub enum LayoutCommand {
    /// List the layouts that the gateway has beside its own.
    List(ListArgs),
    /// Put a layout: bills that come from then on are read by it.
    Put(PutLayoutArgs),
}

/// Which layout.
#[derive(Debug, clap::Args)]
pub struct PutLayoutArgs {
    /// The layout, in JSON.
    file: PathBuf,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// How they are listed.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which bill.
#[derive(Debug, clap::Args)]
pub struct PutArgs {
    /// The file as it was downloaded: CSV, gzip, or a zip with one file of details.
    file: PathBuf,
    /// The channel.
    #[arg(long)]
    channel: String,
    /// The day, such as 2026-11-18.
    #[arg(long)]
    date: String,
    /// Which of the day's bills it is: `trades`, `funds`, or `bank`, the statement of the bank that the channel pays to.
    #[arg(long, value_parser = kind, default_value = "trades", conflicts_with = "funds")]
    kind: BillKind,
    /// The same as `--kind funds`.
    #[arg(long)]
    funds: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

fn kind(text: &str) -> Result<BillKind, String> {
    BillKind::parse(text).ok_or_else(|| "must be trades, funds or bank".to_owned())
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: BillCommand) -> ExitCode {
    outcome::finish(match command {
        BillCommand::List(args) => list(&args).await,
        BillCommand::Put(args) => put(&args).await,
        BillCommand::Layout(LayoutCommand::List(args)) => list_layouts(&args).await,
        BillCommand::Layout(LayoutCommand::Put(args)) => put_layout(&args).await,
    })
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let call = OperatorCall::get("/admin/v1/bills");
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(outcome::page(&found, line, "there is no bill"))
}

async fn put(args: &PutArgs) -> Result<String, Failed> {
    let packed = data_dir::read(&args.file, FILE_MAX as u64).map_err(Failed::NotDone)?;
    let bytes = packed::unpacked(packed, FILE_MAX)
        .map_err(|why| Failed::NotDone(format!("{}: {why}", args.file.display())))?;
    let kind = if args.funds { BillKind::Funds } else { args.kind };
    let target = &format!("/admin/v1/bills/{}/{}?kind={}", args.channel, args.date, kind.as_str());
    let put = args.operator.send(Method::PUT, target, bytes).await?;
    Ok(line(&outcome::parse(&put)?))
}

async fn list_layouts(args: &ListArgs) -> Result<String, Failed> {
    let call = OperatorCall::get("/admin/v1/bill_layouts");
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(outcome::page(&found, layout_line, "there is no layout beside the gateway's own"))
}

async fn put_layout(args: &PutLayoutArgs) -> Result<String, Failed> {
    let named = |why: String| Failed::NotDone(format!("{}: {why}", args.file.display()));
    let bytes = data_dir::read(&args.file, FILE_MAX as u64).map_err(Failed::NotDone)?;
    let layout = Layout::from_json(&bytes).map_err(|why| named(why.to_string()))?;
    let target = format!("/admin/v1/bill_layouts/{}", layout.name);
    let put = args.operator.send(Method::PUT, &target, bytes).await?;
    Ok(layout_line(&outcome::parse(&put)?))
}

/// A layout in a line.
fn layout_line(layout: &Value) -> String {
    let digest = text(&layout["digest"]);
    let digest = digest.get(..12).unwrap_or(digest);
    format!("{:<16}  edition {}  sha-256 {digest}", text(&layout["name"]), layout["edition"])
}

/// A bill in a line.
fn line(bill: &Value) -> String {
    let digest = text(&bill["digest"]);
    format!(
        "{}  {:<8}  {:<6}  edition {}  {} rows  {}  {}  sha-256 {}",
        text(&bill["date"]),
        text(&bill["channel"]),
        text(&bill["kind"]),
        bill["edition"],
        bill["rows"],
        text(&bill["layout"]),
        text(&bill["source"]),
        digest.get(..12).unwrap_or(digest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bill_is_a_line() {
        let bill = json!({
            "date": "2026-11-18", "channel": "wechat", "kind": "funds", "edition": 2, "rows": 7, "layout": "wechat-fund",
            "source": "put", "digest": "cb3398584243ffff",
        });
        assert_eq!(
            line(&bill),
            "2026-11-18  wechat    funds   edition 2  7 rows  wechat-fund  put  sha-256 cb3398584243"
        );
    }
}
