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
mod bearer;
mod books;
mod charges;
#[cfg(test)]
mod later;
mod reserve;
mod review;
#[cfg(test)]
mod settling;
mod split;
mod step;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;

use serde::{Deserialize, Serialize};

pub use at_channel::{ChannelMovement, ChannelReference};
pub use bearer::{NoBearer, RefundBearer};
pub use books::BadBooks;
pub use charges::{Charges, Costs, OF_REVIEW, RefundCharge};
pub use reserve::{MAX_RESERVE_DAYS, ReserveRelease, ReserveTerms, Reserved};
pub use review::{Released, Review, ReviewVerdict};
pub use split::{
    NewSplit, NewSplitReturn, Split, SplitFailure, SplitFinish, SplitItem, SplitMode, SplitReturn,
    SplitReturnState, SplitTime,
};
pub use step::step;

use crate::id::{AttemptId, MerchantId, OrderId, RefundId, SplitId, SplitReturnId};
use crate::instalments::Plan;
use crate::ledger::{Account, Entry};
use crate::money::Money;
use crate::policy::Share;
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

/// The terms on which the order was created; never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The order.
    pub id: OrderId,
    /// Whose order it is.
    pub merchant: MerchantId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_order_id: String,
    /// The amount that the shopper pays.
    pub amount: Money,
    /// The merchant's fee, taken from the amount: no more than `amount`, in its currency.
    pub fee: Money,
    /// The others' shares once it is settled; with the fee no more than `amount`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// When it is said who gets a part; nobody has a share yet of an order that is split later.
    #[serde(default, skip_serializing_if = "SplitTime::is_agreed")]
    pub split: SplitTime,
    /// The bearer of a refund once the payment is settled and the others have their shares.
    #[serde(default, skip_serializing_if = "RefundBearer::is_merchant")]
    pub refund_bearer: RefundBearer,
    /// Risk control wants a review: the merchant's share is held back once paid, until somebody
    /// has looked.
    pub held: bool,
    /// Whether money moves at once when the shopper agrees.
    pub capture: Capture,
    /// The contract that it was made under; 0 is the standard, which every merchant begins with.
    #[serde(default, skip_serializing_if = "is_standard")]
    pub contract: u32,
    /// What that contract takes of refunds and splits.
    #[serde(default, skip_serializing_if = "Charges::is_none")]
    pub charges: Charges,
    /// What that contract keeps back of a settled payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<ReserveTerms>,
    /// The text that the shopper reads.
    pub description: String,
    /// The methods a shopper may choose, best first.
    pub methods: Vec<String>,
    /// The plans by which the shopper may pay it in monthly parts, where a method does that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instalments: Vec<Plan>,
    /// When the order was created.
    pub created_at: Timestamp,
    /// From when on it can no longer be paid.
    pub expires_at: Timestamp,
}

fn is_standard(contract: &u32) -> bool {
    *contract == 0
}

/// Whether money moves at once when the shopper agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// It does.
    #[default]
    Automatic,
    /// The amount is authorised only, until the merchant captures it, whole or in part, once.
    Manual,
}

impl Capture {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
        }
    }
}

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
    /// Every refund, oldest first; at most [`MAX_REFUNDS`].
    pub refunds: Vec<Refund>,
    /// Every split of one that is split later, oldest first; at most [`MAX_SPLITS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
    /// The end of its splitting, once it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_finish: Option<SplitFinish>,
    /// What is kept back of it once it is settled, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
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
        /// The channel's offer to the shopper, once it gave one.
        offer: Option<Offer>,
    },
    /// The shopper agreed and the amount is set aside; waiting for the merchant to capture it.
    Authorized {
        /// The attempt that succeeded.
        payment: Payment,
    },
    /// Waiting for a channel's word on a capture.
    Capturing {
        /// The attempt that was authorised.
        payment: Payment,
        /// The amount that the merchant wants of it.
        amount: Money,
    },
    /// Paid.
    Paid {
        /// The attempt that succeeded.
        payment: Payment,
        /// The capture: of the order's amount, unless the merchant captured less.
        captured: Captured,
        /// The settlement, once there was one.
        settled: Option<Settled>,
    },
    /// Waiting for a channel's word on a void.
    Voiding {
        /// The attempt that is reversed.
        payment: Payment,
        /// The capture, if there was one.
        captured: Option<Captured>,
    },
    /// Reversed before it was settled.
    Voided {
        /// The attempt that was reversed.
        payment: Payment,
        /// The capture, if there was one.
        captured: Option<Captured>,
        /// When the channel said so.
        voided_at: Timestamp,
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
    /// Every status.
    pub const STATUSES: [&'static str; 8] =
        ["created", "paying", "authorized", "capturing", "paid", "voiding", "voided", "closed"];

    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Paying { .. } => "paying",
            Self::Authorized { .. } => "authorized",
            Self::Capturing { .. } => "capturing",
            Self::Paid { .. } => "paid",
            Self::Voiding { .. } => "voiding",
            Self::Voided { .. } => "voided",
            Self::Closed { .. } => "closed",
        }
    }

    /// The attempt that was authorised or paid, if one was.
    pub fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Authorized { payment }
            | Self::Capturing { payment, .. }
            | Self::Paid { payment, .. }
            | Self::Voiding { payment, .. }
            | Self::Voided { payment, .. } => Some(payment),
            Self::Created { .. } | Self::Paying { .. } | Self::Closed { .. } => None,
        }
    }
}

/// A try that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The attempt.
    pub attempt: AttemptId,
    /// The channel's own number for it.
    pub channel_ref: String,
    /// When the channel said so.
    pub at: Timestamp,
}

/// A capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// How much, at most the order's amount.
    pub amount: Money,
    /// When the channel said so.
    pub at: Timestamp,
    /// From when on it is settled, and can be refunded but no longer voided.
    #[serde(default, skip_serializing_if = "Settles::is_a_day_later")]
    pub settles: Settles,
}

/// When what was captured is settled: agreed at the capture, by the contract of the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settles {
    /// [`SETTLEMENT_SECS`] after the capture.
    #[default]
    ADayLater,
    /// Then.
    At(Timestamp),
    /// Nobody can say yet: the contract counts business days, and its calendar has no data for them.
    NotKnown,
}

impl Settles {
    fn is_a_day_later(&self) -> bool {
        *self == Self::ADayLater
    }
}

impl Captured {
    /// From when on it is settled; `None` as long as nobody can say.
    pub fn settles_at(&self) -> Option<Timestamp> {
        match self.settles {
            Settles::ADayLater => Some(self.at.plus_secs(SETTLEMENT_SECS)),
            Settles::At(at) => Some(at),
            Settles::NotKnown => None,
        }
    }

    /// Whether it is settled by then, whoever books that.
    pub fn is_settled_at(&self, now: Timestamp) -> bool {
        self.settles_at().is_some_and(|at| now >= at)
    }
}

/// When something happens to an order, and when it settles if that is a capture, or if that was not
/// known when it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// When what is captured settles by its contract.
    pub settles: Settles,
}

impl From<Timestamp> for Moment {
    fn from(now: Timestamp) -> Self {
        Self { now, settles: Settles::ADayLater }
    }
}

/// The settled parts, the merchant's and others': together the capture, less its fee, less
/// what was refunded until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The merchant's part; of an order that is split later it waits to be split.
    pub amount: Money,
    /// The others': of what was agreed as much as there was of the whole, and nothing that is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// What splitting it cost the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// When.
    pub at: Timestamp,
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
    /// The plan that the shopper chose, if it is paid in monthly parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalments: Option<Plan>,
    /// When the shopper chose. [`crate::order::step`] writes it; records of earlier releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
}

impl Attempt {
    /// When it was begun, the same for each call to the channel.
    pub fn begun(&self) -> Timestamp {
        self.begun_at.unwrap_or_else(|| self.id.made_at())
    }
}

/// Why a channel declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// A stable word, such as `shopper_declined`.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// A channel's offer: a credential to pay by, and its expiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The credential that the shopper pays by.
    pub credential: Credential,
    /// From when on it begins no payment any more; absent if it ends with the order. Who began in time
    /// may still finish, and what comes of that is taken or returned as any late payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The credential by which a shopper pays with the method chosen.
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
    /// The parameters of `wx.requestPayment` in a WeChat mini-program, and of a page's call in WeChat's browser,
    /// signed by WeChat Pay's merchant.
    WechatJsapi {
        /// The mini-program or official account that the page belongs to.
        app_id: String,
        /// Seconds since the epoch, as a text.
        time_stamp: String,
        /// At most 32 characters.
        nonce_str: String,
        /// `prepay_id=…`
        package: String,
        /// `RSA`.
        sign_type: String,
        /// The signature over these, base64.
        pay_sign: String,
    },
    /// The parameters of `my.tradePay` in an Alipay mini-program.
    AlipayMini {
        /// Alipay's number of the trade.
        trade_no: String,
    },
    /// The parameters of `tt.pay` in a Douyin mini-program.
    DouyinMini {
        /// Douyin's number of the order.
        order_id: String,
        /// The token that opens it, once.
        order_token: String,
    },
}

/// Money that came although the order could not take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The attempt it came by.
    pub attempt: AttemptId,
    /// How much came.
    pub amount: Money,
    /// It has gone back.
    pub done: bool,
    /// Since when it is owed; records of earlier releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A refund of a paid order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Our id of it, at the channel too.
    pub id: RefundId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_refund_id: String,
    /// The amount that the shopper gets back.
    pub amount: Money,
    /// The part of the fee that the merchant gets back: the refund's share of it.
    pub fee: Money,
    /// Why, in the merchant's words.
    pub reason: Option<String>,
    /// The account that the merchant's part was taken from.
    pub from: Account,
    /// The others' parts of it, less its fee: the rest is the merchant's part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// The part of the merchant's that was taken from what is available to it, because too little waited to
    /// be split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Money>,
    /// The part of the merchant's that was taken from what was kept back of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Money>,
    /// What it cost the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<RefundCharge>,
    /// Where it stands.
    pub state: RefundState,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RefundState {
    /// Waiting for the channel's word.
    Pending,
    /// The shopper has the money.
    Succeeded {
        /// Since when.
        at: Timestamp,
    },
    /// The channel refused, and the merchant has its money again.
    Failed {
        /// Why, as a stable word.
        code: String,
        /// Since when.
        at: Timestamp,
        /// The account that the merchant's part went back to, but for what was taken beyond.
        to: Account,
    },
}

impl Refund {
    /// The merchant's part of it: less its fee, and less what others bear.
    pub fn own(&self) -> Option<Money> {
        let net = self.amount.checked_sub(self.fee)?;
        self.shares.iter().try_fold(net, |net, it| net.checked_sub(it.amount))
    }

    /// The part of that which came from the account where the merchant's part of the order lay.
    pub(crate) fn taken_where_it_lay(&self) -> Option<Money> {
        let elsewhere = self.beyond.iter().chain(&self.reserve);
        elsewhere.into_iter().try_fold(self.own()?, |own, it| own.checked_sub(*it))
    }
}

impl RefundState {
    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
        }
    }
}

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
    /// What was kept back of the payment may go.
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
    pub const EVENT_TYPES: [&'static str; 15] = [
        "order.authorized",
        "order.paid",
        "order.closed",
        "order.voided",
        "order.void_failed",
        "order.capture_failed",
        "order.needs_attention",
        "payment.declined",
        "payment.returned",
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

impl Order {
    /// A new order.
    ///
    /// `None` if fee and shares are more than the amount or in another currency, which the policy's
    /// checks rule out before, or if refunds are to be borne by one without a share.
    pub fn create(terms: Terms) -> Option<Step> {
        let net = terms.amount.checked_sub(terms.fee)?;
        terms.shares.iter().try_fold(net, |left, it| left.checked_sub(it.amount))?;
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
            reserved: None,
            refunds: Vec::new(),
            splits: Vec::new(),
            split_finish: None,
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

    /// The amount that went back to the shopper by refunds.
    pub fn refunded(&self) -> Money {
        self.sum(|state| matches!(state, RefundState::Succeeded { .. }))
    }

    /// The amount on its way back to them.
    pub fn refunding(&self) -> Money {
        self.sum(|state| matches!(state, RefundState::Pending))
    }

    /// The amount that can still be refunded.
    pub fn refundable(&self) -> Money {
        let captured = match &self.state {
            State::Paid { captured, .. } => captured.amount,
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
