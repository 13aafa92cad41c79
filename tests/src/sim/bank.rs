//! The simulated channel: another company with books of its own, and the wire to it.
//!
//! A request of the gateway becomes a message. The simulation decides when the message arrives, how
//! often, and whether its answer does; the bank itself is honest, and does once what it is asked twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lezai_channels::channel::{
    AttemptRef, AttemptStatus, CaptureRequest, Channel, ChannelFuture, DebitRequest, Debited,
    MandateOffered, MandateRequest, MandateStatus, Method, MethodKind, PaymentRequest,
    PayoutRequest, PayoutStatus, Prepared, RefundRequest, RefundStatus, ReversalRequest,
    Unanswered,
};
use lezai_core::id::{AttemptId, MandateId, PayoutId, RefundId};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{Credential, Offer};
use lezai_core::time::Timestamp;
use tokio::sync::oneshot;

use super::Planted;
use super::counter::{self, Codes};
use super::funds::PaidOut;
use super::mandates::{self, Agreed};
use super::random::Random;

/// The channel's name.
pub(super) const CHANNEL: &str = "sim";
const METHODS: &[Method] = &[
    Method::anywhere("sim_qr", MethodKind::Qr),
    Method::anywhere("sim_redirect", MethodKind::Redirect),
    Method::named(counter::METHOD, MethodKind::Code),
];
/// The merchant's own account takes one of them.
const OWN_METHODS: &[Method] = &[Method::anywhere("sim_qr", MethodKind::Qr)];

/// A question on its way to the bank.
pub(super) struct Call {
    /// The merchant's own account that asks; empty for the platform's.
    pub(super) account: String,
    pub(super) ask: Ask,
    pub(super) reply: Option<oneshot::Sender<Said>>,
}

#[derive(Clone, Debug)]
pub(super) enum Ask {
    Prepare(PaymentRequest),
    Query(AttemptId),
    Cancel(AttemptId),
    Undo(AttemptId),
    Capture(CaptureRequest),
    Reverse(ReversalRequest),
    Refund(RefundRequest),
    QueryRefund(RefundId, AttemptId),
    PayOut(PayoutRequest),
    QueryPayout(PayoutId),
    Sign(MandateId),
    QueryMandate(MandateId),
    RevokeMandate(MandateId),
    Debit(DebitRequest),
}

impl Ask {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Prepare(_) => "prepare",
            Self::Query(_) => "query",
            Self::Cancel(_) => "cancel",
            Self::Undo(_) => "undo",
            Self::Capture(_) => "capture",
            Self::Reverse(_) => "reverse",
            Self::Refund(_) => "refund",
            Self::QueryRefund(..) => "query_refund",
            Self::PayOut(_) => "pay_out",
            Self::QueryPayout(_) => "query_payout",
            Self::Sign(_) => "sign",
            Self::QueryMandate(_) => "query_mandate",
            Self::RevokeMandate(_) => "revoke_mandate",
            Self::Debit(_) => "debit",
        }
    }
}

#[derive(Debug)]
pub(super) enum Said {
    Prepared(Prepared),
    /// A payment at the counter was undone.
    Undone,
    /// It may have been, or not yet.
    NotYet,
    AttemptStatus(AttemptStatus),
    Refund(RefundStatus),
    Payout(PayoutStatus),
    Mandate(MandateStatus),
    Debited(Debited),
}

/// The wire to the bank.
pub(super) struct Wire {
    pub(super) calls: Mutex<Vec<Call>>,
    pub(super) planted: Planted,
    /// The attempts that the planted bug no longer looks at.
    given_up: Mutex<Vec<AttemptId>>,
}

impl Wire {
    pub(super) fn new(planted: Planted) -> Arc<Self> {
        Arc::new(Self { calls: Mutex::default(), planted, given_up: Mutex::default() })
    }

    pub(super) async fn ask(&self, account: &str, ask: Ask) -> Result<Said, Unanswered> {
        let account = account.to_owned();
        let (reply, said) = oneshot::channel();
        self.calls.lock().unwrap().push(Call { account, ask, reply: Some(reply) });
        said.await.map_err(|_| Unanswered { channel: CHANNEL, reason: "lost".to_owned() })
    }

    pub(super) async fn standing(
        &self,
        account: &str,
        ask: Ask,
    ) -> Result<AttemptStatus, Unanswered> {
        match self.ask(account, ask).await? {
            Said::AttemptStatus(standing) => Ok(standing),
            said => panic!("{said:?} is no standing"),
        }
    }

    async fn payout_standing(&self, ask: Ask) -> Result<PayoutStatus, Unanswered> {
        match self.ask("", ask).await {
            Ok(Said::Payout(standing)) => Ok(standing),
            Ok(said) => panic!("{said:?} is no standing of a payout"),
            Err(_) if self.planted == Planted::SilenceIsFailure => {
                Ok(PayoutStatus::Failed { code: "no_answer".to_owned() })
            }
            Err(unanswered) => Err(unanswered),
        }
    }

    async fn refund_standing(&self, account: &str, ask: Ask) -> Result<RefundStatus, Unanswered> {
        match self.ask(account, ask).await? {
            Said::Refund(standing) => Ok(standing),
            said => panic!("{said:?} is no standing of a refund"),
        }
    }
}

/// The gateway's side of the wire.
pub(super) struct SimChannel {
    pub(super) wire: Arc<Wire>,
    pub(super) account: String,
    methods: &'static [Method],
}

impl SimChannel {
    /// The platform's.
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self { wire, account: String::new(), methods: METHODS }
    }

    /// A merchant's own.
    pub(super) fn of_account(wire: Arc<Wire>, account: String) -> Self {
        Self { wire, account, methods: OWN_METHODS }
    }

    /// The account that undoes a payment.
    fn undoing(&self) -> &str {
        match self.wire.planted {
            Planted::DirectAskedElsewhere => "",
            _ => &self.account,
        }
    }
}

impl Channel for SimChannel {
    fn id(&self) -> &'static str {
        CHANNEL
    }

    fn methods(&self) -> &'static [Method] {
        self.methods
    }

    fn method_of_code(&self, code: &str) -> Option<&'static str> {
        (code.len() == 18 && code.starts_with("99")).then_some(counter::METHOD)
    }

    fn prepare(&self, mut request: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        if self.wire.planted == Planted::FreshChargeNumber && request.code.is_some() {
            request.attempt = AttemptId::new(request.attempt.made_at(), fresh_bytes());
        }
        Box::pin(async move {
            match self.wire.ask(&self.account, Ask::Prepare(request)).await? {
                Said::Prepared(prepared) => Ok(prepared),
                said => panic!("{said:?} is no answer to a payment"),
            }
        })
    }

    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.attempt.clone();
        Box::pin(async move {
            if self.wire.given_up.lock().unwrap().contains(&attempt) {
                return Ok(AttemptStatus::Cancelled);
            }
            self.wire.standing(&self.account, Ask::Query(attempt)).await
        })
    }

    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let is_code = attempt.method == counter::METHOD;
        let attempt = attempt.attempt.clone();
        if is_code {
            return Box::pin(self.undo(attempt));
        }
        if self.wire.planted == Planted::LatePaymentIgnored {
            self.wire.given_up.lock().unwrap().push(attempt.clone());
        }
        Box::pin(async move {
            let standing = self.wire.standing(&self.account, Ask::Cancel(attempt)).await?;
            let late = matches!(standing, AttemptStatus::Paid { .. });
            if late && self.wire.planted == Planted::LatePaymentIgnored {
                return Ok(AttemptStatus::Cancelled);
            }
            Ok(standing)
        })
    }

    fn capture(&self, request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(self.wire.standing(&self.account, Ask::Capture(request)))
    }

    fn reverse(&self, request: ReversalRequest) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(self.wire.standing(self.undoing(), Ask::Reverse(request)))
    }

    fn refund(&self, mut request: RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        if self.wire.planted == Planted::FreshRefundId {
            let calls = self.wire.calls.lock().unwrap().len();
            request.refund = fresh(&request.refund, calls);
        }
        Box::pin(self.wire.refund_standing(self.undoing(), Ask::Refund(request)))
    }

    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        if self.wire.planted == Planted::FreshRefundId {
            return Box::pin(async { Ok(RefundStatus::Unknown) });
        }
        let ask = Ask::QueryRefund(request.refund.clone(), request.attempt.clone());
        Box::pin(self.wire.refund_standing(self.undoing(), ask))
    }

    fn pays_to(&self) -> &'static [&'static str] {
        &["account"]
    }

    fn pay_out(&self, mut request: PayoutRequest) -> ChannelFuture<'_, PayoutStatus> {
        if self.wire.planted == Planted::FreshPayoutId {
            request.payout = PayoutId::new(request.payout.made_at(), fresh_bytes());
        }
        Box::pin(self.wire.payout_standing(Ask::PayOut(request)))
    }

    fn query_payout(&self, payout: &PayoutId) -> ChannelFuture<'_, PayoutStatus> {
        if self.wire.planted == Planted::FreshPayoutId {
            return Box::pin(async { Ok(PayoutStatus::Unknown) });
        }
        Box::pin(self.wire.payout_standing(Ask::QueryPayout(payout.clone())))
    }

    fn debit_method(&self) -> Option<&'static str> {
        self.account.is_empty().then_some(mandates::METHOD)
    }

    fn sign(&self, request: MandateRequest) -> ChannelFuture<'_, MandateOffered> {
        Box::pin(self.sign_at_bank(request))
    }

    fn query_mandate(&self, mandate: &MandateId) -> ChannelFuture<'_, MandateStatus> {
        self.ask_mandate(Ask::QueryMandate(mandate.clone()))
    }

    fn revoke_mandate(&self, mandate: &MandateId) -> ChannelFuture<'_, MandateStatus> {
        self.ask_mandate(Ask::RevokeMandate(mandate.clone()))
    }

    fn debit(&self, request: DebitRequest) -> ChannelFuture<'_, Debited> {
        Box::pin(self.debit_at_bank(request))
    }
}

pub(super) fn fresh_bytes() -> [u8; 10] {
    static MADE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let made = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&made.to_le_bytes());
    bytes
}

fn fresh(id: &RefundId, calls: usize) -> RefundId {
    let mut bytes = fresh_bytes();
    bytes[8] = u8::try_from(calls % 256).unwrap_or_default();
    RefundId::new(id.made_at(), bytes)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Authorized,
    Paid,
    Declined,
    Cancelled,
    Returned,
    /// A debit that the payer's bank took back.
    TakenBack,
}

#[derive(Debug)]
struct Payment {
    /// The account that it came to; empty for the platform's.
    account: String,
    status: Status,
    capture: bool,
    asked: Money,
    /// Until when it can be begun. Whoever began before may finish at any time, as at a real bank.
    code_end: Option<Timestamp>,
    taken: i64,
    given_back: i64,
    /// Numbers of requests that were refused, and stay so.
    refused: Vec<u32>,
}

impl Payment {
    /// Whether a request is refused: those without a number by mood, the others once and for all.
    fn refuses(&mut self, number: u32, mood: bool) -> bool {
        if mood && number > 0 {
            self.refused.push(number);
        }
        mood || self.refused.contains(&number)
    }
}

#[derive(Debug)]
struct GivenBack {
    attempt: AttemptId,
    minor: i64,
    standing: RefundStatus,
}

/// The bank.
#[derive(Default)]
pub(super) struct Bank {
    payments: BTreeMap<AttemptId, Payment>,
    refunds: BTreeMap<RefundId, GivenBack>,
    pub(super) codes: Codes,
    pub(super) agreed: Agreed,
    /// The payments that are debits.
    pub(super) debited: Vec<AttemptId>,
    /// The amounts that it holds for the gateway, by currency.
    pub(super) holds: BTreeMap<&'static str, i64>,
    /// The amounts that it holds for the merchant itself.
    pub(super) direct: BTreeMap<&'static str, i64>,
    /// The payouts that it made.
    pub(super) paid_out: PaidOut,
}

impl Bank {
    pub(super) fn hear(
        &mut self,
        (account, ask): (&str, Ask),
        now: Timestamp,
        random: &mut Random,
        moods: bool,
    ) -> Said {
        if let Some(said) = self.not_of(account, &ask) {
            return said;
        }
        match ask {
            Ask::Prepare(request) if request.code.is_some() => {
                Said::Prepared(self.charge(account, request))
            }
            Ask::Prepare(request) => {
                let qr = format!("sim:{}", request.attempt);
                // Some codes last as long as their order, some are over before anybody sees them.
                let life_secs = random.between(-30, 300);
                let code_end = (life_secs < 240).then(|| now.plus_secs(life_secs.max(0)));
                let expires_at = self.begin(account, request, Status::Pending, code_end);
                Said::Prepared(Prepared::Offer(Offer {
                    credential: Credential::Qr { qr },
                    expires_at,
                }))
            }
            Ask::Query(attempt) => Said::AttemptStatus(self.standing(&attempt)),
            Ask::Undo(attempt) => self.undo(account, attempt, random, moods),
            Ask::Cancel(attempt) => {
                let payment = self.called_off(account, attempt.clone());
                if matches!(payment.status, Status::Pending | Status::Authorized) {
                    payment.status = Status::Cancelled;
                }
                Said::AttemptStatus(self.standing(&attempt))
            }
            Ask::Capture(CaptureRequest { attempt, number, amount }) => {
                let refuses = moods && random.once_in(8);
                let Some(payment) = self.payments.get_mut(&attempt) else {
                    return Said::AttemptStatus(AttemptStatus::Unknown);
                };
                if payment.status == Status::Authorized {
                    if payment.refuses(number, refuses) || amount.minor() > payment.asked.minor() {
                        return refused();
                    }
                    payment.status = Status::Paid;
                    payment.taken = amount.minor();
                    self.moved(&attempt, amount.minor());
                }
                Said::AttemptStatus(self.standing(&attempt))
            }
            Ask::Reverse(ReversalRequest { attempt, number, .. }) => {
                let refuses = moods && random.once_in(3);
                let Some(payment) = self.payments.get_mut(&attempt) else {
                    return Said::AttemptStatus(AttemptStatus::Unknown);
                };
                let open = matches!(payment.status, Status::Authorized | Status::Paid);
                if open && payment.refuses(number, refuses) {
                    return refused();
                }
                match payment.status {
                    Status::Authorized | Status::Pending => payment.status = Status::Cancelled,
                    Status::Paid if payment.given_back > 0 => return refused(),
                    Status::Paid => {
                        payment.status = Status::Returned;
                        let taken = payment.taken;
                        self.moved(&attempt, -taken);
                    }
                    Status::Declined | Status::Cancelled | Status::Returned | Status::TakenBack => {
                    }
                }
                Said::AttemptStatus(self.standing(&attempt))
            }
            Ask::Refund(request) => self.refund(request, random, moods),
            Ask::PayOut(request) => self.paid_out.pay(request, random, moods),
            Ask::QueryPayout(id) => self.paid_out.query(&id, random, moods),
            Ask::Sign(id) => self.sign(id),
            Ask::QueryMandate(id) => self.mandate(&id),
            Ask::RevokeMandate(id) => self.withdraw(id),
            Ask::Debit(request) => self.debit(request, random, moods),
            Ask::QueryRefund(id, _) => {
                let Some(refund) = self.refunds.get(&id) else {
                    return Said::Refund(RefundStatus::Unknown);
                };
                if refund.standing == RefundStatus::Pending {
                    let fails = moods && random.once_in(3);
                    self.end(&id, fails);
                }
                Said::Refund(self.refunds[&id].standing.clone())
            }
        }
    }

    pub(super) fn knows(&self, attempt: &AttemptId) -> bool {
        self.payments.contains_key(attempt)
    }

    /// A payment that the bank hears of, unless it has: gives until when it can be begun.
    pub(super) fn begin(
        &mut self,
        account: &str,
        request: PaymentRequest,
        status: Status,
        code_end: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let PaymentRequest { attempt, capture, amount: asked, .. } = request;
        let is_new = !self.knows(&attempt);
        let taken = if status == Status::Paid { asked.minor() } else { 0 };
        if is_new && taken > 0 {
            *self.holds.entry(asked.currency().code()).or_default() += taken;
        }
        let account = account.to_owned();
        let (given_back, refused) = (0, Vec::new());
        let new = Payment { account, status, capture, asked, code_end, taken, given_back, refused };
        self.payments.entry(attempt).or_insert(new).code_end
    }

    /// A payment that is given up. Should the request for it come late, it must not be paid any more.
    fn called_off(&mut self, account: &str, attempt: AttemptId) -> &mut Payment {
        let nothing = Money::zero(Currency::from_code("CNY").unwrap());
        self.payments.entry(attempt).or_insert(Payment {
            account: account.to_owned(),
            status: Status::Cancelled,
            capture: true,
            asked: nothing,
            code_end: None,
            taken: 0,
            given_back: 0,
            refused: Vec::new(),
        })
    }

    /// Undoes a payment as far as it came.
    pub(super) fn take_back(&mut self, account: &str, attempt: AttemptId) {
        let payment = self.called_off(account, attempt);
        let (currency, taken) = (payment.asked.currency().code(), payment.taken);
        match payment.status {
            Status::Pending | Status::Authorized => payment.status = Status::Cancelled,
            Status::Paid if payment.given_back == 0 => {
                payment.status = Status::Cancelled;
                *self.holds.entry(currency).or_default() -= taken;
            }
            _ => {}
        }
    }

    fn refund(&mut self, request: RefundRequest, random: &mut Random, moods: bool) -> Said {
        if let Some(known) = self.refunds.get(&request.refund) {
            return Said::Refund(known.standing.clone());
        }
        let minor = request.amount.minor();
        let left = self.payments.get(&request.attempt).map_or(0, |it| match it.status {
            Status::Paid => it.taken - it.given_back,
            _ => 0,
        });
        if minor > left {
            return Said::Refund(RefundStatus::Failed { code: "not_available".to_owned() });
        }
        if let Some(payment) = self.payments.get_mut(&request.attempt) {
            payment.given_back += minor;
        }
        let id = request.refund.clone();
        let refund = GivenBack { attempt: request.attempt, minor, standing: RefundStatus::Pending };
        self.refunds.insert(id.clone(), refund);
        if !(moods && random.once_in(4)) {
            let fails = moods && random.once_in(6);
            self.end(&id, fails);
        }
        Said::Refund(self.refunds[&id].standing.clone())
    }

    fn end(&mut self, id: &RefundId, fails: bool) {
        let Some(refund) = self.refunds.get_mut(id) else { return };
        let Some(payment) = self.payments.get_mut(&refund.attempt) else { return };
        if fails {
            refund.standing = RefundStatus::Failed { code: "bank_refused".to_owned() };
            payment.given_back -= refund.minor;
        } else {
            refund.standing = RefundStatus::Succeeded;
            let (attempt, minor) = (refund.attempt.clone(), refund.minor);
            self.moved(&attempt, -minor);
        }
    }

    /// The shopper's act: the nth payment that waits for them. `short` is a bank that takes less
    /// than it was asked for.
    pub(super) fn shopper(
        &mut self,
        nth: usize,
        approves: bool,
        short: bool,
        now: Timestamp,
    ) -> Option<(AttemptId, &'static str)> {
        let waiting: Vec<AttemptId> = self
            .payments
            .iter()
            .filter(|(_, it)| it.status == Status::Pending)
            .map(|(id, _)| id.clone())
            .collect();
        let id = waiting.get(nth % waiting.len().max(1))?.clone();
        let payment = self.payments.get_mut(&id)?;
        let late = payment.code_end.is_some_and(|end| now >= end);
        let act = match (approves, payment.capture) {
            (false, _) => {
                payment.status = Status::Declined;
                "declined"
            }
            (true, false) => {
                payment.status = Status::Authorized;
                "authorised"
            }
            (true, true) => {
                payment.status = Status::Paid;
                payment.taken = payment.asked.minor() - i64::from(short);
                let taken = payment.taken;
                self.moved(&id, taken);
                match (short, late) {
                    (true, _) => "paid short",
                    (false, true) => "paid by a code that was over",
                    (false, false) => "paid",
                }
            }
        };
        Some((id, act))
    }

    /// The answer to an account about a payment that is not its own: nothing, as at a real bank.
    fn not_of(&self, account: &str, ask: &Ask) -> Option<Said> {
        let (attempt, is_refund) = match ask {
            Ask::Query(it) | Ask::Cancel(it) | Ask::Undo(it) => (it, false),
            Ask::Capture(it) => (&it.attempt, false),
            Ask::Reverse(it) => (&it.attempt, false),
            Ask::Refund(it) => (&it.attempt, true),
            Ask::QueryRefund(_, it) => (it, true),
            Ask::Prepare(_)
            | Ask::PayOut(_)
            | Ask::QueryPayout(_)
            | Ask::Sign(_)
            | Ask::QueryMandate(_)
            | Ask::RevokeMandate(_)
            | Ask::Debit(_) => return None,
        };
        self.payments.get(attempt).filter(|it| it.account != account)?;
        Some(match is_refund {
            true => Said::Refund(RefundStatus::Unknown),
            false => Said::AttemptStatus(AttemptStatus::Unknown),
        })
    }

    pub(super) fn is_paid(&self, attempt: &AttemptId) -> bool {
        self.payments.get(attempt).is_some_and(|it| it.status == Status::Paid)
    }

    /// The payer's bank takes all of a payment back.
    pub(super) fn reclaim(&mut self, attempt: &AttemptId) {
        let Some(payment) = self.payments.get_mut(attempt) else { return };
        payment.status = Status::TakenBack;
        let taken = payment.taken;
        self.moved(attempt, -taken);
    }

    /// Money of a payment came, or went back.
    fn moved(&mut self, attempt: &AttemptId, minor: i64) {
        let Some(payment) = self.payments.get(attempt) else { return };
        let holds = match payment.account.is_empty() {
            true => &mut self.holds,
            false => &mut self.direct,
        };
        *holds.entry(payment.asked.currency().code()).or_default() += minor;
    }

    fn standing(&self, attempt: &AttemptId) -> AttemptStatus {
        let Some(payment) = self.payments.get(attempt) else { return AttemptStatus::Unknown };
        let channel_ref = format!("bank-{attempt}");
        match payment.status {
            Status::Pending => AttemptStatus::Pending,
            Status::Authorized => AttemptStatus::Authorized { amount: payment.asked, channel_ref },
            Status::TakenBack => AttemptStatus::DebitReturned {
                amount: Money::new(payment.taken, payment.asked.currency()).unwrap(),
                channel_ref,
                code: "payer_objected".to_owned(),
            },
            Status::Paid => AttemptStatus::Paid {
                amount: Money::new(payment.taken, payment.asked.currency()).unwrap(),
                channel_ref,
            },
            Status::Declined => AttemptStatus::Declined { code: "shopper_declined".to_owned() },
            Status::Cancelled => AttemptStatus::Cancelled,
            Status::Returned => AttemptStatus::Returned,
        }
    }
}

fn refused() -> Said {
    Said::AttemptStatus(AttemptStatus::Refused { code: "bank_refused".to_owned() })
}
