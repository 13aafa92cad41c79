//! `lezai ledger check`: proves, beside a gateway that may be running, that the ledger says what
//! happened. Every entry carries the hash of the one before, none is missing, each balances, the
//! balances that are kept beside them are theirs, and the entries are exactly those that the orders,
//! payouts and resolved differences call for. What they call for the core knows: it is worked out from the order or payout
//! as it is, not from what was booked, and what that was charged from the contract that it names. The rows that an order is found by, its events, and the tasks that
//! it waits for are there too, and the file is one that SQLite finds whole.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lezai_core::funds::difference::Difference;
use lezai_core::funds::payout::Payout;
use lezai_core::id::MerchantId;
use lezai_core::ledger::Account;
use lezai_core::ledger::{Entry, GENESIS, Posting, Subject, without_debts};
use lezai_core::money::Currency;
use lezai_core::order::{Attention, Effect, Order, RefundState, State};
use lezai_core::time::Timestamp;
use rusqlite::Connection;

use super::agreed::Agreements;
use super::balances::{Balances, table};
use super::fault::{Failed, Fault, Stop, called_for_by_payout, is};
use super::{differences, funds, mandates, mirror};
use crate::source::{Source, SourceArgs, refuse};
use lezai_store::{BookedEntry, Task, book_of};
use lezai_store_postgres::{Address, snapshot};
use lezai_store_sqlite::{
    Rows, balance_after, balances_kept, dangling_row, difference_with_entries, file,
    for_each_entry, for_each_order, integrity, missing_row, moved, open_to_read,
    order_with_entries, owner_kept, payout_with_entries, rows, tasks, untold_event,
};

/// The store to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    source: SourceArgs,
}

/// Checks and reports. The exit code is 0 for a whole ledger, 1 for a broken one, 2 for one that
/// cannot be read.
pub(super) fn run(CheckArgs { source }: &CheckArgs) -> ExitCode {
    let source = match source.source() {
        Ok(source) => source,
        Err(why) => return refuse(&why),
    };
    match check_source(&source) {
        Ok(report) => {
            say!("{}", report.text().trim_end());
            ExitCode::SUCCESS
        }
        Err(Failed::Broken(fault)) => {
            say!("broken   {fault}");
            ExitCode::from(1)
        }
        Err(Failed::Unreadable(error)) => refuse(&source.unreadable(&error)),
    }
}

/// Checks a ledger, wherever it is.
pub(crate) fn check_source(source: &Source) -> Result<Report, Failed> {
    match source {
        Source::Folder(data) => check(data),
        Source::Database(address) => check_books(address),
    }
}

/// Checks every book of a database as of one moment, and adds up what all of them come to.
fn check_books(address: &Arc<Address>) -> Result<Report, Failed> {
    let checked = snapshot(address, |snapshot| {
        if let Some(what) = mirror::of_nobody(snapshot)? {
            return Ok(Err(Failed::Broken(Fault::File(what))));
        }
        let (mut all, mut heads) = (Report::default(), Vec::new());
        for book in snapshot.every_book() {
            let store = mirror::tables_of_book(snapshot, book)?;
            let report = match check_tables(store.connection()) {
                Ok(report) => report,
                Err(Failed::Broken(fault)) => return Ok(Err(in_book(book, fault))),
                Err(failed) => return Ok(Err(failed)),
            };
            if let Some(account) = stray(&report.balances, book, snapshot.books) {
                let what = format!("{account} belongs into another book");
                return Ok(Err(in_book(book, Fault::File(what))));
            }
            heads.push(format!("{book:<3} {:>8}  {}", report.entries, report.head));
            all.add(report);
        }
        if let Err(failed) = all.late.holds() {
            return Ok(Err(failed));
        }
        all.head = format!("of {} books\n         {}", heads.len(), heads.join("\n         "));
        Ok(Ok(all))
    });
    checked.unwrap_or_else(|error| Err(Failed::Unreadable(error)))
}

fn in_book(book: i64, fault: Fault) -> Failed {
    Failed::Broken(Fault::Book { book, fault: Box::new(fault) })
}

/// An account of a merchant's whose entries are in another book than that merchant's.
fn stray(balances: &Balances, book: i64, books: u32) -> Option<String> {
    let strays = balances.keys().map(|(account, _)| account).find(|account| {
        // `kind:merchant`, and for a receiver's `kind:merchant:receiver`.
        let merchant = account.to_string();
        let merchant = merchant.split(':').nth(1).and_then(|it| MerchantId::parse(it).ok());
        let is_stray = |it: MerchantId| {
            it.as_str().starts_with("m_") && i64::from(book_of(&it, books)) != book
        };
        merchant.is_some_and(is_stray)
    });
    strays.map(ToString::to_string)
}

/// The result of checking a whole ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one.
    pub head: String,
    /// How many orders there are.
    pub orders: u64,
    /// How many of them are paid.
    pub paid: u64,
    /// How many payouts there are.
    pub payouts: u64,
    /// How many mandates there are.
    pub mandates: u64,
    /// How many settlement batches were closed.
    pub batches: u64,
    /// How many differences were found between channels' bills and the books.
    pub differences: u64,
    /// The balance of each account in each currency, in minor units, debits positive.
    pub balances: Balances,
    /// What was booked by the lines of bills.
    late: differences::Late,
}

impl Report {
    /// Adds the result of another book.
    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.orders += other.orders;
        self.paid += other.paid;
        self.payouts += other.payouts;
        self.mandates += other.mandates;
        self.batches += other.batches;
        self.differences += other.differences;
        self.late.add(other.late);
        for (account, minor) in other.balances {
            *self.balances.entry(account).or_default() += minor;
        }
    }

    /// A few lines for people.
    pub fn text(&self) -> String {
        let Self { entries, head, orders, paid, payouts, batches, differences, balances, .. } =
            self;
        let mut text = format!(
            "entries  {entries}: chained without a gap, each in balance\norders   {orders}, {paid} of them paid: \
             each has its entries, events and tasks, and no entry is without its order\n"
        );
        if *payouts > 0 {
            text += &format!("payouts  {payouts}: each has its entries, events and tasks\n");
        }
        if self.mandates > 0 {
            let count = self.mandates;
            text += &format!("mandates {count}: each debit is within what was agreed to\n");
        }
        if *batches > 0 {
            text += &format!(
                "batches  {batches}: each follows the one before and is its entries' sum\n"
            );
        }
        if *differences > 0 {
            text += &format!(
                "bills    {differences} differences: each that is resolved has its entry\n"
            );
        }
        text += &format!("head     {head}\n");
        text.push_str(&table(balances));
        text.push_str("ok\n");
        text
    }
}

/// Checks the ledger in a folder.
///
/// # Errors
///
/// See [`Failed`].
pub fn check(data: &Path) -> Result<Report, Failed> {
    let connection = open_to_read(&file(data)).map_err(Failed::Unreadable)?;
    // One transaction: entries and orders of the same moment, whatever the gateway does meanwhile.
    connection.execute_batch("BEGIN").map_err(|error| Failed::Unreadable(error.into()))?;
    let report = check_tables(&connection)?;
    report.late.holds()?;
    Ok(report)
}

/// Checks the ledger in the tables of a store, but for what is between its books.
///
/// # Errors
///
/// See [`Failed`].
pub fn check_tables(connection: &Connection) -> Result<Report, Failed> {
    let mut report = Report { head: GENESIS.to_owned(), ..Report::default() };
    file_is_whole(connection)?;
    let agreements = Agreements::read(connection);
    let mut agreements = agreements.map_err(|error| Stop::from(error).at(Fault::File))?;
    entries_hold(connection, &mut report, &mut agreements)?;
    orders_are_booked(connection, &mut report, &mut agreements)?;
    agreements.sums_hold(connection)?;
    rows_are_there(connection)?;
    report.payouts = funds::payouts_hold(connection, &agreements)?;
    report.mandates = mandates::hold(connection)?;
    report.batches = funds::batches_hold(connection)?;
    report.differences = differences::hold(connection, &mut report.late)?;
    funds::closes_are_planned(connection)?;
    Ok(report)
}

/// SQLite's own check of pages and indices.
fn file_is_whole(connection: &Connection) -> Result<(), Failed> {
    let found = integrity(connection).map_err(Failed::Unreadable)?;
    found.map_or(Ok(()), |what| Err(Failed::Broken(Fault::File(what))))
}

/// Every order can be found by its session, its attempts and its refunds, its merchant was or will be
/// told of everything that it was to be told, and what it waits for is on the worker's list.
fn rows_are_there(connection: &Connection) -> Result<(), Failed> {
    let tasks = tasks(connection).map_err(|error| Stop::from(error).at(Fault::File))?;
    let mut known = Rows::default();
    let walked = for_each_order(connection, |order| {
        let fault =
            |what: String| Stop::Fault(Fault::Order { order: order.terms.id.to_string(), what });
        if let Some(what) = missing_row(connection, &order)? {
            return Err(fault(what));
        }
        known.attempts += order.attempts.len() as u64;
        known.refunds += order.refunds.len() as u64;
        known.splits += order.splits.len() as u64;
        known.returns += order.splits.iter().map(|it| it.returns.len() as u64).sum::<u64>();
        match waits_for(&order).iter().find(|it| !tasks.contains(it)) {
            Some(missing) => Err(fault(format!("nothing waits to {}", words(missing)))),
            None => Ok(()),
        }
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    let untold = untold_event(connection, |task| tasks.contains(task));
    if let Some(event) = untold.map_err(|error| Stop::from(error).at(Fault::File))? {
        let what = format!("event {event} waits to be delivered, and no task will do it");
        return Err(Failed::Broken(Fault::File(what)));
    }
    let rows = rows(connection).map_err(Failed::Unreadable)?;
    if rows != known {
        let what =
            format!("{} belong to orders, and the file has {}", counted(known), counted(rows));
        return Err(Failed::Broken(Fault::File(what)));
    }
    let dangling = dangling_row(connection).map_err(Failed::Unreadable)?;
    dangling.map_or(Ok(()), |what| Err(Failed::Broken(Fault::File(what))))
}

fn counted(Rows { attempts, refunds, splits, returns }: Rows) -> String {
    format!("{attempts} attempts, {refunds} refunds, {splits} splits and {returns} returns")
}

/// The tasks that an order cannot go on without, unless a person was called instead.
fn waits_for(order: &Order) -> Vec<Task> {
    let called = |what: Attention| order.attention.contains(&what);
    let mut effects = Vec::new();
    match &order.state {
        State::Created { .. } => effects.push(Effect::Expire),
        State::Paying { attempt, .. } => {
            effects.push(Effect::Expire);
            if !called(Attention::Payment { attempt: attempt.clone() }) {
                effects.push(Effect::Query(attempt.clone()));
            }
        }
        State::Authorized { .. } => effects.push(Effect::Release),
        State::Capturing { payment, .. } => {
            if !called(Attention::Capture { attempt: payment.attempt.clone() }) {
                effects.push(Effect::Capture(payment.attempt.clone()));
            }
        }
        State::Voiding { payment, .. } => {
            if !called(Attention::Void { attempt: payment.attempt.clone() }) {
                effects.push(Effect::Void(payment.attempt.clone()));
            }
        }
        // What was paid to the merchant's own account is never settled.
        State::Paid { .. } if order.direct().is_some() => {}
        // Nothing is left of a debit that came back.
        State::Paid { .. } if order.debit_return.is_some() => {}
        // A held payment waits for a person first.
        State::Paid { settled: None, .. } if !order.terms.held || order.approved().is_some() => {
            effects.push(Effect::Settle);
        }
        State::Paid { .. } if order.waits_for_splits() => effects.push(Effect::FinishSplits),
        State::Paid { .. } | State::Voided { .. } | State::Closed { .. } => {}
    }
    if order.waits_for_reserve() {
        effects.push(Effect::ReleaseReserve);
    }
    for it in order.returns.iter().filter(|it| !it.done) {
        if !called(Attention::Return { attempt: it.attempt.clone() }) {
            effects.push(Effect::Return(it.attempt.clone()));
        }
    }
    for it in order.refunds.iter().filter(|it| it.state == RefundState::Pending) {
        if !called(Attention::Refund { refund: it.id.clone() }) {
            effects.push(Effect::Refund(it.id.clone()));
        }
    }
    let id = &order.terms.id;
    effects.into_iter().map(|what| Task::Order { order: id.clone(), what }).collect()
}

fn words(task: &Task) -> &'static str {
    let Task::Order { what, .. } = task else { return "deliver its event" };
    match what {
        Effect::Expire => "close it when its time is over",
        Effect::Debit(_) => "have its payer debited",
        Effect::WatchDebit(_) => "ask whether its debit came back",
        Effect::Query(_) => "ask the channel of its attempt",
        Effect::Cancel(_) => "call its attempt off",
        Effect::Release => "release what is set aside",
        Effect::Capture(_) => "capture it",
        Effect::Void(_) => "void it",
        Effect::Settle => "settle it",
        Effect::FinishSplits => "finish its splitting",
        Effect::ReleaseReserve => "release its reserve",
        Effect::Return(_) => "return what came too much",
        Effect::Refund(_) => "refund it",
        Effect::Notify(_) => "tell of it",
    }
}

/// Walks the chain: number, hashes, balance, and whether the order calls for the entry.
fn entries_hold(
    connection: &Connection,
    report: &mut Report,
    agreements: &mut Agreements,
) -> Result<(), Failed> {
    let (mut kept, mut latest) = (0_u64, Timestamp::from_ms(i64::MIN));
    let walked = for_each_entry(connection, |booked| {
        let number = report.entries + 1;
        let fault = |what: String| Stop::Fault(Fault::Entry { number, what });
        links(&booked, number, &report.head).map_err(fault)?;
        // A balance at a past moment is looked up by time.
        if booked.at < latest {
            return Err(fault("its time is before that of the entry before".to_owned()));
        }
        let (caller, so_far) = match &booked.subject {
            Subject::Order(id) => {
                let (order, so_far) = order_with_entries(connection, id, number)?;
                let order = order.filter(|it| it.terms.id == *id);
                if let Some(order) = &order {
                    agreements.count_entry(order, &booked).map_err(fault)?;
                }
                (order.map(|it| Caller::of_order(&it)), so_far)
            }
            Subject::Payout(id) => {
                let (payout, so_far) = payout_with_entries(connection, id, number)?;
                (payout.filter(|it| it.terms.id == *id).map(|it| Caller::of_payout(&it)), so_far)
            }
            Subject::Difference(id) => {
                let (found, so_far) = difference_with_entries(connection, id, number)?;
                (found.filter(|it| it.id == *id).map(|it| Caller::of_difference(&it)), so_far)
            }
        };
        belongs(&booked, caller, &so_far).map_err(fault)?;
        names_debts(&booked, &report.balances).map_err(fault)?;
        let owner = Account::owner_of(&booked.postings).map(MerchantId::as_str);
        if owner_kept(connection, number)?.as_deref() != owner {
            let what = "the merchant that it is found by is not the one of its accounts";
            return Err(fault(what.to_owned()));
        }
        latest = booked.at;
        for (account, currency, minor) in moved(&booked.postings)? {
            let stands = report.balances.entry((account.to_string(), currency.code())).or_default();
            *stands += i128::from(minor);
            kept += 1;
            let written = balance_after(connection, account, currency, number, booked.at)?;
            if written.map(i128::from) != Some(*stands) {
                return Err(fault(format!("the balance kept of {account} is not its sum")));
            }
        }
        report.head = booked.hash;
        report.entries = number;
        Ok(())
    });
    let number = report.entries + 1;
    walked.map_err(|stop: Stop| stop.at(|what| Fault::Entry { number, what }))?;
    if balances_kept(connection).map_err(Failed::Unreadable)? != kept {
        let what = "it is missing, and a balance is kept that no entry made".to_owned();
        return Err(Failed::Broken(Fault::Entry { number, what }));
    }
    Ok(())
}

/// Every entry holds and belongs, so an order can only lack some.
fn orders_are_booked(
    connection: &Connection,
    report: &mut Report,
    agreements: &mut Agreements,
) -> Result<(), Failed> {
    let mut last = String::new();
    let walked = for_each_order(connection, |order| {
        last = order.terms.id.to_string();
        report.orders += 1;
        report.paid += u64::from(matches!(order.state, State::Paid { .. }));
        report.late.add_order(&order);
        let fault =
            |what: String| Stop::Fault(Fault::Order { order: order.terms.id.to_string(), what });
        agreements.order_holds(&order).map_err(fault)?;
        let wanted = called_for(&order).map_err(fault)?;
        if wanted.is_empty() {
            return Ok(());
        }
        let (_, booked) = order_with_entries(connection, &order.terms.id, u64::MAX)?;
        match wanted.iter().find(|it| !booked.iter().any(|booked| is(it, booked))) {
            Some(missing) => {
                Err(fault(format!("it has no entry for its {}", missing.kind().as_str())))
            }
            None if booked.len() != wanted.len() => {
                Err(fault(format!("it has {} entries instead of {}", booked.len(), wanted.len())))
            }
            None => Ok(()),
        }
    });
    walked
        .map_err(|stop: Stop| stop.at(|what| Fault::Order { order: format!("after {last}"), what }))
}

/// Whether an entry is the next in the chain, and balances.
fn links(booked: &BookedEntry, number: u64, head: &str) -> Result<(), String> {
    if booked.number != number {
        return Err(format!("it is missing; the next one is {}", booked.number));
    }
    if booked.previous != head {
        return Err("it does not carry the hash of the entry before".to_owned());
    }
    let entry =
        Entry::new(booked.kind, booked.postings.clone()).map_err(|error| error.to_string())?;
    if entry.hash(head, number, booked.at, &booked.subject) != booked.hash {
        return Err("its hash is not the one of what it says: it was changed".to_owned());
    }
    Ok(())
}

/// The subject of an entry, and the entries that it calls for.
struct Caller {
    what: &'static str,
    status: &'static str,
    entries: Result<Vec<Entry>, String>,
}

impl Caller {
    fn of_order(order: &Order) -> Self {
        let status = order.state.status();
        Self { what: "order", status, entries: called_for(order) }
    }

    fn of_payout(payout: &Payout) -> Self {
        let status = payout.state.status();
        Self { what: "payout", status, entries: called_for_by_payout(payout) }
    }

    fn of_difference(difference: &Difference) -> Self {
        let status = difference.state.status();
        Self { what: "difference", status, entries: Ok(difference.entries()) }
    }
}

/// Whether what the entry belongs to calls for it, and not more often than it is there so far.
fn belongs(
    booked: &BookedEntry,
    caller: Option<Caller>,
    so_far: &[BookedEntry],
) -> Result<(), String> {
    let id = &booked.subject;
    let what = match id {
        Subject::Order(_) => "order",
        Subject::Payout(_) => "payout",
        Subject::Difference(_) => "difference",
    };
    let caller = caller.ok_or_else(|| format!("its {what} {id} is not there"))?;
    let Caller { what, status, entries } = caller;
    let wanted = entries?;
    let same = |it: &BookedEntry| {
        it.kind == booked.kind && without_debts(&it.postings) == without_debts(&booked.postings)
    };
    let times = so_far.iter().filter(|it| same(it)).count();
    match wanted.iter().filter(|it| is(it, booked)).count() {
        0 => Err(format!("{what} {id}, {status}, does not call for this {}", booked.kind.as_str())),
        allowed if times > allowed => {
            Err(format!("{what} {id} has this {} already", booked.kind.as_str()))
        }
        _ => Ok(()),
    }
}

/// Whether an entry takes what was available before it and no more, books the rest as a debt, and
/// repays debts first.
fn names_debts(booked: &BookedEntry, before: &Balances) -> Result<(), String> {
    let mut plain = Vec::new();
    for (account, code, minor) in without_debts(&booked.postings) {
        let currency = Currency::from_code(code).map_err(|error| error.to_string())?;
        let minor = i64::try_from(minor).map_err(|error| error.to_string())?;
        plain.push(Posting { account, minor, currency });
    }
    let stands = |account: &Account, currency: Currency| {
        let minor = before.get(&(account.to_string(), currency.code())).copied();
        i64::try_from(minor.unwrap_or_default()).unwrap_or(i64::MAX)
    };
    let due = Entry::new(booked.kind, plain).ok().and_then(|plain| plain.with_debts(stands));
    let due = due.ok_or_else(|| "its debts cannot be worked out".to_owned())?;
    if summed(due.postings()) == summed(&booked.postings) {
        return Ok(());
    }
    Err("what it takes from available accounts and from debts is not what their balances call for"
        .to_owned())
}

/// The sum moved on each account, in the accounts' order.
fn summed(postings: &[Posting]) -> Balances {
    let mut sums = Balances::new();
    for Posting { account, minor, currency } in postings {
        *sums.entry((account.to_string(), currency.code())).or_default() += i128::from(*minor);
    }
    sums.retain(|_, minor| *minor != 0);
    sums
}

fn called_for(order: &Order) -> Result<Vec<Entry>, String> {
    order.entries().map_err(|error| format!("order {}: {error}", order.terms.id))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use lezai_core::id::{
        AttemptId, EventId, MerchantId, OrderId, RefundId, SplitId, SplitReturnId,
    };
    use lezai_core::ledger::Kind;
    use lezai_core::money::Money;
    use lezai_core::order::{
        Attempt, Charges, Event, NewSplit, NewSplitReturn, RefundBearer, SplitMode, SplitTime,
        Step, Terms, step,
    };
    use lezai_core::policy::Share;
    use rusqlite::params;

    use super::*;
    use lezai_base::entropy;
    use lezai_store::StoreError;
    use lezai_store_sqlite::{SqliteStore, book, last_entry};

    const START: Timestamp = Timestamp::from_secs(1_795_000_000);

    /// A store in a folder of its own, gone at the end.
    pub(in crate::ledger) struct Fixture {
        pub(in crate::ledger) data: PathBuf,
        connection: Connection,
        booked: (u64, String),
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.data);
        }
    }

    pub(in crate::ledger) fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
    }

    fn attempt(n: u8) -> AttemptId {
        AttemptId::new(START, [n; 10])
    }

    impl Fixture {
        /// Orders 1 to 5: unpaid; paid; paid and held, with a second payment that went back; closed,
        /// with a payment that came late; paid, and a refund under way.
        pub(in crate::ledger) fn new() -> Self {
            let name: String = entropy::bytes::<8>().map(|byte| format!("{byte:02x}")).concat();
            let data = std::env::temp_dir().join(format!("lezai-ledger-{name}"));
            std::fs::create_dir(&data).unwrap();
            drop(SqliteStore::open(&file(&data)).unwrap());
            let connection = Connection::open(file(&data)).unwrap();
            connection
                .execute(
                    "INSERT INTO merchants (id, name, webhook_secret, policy, notify_hosts, frame_origins, brand)
                     VALUES ('m_demo', 'Demo', '', '', '[]', '[]', '{}')",
                    [],
                )
                .unwrap();
            let mut fixture = Self { data, connection, booked: (0, GENESIS.to_owned()) };
            fixture.order(1, false, &[]);
            fixture.order(2, false, &["choose 1", "paid 1"]);
            fixture.order(3, true, &["choose 1", "choose 2", "paid 1", "paid 2", "returned 2"]);
            fixture.order(4, false, &["choose 1", "close", "paid 1"]);
            fixture.order(5, false, &["choose 1", "paid 1", "refund 1"]);
            fixture
        }

        pub(in crate::ledger) fn terms(n: u8, held: bool) -> Terms {
            Terms {
                id: OrderId::new(START, [n; 10]),
                merchant: MerchantId::parse("m_demo").unwrap(),
                merchant_order_id: format!("A-{n}"),
                amount: cny(1000 * i64::from(n)),
                fee: cny(if n == 3 { 0 } else { 6 }),
                fee_basis: lezai_core::funds::pricing::FeeBasis::default(),
                shares: Vec::new(),
                split: SplitTime::Agreed,
                refund_bearer: RefundBearer::Merchant,
                charges: Charges::default(),
                reserve: None,
                fx: None,
                mandate: None,
                held,
                capture: lezai_core::order::Capture::Automatic,
                contract: 0,
                description: "Tea".to_owned(),
                methods: vec!["wallet_qr".to_owned()],
                instalments: Vec::new(),
                created_at: START,
                expires_at: START.plus_secs(900),
            }
        }

        fn order(&mut self, n: u8, held: bool, events: &[&str]) {
            let terms = Self::terms(n, held);
            let amount = terms.amount;
            let Step { mut order, mut effects, .. } = Order::create(terms).unwrap();
            let mut entries = Vec::new();
            for event in events {
                let (word, number) = event.split_once(' ').unwrap_or((event, "0"));
                let attempt = attempt(n * 16 + number.parse::<u8>().unwrap());
                let event = match word {
                    "choose" => Event::MethodChosen(Attempt {
                        id: attempt,
                        method: "wallet_qr".to_owned(),
                        channel: "sandbox".to_owned(),
                        instalments: None,
                        account: None,
                        begun_at: None,
                        by_code: false,
                    }),
                    "paid" => Event::Paid { attempt, amount, channel_ref: "c".to_owned() },
                    "returned" => Event::Returned(attempt),
                    "refund" => Event::RefundRequested {
                        id: RefundId::new(START, [n; 10]),
                        merchant_refund_id: format!("R-{n}"),
                        amount: cny(500),
                        reason: None,
                    },
                    _ => Event::CloseRequested,
                };
                let after = step(order, event, START).unwrap();
                order = after.order;
                entries.extend(after.entry);
                effects.extend(after.effects);
            }
            self.keep(&order, &entries, effects);
        }

        pub(in crate::ledger) fn keep(
            &mut self,
            order: &Order,
            entries: &[Entry],
            effects: Vec<Effect>,
        ) {
            let id = order.terms.id.clone();
            let known = "SELECT count(*) FROM events";
            let mut events: u8 = self.connection.query_row(known, [], |row| row.get(0)).unwrap();
            self.run(
                "INSERT INTO orders VALUES (?1, 'm_demo', ?2, ?3, ?5, 0, ?4, '{}', 'cs_' || ?2)",
                params![
                    id.as_str(),
                    order.terms.merchant_order_id,
                    order.state.status(),
                    serde_json::to_string(order).unwrap(),
                    order.version,
                ],
            );
            let session = format!("cs_{}", order.terms.merchant_order_id);
            self.run(
                "INSERT INTO sessions VALUES (?1, ?2, '', '', NULL, NULL, NULL)",
                params![session, id.as_str()],
            );
            for attempt in &order.attempts {
                let attempt = format!("{}", attempt.id);
                self.run("INSERT INTO attempts VALUES (?1, ?2)", params![attempt, id.as_str()]);
            }
            for refund in &order.refunds {
                let row = params![refund.id.as_str(), id.as_str(), refund.merchant_refund_id];
                self.run("INSERT INTO refunds VALUES (?1, ?2, 'm_demo', ?3)", row);
            }
            for split in &order.splits {
                let row = params![split.id.as_str(), id.as_str(), split.merchant_split_id];
                self.run("INSERT INTO splits VALUES (?1, ?2, 'm_demo', ?3)", row);
                for it in &split.returns {
                    let row = params![it.id.as_str(), split.id.as_str(), it.merchant_return_id];
                    self.run("INSERT INTO split_returns VALUES (?1, ?2, 'm_demo', ?3)", row);
                }
            }
            let mut sequence = 0;
            for effect in effects {
                let task = match effect {
                    Effect::Notify(_) => {
                        sequence += 1;
                        events += 1;
                        let event = EventId::new(START, [events; 10]);
                        self.run(
                            "INSERT INTO events (id, order_id, merchant, sequence, event_type, created_ms, body, delivery_status)
                             VALUES (?1, ?2, 'm_demo', ?3, 'order.paid', 0, x'7b7d', 'waiting')",
                            params![event.as_str(), id.as_str(), sequence],
                        );
                        Task::Deliver { event, round: 0 }
                    }
                    what => Task::Order { order: id.clone(), what },
                };
                let lane = task.lane().as_str();
                let task = serde_json::to_string(&task).unwrap();
                self.run(
                    "INSERT INTO tasks (lane, task, due_ms) VALUES (?1, ?2, 0)",
                    params![lane, task],
                );
            }
            for entry in entries {
                self.book(&id, entry);
            }
            self.run(
                "INSERT INTO volumes VALUES ('m_demo', 'CNY', '2026-11', ?1)
                 ON CONFLICT DO UPDATE SET minor = minor + excluded.minor",
                params![order.volume().minor()],
            );
        }

        fn book(&mut self, order: &OrderId, entry: &Entry) {
            book(&self.connection, &order.clone().into(), entry, START).unwrap();
            let (number, _, hash) = last_entry(&self.connection).unwrap().unwrap();
            self.booked = (number, hash);
        }

        pub(in crate::ledger) fn run(&self, sql: &str, params: impl rusqlite::Params) {
            self.connection.execute(sql, params).unwrap();
        }

        /// Changes what the store's own triggers would not let anyone change.
        pub(in crate::ledger) fn tamper(&self, sql: &str) {
            self.connection
                .execute_batch(&format!(
                    "PRAGMA foreign_keys = OFF; DROP TRIGGER entries_stay; DROP TRIGGER entries_remain; {sql};"
                ))
                .unwrap();
        }

        pub(in crate::ledger) fn fault(&self) -> String {
            check(&self.data).unwrap_err().to_string()
        }
    }

    #[test]
    fn a_whole_ledger_is_reported() {
        let fixture = Fixture::new();
        let report = check(&fixture.data).unwrap();
        assert_eq!(
            (report.entries, report.orders, report.paid, &report.head),
            (7, 5, 3, &fixture.booked.1)
        );
        let balances: Vec<String> = report
            .balances
            .iter()
            .map(|((account, currency), minor)| format!("{account} {minor} {currency}"))
            .collect();
        assert_eq!(
            balances,
            [
                "channel_receivable:sandbox 14000 CNY",
                "fee_income -12 CNY",
                "merchant_held:m_demo -3000 CNY",
                "merchant_pending:m_demo -6488 CNY",
                "payment_returns -4000 CNY",
                "refunds_in_flight -500 CNY",
            ]
        );
        assert_eq!(report.balances.values().sum::<i128>(), 0);
        assert!(
            report.text().contains("\n  fee_income                  CNY               -12\n"),
            "{}",
            report.text()
        );
    }

    #[test]
    fn what_was_changed_is_found_and_the_first_of_it_is_named() {
        let order = |n: u8| OrderId::new(START, [n; 10]);
        let (second, third) = (order(2), order(3));
        for (sql, expected) in [
            ("UPDATE entries SET postings = replace(postings, '2000', '2001') WHERE number = 1".to_owned(), "entry 1: the postings in CNY do not sum to zero"),
            ("UPDATE entries SET postings = replace(replace(postings, '2000', '9000'), '1994', '8994') WHERE number = 1".to_owned(), "entry 1: its hash is not the one"),
            ("UPDATE entries SET at_ms = at_ms + 1 WHERE number IN (2, 4)".to_owned(), "entry 2: its hash is not the one"),
            (format!("UPDATE entries SET subject = '{third}' WHERE number = 1"), "entry 1: its hash is not the one"),
            ("UPDATE entries SET kind = 'payment_return' WHERE number = 1".to_owned(), "entry 1: its hash is not the one"),
            ("UPDATE entries SET previous = hash WHERE number = 3".to_owned(), "entry 3: it does not carry the hash"),
            ("DELETE FROM entries WHERE number = 2".to_owned(), "entry 2: it is missing; the next one is 3"),
            ("DELETE FROM entries WHERE number = 7".to_owned(), "entry 7: it is missing, and a balance is kept"),
            ("DELETE FROM entries WHERE number = 7; DELETE FROM balances WHERE number = 7".to_owned(), "has no entry for its refund_request"),
            ("UPDATE entries SET postings = '[{}]' WHERE number = 4".to_owned(), "entry 4: "),
            ("UPDATE entries SET owner = NULL WHERE number = 1".to_owned(), "entry 1: the merchant that it is found by"),
            ("UPDATE entries SET owner = 'm_other' WHERE number = 2".to_owned(), "entry 2: the merchant that it is found by"),
            ("UPDATE entries SET kind = 'gift' WHERE number = 3".to_owned(), "entry 3: unknown kind"),
            ("UPDATE balances SET minor = minor + 1 WHERE account = 'fee_income'".to_owned(), "entry 1: the balance kept of fee_income"),
            ("DELETE FROM balances WHERE number = 4".to_owned(), "entry 4: the balance kept of"),
            ("INSERT INTO balances VALUES ('fee_income', 'CNY', 1, 1, 1)".to_owned(), "entry 8: it is missing, and a balance is kept"),
            (format!("DELETE FROM orders WHERE id = '{second}'"), "entry 1: its order ord_"),
            (format!("UPDATE orders SET data = replace(data, '2000', '2001') WHERE id = '{second}'"), "entry 1: order ord_"),
            (format!("UPDATE orders SET data = replace(data, '\"held\":true', '\"held\":false') WHERE id = '{third}'"), "does not call for this payment"),
            (format!("UPDATE orders SET data = replace(data, '\"done\":true', '\"done\":false') WHERE id = '{third}'"), "entry 4: order ord_"),
            (format!("UPDATE orders SET status = 'created' WHERE id = '{second}'"), "says otherwise"),
            (format!("UPDATE orders SET merchant_order_id = 'X' WHERE id = '{}'", order(1)), "says otherwise"),
            (format!("UPDATE orders SET id = '{}' WHERE id = '{}'", order(9), order(1)), "says otherwise"),
            (format!("UPDATE orders SET data = '{{}}' WHERE id = '{}'", order(1)), "missing field"),
            ("DELETE FROM refunds".to_owned(), "its refund rfd_"),
            ("UPDATE refunds SET merchant_refund_id = 'X'".to_owned(), "its refund rfd_"),
            (format!("DELETE FROM attempts WHERE order_id = '{second}'"), "its attempt att_"),
            (format!("INSERT INTO attempts VALUES ('att_x', '{second}')"), "5 attempts, 1 refunds, 0 splits and 0 returns belong to orders, and the file has 6 attempts, 1 refunds"),
            (format!("DELETE FROM sessions WHERE order_id = '{second}'"), "its session is missing"),
            (format!("DELETE FROM events WHERE order_id = '{second}'"), "it has 0 events up to number 0, and called for 1"),
            (format!("DELETE FROM tasks WHERE task LIKE '%{}%expire%'", order(1)), "nothing waits to close it"),
            (format!("DELETE FROM tasks WHERE task LIKE '%{second}%settle%'"), "nothing waits to settle it"),
            (format!("DELETE FROM tasks WHERE task LIKE '%{}%return%'", order(4)), "nothing waits to return"),
            (format!("DELETE FROM tasks WHERE task LIKE '%{}%refund%'", order(5)), "nothing waits to refund it"),
            ("DELETE FROM tasks WHERE lane = 'callbacks'".to_owned(), "waits to be delivered, and no task"),
            ("UPDATE tasks SET task = '{}' WHERE number = 1".to_owned(), "the file: missing field"),
            ("INSERT INTO merchant_keys VALUES ('k', 'm_nobody', '')".to_owned(), "the file: a row of merchant_keys names one of merchants"),
            ("INSERT INTO stored_responses VALUES ('s', 'k', '', 200, x'', 5); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'at_ms)', 'status)') WHERE name = 'stored_responses_by_age'".to_owned(), "the file: "),
        ] {
            let fixture = Fixture::new();
            fixture.tamper(&sql);
            let fault = check(&fixture.data).expect_err(&sql).to_string();
            assert!(fault.contains(expected), "{sql}: {fault} / {expected}");
        }
    }

    /// Order 6 of 5,000 with a fee of 6 and a share of 4,000, settled and refunded whole by its merchant,
    /// who had 994 of it: booked with or without debts.
    fn refunded_whole(fixture: &mut Fixture, with_debts: bool) {
        let share = Share { receiver: "tea".to_owned(), amount: cny(4000) };
        let mut terms = Fixture::terms(6, false);
        terms.amount = cny(5000);
        terms.shares = vec![share];
        let Step { mut order, mut effects, .. } = Order::create(terms).unwrap();
        let refund = RefundId::new(START, [6; 10]);
        let a_day_later = START.plus_secs(lezai_core::order::SETTLEMENT_SECS);
        let events = [
            Event::MethodChosen(Attempt {
                id: attempt(5),
                method: "wallet_qr".to_owned(),
                channel: "sandbox".to_owned(),
                instalments: None,
                account: None,
                begun_at: None,
                by_code: false,
            }),
            Event::Paid { attempt: attempt(5), amount: cny(5000), channel_ref: "c".to_owned() },
            Event::SettlementDue,
            Event::RefundRequested {
                id: refund.clone(),
                merchant_refund_id: "R-6".to_owned(),
                amount: cny(5000),
                reason: None,
            },
            Event::RefundFailed { refund, code: "no".to_owned() },
        ];
        let (mut entries, mut stands) = (Vec::new(), Balances::new());
        for (nth, event) in events.into_iter().enumerate() {
            let now = if nth < 2 { START } else { a_day_later };
            let Step { order: after, entry, effects: called } = step(order, event, now).unwrap();
            order = after;
            effects.extend(called);
            let Some(mut entry) = entry else { continue };
            if order.refunds.is_empty() || with_debts {
                entry = entry
                    .with_debts(|account, currency| {
                        let stands = stands.get(&(account.to_string(), currency.code()));
                        i64::try_from(stands.copied().unwrap_or_default()).unwrap()
                    })
                    .unwrap();
            }
            for (account, minor) in summed(entry.postings()) {
                *stands.entry(account).or_default() += minor;
            }
            entries.push(entry);
        }
        fixture.keep(&order, &entries, effects);
    }

    #[test]
    fn a_debt_is_what_was_not_available_and_is_repaid_first() {
        let mut fixture = Fixture::new();
        refunded_whole(&mut fixture, true);
        let report = check(&fixture.data).unwrap();
        let stands = |account: &str| report.balances[&(account.to_owned(), "CNY")];
        assert_eq!(
            (stands("merchant_available:m_demo"), stands("merchant_owes:m_demo")),
            (-994, 0)
        );

        // Overdrawn, though each entry balances, the chain holds and the order calls for it.
        let mut fixture = Fixture::new();
        refunded_whole(&mut fixture, false);
        let fault = fixture.fault();
        assert!(fault.starts_with("entry 10: what it takes from available accounts"), "{fault}");
    }

    /// Order 6 of 6,000 with a fee of 6, of which 4,000 were split and 500 of that given back.
    fn split_later(fixture: &mut Fixture) {
        let terms = Terms { split: SplitTime::Later, ..Fixture::terms(6, false) };
        let Step { mut order, mut effects, .. } = Order::create(terms).unwrap();
        let id = SplitId::new(START, [6; 10]);
        let tea = Share { receiver: "tea".to_owned(), amount: cny(4000) };
        let method = Attempt {
            id: attempt(5),
            method: "wallet_qr".to_owned(),
            channel: "sandbox".to_owned(),
            instalments: None,
            account: None,
            begun_at: None,
            by_code: false,
        };
        let events = [
            Event::MethodChosen(method),
            Event::Paid { attempt: attempt(5), amount: cny(6000), channel_ref: "c".to_owned() },
            Event::SettlementDue,
            Event::SplitRequested(NewSplit {
                id: id.clone(),
                merchant_split_id: "S-6".to_owned(),
                mode: SplitMode::AllOrNothing,
                shares: vec![tea],
                removed: Vec::new(),
            }),
            Event::SplitReturnRequested(NewSplitReturn {
                id: SplitReturnId::new(START, [6; 10]),
                split: id,
                merchant_return_id: "T-6".to_owned(),
                receiver: "tea".to_owned(),
                amount: cny(500),
                available: cny(4000),
            }),
        ];
        let mut entries = Vec::new();
        for (nth, event) in events.into_iter().enumerate() {
            let later = if nth < 2 { 0 } else { lezai_core::order::SETTLEMENT_SECS };
            let after = step(order, event, START.plus_secs(later)).unwrap();
            order = after.order;
            entries.extend(after.entry);
            effects.extend(after.effects);
        }
        fixture.keep(&order, &entries, effects);
    }

    #[test]
    fn what_is_split_later_has_its_entries_its_rows_and_its_end() {
        let mut fixture = Fixture::new();
        split_later(&mut fixture);
        let report = check(&fixture.data).unwrap();
        let stands = |account: &str| report.balances[&(account.to_owned(), "CNY")];
        let (frozen, tea) =
            (stands("merchant_frozen:m_demo"), stands("receiver_available:m_demo:tea"));
        assert_eq!((frozen, tea), (-2494, -3500));
        for (sql, expected) in [
            ("DELETE FROM splits", "its split spl_"),
            ("DELETE FROM split_returns", "its return spr_"),
            ("UPDATE splits SET merchant_split_id = 'X'", "its split spl_"),
            (
                "DELETE FROM tasks WHERE task LIKE '%finish_splits%'",
                "nothing waits to finish its splitting",
            ),
            (
                "UPDATE orders SET data = replace(data, '4000', '3900') WHERE data LIKE '%spl_%'",
                "does not call for this split",
            ),
            (
                "UPDATE orders SET data = replace(data, '\"minor\":500', '\"minor\":501') WHERE data LIKE '%spl_%'",
                "does not call for this split_return",
            ),
            (
                "INSERT INTO split_returns VALUES ('spr_x', 'spl_x', 'm_demo', 'X')",
                "1 splits and 1 returns belong to orders",
            ),
        ] {
            let mut fixture = Fixture::new();
            split_later(&mut fixture);
            fixture.tamper(sql);
            let fault = fixture.fault();
            assert!(fault.contains(expected), "{sql}: {fault} / {expected}");
        }
    }

    #[test]
    fn a_time_that_goes_back_is_found_though_the_chain_holds() {
        let fixture = Fixture::new();
        let mut entries = Vec::new();
        for_each_entry(&fixture.connection, |entry| {
            entries.push(entry);
            Ok::<_, StoreError>(())
        })
        .unwrap();
        let last = entries.pop().unwrap();
        let early = Timestamp::from_ms(START.as_ms() - 1);
        let entry = Entry::new(last.kind, last.postings.clone()).unwrap();
        let hash = entry.hash(&last.previous, last.number, early, &last.subject);
        let (number, early) = (last.number, early.as_ms());
        fixture.tamper(&format!(
            "UPDATE entries SET at_ms = {early}, hash = '{hash}' WHERE number = {number};
             UPDATE balances SET at_ms = {early} WHERE number = {number}"
        ));
        let fault = fixture.fault();
        assert_eq!(fault, "entry 7: its time is before that of the entry before");
    }

    #[test]
    fn an_entry_that_no_order_calls_for_is_found_though_the_chain_holds() {
        let mut fixture = Fixture::new();
        let (unpaid, paid) = (OrderId::new(START, [1; 10]), OrderId::new(START, [2; 10]));
        let payment = |minor: i64, fee: i64| {
            let receivable = Account::ChannelReceivable("sandbox".to_owned());
            let pending = Account::MerchantPending(MerchantId::parse("m_demo").unwrap());
            let side = |account, minor| Posting { account, minor, currency: cny(0).currency() };
            let sides = vec![
                side(receivable, minor),
                side(pending, fee - minor),
                side(Account::FeeIncome, -fee),
            ];
            Entry::new(Kind::Payment, sides).unwrap()
        };
        fixture.book(&paid, &payment(2000, 6));
        assert!(
            fixture.fault().starts_with("entry 8: order ord_")
                && fixture.fault().ends_with("has this payment already")
        );

        let mut fixture = Fixture::new();
        fixture.book(&unpaid, &payment(1000, 6));
        assert!(
            fixture.fault().ends_with("created, does not call for this payment"),
            "{}",
            fixture.fault()
        );
    }

    #[test]
    fn what_is_no_store_cannot_be_read() {
        let nowhere = check(Path::new("/nonexistent"));
        assert!(matches!(nowhere, Err(Failed::Unreadable(_))));
    }
}
