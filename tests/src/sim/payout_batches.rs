//! Batches of payouts in the simulation: what their merchant asks for, and what must hold of them.

use std::sync::Arc;

use lezai_core::funds::payout::PayoutState;
use lezai_core::funds::payout_batch::PayoutBatch;
use lezai_core::ledger::Account;
use lezai_gateway::funds::payout_batches;
use lezai_gateway::funds::payouts::Decision;
use lezai_store::{Scope, StoreError, write};
use lezai_store_sqlite::for_each_payout_batch;
use lezai_wire::problem::Problem;
use serde_json::json;

use super::fx::SETTLED;
use super::merchant::What;
use super::world::{Checked, Heard, World, fail};

impl World<'_> {
    /// Some of what is available, for two to four recipients; sometimes with totals that are wrong, sometimes more than
    /// there is, and sometimes with a number that was used.
    pub(super) fn begin_payout_batch(&mut self, n: usize, percent: i64) {
        let nth = self.requests.len();
        let ours = Account::MerchantAvailable(self.shared.merchant.id.clone());
        let there = -self.balances.get(&(ours, SETTLED)).copied().unwrap_or_default();
        let count = 2 + n % 3;
        let each = (there * percent / 100 / i64::try_from(count).unwrap()).max(1);
        let item = |at: usize| {
            let number = match n.is_multiple_of(9) && at == 1 {
                true => "P-same".to_owned(),
                false => format!("P-{nth}-{at}"),
            };
            json!({
                "merchant_payout_id": number, "amount": each,
                "destination": { "kind": "account", "account": format!("tea-{}", at % 2) },
            })
        };
        let total = each * i64::try_from(count).unwrap() + i64::from(n.is_multiple_of(13));
        let number = if n.is_multiple_of(6) { "B-same".to_owned() } else { format!("B-{nth}") };
        let body = json!({
            "merchant_payout_batch_id": number, "currency": "CNY", "total_amount": total, "total_count": count,
            "items": (0..count).map(item).collect::<Vec<_>>(),
        });
        self.request(What::PayoutBatch, &body);
    }

    fn payout_batches(&self) -> Vec<PayoutBatch> {
        self.look(|connection| {
            let mut found = Vec::new();
            let walked = for_each_payout_batch::<StoreError>(connection, |batch| {
                found.push(batch);
                Ok(())
            });
            walked.unwrap();
            found
        })
    }

    /// After every commit: each batch has the payouts of its totals, and is closed once all have ended.
    pub(super) fn check_payout_batches(&self) -> Checked {
        let batches = self.payout_batches();
        if batches.is_empty() {
            return Ok(());
        }
        let payouts = self.payouts();
        for batch in batches {
            let id = &batch.terms.id;
            let of: Vec<_> =
                payouts.iter().filter(|it| it.terms.batch.as_ref() == Some(id)).collect();
            let minor: i64 = of.iter().map(|it| it.terms.amount.minor()).sum();
            if (of.len(), minor)
                != (usize::try_from(batch.terms.count).unwrap(), batch.terms.total.minor())
            {
                return fail(format!("{id} has {} payouts of {minor}", of.len()));
            }
            let open = of.iter().filter(|it| !it.state.has_ended()).count();
            // What comes back after the end opens nothing again.
            if batch.closed_at.is_some() != (open == 0) {
                return fail(format!(
                    "{id} is closed at {:?}, and {open} are open",
                    batch.closed_at
                ));
            }
        }
        Ok(())
    }

    /// At the end: a second person decides on each batch that waits. Whether there was one.
    pub(super) fn decides_on_payout_batches(&mut self) -> bool {
        let waiting: Vec<PayoutBatch> =
            self.payout_batches().into_iter().filter(PayoutBatch::waits).collect();
        for batch in &waiting {
            let decision =
                Decision { approved: self.random.once_in(2), reason: "Looked at".to_owned() };
            *self.counts.ends.entry("payout_batch_decided").or_default() += 1;
            let (gateway, now) = (Arc::clone(&self.gateway), self.now());
            let (id, scope) =
                (batch.terms.id.clone(), Scope::Merchant(batch.terms.merchant.clone()));
            self.spawn(async move {
                let decide = write(&gateway.node.store, scope, move |tx| {
                    payout_batches::decided(tx, &id, decision, now).map(drop)
                });
                let _: Result<(), Problem> = decide.await;
                Heard::Nothing
            });
        }
        !waiting.is_empty()
    }

    /// At the end: every batch is closed, and its merchant was told of that once.
    pub(super) fn payout_batches_ended(&mut self) -> Checked {
        let batches = self.payout_batches();
        let told: usize = self.look(|connection| {
            let sql = "SELECT count(*) FROM events WHERE event_type = 'payout_batch.closed'";
            connection.query_row(sql, [], |row| row.get(0)).unwrap()
        });
        let closed = batches.iter().filter(|it| it.closed_at.is_some()).count();
        if (closed, told) != (batches.len(), batches.len()) {
            return fail(format!(
                "of {} batches {closed} are closed, and {told} were told of",
                batches.len()
            ));
        }
        *self.counts.ends.entry("payout_batch_closed").or_default() += batches.len();
        Ok(())
    }
}

/// Whether a payout waits for a word that is for its whole batch.
pub(super) fn waits_with_its_batch(payout: &lezai_core::funds::payout::Payout) -> bool {
    payout.terms.batch.is_some() && payout.state == PayoutState::NeedsApproval
}
