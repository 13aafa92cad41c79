//! Why an event cannot happen to an order.

use super::ReviewVerdict;
use crate::money::Money;

/// Why an event cannot happen to an order. The order stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The order is in a state that does not allow it.
    #[error("the order is {status}, so this is not possible")]
    State {
        /// The order's status.
        status: &'static str,
    },
    /// The order was never paid by such an attempt.
    #[error("no such attempt to pay the order")]
    UnknownAttempt,
    /// The order has no such refund.
    #[error("the order has no such refund")]
    UnknownRefund,
    /// The order's time is over.
    #[error("the order has expired")]
    Expired,
    /// Its time is not over yet.
    #[error("it is too early for this")]
    TooEarly,
    /// [`MAX_ATTEMPTS`] is reached.
    #[error("the order was tried too many times")]
    TooManyAttempts,
    /// The order does not offer this method.
    #[error("the order does not offer this method")]
    MethodNotOffered,
    /// The order does not offer this plan.
    #[error("the order does not offer these instalments")]
    PlanNotOffered,
    /// The amount is in another currency than the order.
    #[error("the order is in {expected}")]
    Currency {
        /// The order's currency.
        expected: &'static str,
    },
    /// Nothing is asked for.
    #[error("an amount of nothing")]
    Nothing,
    /// More is to be captured than is set aside.
    #[error("only {available} can be captured")]
    CaptureTooLarge {
        /// The most that can be captured.
        available: Money,
    },
    /// More is to be refunded than was captured, less what was refunded or is being refunded.
    #[error("only {available} can still be refunded")]
    RefundTooLarge {
        /// The amount that can still be refunded.
        available: Money,
    },
    /// A debit is not reversed: once it is charged it goes back by a refund.
    #[error("a debit cannot be voided: refund it instead")]
    Debit,
    /// The payer's bank took the debit back, so nothing of it is left.
    #[error("the payer's bank took the debit back: nothing of it can be refunded or split")]
    DebitReturned,
    /// [`MAX_REFUNDS`] is reached.
    #[error("the order has too many refunds")]
    TooManyRefunds,
    /// The payment is settled, so it can be refunded, but not voided.
    #[error("the payment is settled: refund it instead")]
    Settled,
    /// Some of the payment was refunded, so it cannot be voided.
    #[error("the order has refunds, so it can no longer be voided: refund the rest instead")]
    Refunded,
    /// [`MAX_FAILED_VOIDS`] is reached.
    #[error("the channel refused too many voids: refund the payment instead")]
    TooManyVoids,
    /// The order is not one that is split later.
    #[error("the order is not split later: its shares were agreed when it was created")]
    NotSplitLater,
    /// The money went to the merchant's own account, so it is not ours to share out.
    #[error(
        "the order was paid to the merchant's own account: it is not settled, and cannot be split"
    )]
    PaidDirectly,
    /// Others are to have a part of it, which only we can share out.
    #[error(
        "others have a part of the order, or it is settled in another currency, so it cannot be paid to the merchant's own account"
    )]
    NotDirect,
    /// Only what is settled can be split.
    #[error("the payment is not settled yet")]
    NotSettled,
    /// Its splitting has ended.
    #[error("the splitting of the order is finished")]
    SplitFinished,
    /// More is to be split than waits for it.
    #[error("only {available} can still be split")]
    SplitTooLarge {
        /// As much can still be split.
        available: Money,
    },
    /// [`MAX_SPLITS`] is reached.
    #[error("the order has too many splits")]
    TooManySplits,
    /// A receiver that was removed gets no new share.
    #[error("the receiver {receiver} was removed")]
    ReceiverRemoved {
        /// Its name.
        receiver: String,
    },
    /// The order has no such split, or nobody of this name has a share of it.
    #[error("the split has no share of this receiver")]
    UnknownSplit,
    /// More is to be given back than the receiver still has of its share.
    #[error("only {available} of the share can still be given back")]
    SplitReturnTooLarge {
        /// As much can still be given back.
        available: Money,
    },
    /// [`MAX_RETURNS`] is reached.
    #[error("the order has too many returns of splits")]
    TooManySplitReturns,
    /// Nothing of the order is held for a review.
    #[error("nothing of the order is held for a review")]
    NotHeld,
    /// The review ended otherwise.
    #[error("the order was {verdict} by a review before")]
    Reviewed {
        /// How.
        verdict: ReviewVerdict,
    },
}

/// An order that cannot have come about by [`super::step()`]: its record was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order contradicts itself: {0}")]
pub struct BadBooks(pub(super) &'static str);
