//! The channel `wechat`: WeChat Pay behind the gateway's trait.

use std::sync::Arc;

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::AttemptId;
use lezai_core::money::Money;
use lezai_core::order::{Credential, Offer};
use lezai_core::time::Timestamp;

use crate::channel::{
    About, Acknowledgement, AttemptRef, AttemptStatus, BillFetched, BillRow, Callback,
    CallbackFuture, CaptureRequest, Channel, ChannelFuture, CheckFuture, HandledCallback, Method,
    MethodKind, Moved, PAYER_MISSING, PaymentRequest, Prepared, RefundRequest, RefundStatus,
    ReversalRequest, Unanswered, UnknownPayment,
};
use crate::check;
use crate::http::Transport;
use crate::number;
use crate::outcome::Advice;
use crate::surroundings::Surroundings;
use crate::terms::{described, fen, money, seconds};
use crate::wechat::account::Account;
use crate::wechat::answer::{
    Expected, Prepaid, RefundAnswer, RefundState, TradeState, Transaction,
};
use crate::wechat::call::{Bill, CodePayment, Order, Refund, Scene, is_auth_code};
use crate::wechat::client::{Client, Reversed};
use crate::wechat::notice::{BadNotice, Content};

/// The channel's name.
pub const ID: &str = "wechat";
/// A QR code of WeChat Pay begins payments for two hours. Ours ends a little earlier, so that nobody
/// scans one in its last second.
const CODE_SECS: i64 = 2 * 3_600 - 60;
/// An H5 address opens WeChat for five minutes; a page that opens it in the last second is too late.
const H5_SECS: i64 = 5 * 60 - 15;
/// A page in WeChat, or a mini-program.
const JSAPI: &str = "wechat_jsapi";
/// A browser on a phone.
const H5: &str = "wechat_h5";
/// A till that scans the shopper's code.
const CODE: &str = "wechat_code";
/// WeChat Pay wants an order to live for a minute at least.
const LIFE_SECS_MIN: i64 = 60;

/// The methods that it offers.
pub const METHODS: &[Method] = &[
    Method::anywhere("wechat_native", MethodKind::Qr),
    Method::named(JSAPI, MethodKind::WechatJsapi),
    Method::named(H5, MethodKind::Redirect),
    Method::named(CODE, MethodKind::Code),
];

/// WeChat Pay.
pub struct WechatPay {
    client: Client,
    surroundings: Arc<dyn Surroundings>,
    notify_url: String,
    methods: &'static [Method],
}

impl WechatPay {
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

    /// The calls beneath.
    pub fn client(&self) -> &Client {
        &self.client
    }

    async fn make(&self, request: PaymentRequest) -> Result<Prepared, Unanswered> {
        let refused = |code: &str| Ok(Prepared::Refused { code: code.to_owned() });
        if !request.capture {
            return refused("capture_unsupported");
        }
        let Some(total) = fen(request.amount) else { return refused("currency_unsupported") };
        if request.method == CODE {
            return self.charge(request, total).await;
        }
        let now = self.surroundings.now();
        let expires = seconds(request.expires_at);
        let order = Order {
            number: number::of_attempt(&request.attempt),
            description: described(&request.merchant_name, &request.description),
            total,
            // It follows from the order alone, so that each repeat says the same.
            expires_at: Some(expires.max(seconds(request.attempt.made_at()) + LIFE_SECS_MIN)),
            notify_url: self.notify_url.clone(),
        };
        let (scene, lives_secs) = match request.method.as_str() {
            JSAPI => match request.payer.wechat_openid {
                Some(openid) => (Scene::Jsapi { openid }, CODE_SECS),
                None => return refused(PAYER_MISSING),
            },
            H5 => match request.client_ip {
                Some(ip) => (Scene::H5 { client_ip: ip.to_string() }, H5_SECS),
                None => return refused(PAYER_MISSING),
            },
            _ => (Scene::Native, CODE_SECS),
        };
        match self.client.prepay(&scene, &order).await {
            Ok(prepaid) => {
                let credential = self.credential(&scene, prepaid, &request.return_url)?;
                let ends = now + lives_secs;
                let expires_at = (ends < expires).then(|| Timestamp::from_secs(ends));
                Ok(Prepared::Offer(Offer { credential, expires_at }))
            }
            Err(error) => match error.refusal() {
                Some(refusal) if error.is_certain() && refusal.advice == Advice::GiveUp => {
                    tracing::error!(%refusal, channel = ID, "prepare refused");
                    refused(refusal.word)
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    /// Charges the code that the shopper shows. Sent again, it is the same payment.
    async fn charge(&self, request: PaymentRequest, total: i64) -> Result<Prepared, Unanswered> {
        let Some(auth_code) = request.code else {
            return Ok(Prepared::Refused { code: PAYER_MISSING.to_owned() });
        };
        let payment = CodePayment {
            number: number::of_attempt(&request.attempt),
            description: described(&request.merchant_name, &request.description),
            total,
            auth_code,
            store: request.merchant_name,
        };
        match self.client.codepay(&payment).await {
            Ok(_) => Ok(Prepared::Charging),
            Err(error) if error.word() == "paid" => Ok(Prepared::Charging),
            Err(error) => match error.refusal() {
                // Of a refund it is our balance that lacks, and of a code the shopper's.
                Some(refusal)
                    if error.is_certain()
                        && (refusal.advice == Advice::GiveUp || refusal.word == "not_enough") =>
                {
                    Ok(Prepared::Refused { code: refusal.word.to_owned() })
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    /// Undoes a payment at the counter that is not decided.
    async fn undo(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        match self.ask(attempt).await? {
            AttemptStatus::Unknown | AttemptStatus::Pending => {}
            decided => return Ok(decided),
        }
        match self.client.reverse(&number::of_attempt(attempt)).await {
            Ok(Reversed::Done) => Ok(AttemptStatus::Cancelled),
            Ok(Reversed::NotYet) => Err(unanswered("not reversed yet")),
            Err(error) if error.refusal().is_some() => match self.ask(attempt).await? {
                // It never came to be, and nothing can be paid by it: a code is good for a minute.
                AttemptStatus::Unknown => Ok(AttemptStatus::Cancelled),
                known => Ok(known),
            },
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    /// The shopper's credential, from WeChat Pay's answer for the scene.
    fn credential(
        &self,
        scene: &Scene,
        prepaid: Prepaid,
        return_url: &str,
    ) -> Result<Credential, Unanswered> {
        let there = |member: Option<String>, name: &str| {
            member.ok_or_else(|| unanswered(&format!("the answer has no {name}")))
        };
        match scene {
            Scene::Native => Ok(Credential::Qr { qr: there(prepaid.code_url, "code_url")? }),
            Scene::H5 { .. } => {
                let url = there(prepaid.h5_url, "h5_url")?;
                let back: String = form_urlencoded::byte_serialize(return_url.as_bytes()).collect();
                let joint = if url.contains('?') { '&' } else { '?' };
                Ok(Credential::Redirect {
                    redirect_url: format!("{url}{joint}redirect_url={back}"),
                })
            }
            Scene::Jsapi { .. } | Scene::App => {
                let prepay_id = there(prepaid.prepay_id, "prepay_id")?;
                let signed = self.client.jsapi_parameters(&prepay_id);
                let signed = signed.map_err(|error| unanswered(&error.to_string()))?;
                Ok(Credential::WechatJsapi {
                    app_id: signed.app_id,
                    time_stamp: signed.time_stamp,
                    nonce_str: signed.nonce_str,
                    package: signed.package,
                    sign_type: signed.sign_type.to_owned(),
                    pay_sign: signed.pay_sign,
                })
            }
        }
    }

    async fn ask(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        let number = number::of_attempt(attempt);
        // The amount that WeChat Pay tells goes up as it is: the order compares it, and returns what it
        // cannot take.
        match self.client.query(Expected { number: &number, total: None }).await {
            Ok(transaction) => self.standing(&number, &transaction).await,
            Err(error) if error.word() == "not_found" => Ok(AttemptStatus::Unknown),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn standing(
        &self,
        number: &str,
        told: &Transaction,
    ) -> Result<AttemptStatus, Unanswered> {
        match told.trade_state {
            TradeState::Success => paid(told),
            // Something went back, and that need not be all of it.
            TradeState::Refund if self.is_given_back(number, told).await? => {
                Ok(AttemptStatus::Returned)
            }
            TradeState::Refund => paid(told),
            TradeState::NotPay | TradeState::UserPaying | TradeState::Accept => {
                Ok(AttemptStatus::Pending)
            }
            TradeState::Closed | TradeState::Revoked => Ok(AttemptStatus::Cancelled),
            TradeState::PayError => {
                Ok(AttemptStatus::Declined { code: "payment_failed".to_owned() })
            }
        }
    }

    /// Whether the whole of a payment went back by [`Channel::reverse`].
    async fn is_given_back(&self, number: &str, told: &Transaction) -> Result<bool, Unanswered> {
        let whole = told.amount.as_ref().and_then(|amount| amount.total);
        match self.client.query_refund(&reversal(number), Some(number), whole).await {
            Ok(refund) => Ok(refund.status == RefundState::Success),
            Err(error) if error.word() == "not_found" => Ok(false),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn close(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        match self.ask(attempt).await? {
            // It may have been made a moment ago, and be told of a moment later: closed all the same.
            AttemptStatus::Unknown | AttemptStatus::Pending => {}
            decided => return Ok(decided),
        }
        match self.client.close(&number::of_attempt(attempt)).await {
            // A 204 leaves the outcome open, so it is asked for: closing and paying may meet.
            Ok(()) => self.ask(attempt).await,
            // Never made: nobody has a code, and nobody will get one.
            Err(error) if error.word() == "not_found" => Ok(AttemptStatus::Cancelled),
            Err(error) if error.refusal().is_some() => self.ask(attempt).await,
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn reverse(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        let payment = number::of_attempt(attempt);
        let expected = Expected { number: &payment, total: None };
        let told = match self.client.query(expected).await {
            Ok(told) => told,
            Err(error) if error.word() == "not_found" => return Ok(AttemptStatus::Cancelled),
            Err(error) => return Err(unanswered(&error.to_string())),
        };
        let total = told.amount.as_ref().and_then(|amount| amount.total);
        let (TradeState::Success | TradeState::Refund, Some(total)) = (told.trade_state, total)
        else {
            return self.close(attempt).await;
        };
        let refund = Refund {
            number: reversal(&payment),
            payment,
            amount: total,
            total,
            notify_url: None,
            reason: None,
        };
        match self.client.refund(&refund).await {
            Ok(RefundAnswer { status: RefundState::Success, .. }) => Ok(AttemptStatus::Returned),
            Ok(_) => Ok(AttemptStatus::Pending),
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.advice == Advice::GiveUp => {
                    Ok(AttemptStatus::Refused { code: refusal.word.to_owned() })
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn give(&self, request: RefundRequest) -> Result<RefundStatus, Unanswered> {
        let failed = |code: &str| Ok(RefundStatus::Failed { code: code.to_owned() });
        let (Some(amount), Some(total)) = (fen(request.amount), fen(request.payment)) else {
            return failed("currency_unsupported");
        };
        let (number, payment) =
            (number::of_refund(&request.refund), number::of_attempt(&request.attempt));
        let notify_url = Some(self.notify_url.clone());
        self.send(Refund { number, payment, amount, total, notify_url, reason: None }).await
    }

    async fn send(&self, refund: Refund) -> Result<RefundStatus, Unanswered> {
        let failed = |code: &str| Ok(RefundStatus::Failed { code: code.to_owned() });
        match self.client.refund(&refund).await {
            Ok(answer) => Ok(refunded(&answer)),
            Err(error) => match error.refusal() {
                // A refund that lacks money is sent again under its number until it is topped up.
                Some(refusal) if refusal.advice == Advice::GiveUp => failed(refusal.word),
                Some(refusal) => {
                    tracing::warn!(%refusal, channel = ID, "refund waits");
                    Ok(RefundStatus::Unknown)
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn ask_refund(&self, request: RefundRequest) -> Result<RefundStatus, Unanswered> {
        let number = number::of_refund(&request.refund);
        self.ask_by_number(&number, &number::of_attempt(&request.attempt), request.amount).await
    }

    async fn ask_by_number(
        &self,
        number: &str,
        payment: &str,
        amount: Money,
    ) -> Result<RefundStatus, Unanswered> {
        match self.client.query_refund(number, Some(payment), fen(amount)).await {
            Ok(answer) => Ok(refunded(&answer)),
            Err(error) if error.word() == "not_found" => Ok(RefundStatus::Unknown),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn read(&self, callback: Callback) -> HandledCallback {
        let reply =
            |status, body| Acknowledgement { status, content_type: "application/json", body };
        let taken = reply(200, r#"{"code":"SUCCESS"}"#);
        let about = match self.client.notice(&callback.headers, &callback.body).await {
            Ok(notice) => match notice.content {
                Content::Payment(payment) => payment
                    .out_trade_no
                    .and_then(|number| number::to_attempt(&number))
                    .map_or(About::Nothing, About::Payment),
                Content::Refund(refund) => {
                    number::to_refund(&refund.out_refund_no).map_or(About::Nothing, About::Refund)
                }
                Content::Other => About::Nothing,
            },
            Err(error) => {
                tracing::warn!(%error, channel = ID, "callback refused");
                let status = match error {
                    // Ours to mend: it comes again.
                    BadNotice::Undecryptable(_) => 500,
                    _ => 401,
                };
                let body = r#"{"code":"FAIL","message":"refused"}"#;
                return HandledCallback { about: About::Refused, reply: reply(status, body) };
            }
        };
        HandledCallback { about, reply: taken }
    }
}

/// A day's bill is there from ten o'clock of the next day on; a little later, so as not to come with all others.
const BILL_AFTER_SECS: i64 = 10 * 3600 + 900;
/// WeChat Pay's answer about a day without trades: `lezai_reconcile::bill` reads it as a bill without rows.
const NO_BILL: &str = r#"{"code":"NO_STATEMENT_EXIST"}"#;

impl Channel for WechatPay {
    fn id(&self) -> &'static str {
        ID
    }

    fn methods(&self) -> &'static [Method] {
        self.methods
    }

    fn method_of_code(&self, code: &str) -> Option<&'static str> {
        is_auth_code(code).then_some(CODE)
    }

    fn prepare(&self, request: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        Box::pin(self.make(request))
    }

    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.attempt.clone();
        Box::pin(async move { self.ask(&attempt).await })
    }

    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let AttemptRef { attempt, method, .. } = attempt.clone();
        Box::pin(async move {
            if method == CODE { self.undo(&attempt).await } else { self.close(&attempt).await }
        })
    }

    fn capture(&self, _request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        let refused = AttemptStatus::Refused { code: "capture_unsupported".to_owned() };
        Box::pin(std::future::ready(Ok(refused)))
    }

    fn reverse(&self, request: ReversalRequest) -> ChannelFuture<'_, AttemptStatus> {
        Box::pin(async move { self.reverse(&request.attempt).await })
    }

    fn refund(&self, request: RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(self.give(request))
    }

    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(self.ask_refund(request.clone()))
    }

    fn returns_by_number(&self) -> bool {
        true
    }

    fn return_payment(&self, request: UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(async move {
            let Some(amount) = fen(request.amount) else {
                return Ok(RefundStatus::Failed { code: "currency_unsupported".to_owned() });
            };
            // Nothing is told of it: the worker asks.
            self.send(Refund {
                number: number::of_refund(&request.refund),
                payment: request.number,
                amount,
                total: amount,
                notify_url: None,
                reason: None,
            })
            .await
        })
    }

    fn query_return(&self, request: &UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        let request = request.clone();
        Box::pin(async move {
            let number = number::of_refund(&request.refund);
            self.ask_by_number(&number, &request.number, request.amount).await
        })
    }

    // A reversal is a refund there, by a number of its own.
    fn bill_row(&self, moved: Moved<'_>) -> BillRow {
        match moved {
            Moved::Payment(attempt) => ("payment", number::of_attempt(attempt)),
            Moved::Reversal(attempt) => ("refund", reversal(&number::of_attempt(attempt))),
            Moved::Refund(refund) => ("refund", number::of_refund(refund)),
            Moved::Payout(payout) => ("payout", number::of_payout(payout)),
            Moved::PayoutReturn(payout) => ("payout_return", number::of_payout(payout)),
            Moved::DebitReturn(attempt) => ("debit_return", number::of_attempt(attempt)),
        }
    }

    fn bills(&self) -> &'static [BillKind] {
        match self.client.account().sub {
            None => &BillKind::OF_CHANNELS,
            // The bill of funds would be the service provider's.
            Some(_) => &[BillKind::Trades],
        }
    }

    fn bill_after_secs(&self) -> i64 {
        BILL_AFTER_SECS
    }

    fn bill(&self, kind: BillKind, day: Date) -> ChannelFuture<'_, BillFetched> {
        let bill = match kind {
            BillKind::Trades => Some(Bill::Trades),
            BillKind::Funds => Some(Bill::FundFlow),
            // It has no bank's statement.
            BillKind::Bank => None,
        };
        Box::pin(async move {
            let Some(bill) = bill else { return Ok(BillFetched::NotPermitted) };
            match self.client.bill(bill, &day.to_string()).await {
                Ok(bill) => Ok(BillFetched::Bill(bill)),
                Err(error) if error.word() == "no_bill" => {
                    Ok(BillFetched::Bill(NO_BILL.as_bytes().to_vec()))
                }
                Err(error) if error.word() == "bill_creating" => Ok(BillFetched::Creating),
                Err(error) if error.word() == "not_permitted" => Ok(BillFetched::NotPermitted),
                Err(error) => Err(unanswered(&error.to_string())),
            }
        })
    }

    fn check(&self) -> CheckFuture<'_> {
        Box::pin(check::wechat(&self.client, &*self.surroundings))
    }

    fn hear(&self, callback: Callback) -> CallbackFuture<'_> {
        Box::pin(self.read(callback))
    }
}

fn paid(told: &Transaction) -> Result<AttemptStatus, Unanswered> {
    let total = told.amount.as_ref().and_then(|amount| amount.total);
    let amount = total.and_then(money).ok_or_else(|| unanswered("the answer has no amount"))?;
    let channel_ref = told.transaction_id.clone().unwrap_or_default();
    Ok(AttemptStatus::Paid { amount, channel_ref })
}

fn refunded(answer: &RefundAnswer) -> RefundStatus {
    match answer.status {
        RefundState::Success => RefundStatus::Succeeded,
        RefundState::Processing => RefundStatus::Pending,
        RefundState::Closed => RefundStatus::Failed { code: "closed".to_owned() },
        // The shopper's card is gone, and a person must say where the money goes: it is not ours again.
        RefundState::Abnormal => {
            tracing::error!(refund = %answer.out_refund_no, channel = ID, "refund abnormal: needs attention");
            RefundStatus::Pending
        }
    }
}

/// The number of the refund that gives a payment back whole: one for each payment, whatever happens.
fn reversal(payment: &str) -> String {
    format!("{payment}v")
}

fn unanswered(reason: &str) -> Unanswered {
    Unanswered { channel: ID, reason: reason.to_owned() }
}
