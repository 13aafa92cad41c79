//! `lezai dev`: everything on one machine. It makes what is missing in its folder (keys, a demo
//! merchant with a plugin, the stores), starts the gateway and the demo shop, and says where.

mod home;
mod lan;

use lezai_base::url;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::key::Sign as _;
use lezai_core::release::{CONTRACT, Envelope, Limits, Manifest};
use lezai_engine::Hook;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::channel_command::{self, OpenedChannels};
use crate::compose::{Differences, compose, end_traces, recall, traces};
use crate::data_dir;
use crate::keys::{self, Keys};
use crate::say;
use lezai_assets as assets;
use lezai_base::clock;
use lezai_base::clock::Clock;
use lezai_channels::accounts::Accounts;
use lezai_channels::channel::Channel;
use lezai_channels::configured::World;
use lezai_channels::sandbox::Sandbox;
use lezai_connections::server;
use lezai_demo_shop as shop;
use lezai_demo_shop::ShopError;
use lezai_gateway::callbacks::egress::EgressPolicy;
use lezai_gateway::channels::Routing;
use lezai_gateway::cluster::rate::Rates;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::jobs;
use lezai_gateway::plugins::publishing::{DRIFT_PERCENT, Upload};
use lezai_gateway::realm::Realm;
use lezai_gateway::test_clock;
use lezai_http as http;
use lezai_store as store;
use lezai_store::plugins::{PluginKey, Stage};
use lezai_store::{Brand, MerchantKey, MerchantRecord, Scope};
use lezai_traces::Traces;
use lezai_wire::problem::Problem;

use lezai_seal::Vault;

pub use crate::cannot_start::CannotStart;
use crate::folder::Folder;

/// The demo merchant.
pub const MERCHANT: &str = "m_demo";
const KEYID: &str = "demo-1";
/// The key that signs the demo merchant's plugins, and its file.
const PUBLISHER: &str = "demo-plugins";
/// Its policy.
pub const POLICY: &str = include_str!("../../../demo-shop/policy.json");
/// The demo shop is on this machine.
const REACH: EgressPolicy = EgressPolicy::Local;
/// Requests under way when the gateway is told to stop have this long.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
/// The store has this long to bring its log, some 150 MB at most, to its place.
const CLOSING: Duration = Duration::from_secs(60);

/// The arguments of `lezai dev`.
#[derive(Debug, clap::Args)]
pub struct DevArgs {
    /// Where the gateway listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where the demo shop listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    shop: SocketAddr,
    /// Where keys and stores are kept; the folder is made here if it is missing.
    #[arg(long = "data-dir", alias = "data", env = data_dir::VARIABLE, hide_env_values = true, default_value = data_dir::NAME, value_name = "DIR")]
    data: PathBuf,
    /// Let devices in the local network in, such as a phone: at this machine's address there, or at the one given.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["public_url", "shop_public_url"])]
    lan: Option<Option<IpAddr>>,
    /// How shoppers and merchants reach the gateway, if not by the address it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How shoppers and the gateway's callbacks reach the demo shop, if not by the address it listens on.
    #[arg(long, value_name = "URL")]
    shop_public_url: Option<String>,
    /// How many requests of one merchant are taken in a second; 0 for as many as come.
    #[arg(long, default_value_t = 10_000, value_name = "REQUESTS")]
    merchant_rate: u32,
    /// Also offer the channels of this file's sections [channels.wechat], [channels.alipay] and [channels.unionpay],
    /// such as the one that `lezai channel simulate` writes. A policy must route to them.
    #[arg(long, value_name = "FILE")]
    channels: Option<PathBuf>,
    /// How many requests of one checkout page are taken in a second; 0 for as many as come.
    #[arg(long, default_value_t = 20, value_name = "REQUESTS")]
    page_rate: u32,
    /// Send traces to the collector at this address, by OTLP over HTTP, such as http://127.0.0.1:4318.
    #[arg(long, value_name = "URL")]
    telemetry: Option<String>,
}

/// Runs until it is told to stop (Ctrl-C or SIGTERM), and then finishes what is under way.
///
/// # Errors
///
/// [`CannotStart`].
pub async fn run(args: DevArgs) -> Result<(), CannotStart> {
    let mut stop_signal = StopSignal::new()?;
    let mut folder = Folder::open(&args.data)?;
    let at_lan = args.lan.map(|given| given.map_or_else(lan::address, Ok)).transpose()?;
    let everywhere = |it| if at_lan.is_some() { lan::everywhere(it) } else { it };
    let (listener, address) = bind("--listen", everywhere(args.listen)).await?;
    let (shop_listener, shop_address) = bind("--shop", everywhere(args.shop)).await?;
    let url_of = |flag: &str, given: &Option<String>, bound: SocketAddr| match (given, at_lan) {
        (Some(url), _) => checked_url(flag, url),
        (None, Some(ip)) => Ok(format!("http://{}", SocketAddr::new(ip, bound.port()))),
        (None, None) => Ok(format!("http://{}", reachable(bound))),
    };
    let public_url = url_of("--public-url", &args.public_url, address)?;
    let shop_url = url_of("--shop-public-url", &args.shop_public_url, shop_address)?;
    let allowed = takes_callbacks(&shop_url)?;

    let configured = match &args.channels {
        Some(file) => channel_command::open(file, &public_url).map_err(CannotStart::new)?,
        None => OpenedChannels::default(),
    };
    let rates = Rates::new(args.merchant_rate, args.page_rate);
    let traces = match &args.telemetry {
        Some(endpoint) => traces(&checked_url("--telemetry", endpoint)?, 100)?,
        None => Traces::off(),
    };
    let gateway = open_gateway(&folder, public_url, address, rates, configured, traces)?;
    let gateway = Arc::new(gateway);
    gateway.realm.take(&gateway.node.store).await.map_err(CannotStart::new)?;
    seed(&gateway, &folder, &shop_url, allowed).await?;
    folder.note_used().map_err(|error| {
        CannotStart::new(format_args!(
            "cannot write to {} (--data-dir): {error}",
            args.data.display()
        ))
    })?;

    let (stop, stopped) = watch::channel(false);
    let (stop_worker, worker_stopped) = watch::channel(false);
    let shop = open_shop(&gateway, &folder, shop_listener, &shop_url)?;
    let home = home::Home::new(&gateway, &shop_url, folder.path());
    let routes = home::around(http::router(&gateway), &gateway, home);
    let server = tokio::spawn(server::serve(listener, routes, stopped.clone()));
    let worker = tokio::spawn(jobs::run(Arc::clone(&gateway), worker_stopped));
    let beside = tokio::spawn(Arc::clone(&gateway.plugins).run_background(stopped.clone()));
    let shop = tokio::spawn(shop.run(stopped));

    if let Some(next) = &gateway.keys.now().next
        && let Err(why) = keys::note_published(folder.path(), next)
    {
        tracing::error!(why, "the next key is published, which could not be noted");
    }

    let at_every_address = address.ip().is_unspecified() && args.public_url.is_none();
    say::announce(banner(&gateway, &shop_url, &args.data, at_lan.is_some(), at_every_address));

    stop_signal.wait().await;
    tracing::info!("stopping");
    let _ = stop.send(true);
    gateway.node.cluster.watchers.close();
    end(server, "gateway").await;
    end(shop, "shop").await;
    end(beside, "comparisons").await;
    let _ = stop_worker.send(true);
    gateway.node.cluster.wake.call();
    end(worker, "worker").await;
    end_traces(&gateway).await;
    // Others may still hold the gateway, such as a connection that did not end in time.
    let closing = Arc::clone(&gateway);
    let closing = tokio::task::spawn_blocking(move || {
        closing.node.store.close();
        closing.sandbox.iter().for_each(|sandbox| sandbox.close());
    });
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        tracing::error!("the store did not close in time: lezai.db-wal is part of it");
    }
    tracing::info!("stopped");
    Ok(())
}

fn open_shop(
    gateway: &Gateway,
    folder: &Folder,
    listener: TcpListener,
    shop_url: &str,
) -> Result<shop::DemoShop, CannotStart> {
    let shop = shop::DemoShop::open(shop::Config {
        listener,
        public_url: shop_url.to_owned(),
        gateway_url: gateway.public_url.clone(),
        key: folder.key("demo-merchant")?,
        keyid: KEYID.to_owned(),
        gateway_key: gateway.keys.current().native.verifying_key(),
        webhook_secret: folder.webhook_secret()?,
        data: folder.path().to_owned(),
    });
    shop.map_err(|error| match error {
        ShopError::Store(lezai_demo_shop::StoreError::Database(error)) => {
            folder.unusable("shop.db", &error.into())
        }
        error => CannotStart::new(error),
    })
}

/// The lines that say where everything is, and that it is ready.
fn banner(
    gateway: &Gateway,
    shop_url: &str,
    data: &Path,
    in_network: bool,
    at_every_address: bool,
) -> String {
    let mut banner = format!(
        "gateway  {}\nshop     {shop_url}\ndata     {}\n",
        gateway.public_url,
        data.display()
    );
    if let Some(code) = in_network.then(|| lan::code(shop_url)).flatten() {
        banner.push_str(&format!(
            "\nScan to open the shop on a phone in the same network:\n{code}\n\n"
        ));
    } else if at_every_address && !in_network {
        banner.push_str("note     other devices are refused: --lan or --public-url lets them in\n");
    }
    banner.push_str("ready\n");
    banner
}

async fn end(task: JoinHandle<()>, what: &str) {
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, task).await.is_err() {
        // A task that was committed is done at the next start.
        tracing::warn!(what, "did not end in time");
    }
}

fn open_gateway(
    folder: &Folder,
    public_url: String,
    address: SocketAddr,
    rates: Rates,
    opened: OpenedChannels,
    traces: Traces,
) -> Result<Gateway, CannotStart> {
    let OpenedChannels { channels: configured, platform, costs } = opened;
    let keys = Keys::of(folder.path(), None).map_err(CannotStart::new)?;
    let clock = Arc::new(Clock::system());
    let now = Arc::clone(&clock);
    let sandbox =
        Sandbox::open(&folder.path().join("sandbox.db"), public_url.clone(), move || now.now());
    let sandbox = Arc::new(sandbox.map_err(|error| folder.unusable("sandbox.db", &error.into()))?);
    // A channel's client speaks TLS; an error says that it was chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let accounts = Accounts {
        world: Some(World::real().map_err(CannotStart::new)?),
        platform,
        sandbox: Some(Arc::clone(&sandbox)),
    };
    let differences = Differences {
        accounts,
        authorities: authorities(&public_url, address),
        public_url,
        clock,
        admin_token: folder.text("admin-token")?,
        rates,
        reach: REACH,
        realm: Realm::Sandbox,
        channels: [Arc::clone(&sandbox) as Arc<dyn Channel>]
            .into_iter()
            .chain(configured)
            .collect(),
        routing: Routing { costs, ..Routing::default() },
        sandbox: Some(sandbox),
        keys,
        vault: Vault::none(),
        database: None,
        traces,
    };
    compose(folder, differences)
}

/// The names that a request on this machine may call the gateway by.
fn authorities(public_url: &str, address: SocketAddr) -> Vec<String> {
    let url = reqwest::Url::parse(public_url).ok();
    let mut names: Vec<String> = url.iter().map(lezai_base::url::authority).collect();
    let port = address.port();
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        names.extend(["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}")));
    } else {
        names.push(address.to_string());
    }
    names
}

/// Makes the demo merchant at the first start; afterwards only tells it where the shop is now. What
/// the operator did since, such as to remove its key or to change its secret, stays done.
async fn seed(
    gateway: &Gateway,
    folder: &Folder,
    shop_url: &str,
    allowed: Option<String>,
) -> Result<(), CannotStart> {
    let id = MerchantId::parse(MERCHANT).map_err(CannotStart::new)?;
    let pem =
        folder.key("demo-merchant")?.verifying_key().to_spki_pem().map_err(CannotStart::new)?;
    let key = MerchantKey { keyid: KEYID.to_owned(), merchant: id.clone(), pem };
    let pem = folder.key(PUBLISHER)?.verifying_key().to_spki_pem().map_err(CannotStart::new)?;
    let publisher = PluginKey { keyid: PUBLISHER.to_owned(), merchant: id.clone(), pem };
    let file_secret = folder.webhook_secret()?.reveal();
    let notify_url = Some(format!("{shop_url}/callbacks"));
    // An operator who moves a file away wants another in its place.
    let [new_key, new_publisher, new_secret] =
        ["demo-merchant.pem", "demo-plugins.pem", "demo-webhook-secret"]
            .map(|file| folder.is_made(file));
    let was_used = folder.is_used();
    // The folder is locked, so what the last gateway had in hand when it died is nobody's.
    let ended = store::write(&gateway.node.store, Scope::Background, |tx| tx.end_leases()).await;
    ended.map_err(|error: store::StoreError| folder.unusable("lezai.db", &error))?;
    let scope = Scope::Merchant(id.clone());
    let seeded = store::write(&gateway.node.store, scope, move |tx| {
        let known = tx.merchant(&id)?;
        let is_new = known.is_none();
        if is_new && was_used {
            return Ok(None);
        }
        let mut known = known.unwrap_or_else(|| MerchantRecord {
            id: id.clone(),
            name: "Lezai Demo Shop 乐在小店".to_owned(),
            notify_url: None,
            webhook_secret: String::new(),
            policy: POLICY.to_owned(),
            notify_hosts: Vec::new(),
            frame_origins: Vec::new(),
            brand: Brand::default(),
            former_secret: None,
        });
        let webhook_secret =
            if is_new || new_secret { file_secret } else { known.webhook_secret.clone() };
        let secret = webhook_secret.clone();
        known.notify_hosts.extend(allowed.filter(|it| !known.notify_hosts.contains(it)));
        tx.put_merchant(&MerchantRecord { notify_url, webhook_secret, ..known })?;
        if is_new || new_key {
            tx.put_merchant_key(&key)?;
        }
        if is_new || new_publisher {
            tx.put_plugin_key(&publisher)?;
        }
        Ok::<_, store::StoreError>(Some((is_new, secret)))
    })
    .await;
    let unusable = |error: store::StoreError| folder.unusable("lezai.db", &error);
    let Some((is_new, secret)) = seeded.map_err(unusable)? else {
        return Err(CannotStart::new(format_args!(
            "{} has no merchant {MERCHANT} any more, though this folder was used before; restore it (docs/operations.md, Backup), or start anew in another folder (--data-dir)",
            lezai_store_sqlite::file(folder.path()).display()
        )));
    };
    folder.keep_webhook_secret(&secret)?;
    test_clock::restore(gateway).await.map_err(unusable)?;
    recall(gateway).await.map_err(unusable)?;
    if !is_new {
        return Ok(());
    }
    publish_demo(gateway, folder).await.map_err(|problem| {
        let code = problem.code().as_str();
        CannotStart::new(format_args!(
            "the demo merchant's plugin cannot be published in {} ({code}); the log says why",
            folder.path().display()
        ))
    })
}

/// The demo merchant's plugin, as its developers would publish it.
async fn publish_demo(gateway: &Gateway, folder: &Folder) -> Result<(), Problem> {
    let key = folder.key(PUBLISHER).map_err(Problem::internal)?;
    let (component, most) = (assets::DEMO_PLUGIN.to_vec(), gateway.plugins.engine.limits());
    let manifest = Manifest {
        plugin: "demo_rules".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        digest: sha256_hex(&component),
        settings_digest: sha256_hex(b""),
        contract: CONTRACT.to_owned(),
        hooks: vec![Hook::Risk.label().to_owned()],
        limits: Limits {
            memory: most.memory as u64,
            fuel: most.fuel,
            deadline_ms: most.deadline_ms,
        },
        merchant: MerchantId::parse(MERCHANT).map_err(Problem::internal)?,
        sequence: 1,
        keyid: PUBLISHER.to_owned(),
        created_at: clock::now(),
    };
    let upload = Upload {
        merchant: manifest.merchant.clone(),
        envelope: Envelope::seal(&manifest, &key).map_err(Problem::internal)?,
        component,
        settings: Vec::new(),
        stage: Stage::Live,
        drift_percent: DRIFT_PERCENT,
    };
    gateway.plugins.publish(upload).await.map(drop)
}

async fn bind(flag: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), CannotStart> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => CannotStart::new(format_args!(
            "{address} is in use; choose another with {flag}, or port 0 for a free one"
        )),
        _ => CannotStart::new(format_args!("cannot listen on {address} ({flag}): {error}")),
    })
}

/// An address that listens everywhere is reached on this machine by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new([127, 0, 0, 1].into(), address.port())
    } else {
        address
    }
}

/// Whether callbacks can go to the shop; its host, if that has to be allowed for it.
fn takes_callbacks(shop_url: &str) -> Result<Option<String>, CannotStart> {
    let url = reqwest::Url::parse(shop_url).map_err(CannotStart::new)?;
    let host = lezai_base::url::authority(&url);
    let judged = REACH.judge(&url, [host.as_str()]);
    judged.map_err(|why| {
        CannotStart::new(format_args!(
            "the shop at {shop_url} could not be told of payments: {why}; take an address of a private network \
             (--lan ADDRESS), or an https address (--shop-public-url)"
        ))
    })?;
    Ok((url.scheme() == "https").then_some(host))
}

fn checked_url(flag: &str, url: &str) -> Result<String, CannotStart> {
    url::origin(url).map_err(|why| CannotStart::new(format_args!("{flag} {url} is {why}")))
}

struct StopSignal {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    fn new() -> Result<Self, CannotStart> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| {
                CannotStart::new(format_args!("cannot listen for signals: {error}"))
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::policy::Policy;

    use super::*;

    #[test]
    fn the_demo_policy_is_one() {
        Policy::from_json(POLICY.as_bytes()).unwrap();
    }

    #[test]
    fn a_public_url_is_a_bare_origin() {
        assert_eq!(
            checked_url("--public-url", "https://pay.example/").unwrap(),
            "https://pay.example"
        );
        assert_eq!(
            checked_url("--public-url", "https://pay.example:8443").unwrap(),
            "https://pay.example:8443"
        );
        for url in [
            "pay.example",
            "ftp://pay.example",
            "https://pay.example/x",
            "https://pay.example/?a=1",
            "https://u:p@pay.example",
            "https://pay.example;script-src *",
        ] {
            assert!(checked_url("--public-url", url).is_err(), "{url}");
        }
    }
}
