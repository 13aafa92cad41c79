//! `lezai serve`: the gateway in production. It has no sandbox, no demo merchant and no unsigned call; callbacks
//! go to the public internet by https alone; the operator has a listener of its own.

mod notify;
mod settings;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lezai_config::{Config, LogFormat, ProxyProtocol, Tls};
use lezai_engine::Engine;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use lezai_assets as assets;
use lezai_base::clock::Clock;
use lezai_base::entropy::Entropy;
use lezai_base::url;
use lezai_channels::channel::Channel;
use lezai_connections::proxies::Proxies;
use lezai_connections::server::{self, Options};
use lezai_connections::tls::Certificates;
use lezai_gateway::callbacks::egress::Reach;
use lezai_gateway::callbacks::sender::Courier;
use lezai_gateway::cluster::rate::Rates;
use lezai_gateway::gateway::{Gateway, Parts};
use lezai_gateway::jobs as worker;
use lezai_gateway::plugins::blobs::Blobs;
use lezai_gateway::plugins::compiler::InChild;
use lezai_gateway::plugins::{beside, loading, pace};
use lezai_gateway::realm::Realm;
use lezai_http::live::{self, Bounds};
use lezai_store as store;
use lezai_store_sqlite::SqliteStore;

use crate::dev::CannotStart;
use crate::dev::folder::Folder;
use crate::{keys, log, say};

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
    let mut folder = Folder::of_gateway(&config.data_dir)?;
    let (listener, address) = bind("listen.address", config.listen.address).await?;
    let (operator_listener, operator_address) =
        bind("operator.address", config.operator.address).await?;

    let gateway = Arc::new(compose(&config, &folder)?);
    open_store(&gateway, &folder).await?;
    folder.note_used().map_err(|error| {
        let path = config.data_dir.display();
        CannotStart::new(format_args!("cannot write to {path} (data_dir): {error}"))
    })?;

    let (stop, stopped) = watch::channel(false);
    let (stop_worker, worker_stopped) = watch::channel(false);
    let courier = Courier::new(Reach::Public)
        .map_err(|error| CannotStart::new(format_args!("callbacks cannot be sent: {error}")))?;
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
    let worker = tokio::spawn(worker::run(Arc::clone(&gateway), courier, worker_stopped));
    let beside = tokio::spawn(beside::run(Arc::clone(&gateway), stopped.clone()));
    let certificates: Vec<Arc<Certificates>> = [&public_tls, &operator_tls]
        .into_iter()
        .flatten()
        .map(|it| Arc::clone(&it.files))
        .collect();
    for files in &certificates {
        tokio::spawn(Arc::clone(files).watch(stopped.clone()));
    }
    if let Some(next) = &gateway.next_key
        && let Err(why) = keys::note_published(folder.path(), next)
    {
        tracing::error!(why, "the next key is published, which could not be noted");
    }

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
        reload(&args);
        notify("READY=1");
    }
    tracing::info!("stopping");
    notify("STOPPING=1");
    let _ = stop.send(true);
    gateway.hub.close();
    end(server, "public listener").await;
    end(operator, "operator's listener").await;
    end(beside, "comparisons").await;
    let _ = stop_worker.send(true);
    gateway.wake.call();
    end(worker, "worker").await;
    let store = Arc::clone(&gateway.store);
    let closing = tokio::task::spawn_blocking(move || store.close());
    if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
        tracing::warn!("the store did not close in time; it is whole, with its log beside it");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The settings that can change while the gateway runs.
fn reload(args: &ConfigArgs) {
    match args.checked() {
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
            gateway.metrics.show(&format!("{name}_{what}"), help, metric);
        };
        show(
            "certificate_end_timestamp_seconds",
            "When the certificate ends",
            files.ends_at.clone(),
        );
        gateway.metrics.show(
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
fn compose(config: &Config, folder: &Folder) -> Result<Gateway, CannotStart> {
    let store = SqliteStore::open(&lezai_store_sqlite::file(folder.path()))
        .map_err(|error| folder.unusable("lezai.db", &error))?;
    let failed_commits = store.failed_commits().clone();
    let compiler = InChild::new().map_err(CannotStart::new)?;
    let engine_config = lezai_engine::Config {
        compiler: Arc::new(compiler),
        ..lezai_engine::Config::new(folder.path().join("plugin-cache"))
    };
    // Each plugin's first memory is an open file; half of them are for connections.
    let files = rlimit::Resource::NOFILE.get_hard().unwrap_or_default() / 2;
    let loaded = engine_config.loaded.min(usize::try_from(files).unwrap_or(usize::MAX));
    let engine = Engine::new(lezai_engine::Config { loaded, ..engine_config });
    let engine = engine.map_err(CannotStart::new)?;
    let blobs = Blobs::open(folder.path()).map_err(|error| {
        CannotStart::new(format_args!("plugins cannot be kept in data_dir: {error}"))
    })?;
    let standard = engine.load(assets::STANDARD_PLUGIN).map_err(|error| {
        CannotStart::new(format_args!("the standard plugin is refused: {error}"))
    })?;
    let admin_token = match &config.operator.token_file {
        Some(file) => settings::token(file)
            .map_err(|why| CannotStart::new(format_args!("operator.token_file {why}")))?,
        None => folder.text("admin-token")?,
    };
    let parsed = reqwest::Url::parse(&config.public_url).map_err(CannotStart::new)?;
    let channels: Vec<Arc<dyn Channel>> = Vec::new();
    let mut gateway = Gateway::new(Parts {
        authorities: vec![url::authority(&parsed)],
        public_url: config.public_url.clone(),
        store: Arc::new(store),
        clock: Arc::new(Clock::system()),
        entropy: Entropy::Os,
        engine: Arc::new(engine),
        standard,
        blobs: Arc::new(blobs),
        key: folder.key("gateway")?,
        admin_token,
        reach: Reach::Public,
        channels,
        sandbox: None,
    });
    gateway.realm = Realm::Live;
    gateway.metrics.show_failed_commits(&failed_commits);
    gateway.metrics.show_lost_log_lines(log::lost());
    let slow = pace::measure(&gateway.engine, &gateway.metrics.plugins);
    if let Some(notice) = slow.map_err(CannotStart::new)? {
        tracing::warn!("{notice}");
    }
    gateway.rates = Rates::new(config.limits.merchant_per_second, config.limits.page_per_second);
    let keys = keys::Keys::of(folder.path()).map_err(CannotStart::new)?;
    gateway.former_key = keys.former.map(Into::into);
    gateway.next_key = keys.next.map(|it| it.verifying_key());
    Ok(gateway)
}

/// Takes the store over, and reads from it what is kept in memory.
async fn open_store(gateway: &Gateway, folder: &Folder) -> Result<(), CannotStart> {
    gateway.realm.take(&gateway.store).await.map_err(CannotStart::new)?;
    let unusable = |error: store::StoreError| folder.unusable("lezai.db", &error);
    // The folder is locked, so what the last gateway had in hand when it died is nobody's.
    store::write(&gateway.store, |tx| tx.end_leases()).await.map_err(unusable)?;
    gateway.reload_merchants().await.map_err(unusable)?;
    let recalled = gateway.counters.recall(&gateway.store, gateway.clock.now()).await;
    recalled.map_err(unusable)?;
    let merchants = gateway.merchants().clone();
    tokio::task::block_in_place(|| {
        let standing = merchants.iter().map(|it| it.rollout.load_full());
        standing.for_each(|it| it.all().for_each(|version| loading::prepare(gateway, version)));
    });
    Ok(())
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
