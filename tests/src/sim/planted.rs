//! Bugs on purpose: each a thin layer between the host's real code and the store, so that the
//! product has none of them. A simulator that does not find them would prove nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::planted_fx::{booked_wrongly, misconverted};
use lezai_core::funds::payout::PayoutEffect;
use lezai_core::id::{AttemptId, EventId, MerchantId, OrderId, RefundId, SessionId};
use lezai_core::ledger::{Account, Entry, Kind, Posting, Subject};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{Effect, Order};
use lezai_core::time::Timestamp;
use lezai_store::OrderSample;
use lezai_store::Page;
use lezai_store::events::{DeliveryProgress, DeliveryRecord, DeliveryStatus, EventQuery, Failing};
use lezai_store::plugins::{Denial, Difference, PluginKey, ReleaseState};
use lezai_store::{
    Claim, DueTask, EventReads, EventRecord, EventWrites, IdempotencyKey, Lane, MerchantKey,
    MerchantRecord, OrderRecord, Outcome, PluginReads, PluginWrites, ReleaseRecord, Scope,
    SessionRecord, StoreError, StoredResponse, Task, Tx, View, WriteJob,
};

/// A bug, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The product as it is.
    Nothing,
    /// A refund is checked against the order as it was when the request came.
    CheckThenAct,
    /// The channel is asked for a refund before the refund is committed.
    EffectBeforeCommit,
    /// First answers are kept in memory alone.
    LostIdempotency,
    /// A payment is booked twice, now and then.
    DoublePosting,
    /// Money for an order that was closed meanwhile is not looked at.
    LatePaymentIgnored,
    /// The merchant acts on a callback as often as it comes.
    DuplicateCallback,
    /// Each refund gives back its own share of the fee, rounded down by itself.
    RoundingLeak,
    /// First answers are read from a copy that lags behind.
    StaleRead,
    /// Each retry of a refund has another id at the channel.
    FreshRefundId,
    /// A task claimed before a crash is claimed for ever.
    LeaseNeverGivenBack,
    /// An approval ends the review and releases nothing.
    ReleaseForgotten,
    /// An approval's settlement is left to the task of the payment, which may have come and gone.
    ApprovedNeverSettles,
    /// A refund is checked against the balance available when nobody had taken anything yet.
    StaleAvailable,
    /// Money that becomes available repays no debt.
    DebtNotRepaid,
    /// Each retry of a payout has another id at the channel.
    FreshPayoutId,
    /// Silence on a payout is taken for a refusal.
    SilenceIsFailure,
    /// A payout that comes back is booked twice.
    ReturnBookedTwice,
    /// Nobody asks whether a payout came back.
    WatchForgotten,
    /// A batch begins where the ledger does.
    BatchForgetsTheLast,
    /// Now and then the next batch is not planned.
    NextBatchNotPlanned,
    /// Nothing ends the splitting of an order that its merchant does not finish.
    SplitsNeverFinished,
    /// A share that is given back is available at once, though the order can still be split.
    ReturnAvailableAtOnce,
    /// A split is booked twice.
    SplitBookedTwice,
    /// A return is held against more than what is available to its receiver.
    ReturnUnchecked,
    /// A batch of payouts is closed by the first of them that ends.
    BatchClosedEarly,
    /// Nothing ever closes a batch of payouts.
    BatchNeverClosed,
    /// Nothing releases what was kept back of a payment.
    ReserveNeverReleased,
    /// A reserve is released twice.
    ReserveReleasedTwice,
    /// A quote is taken by whoever found it unused, though another was faster.
    QuoteUsedTwice,
    /// A refund is converted by the rate turned round.
    RefundUpsideDown,
    /// A refund gives nothing back of the spread.
    SpreadKept,
    /// A payment to the merchant's own account is given back by the platform's, which has no such payment.
    DirectAskedElsewhere,
    /// A refund out of the merchant's own account is booked twice.
    DirectRefundBookedTwice,
    /// The attempt forgets that it was made to the merchant's own account.
    DirectForgotten,
    /// A reversal at the counter that was not answered, or not clearly, is taken for done.
    SilentReversalBelieved,
    /// Each time that a till asks again its code is charged under another number.
    FreshChargeNumber,
    /// A tier is reached by the volume of this month.
    TierOfThisMonth,
    /// A promotion's quota is counted twice.
    QuotaCountedTwice,
    /// Every order finds a promotion's quota unused.
    QuotaOverspent,
    /// A debit is held against twice the bound that was agreed to.
    DebitAboveTheMandate,
    /// A debit is held against its own bound, and not against the period's.
    PeriodForgotten,
    /// A debit that comes back is booked twice.
    ReturnOfDebitBookedTwice,
    /// Nobody asks whether a debit came back.
    DebitWatchForgotten,
    /// Each time that a bank is asked for a debit it has another number.
    FreshDebitNumber,
}

impl Planted {
    /// Every bug.
    pub const ALL: [Self; 44] = [
        Self::CheckThenAct,
        Self::EffectBeforeCommit,
        Self::LostIdempotency,
        Self::DoublePosting,
        Self::LatePaymentIgnored,
        Self::DuplicateCallback,
        Self::RoundingLeak,
        Self::StaleRead,
        Self::FreshRefundId,
        Self::LeaseNeverGivenBack,
        Self::ReleaseForgotten,
        Self::ApprovedNeverSettles,
        Self::StaleAvailable,
        Self::DebtNotRepaid,
        Self::FreshPayoutId,
        Self::SilenceIsFailure,
        Self::ReturnBookedTwice,
        Self::WatchForgotten,
        Self::BatchForgetsTheLast,
        Self::NextBatchNotPlanned,
        Self::SplitsNeverFinished,
        Self::ReturnAvailableAtOnce,
        Self::SplitBookedTwice,
        Self::ReturnUnchecked,
        Self::BatchClosedEarly,
        Self::BatchNeverClosed,
        Self::ReserveNeverReleased,
        Self::ReserveReleasedTwice,
        Self::QuoteUsedTwice,
        Self::RefundUpsideDown,
        Self::SpreadKept,
        Self::DirectAskedElsewhere,
        Self::DirectRefundBookedTwice,
        Self::DirectForgotten,
        Self::SilentReversalBelieved,
        Self::FreshChargeNumber,
        Self::TierOfThisMonth,
        Self::QuotaCountedTwice,
        Self::QuotaOverspent,
        Self::DebitAboveTheMandate,
        Self::PeriodForgotten,
        Self::ReturnOfDebitBookedTwice,
        Self::DebitWatchForgotten,
        Self::FreshDebitNumber,
    ];
}

/// The layer's memory between jobs.
#[derive(Default)]
pub(super) struct Memory {
    /// First answers of the last commits, which a lagging copy does not have yet.
    pub(super) fresh_keys: Mutex<Vec<String>>,
    /// The available balances when they were first asked for.
    first_available: Mutex<std::collections::BTreeMap<String, i64>>,
    /// Refunds that were asked of the channel from within a commit.
    pub(super) leaked: Mutex<Vec<(RefundId, AttemptId, Money)>>,
    bookings: AtomicU64,
}

/// The job, with the bug, and held to its scope: what SQLite's one writer forgives, several nodes would not.
pub(super) fn wrap(
    planted: Planted,
    scope: Scope,
    job: WriteJob,
    memory: &std::sync::Arc<Memory>,
    seen: Vec<OrderRecord>,
) -> WriteJob {
    let memory = std::sync::Arc::clone(memory);
    Box::new(move |tx: &dyn Tx| -> Outcome {
        let updated = Mutex::new(None);
        let gives_back = AtomicBool::new(false);
        let (memory, seen) = (&memory, &seen);
        let layer = Layer { tx, planted, scope, memory, seen, updated, gives_back };
        job(&layer)
    })
}

pub(super) struct Layer<'t> {
    pub(super) tx: &'t dyn Tx,
    pub(super) planted: Planted,
    pub(super) scope: Scope,
    memory: &'t Memory,
    seen: &'t [OrderRecord],
    updated: Mutex<Option<Order>>,
    /// A share is about to be given back.
    pub(super) gives_back: AtomicBool,
}

impl Layer<'_> {
    /// The order with its last refund's part of the fee rounded by itself.
    fn leaking(&self, order: &Order) -> Order {
        let mut order = order.clone();
        let captured = order.captured();
        let value = |amount| order.terms.value(amount);
        let fee =
            value(captured).and_then(|it| order.terms.fee.share(it, value(order.terms.amount)?));
        if let (Some(refund), Some(fee)) = (order.refunds.last_mut(), fee) {
            refund.fee = fee.in_ratio(refund.amount, captured).unwrap_or(refund.fee);
        }
        order
    }
}

impl EventReads for Layer<'_> {
    fn event(&self, id: &EventId) -> Result<Option<(EventRecord, DeliveryProgress)>, StoreError> {
        self.tx.event(id)
    }
    fn events(
        &self,
        query: &EventQuery,
    ) -> Result<Vec<(EventRecord, DeliveryProgress)>, StoreError> {
        self.tx.events(query)
    }
    fn deliveries(&self, event: &EventId, limit: u32) -> Result<Vec<DeliveryRecord>, StoreError> {
        self.tx.deliveries(event, limit)
    }
    fn latest_event_at(&self, merchant: &MerchantId) -> Result<Option<Timestamp>, StoreError> {
        self.tx.latest_event_at(merchant)
    }
    fn failing(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Failing>, StoreError> {
        self.tx.failing(merchant, limit)
    }
    fn failing_host(
        &self,
        merchant: &MerchantId,
        host: &str,
    ) -> Result<Option<Failing>, StoreError> {
        self.tx.failing_host(merchant, host)
    }
}

impl EventWrites for Layer<'_> {
    fn insert_event(
        &self,
        event: &EventRecord,
        delivery_status: DeliveryStatus,
    ) -> Result<(), StoreError> {
        self.scope.admit(&event.merchant)?;
        self.tx.insert_event(event, delivery_status)
    }
    fn set_progress(&self, event: &EventId, progress: &DeliveryProgress) -> Result<(), StoreError> {
        self.tx.set_progress(event, progress)
    }
    fn log_delivery(&self, event: &EventId, delivery: &DeliveryRecord) -> Result<(), StoreError> {
        self.tx.log_delivery(event, delivery)
    }
    fn set_failing(&self, merchant: &MerchantId, failing: &Failing) -> Result<(), StoreError> {
        self.scope.admit(merchant)?;
        self.tx.set_failing(merchant, failing)
    }
    fn clear_failing(&self, merchant: &MerchantId, host: &str) -> Result<bool, StoreError> {
        self.scope.admit(merchant)?;
        self.tx.clear_failing(merchant, host)
    }
    fn prune_deliveries(&self, before: Timestamp) -> Result<(), StoreError> {
        self.tx.prune_deliveries(before)
    }
}

impl PluginReads for Layer<'_> {
    fn releases(
        &self,
        merchant: &MerchantId,
        limit: u32,
    ) -> Result<Vec<ReleaseRecord>, StoreError> {
        self.tx.releases(merchant, limit)
    }
    fn release(
        &self,
        merchant: &MerchantId,
        sequence: u64,
    ) -> Result<Option<ReleaseRecord>, StoreError> {
        self.tx.release(merchant, sequence)
    }
    fn standing_releases(
        &self,
        merchant: Option<&MerchantId>,
    ) -> Result<Vec<ReleaseRecord>, StoreError> {
        self.tx.standing_releases(merchant)
    }
    fn plugin_key(&self, keyid: &str) -> Result<Option<PluginKey>, StoreError> {
        self.tx.plugin_key(keyid)
    }
    fn differences(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<Difference>, StoreError> {
        self.tx.differences(merchant, sequence, limit)
    }
    fn denials(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Denial>, StoreError> {
        self.tx.denials(merchant, limit)
    }
}

impl PluginWrites for Layer<'_> {
    fn insert_release(&self, release: &ReleaseRecord) -> Result<(), StoreError> {
        self.scope.admit(&release.manifest.merchant)?;
        self.tx.insert_release(release)
    }
    fn set_standing(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        standing: &ReleaseState,
    ) -> Result<(), StoreError> {
        self.scope.admit(merchant)?;
        self.tx.set_standing(merchant, sequence, standing)
    }
    fn put_plugin_key(&self, key: &PluginKey) -> Result<bool, StoreError> {
        self.scope.admit(&key.merchant)?;
        self.tx.put_plugin_key(key)
    }
    fn remove_plugin_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        self.tx.remove_plugin_key(merchant, keyid)
    }
    fn insert_difference(&self, difference: &Difference, most: u32) -> Result<(), StoreError> {
        self.scope.admit(&difference.merchant)?;
        self.tx.insert_difference(difference, most)
    }
    fn insert_denial(&self, denial: &Denial, most: u32) -> Result<(), StoreError> {
        self.scope.admit(&denial.merchant)?;
        self.tx.insert_denial(denial, most)
    }
}

impl View for Layer<'_> {
    fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, StoreError> {
        if self.planted == Planted::CheckThenAct
            && let Some(seen) = self.seen.iter().find(|it| it.order.terms.id == *id)
        {
            return Ok(Some(seen.clone()));
        }
        self.tx.order(id)
    }
    fn stored_response(&self, key: &IdempotencyKey) -> Result<Option<StoredResponse>, StoreError> {
        if self.planted == Planted::StaleRead
            && self.memory.fresh_keys.lock().unwrap().contains(&key.key)
        {
            return Ok(None);
        }
        self.tx.stored_response(key)
    }
    fn order_by_merchant_order_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<OrderRecord>, StoreError> {
        self.tx.order_by_merchant_order_id(merchant, number)
    }
    fn orders(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<OrderId>,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        self.tx.orders(merchant, status, page)
    }
    fn marks(&self, since: Timestamp, most: u32) -> Result<Vec<OrderSample>, StoreError> {
        self.tx.marks(since, most)
    }
    fn order_of_attempt(&self, attempt: &AttemptId) -> Result<Option<OrderId>, StoreError> {
        self.tx.order_of_attempt(attempt)
    }
    fn order_of_refund(&self, refund: &RefundId) -> Result<Option<OrderId>, StoreError> {
        self.tx.order_of_refund(refund)
    }
    fn refund_by_merchant_refund_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<RefundId>, StoreError> {
        self.tx.refund_by_merchant_refund_id(merchant, number)
    }
    fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.tx.session(id)
    }
    fn former_sessions(&self, order: &OrderId) -> Result<u32, StoreError> {
        self.tx.former_sessions(order)
    }
    fn merchant(&self, id: &MerchantId) -> Result<Option<MerchantRecord>, StoreError> {
        self.tx.merchant(id)
    }
    fn merchants(&self) -> Result<Vec<MerchantRecord>, StoreError> {
        self.tx.merchants()
    }
    fn merchant_keys(&self) -> Result<Vec<MerchantKey>, StoreError> {
        self.tx.merchant_keys()
    }
    fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.tx.setting(name)
    }
    fn balances(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        self.tx.balances(account, at)
    }
    fn balance(&self, account: &Account, currency: Currency) -> Result<i64, StoreError> {
        match (self.planted, account) {
            (
                Planted::StaleAvailable,
                Account::MerchantAvailable(_) | Account::ReceiverAvailable(..),
            ) => {
                let stands = self.tx.balance(account, currency)?;
                let mut first = self.memory.first_available.lock().unwrap();
                Ok(*first.entry(account.to_string()).or_insert(stands))
            }
            // Looked at once before the entry is made.
            (Planted::ReturnUnchecked, Account::ReceiverAvailable(..))
                if self.gives_back.swap(false, Ordering::Relaxed) =>
            {
                Ok(self.tx.balance(account, currency)?.saturating_sub(1_000_000))
            }
            (Planted::DebtNotRepaid, Account::MerchantOwes(_) | Account::ReceiverOwes(..)) => Ok(0),
            _ => self.tx.balance(account, currency),
        }
    }
    fn open_reviews(&self, page: &Page<OrderId>) -> Result<Vec<OrderRecord>, StoreError> {
        self.tx.open_reviews(page)
    }
    fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        self.tx.next_due(lane)
    }
    fn waiting_tasks(&self) -> Result<u64, StoreError> {
        self.tx.waiting_tasks()
    }
}

impl Tx for Layer<'_> {
    fn update_order(&self, order: &Order) -> Result<(), StoreError> {
        self.scope.admit(&order.terms.merchant)?;
        *self.updated.lock().unwrap() = Some(order.clone());
        match self.planted {
            Planted::RoundingLeak => self.tx.update_order(&self.leaking(order)),
            Planted::RefundUpsideDown | Planted::SpreadKept => {
                self.tx.update_order(&misconverted(self.planted, order))
            }
            Planted::CheckThenAct => {
                // A careless "last write wins".
                let id = &order.terms.id;
                let version = self.tx.order(id)?.map_or(order.version, |it| it.order.version + 1);
                self.tx.update_order(&Order { version, ..order.clone() })
            }
            Planted::DirectForgotten if order.direct().is_some() => {
                let mut order = order.clone();
                order.attempts.iter_mut().for_each(|it| it.account = None);
                self.tx.update_order(&order)
            }
            _ => self.tx.update_order(order),
        }
    }
    fn book(&self, order: &Subject, entry: &Entry, at: Timestamp) -> Result<Timestamp, StoreError> {
        for owner in entry.postings().iter().filter_map(|it| it.account.owner()) {
            self.scope.admit(owner)?;
        }
        if self.planted == Planted::ReturnBookedTwice && entry.kind() == Kind::PayoutReturn {
            self.tx.book(order, entry, at)?;
        }
        if self.planted == Planted::ReturnOfDebitBookedTwice && entry.kind() == Kind::DebitReturn {
            self.tx.book(order, entry, at)?;
        }
        if self.planted == Planted::DirectRefundBookedTwice && entry.kind() == Kind::DirectRefund {
            self.tx.book(order, entry, at)?;
        }
        if self.planted == Planted::SplitBookedTwice && entry.kind() == Kind::Split {
            self.tx.book(order, entry, at)?;
        }
        if self.planted == Planted::ReturnAvailableAtOnce {
            return self.tx.book(order, &to_available(entry)?, at);
        }
        let twice = self.planted == Planted::DoublePosting
            && entry.kind() == Kind::Payment
            && self.memory.bookings.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        if twice {
            self.tx.book(order, entry, at)?;
        }
        if self.planted == Planted::RoundingLeak && entry.kind() == Kind::RefundRequest {
            let updated = self.updated.lock().unwrap().clone();
            let leaking = updated.map(|it| self.leaking(&it));
            if let Some(refund) = leaking.as_ref().and_then(|it| it.refunds.last()) {
                let side =
                    |account, minor| Posting { account, minor, currency: refund.amount.currency() };
                let (all, fee) = (refund.amount.minor(), refund.fee.minor());
                let sides = [
                    side(refund.from.clone(), all - fee),
                    side(Account::FeeIncome, fee),
                    side(Account::RefundsInFlight, -all),
                ];
                let sides = sides.into_iter().filter(|it| it.minor != 0).collect();
                let entry = Entry::new(entry.kind(), sides)
                    .map_err(|error| StoreError::Damaged(error.to_string()))?;
                return self.tx.book(order, &entry, at);
            }
        }
        if matches!(self.planted, Planted::RefundUpsideDown | Planted::SpreadKept)
            && entry.kind() == Kind::RefundRequest
            && let Some(right) = self.updated.lock().unwrap().as_ref()
            && let Some(wrong) = booked_wrongly(&misconverted(self.planted, right), right, entry)
        {
            return self.tx.book(order, &wrong, at);
        }
        if self.planted == Planted::ReserveReleasedTwice && entry.kind() == Kind::ReserveRelease {
            self.tx.book(order, entry, at)?;
        }
        if self.planted == Planted::ReleaseForgotten && entry.kind() == Kind::HoldRelease {
            return Ok(at);
        }
        self.tx.book(order, entry, at)
    }
    fn schedule(&self, task: &Task, due: Timestamp) -> Result<(), StoreError> {
        let forgotten = match (self.planted, task) {
            (Planted::SplitsNeverFinished, Task::Order { what, .. }) => {
                *what == Effect::FinishSplits
            }
            (Planted::ReserveNeverReleased, Task::Order { what, .. }) => {
                *what == Effect::ReleaseReserve
            }
            (Planted::DebitWatchForgotten, Task::Order { what, .. }) => {
                matches!(what, Effect::WatchDebit(_))
            }
            (Planted::WatchForgotten, Task::Payout { what, .. }) => *what == PayoutEffect::Watch,
            (Planted::NextBatchNotPlanned, Task::CloseBatches { .. }) => {
                self.memory.bookings.fetch_add(1, Ordering::Relaxed) % 2 == 1
            }
            _ => false,
        };
        if forgotten {
            return Ok(());
        }
        if self.planted == Planted::EffectBeforeCommit
            && let Task::Order { what: Effect::Refund(id), .. } = task
            && let Some(order) = self.updated.lock().unwrap().as_ref()
            && let (Some(refund), Some(payment)) = (order.refund(id), order.state.payment())
        {
            let leaked = (id.clone(), payment.attempt.clone(), refund.amount);
            self.memory.leaked.lock().unwrap().push(leaked);
        }
        if self.planted == Planted::ApprovedNeverSettles
            && let Task::Order { what: Effect::Settle, .. } = task
            && self.updated.lock().unwrap().as_ref().is_some_and(|it| it.approved().is_some())
        {
            return Ok(());
        }
        self.tx.schedule(task, due)
    }
    fn save_response(
        &self,
        key: &IdempotencyKey,
        answer: &StoredResponse,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if self.planted == Planted::StaleRead {
            self.memory.fresh_keys.lock().unwrap().push(key.key.clone());
            if self.tx.stored_response(key)?.is_some() {
                return Ok(());
            }
        }
        self.tx.save_response(key, answer, at)
    }
    fn end_leases(&self) -> Result<(), StoreError> {
        self.tx.end_leases()
    }
    fn insert_order(
        &self,
        record: &OrderRecord,
        session: &SessionRecord,
    ) -> Result<bool, StoreError> {
        self.scope.admit(&record.order.terms.merchant)?;
        self.tx.insert_order(record, session)
    }
    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_end: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueTask>, StoreError> {
        let lease_end = match self.planted {
            Planted::LeaseNeverGivenBack => Timestamp::from_ms(253_402_300_799_000),
            _ => lease_end,
        };
        self.tx.claim_tasks(lane, now, lease_end, limit)
    }
    fn finish_task(&self, number: i64) -> Result<(), StoreError> {
        self.tx.finish_task(number)
    }
    fn postpone_task(&self, number: i64, due: Timestamp, error: &str) -> Result<(), StoreError> {
        self.tx.postpone_task(number, due, error)
    }
    fn put_off_task(&self, number: i64, due: Timestamp) -> Result<(), StoreError> {
        self.tx.put_off_task(number, due)
    }
    fn take_nonce(&self, keyid: &str, nonce: &str, expires: Timestamp) -> Result<bool, StoreError> {
        self.tx.take_nonce(keyid, nonce, expires)
    }
    fn claim_session(&self, session: &SessionId, claim: &Claim) -> Result<(), StoreError> {
        self.tx.claim_session(session, claim)
    }
    fn renew_session(&self, session: &SessionRecord, at: Timestamp) -> Result<(), StoreError> {
        self.tx.renew_session(session, at)
    }
    fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.tx.put_setting(name, value)
    }
    fn put_merchant(&self, merchant: &MerchantRecord) -> Result<(), StoreError> {
        self.scope.admit(&merchant.id)?;
        self.tx.put_merchant(merchant)
    }
    fn put_merchant_key(&self, key: &MerchantKey) -> Result<bool, StoreError> {
        self.scope.admit(&key.merchant)?;
        self.tx.put_merchant_key(key)
    }
    fn remove_merchant_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        self.scope.admit(merchant)?;
        self.tx.remove_merchant_key(merchant, keyid)
    }
    fn prune(&self, nonces_before: Timestamp, answers_before: Timestamp) -> Result<(), StoreError> {
        self.tx.prune(nonces_before, answers_before)
    }
}

/// The return of a share as one who forgets that the order may still be split would book it.
fn to_available(entry: &Entry) -> Result<Entry, StoreError> {
    if entry.kind() != Kind::SplitReturn {
        return Ok(entry.clone());
    }
    let moved = entry.postings().iter().cloned().map(|it| match it.account {
        Account::MerchantFrozen(merchant) => {
            Posting { account: Account::MerchantAvailable(merchant), ..it }
        }
        account => Posting { account, ..it },
    });
    Entry::new(entry.kind(), moved.collect())
        .map_err(|error| StoreError::Damaged(error.to_string()))
}
