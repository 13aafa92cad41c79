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
use lezai_gateway::realm::Realm;
use lezai_gateway::{jobs, peers};
use lezai_http::live::{self, Bounds};
use lezai_seal::Vault;
use lezai_store as store;
use lezai_store::Scope;
use lezai_store_postgres::Address;
use lezai_traces::Traces;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cannot_start::CannotStart;
use crate::compose::{Differences, compose, end_traces, recall, traces};
use crate::database::Database;
use crate::folder::{Folder, Kept};
use crate::{keys, log, say, secrets};

use notify::notify;
pub use settings::{ConfigArgs, ConfigCommand, show};

/// Requests under way when the gateway is told to stop have this long.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
/// The store has this long to bring its log, some 150 MB at most, to its place.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// The arguments of `lezai serve`.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// A database of PostgreSQL's, which several gateways can share; else a file in the data folder.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
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
    /// The filter of the log.
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
    let sources = match &args.store {
        Some(url) => args.config.with("store.url", url),
        None => args.config.clone(),
    };
    let config = sources.checked().map_err(|faults| settings::tell(&faults))?;
    if args.check {
        say::line(format_args!("the configuration is right"));
        if config.channels.is_empty() {
            say::line(format_args!("note: {NO_CHANNEL}"));
        }
        return Err(ExitCode::SUCCESS);
    }
    Ok(Prepared { config, args: sources })
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
    let database = Database::of(&config)
        .map_err(|(key, why)| CannotStart::new(format_args!("{key} {why}")))?;
    let place = database.as_ref().map(|it| Arc::clone(&it.address));
    let kept = if place.is_some() { Kept::Elsewhere } else { Kept::Here };
    let mut folder = Folder::of_gateway(&config.data_dir, vault.roots(), kept)?;
    let (listener, address) = bind("listen.address", config.listen.address).await?;
    let (operator_listener, operator_address) =
        bind("operator.address", config.operator.address).await?;

    let gateway = Arc::new(open(&config, &folder, &vault, database)?);
    open_store(&gateway, &folder, place.as_deref()).await?;
    peers::listen(&gateway);
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
    seal_anew(folder.path(), place.as_ref(), &vault);

    say::announce(banner(&config, place.as_deref(), address, operator_address));
    if config.channels.is_empty() {
        tracing::warn!("{NO_CHANNEL}");
    }
    notify("READY=1");

    while signals.next().await == Told::Reload {
        notify("RELOADING=1");
        for files in &certificates {
            files.look(false);
        }
        reload(&args, &gateway, folder.path(), place.as_ref(), &vault);
        if let Err(error) = same_key(&gateway).await {
            tracing::error!(%error, "the other nodes do not know this node's key");
        }
        notify("READY=1");
    }
    notify("STOPPING=1");
    drain(&gateway, config.listen.drain_seconds, &mut signals).await;
    tracing::info!("stopping");
    let _ = stop.send(true);
    gateway.node.cluster.watchers.close();
    end(server, "public listener").await;
    end(operator, "operator's listener").await;
    end(beside, "comparisons").await;
    let _ = stop_worker.send(true);
    gateway.node.cluster.wake.call();
    end(worker, "worker").await;
    end_traces(&gateway).await;
    let store = Arc::clone(&gateway.node.store);
    let closing = tokio::task::spawn_blocking(move || store.close());
    if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
        tracing::warn!("the store did not close in time; it is whole, with its log beside it");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Still answers for a while, so that a load balancer finds out by `/readyz` before a request is refused. Told to stop
/// once more, it waits no longer.
async fn drain(gateway: &Gateway, seconds: u32, signals: &mut Signals) {
    if seconds == 0 {
        return;
    }
    gateway.readiness.drain();
    tracing::info!(seconds, "draining");
    let told_again = async { while signals.next().await != Told::Stop {} };
    let _ = tokio::time::timeout(Duration::from_secs(seconds.into()), told_again).await;
}

/// Reloads the settings that can change while the gateway runs: its keys, and the filter of the log.
fn reload(
    args: &ConfigArgs,
    gateway: &Gateway,
    data: &Path,
    database: Option<&Arc<Address>>,
    vault: &Arc<Vault>,
) {
    let config = args.checked();
    if let Ok(Some(file)) = config.as_ref().map(|it| it.root_key_file.as_ref()) {
        match secrets::roots(file) {
            Ok(roots) => {
                vault.replace(roots);
                seal_anew(data, database, vault);
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
fn seal_anew(data: &Path, database: Option<&Arc<Address>>, vault: &Arc<Vault>) {
    let Some(roots) = vault.roots() else { return };
    let (data, vault) = (data.to_owned(), Arc::clone(vault));
    let database = database.map(Arc::clone);
    tokio::task::spawn_blocking(move || {
        let sealed = keys::reseal(&data, &roots).and_then(|()| {
            if let Some(address) = &database {
                return lezai_store_postgres::reseal(address, &vault)
                    .map_err(|error| error.explain(Path::new(&address.shown())));
            }
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
fn open(
    config: &Config,
    folder: &Folder,
    vault: &Arc<Vault>,
    database: Option<Database>,
) -> Result<Gateway, CannotStart> {
    let admin_token = match &config.operator.token_file {
        Some(file) => settings::token(file)
            .map_err(|why| CannotStart::new(format_args!("operator.token_file {why}")))?,
        None => folder.text("admin-token")?,
    };
    let url = reqwest::Url::parse(&config.public_url).map_err(CannotStart::new)?;
    let settings::Opened { channels, accounts, routing } = settings::channels(config)
        .map_err(|faults| CannotStart::new(lezai_config::Faults(faults)))?;
    let differences = Differences {
        public_url: config.public_url.clone(),
        authorities: vec![authority(&url)],
        clock: Arc::new(Clock::system()),
        admin_token,
        rates: Rates::new(config.limits.merchant_per_second, config.limits.page_per_second),
        reach: EgressPolicy::Public,
        realm: Realm::Live,
        channels,
        accounts,
        routing,
        sandbox: None,
        keys: keys::Keys::of(folder.path(), vault.roots().as_deref()).map_err(CannotStart::new)?,
        vault: Arc::clone(vault),
        database,
        traces: match &config.telemetry {
            Some(it) => traces(&it.endpoint, it.sampled_percent)?,
            None => Traces::off(),
        },
    };
    compose(folder, differences)
}

/// Takes the store over, and reads from it what is kept in memory.
async fn open_store(
    gateway: &Gateway,
    folder: &Folder,
    database: Option<&Address>,
) -> Result<(), CannotStart> {
    let store = &gateway.node.store;
    gateway.realm.take(store).await.map_err(CannotStart::new)?;
    let unusable = |error: store::StoreError| match database {
        Some(address) => CannotStart::new(error.explain(Path::new(&address.shown()))),
        None => folder.unusable("lezai.db", &error),
    };
    if store.is_shared() {
        same_key(gateway).await?;
        peers::count_together(gateway).await.map_err(unusable)?;
    } else {
        // The folder is locked, so what the last gateway had in hand when it died is nobody's.
        let ended = store::write(store, Scope::Background, |tx| tx.end_leases()).await;
        ended.map_err(unusable)?;
    }
    recall(gateway).await.map_err(unusable)
}

/// All nodes sign with one key: a page pins it, and merchants know it. What this node signs with must be among the keys
/// that another noted, or follow one of them.
async fn same_key(gateway: &Gateway) -> Result<(), CannotStart> {
    const SETTING: &str = "gateway_key";
    if !gateway.node.store.is_shared() {
        return Ok(());
    }
    let keys = gateway.keys.now();
    let current = keys.current.keyid.clone();
    let known: Vec<String> = [Some(&keys.current), keys.former.as_ref()]
        .into_iter()
        .flatten()
        .map(|it| it.keyid.clone())
        .collect();
    let next = keys.next.as_ref().map(|it| it.thumbprint());
    let noted = store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        let noted = tx.setting(SETTING)?;
        let is_ours =
            noted.as_ref().is_none_or(|it| known.contains(it) || next.as_ref() == Some(it));
        if is_ours && noted.as_ref() != Some(&current) {
            tx.put_setting(SETTING, &current)?;
        }
        Ok::<_, store::StoreError>(noted.filter(|_| !is_ours))
    });
    match noted.await.map_err(CannotStart::new)? {
        None => Ok(()),
        Some(other) => Err(CannotStart::new(format_args!(
            "the nodes of this database sign with the key {other}: copy gateway.pem and admin-token of one of them to data_dir (docs/nodes.md)"
        ))),
    }
}

fn banner(
    config: &Config,
    database: Option<&Address>,
    address: SocketAddr,
    operator: SocketAddr,
) -> String {
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let mut banner = format!(
        "public    {} ({address}, {})\noperator  {}://{operator}\ndata      {}\n",
        config.public_url,
        if config.listen.tls.is_some() { "TLS" } else { "behind a proxy" },
        scheme(config.operator.tls.is_some()),
        config.data_dir.display()
    );
    if let Some(database) = database {
        banner.push_str(&format!("store     {}\n", database.shown()));
    }
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
        // A task that was committed is done at the next start.
        tracing::warn!(what, "did not end in time");
    }
}

/// The request that a signal makes.
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
