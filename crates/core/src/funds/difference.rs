//! The life of a difference between a channel's bill and the books: [`Difference::step`] is the only place
//! where a decision about it is made.
//!
//! ```text
//!  open ──▶ resolved              up to a sum by one person
//!   ▲ │
//!   │ └───▶ proposed ──▶ resolved above it by two: who approves is another than who proposed
//!   └──────────┘
//!  expected ──▶ open              due: the bill that was to have its other half does not
//!  expected, open, proposed ──▶ paired   the bill of another day has its other half
//!  paired ──▶ open                another edition of that bill does not
//!  open, proposed ──▶ returning ──▶ resolved   the channel gave the money back
//!                        └────────▶ open       it does not
//! ```
//!
//! A resolution never changes what was booked: it books an entry of its own, or it explains why none is
//! needed. `cleared` by a rule and `superseded` by a later run are ends, too.

use serde::{Deserialize, Serialize};

use crate::id::{DifferenceId, ReconciliationId};
use crate::ledger::{Account, Entry, Kind};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// Up to so many minor units one person resolves a difference.
pub const ALONE_MAX: i64 = 10_000;

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The difference.
    pub id: DifferenceId,
    /// The channel.
    pub channel: String,
    /// The channel's surplus over the books; absent where no amount can be told, such as between two
    /// currencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surplus: Option<Surplus>,
    /// Whether it is about a fee of the channel's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_fee: bool,
    /// The number of a payment that the channel's bill of trades has and the books do not, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// Why the channel did not give the payment back when it was asked to the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_failed: Option<String>,
    /// How it stands.
    pub state: DifferenceState,
    /// The last time that the channel was asked about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Resolution>,
    /// The person who takes care of it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was found.
    pub opened_at: Timestamp,
}

/// The amount by which a channel has more than the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surplus {
    /// The channel's account in the books.
    pub account: Account,
    /// Minor units; negative is money that the channel has less.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// How a difference stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum DifferenceState {
    /// It waits for a person.
    Open,
    /// One side alone, and by a rule no difference yet: the bill of another day may have the other half.
    Expected {
        /// Which.
        rule: String,
    },
    /// The bill of another day has the other half, or the books of that day.
    Paired {
        /// The run that found it.
        run: ReconciliationId,
    },
    /// A rule cleared it.
    Cleared {
        /// Which.
        rule: String,
    },
    /// A later run of the same day took the place of the one that found it.
    Superseded,
    /// A resolution waits for a second person.
    Proposed {
        /// The resolution.
        resolution: Resolution,
    },
    /// The channel is asked to give the money back, until it says that it did or will not.
    Returning {
        /// The resolution.
        resolution: Resolution,
        /// The person who approved it, if a second one had to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// A person resolved it.
    Resolved {
        /// The resolution.
        resolution: Resolution,
        /// The person who approved it, if a second one had to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
        /// When.
        at: Timestamp,
    },
}

impl DifferenceState {
    /// Every status.
    pub const STATUSES: [&'static str; 8] = [
        "open",
        "expected",
        "paired",
        "cleared",
        "superseded",
        "proposed",
        "returning",
        "resolved",
    ];

    /// Whether it waits for a person, or may come to wait for one again.
    pub fn waits(&self) -> bool {
        matches!(self, Self::Open | Self::Proposed { .. } | Self::Returning { .. })
    }

    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expected { .. } => "expected",
            Self::Paired { .. } => "paired",
            Self::Cleared { .. } => "cleared",
            Self::Superseded => "superseded",
            Self::Proposed { .. } => "proposed",
            Self::Returning { .. } => "returning",
            Self::Resolved { .. } => "resolved",
        }
    }
}

/// How a difference is resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The action that resolves it.
    pub act: Act,
    /// Why.
    pub reason: String,
    /// The person who resolved it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An action that resolves a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Nothing is booked: it is known why they differ, and money is where it belongs.
    Explain,
    /// The amount is booked on suspense until somebody knows whose it is.
    Suspense,
    /// The amount is booked as a loss or a gain.
    WriteOff,
    /// The amount is a fee of the channel's, and is booked as what it costs us.
    AcceptFee,
    /// The channel is asked: what it says is applied to the order, and the difference stays open until the bill of
    /// another day pairs with what was booked by it.
    AskChannel,
    /// The bill has a payment of an order that never learned of it. The channel is asked, and what it says is booked on
    /// the order, with the bill's line as evidence.
    BookLate,
    /// The bill has a payment of no order of ours: the channel gives it back.
    Return,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 7] = [
        Self::Explain,
        Self::Suspense,
        Self::WriteOff,
        Self::AcceptFee,
        Self::AskChannel,
        Self::BookLate,
        Self::Return,
    ];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Explain => "explain",
            Self::Suspense => "suspense",
            Self::WriteOff => "write_off",
            Self::AcceptFee => "accept_fee",
            Self::AskChannel => "ask_channel",
            Self::BookLate => "book_late",
            Self::Return => "return",
        }
    }
}

/// An event of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DifferenceEvent {
    /// Somebody takes care of it.
    Assigned(String),
    /// Somebody says how it is resolved.
    Resolved {
        /// The action that resolves it.
        act: Act,
        /// Why.
        reason: String,
        /// The person who resolves it.
        by: String,
    },
    /// A second person decides on what was proposed.
    Decided {
        /// Whether it may be done.
        approved: bool,
        /// The person who decides.
        by: String,
    },
    /// A later run took the place of the one that found it.
    Superseded,
    /// A run of another day has the other half.
    Paired(ReconciliationId),
    /// The run that was to have the other half does not have it.
    Due,
    /// The channel gave the money back.
    Returned,
    /// The channel does not give the money back, and will not.
    ReturnFailed {
        /// Why, as a stable word.
        code: String,
    },
}

/// Why something cannot happen to a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotResolved {
    /// Its state does not allow it.
    #[error("the difference is {status}, which does not allow this")]
    State {
        /// The state.
        status: &'static str,
    },
    /// The proposer may not approve.
    #[error("who approves must be another person than who proposed")]
    SamePerson,
    /// It is about no fee.
    #[error("the difference is about no fee of the channel's")]
    NoFee,
    /// It is about no payment of the channel's that the books do not have.
    #[error("the difference is about no payment that the bill of trades alone has")]
    NoPayment,
    /// There is no amount to be booked.
    #[error("the difference has no amount to be booked: explain it")]
    NoAmount,
}

impl Difference {
    /// The difference after an event, and the entries that are booked.
    ///
    /// # Errors
    ///
    /// [`NotResolved`].
    pub fn step(
        self,
        event: DifferenceEvent,
        now: Timestamp,
    ) -> Result<(Self, Vec<Entry>), NotResolved> {
        use DifferenceState as State;
        let status = self.state.status();
        let state = match (&self.state, event) {
            (State::Open | State::Proposed { .. }, DifferenceEvent::Assigned(owner)) => {
                return Ok((Self { owner: Some(owner), ..self }, Vec::new()));
            }
            (
                State::Open | State::Expected { .. },
                DifferenceEvent::Resolved { act: act @ Act::AskChannel, reason, by },
            ) => {
                let asked = Some(Resolution { act, reason, by, at: now });
                return Ok((Self { asked, ..self }, Vec::new()));
            }
            (State::Open, DifferenceEvent::Resolved { act, reason, by }) => {
                self.may(act)?;
                let resolution = Resolution { act, reason, by, at: now };
                match self.needs_two() {
                    true => State::Proposed { resolution },
                    false => State::done(resolution, None, now),
                }
            }
            (State::Proposed { resolution }, DifferenceEvent::Decided { approved, by }) => {
                if resolution.by == by {
                    return Err(NotResolved::SamePerson);
                }
                match approved {
                    true => State::done(resolution.clone(), Some(by), now),
                    false => State::Open,
                }
            }
            (State::Returning { resolution, approved_by }, DifferenceEvent::Returned) => {
                let (resolution, approved_by) = (resolution.clone(), approved_by.clone());
                State::Resolved { resolution, approved_by, at: now }
            }
            (State::Returning { .. }, DifferenceEvent::ReturnFailed { code }) => {
                let return_failed = Some(code);
                return Ok((Self { return_failed, state: State::Open, ..self }, Vec::new()));
            }
            (
                State::Open
                | State::Proposed { .. }
                | State::Expected { .. }
                | State::Paired { .. },
                DifferenceEvent::Superseded,
            ) => State::Superseded,
            (
                State::Open
                | State::Proposed { .. }
                | State::Expected { .. }
                | State::Paired { .. },
                DifferenceEvent::Paired(run),
            ) => State::Paired { run },
            (State::Expected { .. } | State::Paired { .. }, DifferenceEvent::Due) => State::Open,
            _ => return Err(NotResolved::State { status }),
        };
        let next = Self { state, ..self };
        let entries = next.entries();
        Ok((next, entries))
    }

    /// Every entry that the ledger must have for the difference as it is. What is booked late is an entry of its
    /// order's, and of none here.
    pub fn entries(&self) -> Vec<Entry> {
        match &self.state {
            DifferenceState::Resolved { resolution, .. } => self.booked(resolution.act),
            _ => Vec::new(),
        }
    }

    /// Whether an act can resolve it.
    fn may(&self, act: Act) -> Result<(), NotResolved> {
        match act {
            Act::Explain | Act::AskChannel => Ok(()),
            Act::AcceptFee if !self.of_fee => Err(NotResolved::NoFee),
            Act::BookLate | Act::Return if self.payment.is_none() => Err(NotResolved::NoPayment),
            // What the order books is the amount that the channel says, and the bill's line is the evidence of it.
            Act::BookLate => Ok(()),
            Act::Suspense | Act::WriteOff | Act::AcceptFee | Act::Return => {
                if self.booked(act).is_empty() { Err(NotResolved::NoAmount) } else { Ok(()) }
            }
        }
    }

    /// Whether one person may not resolve it alone. Of an amount that nobody can tell, two decide.
    fn needs_two(&self) -> bool {
        self.surplus.as_ref().is_none_or(|it| it.minor.saturating_abs() > ALONE_MAX)
    }

    /// The entries that an act books.
    fn booked(&self, act: Act) -> Vec<Entry> {
        let (kind, other) = match act {
            Act::Explain | Act::AskChannel | Act::BookLate => return Vec::new(),
            Act::Suspense => (Kind::Suspense, Account::Suspense(self.channel.clone())),
            Act::WriteOff => (Kind::WriteOff, Account::WriteOff),
            Act::AcceptFee => (Kind::ChannelFee, Account::ChannelCosts(self.channel.clone())),
            // As of a payment that its order cannot take: it came, and it went back.
            Act::Return => (Kind::UnexpectedPayment, Account::PaymentReturns),
        };
        let Some(Surplus { account, minor, currency }) = &self.surplus else { return Vec::new() };
        let amount = minor.checked_abs().filter(|it| *it != 0);
        let amount = amount.and_then(|it| Money::new(it, *currency).ok());
        let Some(amount) = amount else { return Vec::new() };
        let moved = |kind, debit: &Account, credit: &Account| {
            Entry::transfer(kind, [(debit.clone(), amount)], [(credit.clone(), amount)])
        };
        let first = match *minor > 0 {
            true => moved(kind, account, &other),
            false => moved(kind, &other, account),
        };
        let back = (act == Act::Return).then(|| moved(Kind::PaymentReturn, &other, account));
        first.into_iter().chain(back.flatten()).collect()
    }
}

impl DifferenceState {
    /// The state once a resolution may be carried out.
    fn done(resolution: Resolution, approved_by: Option<String>, at: Timestamp) -> Self {
        match resolution.act {
            Act::Return => Self::Returning { resolution, approved_by },
            _ => Self::Resolved { resolution, approved_by, at },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn difference(minor: Option<i64>) -> Difference {
        Difference {
            id: DifferenceId::new(NOW, [1; 10]),
            channel: "sandbox".to_owned(),
            surplus: minor.map(|minor| Surplus {
                account: Account::ChannelReceivable("sandbox".to_owned()),
                minor,
                currency: Currency::from_code("CNY").unwrap(),
            }),
            of_fee: false,
            payment: None,
            return_failed: None,
            state: DifferenceState::Open,
            asked: None,
            owner: None,
            opened_at: NOW,
        }
    }

    fn resolve(act: Act, by: &str) -> DifferenceEvent {
        DifferenceEvent::Resolved { act, reason: "Known".to_owned(), by: by.to_owned() }
    }

    fn decide(approved: bool, by: &str) -> DifferenceEvent {
        DifferenceEvent::Decided { approved, by: by.to_owned() }
    }

    /// The accounts that a resolution books on, with the amount added to each.
    fn booked(entries: Vec<Entry>) -> Vec<(String, i64)> {
        entries
            .into_iter()
            .flat_map(|it| it.postings().to_vec())
            .map(|it| (it.account.to_string(), it.minor))
            .collect()
    }

    #[test]
    fn one_person_resolves_up_to_the_sum_and_two_above_it() {
        for (minor, act, status) in [
            (Some(ALONE_MAX), Act::WriteOff, "resolved"),
            (Some(-ALONE_MAX), Act::Suspense, "resolved"),
            (Some(ALONE_MAX + 1), Act::WriteOff, "proposed"),
            (Some(-ALONE_MAX - 1), Act::Explain, "proposed"),
            (Some(i64::MIN), Act::Explain, "proposed"),
            (Some(0), Act::Explain, "resolved"),
            (None, Act::Explain, "proposed"),
        ] {
            let (after, _) = difference(minor).step(resolve(act, "li"), NOW).unwrap();
            assert_eq!(after.state.status(), status, "{minor:?}");
        }
        for minor in [None, Some(0), Some(i64::MIN)] {
            let refused = difference(minor).step(resolve(Act::Suspense, "li"), NOW);
            assert_eq!(refused, Err(NotResolved::NoAmount), "{minor:?}");
        }
    }

    #[test]
    fn who_proposed_does_not_approve() {
        let (proposed, entry) =
            difference(Some(20_000)).step(resolve(Act::WriteOff, "li"), NOW).unwrap();
        assert!(entry.is_empty());
        assert_eq!(proposed.clone().step(decide(true, "li"), NOW), Err(NotResolved::SamePerson));
        let (refused, entry) = proposed.clone().step(decide(false, "wang"), NOW).unwrap();
        assert_eq!((refused.state, entry), (DifferenceState::Open, Vec::new()));
        let (resolved, entry) = proposed.step(decide(true, "wang"), NOW).unwrap();
        assert_eq!(resolved.entries(), entry);
        assert_eq!(
            booked(entry),
            [("channel_receivable:sandbox".to_owned(), 20_000), ("write_off".to_owned(), -20_000)]
        );
        let again = resolved.clone().step(resolve(Act::Explain, "li"), NOW);
        assert_eq!(again, Err(NotResolved::State { status: "resolved" }));
        let gone = resolved.step(DifferenceEvent::Superseded, NOW);
        assert_eq!(gone, Err(NotResolved::State { status: "resolved" }));
    }

    #[test]
    fn a_fee_is_accepted_as_a_cost_and_nothing_else_is() {
        let fee = |minor| Difference { of_fee: true, ..difference(Some(minor)) };
        let (_, entry) = fee(-77).step(resolve(Act::AcceptFee, "li"), NOW).unwrap();
        assert_eq!(
            booked(entry),
            [
                ("channel_costs:sandbox".to_owned(), 77),
                ("channel_receivable:sandbox".to_owned(), -77)
            ]
        );
        let (_, entry) = fee(30).step(resolve(Act::AcceptFee, "li"), NOW).unwrap();
        assert_eq!(
            booked(entry),
            [
                ("channel_receivable:sandbox".to_owned(), 30),
                ("channel_costs:sandbox".to_owned(), -30)
            ]
        );
        let (proposed, _) = fee(-ALONE_MAX - 1).step(resolve(Act::AcceptFee, "li"), NOW).unwrap();
        assert_eq!(proposed.state.status(), "proposed");
        let refused = difference(Some(-77)).step(resolve(Act::AcceptFee, "li"), NOW);
        assert_eq!(refused, Err(NotResolved::NoFee));
    }

    #[test]
    fn to_ask_the_channel_resolves_nothing() {
        let expected = DifferenceState::Expected { rule: "cut_off".to_owned() };
        for state in [DifferenceState::Open, expected] {
            let before = Difference { state, ..difference(None) };
            let (after, entry) = before.clone().step(resolve(Act::AskChannel, "li"), NOW).unwrap();
            assert_eq!((&after.state, entry), (&before.state, Vec::new()));
            assert_eq!(after.asked.unwrap().by, "li");
        }
        let (done, _) = difference(Some(5)).step(resolve(Act::Explain, "li"), NOW).unwrap();
        assert!(done.step(resolve(Act::AskChannel, "li"), NOW).is_err());
    }

    #[test]
    fn what_is_expected_is_paired_or_due() {
        let run = ReconciliationId::new(NOW, [2; 10]);
        let expected = Difference {
            state: DifferenceState::Expected { rule: "cut_off".to_owned() },
            ..difference(Some(-500))
        };
        assert!(!expected.state.waits());
        let refused = expected.clone().step(resolve(Act::Suspense, "li"), NOW);
        assert_eq!(refused, Err(NotResolved::State { status: "expected" }));
        let step = |it: &Difference, event| it.clone().step(event, NOW);
        let (due, entry) = step(&expected, DifferenceEvent::Due).unwrap();
        assert_eq!((&due.state, entry), (&DifferenceState::Open, Vec::new()));
        let (proposed, _) =
            difference(Some(20_000)).step(resolve(Act::WriteOff, "li"), NOW).unwrap();
        for before in [&expected, &due, &proposed] {
            let (paired, entry) = step(before, DifferenceEvent::Paired(run.clone())).unwrap();
            assert_eq!((paired.state.status(), entry), ("paired", Vec::new()));
            // Another edition of the other day's bill: it has the half, too, or not.
            let again = step(&paired, DifferenceEvent::Paired(run.clone())).unwrap();
            assert_eq!(again.0, paired);
            assert_eq!(step(&paired, DifferenceEvent::Due).unwrap().0.state, DifferenceState::Open);
            assert!(step(&paired, resolve(Act::Explain, "li")).is_err());
        }
        assert!(step(&due, DifferenceEvent::Due).is_err());
        let (resolved, _) = step(&due, resolve(Act::Explain, "li")).unwrap();
        assert!(step(&resolved, DifferenceEvent::Paired(run)).is_err());
        for before in [expected, proposed] {
            let (gone, _) = step(&before, DifferenceEvent::Superseded).unwrap();
            assert_eq!(gone.state, DifferenceState::Superseded);
        }
    }

    #[test]
    fn what_the_channel_has_less_goes_the_other_way() {
        let (_, entry) = difference(Some(-500)).step(resolve(Act::Suspense, "li"), NOW).unwrap();
        assert_eq!(
            booked(entry),
            [("suspense:sandbox".to_owned(), 500), ("channel_receivable:sandbox".to_owned(), -500)]
        );
        let (_, entry) = difference(Some(-500)).step(resolve(Act::Explain, "li"), NOW).unwrap();
        assert!(entry.is_empty());
    }

    fn payment(minor: i64) -> Difference {
        Difference { payment: Some("x-1".to_owned()), ..difference(Some(minor)) }
    }

    #[test]
    fn what_belongs_to_no_order_comes_and_goes_back_once_the_channel_says_so() {
        let (returning, entries) = payment(500).step(resolve(Act::Return, "li"), NOW).unwrap();
        assert_eq!((returning.state.status(), entries), ("returning", Vec::new()));
        assert!(returning.state.waits());
        for event in [
            resolve(Act::Return, "li"),
            resolve(Act::Explain, "li"),
            decide(true, "wang"),
            DifferenceEvent::Superseded,
            DifferenceEvent::Paired(ReconciliationId::new(NOW, [2; 10])),
            DifferenceEvent::Due,
        ] {
            let refused = returning.clone().step(event, NOW);
            assert_eq!(refused, Err(NotResolved::State { status: "returning" }));
        }
        let (back, entries) = returning.clone().step(DifferenceEvent::Returned, NOW).unwrap();
        assert_eq!((back.state.status(), &entries), ("resolved", &back.entries()));
        let kinds: Vec<_> = entries.iter().map(Entry::kind).collect();
        assert_eq!(kinds, [Kind::UnexpectedPayment, Kind::PaymentReturn]);
        let account = "channel_receivable:sandbox".to_owned();
        let returns = "payment_returns".to_owned();
        let expected =
            [(account.clone(), 500), (returns.clone(), -500), (returns, 500), (account, -500)];
        assert_eq!(booked(entries), expected);
        assert!(back.step(DifferenceEvent::Returned, NOW).is_err());

        let failed = DifferenceEvent::ReturnFailed { code: "no_such_payment".to_owned() };
        let (open, entries) = returning.step(failed.clone(), NOW).unwrap();
        assert_eq!((&open.state, entries), (&DifferenceState::Open, Vec::new()));
        assert_eq!(open.return_failed.as_deref(), Some("no_such_payment"));
        assert!(open.step(failed, NOW).is_err());
    }

    #[test]
    fn a_payment_is_booked_late_or_goes_back_by_two_above_the_sum_and_nothing_else_is() {
        for (act, then) in [(Act::BookLate, "resolved"), (Act::Return, "returning")] {
            let (done, entries) = payment(ALONE_MAX).step(resolve(act, "li"), NOW).unwrap();
            assert_eq!((done.state.status(), entries), (then, Vec::new()));
            let (proposed, _) = payment(ALONE_MAX + 1).step(resolve(act, "li"), NOW).unwrap();
            assert_eq!(proposed.state.status(), "proposed");
            assert_eq!(
                proposed.clone().step(decide(true, "li"), NOW),
                Err(NotResolved::SamePerson)
            );
            let (open, _) = proposed.clone().step(decide(false, "wang"), NOW).unwrap();
            assert_eq!(open.state, DifferenceState::Open);
            let (done, entries) = proposed.step(decide(true, "wang"), NOW).unwrap();
            assert_eq!((done.state.status(), entries), (then, Vec::new()));
            let refused = difference(Some(500)).step(resolve(act, "li"), NOW);
            assert_eq!(refused, Err(NotResolved::NoPayment));
        }
        let (late, _) = payment(500).step(resolve(Act::BookLate, "li"), NOW).unwrap();
        // The entry is its order's.
        assert!(late.entries().is_empty());
    }
}
