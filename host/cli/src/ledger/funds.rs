//! Checks of payouts and settlement batches by `lezai ledger check`.

use std::collections::{BTreeMap, BTreeSet};

use lezai_core::funds::payout::{Payout, PayoutEffect, PayoutState};
use lezai_core::funds::payout_batch::PayoutBatch;
use lezai_core::funds::settlement::{Batch, Outcome};
use lezai_core::id::{MerchantId, PayoutBatchId};
use lezai_core::ledger::Account;
use rusqlite::Connection;

use super::agreed::Agreements;
use super::fault::{Failed, Fault, Stop, called_for_by_payout, is};
use lezai_store::Task;
use lezai_store_sqlite::{
    Tasks, batch_sums, for_each_batch, for_each_payout, for_each_payout_batch, payout_events,
    payout_with_entries, tasks, unplanned_contract,
};

/// The sum of the payouts of a batch.
#[derive(Default)]
struct Sums {
    count: u32,
    open: u32,
    minor: i128,
    fee: i128,
    waits: bool,
    /// Whose payouts they are, and in which currency.
    of: BTreeSet<(MerchantId, &'static str)>,
    /// How many went on without a second person's word.
    undecided: u32,
}

impl Sums {
    fn add(&mut self, payout: &Payout) {
        let terms = &payout.terms;
        self.count += 1;
        self.open += u32::from(!payout.state.has_ended());
        self.minor += i128::from(terms.amount.minor());
        self.fee += i128::from(terms.fee.minor());
        self.waits |= payout.state == PayoutState::NeedsApproval;
        self.of.insert((terms.merchant.clone(), terms.amount.currency().code()));
        let stopped =
            matches!(payout.state, PayoutState::NeedsApproval | PayoutState::Cancelled { .. });
        let approved = payout.approval.as_ref().is_some_and(|it| it.approved);
        self.undecided += u32::from(!stopped && !approved);
    }
}

/// Every payout has its entries, was or will be told of, and goes on; every batch is its payouts. How many payouts
/// there are.
pub(super) fn payouts_hold(
    connection: &Connection,
    agreements: &Agreements,
) -> Result<u64, Failed> {
    let tasks = tasks(connection).map_err(|error| Stop::from(error).at(Fault::File))?;
    let (mut count, mut last) = (0, String::new());
    let mut batches: BTreeMap<PayoutBatchId, Sums> = BTreeMap::new();
    let walked = for_each_payout(connection, |payout| {
        last = payout.terms.id.to_string();
        count += 1;
        if let Some(batch) = &payout.terms.batch {
            batches.entry(batch.clone()).or_default().add(&payout);
        }
        let agreed = agreements.payout_holds(&payout);
        agreed.map_err(|what| Stop::Fault(Fault::Payout { payout: last.clone(), what }))?;
        holds(connection, &tasks, &payout)
    });
    walked.map_err(|stop: Stop| {
        stop.at(|what| Fault::Payout { payout: format!("after {last}"), what })
    })?;
    payout_batches_hold(connection, batches)?;
    Ok(count)
}

/// Every batch has the payouts that its totals say, all of its merchant and in its currency. It is closed if and only if
/// all of them have ended, and none went on without the approval that it needs.
fn payout_batches_hold(
    connection: &Connection,
    mut found: BTreeMap<PayoutBatchId, Sums>,
) -> Result<(), Failed> {
    let walked = for_each_payout_batch(connection, |batch| {
        let sums = found.remove(&batch.terms.id).unwrap_or_default();
        match amiss(&batch, &sums) {
            None => Ok(()),
            Some(what) => {
                let (batch, what) = (batch.terms.id.to_string(), what.to_owned());
                Err(Stop::Fault(Fault::PayoutBatch { batch, what }))
            }
        }
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    match found.keys().next() {
        None => Ok(()),
        Some(batch) => {
            let what = format!("{batch}, which payouts are of, is not there");
            Err(Failed::Broken(Fault::File(what)))
        }
    }
}

/// The fault of a batch whose payouts come to this.
fn amiss(batch: &PayoutBatch, sums: &Sums) -> Option<&'static str> {
    let terms = &batch.terms;
    let is = (sums.count, sums.minor, sums.fee);
    let says = (terms.count, i128::from(terms.total.minor()), i128::from(terms.fee.minor()));
    let own = (terms.merchant.clone(), terms.total.currency().code());
    if is != says {
        return Some("its totals are not those of its payouts");
    }
    if sums.of.iter().any(|it| *it != own) {
        return Some("a payout of it is another merchant's, or of another currency");
    }
    if terms.needs_approval && sums.undecided > 0 {
        return Some("a payout of it went on without the approval that it needs");
    }
    match (batch.closed_at.is_some(), sums.open > 0) {
        (true, true) => Some("it is closed, and a payout of it is open"),
        (false, false) => Some("all of its payouts ended, and it is not closed"),
        _ if batch.waits() != sums.waits => {
            Some("it waits for a second person where its payouts do not, or they alone")
        }
        _ => None,
    }
}

fn holds(connection: &Connection, tasks: &Tasks, payout: &Payout) -> Result<(), Stop> {
    let id = &payout.terms.id;
    let fault = |what: String| Stop::Fault(Fault::Payout { payout: id.to_string(), what });
    let wanted = called_for_by_payout(payout).map_err(fault)?;
    let (_, booked) = payout_with_entries(connection, id, u64::MAX)?;
    if let Some(missing) = wanted.iter().find(|it| !booked.iter().any(|booked| is(it, booked))) {
        return Err(fault(format!("it has no entry for its {}", missing.kind().as_str())));
    }
    if booked.len() != wanted.len() {
        return Err(fault(format!("it has {} entries instead of {}", booked.len(), wanted.len())));
    }
    let (count, number) = payout_events(connection, id)?;
    let told = payout.notices;
    if (count, number) != (told, told) {
        let what = format!("it has {count} events up to number {number}, and called for {told}");
        return Err(fault(what));
    }
    let waits = |what| tasks.contains(&Task::Payout { payout: id.clone(), what });
    match &payout.state {
        PayoutState::Accepted if !waits(PayoutEffect::Wake) => {
            Err(fault("nothing waits to queue it at its time".to_owned()))
        }
        PayoutState::Queued | PayoutState::Sent { .. } if !waits(PayoutEffect::Send) => {
            Err(fault("nothing waits to have it paid".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Every merchant's last contract has the close of its next batches planned.
pub(super) fn closes_are_planned(connection: &Connection) -> Result<(), Failed> {
    let unplanned = unplanned_contract(connection);
    match unplanned.map_err(|error| Stop::from(error).at(Fault::File))? {
        None => Ok(()),
        Some((merchant, number)) => Err(Failed::Broken(Fault::File(format!(
            "contract {number} of {merchant} has no close of its next batch planned"
        )))),
    }
}

/// Every batch follows the one before it, and comes to what its entries come to. How many there are.
pub(super) fn batches_hold(connection: &Connection) -> Result<u64, Failed> {
    let (mut count, mut before): (u64, Option<Batch>) = (0, None);
    let walked = for_each_batch(connection, |batch| {
        count += 1;
        let fault = |what: String| Stop::Fault(Fault::Batch { batch: batch.id.to_string(), what });
        let same = |it: &&Batch| it.merchant == batch.merchant && it.currency == batch.currency;
        let after = before.as_ref().filter(same).map_or(0, |it| it.to_entry);
        if batch.after_entry != after || batch.to_entry < after {
            return Err(fault(format!(
                "it does not follow entry {after}, where the one before ends"
            )));
        }
        let accounts = [
            Account::MerchantAvailable(batch.merchant.clone()),
            Account::MerchantOwes(batch.merchant.clone()),
        ];
        let (opening, closing, lines) = batch_sums(connection, &batch, &accounts)?;
        // The ledger's numbers are debits; what is the merchant's is a credit.
        if (batch.opening, batch.closing, batch.lines) != (-opening, -closing, lines) {
            return Err(fault("its sums are not those of its entries".to_owned()));
        }
        if let Outcome::Paid { payout, amount, fee } = &batch.outcome {
            let (found, _) = payout_with_entries(connection, payout, 0)?;
            let paid = found.is_some_and(|it| {
                it.terms.settlement.as_ref() == Some(&batch.id)
                    && (it.terms.amount, it.terms.fee) == (*amount, *fee)
            });
            if !paid {
                return Err(fault(format!("its payout {payout} is not there, or is another's")));
            }
        }
        before = Some(batch);
        Ok(())
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use lezai_core::funds::payout::{Approval, CancelledBy, Destination, PayoutTerms};
    use lezai_core::funds::payout_batch::PayoutBatchTerms;
    use lezai_core::id::PayoutId;
    use lezai_core::money::{Currency, Money};
    use lezai_core::time::Timestamp;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn money(currency: &str, minor: i64) -> Money {
        Money::new(minor, Currency::from_code(currency).unwrap()).unwrap()
    }

    fn batch() -> PayoutBatch {
        let mut batch = PayoutBatch::accept(PayoutBatchTerms {
            id: PayoutBatchId::new(NOW, [1; 10]),
            merchant: MerchantId::parse("m_tea").unwrap(),
            merchant_payout_batch_id: "B-1".to_owned(),
            total: money("CNY", 200),
            fee: money("CNY", 2),
            count: 2,
            needs_approval: true,
            contract: 1,
            created_at: NOW,
        });
        batch.approval = Some(approval(true));
        batch
    }

    fn approval(approved: bool) -> Approval {
        Approval { approved, reason: "Salaries".to_owned(), by: "operator".to_owned(), at: NOW }
    }

    fn payout(n: u8) -> Payout {
        let terms = PayoutTerms {
            id: PayoutId::new(NOW, [n; 10]),
            merchant: MerchantId::parse("m_tea").unwrap(),
            merchant_payout_id: format!("P-{n}"),
            receiver: None,
            amount: money("CNY", 100),
            fee: money("CNY", 1),
            fee_returned: false,
            channel: "sandbox".to_owned(),
            destination: Destination {
                kind: "wallet".to_owned(),
                account: "courier-7".to_owned(),
                holder: None,
            },
            description: None,
            contract: 1,
            settlement: None,
            batch: Some(PayoutBatchId::new(NOW, [1; 10])),
            created_at: NOW,
            not_before: NOW,
        };
        let approval = Some(approval(true));
        let state = PayoutState::Queued;
        Payout { terms, state, approval, attention: Vec::new(), version: 2, notices: 0 }
    }

    #[test]
    fn the_payouts_of_a_batch_are_its_merchants_in_its_currency_and_decided_on() {
        let found = |change: &dyn Fn(&mut Payout)| {
            let (mut sums, mut second) = (Sums::default(), payout(2));
            change(&mut second);
            sums.add(&payout(1));
            sums.add(&second);
            amiss(&batch(), &sums)
        };
        assert_eq!(found(&|_| {}), None);
        let other = Some("a payout of it is another merchant's, or of another currency");
        let undecided = Some("a payout of it went on without the approval that it needs");
        assert_eq!(found(&|it| it.terms.merchant = MerchantId::parse("m_rice").unwrap()), other);
        assert_eq!(found(&|it| it.terms.amount = money("USD", 100)), other);
        assert_eq!(found(&|it| it.approval = None), undecided);
        assert_eq!(found(&|it| it.approval = Some(approval(false))), undecided);
        // Its merchant called it off before anybody decided.
        let cancelled = PayoutState::Cancelled { by: CancelledBy::Merchant, at: NOW };
        let called_off = |it: &mut Payout| {
            it.state = cancelled.clone();
            it.approval = None;
        };
        assert_eq!(found(&called_off), None);
    }
}
