//! The settings, their defaults, and what must hold between them.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use toml::de::DeTable;
use url::Url;

use crate::fault::{Fault, Faults};
use crate::origin::Origin;
use crate::reader::{Reader, Sources, line};
use crate::sections::{self, Channels};
use crate::shown::{self, Setting};

/// Requests per second: past this a limit limits nothing on one machine.
const RATE_MAX: u32 = 1_000_000;
/// Connections of one listener; each takes some KB, and an open file.
const CONNECTIONS_MAX: u32 = 65_536;

/// Parts per million: a tenth of the amount, more than any channel costs.
const PREMIUM_MAX: u32 = 100_000;

/// Seconds: longer than any load balancer takes to look.
const DRAIN_MAX: u32 = 3_600;

/// A configuration in which every value is in its bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// How shoppers and merchants reach the gateway: an https origin.
    pub public_url: String,
    /// Where keys, store and plugins are kept.
    pub data_dir: PathBuf,
    /// The listener for shoppers and merchants.
    pub listen: Listen,
    /// The proxies that may speak for a client's address.
    pub proxies: Proxies,
    /// The operator's listener.
    pub operator: Operator,
    /// Bounds on what callers may ask for.
    pub limits: Limits,
    /// The log.
    pub log: Log,
    /// The file with the root key that secrets are sealed under.
    pub root_key_file: Option<PathBuf>,
    /// The database, if it is not a file in the data folder.
    pub store: Option<Store>,
    /// The collector of traces, if there is one.
    pub telemetry: Option<Telemetry>,
    /// How payments are routed among channels.
    pub routing: Routing,
    /// The payment channels' sections, in the order of their names.
    pub channels: Channels,
    settings: Vec<Setting>,
}

/// The listener for shoppers and merchants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate; without one, a proxy ends TLS.
    pub tls: Option<Tls>,
    /// For so long it still takes requests after it was told to stop, and says by `/readyz` that it is to get none.
    pub drain_seconds: u32,
}

/// A certificate with its key, in files that are read anew when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those of its issuers, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub private_key: PathBuf,
}

/// The proxies that may speak for a client's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// The proxies' addresses.
    pub trusted: Vec<IpNet>,
    /// How they name the client.
    pub protocol: ProxyProtocol,
}

/// How a proxy names the client that it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// By the fields `X-Forwarded-For` and `X-Forwarded-Proto`.
    Forwarded,
    /// By the header of the PROXY protocol, version 2, before the first byte of the client's.
    ProxyV2,
}

/// The operator's listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate.
    pub tls: Option<Tls>,
    /// The file with the operator's token; in the data folder if not named.
    pub token_file: Option<PathBuf>,
}

/// Bounds on what callers may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests per second that one merchant may send; 0 for any number.
    pub merchant_per_second: u32,
    /// Requests per second of one checkout page; 0 for any number.
    pub page_per_second: u32,
    /// Refused requests per second from one address; 0 for any number.
    pub stranger_per_second: u32,
    /// Connections of the public listener.
    pub connections: u32,
    /// Connections of one address, proxies apart; 0 for any number.
    pub connections_per_address: u32,
    /// Requests that are worked on at once.
    pub requests_in_flight: u32,
}

/// How payments are routed among the channels that can take them, where neither a policy nor a plugin fixes the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The strategy.
    pub strategy: Strategy,
    /// By cost: a channel may cost so much more than the cheapest, in parts per million of the amount, if it answers
    /// better.
    pub premium_ppm: u32,
}

/// How channels are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// As policies list them.
    Policy,
    /// The cheapest first.
    Cost,
    /// The one first that answers best.
    Latency,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The filter of the log, as `RUST_LOG` has it.
    pub filter: String,
    /// How it is written.
    pub format: LogFormat,
}

/// A collector of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Where it takes OTLP over HTTP, without `/v1/traces`.
    pub endpoint: String,
    /// Of a hundred traces that begin here, so many are sent.
    pub sampled_percent: u32,
}

/// A database of PostgreSQL's, which several gateways can share.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// Its URL, which can have a password in it.
    pub url: String,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// The certificates that its own is verified by; those that the system trusts if not named.
    pub ca_file: Option<PathBuf>,
    /// Connections of this gateway, besides two that news come by.
    pub connections: u32,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("url", &shown::masked(&self.url)).finish_non_exhaustive()
    }
}

impl Config {
    /// Everything in force, as TOML, with the origin of each value and without secrets.
    pub fn shown(&self) -> String {
        shown::toml(&self.settings)
    }

    /// Everything in force.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Something that is wrong with what a setting names, such as a file.
    pub fn fault(&self, key: &str, what: impl Into<String>, fix: impl Into<String>) -> Fault {
        let setting = self.settings.iter().find(|it| it.key == key);
        let origin = setting.and_then(|it| it.origin.clone());
        Fault { origin, key: key.to_owned(), what: what.into(), fix: fix.into() }
    }
}

/// Reads everything.
///
/// # Errors
///
/// [`Faults`]: all of them.
pub fn read(sources: &Sources) -> Result<Config, Faults> {
    let text = sources.file.as_ref().map_or("", |(_, text)| text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let syntax = errors.into_iter().map(|error| Fault {
        origin: Some(line(sources, error.span().map_or(0, |it| it.start))),
        key: String::new(),
        what: format!("is not TOML: {}", error.message()),
        fix: "see https://toml.io for the syntax".to_owned(),
    });
    let syntax: Vec<Fault> = syntax.collect();
    let mut reader = Reader::new(sources, table.get_ref());
    let config = settings(&mut reader, text);
    // A setting that is missing may be in a part that could not be read.
    let mut faults = syntax;
    if faults.is_empty() {
        faults.append(&mut reader.faults);
    }
    match config {
        Some(config) if faults.is_empty() => Ok(Config { settings: reader.settings, ..config }),
        _ => Err(Faults(faults)),
    }
}

fn settings(reader: &mut Reader<'_>, text: &str) -> Option<Config> {
    let public_url = public_url(reader);
    let data_dir = reader.path("data_dir", Some("/var/lib/lezai"));
    let address = reader.address("listen.address", "127.0.0.1:8080");
    let drain_seconds = reader.number("listen.drain_seconds", 0, 0..=DRAIN_MAX);
    let tls = tls(reader, "listen");
    let trusted = reader.networks("proxies.trusted");
    let protocol = reader.word(
        "proxies.protocol",
        &[("x_forwarded", ProxyProtocol::Forwarded), ("proxy_v2", ProxyProtocol::ProxyV2)],
    );
    let operator = operator(reader);
    let limits = limits(reader);
    let filter = reader.text("log.filter", Some("info"));
    let format = reader.word("log.format", &[("json", LogFormat::Json), ("text", LogFormat::Text)]);
    let root_key_file = reader.path("secrets.root_key_file", None);
    let store = store(reader);
    let telemetry = telemetry(reader);
    let routing = routing(reader);
    let channels = sections::channels(reader, text);
    reader.finish(&["channels"]);
    let listen = address.zip(drain_seconds).map(|(address, drain_seconds)| Listen {
        address,
        tls,
        drain_seconds,
    });
    let proxies = trusted.zip(protocol).map(|(trusted, protocol)| Proxies { trusted, protocol });
    if let (Some(listen), Some(proxies)) = (&listen, &proxies) {
        ends_tls(reader, listen, proxies);
    }
    if let (Some(listen), Some(operator)) = (&listen, &operator) {
        two_listeners(reader, listen, operator);
    }
    Some(Config {
        public_url: public_url?,
        data_dir: data_dir?,
        listen: listen?,
        proxies: proxies?,
        operator: operator?,
        limits: limits?,
        log: Log { filter: filter?, format: format? },
        root_key_file,
        store: store?,
        telemetry: telemetry?,
        routing: routing?,
        channels,
        settings: Vec::new(),
    })
}

/// An https origin: scheme, host, and the port unless it is 443.
fn public_url(reader: &mut Reader<'_>) -> Option<String> {
    const KEY: &str = "public_url";
    let text = reader.text(KEY, None);
    let origin = reader.origin(KEY);
    let Some(text) = text else {
        if origin.is_none() {
            let what = "is missing: the address that shoppers and merchants reach the gateway by";
            reader.fault(
                None,
                KEY,
                what.to_owned(),
                r#"add public_url = "https://pay.example""#.to_owned(),
            );
        }
        return None;
    };
    let url = Url::parse(&text).ok().filter(|url| {
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let plain = |host: &str| !host.is_empty() && !host.contains([';', ',', '*', ' ']);
        bare && url.username().is_empty()
            && url.password().is_none()
            && url.scheme() == "https"
            && url.host_str().is_some_and(plain)
    });
    if url.is_none() {
        let what = "must be https with a host, and no path".to_owned();
        reader.fault(origin, KEY, what, r#"write it as "https://pay.example""#.to_owned());
    }
    url.map(|url| url.origin().ascii_serialization())
}

fn tls(reader: &mut Reader<'_>, section: &str) -> Option<Tls> {
    let [certificate_key, private_key_key] =
        ["certificate", "private_key"].map(|name| format!("{section}.{name}"));
    let certificate = reader.path(&certificate_key, None);
    let private_key = reader.path(&private_key_key, None);
    let given = [&certificate_key, &private_key_key].map(|key| reader.origin(key));
    match given {
        [Some(origin), None] => alone(reader, origin, &certificate_key, &private_key_key),
        [None, Some(origin)] => alone(reader, origin, &private_key_key, &certificate_key),
        _ => {}
    }
    Some(Tls { certificate: certificate?, private_key: private_key? })
}

fn alone(reader: &mut Reader<'_>, origin: Origin, key: &str, lacks: &str) {
    let fix = format!("set {lacks} too, or neither");
    reader.fault(Some(origin), key, format!("is of no use without {lacks}"), fix);
}

fn operator(reader: &mut Reader<'_>) -> Option<Operator> {
    let address = reader.address("operator.address", "127.0.0.1:8090");
    let tls = tls(reader, "operator");
    let token_file = reader.path("operator.token_file", None);
    let operator = Operator { address: address?, tls, token_file };
    if operator.tls.is_none() && !operator.address.ip().is_loopback() {
        let origin = reader.origin("operator.address");
        let what =
            "is not on this machine, and the operator's token would cross the network in clear";
        let fix = "listen on 127.0.0.1, or set operator.certificate and operator.private_key";
        reader.fault(origin, "operator.address", what.to_owned(), fix.to_owned());
    }
    Some(operator)
}

/// The database: none of its own if no URL is given, and nothing if something of it is wrong.
fn store(reader: &mut Reader<'_>) -> Option<Option<Store>> {
    let url = reader.database("store.url");
    let password_file = reader.path("store.password_file", None);
    let ca_file = reader.path("store.ca_file", None);
    let connections = reader.number("store.connections", 12, 2..=200);
    for key in ["store.password_file", "store.ca_file", "store.connections"] {
        if let (None, Some(origin)) = (reader.origin("store.url"), reader.origin(key)) {
            alone(reader, origin, key, "store.url");
        }
    }
    match (url, connections) {
        (None, Some(_)) => Some(None),
        (Some(url), Some(connections)) => {
            Some(Some(Store { url, password_file, ca_file, connections }))
        }
        _ => None,
    }
}

/// The collector: none if no endpoint is given, and nothing if something of it is wrong.
fn telemetry(reader: &mut Reader<'_>) -> Option<Option<Telemetry>> {
    const KEY: &str = "telemetry.endpoint";
    let endpoint = reader.text(KEY, None);
    let sampled_percent = reader.number("telemetry.sampled_percent", 100, 0..=100)?;
    let Some(text) = endpoint else {
        let origin = reader.origin(KEY);
        if let (None, Some(origin)) = (&origin, reader.origin("telemetry.sampled_percent")) {
            alone(reader, origin, "telemetry.sampled_percent", KEY);
        }
        return origin.is_none().then_some(None);
    };
    let url = Url::parse(&text).ok().filter(|url| {
        let is_web = ["http", "https"].contains(&url.scheme()) && url.host_str().is_some();
        is_web && url.username().is_empty() && url.query().is_none() && url.fragment().is_none()
    });
    if url.is_none() {
        let origin = reader.origin(KEY);
        let what = "must be the http or https address of a collector, without user and query";
        let fix = r#"write it as "http://127.0.0.1:4318""#;
        reader.fault(origin, KEY, what.to_owned(), fix.to_owned());
    }
    let endpoint = url?.as_str().trim_end_matches('/').to_owned();
    Some(Some(Telemetry { endpoint, sampled_percent }))
}

fn routing(reader: &mut Reader<'_>) -> Option<Routing> {
    const STRATEGIES: [(&str, Strategy); 3] =
        [("policy", Strategy::Policy), ("cost", Strategy::Cost), ("latency", Strategy::Latency)];
    let strategy = reader.word("routing.strategy", &STRATEGIES)?;
    let premium_ppm = reader.number("routing.premium_ppm", 0, 0..=PREMIUM_MAX)?;
    if strategy != Strategy::Cost
        && let Some(origin) = reader.origin("routing.premium_ppm")
    {
        let what = "is of no use unless routing.strategy is \"cost\"".to_owned();
        let fix = "set routing.strategy = \"cost\", or leave it out".to_owned();
        reader.fault(Some(origin), "routing.premium_ppm", what, fix);
    }
    Some(Routing { strategy, premium_ppm })
}

fn limits(reader: &mut Reader<'_>) -> Option<Limits> {
    let merchant_per_second = reader.number("limits.merchant_per_second", 500, 0..=RATE_MAX);
    let page_per_second = reader.number("limits.page_per_second", 20, 0..=RATE_MAX);
    let stranger_per_second = reader.number("limits.stranger_per_second", 20, 0..=RATE_MAX);
    let connections = reader.number("limits.connections", 16_384, 64..=CONNECTIONS_MAX);
    let per_address = reader.number("limits.connections_per_address", 256, 0..=CONNECTIONS_MAX);
    let requests_in_flight =
        reader.number("limits.requests_in_flight", 2_048, 16..=CONNECTIONS_MAX);
    Some(Limits {
        merchant_per_second: merchant_per_second?,
        page_per_second: page_per_second?,
        stranger_per_second: stranger_per_second?,
        connections: connections?,
        connections_per_address: per_address?,
        requests_in_flight: requests_in_flight?,
    })
}

/// `public_url` is https: somebody has to end TLS.
fn ends_tls(reader: &mut Reader<'_>, listen: &Listen, proxies: &Proxies) {
    let fix = "set listen.certificate and listen.private_key, or proxies.trusted to your proxies' addresses";
    if listen.tls.is_none() && proxies.trusted.is_empty() {
        let origin = reader.origin("listen.address");
        let what = "speaks no TLS, and nobody in front of it is trusted to";
        reader.fault(origin, "listen", what.to_owned(), fix.to_owned());
    }
    if proxies.protocol == ProxyProtocol::ProxyV2 && proxies.trusted.is_empty() {
        let origin = reader.origin("proxies.protocol");
        let what = "is of no use without proxies.trusted: a header of the PROXY protocol is believed from them alone";
        reader.fault(origin, "proxies.protocol", what.to_owned(), "set proxies.trusted".to_owned());
    }
}

fn two_listeners(reader: &mut Reader<'_>, listen: &Listen, operator: &Operator) {
    let (one, other) = (listen.address, operator.address);
    let same_ip =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    if one.port() != 0 && one.port() == other.port() && same_ip {
        let origin = reader.origin("operator.address");
        let what = format!("is the public listener's address {one} too");
        reader.fault(origin, "operator.address", what, "give it a port of its own".to_owned());
    }
}

/// A file to begin with.
pub fn template() -> &'static str {
    include_str!("lezai.toml")
}
