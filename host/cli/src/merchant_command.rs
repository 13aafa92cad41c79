//! `lezai merchant channel`: a merchant's own accounts at channels. Credentials go from a configuration's section and its
//! files to the gateway, and never come back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::operator::{OperatorArgs, OperatorCall};
use crate::outcome::{self, Failed, text};

/// Commands on merchants.
#[derive(Debug, clap::Subcommand)]
pub enum MerchantCommand {
    /// Commands on a merchant's own accounts at channels.
    #[command(subcommand)]
    Channel(AccountCommand),
}

/// Commands on a merchant's own accounts at channels.
#[derive(Debug, clap::Subcommand)]
pub enum AccountCommand {
    /// Have the merchant paid to its own account, or change its keys: tried at the provider before they are kept.
    Put(PutArgs),
    /// List the merchant's accounts, without their secrets.
    List(ListArgs),
    /// Try the account that takes what is new, as when it was put.
    Check(AccountArgs),
    /// Have nothing new paid to the merchant's own account.
    Remove(AccountArgs),
}

/// Which account, and its credentials.
#[derive(Debug, clap::Args)]
pub struct PutArgs {
    /// The merchant.
    merchant: String,
    /// The channel, such as wechat.
    channel: String,
    /// The file with the section, such as [channels.wechat], that the account's own configuration would have. The files
    /// that it names are read beside it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A merchant under the platform's own account, as a service provider's: the section has its numbers alone.
    #[arg(long)]
    bound: bool,
    /// The platform's account takes what this one does not.
    #[arg(long)]
    platform_fallback: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Whose accounts.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The merchant.
    merchant: String,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Which account.
#[derive(Debug, clap::Args)]
pub struct AccountArgs {
    /// The merchant.
    merchant: String,
    /// The channel, such as wechat.
    channel: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

/// Does it. The exit code is 1 if the gateway or the provider refuses, and 2 if the gateway could not be asked.
pub async fn run(command: MerchantCommand) -> ExitCode {
    let MerchantCommand::Channel(command) = command;
    outcome::finish(match command {
        AccountCommand::Put(args) => put(&args).await,
        AccountCommand::List(args) => list(&args).await,
        AccountCommand::Check(args) => check(&args).await,
        AccountCommand::Remove(args) => remove(&args).await,
    })
}

async fn put(args: &PutArgs) -> Result<String, Failed> {
    let (settings, files) = section(&args.config, &args.channel)?;
    let body = json!({
        "settings": settings, "files": files, "bound": args.bound, "platform_fallback": args.platform_fallback,
    });
    let target = target(&args.merchant, &args.channel);
    let body = Some(body.to_string());
    let call = OperatorCall { method: Method::PUT, target: &target, idempotency_key: None, body };
    Ok(line(&outcome::parse(&args.operator.ask(call).await?)?))
}

async fn list(args: &ListArgs) -> Result<String, Failed> {
    let target = format!("/admin/v1/merchants/{}/channels", args.merchant);
    let found = outcome::parse(&args.operator.ask(OperatorCall::get(&target)).await?)?;
    if args.json {
        return Ok(found.to_string());
    }
    Ok(outcome::page(&found, line, "the merchant is paid to the platform's accounts alone"))
}

async fn check(args: &AccountArgs) -> Result<String, Failed> {
    let target = format!("{}/check", target(&args.merchant, &args.channel));
    let call =
        OperatorCall { method: Method::POST, target: &target, idempotency_key: None, body: None };
    let found = outcome::parse(&args.operator.ask(call).await?)?;
    Ok(format!("{}\nthe credentials work", line(&found)))
}

async fn remove(args: &AccountArgs) -> Result<String, Failed> {
    let target = target(&args.merchant, &args.channel);
    let call =
        OperatorCall { method: Method::DELETE, target: &target, idempotency_key: None, body: None };
    args.operator.ask(call).await?;
    Ok(format!("nothing new is paid to {}'s own account at {}", args.merchant, args.channel))
}

fn target(merchant: &str, channel: &str) -> String {
    format!("/admin/v1/merchants/{merchant}/channels/{channel}")
}

/// A channel's section of a file, with the texts of the files that it names.
fn section(config: &Path, channel: &str) -> Result<(Value, BTreeMap<String, String>), Failed> {
    let shown = config.display();
    let not_done = |why: String| Failed::NotDone(format!("{shown}: {why}"));
    let bytes = std::fs::read_to_string(config).map_err(|error| not_done(error.to_string()))?;
    let file: toml::Table =
        toml::from_str(&bytes).map_err(|error| not_done(error.message().to_owned()))?;
    let section = file.get("channels").and_then(|it| it.get(channel));
    let section =
        section.ok_or_else(|| not_done(format!("has no section [channels.{channel}]")))?;
    let settings = serde_json::to_value(section).map_err(|error| not_done(error.to_string()))?;
    let folder = config.parent().unwrap_or(Path::new("."));
    let mut files = BTreeMap::new();
    for name in named_files(&settings) {
        let text = std::fs::read_to_string(folder.join(&name));
        let text = text.map_err(|error| not_done(format!("{name} cannot be read: {error}")))?;
        files.insert(name, text);
    }
    Ok((settings, files))
}

/// The files that a section's members name: those that end in `_file` or `_files`.
fn named_files(settings: &Value) -> Vec<String> {
    let members = settings.as_object().into_iter().flatten();
    let files = members.filter(|(name, _)| name.ends_with("_file") || name.ends_with("_files"));
    let names = files.flat_map(|(_, value)| match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    });
    names.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// An account in a line: where, which, what tells its key from another, and how it stands.
fn line(account: &Value) -> String {
    let mut line = format!(
        "{}  version {}  {}  key {}",
        text(&account["channel"]),
        account["version"],
        text(&account["account"]),
        text(&account["fingerprint"]),
    );
    for (member, word) in [("bound", "bound"), ("platform_fallback", "platform fallback")] {
        if account[member] == true {
            line.push_str("  ");
            line.push_str(word);
        }
    }
    match account["removed_at"].as_str() {
        Some(at) => format!("{line}  removed {at}"),
        None => format!("{line}  put {}", text(&account["put_at"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_line() {
        let mut account = json!({
            "channel": "wechat", "version": 2, "account": "1900000001:wx88", "fingerprint": "5F1C",
            "bound": true, "platform_fallback": false, "put_at": "2026-11-18T08:00:00Z", "removed_at": null,
        });
        assert_eq!(
            line(&account),
            "wechat  version 2  1900000001:wx88  key 5F1C  bound  put 2026-11-18T08:00:00Z"
        );
        account["removed_at"] = json!("2026-11-19T08:00:00Z");
        assert!(line(&account).ends_with("bound  removed 2026-11-19T08:00:00Z"));
    }

    #[test]
    fn the_files_are_those_that_the_section_names() {
        let settings = json!({
            "merchant": "1900000001", "private_key_file": "key.pem", "certificate_files": ["a.crt", "b.crt"],
        });
        let mut names = named_files(&settings);
        names.sort();
        assert_eq!(names, ["a.crt", "b.crt", "key.pem"]);
    }
}
