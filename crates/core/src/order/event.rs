//! Events of an order, and the effects of a step.

use serde::{Deserialize, Serialize};

use super::{Attempt, Evidence, NewSplit, NewSplitReturn, Offer, ReviewVerdict};
use crate::id::{AttemptId, RefundId, SplitId, SplitReturnId};
use crate::money::Money;

/// An item that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Attention {
    /// The channel could not say in time what became of the attempt.
    Payment {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The channel has not given back what the order could not take.
    Return {
        /// The attempt it came by.
        attempt: AttemptId,
    },
    /// The channel could not say in time what became of the capture.
    Capture {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The channel could not say in time what became of the void.
    Void {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The channel could not say in time what became of the refund.
    Refund {
        /// The refund.
        refund: RefundId,
    },
    /// The channel spoke of another amount than was asked for.
    Amount {
        /// The attempt.
        attempt: AttemptId,
        /// The amount that the channel reported.
        received: Money,
    },
    /// The channel says that a refund succeeded of which it had said that it failed.
    Contradiction {
        /// The refund.
        refund: RefundId,
    },
}

/// An event of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The shopper chose a method, and a channel will be asked.
    MethodChosen(Attempt),
    /// The channel gave what the shopper needs to pay.
    Prepared(AttemptId, Offer),
    /// The channel says that the shopper agreed, and that the amount is set aside.
    Authorized {
        /// The attempt.
        attempt: AttemptId,
        /// How much is set aside.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// The channel says that the money came: by a payment, or by a capture.
    Paid {
        /// The attempt.
        attempt: AttemptId,
        /// The amount that the channel says it received.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// As `Paid`, once a channel's bill had told of the payment that nothing else did.
    PaidByBill {
        /// The bill's line, and the attempt that it is of.
        evidence: Evidence,
        /// The amount that the channel says it received.
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
    /// The channel says that the attempt is called off: no money came, and none will.
    Cancelled(AttemptId),
    /// The merchant wants the order closed.
    CloseRequested,
    /// The clock passed `expires_at`.
    Expired,
    /// The merchant wants this much of what is set aside, or all of it.
    CaptureRequested(Option<Money>),
    /// The channel refuses the capture; the amount stays set aside.
    CaptureFailed {
        /// Which one: [`Order::channel_requests`] when it was asked for.
        request: u32,
        /// Why, as a stable word.
        code: String,
    },
    /// The merchant wants the payment reversed.
    VoidRequested,
    /// The authorisation is over seven days old.
    ReleaseDue,
    /// The channel refuses the void; all stays as it was.
    VoidFailed {
        /// Which one: [`Order::channel_requests`] when it was asked for.
        request: u32,
        /// Why, as a stable word.
        code: String,
    },
    /// The merchant wants money given back.
    RefundRequested {
        /// Our id of it.
        id: RefundId,
        /// The merchant's own number.
        merchant_refund_id: String,
        /// How much.
        amount: Money,
        /// Why, in its words.
        reason: Option<String>,
    },
    /// The channel says that the refund went through.
    RefundSucceeded(RefundId),
    /// The channel says that the refund failed for good.
    RefundFailed {
        /// The refund.
        refund: RefundId,
        /// Why, as a stable word.
        code: String,
    },
    /// The channel gave back the whole of what came by the attempt.
    Returned(AttemptId),
    /// The channel says that the payer's bank took back what was debited, whole.
    DebitReturned {
        /// The attempt.
        attempt: AttemptId,
        /// How much.
        amount: Money,
        /// Why, as a stable word.
        code: String,
    },
    /// The time has come at which the payment is settled.
    SettlementDue,
    /// The merchant shares out what is frozen.
    SplitRequested(NewSplit),
    /// The merchant wants no more splits.
    SplitFinishRequested {
        /// Only if every share of this split was booked.
        after: Option<SplitId>,
    },
    /// The time to split is over.
    SplitTimeOver,
    /// The part that was kept back of the payment may go.
    ReserveDue,
    /// The merchant takes a share back.
    SplitReturnRequested(NewSplitReturn),
    /// A person looked at an order that is held.
    Reviewed {
        /// The reviewer's verdict.
        verdict: ReviewVerdict,
        /// Why.
        reason: String,
        /// The person who decided.
        by: String,
        /// The id of the refund, should the decision come to one.
        refund: RefundId,
    },
    /// A channel had its time to say, and did not.
    Unresolved(Attention),
    /// A person looked, and what is still open is tried again.
    Resumed,
}

/// An action to take once the step is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Close the order when its time is over.
    Expire,
    /// Release the authorisation when its time is over.
    Release,
    /// Settle the payment at its time.
    Settle,
    /// End its splitting when the time for it is over.
    FinishSplits,
    /// Let the merchant have what is kept back of the payment, at its time.
    ReleaseReserve,
    /// Ask the channel what became of the attempt, until it knows.
    Query(AttemptId),
    /// Have the channel debit the payer.
    Debit(AttemptId),
    /// Ask the channel for some weeks whether the debit came back.
    WatchDebit(AttemptId),
    /// Tell the channel that the attempt is given up.
    Cancel(AttemptId),
    /// Have the channel give the attempt's money back.
    Return(AttemptId),
    /// Have the channel capture.
    Capture(AttemptId),
    /// Have the channel reverse the attempt.
    Void(AttemptId),
    /// Have the channel refund.
    Refund(RefundId),
    /// Tell the merchant.
    Notify(Notice),
}

/// An event that a merchant is notified of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The amount is set aside.
    Authorized,
    /// The order is paid.
    Paid,
    /// The order can no longer be paid.
    Closed,
    /// The payment was reversed.
    Voided,
    /// The payment could not be reversed.
    VoidFailed,
    /// The capture was refused.
    CaptureFailed,
    /// A try failed; another may follow.
    Declined,
    /// Money that the order could not take went back.
    Returned,
    /// The payer's bank took a debit back.
    DebitReturned,
    /// A refund went through.
    RefundSucceeded(RefundId),
    /// A refund failed.
    RefundFailed(RefundId),
    /// No more splits: what was left is the merchant's to take out.
    SplitFinished,
    /// A receiver gave back a share.
    SplitReturned(SplitReturnId),
    /// A person must look at the order.
    NeedsAttention,
    /// Money of an order that is held came, or came back: a person is to decide.
    ReviewOpened,
    /// Somebody decided, or nothing is left to decide on.
    ReviewClosed,
}

impl Notice {
    /// Every event's type.
    pub const EVENT_TYPES: [&'static str; 16] = [
        "order.authorized",
        "order.paid",
        "order.closed",
        "order.voided",
        "order.void_failed",
        "order.capture_failed",
        "order.needs_attention",
        "payment.declined",
        "payment.returned",
        "debit.returned",
        "refund.succeeded",
        "refund.failed",
        "split.finished",
        "split.returned",
        "review.opened",
        "review.closed",
    ];

    /// The event's type in a callback.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::Authorized => "order.authorized",
            Self::Paid => "order.paid",
            Self::Closed => "order.closed",
            Self::Voided => "order.voided",
            Self::VoidFailed => "order.void_failed",
            Self::CaptureFailed => "order.capture_failed",
            Self::NeedsAttention => "order.needs_attention",
            Self::Declined => "payment.declined",
            Self::Returned => "payment.returned",
            Self::DebitReturned => "debit.returned",
            Self::RefundSucceeded(_) => "refund.succeeded",
            Self::RefundFailed(_) => "refund.failed",
            Self::SplitFinished => "split.finished",
            Self::SplitReturned(_) => "split.returned",
            Self::ReviewOpened => "review.opened",
            Self::ReviewClosed => "review.closed",
        }
    }

    /// The refund that it is about, if it is about one.
    pub fn refund(&self) -> Option<&RefundId> {
        match self {
            Self::RefundSucceeded(refund) | Self::RefundFailed(refund) => Some(refund),
            _ => None,
        }
    }

    /// The return that it is about, if it is about one.
    pub fn split_return(&self) -> Option<&SplitReturnId> {
        match self {
            Self::SplitReturned(it) => Some(it),
            _ => None,
        }
    }
}
