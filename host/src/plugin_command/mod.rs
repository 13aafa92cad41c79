//! `lezai plugin`: publishes a merchant's plugin at a running gateway, shows it, takes it away; and,
//! in `author`, what its author does with it before.

mod at;
mod author;

use std::path::PathBuf;
use std::process::ExitCode;

use base64ct::{Base64, Encoding as _};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use at::{Failed, read};

pub use at::At;
pub use author::AuthorCommand;

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
    /// What an author does, on her own machine.
    #[command(flatten)]
    Author(AuthorCommand),
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

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: PluginCommand) -> ExitCode {
    if let PluginCommand::Author(command) = command {
        return author::run(command);
    }
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
            shown(&at.ask(Method::PUT, "/plugin", Some(body.to_string())).await?)
        }
        PluginCommand::Remove { at } => {
            at.ask(Method::DELETE, "/plugin", None).await?;
            Ok(format!("{} has no plugin of its own any more", at.merchant))
        }
        PluginCommand::Show { at } => shown(&at.ask(Method::GET, "/plugin", None).await?),
        PluginCommand::Author(_) => Err(Failed::NotDone("asks no gateway".to_owned())),
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
