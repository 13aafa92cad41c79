//! `lezai page check`: is a live payment page the one that this program carries?
//!
//! PCI DSS 4.0.1, 11.6.1, wants changes of a payment page and its headers to be noticed. Page and files
//! are known byte for byte, so they are compared by hash with the inventory inside this binary, or
//! with a file that was kept from a release. Nothing that the live page says of itself is believed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use http::{HeaderMap, header};
use reqwest::Url;
use serde::Deserialize;
use sha2::{Digest as _, Sha384};

use crate::data_dir;
use lezai_assets as assets;
use lezai_http::pages::{FIELDS, POLICY};

/// A page that takes longer is not looked at.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Ten times our largest file; whoever sends more sends something else.
const MAX_FILE: usize = 2 << 20;
/// Some hundred times ours.
const INVENTORY_MAX: u64 = 1 << 20;

/// Look after payment pages.
#[derive(Debug, clap::Subcommand)]
pub enum PageCommand {
    /// Compare a live page, its headers and its files with the inventory that this program carries.
    Check(CheckArgs),
}

/// Which page, and what it must be.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Such as https://pay.example/pay/cs_…; a session that does not exist will do.
    url: Url,
    /// An inventory.json that was kept from a release, in place of this program's own.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Inventory {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    kind: String,
    integrity: String,
}

/// Checks, and prints a line for each part. The exit code is 0 if all is as it must be, 1 if something
/// was changed, 2 if the page could not be looked at.
pub async fn run(command: PageCommand) -> ExitCode {
    let PageCommand::Check(args) = command;
    match check(&args).await {
        Ok(changed) if changed.is_empty() => {
            say!("the page is as it was built");
            ExitCode::SUCCESS
        }
        Ok(changed) => {
            for line in changed {
                say!("CHANGED  {line}");
            }
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("lezai: {error}");
            ExitCode::from(2)
        }
    }
}

type Failure = Box<dyn std::error::Error>;

async fn check(args: &CheckArgs) -> Result<Vec<String>, Failure> {
    let inventory = match &args.inventory {
        Some(file) => data_dir::read(file, INVENTORY_MAX)?,
        None => assets::find("checkout", "inventory.json")
            .ok_or("this program carries no inventory")?
            .bytes
            .to_vec(),
    };
    let inventory: Inventory = serde_json::from_slice(&inventory)
        .map_err(|error| format!("the inventory is not to be read: {error}"))?;
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut changed = Vec::new();
    for file in &inventory.files {
        let is_page = file.kind == "page";
        let url = if is_page { args.url.clone() } else { args.url.join(&file.path)? };
        let (status, headers, body) = fetch(&client, url.clone()).await?;
        let live = integrity(&body);
        if status != 200 {
            changed.push(format!("{url}: {status}"));
        } else if live != file.integrity {
            changed.push(format!("{url}: {live}, and not {}", file.integrity));
        } else {
            say!("ok       {url} {live}");
        }
        if is_page {
            changed.extend(headers_changed(&headers).into_iter().map(|it| format!("{url}: {it}")));
        }
    }
    Ok(changed)
}

async fn fetch(client: &reqwest::Client, url: Url) -> Result<(u16, HeaderMap, Vec<u8>), Failure> {
    let mut response = client.get(url).send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_FILE {
            break;
        }
    }
    Ok((status, headers, body))
}

/// As Subresource Integrity writes it.
fn integrity(bytes: &[u8]) -> String {
    format!("sha384-{}", Base64::encode_string(&Sha384::digest(bytes)))
}

/// The header fields that the page lacks, or has and ours does not.
fn headers_changed(headers: &HeaderMap) -> Vec<String> {
    let value = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut changed = Vec::new();
    if headers.get_all(header::CONTENT_SECURITY_POLICY).iter().count() != 1 {
        changed.push("not one Content-Security-Policy".to_owned());
    }
    let live = directives(value("content-security-policy"));
    let ours = directives(POLICY);
    changed.extend(ours.difference(&live).map(|it| format!("the policy lacks: {it}")));
    for added in live.difference(&ours) {
        // The framers of the page are each merchant's own; any website is nobody's.
        let framers = added.strip_prefix("frame-ancestors ").unwrap_or("*");
        if framers.split(' ').any(|it| it.contains('*')) {
            changed.push(format!("the policy has besides: {added}"));
        }
    }
    if !live.iter().any(|it| it.starts_with("frame-ancestors ")) {
        changed.push("the policy lacks: frame-ancestors".to_owned());
    }
    for (name, ours) in FIELDS {
        if value(name) != ours {
            changed.push(format!("{name}: {:?}, and not {ours:?}", value(name)));
        }
    }
    changed
}

fn directives(policy: &str) -> BTreeSet<String> {
    let words = |directive: &str| directive.split_whitespace().collect::<Vec<_>>().join(" ");
    policy.split(';').map(words).filter(|it| !it.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings in the header of our page, with its policy or another field changed.
    fn found(policy: &str, without: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.parse().unwrap());
        for (name, value) in FIELDS.into_iter().filter(|(name, _)| *name != without) {
            headers.insert(name, value.parse().unwrap());
        }
        headers_changed(&headers).join("; ")
    }

    #[test]
    fn a_header_that_was_changed_is_seen() {
        let ours = format!("{POLICY}; frame-ancestors 'none'");
        let framed = format!("{POLICY}; frame-ancestors https://shop.example");
        for (policy, without, expected) in [
            (ours.clone(), "", ""),
            (framed, "", ""),
            (ours.clone(), "integrity-policy", "integrity-policy: \"\""),
            (POLICY.to_owned(), "", "the policy lacks: frame-ancestors"),
            (format!("{POLICY}; frame-ancestors *"), "", "besides: frame-ancestors *"),
            (
                ours.replace("'wasm-unsafe-eval'", "'unsafe-inline'"),
                "",
                "lacks: script-src 'self' 'wasm-unsafe-eval'",
            ),
            (format!("{ours}; frame-src https://thief.example"), "", "besides: frame-src"),
        ] {
            let found = found(&policy, without);
            assert!(
                found.contains(expected) && found.is_empty() == expected.is_empty(),
                "{policy}: {found}"
            );
        }
    }

    #[test]
    fn the_inventory_lists_the_page_and_its_files_as_they_are() {
        let inventory = assets::find("checkout", "inventory.json").unwrap();
        let Inventory { files } = serde_json::from_slice(inventory.bytes).unwrap();
        for File { path, kind, integrity: listed } in &files {
            let name = if kind == "page" { "pay.html" } else { path.rsplit('/').next().unwrap() };
            let asset = assets::find("checkout", name).unwrap();
            assert_eq!(integrity(asset.bytes), *listed, "{path}");
        }
        assert!(files.len() > 5);
    }
}
