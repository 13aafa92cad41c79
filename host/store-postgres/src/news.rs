//! News between nodes, by LISTEN and NOTIFY on a connection of their own. A notification within a commit
//! would make all commits of the database wait for one another, so it is sent after it, and many at once; its own
//! commit does not wait for the disk. Whatever is lost is found: the configuration by the books' revisions, which are
//! looked at each half second, and watched orders by a look at them when the connection was cut.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use lezai_core::id::OrderId;
use lezai_core::money::Currency;
use lezai_store::{CountedOrder, News, StoreError};
use tokio::runtime::Builder;
use tokio::sync::Notify;

use super::address::Address;
use super::session::Session;
use super::tables::{get, params};
use super::{lock, spawn};

const CHANNEL: &str = "lezai";
/// The most news that waits to be told; older news is forgotten, for pages look by themselves, too.
const WAITING_MAX: usize = 10_000;
/// Told in one commit.
const TOLD_AT_ONCE: usize = 500;
/// How often the revisions are looked at.
const LOOK: Duration = Duration::from_millis(500);

type Hear = Box<dyn Fn(News) + Send + Sync>;

/// The news that is told and heard.
pub(super) struct Bulletin {
    /// The node that tells: what a node told comes back to it, too.
    node: String,
    waiting: Mutex<VecDeque<News>>,
    changed: Condvar,
    hear: Mutex<Option<Arc<Hear>>>,
    ended: AtomicBool,
    end: Notify,
}

impl Default for Bulletin {
    fn default() -> Self {
        Self {
            // Another one for each, by the system's randomness.
            node: format!("{:x}", RandomState::new().hash_one(0)),
            waiting: Mutex::default(),
            changed: Condvar::default(),
            hear: Mutex::default(),
            ended: AtomicBool::default(),
            end: Notify::default(),
        }
    }
}

impl Bulletin {
    pub(super) fn announce(&self, news: News) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back(news);
        drop(waiting);
        self.changed.notify_one();
    }

    pub(super) fn listen(&self, hear: Hear) {
        lock(&self.hear).replace(Arc::new(hear));
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        self.end.notify_one();
        lock(&self.hear).take();
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn hear(&self, news: News) {
        let hear = lock(&self.hear).clone();
        if let Some(hear) = hear {
            hear(news);
        }
    }

    /// Waits for something to tell.
    fn next(&self) -> Vec<News> {
        let idle = |waiting: &mut VecDeque<News>| waiting.is_empty() && !self.is_ended();
        let waiting = self.changed.wait_while(lock(&self.waiting), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let many = waiting.len().min(TOLD_AT_ONCE);
        waiting.drain(..many).collect()
    }
}

/// Starts who tells and who hears.
pub(super) fn run(
    address: &Arc<Address>,
    bulletin: &Arc<Bulletin>,
) -> Result<Vec<thread::JoinHandle<()>>, StoreError> {
    let session = Session::new(address)?;
    let teller = Arc::clone(bulletin);
    let tells = spawn("store-teller", move || tell_all(&session, &teller))?;
    let (address, hearer) = (Arc::clone(address), Arc::clone(bulletin));
    let hears = spawn("store-listener", move || hear_all(&address, &hearer))?;
    Ok(vec![tells, hears])
}

fn tell_all(session: &Session, bulletin: &Bulletin) {
    loop {
        let news = bulletin.next();
        if news.is_empty() && bulletin.is_ended() {
            return;
        }
        let node = &bulletin.node;
        let texts: Vec<String> =
            news.iter().filter_map(text).map(|it| format!("{node} {it}")).collect();
        let told = session.connect().and_then(|()| {
            session.send("SET synchronous_commit = off", Vec::new())?;
            let sql = "SELECT count(pg_notify($1, text)) FROM unnest($2::TEXT[]) AS text";
            session.query(sql, params![CHANNEL, texts])
        });
        if let Err(error) = told {
            tracing::warn!(%error, "other nodes are not told of changes");
            session.hang_up();
        }
    }
}

fn hear_all(address: &Arc<Address>, bulletin: &Bulletin) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    // Said once each time that it is lost.
    let (mut revision, mut is_lost) = (None, false);
    while !bulletin.is_ended() {
        // It ends when the connection does.
        let heard = runtime.block_on(listen(address, bulletin, &mut revision, &mut is_lost));
        if bulletin.is_ended() {
            return;
        }
        if let Err(error) = heard
            && !is_lost
        {
            is_lost = true;
            tracing::warn!(%error, "changes on other nodes are not heard of");
        }
        // Orders that are watched are looked at as long as nothing is heard.
        bulletin.hear(News::Missed);
        runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = bulletin.end.notified() => {}
            }
        });
    }
}

async fn listen(
    address: &Arc<Address>,
    bulletin: &Bulletin,
    revision: &mut Option<String>,
    is_lost: &mut bool,
) -> Result<(), StoreError> {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let client = super::session::listening(address, sender).await?;
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(super::session::failed)?;
    if std::mem::take(is_lost) {
        tracing::info!("changes on other nodes are heard of again");
    }
    bulletin.hear(News::Missed);
    // Of what changed before this connection nothing was told.
    bulletin.hear(News::Merchants);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            heard = receiver.recv() => match heard {
                Some(text) => {
                    let told = text.split_once(' ').filter(|(node, _)| *node != bulletin.node);
                    let news = told.and_then(|(_, text)| parse(text));
                    news.into_iter().for_each(|news| bulletin.hear(news));
                }
                None => return Err(super::session::unavailable("the connection was lost")),
            },
            _ = look.tick() => {
                let sql = "SELECT string_agg(revision::TEXT, ',' ORDER BY book) FROM books";
                let asked = tokio::time::timeout(LOOK * 4, client.query_one(sql, &[])).await;
                let row = asked.map_err(|_| super::session::unavailable("no answer in time"))?;
                let now: String = get(&row.map_err(super::session::failed)?, 0)?;
                let before = revision.replace(now.clone());
                if before.is_some_and(|before| before != now) {
                    bulletin.hear(News::Merchants);
                }
            }
            () = bulletin.end.notified() => return Ok(()),
        }
    }
}

fn text(news: &News) -> Option<String> {
    match news {
        News::Order(order, version) => Some(format!("order {order} {version}")),
        News::Merchants => Some("merchants".to_owned()),
        News::Counted(CountedOrder { parties, at, currency, minor }) => {
            let parties =
                parties.map(|it| it.map_or_else(|| "-".to_owned(), |it| format!("{it:x}")));
            Some(format!("counted {at} {currency} {minor} {}", parties.join(" ")))
        }
        News::Missed => None,
    }
}

fn parse(text: &str) -> Option<News> {
    let mut words = text.split(' ');
    if let Some(counted) = text.strip_prefix("counted ") {
        return parse_counted(counted).map(News::Counted);
    }
    match (words.next()?, words.next(), words.next()) {
        ("order", Some(order), Some(version)) => {
            Some(News::Order(OrderId::parse(order).ok()?, version.parse().ok()?))
        }
        ("merchants", None, None) => Some(News::Merchants),
        _ => None,
    }
}

fn parse_counted(text: &str) -> Option<CountedOrder> {
    let words: Vec<&str> = text.split(' ').collect();
    let [at, currency, minor, parties @ ..] = words.as_slice() else { return None };
    let parties = <[&str; 4]>::try_from(parties).ok()?;
    let mut hashes = [None; 4];
    for (hash, word) in hashes.iter_mut().zip(parties) {
        *hash = match word {
            "-" => None,
            word => Some(u64::from_str_radix(word, 16).ok()?),
        };
    }
    Some(CountedOrder {
        parties: hashes,
        at: at.parse().ok()?,
        currency: Currency::from_code(currency).ok()?,
        minor: minor.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use lezai_core::time::Timestamp;

    use super::*;

    #[test]
    fn what_is_told_is_what_is_heard() {
        let order = OrderId::new(Timestamp::from_ms(0), [1; 10]);
        let counted = CountedOrder {
            parties: [Some(7), None, Some(u64::MAX), None],
            at: 1_795_000_000,
            currency: Currency::from_code("CNY").unwrap(),
            minor: 12_800,
        };
        for news in [News::Order(order, 7), News::Merchants, News::Counted(counted)] {
            assert_eq!(parse(&text(&news).unwrap()), Some(news));
        }
        for other in ["", "order", "order x 1", "tea", "merchants now", "counted 1 CNY 5 - - -"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
