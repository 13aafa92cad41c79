//! The life of an order: [`step`] is the only place where a decision about money is made.
//!
//! ```text
//!            MethodChosen            Paid
//!  Created ───────────────▶ Paying ────────▶ Paid
//!     ▲ │                   │ │ ▲ └─ MethodChosen (another try)
//!     │ │      Declined     │ │ └──┘
//!     │ └───────────────────┘ │
//!     │  CloseRequested,      │ CloseRequested,
//!     ▼  Expired              ▼ Expired
//!  Closed ◀───────────────────┘
//! ```
//!
//! A channel may say "paid" at any time: late, twice, or for a try that the shopper gave up.
//! The first success on an open order pays it; money that comes to an order that cannot take it
//! any more is booked as owed back and returned. Nothing here touches the world: what is to be
//! done comes out as [`Effect`]s, which the host commits with the state and performs after.

use serde::{Deserialize, Serialize};

use crate::id::{AttemptId, MerchantId, OrderId};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;
use crate::time::Timestamp;

/// How many times a shopper may start to pay one order; a stranger's page cannot fill the store.
pub const MAX_ATTEMPTS: usize = 20;

/// What was agreed when the order was created; never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The order.
    pub id: OrderId,
    /// Whose order it is.
    pub merchant: MerchantId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_order_id: String,
    /// What the shopper pays.
    pub amount: Money,
    /// What the merchant pays us of it: no more than `amount`, in its currency.
    pub fee: Money,
    /// Risk control wants a review: the merchant's share is held back once paid.
    pub held: bool,
    /// What the shopper reads.
    pub description: String,
    /// The methods a shopper may choose, best first.
    pub methods: Vec<String>,
    /// When the order was created.
    pub created_at: Timestamp,
    /// From when on it can no longer be paid.
    pub expires_at: Timestamp,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What was agreed.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
    /// Every try to pay it, oldest first; at most [`MAX_ATTEMPTS`].
    pub attempts: Vec<Attempt>,
    /// Money that came although the order could not take it, one for each attempt at most.
    pub returns: Vec<Return>,
    /// Rises by one with each change.
    pub version: u64,
    /// How many events its merchant was told of, or will be.
    pub notices: u32,
}

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum State {
    /// Waiting for the shopper to choose a method.
    Created {
        /// Why the last try failed, if one did.
        declined: Option<Decline>,
    },
    /// Waiting for a channel's word on one attempt.
    Paying {
        /// The attempt.
        attempt: AttemptId,
        /// What the shopper needs to pay, once the channel gave it.
        credential: Option<Credential>,
    },
    /// Paid, once and for all.
    Paid {
        /// The attempt that succeeded.
        attempt: AttemptId,
        /// The channel's own number for the payment.
        channel_ref: String,
        /// When the channel said so.
        paid_at: Timestamp,
    },
    /// Can no longer be paid.
    Closed {
        /// Why.
        reason: CloseReason,
        /// Since when.
        closed_at: Timestamp,
    },
}

impl State {
    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Paying { .. } => "paying",
            Self::Paid { .. } => "paid",
            Self::Closed { .. } => "closed",
        }
    }
}

/// Why an order was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The merchant asked for it.
    Merchant,
    /// Nobody paid in time.
    Expired,
}

/// One try to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Our id of it, at the channel too.
    pub id: AttemptId,
    /// The method the shopper chose.
    pub method: String,
    /// The channel that was asked.
    pub channel: String,
}

/// Why a channel declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// A stable word, such as `shopper_declined`.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// What a shopper needs to pay with the method chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// A text to show as a QR code, which the shopper's wallet scans.
    Qr {
        /// The text.
        qr: String,
    },
    /// An address to send the shopper to.
    Redirect {
        /// The address.
        redirect_url: String,
    },
}

/// Money that came although the order could not take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The attempt it came by.
    pub attempt: AttemptId,
    /// It has gone back.
    pub done: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The shopper chose a method, and a channel will be asked.
    MethodChosen(Attempt),
    /// The channel gave what the shopper needs to pay.
    Prepared(AttemptId, Credential),
    /// The channel says that the attempt succeeded.
    Paid {
        /// The attempt.
        attempt: AttemptId,
        /// What the channel says it received.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// The channel says that the attempt failed for good.
    Declined {
        /// The attempt.
        attempt: AttemptId,
        /// Why, as a stable word.
        code: String,
    },
    /// The merchant wants the order closed.
    CloseRequested,
    /// The clock passed `expires_at`.
    Expired,
    /// The channel gave back money that the order could not take.
    Returned(AttemptId),
}

/// What is to be done once the step is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Close the order when its time is over.
    Expire,
    /// Ask the channel what became of the attempt, until it knows.
    Query(AttemptId),
    /// Tell the channel that the attempt is given up.
    Cancel(AttemptId),
    /// Have the channel give the attempt's money back.
    Return(AttemptId),
    /// Tell the merchant.
    Notify(Notice),
}

/// What a merchant is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The order is paid.
    Paid,
    /// The order can no longer be paid.
    Closed,
    /// A try failed; another may follow.
    Declined,
}

impl Notice {
    /// The event's type in a callback.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Paid => "order.paid",
            Self::Closed => "order.closed",
            Self::Declined => "payment.declined",
        }
    }
}

/// What a step comes to: all of it is committed, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The order as it is now.
    pub order: Order,
    /// What is booked.
    pub entry: Option<Entry>,
    /// What is to be done.
    pub effects: Vec<Effect>,
}

/// Why an event cannot happen to an order. The order stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The order is in a state that does not allow it.
    #[error("the order is {status}, so this is no longer possible")]
    State {
        /// The order's status.
        status: &'static str,
    },
    /// The order was never paid by such an attempt.
    #[error("no such attempt to pay the order")]
    UnknownAttempt,
    /// The order's time is over.
    #[error("the order has expired")]
    Expired,
    /// Its time is not over yet.
    #[error("the order has not expired yet")]
    NotExpired,
    /// [`MAX_ATTEMPTS`] is reached.
    #[error("the order was tried too many times")]
    TooManyAttempts,
    /// The order does not offer this method.
    #[error("the order does not offer this method")]
    MethodNotOffered,
    /// The channel speaks of another amount than the order's: a person must look.
    #[error("the channel reports another amount than the order's")]
    AmountMismatch,
}

impl Order {
    /// A new order.
    ///
    /// `None` if the fee is more than the amount or in another currency, which the policy's
    /// checks rule out before.
    pub fn create(terms: Terms) -> Option<Step> {
        terms.amount.checked_sub(terms.fee)?;
        let order = Self {
            terms,
            state: State::Created { declined: None },
            attempts: Vec::new(),
            returns: Vec::new(),
            version: 1,
            notices: 0,
        };
        Some(Step { order, entry: None, effects: vec![Effect::Expire] })
    }

    /// The try that is under way, if it is by this method: two taps on one button are one payment.
    pub fn under_way(&self, method: &str) -> Option<&Attempt> {
        match &self.state {
            State::Paying { attempt, .. } => self.attempt(attempt).filter(|it| it.method == method),
            State::Created { .. } | State::Paid { .. } | State::Closed { .. } => None,
        }
    }

    /// The attempt with this id.
    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == *id)
    }
}

/// Applies what happened to an order. Told the same thing twice, it changes nothing the second
/// time: such a step has the version it came with.
///
/// # Errors
///
/// See [`Refusal`].
pub fn step(order: Order, event: Event, now: Timestamp) -> Result<Step, Refusal> {
    let state = order.state.clone();
    let refuse = Err(Refusal::State { status: state.status() });
    match (state, event) {
        (State::Created { .. } | State::Paying { .. }, Event::MethodChosen(attempt)) => {
            choose(order, attempt, now)
        }
        (State::Paid { .. } | State::Closed { .. }, Event::MethodChosen(_)) => refuse,

        (State::Paying { attempt, credential: None }, Event::Prepared(prepared, credential))
            if attempt == prepared =>
        {
            Ok(order.moved(State::Paying { attempt, credential: Some(credential) }).step())
        }
        // Prepared before, or given up while the channel was asked.
        (_, Event::Prepared(..)) => Ok(order.step()),

        (
            State::Created { .. } | State::Paying { .. },
            Event::Paid { attempt, amount, channel_ref },
        ) => pay(order, attempt, amount, channel_ref, now),
        (State::Paid { attempt: paid, .. }, Event::Paid { attempt, .. }) if paid == attempt => {
            Ok(order.step())
        }
        (State::Paid { .. } | State::Closed { .. }, Event::Paid { attempt, amount, .. }) => {
            owe_back(order, attempt, amount)
        }

        (State::Paying { attempt, .. }, Event::Declined { attempt: declined, code })
            if attempt == declined =>
        {
            let declined = Some(Decline { code, at: now });
            Ok(order.moved(State::Created { declined }).notified(Notice::Declined))
        }
        // Declined before, or given up for another try.
        (_, Event::Declined { attempt, .. }) => order.known(&attempt).map(Order::step),

        (State::Created { .. } | State::Paying { .. }, Event::CloseRequested) => {
            Ok(close(order, CloseReason::Merchant, now))
        }
        (State::Closed { .. }, Event::CloseRequested | Event::Expired) => Ok(order.step()),
        (State::Paid { .. }, Event::CloseRequested) => refuse,

        (State::Created { .. } | State::Paying { .. }, Event::Expired) => {
            if now < order.terms.expires_at {
                return Err(Refusal::NotExpired);
            }
            Ok(close(order, CloseReason::Expired, now))
        }
        (State::Paid { .. }, Event::Expired) => Ok(order.step()),

        (_, Event::Returned(attempt)) => returned(order, &attempt),
    }
}

fn choose(mut order: Order, attempt: Attempt, now: Timestamp) -> Result<Step, Refusal> {
    if now >= order.terms.expires_at {
        return Err(Refusal::Expired);
    }
    if !order.terms.methods.contains(&attempt.method) {
        return Err(Refusal::MethodNotOffered);
    }
    if order.attempt(&attempt.id).is_some() {
        return Ok(order.step());
    }
    if order.attempts.len() == MAX_ATTEMPTS {
        return Err(Refusal::TooManyAttempts);
    }
    let mut effects = vec![Effect::Query(attempt.id.clone())];
    if let State::Paying { attempt: former, .. } = &order.state {
        effects.push(Effect::Cancel(former.clone()));
    }
    let state = State::Paying { attempt: attempt.id.clone(), credential: None };
    order.attempts.push(attempt);
    Ok(Step { effects, ..order.moved(state).step() })
}

fn pay(
    order: Order,
    attempt: AttemptId,
    amount: Money,
    channel_ref: String,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let Some(Attempt { channel, .. }) = order.attempt(&attempt).cloned() else {
        return Err(Refusal::UnknownAttempt);
    };
    if amount != order.terms.amount {
        return Err(Refusal::AmountMismatch);
    }
    let former = match &order.state {
        State::Paying { attempt: current, .. } if *current != attempt => {
            Some(Effect::Cancel(current.clone()))
        }
        _ => None,
    };
    let merchant = order.terms.merchant.clone();
    let owed = if order.terms.held {
        Account::MerchantHeld(merchant)
    } else {
        Account::MerchantPending(merchant)
    };
    let entry =
        Entry::payment(channel, amount, order.terms.fee, owed).ok_or(Refusal::AmountMismatch)?;
    let mut step =
        order.moved(State::Paid { attempt, channel_ref, paid_at: now }).notified(Notice::Paid);
    step.entry = Some(entry);
    step.effects.extend(former);
    Ok(step)
}

/// Money that the order cannot take goes back whole. Another amount than the order's is refused, as
/// it is everywhere: what it is for, a person must find out.
fn owe_back(mut order: Order, attempt: AttemptId, amount: Money) -> Result<Step, Refusal> {
    let Some(Attempt { channel, .. }) = order.attempt(&attempt).cloned() else {
        return Err(Refusal::UnknownAttempt);
    };
    if order.returns.iter().any(|it| it.attempt == attempt) {
        return Ok(order.step());
    }
    if amount != order.terms.amount {
        return Err(Refusal::AmountMismatch);
    }
    order.returns.push(Return { attempt: attempt.clone(), done: false });
    let receivable = Account::ChannelReceivable(channel);
    let entry =
        Entry::transfer(Kind::UnexpectedPayment, amount, Account::PaymentReturns, receivable);
    Ok(Step {
        entry: Some(entry),
        effects: vec![Effect::Return(attempt)],
        ..order.changed().step()
    })
}

fn returned(mut order: Order, attempt: &AttemptId) -> Result<Step, Refusal> {
    let Some(Attempt { channel, .. }) = order.attempt(attempt).cloned() else {
        return Err(Refusal::UnknownAttempt);
    };
    let Some(owed) = order.returns.iter_mut().find(|it| it.attempt == *attempt) else {
        return Err(Refusal::UnknownAttempt);
    };
    if owed.done {
        return Ok(order.step());
    }
    owed.done = true;
    let receivable = Account::ChannelReceivable(channel);
    let entry = Entry::transfer(
        Kind::PaymentReturn,
        order.terms.amount,
        receivable,
        Account::PaymentReturns,
    );
    Ok(Step { entry: Some(entry), ..order.changed().step() })
}

fn close(order: Order, reason: CloseReason, now: Timestamp) -> Step {
    let former = match &order.state {
        State::Paying { attempt, .. } => Some(Effect::Cancel(attempt.clone())),
        _ => None,
    };
    let mut step = order.moved(State::Closed { reason, closed_at: now }).notified(Notice::Closed);
    step.effects.extend(former);
    step
}

impl Order {
    fn changed(mut self) -> Self {
        self.version += 1;
        self
    }

    fn moved(self, state: State) -> Self {
        Self { state, ..self.changed() }
    }

    fn step(self) -> Step {
        Step { order: self, entry: None, effects: Vec::new() }
    }

    fn notified(mut self, notice: Notice) -> Step {
        self.notices += 1;
        Step { order: self, entry: None, effects: vec![Effect::Notify(notice)] }
    }

    fn known(self, attempt: &AttemptId) -> Result<Self, Refusal> {
        if self.attempt(attempt).is_some() { Ok(self) } else { Err(Refusal::UnknownAttempt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    const START: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
    }

    fn attempt(n: u8) -> AttemptId {
        AttemptId::new(START, [n; 10])
    }

    fn event(word: &str) -> Event {
        let n = word.bytes().last().unwrap() - b'0';
        match &word[..word.len() - 1] {
            "choose" => Event::MethodChosen(Attempt {
                id: attempt(n),
                method: "wallet_qr".to_owned(),
                channel: "sandbox".to_owned(),
            }),
            "steal" => Event::MethodChosen(Attempt {
                id: attempt(n),
                method: "card".to_owned(),
                channel: "sandbox".to_owned(),
            }),
            "prepared" => {
                Event::Prepared(attempt(n), Credential::Qr { qr: "lezai:pay".to_owned() })
            }
            "paid" => Event::Paid {
                attempt: attempt(n),
                amount: cny(12800),
                channel_ref: "c-1".to_owned(),
            },
            "short" => {
                Event::Paid { attempt: attempt(n), amount: cny(1), channel_ref: "c-1".to_owned() }
            }
            "declined" => {
                Event::Declined { attempt: attempt(n), code: "shopper_declined".to_owned() }
            }
            "returned" => Event::Returned(attempt(n)),
            "close" => Event::CloseRequested,
            "expire" => Event::Expired,
            _ => panic!("{word}"),
        }
    }

    /// Runs events (`expire9` with the clock at the end, all others at the start) and writes
    /// down what came of it: the status, then what was booked, then what is to be done.
    fn run(held: bool, events: &str) -> String {
        let terms = Terms {
            id: OrderId::new(START, [7; 10]),
            merchant: MerchantId::parse("m_demo").unwrap(),
            merchant_order_id: "A-1".to_owned(),
            amount: cny(12800),
            fee: cny(77),
            held,
            description: "Tea".to_owned(),
            methods: vec!["wallet_qr".to_owned()],
            created_at: START,
            expires_at: START.plus_secs(900),
        };
        let Step { mut order, effects, .. } = Order::create(terms).unwrap();
        assert_eq!(effects, [Effect::Expire]);
        let (mut booked, mut due) = (String::new(), String::new());
        for word in events.split_whitespace() {
            let now =
                START.plus_secs(if word == "expire9" || word.ends_with('8') { 900 } else { 0 });
            match step(order.clone(), event(word), now) {
                Ok(step) => {
                    for Posting { account, minor, .. } in
                        step.entry.iter().flat_map(|it| it.postings())
                    {
                        booked.push_str(&format!(" {account} {minor}"));
                    }
                    for effect in &step.effects {
                        due.push_str(&match effect {
                            Effect::Expire => " expire".to_owned(),
                            Effect::Notify(notice) => format!(" {}", notice.event_type()),
                            Effect::Query(it) => format!(" query{}", &it.as_str()[35..]),
                            Effect::Cancel(it) => format!(" cancel{}", &it.as_str()[35..]),
                            Effect::Return(it) => format!(" return{}", &it.as_str()[35..]),
                        });
                    }
                    let unchanged =
                        step.order == order && step.entry.is_none() && step.effects.is_empty();
                    assert_eq!(step.order.version == order.version, unchanged, "{word}");
                    order = step.order;
                }
                Err(refusal) => return format!("{} | {refusal}", order.state.status()),
            }
        }
        format!("{} |{booked} |{due}", order.state.status())
    }

    use crate::ledger::Posting;

    const BOOKED: &str =
        " channel_receivable:sandbox 12800 merchant_pending:m_demo -12723 fee_income -77";
    const OWED: &str = " channel_receivable:sandbox 12800 payment_returns -12800";
    const RETURNED: &str = " payment_returns 12800 channel_receivable:sandbox -12800";

    #[test]
    fn every_way_through() {
        for (events, expected) in [
            ("", "created | |".to_owned()),
            ("choose1", "paying | | query1".to_owned()),
            ("choose1 choose1", "paying | | query1".to_owned()),
            ("choose1 prepared1 prepared1", "paying | | query1".to_owned()),
            ("choose1 paid1", format!("paid |{BOOKED} | query1 order.paid")),
            (
                "choose1 prepared1 paid1 paid1 close0",
                "paid | the order is paid, so this is no longer possible".to_owned(),
            ),
            (
                "choose1 paid1 paid1 expire9 declined1",
                format!("paid |{BOOKED} | query1 order.paid"),
            ),
            ("choose1 declined1 declined1", "created | | query1 payment.declined".to_owned()),
            (
                "choose1 declined1 choose2 paid2",
                format!("paid |{BOOKED} | query1 payment.declined query2 order.paid"),
            ),
            // The wallet said no, then yes: the money came, so it counts.
            (
                "choose1 declined1 paid1",
                format!("paid |{BOOKED} | query1 payment.declined order.paid"),
            ),
            // A second try, and the first one pays.
            (
                "choose1 choose2 paid1",
                format!("paid |{BOOKED} | query1 query2 cancel1 order.paid cancel2"),
            ),
            // Both pay: one is returned, once.
            (
                "choose1 choose2 paid2 paid1 paid1 returned1 returned1",
                format!(
                    "paid |{BOOKED}{OWED}{RETURNED} | query1 query2 cancel1 order.paid return1"
                ),
            ),
            ("choose1 choose2 declined1 prepared1", "paying | | query1 query2 cancel1".to_owned()),
            ("close0 close0 expire9", "closed | | order.closed".to_owned()),
            ("choose1 close0 prepared1", "closed | | query1 order.closed cancel1".to_owned()),
            ("choose1 expire9", "closed | | query1 order.closed cancel1".to_owned()),
            // Paid late.
            (
                "choose1 expire9 paid1 returned1",
                format!("closed |{OWED}{RETURNED} | query1 order.closed cancel1 return1"),
            ),
            (
                "close0 choose1",
                "closed | the order is closed, so this is no longer possible".to_owned(),
            ),
            ("expire1", "created | the order has not expired yet".to_owned()),
            ("choose8", "created | the order has expired".to_owned()),
            ("steal1", "created | the order does not offer this method".to_owned()),
            ("paid1", "created | no such attempt to pay the order".to_owned()),
            ("choose1 paid2", "paying | no such attempt to pay the order".to_owned()),
            ("choose1 declined2", "paying | no such attempt to pay the order".to_owned()),
            (
                "choose1 short1",
                "paying | the channel reports another amount than the order's".to_owned(),
            ),
            (
                "choose1 close0 short1",
                "closed | the channel reports another amount than the order's".to_owned(),
            ),
            ("choose1 returned1", "paying | no such attempt to pay the order".to_owned()),
        ] {
            assert_eq!(run(false, events), expected, "{events}");
        }
    }

    #[test]
    fn a_held_order_s_money_is_held() {
        assert_eq!(
            run(true, "choose1 paid1"),
            "paid | channel_receivable:sandbox 12800 merchant_held:m_demo -12723 fee_income -77 | query1 order.paid"
        );
    }

    #[test]
    fn what_is_to_be_done_reads_back_as_it_was_written() {
        for effect in [
            Effect::Expire,
            Effect::Query(attempt(1)),
            Effect::Cancel(attempt(2)),
            Effect::Return(attempt(3)),
            Effect::Notify(Notice::Declined),
        ] {
            let json = serde_json::to_string(&effect).unwrap();
            assert_eq!(serde_json::from_str::<Effect>(&json).unwrap(), effect, "{json}");
        }
    }

    #[test]
    fn tries_are_bounded() {
        let tries: String =
            (b'0'..).take(MAX_ATTEMPTS).map(|n| format!("choose{} ", char::from(n))).collect();
        // '8' stands for a late clock in `run`, so it is left out there.
        let tries = tries.replace("choose8 ", "chooseZ ");
        assert!(run(false, &tries).starts_with("paying"));
        assert_eq!(
            run(false, &format!("{tries}chooseY")),
            "paying | the order was tried too many times"
        );
    }
}
