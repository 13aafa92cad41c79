//! Where the configuration comes from on the command line, and what can be said of it before anything starts.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use lezai_channels::accounts::Accounts;
use lezai_channels::channel::Channel;
use lezai_channels::configured::{Configured, World};
use lezai_config::{Config, Fault, Faults, Origin, Sources, Tls};

use lezai_core::routing::{Preference, Strategy};
use lezai_gateway::channels::Routing;

use lezai_connections::tls::{Certificates, TlsFiles};

use crate::database::Database;
use crate::{data_dir, secrets};

/// A configuration has some KB.
const FILE_MAX: u64 = 1 << 20;
/// Shorter tokens can be guessed.
const TOKEN_MIN: usize = 32;

/// Where the configuration comes from.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration.
    #[arg(
        long,
        env = "LEZAI_CONFIG",
        hide_env_values = true,
        default_value = "/etc/lezai/lezai.toml",
        value_name = "FILE"
    )]
    config: PathBuf,
    /// A setting that wins over the file and the environment, such as listen.address=0.0.0.0:8443.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl ConfigArgs {
    /// A configuration in this file.
    pub(crate) fn of(file: &Path) -> Self {
        Self { config: file.to_owned(), set: Vec::new() }
    }

    /// The same with one more setting.
    pub(crate) fn with(&self, key: &str, value: &str) -> Self {
        let mut args = self.clone();
        args.set.push((key.to_owned(), value.to_owned()));
        args
    }

    /// Reads file, environment and flags.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn read(&self) -> Result<Config, Faults> {
        let bytes = data_dir::read(&self.config, FILE_MAX);
        let text = bytes.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| format!("{} must be UTF-8", self.config.display()))
        });
        let text = text.map_err(|what| {
            let fix = "name it with --config or LEZAI_CONFIG; `lezai config --template` prints one to begin with";
            Faults(vec![Fault { origin: None, key: String::new(), what, fix: fix.to_owned() }])
        })?;
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        lezai_config::read(&Sources {
            file: Some((self.config.clone(), text)),
            environment: environment.collect(),
            flags: self.set.clone(),
        })
    }

    /// As [`ConfigArgs::read`], and looks at what the settings name.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn checked(&self) -> Result<Config, Faults> {
        let config = self.read()?;
        let faults = named_files(&config);
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }
}

/// The faults of the files and folders that the settings name.
fn named_files(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (section, tls) in [("listen", &config.listen.tls), ("operator", &config.operator.tls)] {
        if let Some(Err(error)) = tls.as_ref().map(|it| Certificates::load(files(it))) {
            let fix =
                "give it a certificate chain and the private key that belongs to it, both PEM";
            faults.push(config.fault(
                &format!("{section}.certificate"),
                format!("cannot be used: {error}"),
                fix,
            ));
        }
    }
    if let Some(file) = &config.operator.token_file
        && let Err(what) = token(file)
    {
        faults.push(config.fault(
            "operator.token_file",
            what,
            format!("write {TOKEN_MIN} random characters or more into it, for this service alone to read"),
        ));
    }
    if let Some(Err(what)) = config.root_key_file.as_deref().map(secrets::roots) {
        let fix = "`lezai secrets new-root FILE` makes one; chmod 600 keeps it from others";
        faults.push(config.fault("secrets.root_key_file", format!("cannot be used: {what}"), fix));
    }
    if let Err((key, what)) = Database::of(config) {
        let fix = "docs/nodes.md describes the section";
        faults.push(config.fault(key, what, fix));
    }
    let above = config.data_dir.ancestors().find(|it| it.exists());
    let is_folder = above.is_some_and(|it| it.is_dir());
    if !is_folder {
        faults.push(config.fault("data_dir", "cannot be a folder", "name one that can be made"));
    }
    if let Err(error) = config.log.filter.parse::<tracing_subscriber::EnvFilter>() {
        let fix = "write it as info, or as info,lezai=debug";
        faults.push(config.fault("log.filter", format!("cannot be read: {error}"), fix));
    }
    faults.extend(channels(config).err().into_iter().flatten());
    faults
}

/// The channels of a configuration.
pub(super) struct Opened {
    pub(super) channels: Vec<Arc<dyn Channel>>,
    /// How merchants' own accounts at them are opened.
    pub(super) accounts: Accounts,
    /// How payments are routed among them.
    pub(super) routing: Routing,
}

/// The payment channels of a configuration, what opens merchants' own accounts, and what each channel costs.
///
/// # Errors
///
/// Everything that is wrong with their sections and files.
pub(super) fn channels(config: &Config) -> Result<Opened, Vec<Fault>> {
    // A channel's client speaks TLS; an error says that it was chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut channels, mut faults, mut accounts) = (Vec::new(), Vec::new(), Accounts::default());
    let mut costs = BTreeMap::new();
    match World::real() {
        Ok(world) => accounts.world = Some(world),
        Err(error) => {
            let fix = "the system's certificates are needed to reach a provider";
            faults.push(config.fault("channels", format!("cannot be used: {error}"), fix));
        }
    }
    for section in &config.channels {
        let opened = Configured::parse(&section.name, &section.toml).and_then(|configured| {
            let folder = match &section.origin {
                Origin::File { path, .. } => path.parent().unwrap_or(Path::new(".")),
                _ => Path::new("."),
            };
            costs.insert(section.name.clone(), configured.costs(&section.toml)?);
            let channel = configured.open(folder, &config.public_url, World::real()?)?;
            accounts.platform.push((folder.to_owned(), configured));
            Ok(channel)
        });
        match opened {
            Ok(channel) => channels.push(channel),
            Err(error) => {
                let key = format!("channels.{}", section.name);
                let member = format!("{key}.{}", error.field);
                let known = config.settings().iter().any(|it| it.key == member);
                let fix = "docs/channels.md describes the section; `lezai channel check` tries it";
                let fault = config.fault(&member, format!("cannot be used: {error}"), fix);
                faults.push(match known {
                    true => fault,
                    false => Fault { origin: Some(section.origin.clone()), key, ..fault },
                });
            }
        }
    }
    let preference = preference(config);
    if faults.is_empty()
        && preference.strategy == Strategy::Cost
        && costs.values().all(|it: &Vec<_>| it.is_empty())
    {
        let fix = "add costs to the channels' sections: docs/routing.md describes them";
        faults.push(config.fault("routing.strategy", "is of no use without costs", fix));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Opened { channels, accounts, routing: Routing { preference, costs } })
}

/// The operator's preference among channels.
fn preference(config: &Config) -> Preference {
    let lezai_config::Routing { strategy, premium_ppm } = config.routing;
    let strategy = match strategy {
        lezai_config::Strategy::Policy => Strategy::Policy,
        lezai_config::Strategy::Cost => Strategy::Cost,
        lezai_config::Strategy::Latency => Strategy::Latency,
    };
    Preference { strategy, premium_ppm }
}

/// The operator's token in a file.
pub(super) fn token(file: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("names {}, which is not there", file.display()),
        _ => format!("names {}: {error}", file.display()),
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(format!("names {}, which everybody can use (mode {mode:03o})", file.display()));
    }
    let token = data_dir::text(file)?;
    if token.len() < TOKEN_MIN {
        return Err(format!("names {}, whose token is too short", file.display()));
    }
    Ok(token)
}

/// The files of a certificate.
pub(super) fn files(tls: &Tls) -> TlsFiles {
    TlsFiles { certificate: tls.certificate.clone(), private_key: tls.private_key.clone() }
}

/// The arguments of `lezai config`.
#[derive(Debug, clap::Args)]
pub struct ConfigCommand {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print a file to begin with.
    #[arg(long)]
    template: bool,
}

/// Prints what is in force, with the origin of each setting and without secrets. The exit code is 2 if
/// something is wrong.
pub fn show(command: &ConfigCommand) -> ExitCode {
    if command.template {
        crate::say::line(format_args!("{}", lezai_config::template().trim_end()));
        return ExitCode::SUCCESS;
    }
    match command.config.read() {
        Ok(config) => {
            crate::say::line(format_args!("{}", config.shown().trim_end()));
            ExitCode::SUCCESS
        }
        Err(faults) => tell(&faults),
    }
}

/// Says what is wrong.
pub(super) fn tell(faults: &Faults) -> ExitCode {
    for fault in &faults.0 {
        crate::say::remark(format_args!("lezai: {fault}"));
    }
    ExitCode::from(2)
}
