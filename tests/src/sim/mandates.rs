//! Mandates and debits, in the simulation: what the merchant asks, what the bank makes of it, and what must hold. A debit
//! is an order like any other; what is different is that the payer's bank takes some of them back, early or late,
//! refunded or not, and tells of it twice, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use lezai_channels::channel::{
    ChannelFuture, DebitRequest, Debited, MandateOffered, MandateRequest, MandateStatus,
    PaymentRequest, Unanswered,
};
use lezai_core::funds::mandate::{Mandate, MandateState};
use lezai_core::id::{AttemptId, MandateId};
use lezai_core::ledger::Account;
use lezai_core::order::{Order, State};
use lezai_core::payer::Payer;
use lezai_wire::time::rfc3339;
use serde_json::json;

use super::Planted;
use super::bank::{Ask, Bank, Said, SimChannel, Status, fresh_bytes};
use super::merchant::What;
use super::plan::Op;
use super::random::Random;
use super::world::{Checked, Heard, World, fail};

/// The method of debits.
pub(super) const METHOD: &str = "sim_debit";

/// The bank's own book of mandates: whether each is agreed to, taken back, or neither yet.
pub(super) type Agreed = BTreeMap<MandateId, MandateStatus>;

/// In some runs the merchant debits. By a dice of its own: what else happens is what happens without.
pub(super) fn debit_now_and_then(seed: u64, ops: &mut Vec<Op>) {
    let mut random = Random::new(seed ^ 0x006d_616e_6461_7465);
    if !random.once_in(3) {
        return;
    }
    for _ in 0..random.between(1, 2) {
        let mut at = random.below(ops.len() + 1);
        let n = random.below(64);
        ops.insert(at, Op::Mandate { n, days: random.between(2, 20) });
        at = (at + 1 + random.below(3)).min(ops.len());
        ops.insert(at, Op::Agree(random.below(64), !random.once_in(8)));
        for _ in 0..random.between(2, 7) {
            at = (at + 1 + random.below(3)).min(ops.len());
            let n = random.below(64);
            ops.insert(
                at,
                match random.below(12) {
                    0..6 => Op::Debit { n, percent: random.between(1, 115) },
                    6..9 => Op::TakeBack(n),
                    9 => Op::Agree(n, random.once_in(2)),
                    10 => Op::Advance(random.between(43_200, 4 * 86_400)),
                    _ => Op::RevokeMandate(n),
                },
            );
        }
        // Late: after it was settled, paid out or refunded.
        ops.insert(ops.len(), Op::TakeBack(random.below(64)));
    }
}

impl SimChannel {
    pub(super) fn ask_mandate(&self, ask: Ask) -> ChannelFuture<'_, MandateStatus> {
        Box::pin(async move {
            match self.wire.ask("", ask).await? {
                Said::Mandate(standing) => Ok(standing),
                said => panic!("{said:?} is no standing of a mandate"),
            }
        })
    }

    pub(super) async fn sign_at_bank(
        &self,
        request: MandateRequest,
    ) -> Result<MandateOffered, Unanswered> {
        let authorize_url = format!("https://bank.example/{}", request.mandate);
        match self.wire.ask("", Ask::Sign(request.mandate)).await? {
            Said::Mandate(_) => Ok(MandateOffered::At { authorize_url }),
            said => panic!("{said:?} is no answer to a mandate"),
        }
    }

    pub(super) async fn debit_at_bank(
        &self,
        mut request: DebitRequest,
    ) -> Result<Debited, Unanswered> {
        if self.wire.planted == Planted::FreshDebitNumber {
            request.attempt = AttemptId::new(request.attempt.made_at(), fresh_bytes());
        }
        match self.wire.ask("", Ask::Debit(request)).await? {
            Said::Debited(debited) => Ok(debited),
            said => panic!("{said:?} is no answer to a debit"),
        }
    }
}

impl Bank {
    pub(super) fn sign(&mut self, id: MandateId) -> Said {
        Said::Mandate(self.agreed.entry(id).or_insert(MandateStatus::Pending).clone())
    }

    pub(super) fn mandate(&self, id: &MandateId) -> Said {
        Said::Mandate(self.agreed.get(id).cloned().unwrap_or(MandateStatus::Unknown))
    }

    /// One that it never heard of is over, too.
    pub(super) fn withdraw(&mut self, id: MandateId) -> Said {
        let standing = self.agreed.entry(id).or_insert(MandateStatus::Pending);
        if !matches!(standing, MandateStatus::Declined { .. }) {
            *standing = MandateStatus::Revoked;
        }
        Said::Mandate(standing.clone())
    }

    /// Debits the payer, once for each number: at once, or later, or not.
    pub(super) fn debit(
        &mut self,
        request: DebitRequest,
        random: &mut Random,
        moods: bool,
    ) -> Said {
        let DebitRequest { attempt, mandate, amount, begun_at, .. } = request;
        if self.knows(&attempt) {
            return Said::Debited(Debited::Taken);
        }
        let agreed = matches!(self.agreed.get(&mandate), Some(MandateStatus::Active { .. }));
        let status = match moods.then(|| random.below(12)) {
            _ if !agreed => {
                return Said::Debited(Debited::Refused { code: "mandate_not_active".to_owned() });
            }
            Some(0) => Status::Declined,
            Some(1 | 2) => Status::Pending,
            _ => Status::Paid,
        };
        let request = PaymentRequest {
            attempt,
            kind: lezai_channels::channel::MethodKind::Redirect,
            amount,
            merchant_name: String::new(),
            description: String::new(),
            return_url: String::new(),
            capture: true,
            instalments: None,
            method: METHOD.to_owned(),
            payer: Payer::default(),
            client_ip: None,
            code: None,
            begun_at,
            expires_at: begun_at,
        };
        self.debited.push(request.attempt.clone());
        self.begin("", request, status, None);
        Said::Debited(Debited::Taken)
    }

    /// The payer's act on the nth mandate that it can be done with.
    fn act_on_mandate(&mut self, nth: usize, agrees: bool) -> Option<(MandateId, &'static str)> {
        let open = |it: &MandateStatus| match it {
            MandateStatus::Pending => true,
            MandateStatus::Active { .. } => !agrees,
            _ => false,
        };
        let waiting: Vec<MandateId> =
            self.agreed.iter().filter(|(_, it)| open(it)).map(|(id, _)| id.clone()).collect();
        let id = waiting.get(nth % waiting.len().max(1))?.clone();
        let standing = self.agreed.get_mut(&id)?;
        let (next, act) = match (&standing, agrees) {
            (_, true) => {
                let channel_ref = format!("bank-{id}");
                (MandateStatus::Active { channel_ref }, "agreed to be debited")
            }
            (MandateStatus::Pending, _) => {
                let code = "payer_declined".to_owned();
                (MandateStatus::Declined { code }, "declined to be debited")
            }
            _ => (MandateStatus::Revoked, "taken a mandate back"),
        };
        *standing = next;
        Some((id, act))
    }

    /// The payer's bank takes back the nth debit that is paid: all of it, whatever was refunded.
    fn take_debit_back(&mut self, nth: usize) -> Option<AttemptId> {
        let paid: Vec<AttemptId> =
            self.debited.iter().filter(|it| self.is_paid(it)).cloned().collect();
        let attempt = paid.get(nth % paid.len().max(1))?.clone();
        self.reclaim(&attempt);
        Some(attempt)
    }
}

impl World<'_> {
    pub(super) fn mandates(&self) -> Vec<Mandate> {
        self.look(|connection| {
            let sql = "SELECT data FROM mandates ORDER BY id";
            let mut statement = connection.prepare_cached(sql).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(|it| serde_json::from_str(&it.unwrap()).unwrap()).collect()
        })
    }

    pub(super) fn begin_mandate(&mut self, op: Op) {
        let nth = self.requests.len();
        match op {
            Op::Mandate { n, days } => {
                let max = 100 * (i64::try_from(n).unwrap() + 1);
                let mut body = json!({
                    "merchant_mandate_id": if n.is_multiple_of(2) { "M-same".to_owned() } else { format!("M-{nth}") },
                    "description": "Tea of the month", "max_amount": max, "currency": "CNY",
                    "expires_at": rfc3339(self.now().plus_secs(days * 86_400)),
                });
                if !n.is_multiple_of(4) {
                    body["period"] = json!({ "days": 1 + n % 7, "max_amount": max + max / 2 });
                }
                self.request(What::Mandate, &body);
            }
            Op::Agree(n, agrees) => {
                let Some((id, act)) = self.bank.act_on_mandate(n, agrees) else { return };
                *self.counts.acts.entry(act).or_default() += 1;
                self.note(|| format!("the payer has {act}: {id}"));
                if !self.random.once_in(3) {
                    let gateway = Arc::clone(&self.gateway);
                    self.spawn(async move {
                        let _ = lezai_gateway::orders::mandates::sync(&gateway, id).await;
                        Heard::Nothing
                    });
                }
            }
            Op::RevokeMandate(n) => {
                let mandates = self.mandates();
                if let Some(it) = mandates.get(n % mandates.len().max(1)) {
                    self.request(What::RevokeMandate(it.terms.id.clone()), &json!({}));
                }
            }
            Op::Debit { n, percent } => {
                let mut mandates = self.mandates();
                // One that can be debited, seven times in eight: else most would be refused.
                if !n.is_multiple_of(8)
                    && mandates.iter().any(|it| it.state == MandateState::Active)
                {
                    mandates.retain(|it| it.state == MandateState::Active);
                }
                let Some(it) = mandates.get(n % mandates.len().max(1)) else { return };
                let max = it.terms.max_amount.minor();
                let id = it.terms.id.clone();
                let body = json!({
                    "merchant_order_id": format!("D-{nth}"), "amount": (max * percent / 100).max(1),
                    "currency": "CNY", "description": "Tea of May",
                });
                self.request(What::Debit(id, n), &body);
            }
            Op::TakeBack(n) => {
                let Some(attempt) = self.bank.take_debit_back(n) else { return };
                *self.counts.acts.entry("had a debit taken back").or_default() += 1;
                self.note(|| format!("the payer's bank has taken {attempt} back"));
                // Told twice, once, or not at all.
                for _ in 0..self.random.below(3) {
                    let (gateway, attempt) = (Arc::clone(&self.gateway), attempt.clone());
                    self.spawn(async move {
                        let _ = gateway.sync_attempt(attempt).await;
                        Heard::Nothing
                    });
                }
            }
            _ => {}
        }
    }

    /// No debit is above what was agreed to: not by itself, and not with the others of its period.
    pub(super) fn debits_are_agreed_to(&self, order: &Order) -> Checked {
        let Some(id) = &order.terms.mandate else { return Ok(()) };
        let mandates = self.mandates();
        let Some(mandate) = mandates.iter().find(|it| it.terms.id == *id) else {
            return fail(format!("{} is a debit under no mandate", order.terms.id));
        };
        let (amount, most) = (order.terms.amount.minor(), mandate.terms.max_amount.minor());
        if amount > most || mandate.agreed.is_none() {
            return fail(format!("{}: {amount} is debited of {most}", order.terms.id));
        }
        let Some(bound) = mandate.terms.period else { return Ok(()) };
        let period = mandate.period_at(order.terms.created_at);
        let others = self.orders.iter().filter_map(|it| self.read_order(&it.0));
        let others = others.filter(|it| {
            it.terms.mandate.as_ref() == Some(id)
                && it.terms.id != order.terms.id
                && mandate.period_at(it.terms.created_at) == period
                && !matches!(it.state, State::Closed { .. })
        });
        let own = if matches!(order.state, State::Closed { .. }) { 0 } else { amount };
        let sum = own + others.map(|it| it.terms.amount.minor()).sum::<i64>();
        match sum > bound.amount.minor() {
            true => fail(format!("{id}: {sum} is debited in a period of {}", bound.amount.minor())),
            false => Ok(()),
        }
    }

    /// Whether what is at the channel may be below zero: a debit that was refunded came back all the same, so that the
    /// bank took it twice.
    pub(super) fn may_owe_the_bank(&self, account: &Account) -> bool {
        matches!(account, Account::ChannelReceivable(_))
            && self
                .orders
                .iter()
                .any(|it| self.read_order(&it.0).is_some_and(|order| order.debit_return.is_some()))
    }

    /// At rest a mandate is over on both sides, and every debit that the bank took back is known to be.
    pub(super) fn mandates_are_over(&self) -> Checked {
        for mandate in self.mandates() {
            let (id, status) = (&mandate.terms.id, mandate.state.status());
            if mandate.ends_at().is_some() {
                return fail(format!("{id} ends as {status}"));
            }
            if let Some(MandateStatus::Active { .. }) = self.bank.agreed.get(id) {
                return fail(format!("the bank would debit under {id}, which is {status}"));
            }
        }
        Ok(())
    }
}
