//! The life of an order: [`step()`] is the only place where a decision about money is made.
//!
//! ```text
//!            MethodChosen            Paid                    VoidRequested        Voided
//!  Created ───────────────▶ Paying ────────▶ Paid ─────────────────────▶ Voiding ────▶ Voided
//!     ▲ │      Declined     │ │ │             ▲                           ▲   │
//!     │ └───────────────────┘ │ │ Authorized  │ Paid                      │   │ VoidFailed: back
//!     │  CloseRequested,      │ └─────▶ Authorized ──▶ Capturing          │   ▼ to where it came from
//!     ▼  Expired              ▼           │  ▲   CaptureRequested         │
//!  Closed ◀───────────────────┘           │  └──────── CaptureFailed      │
//!                                         └───────────────────────────────┘
//!                                           VoidRequested, ReleaseDue
//! ```
//!
//! A channel may say "paid" at any time: late, twice, for a try that the shopper gave up, or of
//! another amount. The first success on an open order pays it; money that the order cannot take
//! is booked as owed back and returned. Refunds belong to a paid order and never exceed, together
//! with those still under way, what was captured. Nothing here touches the world: what is to be
//! done comes out as [`Effect`]s, which the host commits with the state and performs after.
//!
//! Every state and event stand in one table: `order/table.txt`, which the tests hold row by row.

mod at_channel;
mod attempt;
mod bearer;
mod books;
mod charges;
#[cfg(test)]
mod converted;
mod converting;
mod debit;
#[cfg(test)]
mod debit_tests;
mod direct;
#[cfg(test)]
mod direct_tests;
mod event;
mod evidence;
#[cfg(test)]
mod later;
mod refund;
mod refusal;
mod reserve;
mod review;
#[cfg(test)]
mod settling;
mod split;
mod splits;
mod state;
mod step;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod table;
mod terms;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;

use serde::{Deserialize, Serialize};

pub use at_channel::{ChannelMovement, ChannelReference};
pub use attempt::{Attempt, Credential, Decline, DirectAccount, Offer};
pub use bearer::{NoBearer, RefundBearer};
pub use charges::{Charges, Costs, OF_REVIEW};
pub use debit::DebitReturn;
pub use event::{Attention, Effect, Event, Notice};
pub use evidence::Evidence;
pub use refund::{Refund, RefundCharge, RefundState, Return};
pub use refusal::{BadBooks, Refusal};
pub use reserve::{MAX_RESERVE_DAYS, ReserveRelease, ReserveTerms, Reserved};
pub use review::{Released, Review, ReviewVerdict};
pub use splits::{
    NewSplit, NewSplitReturn, Split, SplitFailure, SplitFinish, SplitItem, SplitMode, SplitReturn,
    SplitReturnState, SplitTime,
};
pub use state::{Captured, CloseReason, Moment, Payment, Settled, Settles, State};
pub use step::step;
pub use terms::{Capture, Terms};

use crate::funds::pricing::Promoted;
use crate::id::{AttemptId, RefundId};
use crate::ledger::Entry;
use crate::money::Money;
use crate::time::Timestamp;

/// How many times a shopper may start to pay one order; a stranger's page cannot fill the store.
pub const MAX_ATTEMPTS: usize = 20;

/// How many refunds one order may have, failed ones included: what other channels allow.
pub const MAX_REFUNDS: usize = 50;

/// How many splits one order may have, and how many returns of them, failed ones included: as WeChat Pay.
pub const MAX_SPLITS: usize = 50;

/// As [`MAX_SPLITS`], of all of the order's splits together.
pub const MAX_RETURNS: usize = 50;

/// How long after its settlement a payment can be split: 30 days, as Alipay has it.
pub const SPLIT_SECS: i64 = 30 * 86_400;

/// How many times a void may fail before no more are tried.
pub const MAX_FAILED_VOIDS: u32 = 20;

/// An authorisation that was not captured is released after seven days, as card schemes ask.
pub const AUTHORIZATION_SECS: i64 = 7 * 86_400;

/// How long after its capture a payment is settled if no contract says otherwise: one day.
pub const SETTLEMENT_SECS: i64 = 86_400;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The terms on which it was created.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
    /// Every try to pay it, oldest first; at most [`MAX_ATTEMPTS`].
    pub attempts: Vec<Attempt>,
    /// Money that came although the order could not take it, one for each attempt at most.
    pub returns: Vec<Return>,
    /// Evidence of the payments that a channel's bill told of; one for each attempt at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Every refund, oldest first; at most [`MAX_REFUNDS`].
    pub refunds: Vec<Refund>,
    /// Every split of one that is split later, oldest first; at most [`MAX_SPLITS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
    /// The end of its splitting, once it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_finish: Option<SplitFinish>,
    /// The part that is kept back once it is settled, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
    /// The return of a debit by the payer's bank, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debit_return: Option<DebitReturn>,
    /// Voids that a channel refused; at most [`MAX_FAILED_VOIDS`].
    pub failed_voids: u32,
    /// The reviews of an order that is held: refusals that came to nothing, and then the one
    /// that counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Review>,
    /// Captures and voids that a channel was asked for. The last one's number tells the channel's
    /// answer to it from a late one to those before.
    pub channel_requests: u32,
    /// When the last void was asked for, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_requested_at: Option<Timestamp>,
    /// The items that a person must look at; empty but for rare trouble.
    pub attention: Vec<Attention>,
    /// Rises by one with each change.
    pub version: u64,
    /// How many events its merchant was told of, or will be.
    pub notices: u32,
}

/// The result of a step: all of it is committed, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The order as it is now.
    pub order: Order,
    /// The entry to book, if there is one.
    pub entry: Option<Entry>,
    /// The actions to take after the commit.
    pub effects: Vec<Effect>,
}

impl Order {
    /// A new order.
    ///
    /// `None` if the amount is worth nothing, if it is a debit that is not to be charged at once, if fee, shares and what is to be kept back are more than its value or in
    /// another currency, or if refunds are to be borne by one without a share.
    pub fn create(terms: Terms) -> Option<Step> {
        let value = terms.value(terms.amount).filter(|it| it.minor() > 0)?;
        let net = value.checked_sub(terms.fee)?;
        let own = terms.shares.iter().try_fold(net, |left, it| left.checked_sub(it.amount))?;
        own.checked_sub(terms.reserve.map_or(Money::zero(net.currency()), |it| it.of(net)))?;
        // A debit is charged at once, in our name, and by what its mandate names.
        let manual = terms.capture == Capture::Manual;
        if terms.mandate.is_some() && (manual || !terms.instalments.is_empty()) {
            return None;
        }
        let later = terms.split == SplitTime::Later;
        if later && !terms.shares.is_empty() {
            return None;
        }
        // Nobody knows yet who will have a share of an order that is split later.
        if !later && !terms.refund_bearer.is_one_of(&terms.shares) {
            return None;
        }
        let order = Self {
            terms,
            state: State::Created { declined: None },
            attempts: Vec::new(),
            returns: Vec::new(),
            evidence: Vec::new(),
            reserved: None,
            refunds: Vec::new(),
            splits: Vec::new(),
            split_finish: None,
            debit_return: None,
            failed_voids: 0,
            reviews: Vec::new(),
            channel_requests: 0,
            void_requested_at: None,
            attention: Vec::new(),
            version: 1,
            notices: 0,
        };
        Some(Step { order, entry: None, effects: vec![Effect::Expire] })
    }

    /// The try that is under way, if it is what this one would be: two taps on one button are one payment.
    /// One whose code is over does not count, for the tap wants another code.
    pub fn under_way(&self, wanted: &Attempt, now: Timestamp) -> Option<&Attempt> {
        match &self.state {
            State::Paying { attempt, .. } if !self.is_idle(now) => self
                .attempt(attempt)
                .filter(|it| it.method == wanted.method && it.instalments == wanted.instalments),
            _ => None,
        }
    }

    /// Whether it can be paid, and no payment can be begun by what a channel gave: none was asked, the
    /// last one declined, or its code is over. Who began by that code in time may still finish, and what
    /// comes of it is taken or returned as any late payment.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        match &self.state {
            State::Created { .. } => true,
            State::Paying { offer: Some(Offer { expires_at: Some(end), .. }), .. } => now >= *end,
            _ => false,
        }
    }

    /// Checks that it waits to be paid.
    ///
    /// # Errors
    ///
    /// [`Refusal::State`], [`Refusal::Expired`].
    pub fn check_unpaid(&self, now: Timestamp) -> Result<(), Refusal> {
        match &self.state {
            State::Created { .. } | State::Paying { .. } if now < self.terms.expires_at => Ok(()),
            State::Created { .. } | State::Paying { .. } => Err(Refusal::Expired),
            state => Err(Refusal::State { status: state.status() }),
        }
    }

    /// The attempt with this id.
    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == *id)
    }

    /// The refund with this id.
    pub fn refund(&self, id: &RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == *id)
    }

    /// The amount captured and not voided.
    pub fn captured(&self) -> Money {
        match &self.state {
            State::Paid { captured, .. } => captured.amount,
            State::Voiding { captured: Some(captured), .. } => captured.amount,
            _ => Money::zero(self.terms.amount.currency()),
        }
    }

    /// Its part in its merchant's volume, which tiers of fees depend on: what was captured less what is
    /// refunded or voided. A merchant that pays itself and takes it back reaches no tier by that.
    pub fn volume(&self) -> Money {
        if self.direct().is_none() {
            return self.refundable();
        }
        // Booked once it went through, so it counts from then on.
        let captured = match &self.state {
            State::Paid { captured, .. } => Some(captured),
            State::Voiding { captured, .. } => captured.as_ref(),
            _ => None,
        };
        let left = captured.and_then(|it| it.amount.checked_sub(self.refunded()));
        left.unwrap_or(Money::zero(self.terms.amount.currency()))
    }

    /// Its part of a promotion. One that came to nothing, or was voided, uses nothing any more; a refund gives
    /// nothing back.
    pub fn promoted(&self) -> Option<&Promoted> {
        match &self.state {
            State::Closed { .. } | State::Voided { .. } => None,
            _ => self.terms.fee_basis.promotion.as_ref(),
        }
    }

    /// The amount that went back to the shopper by refunds.
    pub fn refunded(&self) -> Money {
        self.sum(|state| matches!(state, RefundState::Succeeded { .. }))
    }

    /// The amount on its way back to them.
    pub fn refunding(&self) -> Money {
        self.sum(|state| matches!(state, RefundState::Pending))
    }

    /// The amount that can still be refunded: nothing of a debit that the payer's bank took back.
    pub fn refundable(&self) -> Money {
        let captured = match &self.state {
            State::Paid { captured, .. } if self.debit_return.is_none() => captured.amount,
            _ => Money::zero(self.terms.amount.currency()),
        };
        let taken = self.sum(|state| !matches!(state, RefundState::Failed { .. }));
        captured.checked_sub(taken).unwrap_or(Money::zero(captured.currency()))
    }

    fn sum(&self, counts: impl Fn(&RefundState) -> bool) -> Money {
        let refunds = self.refunds.iter().filter(|refund| counts(&refund.state));
        // Together they are no more than what was captured, so nothing overflows.
        refunds.fold(Money::zero(self.terms.amount.currency()), |sum, refund| {
            sum.checked_add(refund.amount).unwrap_or(sum)
        })
    }
}
