//! `lezai bill`: puts a channel's bill of a day, and lists those that the gateway has.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use reqwest::Method;
use serde_json::Value;
use zip::ZipArchive;

use crate::data_dir;
use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Above what a gateway takes, so that it is the gateway that refuses.
const FILE_MAX: u64 = 64 << 20;

/// Commands on bills.
#[derive(Debug, clap::Subcommand)]
pub enum BillCommand {
    /// List the latest bills of all channels, newest day first.
    List(ListArgs),
    /// Put a channel's bill of a day. The same file once more changes nothing.
    Put(PutArgs),
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
    /// The file as it was downloaded: CSV, gzip, or a zip with one file.
    file: PathBuf,
    /// The channel.
    #[arg(long)]
    channel: String,
    /// The day, such as 2026-11-18.
    #[arg(long)]
    date: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: BillCommand) -> ExitCode {
    outcome::finish(match command {
        BillCommand::List(args) => list(&args).await,
        BillCommand::Put(args) => put(&args).await,
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
    let packed = data_dir::read(&args.file, FILE_MAX).map_err(Failed::NotDone)?;
    let bytes = unpacked(packed)
        .map_err(|why| Failed::NotDone(format!("{}: {why}", args.file.display())))?;
    let target = &format!("/admin/v1/bills/{}/{}", args.channel, args.date);
    let put = args.operator.send(Method::PUT, target, bytes).await?;
    Ok(line(&outcome::parse(&put)?))
}

/// A bill in a line.
fn line(bill: &Value) -> String {
    let digest = text(&bill["digest"]);
    format!(
        "{}  {:<8}  edition {}  {} rows  {}  {}  sha-256 {}",
        text(&bill["date"]),
        text(&bill["channel"]),
        bill["edition"],
        bill["rows"],
        text(&bill["layout"]),
        text(&bill["source"]),
        digest.get(..12).unwrap_or(digest)
    )
}

/// A file's bytes, out of the gzip or the zip that it may be in.
fn unpacked(packed: Vec<u8>) -> Result<Vec<u8>, String> {
    match packed[..] {
        [0x1f, 0x8b, ..] => bounded(MultiGzDecoder::new(&packed[..])),
        [b'P', b'K', 3, 4, ..] => {
            let mut archive = ZipArchive::new(std::io::Cursor::new(&packed))
                .map_err(|error| format!("not a zip that can be read: {error}"))?;
            if archive.len() != 1 {
                return Err("the zip has not one file: unpack it, and put the details".to_owned());
            }
            bounded(archive.by_index(0).map_err(|error| error.to_string())?)
        }
        _ => Ok(packed),
    }
}

fn bounded(reader: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > FILE_MAX {
        true => Err(format!("more than {FILE_MAX} bytes, unpacked")),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bill_is_a_line() {
        let bill = json!({
            "date": "2026-11-18", "channel": "wechat", "edition": 2, "rows": 7, "layout": "wechat-trade",
            "source": "put", "digest": "cb3398584243ffff",
        });
        assert_eq!(
            line(&bill),
            "2026-11-18  wechat    edition 2  7 rows  wechat-trade  put  sha-256 cb3398584243"
        );
    }
}
