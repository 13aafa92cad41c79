//! `lezai channel`: tries a channel's credentials, shows what is sent and answered, and starts simulators of
//! WeChat Pay, Alipay and UnionPay.

mod call;
mod check;
mod shown;
mod simulate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use lezai_channels::channel::Channel;
use lezai_channels::configured::{Configured, World};
use lezai_channels::http::Network;
use lezai_channels::settings::BadConfig;
use lezai_channels::surroundings::Machine;
use lezai_channels::{alipay, unionpay, wechat};
use lezai_core::routing::Cost;

use shown::Shown;

/// Commands on channels.
#[derive(Debug, clap::Subcommand)]
pub enum ChannelCommand {
    /// Check the credentials of the configuration by a signed call that changes nothing.
    Check(check::CheckArgs),
    /// Make one call, and show each request and answer, secrets masked.
    Call(call::CallArgs),
    /// Run simulators of WeChat Pay, Alipay and UnionPay, and write a configuration for them.
    Simulate(simulate::SimulateArgs),
}

/// Where the channels are configured.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration with the sections [channels.wechat], [channels.alipay] and [channels.unionpay].
    #[arg(long, value_name = "FILE", default_value = "lezai.toml")]
    config: PathBuf,
}

/// Does it. The exit code is 1 if a provider refuses or does not answer, and 2 if it could not be asked.
pub async fn run(command: ChannelCommand) -> ExitCode {
    let done = match command {
        ChannelCommand::Check(args) => check::run(&args).await,
        ChannelCommand::Call(args) => call::run(&args).await,
        ChannelCommand::Simulate(args) => simulate::run(&args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
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

/// Why a command did not do it.
enum Failed {
    /// The provider said no, or nothing that can be believed.
    Refused(String),
    /// It was not asked.
    NotDone(String),
}

impl Failed {
    fn into_text(self) -> String {
        match self {
            Self::Refused(why) | Self::NotDone(why) => why,
        }
    }
}

impl From<BadConfig> for Failed {
    fn from(error: BadConfig) -> Self {
        Self::NotDone(error.to_string())
    }
}

/// The channels of a configuration.
#[derive(Default)]
pub(crate) struct OpenedChannels {
    pub(crate) channels: Vec<Arc<dyn Channel>>,
    /// The sections that merchants are bound under.
    pub(crate) platform: Vec<(PathBuf, Configured)>,
    /// The cost of a payment at each channel.
    pub(crate) costs: BTreeMap<String, Vec<Cost>>,
}

/// The channels of a configuration, for a gateway that is reached at `public_url`.
///
/// # Errors
///
/// The fault, in one line with the section and the member.
pub(crate) fn open(config: &Path, public_url: &str) -> Result<OpenedChannels, String> {
    let args = ConfigArgs { config: config.to_owned() };
    let sections = args.sections().map_err(|error| error.into_text())?;
    let costs = args.costs(&sections).map_err(|error| error.into_text())?;
    let world = World::real().map_err(|error| error.to_string())?;
    let open = |(name, configured): (String, Configured)| {
        configured
            .open(args.folder(), public_url, world.clone())
            .map_err(|error| format!("{}: [channels.{name}]: {error}", config.display()))
    };
    let platform = sections.iter().map(|(_, it)| (args.folder().to_owned(), it.clone())).collect();
    let channels = sections.into_iter().map(open).collect::<Result<_, _>>()?;
    Ok(OpenedChannels { channels, platform, costs })
}

/// A provider's client, whose requests are shown.
enum Client {
    Wechat(Box<wechat::client::Client>),
    Alipay(Box<alipay::client::Client>),
    Unionpay(Box<unionpay::client::Client>),
}

impl ConfigArgs {
    /// The names and texts of the file's sections, in its order.
    fn texts(&self) -> Result<Vec<(String, String)>, Failed> {
        let path = self.config.display();
        let text = std::fs::read_to_string(&self.config)
            .map_err(|error| Failed::NotDone(format!("{path} cannot be read: {error}")))?;
        let file: toml::Table = toml::from_str(&text)
            .map_err(|error| Failed::NotDone(format!("{path} is not TOML: {}", error.message())))?;
        let channels = file.get("channels").and_then(toml::Value::as_table);
        let channels = channels.ok_or_else(|| {
            Failed::NotDone(format!("{path} has no section such as [channels.wechat]"))
        })?;
        let text = |(name, section): (&String, &toml::Value)| {
            let section =
                toml::to_string(section).map_err(|error| Failed::NotDone(error.to_string()))?;
            Ok((name.clone(), section))
        };
        channels.iter().map(text).collect()
    }

    /// The sections of the file, in its order.
    fn sections(&self) -> Result<Vec<(String, Configured)>, Failed> {
        let read = |(name, text): (String, String)| {
            let configured = Configured::parse(&name, &text)
                .map_err(|error| Failed::NotDone(format!("[channels.{name}]: {error}")))?;
            Ok((name, configured))
        };
        self.texts()?.into_iter().map(read).collect()
    }

    /// The cost of a payment at the channel of each of these sections.
    fn costs(
        &self,
        sections: &[(String, Configured)],
    ) -> Result<BTreeMap<String, Vec<Cost>>, Failed> {
        let texts = self.texts()?;
        let read = |((name, configured), (_, text)): (&(String, Configured), &(String, String))| {
            let costs = configured.costs(text);
            let costs =
                costs.map_err(|error| Failed::NotDone(format!("[channels.{name}]: {error}")))?;
            Ok((name.clone(), costs))
        };
        sections.iter().zip(&texts).map(read).collect()
    }

    fn section(&self, name: &str) -> Result<Configured, Failed> {
        let found = self.sections()?.into_iter().find(|(section, _)| section == name);
        let path = self.config.display();
        found
            .map(|(_, configured)| configured)
            .ok_or_else(|| Failed::NotDone(format!("{path} has no section [channels.{name}]")))
    }

    fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("."))
    }

    /// The client of a section, which shows what it sends if `verbose`.
    fn client(&self, configured: &Configured, verbose: bool) -> Result<Client, Failed> {
        let network = Network::new().map_err(|error| Failed::NotDone(error.to_string()))?;
        let transport = Arc::new(Shown { network, verbose });
        let machine = Arc::new(Machine);
        Ok(match configured {
            Configured::Wechat(config) => {
                let account = config.load(self.folder())?;
                Client::Wechat(Box::new(wechat::client::Client::new(account, transport, machine)))
            }
            Configured::Alipay(config) => {
                let account = config.load(self.folder())?;
                Client::Alipay(Box::new(alipay::client::Client::new(account, transport, machine)))
            }
            Configured::Unionpay(config) => {
                let account = config.load(self.folder())?;
                let client = unionpay::client::Client::new(account, transport, machine);
                Client::Unionpay(Box::new(client))
            }
        })
    }
}
