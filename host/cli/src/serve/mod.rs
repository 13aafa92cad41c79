//! `lezai serve`: the gateway in production. It has no sandbox, no demo merchant and no unsigned call; callbacks
//! go to the public internet by https alone; the operator has a listener of its own.

mod notify;
mod settings;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lezai_base::clock::Clock;
use lezai_base::url::authority;
use lezai_config::{Config, LogFormat, ProxyProtocol, Tls};
use lezai_connections::proxies::Proxies;
use lezai_connections::server::{self, Options};
use lezai_connections::tls::Certificates;
use lezai_gateway::callbacks::egress::EgressPolicy;
use lezai_gateway::cluster::rate::Rates;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::jobs;
use lezai_gateway::realm::Realm;
use lezai_http::live::{self, Bounds};
use lezai_store as store;
use lezai_store_sqlite::Vault;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cannot_start::CannotStart;
use crate::compose::{Differences, compose, recall};
use crate::folder::Folder;
use crate::{keys, log, say, secrets};

use notify::notify;
pub use settings::{ConfigArgs, ConfigCommand, show};

/// What is under way when the gateway is told to stop has this long.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
/// The store has this long to bring its log, some 150 MB at most, to its place.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// What `lezai serve` is told.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Say everything that is wrong with the configuration and the files that it names, and start nothing.
    #[arg(long)]
    check: bool,
}

/// A configuration with which a gateway can start.
pub struct Prepared {
    config: Config,
    args: ConfigArgs,
}

impl Prepared {
    /// What is logged.
    pub fn log_filter(&self) -> &str {
        &self.config.log.filter
    }

    /// Whether the log is JSON.
    pub fn log_is_json(&self) -> bool {
        self.config.log.format == LogFormat::Json
    }
}

/// Reads the configuration, before there is a log.
///
/// # Errors
///
/// The exit code, after everything that is wrong was said, or that nothing is with `--check`.
pub fn prepare(args: &ServeArgs) -> Result<Prepared, ExitCode> {
    let config = args.config.checked().map_err(|faults| settings::tell(&faults))?;
    if args.check {
        say::line(format_args!("the configuration is right"));
        if config.channels.is_empty() {
            say::line(format_args!("note: {NO_CHANNEL}"));
        }
        return Err(ExitCode::SUCCESS);
    }
    Ok(Prepared { config, args: args.config.clone() })
}

const NO_CHANNEL: &str = "no payment channel is configured: every order is refused until there is a section such as [channels.wechat]";

/// Runs until it is told to stop (SIGTERM, or Ctrl-C), and then finishes what is under way.
///
/// # Errors
///
/// [`CannotStart`].
pub async fn run(prepared: Prepared) -> Result<(), CannotStart> {
    let Prepared { config, args } = prepared;
    let mut signals = Signals::new()?;
    let vault = match &config.root_key_file {
        Some(file) => Vault::new(secrets::roots(file).map_err(CannotStart::new)?),
        None => Vault::none(),
    };
    let mut folder = Folder::of_gateway(&config.data_dir, vault.roots())?;
    let (listener, address) = bind("listen.address", config.listen.address).await?;
    let (operator_listener, operator_address) =
        bind("operator.address", config.operator.address).await?;

    let gateway = Arc::new(open(&config, &folder, &vault)?);
    open_store(&gateway, &folder).await?;
    folder.note_used().map_err(|error| {
        let path = config.data_dir.display();
        CannotStart::new(format_args!("cannot write to {path} (data_dir): {error}"))
    })?;

    let (stop, stopped) = watch::channel(false);
    let (stop_worker, worker_stopped) = watch::channel(false);
    let public_tls = Ended::load(config.listen.tls.as_ref(), &gateway, "tls")?;
    let operator_tls = Ended::load(config.operator.tls.as_ref(), &gateway, "operator_tls")?;
    let limits = config.limits;
    let bounds = Bounds {
        ends_tls: public_tls.is_some(),
        in_flight: size(limits.requests_in_flight),
        refused_per_second: limits.stranger_per_second,
    };
    let options = Options {
        tls: public_tls.as_ref().map(|it| Arc::clone(&it.config)),
        proxies: Arc::new(proxies(&config)),
        connections: Some(size(limits.connections)),
        connections_per_address: Some(limits.connections_per_address).filter(|most| *most > 0),
    };
    let operator_options = Options {
        tls: operator_tls.as_ref().map(|it| Arc::clone(&it.config)),
        ..Options::default()
    };
    let routes = live::public_router(&gateway, bounds);
    let operator_routes = live::operator_router(&gateway);
    let server = tokio::spawn(server::serve_with(listener, routes, options, stopped.clone()));
    let operator = tokio::spawn(server::serve_with(
        operator_listener,
        operator_routes,
        operator_options,
        stopped.clone(),
    ));
    let worker = tokio::spawn(jobs::run(Arc::clone(&gateway), worker_stopped));
    let beside = tokio::spawn(Arc::clone(&gateway.plugins).run_background(stopped.clone()));
    let certificates: Vec<Arc<Certificates>> = [&public_tls, &operator_tls]
        .into_iter()
        .flatten()
        .map(|it| Arc::clone(&it.files))
        .collect();
    for files in &certificates {
        tokio::spawn(Arc::clone(files).watch(stopped.clone()));
    }
    note_published(&gateway, folder.path());
    seal_anew(folder.path(), &vault);

    say::announce(banner(&config, address, operator_address));
    if config.channels.is_empty() {
        tracing::warn!("{NO_CHANNEL}");
    }
    notify("READY=1");

    while signals.next().await == Told::Reload {
        notify("RELOADING=1");
        for files in &certificates {
            files.look(false);
        }
        reload(&args, &gateway, folder.path(), &vault);
        notify("READY=1");
    }
    tracing::info!("stopping");
    notify("STOPPING=1");
    let _ = stop.send(true);
    gateway.node.cluster.watchers.close();
    end(server, "public listener").await;
    end(operator, "operator's listener").await;
    end(beside, "comparisons").await;
    let _ = stop_worker.send(true);
    gateway.node.cluster.wake.call();
    end(worker, "worker").await;
    let store = Arc::clone(&gateway.node.store);
    let closing = tokio::task::spawn_blocking(move || store.close());
    if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
        tracing::warn!("the store did not close in time; it is whole, with its log beside it");
    }
    tracing::info!("stopped");
    Ok(())
}

/// What can change while the gateway runs: its keys, and what is logged.
fn reload(args: &ConfigArgs, gateway: &Gateway, data: &Path, vault: &Arc<Vault>) {
    let config = args.checked();
    if let Ok(Some(file)) = config.as_ref().map(|it| it.root_key_file.as_ref()) {
        match secrets::roots(file) {
            Ok(roots) => {
                vault.replace(roots);
                seal_anew(data, vault);
            }
            Err(why) => tracing::error!(why, "the root keys are not read anew"),
        }
    }
    match keys::Keys::of(data, vault.roots().as_deref()) {
        Ok(keys) => {
            let keys = keys.in_use();
            if keys.current.keyid != gateway.keys.current().keyid {
                tracing::info!(keyid = keys.current.keyid, "another key signs from now on");
            }
            gateway.keys.replace(keys);
            note_published(gateway, data);
        }
        Err(why) => tracing::error!(why, "the keys are not read anew"),
    }
    match config {
        Ok(config) => match log::set_filter(&config.log.filter) {
            Ok(()) => tracing::info!(filter = config.log.filter, "the configuration was read anew"),
            Err(error) => tracing::error!(error, "log.filter is not used"),
        },
        Err(faults) => {
            for fault in &faults.0 {
                tracing::error!(%fault, "the changed configuration is not used");
            }
        }
    }
}

/// Seals what is plain, or sealed under a former root key, beside the gateway that runs.
fn seal_anew(data: &Path, vault: &Arc<Vault>) {
    let Some(roots) = vault.roots() else { return };
    let (data, vault) = (data.to_owned(), Arc::clone(vault));
    tokio::task::spawn_blocking(move || {
        let sealed = keys::reseal(&data, &roots).and_then(|()| {
            let file = lezai_store_sqlite::file(&data);
            lezai_store_sqlite::reseal(&file, &vault).map_err(|error| error.explain(&file))
        });
        match sealed {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(root = roots.current(), "everything is sealed under this root key")
            }
            Err(why) => tracing::error!(why, "not everything could be sealed anew"),
        }
    });
}

fn note_published(gateway: &Gateway, data: &Path) {
    if let Some(next) = &gateway.keys.now().next
        && let Err(why) = keys::note_published(data, next)
    {
        tracing::error!(why, "the next key is published, which could not be noted");
    }
}

/// TLS of a listener.
struct Ended {
    files: Arc<Certificates>,
    config: Arc<rustls::ServerConfig>,
}

impl Ended {
    fn load(tls: Option<&Tls>, gateway: &Gateway, name: &str) -> Result<Option<Self>, CannotStart> {
        let Some(tls) = tls else { return Ok(None) };
        let files = Certificates::load(settings::files(tls)).map_err(CannotStart::new)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = files.server_config(&provider).map_err(CannotStart::new)?;
        let show = |what: &str, help: &str, metric| {
            gateway.node.metrics.show(&format!("{name}_{what}"), help, metric);
        };
        show(
            "certificate_end_timestamp_seconds",
            "When the certificate ends",
            files.ends_at.clone(),
        );
        gateway.node.metrics.show(
            &format!("{name}_certificates_refused"),
            "Changed certificates that could not be used",
            files.refused.clone(),
        );
        Ok(Some(Self { files, config }))
    }
}

fn proxies(config: &Config) -> Proxies {
    Proxies {
        trusted: config.proxies.trusted.clone(),
        proxy_v2: config.proxies.protocol == ProxyProtocol::ProxyV2,
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Puts the gateway together.
fn open(config: &Config, folder: &Folder, vault: &Arc<Vault>) -> Result<Gateway, CannotStart> {
    let admin_token = match &config.operator.token_file {
        Some(file) => settings::token(file)
            .map_err(|why| CannotStart::new(format_args!("operator.token_file {why}")))?,
        None => folder.text("admin-token")?,
    };
    let url = reqwest::Url::parse(&config.public_url).map_err(CannotStart::new)?;
    let differences = Differences {
        public_url: config.public_url.clone(),
        authorities: vec![authority(&url)],
        clock: Arc::new(Clock::system()),
        admin_token,
        rates: Rates::new(config.limits.merchant_per_second, config.limits.page_per_second),
        reach: EgressPolicy::Public,
        realm: Realm::Live,
        channels: settings::channels(config)
            .map_err(|faults| CannotStart::new(lezai_config::Faults(faults)))?,
        sandbox: None,
        keys: keys::Keys::of(folder.path(), vault.roots().as_deref()).map_err(CannotStart::new)?,
        vault: Arc::clone(vault),
    };
    compose(folder, differences)
}

/// Takes the store over, and reads from it what is kept in memory.
async fn open_store(gateway: &Gateway, folder: &Folder) -> Result<(), CannotStart> {
    let store = &gateway.node.store;
    gateway.realm.take(store).await.map_err(CannotStart::new)?;
    let unusable = |error: store::StoreError| folder.unusable("lezai.db", &error);
    // The folder is locked, so what the last gateway had in hand when it died is nobody's.
    store::write(store, |tx| tx.end_leases()).await.map_err(unusable)?;
    recall(gateway).await.map_err(unusable)
}

fn banner(config: &Config, address: SocketAddr, operator: SocketAddr) -> String {
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let mut banner = format!(
        "public    {} ({address}, {})\noperator  {}://{operator}\ndata      {}\n",
        config.public_url,
        if config.listen.tls.is_some() { "TLS" } else { "behind a proxy" },
        scheme(config.operator.tls.is_some()),
        config.data_dir.display()
    );
    if config.channels.is_empty() {
        banner.push_str(&format!("note      {NO_CHANNEL}\n"));
    }
    banner.push_str("ready\n");
    banner
}

async fn bind(key: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), CannotStart> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| {
        CannotStart::new(format_args!("cannot listen on {address} ({key}): {error}"))
    })
}

async fn end(task: JoinHandle<()>, what: &str) {
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, task).await.is_err() {
        // What was committed is done at the next start.
        tracing::warn!(what, "did not end in time");
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, CannotStart> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                CannotStart::new(format_args!("cannot listen for signals: {error}"))
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }
}
