//! A refund as the wallet keeps it, of a payment that we asked for or of any other, and the rule that no more goes back
//! than came.

use lezai_core::id::RefundId;
use lezai_core::money::Money;
use lezai_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::payment::{Payment, Status};
use super::{Broken, bill, magic, owner};
use crate::channel::{RefundRequest, RefundStatus, UnknownPayment};
use crate::number;
use magic::LATE_SECS;

/// A refund as the wallet keeps it.
pub(super) struct Refund {
    pub(super) attempt: String,
    pub(super) minor: i64,
    /// `pending`, `succeeded`, `failed`; `lost`: the call never came through; or `silent`: it did,
    /// and that is all that anybody will hear.
    pub(super) status: String,
    pub(super) code: Option<String>,
    pub(super) ready: Option<Timestamp>,
}

impl Refund {
    /// The outcome of a first call, and whether it is answered.
    pub(super) fn begin(
        request: &RefundRequest,
        payment: Option<Payment>,
        refunded: i64,
        now: Timestamp,
    ) -> (Self, bool) {
        let refusal = refusal(request, payment, refunded);
        Self::begun(request.attempt.to_string(), request.amount, refusal, now)
    }

    /// As [`Refund::begin`], unless the wallet refuses it.
    pub(super) fn begun(
        attempt: String,
        amount: Money,
        refusal: Option<&'static str>,
        now: Timestamp,
    ) -> (Self, bool) {
        let (status, code, ready, answered) = match refusal {
            Some(code) => ("failed", Some(code), None, true),
            None => match magic::refund(amount) {
                magic::Refund::Usual => ("succeeded", None, None, true),
                magic::Refund::Late => ("pending", None, Some(now.plus_secs(LATE_SECS)), true),
                magic::Refund::Failed(code) => ("failed", Some(code), None, true),
                magic::Refund::SilentDone => ("succeeded", None, None, false),
                magic::Refund::SilentLost => ("lost", None, None, false),
                magic::Refund::SilentForEver => ("silent", None, None, false),
            },
        };
        let refund = Self {
            attempt,
            minor: amount.minor(),
            status: status.to_owned(),
            code: code.map(str::to_owned),
            ready,
        };
        (refund, answered)
    }

    pub(super) fn load(
        wallet: &Transaction<'_>,
        refund: &RefundId,
    ) -> Result<Option<Self>, Broken> {
        let sql = "SELECT attempt, minor, status, code, ready_ms FROM refunds WHERE refund = ?1";
        let read = |row: &Row<'_>| Self::read(row);
        Ok(wallet.prepare_cached(sql)?.query_row([refund.as_str()], read).optional()?)
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let ready = row.get::<_, Option<i64>>(4)?.map(Timestamp::from_ms);
        Ok(Self {
            attempt: row.get(0)?,
            minor: row.get(1)?,
            status: row.get(2)?,
            code: row.get(3)?,
            ready,
        })
    }

    pub(super) fn save(&self, wallet: &Transaction<'_>, refund: &RefundId) -> Result<(), Broken> {
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

    /// Writes down what moved, or will at its time, for the bill. Of what was silent the bill tells.
    pub(super) fn move_money(
        &self,
        wallet: &Transaction<'_>,
        refund: &RefundId,
        now: Timestamp,
    ) -> Result<(), Broken> {
        if matches!(self.status.as_str(), "lost" | "failed") {
            return Ok(());
        }
        // The bill is the platform's.
        if !owner::is_of(wallet, &self.attempt, "")? {
            return Ok(());
        }
        let sql = "SELECT currency FROM payments WHERE attempt = ?1
                   UNION ALL SELECT currency FROM movements WHERE number = ?1 AND kind = 'payment'";
        let currency: String =
            wallet.prepare_cached(sql)?.query_row([&self.attempt], |row| row.get(0))?;
        bill::record(
            wallet,
            &bill::Movement {
                number: &number::of_refund(refund),
                kind: "refund",
                minor: -self.minor,
                currency: &currency,
                at: self.ready.unwrap_or(now),
            },
        )
    }

    pub(super) fn ripen(&mut self, now: Timestamp) {
        if self.status == "pending" && self.ready.is_none_or(|ready| now >= ready) {
            self.status = "succeeded".to_owned();
        }
    }

    /// `None` is silence.
    pub(super) fn answer(&self) -> Result<Option<RefundStatus>, Broken> {
        if self.status == "silent" { Ok(None) } else { self.standing().map(Some) }
    }

    pub(super) fn standing(&self) -> Result<RefundStatus, Broken> {
        Ok(match self.status.as_str() {
            "lost" => RefundStatus::Unknown,
            "pending" | "silent" => RefundStatus::Pending,
            "succeeded" => RefundStatus::Succeeded,
            "failed" => RefundStatus::Failed {
                code: self.code.clone().unwrap_or_else(|| "failed".to_owned()),
            },
            _ => return Err(Broken::damaged()),
        })
    }
}

/// Why the wallet refuses a refund, whatever its amount's digits say.
pub(super) fn refusal(
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

/// A refund that was lost counts, too, for it may yet take money.
pub(super) fn counts(standing: &RefundStatus) -> bool {
    !matches!(standing, RefundStatus::Failed { .. })
}

pub(super) fn sum_of_refunds(
    wallet: &Transaction<'_>,
    attempt: &str,
    now: Timestamp,
    counts: impl Fn(&RefundStatus) -> bool,
) -> Result<i64, Broken> {
    let sql = "SELECT attempt, minor, status, code, ready_ms FROM refunds WHERE attempt = ?1";
    let mut statement = wallet.prepare_cached(sql)?;
    let mut sum = 0;
    for refund in statement.query_map([attempt], Refund::read)? {
        let mut refund = refund?;
        refund.ripen(now);
        if counts(&refund.standing()?) {
            sum += refund.minor;
        }
    }
    Ok(sum)
}

/// Gives back a payment by its number alone, once for the refund's id. `None` is silence.
pub(super) fn return_payment(
    wallet: &Transaction<'_>,
    request: &UnknownPayment,
    now: Timestamp,
) -> Result<Option<RefundStatus>, Broken> {
    let UnknownPayment { number, refund: id, amount } = request;
    let (refund, answered) = match Refund::load(wallet, id)? {
        Some(mut refund) => {
            refund.ripen(now);
            if refund.status == "lost" {
                refund.status = "succeeded".to_owned();
            }
            (refund, true)
        }
        None => {
            let sql = "SELECT minor FROM movements WHERE number = ?1 AND kind = 'payment' AND currency = ?2";
            let came: Option<i64> = wallet
                .prepare_cached(sql)?
                .query_row(params![number, amount.currency().code()], |row| row.get(0))
                .optional()?;
            // One of ours went back by the id of its attempt.
            let back = sum_of_refunds(wallet, number, now, counts)?
                + sum_of_refunds(wallet, &format!("att_{number}"), now, counts)?;
            let refusal = match came {
                None => Some("no_such_payment"),
                Some(came) if amount.minor() > came - back => Some("exceeds_payment"),
                Some(_) => None,
            };
            Refund::begun(number.clone(), *amount, refusal, now)
        }
    };
    refund.save(wallet, id)?;
    refund.move_money(wallet, id, now)?;
    if answered { refund.answer() } else { Ok(None) }
}
