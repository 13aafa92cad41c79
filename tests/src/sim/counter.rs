//! The counter: tills that scan the code a shopper shows, ask until they know, or lose their network and ask
//! later; and the bank that charges a code once, and undoes what nobody decided.

use std::collections::{BTreeMap, BTreeSet};

use lezai_channels::channel::{AttemptStatus, PaymentRequest, Prepared, Unanswered};
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Order, State};
use serde_json::json;

use super::Planted;
use super::bank::{Ask, Bank, CHANNEL, Said, SimChannel, Status};
use super::merchant::What;
use super::plan::Op;
use super::random::Random;
use super::world::{Checked, World, fail};

/// The method of the counter.
pub(super) const METHOD: &str = "sim_code";
/// A till asks again after so many seconds, …
const ASKS_AGAIN_SECS: i64 = 5;
/// … or when its network is back.
const OFFLINE_SECS: (i64, i64) = (60, 7_200);

/// The bank's memory of codes.
#[derive(Default)]
pub(super) struct Codes {
    shown: BTreeSet<String>,
    refused: BTreeMap<AttemptId, &'static str>,
}

impl Bank {
    /// Charges a code, asks its owner for the password, or refuses: once for each number, and each code once.
    pub(super) fn charge(&mut self, account: &str, request: PaymentRequest) -> Prepared {
        let attempt = request.attempt.clone();
        let code = request.code.clone().unwrap_or_default();
        if !self.knows(&attempt) {
            let is_new = self.codes.shown.insert(code.clone());
            let status = match (is_new, &code[16..]) {
                (false, _) => Err("code_used"),
                (true, "03") => Err("insufficient_funds"),
                (true, "02") => Ok(Status::Pending),
                (true, _) => Ok(Status::Paid),
            };
            if let Err(why) = status {
                self.codes.refused.insert(attempt.clone(), why);
            }
            self.begin(account, request, status.unwrap_or(Status::Declined), None);
        }
        match self.codes.refused.get(&attempt) {
            Some(why) => Prepared::Refused { code: (*why).to_owned() },
            None => Prepared::Charging,
        }
    }

    /// Undoes a payment that was not decided when it was last asked about. By then it may have been paid, and the
    /// money goes back. In some moods the bank cannot say yet: it has done it, or has not.
    pub(super) fn undo(
        &mut self,
        account: &str,
        attempt: AttemptId,
        random: &mut Random,
        moods: bool,
    ) -> Said {
        let (unclear, done) = (moods && random.once_in(3), random.once_in(2));
        if !unclear || done {
            self.take_back(account, attempt);
        }
        if unclear { Said::NotYet } else { Said::Undone }
    }
}

impl SimChannel {
    /// As the adapters of providers do it: what is decided is told, and what is not is undone.
    pub(super) async fn undo(&self, attempt: AttemptId) -> Result<AttemptStatus, Unanswered> {
        match self.wire.standing(&self.account, Ask::Query(attempt.clone())).await? {
            AttemptStatus::Unknown | AttemptStatus::Pending => {}
            decided => return Ok(decided),
        }
        let reason = match self.wire.ask(&self.account, Ask::Undo(attempt)).await {
            Ok(Said::Undone) => return Ok(AttemptStatus::Cancelled),
            Ok(Said::NotYet) => "not undone yet".to_owned(),
            Ok(said) => panic!("{said:?} is no answer to a reversal"),
            Err(silence) => silence.reason,
        };
        if self.wire.planted == Planted::SilentReversalBelieved {
            return Ok(AttemptStatus::Cancelled);
        }
        Err(Unanswered { channel: CHANNEL, reason })
    }
}

/// Some orders are paid at a till. By a dice of its own: what else happens is what happens without.
pub(super) fn sell_at_the_counter(seed: u64, ops: &mut Vec<Op>) {
    let mut random = Random::new(seed ^ 0x0074_696c_6c00);
    if random.once_in(2) {
        return;
    }
    for _ in 0..random.between(1, 4) {
        let mut at = random.below(ops.len() + 1);
        let (minor, fee) = (random.between(2, 9_999), random.between(0, 70_000));
        ops.insert(at, Op::Sell { minor, fee, expires: random.between(60, 300) });
        for _ in 0..random.between(1, 3) {
            at = (at + 1 + random.below(3)).min(ops.len());
            ops.insert(at, Op::Charge(random.below(64)));
        }
        if random.once_in(2) {
            // The shopper enters the password, or does not want to.
            let at = (at + 1 + random.below(4)).min(ops.len());
            let n = random.below(64);
            ops.insert(at, if random.once_in(4) { Op::Refuse(n) } else { Op::Approve(n, false) });
        }
    }
}

impl World<'_> {
    pub(super) fn begin_at_the_counter(&mut self, op: Op) {
        match op {
            Op::Sell { minor, fee, expires } => {
                let body = json!({
                    "merchant_order_id": format!("T-{}", self.requests.len()), "amount": minor, "currency": "CNY",
                    "description": "Tea", "scene": "counter", "methods": [METHOD], "expires_in": expires,
                });
                let fee = minor * fee / 1_000_000;
                self.request(What::Create { fee, held: false, later: false }, &body);
            }
            Op::Charge(n) => {
                let Some(order) = self.order_of_a_till(n) else { return };
                // Charged at once, or once the shopper entered the password, or refused.
                let ending = ["01", "02", "01", "03"][n % 4];
                // Now and then the code is one that was shown before.
                let number = if n.is_multiple_of(13) { 0 } else { self.requests.len() };
                let code = format!("99{number:014}{ending}");
                self.request(What::Charge(order), &json!({ "code": code }));
            }
            _ => {}
        }
    }

    /// An order that no till has been paid for yet, if there is one; else any of theirs.
    fn order_of_a_till(&self, n: usize) -> Option<OrderId> {
        let orders = self.orders.iter().filter_map(|it| self.read_order(&it.0));
        let (open, done): (Vec<_>, Vec<_>) =
            orders.filter(is_of_a_till).partition(|it| it.state.payment().is_none());
        let orders = if open.is_empty() { done } else { open };
        orders.get(n % orders.len().max(1)).map(|it| it.terms.id.clone())
    }

    /// A till was told that the payment is not decided. It asks again in a moment, or loses its network.
    pub(super) fn till_waits(&mut self, nth: usize) {
        let lost = !self.quiet && self.random.once_in(4);
        let secs = match lost {
            true => self.random.between(OFFLINE_SECS.0, OFFLINE_SECS.1),
            false => ASKS_AGAIN_SECS,
        };
        let act = if lost { "lost the till's network" } else { "waited at the till" };
        *self.counts.acts.entry(act).or_default() += 1;
        let key = self.requests[nth].key.clone();
        self.note(|| format!("{key} is not decided: the till asks again in {secs} s"));
        self.requests[nth].not_before = self.now().plus_secs(secs);
    }

    /// At rest a till knows: goods were handed over for what was paid, and for nothing else.
    pub(super) fn tills_know(&self, order: &Order) -> Checked {
        if !is_of_a_till(order) {
            return Ok(());
        }
        let id = &order.terms.id;
        let charges =
            self.requests.iter().filter(|it| matches!(&it.what, What::Charge(of) if of == id));
        let told: Vec<_> = charges.filter(|it| it.answered.is_some()).map(|it| &it.key).collect();
        let was_paid = matches!(order.state, State::Paid { .. } | State::Voided { .. });
        match told[..] {
            [] if was_paid => fail(format!("{id} was paid at a till, and no till was told")),
            [key, ..] if !was_paid => fail(format!(
                "{key} was told that {id} is paid, which ends as {}",
                order.state.status()
            )),
            [first, second, ..] => {
                fail(format!("{first} and {second} were both told that {id} is paid"))
            }
            _ => Ok(()),
        }
    }
}

fn is_of_a_till(order: &Order) -> bool {
    order.terms.methods.iter().any(|it| it == METHOD)
}
