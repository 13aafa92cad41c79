//! `lezai channel check`: a question about an order that does not exist. Its answer proves the keys of both
//! sides, and changes nothing.

use lezai_channels::check::{self, CheckFailed};
use lezai_channels::surroundings::Machine;

use super::{Client, ConfigArgs, Failed};

/// Which channels.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The channel; all that are configured if absent.
    #[arg(value_parser = ["wechat", "alipay", "unionpay"])]
    channel: Option<String>,
    /// Show each request and answer, secrets masked.
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: &CheckArgs) -> Result<(), Failed> {
    let sections = args.config.sections()?;
    let wanted = |name: &str| args.channel.as_deref().is_none_or(|channel| channel == name);
    let sections: Vec<_> = sections.into_iter().filter(|(name, _)| wanted(name)).collect();
    if sections.is_empty() {
        return Err(Failed::NotDone("no such channel is configured".to_owned()));
    }
    let mut wrong = Vec::new();
    for (name, configured) in sections {
        let client = match args.config.client(&configured, args.verbose) {
            Ok(client) => client,
            Err(Failed::NotDone(why)) => {
                return Err(Failed::NotDone(format!("[channels.{name}]: {why}")));
            }
            Err(refused) => return Err(refused),
        };
        match ask(&client).await {
            Ok(()) => say!("{name}: the credentials work"),
            Err(why) => {
                say!("{name}: {why}");
                wrong.push(name);
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failed::Refused(format!("not usable: {}", wrong.join(", "))))
    }
}

async fn ask(client: &Client) -> Result<(), CheckFailed> {
    match client {
        Client::Wechat(client) => {
            check::wechat(client, &Machine).await?;
            say!("wechat: platform keys {}", client.platform_keys().serials().join(", "));
            Ok(())
        }
        Client::Alipay(client) => check::alipay(client, &Machine).await,
        Client::Unionpay(client) => check::unionpay(client, &Machine).await,
    }
}
