//! The sandbox channel: a wallet that exists in this process alone, for development and tests.
//!
//! It behaves like another company: it has its own file, knows attempts and refunds and nothing of
//! orders, decides nothing for the gateway, and is asked over the same calls as any channel. It
//! holds by itself that no more goes back than came. What goes wrong follows from the amount:
//! [`magic`].

pub mod magic;
mod mini;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lezai_core::id::{AttemptId, RefundId};
use lezai_core::money::{Currency, Money};
use lezai_core::order::Credential;
use lezai_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::channel::{
    Answer, CaptureRequest, Channel, GiveBackRequest, Method, MethodKind, PaymentRequest,
    RefundRequest, RefundStanding, Standing, Unanswered,
};
use crate::store::StoreError;
use magic::LATE_SECS;

/// The simulated wallet.
pub struct Sandbox {
    connection: Arc<Mutex<Connection>>,
    public_url: String,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A payment as the wallet shows it to the shopper.
#[derive(Clone, Debug)]
pub struct WalletPayment {
    /// How much she is asked for.
    pub amount: Money,
    /// For whom.
    pub merchant_name: String,
    /// What for.
    pub description: String,
    /// Where the shopper goes afterwards; none when she scanned a code with another device.
    pub return_url: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// She agreed, whatever became of it.
    pub agreed: bool,
    /// What went back to her by refunds.
    pub refunded: Money,
}

/// The code of a payment that the shopper herself declined.
pub const SHOPPER_DECLINED: &str = "shopper_declined";

/// What the shopper does in the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// She pays.
    Approve,
    /// She does not.
    Decline,
}

/// The first version knew payments that were taken whole or not at all.
const VERSION_1: &str = "
CREATE TABLE IF NOT EXISTS payments (
  attempt TEXT PRIMARY KEY, minor INTEGER NOT NULL, currency TEXT NOT NULL, merchant_name TEXT NOT NULL,
  description TEXT NOT NULL, return_url TEXT, status TEXT NOT NULL
) STRICT;
";

/// `taken` is what is set aside or was captured, refunds not yet deducted; `silent` counts the calls
/// that are not answered.
const VERSION_2: &str = "
ALTER TABLE payments ADD COLUMN capture INTEGER NOT NULL DEFAULT 1;
ALTER TABLE payments ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN code TEXT;
ALTER TABLE payments ADD COLUMN ready_ms INTEGER;
ALTER TABLE payments ADD COLUMN silent INTEGER NOT NULL DEFAULT 0;
UPDATE payments SET taken = minor WHERE status IN ('paid', 'returned');
CREATE TABLE refunds (
  refund TEXT PRIMARY KEY, attempt TEXT NOT NULL, minor INTEGER NOT NULL, status TEXT NOT NULL, code TEXT, ready_ms INTEGER
) STRICT;
CREATE INDEX refunds_by_attempt ON refunds (attempt);
PRAGMA user_version = 2;
";

impl Sandbox {
    /// The channel's name.
    pub const ID: &str = "sandbox";
    /// What it offers.
    pub const METHODS: &[Method] = &[
        Method { id: "wallet_qr", kind: MethodKind::Qr },
        Method { id: "wallet_redirect", kind: MethodKind::Redirect },
        Method { id: "wechat_jsapi", kind: MethodKind::WechatJsapi },
        Method { id: "alipay_mini", kind: MethodKind::AlipayMini },
        Method { id: "douyin_mini", kind: MethodKind::DouyinMini },
    ];

    /// Opens the wallet's file, or makes it. Its pages are under `public_url`; what is late is so
    /// by the clock `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn open(
        path: &Path,
        public_url: String,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // What was answered survives `kill -9`; the disk is not waited for as the gateway's own store
        // does, for this is play money, and the measured load should be the gateway's.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        let upgrade = connection.transaction()?;
        if upgrade.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? < 2 {
            upgrade.execute_batch(VERSION_1)?;
            upgrade.execute_batch(VERSION_2)?;
        }
        upgrade.commit()?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self { connection, public_url, now: Box::new(now) })
    }

    /// The shopper's act; only the first one counts.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be written.
    pub async fn act(&self, attempt: &AttemptId, act: Act) -> Result<Standing, Unanswered> {
        self.on_payment(attempt, move |_, payment, now| {
            match act {
                Act::Approve => payment.approve(now),
                Act::Decline => payment.decline(SHOPPER_DECLINED),
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
            let refunded = sum_of_refunds(wallet, &id, now, |it| *it == RefundStanding::Succeeded)?;
            Ok(Some(Some(WalletPayment {
                standing: payment.standing(),
                agreed: !matches!(
                    payment.status,
                    Status::Pending | Status::Declined | Status::Cancelled
                ),
                refunded: Money::new(refunded, payment.asked.currency())
                    .map_err(|_| Broken::damaged())?,
                amount: payment.asked,
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

    /// What happens to a payment that the wallet knows, and what it says; it may say nothing.
    async fn on_payment(
        &self,
        attempt: &AttemptId,
        happens: impl FnOnce(
            &Transaction<'_>,
            &mut Payment,
            Timestamp,
        ) -> Result<Option<Standing>, Broken>
        + Send
        + 'static,
    ) -> Result<Standing, Unanswered> {
        let id = attempt.clone();
        self.with(move |wallet, now| {
            let Some(mut payment) = Payment::load(wallet, &id)? else {
                return Ok(Some(Standing::Unknown));
            };
            let former = payment.clone();
            payment.ripen(now);
            let answer = happens(wallet, &mut payment, now)?;
            if payment != former {
                payment.save(wallet)?;
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
        Self::METHODS
    }

    fn prepare(&self, request: PaymentRequest) -> Answer<'_, Credential> {
        let url = format!("{}/sandbox/wallet/{}", self.public_url, request.attempt);
        let kind = request.kind;
        let attempt = request.attempt.clone();
        Box::pin(async move {
            self.with(move |wallet, _| {
                // Who scans a code pays on another device, and a mini-program is there all the while:
                // neither has a page to go back to.
                let return_url = (kind == MethodKind::Redirect).then_some(request.return_url);
                let sql = "INSERT INTO payments (attempt, minor, currency, merchant_name, description, return_url, status, capture)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7) ON CONFLICT DO NOTHING";
                wallet.prepare_cached(sql)?.execute(params![
                    request.attempt.as_str(),
                    request.amount.minor(),
                    request.amount.currency().code(),
                    request.merchant_name,
                    request.description,
                    return_url,
                    request.capture,
                ])?;
                Ok(Some(()))
            })
            .await?;
            Ok(match kind {
                MethodKind::Qr => Credential::Qr { qr: url },
                MethodKind::Redirect => Credential::Redirect { redirect_url: url },
                MethodKind::WechatJsapi => mini::wechat(&attempt),
                MethodKind::AlipayMini => mini::alipay(&attempt),
                MethodKind::DouyinMini => mini::douyin(&attempt),
            })
        })
    }

    fn query(&self, attempt: &AttemptId) -> Answer<'_, Standing> {
        let attempt = attempt.clone();
        Box::pin(async move {
            self.on_payment(&attempt, |_, payment, _| {
                Ok((!payment.is_silent()).then(|| payment.standing()))
            })
            .await
        })
    }

    fn cancel(&self, attempt: &AttemptId) -> Answer<'_, Standing> {
        let attempt = attempt.clone();
        Box::pin(async move {
            // An attempt that was never heard of is noted as cancelled, should its request come late.
            let id = attempt.clone();
            self.with(move |wallet, _| {
                let sql = "INSERT INTO payments (attempt, minor, currency, merchant_name, description, status)
                           VALUES (?1, 0, 'CNY', '', '', 'cancelled') ON CONFLICT DO NOTHING";
                wallet.prepare_cached(sql)?.execute([id.as_str()])?;
                Ok(Some(()))
            })
            .await?;
            self.on_payment(&attempt, |_, payment, _| {
                Ok((!payment.is_silent()).then(|| payment.cancel()))
            })
            .await
        })
    }

    // What this wallet refuses it refuses whatever the number, so a late copy meets the same.
    fn capture(&self, request: CaptureRequest) -> Answer<'_, Standing> {
        let CaptureRequest { attempt, amount, .. } = request;
        Box::pin(async move {
            self.on_payment(&attempt, move |_, payment, _| Ok(payment.capture(amount))).await
        })
    }

    fn give_back(&self, request: GiveBackRequest) -> Answer<'_, Standing> {
        let attempt = request.attempt;
        Box::pin(async move {
            let id = attempt.clone();
            self.on_payment(&attempt, move |wallet, payment, now| {
                let refunded = sum_of_refunds(wallet, &id, now, counts)?;
                Ok(payment.give_back(refunded))
            })
            .await
        })
    }

    fn refund(&self, request: RefundRequest) -> Answer<'_, RefundStanding> {
        Box::pin(async move {
            self.with(move |wallet, now| {
                if let Some(mut refund) = Refund::load(wallet, &request.refund)? {
                    refund.ripen(now);
                    if refund.status == "lost" {
                        // The first call did not come through; this one does.
                        refund.status = "succeeded".to_owned();
                    }
                    refund.save(wallet, &request.refund)?;
                    return refund.answer();
                }
                let payment = Payment::load(wallet, &request.attempt)?;
                let refunded = sum_of_refunds(wallet, &request.attempt, now, counts)?;
                let (refund, answered) = Refund::begin(&request, payment, refunded, now);
                refund.save(wallet, &request.refund)?;
                if answered { refund.answer() } else { Ok(None) }
            })
            .await
        })
    }

    fn query_refund(&self, refund: &RefundId) -> Answer<'_, RefundStanding> {
        let id = refund.clone();
        Box::pin(async move {
            self.with(move |wallet, now| {
                let Some(mut refund) = Refund::load(wallet, &id)? else {
                    return Ok(Some(RefundStanding::Unknown));
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
}

/// Where a payment stands at the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    /// The shopper agreed, the money is not there yet.
    Agreed,
    Authorized,
    Paid,
    Declined,
    Cancelled,
    Returned,
}

impl Status {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Pending, "pending"),
        (Self::Agreed, "agreed"),
        (Self::Authorized, "authorized"),
        (Self::Paid, "paid"),
        (Self::Declined, "declined"),
        (Self::Cancelled, "cancelled"),
        (Self::Returned, "returned"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, it)| *it == word).map(|(status, _)| *status)
    }
}

/// A payment as the wallet keeps it.
#[derive(Clone, PartialEq)]
struct Payment {
    attempt: String,
    asked: Money,
    merchant_name: String,
    description: String,
    return_url: Option<String>,
    /// Whether the money moves when the shopper agrees.
    capture: bool,
    status: Status,
    /// What is set aside or was captured.
    taken: Money,
    code: Option<String>,
    /// When money that is late comes.
    ready: Option<Timestamp>,
    /// Calls that are not answered.
    silent: u32,
}

impl Payment {
    fn load(wallet: &Transaction<'_>, attempt: &AttemptId) -> Result<Option<Self>, Broken> {
        let sql = "SELECT minor, currency, merchant_name, description, return_url, capture, status, taken, code, ready_ms, silent
                   FROM payments WHERE attempt = ?1";
        let read = |row: &Row<'_>| {
            let (asked, currency, taken) = (row.get(0)?, row.get::<_, String>(1)?, row.get(7)?);
            let status = Status::parse(&row.get::<_, String>(6)?);
            let money = |minor| {
                let currency = Currency::from_code(&currency).ok()?;
                Money::new(minor, currency).ok()
            };
            let (Some(asked), Some(taken), Some(status)) = (money(asked), money(taken), status)
            else {
                return Ok(None);
            };
            Ok(Some(Self {
                attempt: attempt.to_string(),
                asked,
                merchant_name: row.get(2)?,
                description: row.get(3)?,
                return_url: row.get(4)?,
                capture: row.get(5)?,
                status,
                taken,
                code: row.get(8)?,
                ready: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_ms),
                silent: row.get(10)?,
            }))
        };
        match wallet.prepare_cached(sql)?.query_row([attempt.as_str()], read).optional()? {
            Some(None) => Err(Broken::damaged()),
            payment => Ok(payment.flatten()),
        }
    }

    fn save(&self, wallet: &Transaction<'_>) -> Result<(), Broken> {
        let sql = "UPDATE payments SET status = ?2, taken = ?3, code = ?4, ready_ms = ?5, silent = ?6 WHERE attempt = ?1";
        wallet.prepare_cached(sql)?.execute(params![
            self.attempt,
            self.status.as_str(),
            self.taken.minor(),
            self.code,
            self.ready.map(Timestamp::as_ms),
            self.silent,
        ])?;
        Ok(())
    }

    fn standing(&self) -> Standing {
        let channel_ref = || format!("sbx_{}", &self.attempt[4..20]);
        match self.status {
            Status::Pending | Status::Agreed => Standing::Pending,
            Status::Authorized => {
                Standing::Authorized { amount: self.taken, channel_ref: channel_ref() }
            }
            Status::Paid => Standing::Paid { amount: self.taken, channel_ref: channel_ref() },
            Status::Declined => Standing::Declined {
                code: self.code.clone().unwrap_or_else(|| SHOPPER_DECLINED.to_owned()),
            },
            Status::Cancelled => Standing::Cancelled,
            Status::Returned => Standing::Returned,
        }
    }

    /// Money that was late comes, once it is time.
    fn ripen(&mut self, now: Timestamp) {
        if self.status == Status::Agreed && self.ready.is_some_and(|ready| now >= ready) {
            self.take();
        }
    }

    /// Whether this call gets no answer.
    fn is_silent(&mut self) -> bool {
        let silent = self.silent > 0;
        if self.silent < u32::MAX {
            self.silent = self.silent.saturating_sub(1);
        }
        silent
    }

    fn approve(&mut self, now: Timestamp) {
        if self.status != Status::Pending {
            return;
        }
        match magic::payment(self.asked) {
            magic::Payment::Declined(code) => self.decline(code),
            magic::Payment::SilentPaid => {
                self.take();
                self.silent = 1;
            }
            magic::Payment::SilentForEver => {
                self.take();
                self.silent = u32::MAX;
            }
            magic::Payment::SilentUnpaid => {
                self.decline("network_failure");
                self.silent = 1;
            }
            magic::Payment::Late => {
                self.status = Status::Agreed;
                self.ready = Some(now.plus_secs(LATE_SECS));
            }
            magic::Payment::AfterClose => self.status = Status::Agreed,
            magic::Payment::Usual
            | magic::Payment::Twice
            | magic::Payment::More
            | magic::Payment::Less
            | magic::Payment::CaptureRefused
            | magic::Payment::CaptureSilent
            | magic::Payment::VoidRefused
            | magic::Payment::VoidSilent
            | magic::Payment::WholeRefundsOnly => self.take(),
        }
    }

    fn decline(&mut self, code: &str) {
        if self.status == Status::Pending {
            self.status = Status::Declined;
            self.code = Some(code.to_owned());
        }
    }

    fn take(&mut self) {
        let one = Money::new(1, self.asked.currency()).ok();
        let other = match magic::payment(self.asked) {
            magic::Payment::More => one.and_then(|one| self.asked.checked_add(one)),
            magic::Payment::Less => one.and_then(|one| self.asked.checked_sub(one)),
            _ => None,
        };
        self.taken = other.unwrap_or(self.asked);
        self.status = if self.capture { Status::Paid } else { Status::Authorized };
    }

    fn cancel(&mut self) -> Standing {
        match self.status {
            Status::Pending | Status::Authorized => self.status = Status::Cancelled,
            Status::Agreed if self.ready.is_none() => {
                // It answers that the payment is on its way, and then it comes.
                self.take();
                return Standing::Pending;
            }
            _ => {}
        }
        self.standing()
    }

    /// `None` is silence.
    fn capture(&mut self, amount: Money) -> Option<Standing> {
        if self.status != Status::Authorized {
            return Some(self.standing());
        }
        let script = magic::payment(self.asked);
        if script == magic::Payment::CaptureRefused {
            return Some(refused("capture_declined"));
        }
        if amount.minor() == 0 || self.taken.checked_sub(amount).is_none() {
            return Some(refused("amount_not_authorized"));
        }
        self.taken = amount;
        self.status = Status::Paid;
        (script != magic::Payment::CaptureSilent).then(|| self.standing())
    }

    /// `None` is silence.
    fn give_back(&mut self, refunded: i64) -> Option<Standing> {
        if !matches!(self.status, Status::Authorized | Status::Paid) {
            return Some(self.standing());
        }
        let script = magic::payment(self.asked);
        if script == magic::Payment::VoidRefused {
            return Some(refused("void_declined"));
        }
        if refunded > 0 {
            return Some(refused("already_refunded"));
        }
        self.status = Status::Returned;
        (script != magic::Payment::VoidSilent).then(|| self.standing())
    }
}

fn refused(code: &str) -> Standing {
    Standing::Refused { code: code.to_owned() }
}

/// A refund as the wallet keeps it.
struct Refund {
    attempt: String,
    minor: i64,
    /// `pending`, `succeeded`, `failed`; `lost`: the call never came through; or `silent`: it did,
    /// and that is all that anybody will hear.
    status: String,
    code: Option<String>,
    ready: Option<Timestamp>,
}

impl Refund {
    /// What a first call comes to, and whether it is answered.
    fn begin(
        request: &RefundRequest,
        payment: Option<Payment>,
        refunded: i64,
        now: Timestamp,
    ) -> (Self, bool) {
        let (status, code, ready, answered) = match refusal(request, payment, refunded) {
            Some(code) => ("failed", Some(code), None, true),
            None => match magic::refund(request.amount) {
                magic::Refund::Usual => ("succeeded", None, None, true),
                magic::Refund::Late => ("pending", None, Some(now.plus_secs(LATE_SECS)), true),
                magic::Refund::Failed(code) => ("failed", Some(code), None, true),
                magic::Refund::SilentDone => ("succeeded", None, None, false),
                magic::Refund::SilentLost => ("lost", None, None, false),
                magic::Refund::SilentForEver => ("silent", None, None, false),
            },
        };
        let refund = Self {
            attempt: request.attempt.to_string(),
            minor: request.amount.minor(),
            status: status.to_owned(),
            code: code.map(str::to_owned),
            ready,
        };
        (refund, answered)
    }

    fn load(wallet: &Transaction<'_>, refund: &RefundId) -> Result<Option<Self>, Broken> {
        let sql = "SELECT attempt, minor, status, code, ready_ms FROM refunds WHERE refund = ?1";
        let read = |row: &Row<'_>| Self::read(row);
        Ok(wallet.prepare_cached(sql)?.query_row([refund.as_str()], read).optional()?)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let ready = row.get::<_, Option<i64>>(4)?.map(Timestamp::from_ms);
        Ok(Self {
            attempt: row.get(0)?,
            minor: row.get(1)?,
            status: row.get(2)?,
            code: row.get(3)?,
            ready,
        })
    }

    fn save(&self, wallet: &Transaction<'_>, refund: &RefundId) -> Result<(), Broken> {
        let sql = "INSERT INTO refunds (refund, attempt, minor, status, code, ready_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT DO UPDATE SET status = excluded.status";
        wallet.prepare_cached(sql)?.execute(params![
            refund.as_str(),
            self.attempt,
            self.minor,
            self.status,
            self.code,
            self.ready.map(Timestamp::as_ms),
        ])?;
        Ok(())
    }

    fn ripen(&mut self, now: Timestamp) {
        if self.status == "pending" && self.ready.is_none_or(|ready| now >= ready) {
            self.status = "succeeded".to_owned();
        }
    }

    /// `None` is silence.
    fn answer(&self) -> Result<Option<RefundStanding>, Broken> {
        if self.status == "silent" { Ok(None) } else { self.standing().map(Some) }
    }

    fn standing(&self) -> Result<RefundStanding, Broken> {
        Ok(match self.status.as_str() {
            "lost" => RefundStanding::Unknown,
            "pending" | "silent" => RefundStanding::Pending,
            "succeeded" => RefundStanding::Succeeded,
            "failed" => RefundStanding::Failed {
                code: self.code.clone().unwrap_or_else(|| "failed".to_owned()),
            },
            _ => return Err(Broken::damaged()),
        })
    }
}

/// Why the wallet refuses a refund, whatever its amount's digits say.
fn refusal(
    request: &RefundRequest,
    payment: Option<Payment>,
    refunded: i64,
) -> Option<&'static str> {
    let Some(payment) = payment
        .filter(|it| it.status == Status::Paid)
        .filter(|it| it.taken.currency() == request.amount.currency())
    else {
        return Some("no_such_payment");
    };
    if request.amount.minor() == 0 || request.amount.minor() > payment.taken.minor() - refunded {
        return Some("exceeds_payment");
    }
    let in_part = request.amount != payment.taken;
    (in_part && magic::payment(payment.asked) == magic::Payment::WholeRefundsOnly)
        .then_some("partial_refund_not_supported")
}

/// What a refund that was lost may yet take counts, too.
fn counts(standing: &RefundStanding) -> bool {
    !matches!(standing, RefundStanding::Failed { .. })
}

fn sum_of_refunds(
    wallet: &Transaction<'_>,
    attempt: &AttemptId,
    now: Timestamp,
    counts: impl Fn(&RefundStanding) -> bool,
) -> Result<i64, Broken> {
    let sql = "SELECT attempt, minor, status, code, ready_ms FROM refunds WHERE attempt = ?1";
    let mut statement = wallet.prepare_cached(sql)?;
    let mut sum = 0;
    for refund in statement.query_map([attempt.as_str()], Refund::read)? {
        let mut refund = refund?;
        refund.ripen(now);
        if counts(&refund.standing()?) {
            sum += refund.minor;
        }
    }
    Ok(sum)
}

/// The wallet's file cannot be used: to the gateway, the wallet does not answer.
struct Broken(String);

impl Broken {
    fn damaged() -> Self {
        Self("a damaged record".to_owned())
    }
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const START_MS: i64 = 1_795_000_000_000;

    /// A wallet on a clock of its own, with one attempt.
    struct Scene {
        wallet: Sandbox,
        clock: Arc<AtomicI64>,
        attempt: AttemptId,
        amount: i64,
    }

    impl Scene {
        fn new(amount: i64) -> Self {
            let clock = Arc::new(AtomicI64::new(START_MS));
            let now = Arc::clone(&clock);
            let wallet = Sandbox::open(Path::new(":memory:"), "http://gw".to_owned(), move || {
                Timestamp::from_ms(now.load(Ordering::Relaxed))
            });
            let attempt = AttemptId::new(Timestamp::from_ms(START_MS), [1; 10]);
            Self { wallet: wallet.unwrap(), clock, attempt, amount }
        }

        /// Does what the word says, such as `approve`, `capture:500` or `refund2:500`, and writes
        /// down what the wallet says.
        async fn act(&self, word: &str) -> String {
            let (verb, minor) = word.split_once(':').unwrap_or((word, "0"));
            let amount = cny(minor.parse().unwrap());
            let (verb, n) = match verb.strip_suffix(|it: char| it.is_ascii_digit()) {
                Some(verb) => (verb, word.as_bytes()[verb.len()] - b'0'),
                None => (verb, 1),
            };
            let refund = RefundId::new(Timestamp::from_ms(START_MS), [n; 10]);
            let attempt = self.attempt.clone();
            let said = match verb {
                "prepare" | "authorise" => {
                    let request = PaymentRequest {
                        attempt,
                        kind: MethodKind::Qr,
                        amount: cny(self.amount),
                        merchant_name: "Demo".to_owned(),
                        description: "Tea".to_owned(),
                        return_url: "http://shop/".to_owned(),
                        capture: verb == "prepare",
                    };
                    self.wallet.prepare(request).await.unwrap();
                    return String::new();
                }
                "wait" => {
                    self.clock.fetch_add(LATE_SECS * 1000, Ordering::Relaxed);
                    return String::new();
                }
                "refund" => {
                    return match self.wallet.refund(RefundRequest { refund, attempt, amount }).await
                    {
                        Ok(standing) => of_refund(standing),
                        Err(_) => "silence".to_owned(),
                    };
                }
                "ask" => {
                    let standing = self.wallet.query_refund(&refund).await;
                    return standing.map_or("silence".to_owned(), of_refund);
                }
                "approve" => self.wallet.act(&attempt, Act::Approve).await,
                "decline" => self.wallet.act(&attempt, Act::Decline).await,
                "query" => self.wallet.query(&attempt).await,
                "cancel" => self.wallet.cancel(&attempt).await,
                "return" => self.wallet.give_back(GiveBackRequest { attempt, number: 0 }).await,
                "capture" => {
                    self.wallet.capture(CaptureRequest { attempt, number: 1, amount }).await
                }
                _ => panic!("{word}"),
            };
            match said {
                Ok(Standing::Paid { amount, .. }) => format!("paid:{}", amount.minor()),
                Ok(Standing::Authorized { amount, .. }) => format!("authorised:{}", amount.minor()),
                Ok(Standing::Declined { code }) => format!("declined:{code}"),
                Ok(Standing::Refused { code }) => format!("refused:{code}"),
                Ok(standing) => format!("{standing:?}").to_lowercase(),
                Err(_) => "silence".to_owned(),
            }
        }
    }

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
    }

    fn of_refund(standing: RefundStanding) -> String {
        match standing {
            RefundStanding::Failed { code } => format!("failed:{code}"),
            standing => format!("{standing:?}").to_lowercase(),
        }
    }

    async fn check(amount: i64, acts: &str, expected: &str) {
        let scene = Scene::new(amount);
        let mut said = Vec::new();
        for word in acts.split_whitespace() {
            said.push(scene.act(word).await);
        }
        said.retain(|it| !it.is_empty());
        assert_eq!(said.join(" "), expected, "{amount}: {acts}");
    }

    #[tokio::test]
    async fn each_way_is_taken_once() {
        for (acts, expected) in [
            ("prepare query", "pending"),
            ("prepare approve decline cancel query", "paid:12800 paid:12800 paid:12800 paid:12800"),
            ("prepare decline approve", "declined:shopper_declined declined:shopper_declined"),
            ("prepare cancel approve", "cancelled cancelled"),
            ("prepare approve return return", "paid:12800 returned returned"),
            ("prepare return", "pending"),
            ("query", "unknown"),
            ("cancel prepare approve", "cancelled cancelled"),
            ("prepare approve prepare query", "paid:12800 paid:12800"),
            ("prepare approve capture:1", "paid:12800 paid:12800"),
            (
                "authorise approve approve query",
                "authorised:12800 authorised:12800 authorised:12800",
            ),
            (
                "authorise approve capture:5000 capture:5000 capture:9000",
                "authorised:12800 paid:5000 paid:5000 paid:5000",
            ),
            (
                "authorise approve capture:12801 capture:0 query",
                "authorised:12800 refused:amount_not_authorized refused:amount_not_authorized authorised:12800",
            ),
            ("authorise approve return query", "authorised:12800 returned returned"),
            ("authorise approve cancel approve", "authorised:12800 cancelled cancelled"),
            ("authorise capture:1", "pending"),
        ] {
            check(12800, acts, expected).await;
        }
    }

    #[tokio::test]
    async fn no_more_goes_back_than_came() {
        for (acts, expected) in [
            ("prepare approve refund:12800", "paid:12800 succeeded"),
            // A repeat is no second refund, and cannot change the first.
            (
                "prepare approve refund:6000 refund:6000 refund2:6800 refund3:1",
                "paid:12800 succeeded succeeded succeeded failed:exceeds_payment",
            ),
            (
                "prepare approve refund:12801 refund:1",
                "paid:12800 failed:exceeds_payment failed:exceeds_payment",
            ),
            ("prepare refund:1", "failed:no_such_payment"),
            ("refund:1", "failed:no_such_payment"),
            ("authorise approve refund:1", "authorised:12800 failed:no_such_payment"),
            (
                "authorise approve capture:500 refund:501 refund2:500",
                "authorised:12800 paid:500 failed:exceeds_payment succeeded",
            ),
            ("prepare approve refund:1 return", "paid:12800 succeeded refused:already_refunded"),
            ("prepare approve return refund:1", "paid:12800 returned failed:no_such_payment"),
            // What is still on its way, or was lost on its way, is taken from what is left.
            (
                "prepare approve refund:2961 refund2:2964 refund3:6876 refund4:6875",
                "paid:12800 pending silence failed:exceeds_payment succeeded",
            ),
            ("prepare approve ask", "paid:12800 unknown"),
        ] {
            check(12800, acts, expected).await;
        }
    }

    #[tokio::test]
    async fn every_magic_amount_does_what_it_says() {
        for (amount, acts, expected) in [
            (
                10901,
                "prepare approve query",
                "declined:insufficient_funds declined:insufficient_funds",
            ),
            (10902, "prepare approve query", "declined:limit_exceeded declined:limit_exceeded"),
            (10903, "prepare approve query", "declined:account_frozen declined:account_frozen"),
            (10911, "prepare query approve query query", "pending paid:10911 silence paid:10911"),
            (
                10912,
                "prepare approve query query",
                "declined:network_failure silence declined:network_failure",
            ),
            (10913, "prepare approve query wait query", "pending pending paid:10913"),
            (
                10913,
                "prepare approve cancel wait query return",
                "pending pending paid:10913 returned",
            ),
            (10913, "authorise approve wait query", "pending authorised:10913"),
            (10914, "prepare approve query query", "paid:10914 paid:10914 paid:10914"),
            (
                10915,
                "prepare approve wait query cancel query",
                "pending pending pending paid:10915",
            ),
            (10916, "prepare approve query cancel query", "paid:10916 silence silence silence"),
            (10921, "prepare approve query return", "paid:10922 paid:10922 returned"),
            (10922, "prepare approve query return", "paid:10921 paid:10921 returned"),
            (
                10931,
                "authorise approve capture:10931 query return",
                "authorised:10931 refused:capture_declined authorised:10931 returned",
            ),
            (
                10932,
                "authorise approve capture:5000 query capture:5000",
                "authorised:10932 silence paid:5000 paid:5000",
            ),
            (
                10941,
                "prepare approve return query refund:10941",
                "paid:10941 refused:void_declined paid:10941 succeeded",
            ),
            (10942, "prepare approve return return", "paid:10942 silence returned"),
            (
                10951,
                "prepare approve refund:500 refund2:10951",
                "paid:10951 failed:partial_refund_not_supported succeeded",
            ),
            (
                12800,
                "prepare approve refund:961 ask wait ask refund:961",
                "paid:12800 pending pending succeeded succeeded",
            ),
            (
                12800,
                "prepare approve refund:962 ask refund:962 refund2:12800",
                "paid:12800 failed:account_closed failed:account_closed failed:account_closed succeeded",
            ),
            (
                12800,
                "prepare approve refund:963 ask refund:963",
                "paid:12800 silence succeeded succeeded",
            ),
            (
                12800,
                "prepare approve refund:964 ask refund:964 ask",
                "paid:12800 silence unknown succeeded succeeded",
            ),
            (
                12800,
                "prepare approve refund:965 ask refund:965",
                "paid:12800 silence silence silence",
            ),
        ] {
            check(amount, acts, expected).await;
        }
    }

    #[tokio::test]
    async fn the_shopper_sees_what_came_and_what_went_back() {
        let scene = Scene::new(12800);
        for (word, agreed, refunded) in [
            ("prepare", false, 0),
            ("approve", true, 0),
            ("refund1:961", true, 0),
            ("refund2:500", true, 500),
            ("refund3:962", true, 500),
            ("wait", true, 1461),
        ] {
            scene.act(word).await;
            let shown = scene.wallet.payment(&scene.attempt).await.unwrap().unwrap();
            assert_eq!((shown.agreed, shown.refunded.minor()), (agreed, refunded), "{word}");
        }
    }

    #[tokio::test]
    async fn a_file_of_the_first_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let scene = Scene::new(12800);
        let old = Connection::open(&path).unwrap();
        old.execute_batch(VERSION_1).unwrap();
        let sql = "INSERT INTO payments VALUES (?1, 12800, 'CNY', 'Demo', 'Tea', NULL, 'paid')";
        old.execute(sql, [scene.attempt.as_str()]).unwrap();
        drop(old);
        for _ in 0..2 {
            let wallet = Sandbox::open(&path, "http://gw".to_owned(), crate::clock::now).unwrap();
            let scene = Scene { wallet, clock: Arc::default(), ..Scene::new(12800) };
            assert_eq!(scene.act("query").await, "paid:12800");
            assert_eq!(scene.act("refund:12800").await, "succeeded");
        }
    }
}
