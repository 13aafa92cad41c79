//! The invariants: after every commit, and when nothing is under way any more.

use std::sync::{Arc, Mutex};

use lezai::ledger::check_tables;
use lezai_core::id::OrderId;
use lezai_core::ledger::{Account, Entry, Kind, without_debts};
use lezai_core::money::Money;
use lezai_core::order::{Event, Order, RefundState, State};
use lezai_store::OrderRecord;
use lezai_store::Page;
use lezai_store_sqlite::order_with_entries;

use super::bank::CHANNEL;
use super::fx;
use super::world::{Checked, Heard, World, fail};
use super::{Failure, MERCHANT, Planted};

impl World<'_> {
    /// After every commit: each order that changed, and what was booked.
    pub(super) fn check(&mut self) -> Checked {
        let changed: Vec<(String, u64)> = self.look(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, version FROM orders").unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        });
        let mut new = Vec::new();
        for (id, version) in changed {
            if self.versions.get(&id) == Some(&version) {
                continue;
            }
            let order_id = OrderId::parse(&id).unwrap();
            let (order, entries) = self
                .look(|connection| order_with_entries(connection, &order_id, u64::MAX).unwrap());
            let Some(order) = order else { return fail(format!("{id} is gone")) };
            holds(&order)?;
            fx::holds(&order)?;
            self.debits_are_agreed_to(&order)?;
            // As the order calls for it: who owes part of it is held against the balances, below.
            let sorted = |kind: &str, postings: &[lezai_core::ledger::Posting]| {
                let sides = without_debts(postings).into_iter();
                let sides: Vec<_> = sides.map(|it| format!("{} {}", it.0, it.2)).collect();
                format!("{kind} {sides:?}")
            };
            let called_for =
                order.entries().map_err(|error| Failure { what: error.to_string() })?;
            let mut wanted: Vec<String> =
                called_for.iter().map(|it| sorted(it.kind().as_str(), it.postings())).collect();
            let mut booked: Vec<String> =
                entries.iter().map(|it| sorted(it.kind.as_str(), &it.postings)).collect();
            wanted.sort();
            booked.sort();
            if wanted != booked {
                return fail(format!(
                    "{id}: the ledger has {booked:?}, the order calls for {wanted:?}"
                ));
            }
            if self.run.planted == Planted::CheckThenAct {
                let seen = Arc::clone(&self.seen);
                let record = self.record(&order_id);
                let mut seen = seen.lock().unwrap();
                seen.retain(|it| it.order.terms.id != order_id);
                seen.extend(record);
            }
            new.extend(entries.into_iter().filter(|it| it.number > self.last_entry));
            self.versions.insert(id, version);
        }
        new.extend(self.check_payouts()?);
        new.sort_by_key(|it| it.number);
        for entry in new {
            if entry.number != self.last_entry + 1 || entry.previous != self.head {
                return fail(format!("entry {} does not follow {}", entry.number, self.last_entry));
            }
            if Entry::new(entry.kind, entry.postings.clone()).is_err() {
                return fail(format!("entry {} does not balance", entry.number));
            }
            for it in &entry.postings {
                let account = (it.account.clone(), it.currency.code());
                *self.balances.entry(account).or_default() += it.minor;
            }
            let indebts = entry
                .postings
                .iter()
                .any(|it| it.minor > 0 && matches!(it.account, Account::ReceiverOwes(..)));
            if entry.kind == Kind::SplitReturn && indebts {
                return fail(format!("entry {} gives back what was not there", entry.number));
            }
            for it in &entry.postings {
                self.nobody_is_overdrawn(&it.account, it.currency.code(), entry.number)?;
            }
            (self.last_entry, self.head) = (entry.number, entry.hash);
        }
        Ok(())
    }

    /// No available account is overdrawn, no debt is below nothing, and nobody who owes has something
    /// available.
    fn nobody_is_overdrawn(&self, account: &Account, code: &'static str, number: u64) -> Checked {
        let stands =
            |it: &Account| self.balances.get(&(it.clone(), code)).copied().unwrap_or_default();
        let minor = stands(account);
        let owed = matches!(account, Account::MerchantOwes(_) | Account::ReceiverOwes(..));
        // The balance at a channel that paid out our money is below zero until we put some there.
        let asset = matches!(account, Account::ChannelReceivable(_) | Account::DirectAtChannel(..));
        let liability = !owed && !asset;
        if *account == Account::FxPosition {
            // What was taken and what is given for it: of either sign, each in its currency.
            return Ok(());
        }
        if liability && minor > 0 || !liability && minor < 0 && !self.may_owe_the_bank(account) {
            return fail(format!("entry {number} overdraws {account}: {minor}"));
        }
        match account.debts() {
            Some(debts) if minor != 0 && stands(&debts) != 0 => fail(format!(
                "entry {number} leaves something available to one who owes on {debts}"
            )),
            _ => Ok(()),
        }
    }

    fn record(&self, id: &OrderId) -> Option<OrderRecord> {
        let found = Arc::new(Mutex::new(None));
        let (slot, id) = (Arc::clone(&found), id.clone());
        self.store.lock().unwrap().view(
            None,
            Box::new(move |view| {
                *slot.lock().unwrap() = view.and_then(|it| it.order(&id)).unwrap();
            }),
        );
        found.lock().unwrap().take()
    }

    /// At the end, when nothing is under way: every order settled or explained, the bank's books
    /// are the ledger's, and the merchant knows all.
    pub(super) fn settled(&mut self) -> Checked {
        let report =
            match self.look(|connection| check_tables(connection).map_err(|it| it.to_string())) {
                Ok(report) => report,
                Err(error) => return fail(format!("the ledger is broken: {error}")),
            };
        if report.balances.values().sum::<i128>() != 0 {
            return fail("the trial balance is not zero");
        }
        if let Some(request) = self.requests.iter().find(|it| it.is_open()) {
            return fail(format!("{} was never answered", request.key));
        }
        if self.decides_what_is_open()? {
            return self.go_on_to_the_end(Vec::new());
        }
        for ((account, _), minor) in &self.balances {
            // Every review that was due is done, and every settlement.
            let waits = matches!(
                account,
                Account::MerchantHeld(_)
                    | Account::MerchantPending(_)
                    | Account::MerchantFrozen(_)
                    | Account::MerchantReserve(_)
            );
            if waits && *minor != 0 {
                return fail(format!("{minor} is left on {account} for ever"));
            }
        }
        if self.decides_on_payouts() {
            return self.go_on_to_the_end(Vec::new());
        }
        let ids: Vec<String> = self.versions.keys().cloned().collect();
        let mut asks_again = false;
        for id in ids {
            let Ok(id) = OrderId::parse(&id) else { continue };
            let Some(order) = self.read_order(&id) else { return fail(format!("{id} is gone")) };
            if !order.attention.is_empty() {
                *self.counts.ends.entry("needs_attention").or_default() += 1;
                asks_again = true;
                let gateway = Arc::clone(&self.gateway);
                self.spawn(async move {
                    let _ = gateway.apply(id, Event::Resumed).await;
                    Heard::Nothing
                });
                continue;
            }
            let explained = matches!(
                order.state,
                State::Paid { .. } | State::Voided { .. } | State::Closed { .. }
            );
            if !explained {
                return fail(format!("{id} ends as {}", order.state.status()));
            }
            *self.counts.ends.entry(order.state.status()).or_default() += 1;
            if order.direct().is_some() {
                let refunded = order.refunded().minor() > 0;
                let way = if refunded { "direct, refunded" } else { "direct" };
                *self.counts.ends.entry(way).or_default() += 1;
            }
            self.tills_know(&order)?;
            if order.refunds.iter().any(|it| it.state == RefundState::Pending) {
                return fail(format!("{id} ends with a refund under way"));
            }
            if order.returns.iter().any(|it| !it.done) {
                return fail(format!("{id} ends with money that was not given back"));
            }
        }
        if asks_again {
            self.note(|| {
                "a person looks at what needs attention, and has it tried again".to_owned()
            });
            return self.go_on_to_the_end(Vec::new());
        }
        if self.asks_for_untold() {
            return self.go_on_to_the_end(Vec::new());
        }
        for (currency, holds) in &self.bank.holds {
            let key = (format!("channel_receivable:{CHANNEL}"), *currency);
            let booked = report.balances.get(&key).copied().unwrap_or_default();
            if booked != i128::from(*holds) {
                return fail(format!("the bank holds {holds} {currency}, the ledger has {booked}"));
            }
        }
        self.position_is_at_the_bank(&report.balances)?;
        for (currency, holds) in &self.bank.direct {
            let key = (format!("direct_at_channel:{MERCHANT}:{CHANNEL}"), *currency);
            let booked = report.balances.get(&key).copied().unwrap_or_default();
            if booked != i128::from(*holds) {
                return fail(format!(
                    "the merchant's own account holds {holds} {currency}, the ledger has {booked}"
                ));
            }
        }
        self.payouts_ended(&report.balances)?;
        self.mandates_are_over()?;
        self.all_told()
    }

    /// The list of reviews has the orders that wait for one and no other; the operator decides on each.
    fn decides_what_is_open(&mut self) -> Result<bool, Failure> {
        let listed: Arc<Mutex<Vec<OrderId>>> = Arc::default();
        let slot = Arc::clone(&listed);
        self.store.lock().unwrap().view(
            None,
            Box::new(move |view| {
                let page = Page { limit: 100, after: None, from: None, to: None };
                let found = view.and_then(|it| it.open_reviews(&page)).unwrap();
                slot.lock().unwrap().extend(found.into_iter().map(|it| it.order.terms.id));
            }),
        );
        let mut listed = std::mem::take(&mut *listed.lock().unwrap());
        listed.sort();
        let ids = self.versions.keys().filter_map(|id| OrderId::parse(id).ok());
        let ids = ids.filter(|id| self.read_order(id).is_some_and(|it| it.under_review()));
        let mut waiting: Vec<OrderId> = ids.collect();
        waiting.sort();
        if listed != waiting {
            return fail(format!("{listed:?} are listed for a review, {waiting:?} wait for one"));
        }
        for order in &waiting {
            *self.counts.ends.entry("reviewed").or_default() += 1;
            // A refusal that gave no money back is approved, and so is an order of unknown sum.
            let approve = self.read_order(order).is_some_and(|it| {
                !it.reviews.is_empty() || matches!(it.state, State::Capturing { .. })
            });
            let approve = approve || self.random.once_in(2);
            self.review(order.clone(), approve);
        }
        Ok(!waiting.is_empty())
    }

    /// The merchant asks once more for each callback that the gateway gave up, or was told not to send.
    fn asks_for_untold(&mut self) -> bool {
        let untold: Vec<(String, String)> = self.look(|connection| {
            let sql = "SELECT id, delivery_status FROM events WHERE delivery_status IN ('gone', 'given_up')";
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        });
        let mut asks = false;
        for (event, delivery_status) in untold {
            if self.received.contains(&event) {
                continue;
            }
            *self
                .counts
                .ends
                .entry(if delivery_status == "gone" { "gone" } else { "given_up" })
                .or_default() += 1;
            self.ask_again(event);
            asks = true;
        }
        asks
    }

    fn all_told(&self) -> Checked {
        let events: Vec<(String, String, u32, String)> = self.look(|connection| {
            let sql =
                "SELECT id, order_id, sequence, delivery_status FROM events WHERE order_id IS NOT NULL ORDER BY order_id, sequence";
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .unwrap();
            rows.map(Result::unwrap).collect()
        });
        let mut last = (String::new(), 0);
        for (id, order, sequence, delivery_status) in events {
            let expected = if last.0 == order { last.1 + 1 } else { 1 };
            if sequence != expected {
                return fail(format!("{order}: event {sequence} instead of {expected}"));
            }
            if !self.received.contains(&id) {
                return fail(format!(
                    "the merchant never heard of {id}, which is {delivery_status}"
                ));
            }
            last = (order, sequence);
        }
        let others: Vec<String> = self.look(|connection| {
            let sql =
                "SELECT id FROM events WHERE order_id IS NULL AND delivery_status != 'not_sent'";
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        });
        match others.iter().find(|id| !self.received.contains(*id)) {
            Some(id) => fail(format!("the merchant never heard of {id}")),
            None => Ok(()),
        }
    }
}

/// The invariants of an order at all times.
fn holds(order: &Order) -> Checked {
    let id = &order.terms.id;
    let amount = order.terms.amount.minor();
    let captured = order.captured().minor();
    if captured > amount {
        return fail(format!("{id}: {captured} captured of {amount}"));
    }
    let counts = |it: &&lezai_core::order::Refund| !matches!(it.state, RefundState::Failed { .. });
    let back: i64 = order.refunds.iter().filter(counts).map(|it| it.amount.minor()).sum();
    if back > captured {
        return fail(format!("{id}: {back} refunded or being refunded of {captured}"));
    }
    let fee_back: i64 = order.refunds.iter().filter(counts).map(|it| it.fee.minor()).sum();
    let value = |amount| order.terms.value(amount);
    let whole = value(order.captured())
        .and_then(|it| order.terms.fee.share(it, value(order.terms.amount)?));
    let fee = whole.map_or(0, Money::minor);
    let failed = order.refunds.iter().any(|it| matches!(it.state, RefundState::Failed { .. }));
    // Refunds that failed gave their part back in turn, so that the rest may be off by a unit.
    let part = Money::new(back, order.captured().currency()).ok();
    let exact = whole.and_then(|fee| fee.in_ratio(part?, order.captured()));
    // What takes nothing back in the settled currency gives no fee back either, before the next one does.
    let less = if order.terms.fx.is_some() && back < captured { 2 } else { 0 };
    let leaks = !failed
        && back > 0
        && exact.is_none_or(|it| !(it.minor() - less..=it.minor()).contains(&fee_back));
    if fee_back > fee || leaks {
        return fail(format!(
            "{id}: {fee_back} of the fee of {fee} was given back for {back} of {captured}"
        ));
    }
    Ok(())
}
