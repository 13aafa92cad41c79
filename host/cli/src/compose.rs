//! Puts a gateway together from its parts, in the one way that `lezai dev` and `lezai serve` share.

use std::sync::Arc;

use lezai_assets as assets;
use lezai_base::clock::Clock;
use lezai_base::entropy::{self, Entropy};
use lezai_channels::accounts::Accounts;
use lezai_channels::channel::Channel;
use lezai_channels::sandbox::Sandbox;
use lezai_engine::{Config, Engine};
use lezai_gateway::callbacks::egress::EgressPolicy;
use lezai_gateway::callbacks::transport::Http;
use lezai_gateway::channels::Routing;
use lezai_gateway::cluster::rate::Rates;
use lezai_gateway::gateway::{Gateway, Parts};
use lezai_gateway::plugins::blobs::Blobs;
use lezai_gateway::plugins::compiler::InChild;
use lezai_gateway::plugins::pace;
use lezai_gateway::rate_source::SandboxRates;
use lezai_gateway::realm::Realm;
use lezai_seal::Vault;
use lezai_store::{Store, StoreError};
use lezai_store_sqlite::SqliteStore;
use lezai_traces::{Collector, Traces};
use prometheus_client::metrics::counter::Counter;

use crate::cannot_start::CannotStart;
use crate::database::Database;
use crate::folder::Folder;
use crate::keys::Keys;
use crate::log;

/// The settings in which `dev` and `serve` differ.
pub(crate) struct Differences {
    pub(crate) public_url: String,
    pub(crate) authorities: Vec<String>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) admin_token: String,
    pub(crate) rates: Rates,
    pub(crate) reach: EgressPolicy,
    pub(crate) realm: Realm,
    pub(crate) channels: Vec<Arc<dyn Channel>>,
    /// Opens merchants' own accounts.
    pub(crate) accounts: Accounts,
    /// How payments are routed among the channels.
    pub(crate) routing: Routing,
    pub(crate) sandbox: Option<Arc<Sandbox>>,
    pub(crate) keys: Keys,
    /// The vault that secrets and personal data are sealed under.
    pub(crate) vault: Arc<Vault>,
    /// The database; a file in the folder if there is none.
    pub(crate) database: Option<Database>,
    /// Where traces go.
    pub(crate) traces: Traces,
}

fn in_folder(
    folder: &Folder,
    vault: &Arc<Vault>,
) -> Result<(Arc<dyn Store>, Counter), CannotStart> {
    let store = SqliteStore::open_sealed(&lezai_store_sqlite::file(folder.path()), vault)
        .map_err(|error| folder.unusable("lezai.db", &error))?;
    let failed = store.failed_commits().clone();
    Ok((Arc::new(store), failed))
}

/// Puts the gateway of a folder together.
pub(crate) fn compose(folder: &Folder, its: Differences) -> Result<Gateway, CannotStart> {
    let (store, failed_commits) = match &its.database {
        Some(database) => database.open(&its.vault)?,
        None => in_folder(folder, &its.vault)?,
    };
    let compiler = InChild::new().map_err(CannotStart::new)?;
    let config =
        Config { compiler: Arc::new(compiler), ..Config::new(folder.path().join("plugin-cache")) };
    let wanted = config.loaded;
    // Each plugin's first memory is an open file; half of them are for connections.
    let files = rlimit::Resource::NOFILE.get_hard().unwrap_or_default() / 2;
    let loaded = wanted.min(usize::try_from(files).unwrap_or(usize::MAX));
    let engine = Engine::new(Config { loaded, ..config }).map_err(CannotStart::new)?;
    let (_, most) = engine.ready();
    if most < wanted {
        tracing::warn!(
            most,
            wanted,
            "vm.max_map_count, or the limit on open files, bounds how many plugins stand ready"
        );
    }
    let blobs = Blobs::open(folder.path()).map_err(|error| {
        CannotStart::new(format_args!("plugins cannot be kept in --data-dir: {error}"))
    })?;
    let standard = engine.load(assets::STANDARD_PLUGIN);
    let standard = standard.map_err(|error| {
        CannotStart::new(format_args!("the standard plugin is refused: {error}"))
    })?;
    let transport = Http::new(its.reach)
        .map_err(|error| CannotStart::new(format_args!("callbacks cannot be sent: {error}")))?;
    let mut gateway = Gateway::new(Parts {
        authorities: its.authorities,
        public_url: its.public_url,
        store,
        clock: its.clock,
        entropy: Entropy::Os,
        engine: Arc::new(engine),
        standard,
        blobs: Arc::new(blobs),
        keys: its.keys.in_use().into(),
        admin_token: its.admin_token,
        rates: its.rates,
        reach: its.reach,
        transport: Box::new(transport),
        channels: its.channels,
        accounts: Arc::new(its.accounts),
        sandbox: its.sandbox,
    });
    gateway.realm = its.realm;
    gateway.routing = its.routing;
    if its.realm == Realm::Sandbox {
        gateway.rate_source = Some(Arc::new(SandboxRates));
    }
    if let Some(failed) = its.traces.failed() {
        let help = "Requests to the collector of traces that failed";
        gateway.node.metrics.show("trace_exports_failed", help, failed.clone());
    }
    gateway.traces = its.traces;
    gateway.node.metrics.show_failed_commits(&failed_commits);
    gateway.node.metrics.show_lost_log_lines(log::lost());
    let slow = pace::measure(&gateway.plugins.engine, &gateway.node.metrics.plugins);
    if let Some(notice) = slow.map_err(CannotStart::new)? {
        tracing::warn!("{notice}");
    }
    Ok(gateway)
}

/// Traces that go to a collector at this address.
pub(crate) fn traces(endpoint: &str, sampled_percent: u32) -> Result<Traces, CannotStart> {
    let instance = entropy::bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let endpoint = endpoint.to_owned();
    let version = env!("CARGO_PKG_VERSION");
    Traces::to(&Collector { endpoint, sampled_percent, version, instance })
        .map_err(|why| CannotStart::new(format_args!("traces cannot be sent: {why}")))
}

/// Sends the traces that wait, for as long as that takes its bounded time.
pub(crate) async fn end_traces(gateway: &Gateway) {
    let traces = gateway.traces.clone();
    // A panic of it is nobody's concern any more.
    let _ = tokio::task::spawn_blocking(move || traces.end()).await;
}

/// Reads from the store what is kept in memory.
pub(crate) async fn recall(gateway: &Gateway) -> Result<(), StoreError> {
    gateway.plugins.fetch_components().await?;
    gateway.merchants.reload().await?;
    let (store, now): (&Arc<dyn Store>, _) = (&gateway.node.store, gateway.node.clock.now());
    gateway.node.cluster.velocity.recall(store, now).await?;
    let merchants = gateway.merchants.current().clone();
    tokio::task::block_in_place(|| {
        let standing = merchants.iter().map(|it| it.rollout.load_full());
        standing.for_each(|it| it.all().for_each(|version| gateway.plugins.prepare(version)));
    });
    Ok(())
}
