//! Payment channels: whoever really moves the shopper's money.
//!
//! Every call carries our id of the attempt, so that a repeat is not a second payment. A call that
//! is not answered is an unknown and never a failure: the worker asks again until the channel
//! knows. What a channel tells us unasked is a hint to ask it.

use std::net::IpAddr;
use std::pin::Pin;

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::funds::payout::Destination;
use lezai_core::id::{AttemptId, MandateId, PayoutId, RefundId};
use lezai_core::instalments::Plan;
use lezai_core::money::Money;
use lezai_core::order::{Credential, Offer};
use lezai_core::payer::Payer;
use lezai_core::time::Timestamp;

use crate::check::CheckFailed;
use crate::http::Headers;
use crate::number;

/// How a shopper pays with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// They scan a QR code.
    Qr,
    /// They are sent to the wallet's page.
    Redirect,
    /// A WeChat mini-program calls `wx.requestPayment`.
    WechatJsapi,
    /// An Alipay mini-program calls `my.tradePay`.
    AlipayMini,
    /// A Douyin mini-program calls `tt.pay`.
    DouyinMini,
    /// The till scans the code that the shopper shows.
    Code,
}

impl MethodKind {
    /// The kind as the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Redirect => "redirect",
            Self::WechatJsapi => "wechat_jsapi",
            Self::AlipayMini => "alipay_mini",
            Self::DouyinMini => "douyin_mini",
            Self::Code => "code",
        }
    }

    /// The kind of the method that a credential is for.
    pub fn of(credential: &Credential) -> Self {
        match credential {
            Credential::Qr { .. } => Self::Qr,
            Credential::Redirect { .. } => Self::Redirect,
            Credential::WechatJsapi { .. } => Self::WechatJsapi,
            Credential::AlipayMini { .. } => Self::AlipayMini,
            Credential::DouyinMini { .. } => Self::DouyinMini,
        }
    }
}

/// A method that a channel offers.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name in the API.
    pub id: &'static str,
    /// How it works.
    pub kind: MethodKind,
    /// Whether it is paid in monthly parts, which the channel finances: we are paid all of it at once.
    pub instalments: bool,
    /// Whether it is offered only to an order that names it: a method of one mini-program, or of browsers on
    /// phones, works where the merchant knows its shopper to be.
    pub named_only: bool,
}

impl Method {
    /// A method that any page can use, paid at once.
    pub const fn anywhere(id: &'static str, kind: MethodKind) -> Self {
        Self { id, kind, instalments: false, named_only: false }
    }

    /// A method that is offered only to an order that names it.
    pub const fn named(id: &'static str, kind: MethodKind) -> Self {
        Self { id, kind, instalments: false, named_only: true }
    }
}

/// Why a payment is refused whose order does not say who pays.
pub const PAYER_MISSING: &str = "payer_missing";

/// A payment that a channel is asked to collect.
#[derive(Clone, Debug)]
pub struct PaymentRequest {
    /// Our id.
    pub attempt: AttemptId,
    /// How.
    pub kind: MethodKind,
    /// How much.
    pub amount: Money,
    /// For whom, as the shopper knows it.
    pub merchant_name: String,
    /// The purpose of the payment.
    pub description: String,
    /// Where the shopper goes afterwards.
    pub return_url: String,
    /// Whether the money moves when they agree; otherwise it is set aside until it is captured.
    pub capture: bool,
    /// The plan that they chose, for a method that is paid in monthly parts.
    pub instalments: Option<Plan>,
    /// The method, by its name in the API.
    pub method: String,
    /// The shopper's identity at the channel's platform.
    pub payer: Payer,
    /// The shopper's address, as the merchant told it.
    pub client_ip: Option<IpAddr>,
    /// The code that the till scanned, for a [`MethodKind::Code`] method: good once, and kept nowhere.
    pub code: Option<String>,
    /// When the attempt was begun. The same in each repeat.
    pub begun_at: Timestamp,
    /// When the order can no longer be paid. The same in each repeat.
    pub expires_at: Timestamp,
}

/// The result of a request to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// The shopper can pay.
    Offer(Offer),
    /// The channel has the code that the shopper showed: a query says what came of it.
    Charging,
    /// The channel did not take it and never will: nothing can come of this attempt, and another
    /// channel may be tried.
    Refused {
        /// Why, as a stable word.
        code: String,
    },
}

/// An attempt as its channel is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRef {
    /// Our id.
    pub attempt: AttemptId,
    /// The method, by its name in the API.
    pub method: String,
    /// The amount asked for.
    pub amount: Money,
    /// When it was begun: some channels know a payment by its number and this time.
    pub begun_at: Timestamp,
    /// When its order could no longer be paid. Until then a channel that knows nothing of the attempt
    /// may still come to know it: some make no payment before a code is scanned.
    pub expires_at: Timestamp,
}

/// A capture of an amount that is set aside.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// The payment.
    pub attempt: AttemptId,
    /// Our number of the request. One that was refused stays refused, however late a copy of it
    /// comes: we go on as if nothing had been captured.
    pub number: u32,
    /// How much.
    pub amount: Money,
}

/// A reversal: the channel is asked to give the payment back whole.
#[derive(Clone, Debug)]
pub struct ReversalRequest {
    /// The payment.
    pub attempt: AttemptId,
    /// Its method, by its name in the API.
    pub method: String,
    /// Our number of the request, as in [`CaptureRequest`]. 0 for money that the order cannot take:
    /// it is asked for until it is given back, so a late copy does no harm.
    pub number: u32,
    /// When the payment was begun.
    pub begun_at: Timestamp,
    /// When this request was first made. The same in each repeat.
    pub requested_at: Timestamp,
}

/// A refund of a payment, or of a part of it.
#[derive(Clone, Debug)]
pub struct RefundRequest {
    /// Our id of the refund.
    pub refund: RefundId,
    /// The payment.
    pub attempt: AttemptId,
    /// Its method, by its name in the API.
    pub method: String,
    /// How much.
    pub amount: Money,
    /// How much the payment was.
    pub payment: Money,
    /// When the payment was begun.
    pub begun_at: Timestamp,
    /// When the refund was asked for. The same in each repeat.
    pub requested_at: Timestamp,
}

/// A payment that nothing of ours asked for, and that is to be given back.
#[derive(Clone, Debug)]
pub struct UnknownPayment {
    /// Its number in the channel's bill.
    pub number: String,
    /// Our id of the refund.
    pub refund: RefundId,
    /// All of it.
    pub amount: Money,
}

/// A form that a browser posts to a channel's own page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageForm {
    /// Where to.
    pub action: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// A callback of a channel, as it came.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A channel's reading of a callback that was sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandledCallback {
    /// The object to ask the channel about. The callback's own claims are never believed.
    pub about: About,
    /// The reply to send once the question is committed.
    pub reply: Acknowledgement,
}

/// The object that a callback is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A payment.
    Payment(AttemptId),
    /// A refund.
    Refund(RefundId),
    /// Nothing of ours, or nothing that matters.
    Nothing,
    /// It is not the channel's, or not for us.
    Refused,
}

/// The reply to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The status code.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: &'static str,
}

/// The future of a check of credentials.
pub type CheckFuture<'a> = Pin<Box<dyn Future<Output = Result<(), CheckFailed>> + Send + 'a>>;

/// The future of a handled callback.
pub type CallbackFuture<'a> = Pin<Box<dyn Future<Output = HandledCallback> + Send + 'a>>;

/// The status of an attempt, as a channel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptStatus {
    /// It never heard of it.
    Unknown,
    /// The shopper has not decided.
    Pending,
    /// The shopper agreed, and the amount is set aside.
    Authorized {
        /// How much.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// The money came.
    Paid {
        /// How much.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// It failed for good.
    Declined {
        /// Why, as a stable word.
        code: String,
    },
    /// It was called off and can no longer be paid.
    Cancelled,
    /// The money came and went back, or what was set aside was let go.
    Returned,
    /// The debited money came, and the payer's bank took it back.
    DebitReturned {
        /// How much came, and went back.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
        /// Why it went back, as a stable word.
        code: String,
    },
    /// It refuses what it was just asked for, a capture or a giving back; all stays as it was.
    Refused {
        /// Why, as a stable word.
        code: String,
    },
}

/// The status of a refund, as a channel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// It never heard of it.
    Unknown,
    /// The money is on its way.
    Pending,
    /// The shopper has it.
    Succeeded,
    /// It failed for good.
    Failed {
        /// Why, as a stable word.
        code: String,
    },
}

/// A payout that a channel is asked for.
#[derive(Clone, Debug)]
pub struct PayoutRequest {
    /// Our id of the payout.
    pub payout: PayoutId,
    /// How much.
    pub amount: Money,
    /// Where to.
    pub destination: Destination,
    /// The text that the recipient reads.
    pub description: Option<String>,
}

/// The status of a payout, as a channel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayoutStatus {
    /// It never heard of it.
    Unknown,
    /// The money is on its way.
    Pending,
    /// The money arrived.
    Paid {
        /// How much.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// It did not pay and will not.
    Failed {
        /// Why, as a stable word.
        code: String,
    },
    /// The money arrived, and came back.
    Returned {
        /// Why, as a stable word.
        code: String,
    },
}

/// A mandate that a channel is asked to have the shopper agree to.
#[derive(Clone, Debug)]
pub struct MandateRequest {
    /// Our id of it.
    pub mandate: MandateId,
    /// For whom, as the shopper knows it.
    pub merchant_name: String,
    /// The text that they agree to.
    pub description: String,
    /// The most of each debit.
    pub max_amount: Money,
    /// Where they go afterwards.
    pub return_url: Option<String>,
    /// Until when they may agree.
    pub agree_by: Timestamp,
    /// From when on it is not debited any more.
    pub expires_at: Timestamp,
}

/// The result of such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MandateOffered {
    /// The shopper decides at this address.
    At {
        /// The address.
        authorize_url: String,
    },
    /// The channel does not take it, and never will.
    Refused {
        /// Why, as a stable word.
        code: String,
    },
}

/// The status of a mandate, as a channel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MandateStatus {
    /// It never heard of it.
    Unknown,
    /// The shopper has not decided.
    Pending,
    /// They agreed.
    Active {
        /// The channel's own number.
        channel_ref: String,
    },
    /// They did not, or it does not take it.
    Declined {
        /// Why, as a stable word.
        code: String,
    },
    /// It is over, whoever ended it.
    Revoked,
}

/// A debit under a mandate.
#[derive(Clone, Debug)]
pub struct DebitRequest {
    /// Our id of the attempt: it keeps a repeat from being a second debit.
    pub attempt: AttemptId,
    /// The mandate.
    pub mandate: MandateId,
    /// The channel's own number of it.
    pub mandate_ref: String,
    /// How much.
    pub amount: Money,
    /// For whom, as the payer knows it.
    pub merchant_name: String,
    /// The purpose of the payment.
    pub description: String,
    /// When the attempt was begun. The same in each repeat.
    pub begun_at: Timestamp,
}

/// The result of a request to debit. What came of the debit a query says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Debited {
    /// The channel has it.
    Taken,
    /// It did not take it and never will.
    Refused {
        /// Why, as a stable word.
        code: String,
    },
}

/// The channel did not answer, or not in time: what it did is unknown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("channel {channel}: {reason}")]
pub struct Unanswered {
    /// Which channel.
    pub channel: &'static str,
    /// The cause, in words.
    pub reason: String,
}

/// The result of fetching a channel's bill of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillFetched {
    /// The bill, or what says that the day has none.
    Bill(Vec<u8>),
    /// It is still being made.
    Creating,
    /// The channel has none. Either it is not made yet, or nothing moved on that day: which of the two, the
    /// channel does not tell. In it what says so, to be kept in place of a bill once it is the latter.
    Absent(Vec<u8>),
    /// The channel does not give it to this account.
    NotPermitted,
}

/// One of our movements, by the number that the channel was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved<'m> {
    /// A payment.
    Payment(&'m AttemptId),
    /// A payment that went back as a whole.
    Reversal(&'m AttemptId),
    /// A refund.
    Refund(&'m RefundId),
    /// A payout.
    Payout(&'m PayoutId),
    /// A payout that came back.
    PayoutReturn(&'m PayoutId),
    /// A debit that the payer's bank took back.
    DebitReturn(&'m AttemptId),
}

/// How a bill names a movement: its kind, a word of `lezai_reconcile::movement::Kind`, and its reference.
pub type BillRow = (&'static str, String);

/// The future of a channel's answer.
pub type ChannelFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unanswered>> + Send + 'a>>;

/// A channel. Whatever is asked twice is done once; every call may end [`Unanswered`].
pub trait Channel: Send + Sync {
    /// Its name in policies, orders and the ledger.
    fn id(&self) -> &'static str;

    /// The methods that it offers.
    fn methods(&self) -> &'static [Method];

    /// One of its methods.
    fn method(&self, id: &str) -> Option<&'static Method> {
        self.methods().iter().find(|method| method.id == id)
    }

    /// The method that charges a code which a till scanned; none if the code is not the channel's.
    fn method_of_code(&self, _code: &str) -> Option<&'static str> {
        None
    }

    /// Asks it to collect a payment, or to set its amount aside.
    fn prepare(&self, request: PaymentRequest) -> ChannelFuture<'_, Prepared>;

    /// Asks what became of an attempt.
    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus>;

    /// Calls an attempt off, unless it is too late; either way says how it stands then.
    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus>;

    /// Takes this much of what is set aside, once, and lets go of the rest.
    fn capture(&self, request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus>;

    /// Has the whole of an attempt's money given back, or let go of what is set aside.
    fn reverse(&self, request: ReversalRequest) -> ChannelFuture<'_, AttemptStatus>;

    /// Has some of an attempt's money given back.
    fn refund(&self, request: RefundRequest) -> ChannelFuture<'_, RefundStatus>;

    /// Asks what became of a refund.
    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus>;

    /// Whether it gives a payment back by the number in its bill, though nothing of ours asked for that payment.
    fn returns_by_number(&self) -> bool {
        false
    }

    /// Has it give back such a payment. The refund's id keeps a repeat from being a second refund.
    fn return_payment(&self, request: UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(std::future::ready(Err(self.returns_nothing(&request))))
    }

    /// Asks what became of that.
    fn query_return(&self, request: &UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(std::future::ready(Err(self.returns_nothing(request))))
    }

    /// The answer of a channel that gives nothing back by a number.
    fn returns_nothing(&self, request: &UnknownPayment) -> Unanswered {
        let reason = format!("it gives nothing back by a number, so not {}", request.number);
        Unanswered { channel: self.id(), reason }
    }

    /// The kinds of destination that it pays out to; none if it pays nothing out.
    fn pays_to(&self) -> &'static [&'static str] {
        &[]
    }

    /// Has it pay out. The payout's id keeps a repeat from being a second payout.
    fn pay_out(&self, request: PayoutRequest) -> ChannelFuture<'_, PayoutStatus> {
        Box::pin(async move { Err(self.pays_nothing(&request.payout)) })
    }

    /// Asks what became of a payout, also once it was paid: it may come back.
    fn query_payout(&self, payout: &PayoutId) -> ChannelFuture<'_, PayoutStatus> {
        let error = self.pays_nothing(payout);
        Box::pin(async move { Err(error) })
    }

    /// The answer of a channel that pays nothing out.
    fn pays_nothing(&self, payout: &PayoutId) -> Unanswered {
        Unanswered { channel: self.id(), reason: format!("it pays nothing out, so not {payout}") }
    }

    /// The method of its debits, by its name in the API; none if it knows no mandates.
    fn debit_method(&self) -> Option<&'static str> {
        None
    }

    /// Asks it to have the shopper agree to a mandate. The mandate's id keeps a repeat from being a second one.
    fn sign(&self, request: MandateRequest) -> ChannelFuture<'_, MandateOffered> {
        Box::pin(async move { Err(self.debits_nothing(request.mandate.as_str())) })
    }

    /// Asks how a mandate stands, also once it is active: the shopper may take it back.
    fn query_mandate(&self, mandate: &MandateId) -> ChannelFuture<'_, MandateStatus> {
        let error = self.debits_nothing(mandate.as_str());
        Box::pin(async move { Err(error) })
    }

    /// Tells it that a mandate is over. One that it never heard of must not be agreed to later.
    fn revoke_mandate(&self, mandate: &MandateId) -> ChannelFuture<'_, MandateStatus> {
        let error = self.debits_nothing(mandate.as_str());
        Box::pin(async move { Err(error) })
    }

    /// Has it debit the payer. The attempt's id keeps a repeat from being a second debit.
    fn debit(&self, request: DebitRequest) -> ChannelFuture<'_, Debited> {
        Box::pin(async move { Err(self.debits_nothing(request.attempt.as_str())) })
    }

    /// The answer of a channel that knows no mandates.
    fn debits_nothing(&self, what: &str) -> Unanswered {
        Unanswered { channel: self.id(), reason: format!("it knows no mandates, so not {what}") }
    }

    /// How its bill names a movement.
    fn bill_row(&self, moved: Moved<'_>) -> BillRow {
        match moved {
            Moved::Payment(attempt) => ("payment", number::of_attempt(attempt)),
            Moved::Reversal(attempt) => ("void", number::of_attempt(attempt)),
            Moved::Refund(refund) => ("refund", number::of_refund(refund)),
            Moved::Payout(payout) => ("payout", number::of_payout(payout)),
            Moved::PayoutReturn(payout) => ("payout_return", number::of_payout(payout)),
            Moved::DebitReturn(attempt) => ("debit_return", number::of_attempt(attempt)),
        }
    }

    /// Where the days of its bills begin, in minutes east of Greenwich.
    fn bill_offset_minutes(&self) -> i32 {
        480
    }

    /// The bills of a day that it gives by itself; none if the operator puts them.
    fn bills(&self) -> &'static [BillKind] {
        &[]
    }

    /// How long after a day's end its bills can be asked for.
    fn bill_after_secs(&self) -> i64 {
        0
    }

    /// Asks for a bill of a day that is over.
    fn bill(&self, kind: BillKind, day: Date) -> ChannelFuture<'_, BillFetched> {
        let reason = format!("it gives no bills, so none of {} of {day}", kind.as_str());
        Box::pin(std::future::ready(Err(Unanswered { channel: self.id(), reason })))
    }

    /// Whether its credentials work, by a signed call that changes nothing. A channel without any has none that could
    /// not.
    fn check(&self) -> CheckFuture<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The form that takes a shopper to the channel's page, for a channel that takes no address for it: out of the query
    /// of the address that its [`Credential::Redirect`] named. None if that query is not what the channel made.
    fn page(&self, _query: &str) -> Option<PageForm> {
        None
    }

    /// Reads a callback. A channel that sends none refuses what others send in its name.
    fn hear(&self, _callback: Callback) -> CallbackFuture<'_> {
        let reply = Acknowledgement { status: 404, content_type: "text/plain", body: "" };
        Box::pin(std::future::ready(HandledCallback { about: About::Refused, reply }))
    }
}
