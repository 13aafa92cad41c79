//! How much was ordered of late: by each merchant, and within the merchant by each customer, device
//! and address, over the last minute, hour and day. Owns the counters that rules and plugins are
//! given; knows nothing of what they make of them.
//!
//! Counting and asking is one step, so that of many orders at once each sees those before it. An
//! order that comes to nothing (a repeat, a number that was taken) is taken back.
//!
//! The parties counted are kept as keyed hashes, never in clear. Memory is bounded: the parties that were
//! not seen for longest are forgotten first. What is counted depends on the orders and on the time
//! that is given, and on nothing else.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lezai_core::digest::sha256_hex;
use lezai_core::ip::network;
use lezai_core::money::Currency;
use lezai_core::policy::{Tally, Velocity, Windows};
use lezai_core::time::Timestamp;

use lezai_store as store;
use lezai_store::{CountedOrder, OrderSample, Store, StoreError};

/// Entries of one generation of parties; there are two. An entry with its share of the tables is some
/// 100 bytes, so that both take 50 MB at most. A party that ordered once today has one entry, and
/// none has more than [`SPARSE`] for each currency.
const ENTRIES_MAX: usize = 250_000;
/// The most that one party's orders in one currency can come to: 60 seconds, 61 minutes, 25 hours.
#[cfg(test)]
const SPARSE: usize = 60 + 61 + 25;
/// Orders that are looked at after a start: some seconds' work.
const RECALLED_MAX: u32 = 100_000;

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// All counters.
pub struct Counters {
    /// Made anew at each start: nobody outside knows which hash is whose.
    key: RandomState,
    /// The shared secret in its place, where several nodes count together.
    shared: OnceLock<Shared>,
    parties: Mutex<Parties>,
}

/// How several nodes count together.
struct Shared {
    secret: String,
    tell: Box<dyn Fn(CountedOrder) + Send + Sync>,
}

/// An order that was counted. It is taken back when this is dropped, unless it was kept.
pub struct Counted<'c> {
    counters: &'c Counters,
    keys: [Option<u64>; 4],
    order: Entry,
}

impl Counters {
    /// Counters that counted nothing, forgetting beyond so many entries.
    fn with_room(most_entries: usize) -> Self {
        let parties = Parties { most_entries, ..Parties::default() };
        Self { key: RandomState::new(), shared: OnceLock::new(), parties: Mutex::new(parties) }
    }

    /// Counts together with other nodes, which have the same secret: `tell` is given each order that is kept here.
    /// Called before anything is counted.
    pub fn share(&self, secret: String, tell: Box<dyn Fn(CountedOrder) + Send + Sync>) {
        let _ = self.shared.set(Shared { secret, tell });
    }

    /// Counts an order that another node made.
    pub fn count_elsewhere(&self, counted: &CountedOrder) {
        let CountedOrder { parties, at, currency, minor } = counted;
        let mut all = self.parties();
        let order = Entry { at: (*at).max(all.latest), currency: *currency, count: 1, sum: *minor };
        all.latest = order.at;
        for party in parties.iter().flatten() {
            all.count(*party, order);
        }
    }

    /// Counts an order, and gives what was counted before it.
    pub fn count(&self, mark: &OrderSample) -> (Velocity, Counted<'_>) {
        let keys = self.keys(mark);
        let mut order = Entry {
            at: seconds(mark.at),
            currency: mark.amount.currency(),
            count: 1,
            sum: mark.amount.minor().unsigned_abs(),
        };
        let mut parties = self.parties();
        // A clock that went back would put orders before those that are counted already.
        order.at = order.at.max(parties.latest);
        parties.latest = order.at;
        let [merchant, customer, device, ip] =
            keys.map(|key| key.map(|key| parties.count(key, order)));
        let merchant = merchant.unwrap_or_default();
        drop(parties);
        let velocity = Velocity { merchant, customer, device, ip };
        (velocity, Counted { counters: self, keys, order })
    }

    /// Counts the orders of the last day that the store has, for a gateway that has just started. Of
    /// very many the latest count.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn recall(&self, store: &Arc<dyn Store>, now: Timestamp) -> Result<(), StoreError> {
        let since = now.plus_secs(-i64::from(DAY + HOUR));
        let marks = store::read(store, move |view| view.marks(since, RECALLED_MAX)).await?;
        for mark in &marks {
            self.count(mark).1.keep_untold();
        }
        Ok(())
    }

    fn keys(&self, mark: &OrderSample) -> [Option<u64>; 4] {
        let OrderSample { merchant, customer, device, ip, .. } = mark;
        if let Some(Shared { secret, .. }) = self.shared.get() {
            let key = |kind: &str, value: &str| {
                let digest =
                    sha256_hex(format!("{secret}\n{kind}\n{merchant}\n{value}").as_bytes());
                digest.get(..16).and_then(|it| u64::from_str_radix(it, 16).ok())
            };
            return [
                key("merchant", ""),
                customer.as_deref().and_then(|it| key("customer", it)),
                device.as_deref().and_then(|it| key("device", it)),
                ip.and_then(|ip| key("network", &format!("{:?}", network(ip)))),
            ];
        }
        let key = |kind: u8, value: &str| self.key.hash_one((kind, merchant.as_str(), value));
        [
            Some(key(0, "")),
            customer.as_deref().map(|it| key(1, it)),
            device.as_deref().map(|it| key(2, it)),
            ip.map(|ip| self.key.hash_one((3_u8, merchant.as_str(), network(ip)))),
        ]
    }

    fn parties(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::with_room(ENTRIES_MAX)
    }
}

impl Counted<'_> {
    /// The order counts, at the other nodes as well.
    pub fn keep(self) {
        if let Some(shared) = self.counters.shared.get() {
            let Entry { at, currency, sum, .. } = self.order;
            (shared.tell)(CountedOrder { parties: self.keys, at, currency, minor: sum });
        }
        self.keep_untold();
    }

    fn keep_untold(mut self) {
        self.keys = [None; 4];
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.keys == [None; 4] {
            return;
        }
        let mut parties = self.counters.parties();
        for key in self.keys.into_iter().flatten() {
            parties.remove(key, self.order);
        }
    }
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_ms().div_euclid(1000)).unwrap_or(0)
}

/// Those who order, in two generations: who orders moves to the young one, and when that is full the
/// old one is forgotten.
#[derive(Default)]
struct Parties {
    young: HashMap<u64, History>,
    old: HashMap<u64, History>,
    /// How many entries the young have.
    entries: usize,
    most_entries: usize,
    /// When the last order was.
    latest: u32,
}

impl Parties {
    /// Counts an order of a party, and gives what was counted before.
    fn count(&mut self, key: u64, order: Entry) -> Windows {
        let old = &mut self.old;
        let mut moved = 0;
        let history = self.young.entry(key).or_insert_with(|| {
            let history = old.remove(&key).unwrap_or_default();
            moved = history.0.len();
            history
        });
        let before = history.0.len() - moved;
        history.settle(order.at);
        let windows = history.windows(&order);
        history.add(order);
        self.entries = self.entries + history.0.len() - before;
        if self.entries > self.most_entries {
            self.old = std::mem::take(&mut self.young);
            self.entries = 0;
        }
        windows
    }

    fn remove(&mut self, key: u64, order: Entry) {
        // In the old generation too: a full young one may have become it meanwhile.
        for generation in [&mut self.young, &mut self.old] {
            if let Some(history) = generation.get_mut(&key) {
                history.remove(order);
            }
        }
    }
}

/// One party's orders, the oldest first. Those of one second are one entry; of those more than a
/// minute old the ones of a minute are, and of those more than an hour old the ones of an hour. What
/// is lost by that no window asks for.
#[derive(Default)]
struct History(Vec<Entry>);

/// Orders in one currency within some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// When the last of them was, in seconds since 1970.
    at: u32,
    currency: Currency,
    count: u32,
    sum: u64,
}

impl History {
    /// Puts together what belongs together by `now`, and forgets what is too old.
    fn settle(&mut self, now: u32) {
        let entries = &mut self.0;
        let mut kept = 0;
        for index in 0..entries.len() {
            let entry = entries[index];
            let Some(place) = bucket(entry.at, now) else { continue };
            let beside = entries[..kept].iter_mut().rev();
            let mut beside = beside.take_while(|it| bucket(it.at, now) == Some(place));
            match beside.find(|it| it.currency == entry.currency) {
                Some(it) => it.add(&entry),
                None => {
                    entries[kept] = entry;
                    kept += 1;
                }
            }
        }
        entries.truncate(kept);
    }

    /// The counts before an order.
    fn windows(&self, order: &Entry) -> Windows {
        let mut windows = Windows::default();
        for entry in &self.0 {
            let (at, now) = (entry.at, order.at);
            let same = entry.currency == order.currency;
            for (window, holds) in [
                (&mut windows.minute, in_minute(at, now)),
                (&mut windows.hour, in_hour(at, now)),
                (&mut windows.day, in_day(at, now)),
            ] {
                if holds {
                    let sum = if same { entry.sum } else { 0 };
                    *window = Tally {
                        count: window.count.saturating_add(entry.count),
                        sum: window.sum.saturating_add(sum),
                    };
                }
            }
        }
        windows
    }

    fn add(&mut self, order: Entry) {
        let mut latest = self.0.iter_mut().rev().take_while(|it| it.at == order.at);
        match latest.find(|it| it.currency == order.currency) {
            Some(it) => it.add(&order),
            None => {
                // Most parties order once.
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.push(order);
            }
        }
    }

    fn remove(&mut self, order: Entry) {
        let has = |it: &Entry| it.currency == order.currency && it.at >= order.at;
        // The first that ends no earlier is the one that it was put into.
        if let Some(it) = self.0.iter_mut().find(|it| has(it)) {
            it.count = it.count.saturating_sub(order.count);
            it.sum = it.sum.saturating_sub(order.sum);
        }
    }
}

impl Entry {
    fn add(&mut self, later: &Self) {
        self.at = self.at.max(later.at);
        self.count = self.count.saturating_add(later.count);
        self.sum = self.sum.saturating_add(later.sum);
    }
}

/// Which orders are put together with one at `at`; none if no window reaches so far back.
fn bucket(at: u32, now: u32) -> Option<(u8, u32)> {
    match () {
        () if in_minute(at, now) => Some((0, at)),
        () if in_hour(at, now) => Some((1, at / MINUTE)),
        () if in_day(at, now) => Some((2, at / HOUR)),
        () => None,
    }
}

fn in_minute(at: u32, now: u32) -> bool {
    now.saturating_sub(at) < MINUTE
}

/// Whole minutes, so that what was put together is within or without as one.
fn in_hour(at: u32, now: u32) -> bool {
    (now / MINUTE).saturating_sub(at / MINUTE) <= HOUR / MINUTE
}

fn in_day(at: u32, now: u32) -> bool {
    (now / HOUR).saturating_sub(at / HOUR) <= DAY / HOUR
}

#[cfg(test)]
mod tests {
    use lezai_core::id::MerchantId;
    use lezai_core::money::Money;

    use super::*;

    /// A whole minute, seven after a whole hour.
    const START: i64 = 1_795_000_020;

    fn mark(secs: i64, customer: &str, amount: &str) -> OrderSample {
        let (minor, code) = amount.split_once(' ').unwrap();
        OrderSample {
            merchant: MerchantId::parse("m_demo").unwrap(),
            customer: Some(customer.to_owned()),
            device: None,
            ip: None,
            amount: Money::new(minor.parse().unwrap(), Currency::from_code(code).unwrap()).unwrap(),
            at: Timestamp::from_secs(START + secs),
        }
    }

    /// Counts and keeps; gives the customer's minute, hour and day.
    fn count(counters: &Counters, mark: &OrderSample) -> [(u32, u64); 3] {
        let (velocity, counted) = counters.count(mark);
        counted.keep();
        let Windows { minute, hour, day } = velocity.customer.unwrap();
        [minute, hour, day].map(Into::into)
    }

    #[test]
    fn orders_are_counted_while_their_window_lasts() {
        let counters = Counters::default();
        for (secs, amount, expected) in [
            (0, "100 CNY", [(0, 0); 3]),
            (0, "7 CNY", [(1, 100); 3]),
            (59, "1 CNY", [(2, 107); 3]),
            (60, "1 CNY", [(1, 1), (3, 108), (3, 108)]),
            // Another currency counts, and adds nothing up.
            (60, "5 JPY", [(2, 0), (4, 0), (4, 0)]),
            (61, "1 CNY", [(3, 2), (5, 109), (5, 109)]),
            // The first minute is out, an hour and a minute later.
            (3_600 + 61, "1 CNY", [(0, 0), (3, 2), (6, 110)]),
            (85_000, "1 CNY", [(0, 0), (0, 0), (7, 111)]),
            // The first hour is out.
            (90_000, "1 CNY", [(0, 0), (0, 0), (2, 2)]),
            (90_000 + 3_600, "1 CNY", [(0, 0), (1, 1), (2, 2)]),
            (999_999, "1 CNY", [(0, 0); 3]),
        ] {
            assert_eq!(count(&counters, &mark(secs, "c", amount)), expected, "{secs} {amount}");
        }
    }

    #[test]
    fn parties_are_counted_for_themselves() {
        let counters = Counters::default();
        let from = |merchant: &str, customer: &str, device: Option<&str>, ip: &str| OrderSample {
            merchant: MerchantId::parse(merchant).unwrap(),
            device: device.map(str::to_owned),
            ip: Some(ip.parse().unwrap()),
            ..mark(0, customer, "10 CNY")
        };
        let rows = [
            (from("m_a", "c", Some("d"), "192.0.2.1"), [0, 0, 0, 0]),
            (from("m_a", "c", Some("e"), "192.0.2.2"), [1, 1, 0, 0]),
            (from("m_a", "x", Some("d"), "::ffff:192.0.2.1"), [2, 0, 1, 1]),
            (from("m_b", "c", Some("d"), "192.0.2.1"), [0, 0, 0, 0]),
            // A customer called like a device, and a network that is another's address in bits.
            (from("m_a", "d", None, "2001:db8::1"), [3, 0, 0, 0]),
            (from("m_a", "d", None, "2001:db8:0:0:9::9"), [4, 1, 0, 1]),
            (from("m_a", "d", None, "2001:db8:0:1::1"), [5, 2, 0, 0]),
        ];
        for (mark, expected) in rows {
            let (it, counted) = counters.count(&mark);
            counted.keep();
            let count = |it: Option<Windows>| it.unwrap_or_default().day.count;
            let found = [it.merchant.day.count, count(it.customer), count(it.device), count(it.ip)];
            assert_eq!(found, expected, "{mark:?}");
            assert_eq!(it.device.is_some(), mark.device.is_some());
        }
    }

    #[test]
    fn what_came_to_nothing_is_taken_back() {
        let counters = Counters::default();
        count(&counters, &mark(0, "c", "100 CNY"));
        let (_, repeat) = counters.count(&mark(0, "c", "100 CNY"));
        assert_eq!(counters.count(&mark(0, "c", "1 CNY")).0.merchant.day.count, 2);
        drop(repeat);
        assert_eq!(count(&counters, &mark(0, "c", "1 CNY")), [(1, 100); 3]);
        // After it was put together with others.
        let (_, late) = counters.count(&mark(2, "c", "5 CNY"));
        count(&counters, &mark(3, "c", "1 CNY"));
        count(&counters, &mark(200, "c", "1 CNY"));
        drop(late);
        assert_eq!(count(&counters, &mark(200, "c", "1 CNY"))[1], (4, 103));
    }

    #[test]
    fn nodes_that_share_a_secret_count_together() {
        let told: Arc<Mutex<Vec<CountedOrder>>> = Arc::default();
        let [one, other] = [(); 2].map(|()| {
            let (counters, told) = (Counters::default(), Arc::clone(&told));
            let tell = move |order| told.lock().unwrap().push(order);
            counters.share("secret".to_owned(), Box::new(tell));
            counters
        });
        one.count(&mark(0, "c", "100 CNY")).1.keep();
        // An order that comes to nothing is told to nobody.
        drop(one.count(&mark(1, "c", "7 CNY")));
        let all = std::mem::take(&mut *told.lock().unwrap());
        assert_eq!(all.len(), 1);
        all.iter().for_each(|it| other.count_elsewhere(it));
        let (seen, _counted) = other.count(&mark(2, "c", "1 CNY"));
        assert_eq!((seen.merchant.day.count, seen.customer.unwrap().day.count), (1, 1));
        let (strange, _counted) = other.count(&mark(2, "d", "1 CNY"));
        assert_eq!(strange.customer.unwrap().day.count, 0);
    }

    /// However they were put together meanwhile, counters say what looking at every order says.
    #[test]
    fn counters_say_what_every_order_says() {
        let counters = Counters::default();
        let mut orders: Vec<(u32, &str, u64)> = Vec::new();
        let mut state = 7_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut secs = 0;
        for _ in 0..3_000 {
            secs += [0, 1, 7, 40, 61, 900, 4_000][random(7) as usize];
            let (currency, minor) = (["CNY", "JPY"][random(2) as usize], u64::from(random(1_000)));
            let now = seconds(Timestamp::from_secs(START)) + secs;
            let expected = [in_minute, in_hour, in_day].map(|holds| {
                let within = orders.iter().filter(|it| holds(it.0, now));
                let sum = within.clone().filter(|it| it.1 == currency).map(|it| it.2).sum();
                (u32::try_from(within.count()).unwrap(), sum)
            });
            let mark = mark(secs.into(), "c", &format!("{minor} {currency}"));
            assert_eq!(count(&counters, &mark), expected, "after {} orders", orders.len());
            orders.push((now, currency, minor));
        }
        let longest = counters.parties().young.values().map(|it| it.0.len()).max().unwrap();
        assert!(longest <= 2 * SPARSE, "{longest} entries");
    }

    #[test]
    fn a_clock_that_goes_back_counts_at_the_latest_time() {
        let counters = Counters::default();
        count(&counters, &mark(100, "c", "1 CNY"));
        assert_eq!(count(&counters, &mark(0, "c", "1 CNY")), [(1, 1); 3]);
        assert_eq!(count(&counters, &mark(159, "c", "1 CNY")), [(2, 2); 3]);
    }

    #[test]
    fn those_not_seen_for_longest_are_forgotten() {
        let counters = Counters::with_room(100);
        count(&counters, &mark(0, "first", "1 CNY"));
        for customer in 0..1_000 {
            count(&counters, &mark(0, &customer.to_string(), "1 CNY"));
            let parties = counters.parties();
            let entries = |it: &HashMap<u64, History>| it.values().map(|it| it.0.len()).sum();
            let found: [usize; 2] = [entries(&parties.young), entries(&parties.old)];
            assert_eq!(found[0], parties.entries);
            assert!(found.into_iter().all(|it| it <= 101), "{found:?}");
            drop(parties);
            // A customer who orders all the time is not forgotten.
            if customer % 50 == 0 {
                count(&counters, &mark(0, "regular", "1 CNY"));
            }
        }
        assert_eq!(count(&counters, &mark(0, "first", "1 CNY"))[2], (0, 0));
        assert_eq!(count(&counters, &mark(0, "regular", "1 CNY"))[2], (20, 20));
    }

    #[test]
    fn nothing_overflows() {
        let counters = Counters::default();
        let most = format!("{} CNY", i64::MAX);
        for _ in 0..3 {
            count(&counters, &mark(0, "c", &most));
        }
        assert_eq!(count(&counters, &mark(0, "c", &most))[0], (3, u64::MAX));
    }
}
