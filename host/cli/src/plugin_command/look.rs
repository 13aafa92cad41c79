//! `lezai plugin list`, `diff`, `show`, `remove`.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::at::{At, Failed};

/// Whose plugin.
#[derive(Debug, clap::Args)]
pub struct OfMerchant {
    /// Whose, and where.
    #[command(flatten)]
    at: At,
}

/// The arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Whose, and where.
    #[command(flatten)]
    at: At,
}

/// The arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// The release's number; the one on its way, or the newest, if left out.
    #[arg(long, value_name = "NUMBER")]
    sequence: Option<u64>,
    /// At most so many orders, newest first.
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    limit: u32,
    /// Whose, and where.
    #[command(flatten)]
    at: At,
}

/// A release, as the gateway shows it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    merchant: String,
    plugin: String,
    version: String,
    pub(super) sequence: u64,
    digest: String,
    hooks: Vec<String>,
    size: u64,
    published_at: String,
    pub(super) stage: String,
    pub(super) per_mille: Option<u16>,
    pub(super) paused: bool,
    pub(super) drift_percent: u8,
    why: Option<String>,
    pub(super) counts: Option<Counts>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) compared: u64,
    pub(super) different: u64,
}

#[derive(Debug, Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    order: String,
    applied: String,
    old: Said,
    new: Said,
}

#[derive(Debug, Deserialize)]
struct Said {
    verdict: String,
    score: u16,
    reasons: Vec<Reason>,
    channels: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    code: String,
}

pub(super) async fn list(args: ListArgs) -> Result<String, Failed> {
    let body = releases(&args.at).await?;
    if args.at.json {
        return indented(&body);
    }
    let all = parse::<List<Listed>>(&body)?.data;
    if all.is_empty() {
        return Ok(format!("{} has no releases; the standard plugin decides", args.at.merchant));
    }
    let head = format!(
        "{:<14} {:<24} {:<14} {:>8} {:>8} {:>9}  digest",
        "sequence", "plugin", "stage", "calls", "failures", "different"
    );
    let lines = all.iter().map(|it| {
        let counts = it.counts.as_ref();
        let count = |of: fn(&Counts) -> u64| counts.map_or("-".to_owned(), |it| of(it).to_string());
        format!(
            "{:<14} {:<24} {:<14} {:>8} {:>8} {:>9}  {}",
            it.sequence,
            format!("{} {}", it.plugin, it.version),
            it.place(),
            count(|it| it.calls),
            count(|it| it.failures),
            count(|it| it.different),
            it.digest.get(..12).unwrap_or_default()
        )
    });
    Ok(std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n"))
}

pub(super) async fn diff(args: DiffArgs) -> Result<String, Failed> {
    let all = all(&args.at).await?;
    let found = match args.sequence {
        Some(sequence) => all.iter().find(|it| it.sequence == sequence),
        None => {
            let on_its_way = all.iter().find(|it| ["shadow", "canary"].contains(&&*it.stage));
            on_its_way.or(all.first())
        }
    };
    let release = found
        .ok_or_else(|| Failed::Refused("release_not_found: the merchant has none".to_owned()))?;
    let path = format!("/plugins/{}/differences?limit={}", release.sequence, args.limit);
    let body = args.at.ask(Method::GET, &path, None).await?;
    if args.at.json {
        return indented(&body);
    }
    let differences: List<Difference> = parse(&body)?;
    let counts = release.counts.as_ref();
    let mut lines = vec![format!(
        "release {} ({} {}), {}: {} of {} orders decided otherwise",
        release.sequence,
        release.plugin,
        release.version,
        release.place(),
        counts.map_or(0, |it| it.different),
        counts.map_or(0, |it| it.compared)
    )];
    for Difference { order, applied, old, new } in differences.data {
        lines.push(format!(
            "{order}  {applied} was applied\n  old  {}\n  new  {}",
            old.said(),
            new.said()
        ));
    }
    Ok(lines.join("\n"))
}

pub(super) async fn remove(args: OfMerchant) -> Result<String, Failed> {
    args.at.ask(Method::DELETE, "/plugin", None).await?;
    Ok(format!("{} has no plugin of its own any more", args.at.merchant))
}

pub(super) async fn show(args: OfMerchant) -> Result<String, Failed> {
    shown(&args.at, &args.at.ask(Method::GET, "/plugin", None).await?)
}

/// The merchant's releases, newest first.
pub(super) async fn all(at: &At) -> Result<Vec<Listed>, Failed> {
    Ok(parse::<List<Listed>>(&releases(at).await?)?.data)
}

async fn releases(at: &At) -> Result<Vec<u8>, Failed> {
    at.ask(Method::GET, "/plugins?limit=100", None).await
}

/// A release in lines, or as the gateway has it.
pub(super) fn shown(at: &At, body: &[u8]) -> Result<String, Failed> {
    if at.json {
        return indented(body);
    }
    let listed: Listed = parse(body)?;
    let place = listed.place();
    let Listed { merchant, plugin, version, sequence, digest, hooks, size, published_at, .. } =
        listed;
    let hooks = hooks.join(", ");
    Ok(format!(
        "merchant   {merchant}\nplugin     {plugin} {version}\nsequence   {sequence}\nstage      {place}\ndigest     {digest}\nhooks      {hooks}\nsize       {size} bytes\npublished  {published_at}"
    ))
}

impl Listed {
    /// Where it stands, in words.
    fn place(&self) -> String {
        let share = self.per_mille.map(|it| format!(" {}.{} %", it / 10, it % 10));
        let paused = if self.paused { ", paused" } else { "" };
        let why = self.why.as_ref().map(|it| format!(" ({it})"));
        format!(
            "{}{}{paused}{}",
            self.stage,
            share.unwrap_or_default().replace(".0 %", " %"),
            why.unwrap_or_default()
        )
    }
}

impl Said {
    fn said(&self) -> String {
        let reasons: Vec<_> = self.reasons.iter().map(|it| it.code.as_str()).collect();
        format!(
            "{} {}, reasons {}, channels {}",
            self.verdict,
            self.score,
            if reasons.is_empty() { "none".to_owned() } else { reasons.join(" ") },
            self.channels.join(" ")
        )
    }
}

fn indented(body: &[u8]) -> Result<String, Failed> {
    parse::<serde_json::Value>(body).map(|it| format!("{it:#}"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(body)
        .map_err(|error| Failed::NotDone(format!("the answer is not understood: {error}")))
}
