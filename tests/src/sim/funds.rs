//! Money out in the simulation: what the bank pays, and what must hold of payouts and batches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lezai_channels::channel::{PayoutRequest, PayoutStatus};
use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::funds::payout::{Payout, PayoutEvent, PayoutState};
use lezai_core::id::PayoutId;
use lezai_core::ledger::{Posting, without_debts};
use lezai_core::money::Money;
use lezai_core::time::Timestamp;
use lezai_gateway::funds;
use lezai_store::{BookedEntry, StoreError};
use lezai_store_sqlite::{for_each_payout, payout_with_entries};

use super::Failure;
use super::bank::{CHANNEL, Said};
use super::payout_batches::waits_with_its_batch;
use super::random::Random;
use super::world::{Checked, Heard, START, World, fail};

/// How many of a merchant's batches are closed once nothing else is under way.
const BATCHES_AT_REST: u32 = 3;

/// The contract of the seed's merchant; every third has none.
pub(super) fn contract(seed: u64) -> Option<Agreed> {
    let mut random = Random::new(seed ^ 0x0066_756e_6473);
    if random.once_in(3) {
        return None;
    }
    let cycle = match random.below(4) {
        0 => r#"{ "kind": "after", "seconds": 0 }"#.to_owned(),
        1 => format!(r#"{{ "kind": "after", "seconds": {} }}"#, random.between(60, 200_000)),
        2 => format!(r#"{{ "kind": "days", "days": {} }}"#, random.below(4)),
        _ => format!(r#"{{ "kind": "business_days", "days": {} }}"#, random.below(3)),
    };
    let pay_to = match random.once_in(2) {
        true => r#""pay_to": { "kind": "account", "account": "tea" },"#,
        false => "",
    };
    // Half of the contracts take something of refunds and splits, and keep the fee of what is refunded.
    let charges = match random.once_in(2) {
        true => format!(
            r#""refund": [{{ "currency": "CNY", "rate_ppm": {}, "fixed": {}, "rounding": "half_even" }}],
               "split": [{{ "currency": "CNY", "rate_ppm": {}, "min": 1, "rounding": "down" }}],
               "refund_keeps_payment_fee": {},"#,
            random.between(0, 20_000),
            random.between(0, 30),
            random.between(0, 20_000),
            random.once_in(2),
        ),
        false => String::new(),
    };
    let reserve = match random.once_in(2) {
        true => format!(
            r#""reserve": {{ "rate_ppm": {}, "days": {} }},"#,
            random.between(1, 400_000),
            random.between(1, 12),
        ),
        false => String::new(),
    };
    let payment = payment_fees(seed);
    let json = format!(
        r#"{{
            "fees": {{ {charges} {payment} "payout": [{{ "currency": "CNY", "rate_ppm": {}, "fixed": {}, "rounding": "up" }}] }},
            {reserve} "cycle": {cycle}, "day": {{ "zone": "America/New_York", "cut_off": "02:30", "calendar": "open" }},
            "settlement": {{ {pay_to} "minimums": [{{ "minor": {}, "currency": "CNY" }}] }},
            "payouts": {{ "fee_returned": {}, "new_destination_wait_secs": {},
                "limits": [{{ "currency": "CNY", "max": 80000, "day_max": 160000, "approval_above": {} }}] }}
        }}"#,
        random.between(0, 20_000),
        random.between(0, 40),
        random.between(0, 20_000),
        random.once_in(2),
        if random.once_in(2) { 0 } else { random.between(1, 200_000) },
        random.between(5_000, 80_000),
    );
    let contract = Contract::from_json(json.as_bytes()).unwrap();
    Some(Agreed { number: 1, contract, in_force_from: START, announced_at: START })
}

/// Tiers and a promotion for half of the contracts, from numbers of their own: the other parts of a seed's contract stay
/// what they are.
fn payment_fees(seed: u64) -> String {
    let mut random = Random::new(seed ^ 0x6665_6573);
    if random.once_in(2) {
        return String::new();
    }
    let mode = if random.once_in(2) { "graduated" } else { "volume" };
    let from = random.between(1, 40_000);
    let quota = match random.once_in(2) {
        true => format!(r#"{{ "payments": {} }}"#, random.between(1, 3)),
        false => format!(r#"{{ "minor": {} }}"#, random.between(1, 60_000)),
    };
    format!(
        r#""payment": [{{ "currency": "CNY", "rate_ppm": {}, "rounding": "half_even",
            "tiers": {{ "mode": "{mode}", "steps": [{{ "from": {from}, "rate_ppm": {} }}, {{ "from": {}, "rate_ppm": 3000 }}] }},
            "promotion": {{ "name": "opening", "rate_ppm": {}, "quota": {quota} }} }}],"#,
        random.between(6_000, 20_000),
        random.between(3_000, 6_000),
        from + random.between(1, 40_000),
        random.between(0, 2_000),
    )
}

/// A calendar that knows the years that a simulation may reach, closed on Sundays.
pub(super) const CALENDAR: &str = "calendar open 1\nweekend sun\nyear 2026\n2026-11-26 off\n\
    year 2027\nyear 2028\nyear 2029\nyear 2030\n";

/// The bank's payouts, and those that came back.
#[derive(Default)]
pub(super) struct PaidOut {
    payouts: BTreeMap<PayoutId, (Money, PayoutStatus)>,
    /// Paid, and sent back by the recipient's bank: whoever asks next hears of it.
    returning: BTreeSet<PayoutId>,
    /// The sum that left and did not come back.
    pub(super) minor: i64,
}

impl PaidOut {
    pub(super) fn pay(&mut self, request: PayoutRequest, random: &mut Random, moods: bool) -> Said {
        let id = request.payout;
        if let Some((_, standing)) = self.payouts.get(&id) {
            return Said::Payout(standing.clone());
        }
        self.payouts.insert(id.clone(), (request.amount, PayoutStatus::Pending));
        if !(moods && random.once_in(4)) {
            self.end(&id, moods && random.once_in(5), random);
        }
        match self.payouts[&id].1.clone() {
            // At first it names another amount; asked again, the right one.
            PayoutStatus::Paid { amount, channel_ref } if moods && random.once_in(8) => {
                let amount = Money::new(amount.minor() - 1, amount.currency()).unwrap();
                Said::Payout(PayoutStatus::Paid { amount, channel_ref })
            }
            standing => Said::Payout(standing),
        }
    }

    pub(super) fn query(&mut self, id: &PayoutId, random: &mut Random, moods: bool) -> Said {
        match self.payouts.get(id).map(|it| it.1.clone()) {
            None => return Said::Payout(PayoutStatus::Unknown),
            Some(PayoutStatus::Pending) => self.end(id, moods && random.once_in(3), random),
            Some(_) if self.returning.remove(id) => self.send_back(id),
            Some(_) => {}
        }
        Said::Payout(self.payouts[id].1.clone())
    }

    fn end(&mut self, id: &PayoutId, fails: bool, random: &mut Random) {
        let Some((amount, standing)) = self.payouts.get_mut(id) else { return };
        *standing = if fails {
            PayoutStatus::Failed { code: "bank_refused".to_owned() }
        } else {
            // The money comes back whether or not anybody asks.
            if random.once_in(12) {
                self.returning.insert(id.clone());
            } else {
                self.minor += amount.minor();
            }
            PayoutStatus::Paid { amount: *amount, channel_ref: format!("bank-{id}") }
        };
    }

    fn send_back(&mut self, id: &PayoutId) {
        let Some((_, standing)) = self.payouts.get_mut(id) else { return };
        *standing = PayoutStatus::Returned { code: "account_closed".to_owned() };
    }
}

impl World<'_> {
    pub(super) fn payouts(&self) -> Vec<Payout> {
        self.look(|connection| {
            let mut found = Vec::new();
            let walked = for_each_payout::<StoreError>(connection, |payout| {
                found.push(payout);
                Ok(())
            });
            walked.unwrap();
            found
        })
    }

    /// After every commit: each payout that changed has the entries that it calls for. Those that are new.
    pub(super) fn check_payouts(&mut self) -> Result<Vec<BookedEntry>, Failure> {
        let mut new = Vec::new();
        self.check_payout_batches()?;
        for payout in self.payouts() {
            let id = payout.terms.id.clone();
            if self.versions.get(id.as_str()) == Some(&payout.version) {
                continue;
            }
            let (_, entries) =
                self.look(|connection| payout_with_entries(connection, &id, u64::MAX).unwrap());
            let sorted = |kind: &str, postings: &[Posting]| {
                let sides = without_debts(postings).into_iter();
                let sides: Vec<_> = sides.map(|it| format!("{} {}", it.0, it.2)).collect();
                format!("{kind} {sides:?}")
            };
            let called_for =
                payout.entries().map_err(|error| Failure { what: error.to_string() })?;
            let wanted: Vec<String> =
                called_for.iter().map(|it| sorted(it.kind().as_str(), it.postings())).collect();
            let booked: Vec<String> =
                entries.iter().map(|it| sorted(it.kind.as_str(), &it.postings)).collect();
            // In this order: a payout is asked for, paid, and comes back.
            if wanted != booked {
                return fail(format!(
                    "{id}: the ledger has {booked:?}, the payout calls for {wanted:?}"
                ));
            }
            new.extend(entries.into_iter().filter(|it| it.number > self.last_entry));
            self.versions.insert(id.to_string(), payout.version);
        }
        Ok(new)
    }

    /// At the end: what a second person has to decide is decided, and what the channel was silent on is
    /// asked again. Whether there was such.
    pub(super) fn decides_on_payouts(&mut self) -> bool {
        let mut found = self.decides_on_payout_batches();
        for payout in self.payouts() {
            if waits_with_its_batch(&payout) {
                continue;
            }
            let id = payout.terms.id.clone();
            let event = match &payout.state {
                PayoutState::NeedsApproval => PayoutEvent::Decided {
                    approved: self.random.once_in(2),
                    reason: "Looked at".to_owned(),
                    by: "operator".to_owned(),
                },
                PayoutState::Unknown { .. } => PayoutEvent::Resumed,
                _ => continue,
            };
            found = true;
            let name =
                if event == PayoutEvent::Resumed { "payout_resumed" } else { "payout_decided" };
            *self.counts.ends.entry(name).or_default() += 1;
            let gateway = Arc::clone(&self.gateway);
            self.spawn(async move {
                let _ = funds::apply(&gateway, id, event).await;
                Heard::Nothing
            });
        }
        found
    }

    /// At the end: every payout came to something, and the bank's book is the ledger's.
    pub(super) fn payouts_ended(&mut self, balances: &lezai::ledger::Balances) -> Checked {
        self.payout_batches_ended()?;
        for payout in self.payouts() {
            let id = &payout.terms.id;
            let status = payout.state.status();
            if !payout.attention.is_empty() {
                return fail(format!("{id} ends with {:?}", payout.attention));
            }
            if !matches!(status, "paid" | "failed" | "returned" | "cancelled") {
                return fail(format!("{id} ends as {status}"));
            }
            *self
                .counts
                .ends
                .entry(match status {
                    "paid" => "payout_paid",
                    "failed" => "payout_failed",
                    "returned" => "payout_returned",
                    _ => "payout_cancelled",
                })
                .or_default() += 1;
        }
        let booked = |account: &str| {
            balances.get(&(format!("{account}:{CHANNEL}"), "CNY")).copied().unwrap_or_default()
        };
        let (paid, prefund) = (self.bank.paid_out.minor, booked("prefund"));
        if prefund != -i128::from(paid) {
            return fail(format!("the bank paid out {paid}, the ledger has {prefund}"));
        }
        if booked("payouts_in_flight") != 0 {
            return fail("something is left in flight for ever");
        }
        Ok(())
    }

    /// When the next task is due of those that something waits for: batches are closed for ever, and the
    /// first few once nothing else is under way are enough.
    pub(super) fn next_due_at_rest(&mut self) -> Option<Timestamp> {
        let min = |like: &str| {
            self.look(|connection| {
                let sql =
                    format!("SELECT min(due_ms) FROM tasks WHERE task {like} '%close_batches%'");
                let due = connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0));
                due.unwrap().map(Timestamp::from_ms)
            })
        };
        let (others, batches) = (min("NOT LIKE"), min("LIKE"));
        match (others, batches) {
            (Some(due), batch) => Some(batch.map_or(due, |batch| batch.min(due))),
            (None, Some(batch)) if self.batches_at_rest < BATCHES_AT_REST => {
                self.batches_at_rest += 1;
                Some(batch)
            }
            (None, _) => None,
        }
    }
}
