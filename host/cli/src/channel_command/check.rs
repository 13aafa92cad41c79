//! `lezai channel check`: a question about an order that does not exist. Its answer proves the keys of both
//! sides, and changes nothing.

use lezai_channels::CallError;
use lezai_channels::surroundings::{self, Machine, Surroundings as _};
use lezai_channels::unionpay::answer::State;
use lezai_channels::unionpay::call::{Named, Product};
use lezai_channels::wechat::answer::Expected;

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

async fn ask(client: &Client) -> Result<(), String> {
    let number = surroundings::nonce(&Machine).map_err(|error| error.to_string())?;
    let error = match client {
        Client::Wechat(client) => {
            client.query(Expected { number: &number, total: None }).await.err()
        }
        Client::Alipay(client) => client.query(&number, None).await.err(),
        Client::Unionpay(client) => {
            let told =
                client.query(&Named { product: Product::Code, number, at: Machine.now() }).await;
            return match told {
                Ok(State::Unknown) => Ok(()),
                Ok(_) => Err("an order was found that nobody made".to_owned()),
                Err(error) => Err(error.to_string()),
            };
        }
    };
    match error {
        // It read the request, knew us, and has no such order.
        Some(CallError::Refused(refusal)) if refusal.word == "not_found" => {}
        Some(error) => return Err(error.to_string()),
        None => return Err("an order was found that nobody made".to_owned()),
    }
    if let Client::Wechat(client) = client {
        // An error of WeChat Pay's may come unsigned. What is signed proves the platform's key and, where
        // certificates are used, the APIv3 key.
        if client.account().download_certificates {
            client.download_certificates().await.map_err(|error| error.to_string())?;
        }
        say!("wechat: platform keys {}", client.platform_keys().serials().join(", "));
    }
    Ok(())
}
