//! The channel `unionpay`: UnionPay behind the gateway's trait.

use std::sync::Arc;

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::AttemptId;
use lezai_core::order::{Credential, Offer};
use lezai_core::time::Timestamp;

use crate::channel::{
    About, Acknowledgement, AttemptRef, AttemptStatus, BillFetched, BillRow, Callback,
    CallbackFuture, CaptureRequest, Channel, ChannelFuture, CheckFuture, HandledCallback, Method,
    MethodKind, Moved, PAYER_MISSING, PageForm, PaymentRequest, Prepared, RefundRequest,
    RefundStatus, ReversalRequest, Unanswered,
};
use crate::check;
use crate::http::Transport;
use crate::number;
use crate::outcome::{Advice, CallError};
use crate::surroundings::Surroundings;
use crate::terms::{fen, money, seconds};
use crate::unionpay::account::Account;
use crate::unionpay::answer::State;
use crate::unionpay::call::{Back, Named, Payment, Product, compact, is_code};
use crate::unionpay::client::Client;

/// The channel's name.
pub const ID: &str = "unionpay";
const QR: &str = "unionpay_qr";
const CODE: &str = "unionpay_code";
const PAGE: &str = "unionpay_page";
const WAP: &str = "unionpay_wap";
/// So long after an order's end a payment that began in time may still come to be known.
const LATE_SECS: i64 = 600;
/// UnionPay's clearing day ends at 23:00 in Beijing.
const CLEARING_EARLY_SECS: i64 = 3_600;

/// A clearing day's file is there by nine in the morning, ten hours after the day's end.
const BILL_AFTER_SECS: i64 = 10 * 3_600;
/// The words that are kept where a day has no file: UnionPay's code for it.
const NO_BILL: &str = r#"{"respCode":"98"}"#;

/// The methods that it offers.
pub const METHODS: &[Method] = &[
    Method::anywhere(QR, MethodKind::Qr),
    Method::anywhere(PAGE, MethodKind::Redirect),
    Method::anywhere(WAP, MethodKind::Redirect),
    Method::named(CODE, MethodKind::Code),
];

/// UnionPay.
pub struct Unionpay {
    client: Client,
    surroundings: Arc<dyn Surroundings>,
    notify_url: String,
    methods: &'static [Method],
}

impl Unionpay {
    /// An account's channel. Callbacks come to `notify_url`.
    pub fn new(
        account: Account,
        transport: Arc<dyn Transport>,
        surroundings: Arc<dyn Surroundings>,
        notify_url: String,
    ) -> Self {
        let client = Client::new(account, transport, Arc::clone(&surroundings));
        Self { client, surroundings, notify_url, methods: METHODS }
    }

    /// With these of its methods switched on.
    pub fn offering(self, methods: &'static [Method]) -> Self {
        Self { methods, ..self }
    }

    async fn make(&self, request: PaymentRequest) -> Result<Prepared, Unanswered> {
        let refused = |code: &str| Ok(Prepared::Refused { code: code.to_owned() });
        if !request.capture {
            return refused("capture_unsupported");
        }
        let Some(total) = fen(request.amount) else { return refused("currency_unsupported") };
        let payment = Payment {
            named: payment(&request.attempt, &request.method, request.begun_at),
            total,
            expires_at: seconds(request.expires_at),
            notify_url: self.notify_url.clone(),
        };
        if request.method == CODE {
            let Some(code) = request.code else { return refused(PAYER_MISSING) };
            return self.charge(&payment, &code).await;
        }
        if payment.named.product == Product::Page {
            return self.page_of(&payment, request.method == WAP);
        }
        match self.client.qr(&payment).await {
            Ok(qr) => {
                let credential = Credential::Qr { qr };
                Ok(Prepared::Offer(Offer { credential, expires_at: None }))
            }
            Err(error) if error.word() == "number_used" => self.lost_code(&payment.named).await,
            Err(error) => not_made(&error),
        }
    }

    /// The address of our own page, which has the browser post the form that is signed here. UnionPay hears of the
    /// payment from the browser.
    fn page_of(&self, payment: &Payment, on_phone: bool) -> Result<Prepared, Unanswered> {
        match self.client.page(payment, on_phone, &self.beside("return")) {
            Ok(form) => {
                let redirect_url = format!("{}?{form}", self.beside("page"));
                let credential = Credential::Redirect { redirect_url };
                Ok(Prepared::Offer(Offer { credential, expires_at: None }))
            }
            Err(error) => not_made(&error),
        }
    }

    /// Our address for something else than callbacks: beside `…/notify`, or `…/notify/{merchant}/{version}` of a
    /// merchant's own account.
    fn beside(&self, what: &str) -> String {
        let (before, whose) =
            self.notify_url.rsplit_once("/notify").unwrap_or((&self.notify_url, ""));
        format!("{before}/{what}{whose}")
    }

    /// Charges a code at the counter: taken, which a query follows, or refused. A repeat may be refused for what the
    /// first call did, whose answer was lost: a refusal counts when the number itself is unknown or failed.
    async fn charge(&self, payment: &Payment, code: &str) -> Result<Prepared, Unanswered> {
        let error = match self.client.charge(payment, code).await {
            Ok(()) => return Ok(Prepared::Charging),
            Err(error) if matches!(error.word(), "processing" | "number_used") => {
                return Ok(Prepared::Charging);
            }
            Err(error) => error,
        };
        let refused = not_made(&error)?;
        match self.client.query(&payment.named).await {
            Ok(State::Done { .. } | State::Processing) => Ok(Prepared::Charging),
            Ok(State::Failed(why)) => Ok(Prepared::Refused { code: why.word.to_owned() }),
            Ok(State::Unknown) => Ok(refused),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    /// An earlier call made the QR code, and UnionPay tells its text once. If that answer was lost, nobody has the
    /// code: the shopper must choose again, under another number.
    async fn lost_code(&self, named: &Named) -> Result<Prepared, Unanswered> {
        match self.client.query(named).await {
            Ok(State::Unknown | State::Processing | State::Failed(_)) => {
                Ok(Prepared::Refused { code: "number_used".to_owned() })
            }
            Ok(State::Done { .. }) => Err(unanswered("a code was paid whose text was never told")),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn state(&self, attempt: &AttemptRef) -> Result<State, Unanswered> {
        let named = payment(&attempt.attempt, &attempt.method, attempt.begun_at);
        self.client.query(&named).await.map_err(|error| unanswered(&error.to_string()))
    }

    fn is_over(&self, attempt: &AttemptRef) -> bool {
        self.surroundings.now() > seconds(attempt.expires_at) + LATE_SECS
    }

    async fn ask(&self, attempt: &AttemptRef) -> Result<AttemptStatus, Unanswered> {
        match self.state(attempt).await? {
            State::Done { amount, query_id, .. } => paid(amount, query_id),
            State::Processing => Ok(AttemptStatus::Pending),
            // The shopper may try another card with the same code while its time lasts.
            State::Failed(_) if attempt.method != CODE && !self.is_over(attempt) => {
                Ok(AttemptStatus::Pending)
            }
            State::Failed(why) => Ok(AttemptStatus::Declined { code: why.word.to_owned() }),
            State::Unknown => Ok(AttemptStatus::Unknown),
        }
    }

    /// UnionPay closes no QR code before its time: the payment is watched until then.
    async fn wait_out(&self, attempt: &AttemptRef) -> Result<AttemptStatus, Unanswered> {
        match self.state(attempt).await? {
            State::Done { amount, query_id, .. } => paid(amount, query_id),
            State::Unknown | State::Failed(_) if self.is_over(attempt) => {
                Ok(AttemptStatus::Cancelled)
            }
            State::Processing => Err(unanswered("the payment is under way")),
            State::Unknown | State::Failed(_) => {
                Err(unanswered("not paid, and may be until its time is over"))
            }
        }
    }

    /// Undoes a payment at the counter that is not decided.
    async fn undo(&self, attempt: &AttemptRef) -> Result<AttemptStatus, Unanswered> {
        match self.state(attempt).await? {
            State::Done { amount, query_id, .. } => return paid(amount, query_id),
            State::Failed(why) => {
                return Ok(AttemptStatus::Declined { code: why.word.to_owned() });
            }
            State::Processing | State::Unknown => {}
        }
        match self.client.undo(&payment(&attempt.attempt, &attempt.method, attempt.begun_at)).await
        {
            Ok(()) => Ok(AttemptStatus::Cancelled),
            Err(error) if error.refusal().is_some() => match self.ask(attempt).await? {
                // It never came to be, and a code is good for a minute.
                AttemptStatus::Unknown if self.is_over(attempt) => Ok(AttemptStatus::Cancelled),
                AttemptStatus::Unknown | AttemptStatus::Pending => {
                    Err(unanswered(&error.to_string()))
                }
                known => Ok(known),
            },
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    /// Gives a payment back whole: by a void on its clearing day, else by a refund. Each has a name of its own, and
    /// UnionPay gives back no more than came, so that both together are no second reversal.
    async fn reverse(&self, request: ReversalRequest) -> Result<AttemptStatus, Unanswered> {
        let named = payment(&request.attempt, &request.method, request.begun_at);
        let told = self.client.query(&named).await;
        let (whole, day) = match told.map_err(|error| unanswered(&error.to_string()))? {
            State::Done { amount, query_id, clearing_day } => {
                (Whole { named, query_id, total: amount }, clearing_day)
            }
            State::Unknown => return Ok(AttemptStatus::Unknown),
            State::Processing => return Ok(AttemptStatus::Pending),
            State::Failed(why) => return Ok(AttemptStatus::Declined { code: why.word.to_owned() }),
        };
        let at = seconds(request.requested_at);
        let product = whole.named.product;
        let of =
            |kind| Named { product, number: reversal(&request.attempt, kind, request.number), at };
        let (void, refund) = (of(Back::Void), of(Back::Refund));
        let voided = self.known(&void, whole.total).await?;
        let refunded = self.known(&refund, whole.total).await?;
        if let Some(status) = gone_back(&voided, &refunded) {
            return Ok(status);
        }
        match (voided, refunded) {
            (_, State::Failed(why)) => Ok(AttemptStatus::Refused { code: why.word.to_owned() }),
            (State::Unknown, _) if self.clearing_day() == day => {
                self.void(&whole, &void, &refund).await
            }
            _ => self.refund_whole(&whole, &void, &refund).await,
        }
    }

    async fn void(
        &self,
        payment: &Whole,
        void: &Named,
        refund: &Named,
    ) -> Result<AttemptStatus, Unanswered> {
        match self.give_whole(Back::Void, payment, void).await {
            Ok(()) => self.returned(void, payment.total).await,
            Err(error) => match error.refusal() {
                // Not any more, or not at all: a refund says which.
                Some(refusal) if refusal.advice == Advice::GiveUp => {
                    tracing::warn!(%refusal, channel = ID, "a void is refused; a refund is tried");
                    self.refund_whole(payment, void, refund).await
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn refund_whole(
        &self,
        payment: &Whole,
        void: &Named,
        refund: &Named,
    ) -> Result<AttemptStatus, Unanswered> {
        match self.give_whole(Back::Refund, payment, refund).await {
            Ok(()) => self.returned(refund, payment.total).await,
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.advice == Advice::GiveUp => {
                    // It may be refused for what an earlier call did, which no query knew of yet.
                    let voided = self.known(void, payment.total).await?;
                    let refunded = self.known(refund, payment.total).await?;
                    Ok(gone_back(&voided, &refunded).unwrap_or_else(|| AttemptStatus::Refused {
                        code: refusal.word.to_owned(),
                    }))
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn give_whole(&self, kind: Back, whole: &Whole, named: &Named) -> Result<(), CallError> {
        let Whole { named: payment, query_id, total } = whole;
        self.client.give_back(kind, payment, query_id, named, *total, &self.notify_url).await
    }

    async fn known(&self, named: &Named, total: i64) -> Result<State, Unanswered> {
        let told = self.client.query_back(named, Some(total)).await;
        told.map_err(|error| unanswered(&error.to_string()))
    }

    async fn returned(&self, named: &Named, total: i64) -> Result<AttemptStatus, Unanswered> {
        match self.known(named, total).await? {
            State::Done { .. } => Ok(AttemptStatus::Returned),
            // Asked for again it is a refund where this was a void, or refused.
            State::Failed(_) | State::Processing | State::Unknown => Ok(AttemptStatus::Pending),
        }
    }

    /// `MMDD` of the clearing day that it is now.
    fn clearing_day(&self) -> String {
        let day = compact(self.surroundings.now() + CLEARING_EARLY_SECS);
        day.get(4..8).unwrap_or_default().to_owned()
    }

    async fn give(&self, request: RefundRequest) -> Result<RefundStatus, Unanswered> {
        let failed = |code: &str| Ok(RefundStatus::Failed { code: code.to_owned() });
        let Some(amount) = fen(request.amount) else { return failed("currency_unsupported") };
        let paid = payment(&request.attempt, &request.method, request.begun_at);
        let (named, notify_url) = (refund(&request), &self.notify_url);
        let query_id = match paid.product {
            Product::Code => String::new(),
            Product::Page => self.query_id(&paid).await?,
        };
        match self
            .client
            .give_back(Back::Refund, &paid, &query_id, &named, amount, notify_url)
            .await
        {
            // Taken, which is not done. What was taken is known, if only as something under way.
            Ok(()) => self.ask_refund(request).await.map(|told| match told {
                RefundStatus::Unknown => RefundStatus::Pending,
                known => known,
            }),
            Err(error) if error.word() == "number_used" => self.ask_refund(request).await,
            Err(error) => match error.refusal() {
                // Refused for what an earlier call with this number did, or its number is spent: then the merchant
                // asks for another refund, such as once it is topped up.
                Some(refusal) if refusal.advice == Advice::GiveUp => {
                    match self.ask_refund(request).await? {
                        RefundStatus::Unknown => failed(refusal.word),
                        known => Ok(known),
                    }
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    /// UnionPay's own number of a payment, which a refund of one on its page must name.
    async fn query_id(&self, payment: &Named) -> Result<String, Unanswered> {
        match self.client.query(payment).await {
            Ok(State::Done { query_id, .. }) => Ok(query_id),
            Ok(other) => {
                Err(unanswered(&format!("the payment is not known to be done: {other:?}")))
            }
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn ask_refund(&self, request: RefundRequest) -> Result<RefundStatus, Unanswered> {
        let told = self.client.query_back(&refund(&request), fen(request.amount)).await;
        match told.map_err(|error| unanswered(&error.to_string()))? {
            State::Done { .. } => Ok(RefundStatus::Succeeded),
            State::Processing => Ok(RefundStatus::Pending),
            State::Failed(why) => Ok(RefundStatus::Failed { code: why.word.to_owned() }),
            State::Unknown => Ok(RefundStatus::Unknown),
        }
    }

    async fn fetch(&self, kind: BillKind, day: Date) -> Result<BillFetched, Unanswered> {
        if kind != BillKind::Trades {
            return Ok(BillFetched::NotPermitted);
        }
        let notice = || NO_BILL.as_bytes().to_vec();
        let digits: String = day.to_string().chars().filter(char::is_ascii_digit).collect();
        match self.client.bill(digits.get(4..).unwrap_or_default()).await {
            Ok(rows) if rows.trim_ascii().is_empty() => Ok(BillFetched::Bill(notice())),
            Ok(rows) => Ok(BillFetched::Bill(rows)),
            Err(error) if error.word() == "no_bill" => Ok(BillFetched::Absent(notice())),
            Err(error) if error.word() == "not_permitted" => Ok(BillFetched::NotPermitted),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    fn read(&self, callback: &Callback) -> HandledCallback {
        let reply = |status| Acknowledgement { status, content_type: "text/plain", body: "" };
        match self.client.notice(&callback.body) {
            Ok(told) => {
                let number = told.get("orderId").unwrap_or_default();
                let about = match told.get("txnType") {
                    Some("01") => number::to_attempt(number).map(About::Payment),
                    Some("04") => number::to_refund(number).map(About::Refund),
                    _ => None,
                };
                HandledCallback { about: about.unwrap_or(About::Nothing), reply: reply(200) }
            }
            Err(error) => {
                tracing::warn!(%error, channel = ID, "callback refused");
                HandledCallback { about: About::Refused, reply: reply(401) }
            }
        }
    }
}

impl Channel for Unionpay {
    fn id(&self) -> &'static str {
        ID
    }

    fn methods(&self) -> &'static [Method] {
        self.methods
    }

    fn method_of_code(&self, code: &str) -> Option<&'static str> {
        is_code(code).then_some(CODE)
    }

    fn prepare(&self, request: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        Box::pin(self.make(request))
    }

    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.clone();
        Box::pin(async move { self.ask(&attempt).await })
    }

    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.clone();
        Box::pin(async move {
            if attempt.method == CODE {
                return self.undo(&attempt).await;
            }
            self.wait_out(&attempt).await
        })
    }

    fn capture(&self, _request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        let refused = AttemptStatus::Refused { code: "capture_unsupported".to_owned() };
        Box::pin(std::future::ready(Ok(refused)))
    }

    fn reverse(&self, request: ReversalRequest) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(self.reverse(request))
    }

    fn refund(&self, request: RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(self.give(request))
    }

    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(self.ask_refund(request.clone()))
    }

    // A bill has the number of the first reversal, whichever was taken.
    fn bill_row(&self, moved: Moved<'_>) -> BillRow {
        match moved {
            Moved::Payment(attempt) => ("payment", number::of_attempt(attempt)),
            Moved::Reversal(attempt) => ("void", reversal(attempt, Back::Void, 0)),
            Moved::Refund(refund) => ("refund", number::of_refund(refund)),
            Moved::Payout(payout) => ("payout", number::of_payout(payout)),
            Moved::PayoutReturn(payout) => ("payout_return", number::of_payout(payout)),
            Moved::DebitReturn(attempt) => ("debit_return", number::of_attempt(attempt)),
        }
    }

    // UnionPay's day of clearing begins at 23:00 in Beijing: at midnight, nine hours east of Greenwich.
    fn bill_offset_minutes(&self) -> i32 {
        540
    }

    fn check(&self) -> CheckFuture<'_> {
        Box::pin(check::unionpay(&self.client, &*self.surroundings))
    }

    fn bills(&self) -> &'static [BillKind] {
        &[BillKind::Trades]
    }

    fn bill_after_secs(&self) -> i64 {
        BILL_AFTER_SECS
    }

    fn bill(&self, kind: BillKind, day: Date) -> ChannelFuture<'_, BillFetched> {
        Box::pin(self.fetch(kind, day))
    }

    fn page(&self, query: &str) -> Option<PageForm> {
        self.client.page_form(query)
    }

    fn hear(&self, callback: Callback) -> CallbackFuture<'_> {
        Box::pin(std::future::ready(self.read(&callback)))
    }
}

/// A payment that is to go back as a whole.
struct Whole {
    named: Named,
    query_id: String,
    total: i64,
}

fn product(method: &str) -> Product {
    if matches!(method, PAGE | WAP) { Product::Page } else { Product::Code }
}

fn payment(attempt: &AttemptId, method: &str, begun_at: Timestamp) -> Named {
    let number = number::of_attempt(attempt);
    Named { product: product(method), number, at: seconds(begun_at) }
}

fn refund(request: &RefundRequest) -> Named {
    let number = number::of_refund(&request.refund);
    Named { product: product(&request.method), number, at: seconds(request.requested_at) }
}

/// The number of a reversal: the payment's, whose first two digits give place to `v` for a void or `w` for a refund
/// and to the request's number. It keeps to 32 characters, as UnionPay's bills have no more.
fn reversal(attempt: &AttemptId, kind: Back, request: u32) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let letter = match kind {
        Back::Void => 'v',
        Back::Refund => 'w',
    };
    // An order has at most `MAX_FAILED_VOIDS` of them, which are fewer than there are digits.
    let at = usize::try_from(request).unwrap_or(usize::MAX).min(DIGITS.len() - 1);
    let payment = number::of_attempt(attempt);
    format!("{letter}{}{}", char::from(DIGITS[at]), payment.get(2..).unwrap_or_default())
}

/// The outcome of the void or the refund of a whole payment, if one of them was taken.
fn gone_back(voided: &State, refunded: &State) -> Option<AttemptStatus> {
    match (voided, refunded) {
        (State::Done { .. }, _) | (_, State::Done { .. }) => Some(AttemptStatus::Returned),
        (State::Processing, _) | (_, State::Processing) => Some(AttemptStatus::Pending),
        _ => None,
    }
}

fn not_made(error: &CallError) -> Result<Prepared, Unanswered> {
    match error.refusal() {
        Some(refusal) if error.is_certain() && refusal.advice == Advice::GiveUp => {
            tracing::error!(%refusal, channel = ID, "prepare refused");
            Ok(Prepared::Refused { code: refusal.word.to_owned() })
        }
        _ => Err(unanswered(&error.to_string())),
    }
}

fn paid(fen: i64, channel_ref: String) -> Result<AttemptStatus, Unanswered> {
    let amount = money(fen).ok_or_else(|| unanswered("the answer has no amount"))?;
    Ok(AttemptStatus::Paid { amount, channel_ref })
}

fn unanswered(reason: &str) -> Unanswered {
    Unanswered { channel: ID, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversals_have_numbers_of_their_own() {
        let attempt = AttemptId::parse("att_0193710e2f4a1b2c3d4e5f60718293a4").unwrap();
        for (kind, request, number) in [
            (Back::Void, 0, "v093710e2f4a1b2c3d4e5f60718293a4"),
            (Back::Void, 20, "vk93710e2f4a1b2c3d4e5f60718293a4"),
            (Back::Refund, 0, "w093710e2f4a1b2c3d4e5f60718293a4"),
            (Back::Refund, 99, "wz93710e2f4a1b2c3d4e5f60718293a4"),
        ] {
            assert_eq!(reversal(&attempt, kind, request), number);
            assert_eq!(number::to_attempt(number), None);
        }
    }
}
