//! The sandbox channel: a wallet that exists in this process alone, for development and tests.
//!
//! It behaves like another company: it has its own file, knows attempts and refunds and nothing of
//! orders, decides nothing for the gateway, and is asked over the same calls as any channel. It
//! holds by itself that no more goes back than came. What goes wrong follows from the amount:
//! [`magic`].

mod account;
mod bill;
mod code;
pub mod magic;
mod mandate;
mod mini;
mod owner;
mod payment;
mod payout;
mod refund;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::{AttemptId, MandateId, PayoutId, RefundId};
use lezai_core::instalments::Plan;
use lezai_core::money::Money;
use lezai_core::order::{Credential, Offer};
use lezai_core::time::Timestamp;
use rusqlite::{Connection, Transaction, params};

use crate::channel::{
    AttemptRef, AttemptStatus, BillFetched, CaptureRequest, Channel, ChannelFuture, DebitRequest,
    Debited, MandateOffered, MandateRequest, MandateStatus, Method, MethodKind, PaymentRequest,
    PayoutRequest, PayoutStatus, Prepared, RefundRequest, RefundStatus, ReversalRequest,
    Unanswered, UnknownPayment,
};
pub use mandate::{MandateAct, WalletMandate};
use payment::{Payment, Status, code_end};
use refund::{Refund, counts, sum_of_refunds};

/// The simulated wallet.
pub struct Sandbox {
    /// None once it is closed.
    connection: Arc<Mutex<Option<Connection>>>,
    public_url: String,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whose; empty for the platform's own.
    account: String,
    methods: &'static [Method],
}

/// A payment as the wallet shows it to the shopper.
#[derive(Clone, Debug)]
pub struct WalletPayment {
    /// How much they are asked for.
    pub amount: Money,
    /// For whom.
    pub merchant_name: String,
    /// The purpose of the payment.
    pub description: String,
    /// Where the shopper goes afterwards; none when they scanned a code with another device.
    pub return_url: Option<String>,
    /// How it stands.
    pub standing: AttemptStatus,
    /// They agreed, whatever became of it.
    pub agreed: bool,
    /// The amount that went back to them by refunds.
    pub refunded: Money,
    /// The plan by which they pay us, if they do so in monthly parts.
    pub instalments: Option<Plan>,
    /// The code that led them here is over, and they had not begun.
    pub code_is_over: bool,
}

/// The code of a payment that the shopper themselves declined.
pub const SHOPPER_DECLINED: &str = "shopper_declined";

/// The code of a debit that the payer had their bank take back.
pub const TAKEN_BACK: &str = "payer_objected";

/// The wallet prints a day's bill ten minutes after its end.
const BILL_AFTER_SECS: i64 = 600;

/// The shopper's act in the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// They pay.
    Approve,
    /// They do not.
    Decline,
    /// They pay, and this comes of it.
    Simulate(Outcome),
}

/// The outcome of a payment that the shopper agreed to, chosen on the wallet's page; the amount can say so as well
/// ([`magic`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Declined: there is not enough money.
    InsufficientFunds,
    /// Declined: it is above the wallet's limit.
    LimitExceeded,
    /// Declined: the account is locked.
    AccountFrozen,
    /// Declined: the wallet could not be reached.
    NetworkFailure,
    /// Paid, some seconds later.
    Late,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::InsufficientFunds,
        Self::LimitExceeded,
        Self::AccountFrozen,
        Self::NetworkFailure,
        Self::Late,
    ];

    /// Its name in a form; for a decline, its code.
    pub fn word(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::LimitExceeded => "limit_exceeded",
            Self::AccountFrozen => "account_frozen",
            Self::NetworkFailure => "network_failure",
            Self::Late => "late",
        }
    }

    /// The outcome with this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// `taken` is what is set aside or was captured, refunds not yet deducted; `silent` counts the calls that
/// are not answered. Until `code_end_ms` a payment can be begun, or as long as its order if that is null.
/// `parts` is how many monthly parts there are and `rate_ppm` their fee, null if they pay at once.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS payments (
  attempt TEXT PRIMARY KEY, minor INTEGER NOT NULL, currency TEXT NOT NULL, merchant_name TEXT NOT NULL,
  description TEXT NOT NULL, return_url TEXT, status TEXT NOT NULL, capture INTEGER NOT NULL DEFAULT 1,
  taken INTEGER NOT NULL DEFAULT 0, code TEXT, ready_ms INTEGER, silent INTEGER NOT NULL DEFAULT 0,
  code_end_ms INTEGER, parts INTEGER, rate_ppm INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
  refund TEXT PRIMARY KEY, attempt TEXT NOT NULL, minor INTEGER NOT NULL, status TEXT NOT NULL, code TEXT, ready_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_by_attempt ON refunds (attempt);
CREATE TABLE IF NOT EXISTS payouts (
  payout TEXT PRIMARY KEY, minor INTEGER NOT NULL, currency TEXT NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL,
  status TEXT NOT NULL, code TEXT, ready_ms INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS mandates (
  mandate TEXT PRIMARY KEY, max_minor INTEGER NOT NULL, currency TEXT NOT NULL, merchant_name TEXT NOT NULL,
  description TEXT NOT NULL, return_url TEXT, status TEXT NOT NULL, code TEXT, ready_ms INTEGER,
  agree_by_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS debits (attempt TEXT PRIMARY KEY, mandate TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS movements (
  number TEXT NOT NULL, kind TEXT NOT NULL, minor INTEGER NOT NULL, currency TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (number, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (attempt TEXT PRIMARY KEY, account TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS movements_by_time ON movements (at_ms);
";

/// A till that scans the code of the simulated wallet.
const CODE: &str = "wallet_code";
/// The method of a debit: no order can name it, and no page offers it.
const DEBIT: &str = "wallet_debit";

impl Sandbox {
    /// The channel's name.
    pub const ID: &str = "sandbox";
    /// The methods that it offers.
    pub const METHODS: &[Method] = &[
        Method::anywhere("wallet_qr", MethodKind::Qr),
        Method::anywhere("wallet_redirect", MethodKind::Redirect),
        Method { instalments: true, ..Method::anywhere("wallet_instalments", MethodKind::Qr) },
        Method::named("wechat_jsapi", MethodKind::WechatJsapi),
        Method::named("alipay_mini", MethodKind::AlipayMini),
        Method::named("douyin_mini", MethodKind::DouyinMini),
        Method::named(CODE, MethodKind::Code),
    ];

    /// Opens the wallet's file, or makes it. Its pages are under `public_url`; what is late is so
    /// by the clock `now`.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(
        path: &Path,
        public_url: String,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // Answers given survive `kill -9`; the disk is not waited for as the gateway's own store
        // does, for this is play money, and the measured load should be the gateway's.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        // More than there are, so that none is parsed twice.
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(SCHEMA)?;
        let connection = Arc::new(Mutex::new(Some(connection)));
        Ok(Self {
            connection,
            public_url,
            now: Arc::new(now),
            account: String::new(),
            methods: Self::METHODS,
        })
    }

    /// Closes the wallet's file, so that a copy of it has all that happened. It answers nothing then.
    pub fn close(&self) {
        // The last connection to close brings SQLite's log to its place.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The shopper's act; only the first one counts.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be written.
    pub async fn act(&self, attempt: &AttemptId, act: Act) -> Result<AttemptStatus, Unanswered> {
        self.on_payment(attempt, move |_, payment, now| {
            match act {
                Act::Approve => payment.approve(now),
                Act::Decline => payment.decline(SHOPPER_DECLINED),
                Act::Simulate(Outcome::Late) => payment.agree_for_later(now),
                Act::Simulate(outcome) => payment.decline(outcome.word()),
            }
            Ok(Some(payment.standing()))
        })
        .await
    }

    /// A payment as the shopper sees it.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be read.
    pub async fn payment(&self, attempt: &AttemptId) -> Result<Option<WalletPayment>, Unanswered> {
        let id = attempt.clone();
        self.with(move |wallet, now| {
            let Some(mut payment) = Payment::load(wallet, &id)? else { return Ok(Some(None)) };
            payment.ripen(now);
            let refunded =
                sum_of_refunds(wallet, id.as_str(), now, |it| *it == RefundStatus::Succeeded)?;
            Ok(Some(Some(WalletPayment {
                standing: payment.standing(),
                agreed: !matches!(
                    payment.status,
                    Status::Pending | Status::Declined | Status::Cancelled
                ),
                refunded: Money::new(refunded, payment.asked.currency())
                    .map_err(|_| Broken::damaged())?,
                code_is_over: payment.status == Status::Pending
                    && payment.code_end.is_some_and(|end| now >= end),
                amount: payment.asked,
                instalments: payment.instalments,
                merchant_name: payment.merchant_name,
                description: payment.description,
                return_url: payment.return_url,
            })))
        })
        .await
    }

    /// Whether the wallet tells the gateway twice of what the shopper did.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be read.
    pub async fn tells_twice(&self, attempt: &AttemptId) -> Result<bool, Unanswered> {
        let payment = self.payment(attempt).await?;
        Ok(payment.is_some_and(|it| magic::payment(it.amount) == magic::Payment::Twice))
    }

    /// Applies an event to a payment that the wallet knows, and returns its answer; it may give none.
    async fn on_payment(
        &self,
        attempt: &AttemptId,
        happens: impl FnOnce(
            &Transaction<'_>,
            &mut Payment,
            Timestamp,
        ) -> Result<Option<AttemptStatus>, Broken>
        + Send
        + 'static,
    ) -> Result<AttemptStatus, Unanswered> {
        let id = attempt.clone();
        self.with(move |wallet, now| {
            let Some(mut payment) = Payment::load(wallet, &id)? else {
                return Ok(Some(AttemptStatus::Unknown));
            };
            let former = payment.clone();
            payment.ripen(now);
            let answer = happens(wallet, &mut payment, now)?;
            if payment != former {
                payment.save(wallet)?;
                payment.move_money(wallet, former.status, now)?;
            }
            Ok(answer)
        })
        .await
    }

    /// All or nothing, and written before anybody hears of it. `None` is silence.
    async fn with<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Transaction<'_>, Timestamp) -> Result<Option<T>, Broken> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let (connection, now) = (Arc::clone(&self.connection), (self.now)());
        let run = move || -> Result<Option<T>, Broken> {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = connection.as_mut().ok_or_else(Broken::closed)?;
            let wallet = connection.transaction()?;
            let answer = run(&wallet, now)?;
            wallet.commit()?;
            Ok(answer)
        };
        let unanswered = |reason: String| Unanswered { channel: Self::ID, reason };
        match tokio::task::spawn_blocking(run).await {
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Ok(None)) => Err(unanswered("no answer, as the amount asks for".to_owned())),
            Ok(Err(Broken(reason))) => Err(unanswered(reason)),
            Err(error) => Err(unanswered(error.to_string())),
        }
    }
}

impl Channel for Sandbox {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn methods(&self) -> &'static [Method] {
        self.methods
    }

    fn method_of_code(&self, code: &str) -> Option<&'static str> {
        code::is_ours(code).then_some(CODE)
    }

    fn prepare(&self, request: PaymentRequest) -> ChannelFuture<'_, Prepared> {
        let url = format!("{}/sandbox/wallet/{}", self.public_url, request.attempt);
        let kind = request.kind;
        let attempt = request.attempt.clone();
        let code = match code::Ending::of(&request) {
            Ok(code) => code,
            Err(word) => {
                let refused = Prepared::Refused { code: word.to_owned() };
                return Box::pin(std::future::ready(Ok(refused)));
            }
        };
        Box::pin(async move {
            let (id, account) = (attempt.clone(), self.account.clone());
            let expires_at = self.with(move |wallet, now| {
                owner::claim(wallet, &id, &account)?;
                // A shopper who scans a code pays on another device, and a mini-program is there all the while:
                // neither has a page to go back to.
                let return_url = (kind == MethodKind::Redirect).then_some(request.return_url);
                let sql = "INSERT INTO payments (attempt, minor, currency, merchant_name, description, return_url, status, capture, code_end_ms, parts, rate_ppm)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
                wallet.prepare_cached(sql)?.execute(params![
                    request.attempt.as_str(),
                    request.amount.minor(),
                    request.amount.currency().code(),
                    request.merchant_name,
                    request.description,
                    return_url,
                    request.capture,
                    code_end(kind, request.amount, now).map(Timestamp::as_ms),
                    request.instalments.map(Plan::count),
                    request.instalments.map(Plan::rate_ppm),
                ])?;
                // Asked again, it gives the same code, which is over when it was to be.
                let payment = Payment::load(wallet, &id)?;
                Ok(Some(payment.and_then(|it| it.code_end)))
            });
            let expires_at = expires_at.await?;
            if code == code::Ending::Charged {
                self.act(&attempt, Act::Approve).await?;
            }
            let credential = match kind {
                MethodKind::Code => return Ok(Prepared::Charging),
                MethodKind::Qr => Credential::Qr { qr: url },
                MethodKind::Redirect => Credential::Redirect { redirect_url: url },
                MethodKind::WechatJsapi => mini::wechat(&attempt),
                MethodKind::AlipayMini => mini::alipay(&attempt),
                MethodKind::DouyinMini => mini::douyin(&attempt),
            };
            Ok(Prepared::Offer(Offer { credential, expires_at }))
        })
    }

    fn query(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.attempt.clone();
        Box::pin(async move {
            self.on_own(&attempt, |_, payment, _| {
                Ok((!payment.is_silent()).then(|| payment.standing()))
            })
            .await
        })
    }

    fn cancel(&self, attempt: &AttemptRef) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = attempt.attempt.clone();
        Box::pin(async move {
            // An attempt that was never heard of is noted as cancelled, should its request come late.
            let (id, account) = (attempt.clone(), self.account.clone());
            self.with(move |wallet, _| {
                owner::claim(wallet, &id, &account)?;
                let sql = "INSERT INTO payments (attempt, minor, currency, merchant_name, description, status)
                           VALUES (?1, 0, 'CNY', '', '', 'cancelled') ON CONFLICT DO NOTHING";
                wallet.prepare_cached(sql)?.execute([id.as_str()])?;
                Ok(Some(()))
            })
            .await?;
            self.on_own(&attempt, |_, payment, _| {
                Ok((!payment.is_silent()).then(|| payment.cancel()))
            })
            .await
        })
    }

    // This wallet's refusals do not depend on the number, so a late copy meets the same.
    fn capture(&self, request: CaptureRequest) -> ChannelFuture<'_, AttemptStatus> {
        let CaptureRequest { attempt, amount, .. } = request;
        Box::pin(async move {
            self.on_own(&attempt, move |_, payment, _| Ok(payment.capture(amount))).await
        })
    }

    fn reverse(&self, request: ReversalRequest) -> ChannelFuture<'_, AttemptStatus> {
        let attempt = request.attempt;
        Box::pin(async move {
            let id = attempt.clone();
            self.on_own(&attempt, move |wallet, payment, now| {
                let refunded = sum_of_refunds(wallet, id.as_str(), now, counts)?;
                Ok(payment.reverse(refunded))
            })
            .await
        })
    }

    fn refund(&self, request: RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        let account = self.account.clone();
        Box::pin(async move {
            self.with(move |wallet, now| {
                if !owner::is_of(wallet, request.attempt.as_str(), &account)? {
                    return Ok(Some(RefundStatus::Unknown));
                }
                if let Some(mut refund) = Refund::load(wallet, &request.refund)? {
                    refund.ripen(now);
                    if refund.status == "lost" {
                        // The first call did not come through; this one does.
                        refund.status = "succeeded".to_owned();
                    }
                    refund.save(wallet, &request.refund)?;
                    refund.move_money(wallet, &request.refund, now)?;
                    return refund.answer();
                }
                let payment = Payment::load(wallet, &request.attempt)?;
                let refunded = sum_of_refunds(wallet, request.attempt.as_str(), now, counts)?;
                let (refund, answered) = Refund::begin(&request, payment, refunded, now);
                refund.save(wallet, &request.refund)?;
                refund.move_money(wallet, &request.refund, now)?;
                if answered { refund.answer() } else { Ok(None) }
            })
            .await
        })
    }

    fn query_refund(&self, request: &RefundRequest) -> ChannelFuture<'_, RefundStatus> {
        self.ask_refund(request.refund.clone(), Some(request.attempt.clone()))
    }

    fn returns_by_number(&self) -> bool {
        true
    }

    fn return_payment(&self, request: UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        Box::pin(async move {
            self.with(move |wallet, now| refund::return_payment(wallet, &request, now)).await
        })
    }

    fn query_return(&self, request: &UnknownPayment) -> ChannelFuture<'_, RefundStatus> {
        self.ask_refund(request.refund.clone(), None)
    }

    fn pays_to(&self) -> &'static [&'static str] {
        payout::KINDS
    }

    fn pay_out(&self, request: PayoutRequest) -> ChannelFuture<'_, PayoutStatus> {
        Box::pin(
            async move { self.with(move |wallet, now| payout::pay(wallet, &request, now)).await },
        )
    }

    fn query_payout(&self, payout: &PayoutId) -> ChannelFuture<'_, PayoutStatus> {
        let id = payout.clone();
        Box::pin(async move { self.with(move |wallet, now| payout::query(wallet, &id, now)).await })
    }

    fn debit_method(&self) -> Option<&'static str> {
        // Merchants' own accounts at this wallet debit nobody.
        self.account.is_empty().then_some(DEBIT)
    }

    fn sign(&self, request: MandateRequest) -> ChannelFuture<'_, MandateOffered> {
        let authorize_url = format!("{}/sandbox/mandates/{}", self.public_url, request.mandate);
        Box::pin(async move {
            let sign = move |wallet: &Transaction<'_>, now| mandate::sign(wallet, &request, now);
            self.with(sign).await?;
            Ok(MandateOffered::At { authorize_url })
        })
    }

    fn query_mandate(&self, mandate: &MandateId) -> ChannelFuture<'_, MandateStatus> {
        let id = mandate.clone();
        Box::pin(
            async move { self.with(move |wallet, now| mandate::query(wallet, &id, now)).await },
        )
    }

    fn revoke_mandate(&self, mandate: &MandateId) -> ChannelFuture<'_, MandateStatus> {
        let id = mandate.clone();
        Box::pin(
            async move { self.with(move |wallet, now| mandate::revoke(wallet, &id, now)).await },
        )
    }

    fn debit(&self, request: DebitRequest) -> ChannelFuture<'_, Debited> {
        Box::pin(async move {
            self.with(move |wallet, now| mandate::debit(wallet, &request, now)).await
        })
    }

    fn bills(&self) -> &'static [BillKind] {
        &BillKind::OF_CHANNELS
    }

    fn bill_after_secs(&self) -> i64 {
        BILL_AFTER_SECS
    }

    fn bill(&self, kind: BillKind, day: Date) -> ChannelFuture<'_, BillFetched> {
        Box::pin(async move {
            let bill = self.with(move |wallet, _| bill::print(wallet, kind, day).map(Some)).await?;
            Ok(BillFetched::Bill(bill))
        })
    }
}

impl Sandbox {
    /// A refund of a payment of this account's, or what is given back of one that is nobody's.
    fn ask_refund(&self, id: RefundId, of: Option<AttemptId>) -> ChannelFuture<'_, RefundStatus> {
        let account = self.account.clone();
        Box::pin(async move {
            self.with(move |wallet, now| {
                if let Some(attempt) = &of
                    && !owner::is_of(wallet, attempt.as_str(), &account)?
                {
                    return Ok(Some(RefundStatus::Unknown));
                }
                let Some(mut refund) = Refund::load(wallet, &id)? else {
                    return Ok(Some(RefundStatus::Unknown));
                };
                let former = refund.status.clone();
                refund.ripen(now);
                if refund.status != former {
                    refund.save(wallet, &id)?;
                }
                refund.answer()
            })
            .await
        })
    }

    /// The sandbox's own balance for us, in each currency: what it paid out for us, and did
    /// not get back.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be read.
    pub async fn paid_out(&self) -> Result<Vec<(String, i64)>, Unanswered> {
        self.with(|wallet, now| Ok(Some(payout::paid_out(wallet, now)?))).await
    }
}

/// The wallet's file cannot be used: to the gateway, the wallet does not answer.
struct Broken(String);

impl Broken {
    fn damaged() -> Self {
        Self("a damaged record".to_owned())
    }

    fn closed() -> Self {
        Self("it is closed".to_owned())
    }
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests;
