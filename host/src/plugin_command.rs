//! `lezai plugin`: publishes a merchant's plugin at a running gateway, shows it, takes it away.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64ct::{Base64, Encoding as _};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::client::{self, Problem};

/// What can be done with a merchant's plugin.
#[derive(Debug, clap::Subcommand)]
pub enum PluginCommand {
    /// Publish a component: it decides the merchant's next order.
    Publish {
        /// The component, such as target/artifacts/plugins/demo_rules.wasm.
        file: PathBuf,
        /// What the plugin is given with each order.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        /// Whose, and where.
        #[command(flatten)]
        at: At,
    },
    /// Take the plugin away: the standard plugin decides again.
    Remove {
        /// Whose, and where.
        #[command(flatten)]
        at: At,
    },
    /// Show which plugin the merchant has.
    Show {
        /// Whose, and where.
        #[command(flatten)]
        at: At,
    },
}

/// Whose plugin, and at which gateway.
#[derive(Debug, clap::Args)]
pub struct At {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    merchant: String,
    /// Where the gateway is.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    gateway: String,
    /// The file with the operator's token.
    #[arg(long, default_value = ".lezai/admin-token", value_name = "FILE")]
    admin_token_file: PathBuf,
}

/// A plugin, as the gateway shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    merchant: String,
    digest: String,
    hooks: Vec<String>,
    size: u64,
    published_at: String,
}

/// Why it was not done.
enum Failed {
    /// The gateway says no.
    Refused(String),
    /// It was not asked, or did not answer.
    NotDone(String),
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: PluginCommand) -> ExitCode {
    match perform(command).await {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(Failed::Refused(why)) => {
            eprintln!("lezai: {why}");
            ExitCode::from(1)
        }
        Err(Failed::NotDone(why)) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

async fn perform(command: PluginCommand) -> Result<String, Failed> {
    match command {
        PluginCommand::Publish { file, settings, at } => {
            let mut body = json!({ "component": Base64::encode_string(&read(&file)?) });
            if let Some(settings) = settings {
                body["settings"] = Base64::encode_string(&read(&settings)?).into();
            }
            shown(&ask(&at, Method::PUT, Some(body.to_string())).await?)
        }
        PluginCommand::Remove { at } => {
            ask(&at, Method::DELETE, None).await?;
            Ok(format!("{} has no plugin of its own any more", at.merchant))
        }
        PluginCommand::Show { at } => shown(&ask(&at, Method::GET, None).await?),
    }
}

fn shown(body: &[u8]) -> Result<String, Failed> {
    let shown = serde_json::from_slice(body)
        .map_err(|error| Failed::NotDone(format!("the answer is no plugin: {error}")))?;
    let Shown { merchant, digest, hooks, size, published_at } = shown;
    let hooks = hooks.join(", ");
    Ok(format!(
        "merchant   {merchant}\ndigest     {digest}\nhooks      {hooks}\nsize       {size} bytes\npublished  {published_at}"
    ))
}

async fn ask(at: &At, method: Method, body: Option<String>) -> Result<Vec<u8>, Failed> {
    let not_done = |error: client::ClientError| Failed::NotDone(format!("{}: {error}", at.gateway));
    let origin = client::parse_origin(&at.gateway).map_err(not_done)?;
    if origin.scheme() != "https" && !client::is_loopback(&origin) {
        return Err(Failed::NotDone(format!(
            "{}: the operator's token is sent over https, or on this machine, alone",
            at.gateway
        )));
    }
    let token = String::from_utf8(read(&at.admin_token_file)?).unwrap_or_default();
    let url = client::parse_target(&origin, &format!("/admin/v1/merchants/{}/plugin", at.merchant))
        .map_err(not_done)?;
    let mut request =
        client::http(&origin).map_err(not_done)?.request(method, url).bearer_auth(token.trim());
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body);
    }
    let (status, _, body) = client::receive(request).await.map_err(not_done)?;
    if (200..300).contains(&status) {
        return Ok(body);
    }
    Err(match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Failed::Refused(format!("{}: {}", problem.code, problem.detail)),
        Err(_) => Failed::NotDone(format!(
            "{} answers with status {status}: is it a gateway?",
            at.gateway
        )),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(file).map_err(|error| Failed::NotDone(format!("{}: {error}", file.display())))
}
