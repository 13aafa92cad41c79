//! The channel `alipay`: Alipay behind the gateway's trait.

use std::sync::Arc;

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::AttemptId;
use lezai_core::money::Money;
use lezai_core::order::{Credential, Offer};
use lezai_core::payer::Payer;
use lezai_core::time::Timestamp;

use crate::alipay::account::Account;
use crate::alipay::answer::{Trade, TradeStatus};
use crate::alipay::call::{AuthCode, BillType, Buyer, Order};
use crate::alipay::client::Client;
use crate::alipay::notice;
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
use crate::packed::{self, BILL_BYTES_MAX};
use crate::surroundings::Surroundings;
use crate::terms::{described, fen, money, seconds};

/// The channel's name.
pub const ID: &str = "alipay";
const QR: &str = "alipay_qr";
const PAGE: &str = "alipay_page";
const WAP: &str = "alipay_wap";
const MINI: &str = "alipay_mini";
const CODE: &str = "alipay_code";
/// A QR code of Alipay begins payments for two hours.
const CODE_SECS: i64 = 2 * 3_600 - 60;
/// A day's bill is there from about ten o'clock of the next day on.
const BILL_AFTER_SECS: i64 = 10 * 3_600 + 900;
/// Alipay's answer about a day without a bill: `lezai_reconcile::bill` reads it as a bill without rows.
const NO_BILL: &str = r#"{"code":"40004","sub_code":"isp.bill_not_exist"}"#;
/// After an order's end Alipay may still come to know it for as long as clocks and pages differ.
const LATE_SECS: i64 = 300;

/// The methods that it offers.
pub const METHODS: &[Method] = &[
    Method::anywhere(QR, MethodKind::Qr),
    Method::anywhere(PAGE, MethodKind::Redirect),
    Method::anywhere(WAP, MethodKind::Redirect),
    Method::named(MINI, MethodKind::AlipayMini),
    Method::named(CODE, MethodKind::Code),
];

/// Alipay.
pub struct Alipay {
    client: Client,
    surroundings: Arc<dyn Surroundings>,
    notify_url: String,
    methods: &'static [Method],
}

impl Alipay {
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
        let expires = seconds(request.expires_at);
        let order = Order {
            number: number::of_attempt(&request.attempt),
            subject: described(&request.merchant_name, &request.description),
            total,
            expires_at: Some(expires),
            notify_url: self.notify_url.clone(),
        };
        let offered =
            |credential, expires_at| Ok(Prepared::Offer(Offer { credential, expires_at }));
        let made = match request.method.as_str() {
            CODE => {
                let code = request.code.as_deref().and_then(AuthCode::parse);
                let Some(code) = code else { return refused(PAYER_MISSING) };
                match self.client.pay(&order, &code, &request.merchant_name).await {
                    Ok(_) => return Ok(Prepared::Charging),
                    Err(error) if error.word() == "paid" => return Ok(Prepared::Charging),
                    Err(error) => Err(error),
                }
            }
            MINI => {
                let Some(buyer) = buyer(&request.payer) else { return refused(PAYER_MISSING) };
                match self.client.create(&order, &buyer).await {
                    Ok(made) => {
                        let trade_no = made.trade_no;
                        return offered(Credential::AlipayMini { trade_no }, None);
                    }
                    Err(error) => Err(error),
                }
            }
            PAGE => self.client.page_pay(&order, &request.return_url),
            WAP => self.client.wap_pay(&order, &request.return_url),
            _ => match self.client.precreate(&order).await {
                Ok(made) => {
                    let ends = self.surroundings.now() + CODE_SECS;
                    let expires_at = (ends < expires).then(|| Timestamp::from_secs(ends));
                    return offered(Credential::Qr { qr: made.qr_code }, expires_at);
                }
                Err(error) => Err(error),
            },
        };
        match made {
            Ok(redirect_url) => offered(Credential::Redirect { redirect_url }, None),
            Err(error) => match error.refusal() {
                Some(refusal) if error.is_certain() && refusal.advice == Advice::GiveUp => {
                    tracing::error!(%refusal, channel = ID, "prepare refused");
                    refused(refusal.word)
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn ask(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        let number = number::of_attempt(attempt);
        match self.client.query(&number, None).await {
            Ok(trade) => self.standing(&number, &trade).await,
            Err(error) if error.word() == "not_found" => Ok(AttemptStatus::Unknown),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn standing(&self, number: &str, trade: &Trade) -> Result<AttemptStatus, Unanswered> {
        match trade.trade_status {
            Some(TradeStatus::WaitBuyerPay) => Ok(AttemptStatus::Pending),
            Some(TradeStatus::TradeSuccess | TradeStatus::TradeFinished) => paid(trade),
            // Closed is both: never paid, and paid and given back whole, by one refund or by many.
            Some(TradeStatus::TradeClosed) if !trade.was_paid() => Ok(AttemptStatus::Cancelled),
            Some(TradeStatus::TradeClosed) => {
                let back = self.client.query_refund(number, &reversal(number), trade.total()).await;
                match back {
                    Ok(true) => Ok(AttemptStatus::Returned),
                    Ok(false) => paid(trade),
                    Err(error) if error.word() == "not_found" => paid(trade),
                    Err(error) => Err(unanswered(&error.to_string())),
                }
            }
            None => Err(unanswered("the answer has no trade_status")),
        }
    }

    /// Undoes a payment at the counter that is not decided.
    async fn undo(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        match self.ask(attempt).await? {
            AttemptStatus::Unknown | AttemptStatus::Pending => {}
            decided => return Ok(decided),
        }
        match self.client.cancel(&number::of_attempt(attempt)).await {
            Ok(canceled) if canceled.retry_flag == "Y" => Err(unanswered("not cancelled yet")),
            Ok(_) => Ok(AttemptStatus::Cancelled),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn close(&self, attempt: &AttemptRef) -> Result<AttemptStatus, Unanswered> {
        match self.ask(&attempt.attempt).await? {
            AttemptStatus::Unknown => return self.unscanned(attempt),
            AttemptStatus::Pending => {}
            decided => return Ok(decided),
        }
        match self.client.close(&number::of_attempt(&attempt.attempt)).await {
            Ok(()) => self.ask(&attempt.attempt).await,
            Err(error) if error.refusal().is_some() => self.ask(&attempt.attempt).await,
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    /// A code that nobody scanned cannot be called off at Alipay: it is watched until its time is over.
    fn unscanned(&self, attempt: &AttemptRef) -> Result<AttemptStatus, Unanswered> {
        if self.surroundings.now() > seconds(attempt.expires_at) + LATE_SECS {
            return Ok(AttemptStatus::Cancelled);
        }
        Err(unanswered("not scanned, and may be until its time is over"))
    }

    async fn reverse(&self, attempt: &AttemptId) -> Result<AttemptStatus, Unanswered> {
        let number = number::of_attempt(attempt);
        let trade = match self.client.query(&number, None).await {
            Ok(trade) => trade,
            Err(error) if error.word() == "not_found" => return Ok(AttemptStatus::Unknown),
            Err(error) => return Err(unanswered(&error.to_string())),
        };
        let standing = self.standing(&number, &trade).await?;
        let (AttemptStatus::Paid { .. }, Some(total)) = (&standing, trade.total()) else {
            return Ok(standing);
        };
        let reversal = reversal(&number);
        match self.client.refund(&number, &reversal, total, None).await {
            Ok(refunded) if refunded.fund_change == "Y" => Ok(AttemptStatus::Returned),
            Ok(_) => match self.client.query_refund(&number, &reversal, Some(total)).await {
                Ok(true) => Ok(AttemptStatus::Returned),
                Ok(false) => Ok(AttemptStatus::Pending),
                Err(error) => Err(unanswered(&error.to_string())),
            },
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.advice == Advice::GiveUp => {
                    Ok(AttemptStatus::Refused { code: refusal.word.to_owned() })
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn give(&self, request: UnknownPayment) -> Result<RefundStatus, Unanswered> {
        let failed = |code: &str| Ok(RefundStatus::Failed { code: code.to_owned() });
        let Some(minor) = fen(request.amount) else { return failed("currency_unsupported") };
        let UnknownPayment { number, refund, amount } = &request;
        let refund = number::of_refund(refund);
        match self.client.refund(number, &refund, minor, None).await {
            Ok(refunded) if refunded.fund_change == "Y" => Ok(RefundStatus::Succeeded),
            // Taken, or a repeat of what was done: only its query tells.
            Ok(_) => self.ask_refund(number, &refund, *amount).await.map(known),
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.advice == Advice::GiveUp => failed(refusal.word),
                Some(refusal) => {
                    tracing::warn!(%refusal, channel = ID, "refund waits");
                    Ok(RefundStatus::Unknown)
                }
                _ => Err(unanswered(&error.to_string())),
            },
        }
    }

    async fn ask_refund(
        &self,
        number: &str,
        refund: &str,
        amount: Money,
    ) -> Result<RefundStatus, Unanswered> {
        match self.client.query_refund(number, refund, fen(amount)).await {
            Ok(true) => Ok(RefundStatus::Succeeded),
            // Alipay does not tell a refund that it never heard of from one that is not done. The same
            // number again is the same refund, so it is sent again.
            Ok(false) => Ok(RefundStatus::Unknown),
            Err(error) if error.word() == "not_found" => Ok(RefundStatus::Unknown),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    async fn fetch(&self, kind: BillKind, day: Date) -> Result<BillFetched, Unanswered> {
        let bill = match kind {
            BillKind::Trades => BillType::Trade,
            BillKind::Funds => BillType::SignCustomer,
            // It has no bank's statement.
            BillKind::Bank => return Ok(BillFetched::NotPermitted),
        };
        match self.client.bill(bill, &day.to_string()).await {
            Ok(zip) => match packed::unpacked(zip, BILL_BYTES_MAX) {
                Ok(bill) => Ok(BillFetched::Bill(bill)),
                Err(error) => Err(unanswered(&format!("its bill of {day}: {error}"))),
            },
            Err(error) if error.word() == "no_bill" => {
                Ok(BillFetched::Absent(NO_BILL.as_bytes().to_vec()))
            }
            Err(error) if error.word() == "not_permitted" => Ok(BillFetched::NotPermitted),
            Err(error) => Err(unanswered(&error.to_string())),
        }
    }

    fn read(&self, callback: &Callback) -> HandledCallback {
        let reply = |status, body| Acknowledgement { status, content_type: "text/plain", body };
        match self.client.notice(&callback.body) {
            Ok(told) => {
                let refund = told.refund.as_deref().and_then(number::to_refund).map(About::Refund);
                let payment = || number::to_attempt(&told.number).map(About::Payment);
                let about = refund.or_else(payment).unwrap_or(About::Nothing);
                HandledCallback { about, reply: reply(200, notice::ACCEPTED) }
            }
            Err(error) => {
                tracing::warn!(%error, channel = ID, "callback refused");
                HandledCallback { about: About::Refused, reply: reply(401, notice::FAILED) }
            }
        }
    }
}

/// The buyer of a trade in a mini-program; the id of today's applications if the order has both.
fn buyer(payer: &Payer) -> Option<Buyer> {
    let older = || payer.alipay_user_id.clone().map(Buyer::UserId);
    payer.alipay_open_id.clone().map(Buyer::OpenId).or_else(older)
}

impl Channel for Alipay {
    fn id(&self) -> &'static str {
        ID
    }

    fn methods(&self) -> &'static [Method] {
        self.methods
    }

    fn method_of_code(&self, code: &str) -> Option<&'static str> {
        AuthCode::parse(code).map(|_| CODE)
    }

    fn prepare(&self, request: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        Box::pin(self.make(request))
    }

    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.attempt.clone();
        Box::pin(async move { self.ask(&attempt).await })
    }

    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.clone();
        Box::pin(async move {
            if attempt.method == CODE {
                return self.undo(&attempt.attempt).await;
            }
            self.close(&attempt).await
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
        Box::pin(self.give(by_number(&request)))
    }

    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        self.query_return(&by_number(request))
    }

    fn returns_by_number(&self) -> bool {
        true
    }

    fn return_payment(&self, request: UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(self.give(request))
    }

    fn query_return(&self, request: &UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        let UnknownPayment { number, refund, amount } = request.clone();
        Box::pin(async move { self.ask_refund(&number, &number::of_refund(&refund), amount).await })
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
        &BillKind::OF_CHANNELS
    }

    fn bill_after_secs(&self) -> i64 {
        BILL_AFTER_SECS
    }

    fn bill(&self, kind: BillKind, day: Date) -> ChannelFuture<'_, BillFetched> {
        Box::pin(self.fetch(kind, day))
    }

    fn check(&self) -> CheckFuture<'_> {
        Box::pin(check::alipay(&self.client, &*self.surroundings))
    }

    fn hear(&self, callback: Callback) -> CallbackFuture<'_> {
        Box::pin(std::future::ready(self.read(&callback)))
    }
}

fn paid(trade: &Trade) -> Result<AttemptStatus, Unanswered> {
    let amount = trade.total().and_then(money);
    let amount = amount.ok_or_else(|| unanswered("the answer has no amount"))?;
    Ok(AttemptStatus::Paid { amount, channel_ref: trade.trade_no.clone() })
}

/// A refund by the numbers that Alipay knows.
fn by_number(request: &RefundRequest) -> UnknownPayment {
    let number = number::of_attempt(&request.attempt);
    UnknownPayment { number, refund: request.refund.clone(), amount: request.amount }
}

/// A refund that was taken is known, if only as something under way.
fn known(standing: RefundStatus) -> RefundStatus {
    match standing {
        RefundStatus::Unknown => RefundStatus::Pending,
        known => known,
    }
}

fn reversal(payment: &str) -> String {
    format!("{payment}v")
}

fn unanswered(reason: &str) -> Unanswered {
    Unanswered { channel: ID, reason: reason.to_owned() }
}
