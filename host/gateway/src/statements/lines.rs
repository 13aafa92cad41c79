//! A statement's lines, read from the store some entries at a time: from where it was left off, up to about as many
//! bytes as one piece has.

use std::collections::BTreeMap;
use std::io;

use lezai_core::funds::settlement::{Batch, Outcome};
use lezai_core::id::{OrderId, SettlementId};
use lezai_core::ledger::{GENESIS, Kind as Booked, Subject};
use lezai_core::order::{Refund, RefundState};
use lezai_core::time::Timestamp;
use lezai_reconcile::statement::booked::{account_name, is_own, order_amounts, own_accounts};
use lezai_reconcile::statement::{
    AccountLine, Balances, BatchEnd, BatchLine, BatchLines, Columns, Form, Kind, OrderLine, Scope,
    Unfinished, Writer,
};
use lezai_store::funds::Statement;
use lezai_store::statements::{Cursor, StatementRecord, TotalRecord, Written};
use lezai_store::{BookedEntry, OrderRecord, StoreError, View};

use super::zone::Zone;
use crate::funds::batches::accounts;

/// A piece ends once it has so many bytes: some thousand lines, which compress to some ten kilobytes.
const PIECE_BYTES: usize = 256 * 1024;
/// Entries that are read together, with their orders.
const WINDOW: u32 = 500;
/// Windows of batches in one read.
const WINDOWS_MAX: u32 = 40;
/// Lines of a statement: more are no file that anybody opens, and a shorter range has fewer.
const LINES_MAX: u64 = 1_000_000;

/// Why a statement is not made.
#[derive(Debug)]
pub(super) enum NotMade {
    /// The store failed: it is tried again.
    Store(StoreError),
    /// It never will be, and the word for why.
    Never(&'static str),
}

impl From<StoreError> for NotMade {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unfinished> for NotMade {
    fn from(error: Unfinished) -> Self {
        tracing::error!(%error, "a statement does not add up");
        Self::Never("inconsistent")
    }
}

impl From<io::Error> for NotMade {
    fn from(error: io::Error) -> Self {
        Unfinished::from(error).into()
    }
}

/// The next part of a statement, and the place to go on from.
pub(super) struct Piece {
    pub(super) text: Vec<u8>,
    /// Without the bytes of this piece, which are not counted yet.
    pub(super) cursor: Cursor,
}

/// A statement with the view that it is read from.
struct Made<'m, V: ?Sized> {
    view: &'m V,
    record: &'m StatementRecord,
    kind: Kind,
}

type Out<'w> = Writer<'w, Vec<u8>>;

/// Writes the next piece of a statement.
///
/// # Errors
///
/// [`NotMade`].
pub(super) fn next<V: View + ?Sized>(
    view: &V,
    record: &StatementRecord,
    cursor: &Cursor,
) -> Result<Piece, NotMade> {
    let unknown = || NotMade::Never("internal");
    let kind = Kind::ALL.into_iter().find(|it| it.as_str() == record.kind).ok_or_else(unknown)?;
    let form = Form::ALL.into_iter().find(|it| it.as_str() == record.form).ok_or_else(unknown)?;
    let columns = Columns::named(kind, &record.columns).map_err(|_| unknown())?;
    let zone = Zone::named(&record.zone).map_err(|_| unknown())?;
    let offset = |at_ms| zone.offset_minutes(Timestamp::from_ms(at_ms));
    let merchant = record.merchant.as_str();
    let (after, until) = (record.after, record.until);
    let scope = Scope { kind, merchant, after, until, offset: &offset };
    let made = Made { view, record, kind };
    let mut writer = match &cursor.writer {
        None => Writer::new(Vec::new(), form, scope, &columns, made.balances(after)?)?,
        Some(left) => {
            let left = serde_json::from_value(left.clone()).map_err(|_| unknown())?;
            Writer::resume(Vec::new(), form, scope, &columns, &left)?
        }
    };
    let mut cursor = cursor.clone();
    let done = match kind {
        Kind::Settlement => made.batches(&mut writer, &mut cursor)?,
        Kind::Account | Kind::Orders => {
            made.entries(&mut writer, &mut cursor, columns.has_own())?
        }
    };
    if writer.lines() > LINES_MAX {
        return Err(NotMade::Never("too_large"));
    }
    if !done {
        let (text, left) = writer.leave();
        cursor.writer = Some(serde_json::to_value(left).map_err(|_| unknown())?);
        return Ok(Piece { text, cursor });
    }
    let totals = writer.totals().into_iter().map(|it| TotalRecord {
        currency: it.currency,
        lines: it.lines,
        minor: it.amounts.map(|it| it.to_string()),
    });
    let head = view.entry_hash(&record.merchant, until)?.unwrap_or_else(|| GENESIS.to_owned());
    let written = Written { lines: writer.lines(), totals: totals.collect(), head };
    let text = writer.finish(&made.balances(until)?, &written.head)?;
    cursor.writer = None;
    cursor.written = Some(written);
    Ok(Piece { text, cursor })
}

impl<V: View + ?Sized> Made<'_, V> {
    /// The balances of the merchant's accounts after an entry, seen from the merchant.
    fn balances(&self, number: u64) -> Result<Balances, StoreError> {
        let mut balances = Balances::new();
        if self.kind != Kind::Account || number == 0 {
            return Ok(balances);
        }
        for account in own_accounts(&self.record.merchant) {
            for (currency, minor) in self.view.balances_after(&account, number)? {
                let key = (account_name(&account), currency.code().to_owned());
                balances.insert(key, -i128::from(minor));
            }
        }
        Ok(balances)
    }

    /// Writes lines of entries, some windows of them. Whether those were the last.
    fn entries(
        &self,
        writer: &mut Out<'_>,
        cursor: &mut Cursor,
        with_own: bool,
    ) -> Result<bool, NotMade> {
        let StatementRecord { merchant, until, .. } = self.record;
        while cursor.entry < *until && writer.out().len() < PIECE_BYTES {
            let entries = self.view.entries_of(merchant, cursor.entry, *until, WINDOW)?;
            let is_last = entries.len() < WINDOW as usize;
            let end = entries.last().filter(|_| !is_last).map_or(*until, |it| it.number);
            let orders = self.orders(entries.iter().map(|it| &it.subject))?;
            for entry in &entries {
                match self.kind {
                    Kind::Account => self.account_lines(writer, &orders, entry)?,
                    _ => self.order_line(writer, &orders, entry, with_own)?,
                }
            }
            cursor.entry = end;
        }
        Ok(cursor.entry >= *until)
    }

    fn orders<'s>(
        &self,
        subjects: impl Iterator<Item = &'s Subject>,
    ) -> Result<BTreeMap<OrderId, OrderRecord>, StoreError> {
        let mut ids: Vec<OrderId> = subjects.filter_map(Subject::order).cloned().collect();
        ids.sort();
        ids.dedup();
        let found = self.view.orders_named(&self.record.merchant, &ids)?;
        Ok(found.into_iter().map(|it| (it.order.terms.id.clone(), it)).collect())
    }

    fn account_lines(
        &self,
        writer: &mut Out<'_>,
        orders: &BTreeMap<OrderId, OrderRecord>,
        entry: &BookedEntry,
    ) -> Result<(), NotMade> {
        let merchant = &self.record.merchant;
        let own: Vec<_> =
            entry.postings.iter().filter(|it| is_own(&it.account, merchant)).collect();
        if own.is_empty() {
            return Ok(());
        }
        let reference = self.reference(orders, of_entry(entry))?;
        for posting in own {
            writer.account_line(&AccountLine {
                entry: entry.number,
                at_ms: entry.at.as_ms(),
                kind: entry.kind.as_str(),
                reference: &reference,
                order: entry.subject.as_str(),
                account: &account_name(&posting.account),
                minor: -posting.minor,
                currency: posting.currency.code(),
            })?;
        }
        Ok(())
    }

    fn order_line(
        &self,
        writer: &mut Out<'_>,
        orders: &BTreeMap<OrderId, OrderRecord>,
        entry: &BookedEntry,
        with_own: bool,
    ) -> Result<(), NotMade> {
        let amounts = order_amounts(entry.kind, &entry.postings, &self.record.merchant);
        let Some(amounts) = amounts else { return Ok(()) };
        let order = entry.subject.order().filter(|_| with_own).and_then(|id| orders.get(id));
        let own = order.map(|it| it.details.decision.columns.as_slice()).unwrap_or_default();
        let own: Vec<_> = own.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
        writer.order_line(&OrderLine {
            entry: entry.number,
            at_ms: entry.at.as_ms(),
            kind: amounts.kind,
            reference: &self.reference(orders, of_entry(entry))?,
            order: entry.subject.as_str(),
            gross_minor: amounts.gross_minor,
            fee_minor: amounts.fee_minor,
            currency: amounts.currency,
            paid: amounts.paid,
            own: &own,
        })?;
        Ok(())
    }

    /// The merchant's own number of what an entry belongs to.
    fn reference(
        &self,
        orders: &BTreeMap<OrderId, OrderRecord>,
        of: EntryOf<'_>,
    ) -> Result<String, StoreError> {
        let EntryOf { kind, subject, number, at } = of;
        match subject {
            Subject::Order(id) => {
                let Some(OrderRecord { order, .. }) = orders.get(id) else {
                    return Err(StoreError::Damaged(format!("{id} of an entry is not there")));
                };
                if kind == Booked::DirectRefund {
                    // It is booked when it went through. An entry is no earlier than the one before it in its book, so
                    // its order may have an earlier time of that.
                    let ended = |it: &Refund| match it.state {
                        RefundState::Succeeded { at: since } => {
                            Some(at.as_ms().saturating_sub(since.as_ms()).saturating_abs())
                        }
                        _ => None,
                    };
                    let all = order.refunds.iter().filter_map(|it| Some((ended(it)?, it)));
                    let nearest = all.min_by_key(|(distance, _)| *distance);
                    return Ok(nearest
                        .map(|it| it.1.merchant_refund_id.clone())
                        .unwrap_or_default());
                }
                if kind != Booked::RefundRequest {
                    return Ok(order.terms.merchant_order_id.clone());
                }
                // Refunds are kept in the order in which they were asked for, and so are their entries.
                let before = self.view.refunds_before(&self.record.merchant, id, number)?;
                let refund = order.refunds.get(before as usize);
                Ok(refund.map(|it| it.merchant_refund_id.clone()).unwrap_or_default())
            }
            Subject::Payout(id) => {
                let payout = self.view.payout(id)?;
                Ok(payout.map(|it| it.terms.merchant_payout_id).unwrap_or_default())
            }
            // It touches no merchant's account.
            Subject::Difference(_) => Ok(String::new()),
        }
    }

    /// Writes lines of settlement batches, some windows of them. Whether those were the last.
    fn batches(&self, writer: &mut Out<'_>, cursor: &mut Cursor) -> Result<bool, NotMade> {
        for _ in 0..WINDOWS_MAX {
            let Some(id) = self.record.batches.get(cursor.batch as usize) else { return Ok(true) };
            if writer.out().len() >= PIECE_BYTES {
                break;
            }
            let batch = self.batch(id)?;
            let of = lines_of(&batch);
            if !cursor.opened {
                writer.open_batch(&of)?;
                (cursor.opened, cursor.entry) = (true, batch.after_entry);
            }
            if self.batch_lines(writer, cursor, &batch)? {
                writer.close_batch(&of, end_of(&batch))?;
                (cursor.opened, cursor.batch) = (false, cursor.batch + 1);
            }
        }
        Ok(cursor.batch as usize >= self.record.batches.len())
    }

    fn batch(&self, id: &SettlementId) -> Result<Batch, StoreError> {
        let found = self.view.batch(id)?.filter(|it| it.merchant == self.record.merchant);
        found.ok_or_else(|| StoreError::Damaged(format!("{id} of a statement is not there")))
    }

    /// Writes a window of a batch's lines. Whether it was the last.
    fn batch_lines(
        &self,
        writer: &mut Out<'_>,
        cursor: &mut Cursor,
        batch: &Batch,
    ) -> Result<bool, NotMade> {
        let found = self.view.movements(&Statement {
            accounts: &accounts(&batch.merchant),
            currency: batch.currency,
            after: cursor.entry,
            to: batch.to_entry,
            limit: WINDOW,
        })?;
        let orders = self.orders(found.iter().map(|it| &it.subject))?;
        let of = lines_of(batch);
        for it in &found {
            let line = BatchLine {
                entry: it.number,
                at_ms: it.at.as_ms(),
                kind: it.kind.as_str(),
                reference: &self.reference(
                    &orders,
                    EntryOf { kind: it.kind, subject: &it.subject, number: it.number, at: it.at },
                )?,
                order: it.subject.as_str(),
                // The ledger's numbers are debits; what is the merchant's is a credit.
                minor: it.minor.saturating_neg(),
            };
            writer.batch_line(&of, &line)?;
            cursor.entry = it.number;
        }
        Ok(found.len() < WINDOW as usize)
    }
}

/// An entry, as far as its reference follows from it.
#[derive(Clone, Copy)]
struct EntryOf<'e> {
    kind: Booked,
    subject: &'e Subject,
    number: u64,
    at: Timestamp,
}

fn of_entry(entry: &BookedEntry) -> EntryOf<'_> {
    EntryOf { kind: entry.kind, subject: &entry.subject, number: entry.number, at: entry.at }
}

fn lines_of(batch: &Batch) -> BatchLines<'_> {
    BatchLines {
        settlement: batch.id.as_str(),
        currency: batch.currency.code(),
        after: batch.after_entry,
        until: batch.to_entry,
        cut_off_ms: batch.cut_off.as_ms(),
        opening: batch.opening,
        closing: batch.closing,
    }
}

fn end_of(batch: &Batch) -> BatchEnd<'_> {
    match &batch.outcome {
        Outcome::Paid { payout, amount, fee } => {
            BatchEnd::Paid { payout: payout.as_str(), minor: amount.minor(), fee: fee.minor() }
        }
        Outcome::Carried { why } => BatchEnd::Carried(why.as_str()),
    }
}
