//! A payment as the wallet keeps it: what the shopper, the clock and the gateway make of it.

use lezai_core::id::AttemptId;
use lezai_core::instalments::Plan;
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Broken, SHOPPER_DECLINED, TAKEN_BACK, bill, magic, owner};
use crate::channel::{AttemptStatus, MethodKind};
use crate::number;
use magic::{CODE_SECS, CODE_SOON_SECS, LATE_SECS, PREPAY_SECS};

/// Where a payment stands at the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    /// The shopper agreed, the money is not there yet.
    Agreed,
    Authorized,
    Paid,
    Declined,
    Cancelled,
    Returned,
    /// A debit that the payer's bank took back.
    TakenBack,
}

impl Status {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Pending, "pending"),
        (Self::Agreed, "agreed"),
        (Self::Authorized, "authorized"),
        (Self::Paid, "paid"),
        (Self::Declined, "declined"),
        (Self::Cancelled, "cancelled"),
        (Self::Returned, "returned"),
        (Self::TakenBack, "taken_back"),
    ];

    pub(super) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("", |(_, word)| word)
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, it)| *it == word).map(|(status, _)| *status)
    }
}

/// A redirect leads to the wallet at once, so it has no end of its own; whatever waits for them has one.
pub(super) fn code_end(kind: MethodKind, amount: Money, now: Timestamp) -> Option<Timestamp> {
    let secs = match (kind, magic::payment(amount)) {
        (MethodKind::Redirect | MethodKind::Code, _) => return None,
        (_, magic::Payment::CodeSoonOver) => CODE_SOON_SECS,
        (MethodKind::Qr, _) => CODE_SECS,
        (MethodKind::WechatJsapi | MethodKind::AlipayMini | MethodKind::DouyinMini, _) => {
            PREPAY_SECS
        }
    };
    Some(now.plus_secs(secs))
}

/// A payment as the wallet keeps it.
#[derive(Clone, PartialEq)]
pub(super) struct Payment {
    pub(super) attempt: String,
    pub(super) asked: Money,
    pub(super) merchant_name: String,
    pub(super) description: String,
    pub(super) return_url: Option<String>,
    /// Whether the money moves when the shopper agrees.
    pub(super) capture: bool,
    pub(super) status: Status,
    /// The amount set aside or captured.
    pub(super) taken: Money,
    pub(super) code: Option<String>,
    /// When money that is late comes.
    pub(super) ready: Option<Timestamp>,
    /// Until when it can be begun. Who had begun by then can finish it: the wallet's page says so, and
    /// its button does not ask.
    pub(super) code_end: Option<Timestamp>,
    /// By which the shopper pays the wallet; it pays us at once.
    pub(super) instalments: Option<Plan>,
    /// Calls that are not answered.
    pub(super) silent: u32,
}

impl Payment {
    pub(super) fn load(
        wallet: &Transaction<'_>,
        attempt: &AttemptId,
    ) -> Result<Option<Self>, Broken> {
        let sql = "SELECT minor, currency, merchant_name, description, return_url, capture, status, taken, code, ready_ms, silent, code_end_ms, parts, rate_ppm
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
                code_end: row.get::<_, Option<i64>>(11)?.map(Timestamp::from_ms),
                instalments: match (row.get(12)?, row.get(13)?) {
                    (Some(count), Some(rate_ppm)) => Plan::new(count, rate_ppm).ok(),
                    _ => None,
                },
            }))
        };
        match wallet.prepare_cached(sql)?.query_row([attempt.as_str()], read).optional()? {
            Some(None) => Err(Broken::damaged()),
            payment => Ok(payment.flatten()),
        }
    }

    pub(super) fn save(&self, wallet: &Transaction<'_>) -> Result<(), Broken> {
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

    /// Writes down what moved by a change of this payment, for the bill.
    pub(super) fn move_money(
        &self,
        wallet: &Transaction<'_>,
        former: Status,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let (kind, minor, at) = match (former, self.status) {
            (Status::Agreed, Status::Paid) => ("payment", 1, self.ready.unwrap_or(now)),
            (former, Status::Paid) if former != Status::Paid => ("payment", 1, now),
            (Status::Paid, Status::Returned) => ("void", -1, now),
            (Status::Paid, Status::TakenBack) => ("debit_return", -1, self.ready.unwrap_or(now)),
            _ => return Ok(()),
        };
        // The bill is the platform's.
        if !owner::is_of(wallet, &self.attempt, "")? {
            return Ok(());
        }
        bill::record(
            wallet,
            &bill::Movement {
                number: number::digits(&self.attempt),
                kind,
                minor: minor * self.taken.minor(),
                currency: self.taken.currency().code(),
                at,
            },
        )
    }

    pub(super) fn standing(&self) -> AttemptStatus {
        let channel_ref = || format!("sbx_{}", &self.attempt[4..20]);
        match self.status {
            Status::Pending | Status::Agreed => AttemptStatus::Pending,
            Status::Authorized => {
                AttemptStatus::Authorized { amount: self.taken, channel_ref: channel_ref() }
            }
            Status::Paid => AttemptStatus::Paid { amount: self.taken, channel_ref: channel_ref() },
            Status::Declined => AttemptStatus::Declined {
                code: self.code.clone().unwrap_or_else(|| SHOPPER_DECLINED.to_owned()),
            },
            Status::Cancelled => AttemptStatus::Cancelled,
            Status::Returned => AttemptStatus::Returned,
            Status::TakenBack => AttemptStatus::DebitReturned {
                amount: self.taken,
                channel_ref: channel_ref(),
                code: self.code.clone().unwrap_or_else(|| TAKEN_BACK.to_owned()),
            },
        }
    }

    /// Money that was late comes, once it is time.
    pub(super) fn ripen(&mut self, now: Timestamp) {
        if self.status == Status::Agreed && self.ready.is_some_and(|ready| now >= ready) {
            self.take();
        }
        // Only a debit has a code while it is paid, and a time at which it is no more.
        let goes_back = self.status == Status::Paid && self.code.is_some();
        if goes_back && self.ready.is_some_and(|ready| now >= ready) {
            self.status = Status::TakenBack;
        }
    }

    /// The wallet debits the payer, who is not asked.
    pub(super) fn debit(&mut self, now: Timestamp) {
        self.approve(now);
        if let magic::Payment::TakenBack(code) = magic::payment(self.asked)
            && self.status == Status::Paid
        {
            (self.code, self.ready) = (Some(code.to_owned()), Some(now.plus_secs(LATE_SECS)));
        }
    }

    /// The payer's bank takes a debit back at once.
    pub(super) fn take_back(&mut self, code: &str, now: Timestamp) {
        if self.status == Status::Paid {
            self.status = Status::TakenBack;
            (self.code, self.ready) = (Some(code.to_owned()), Some(now));
        }
    }

    /// Whether this call gets no answer.
    pub(super) fn is_silent(&mut self) -> bool {
        let silent = self.silent > 0;
        if self.silent < u32::MAX {
            self.silent = self.silent.saturating_sub(1);
        }
        silent
    }

    pub(super) fn approve(&mut self, now: Timestamp) {
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
            magic::Payment::Late => self.agree_for_later(now),
            magic::Payment::AfterClose => self.status = Status::Agreed,
            magic::Payment::Usual
            | magic::Payment::Twice
            | magic::Payment::CodeSoonOver
            | magic::Payment::More
            | magic::Payment::Less
            | magic::Payment::CaptureRefused
            | magic::Payment::CaptureSilent
            | magic::Payment::VoidRefused
            | magic::Payment::VoidSilent
            | magic::Payment::WholeRefundsOnly
            | magic::Payment::TakenBack(_) => self.take(),
        }
    }

    /// The shopper agrees, and the money comes later.
    pub(super) fn agree_for_later(&mut self, now: Timestamp) {
        if self.status == Status::Pending {
            self.status = Status::Agreed;
            self.ready = Some(now.plus_secs(LATE_SECS));
        }
    }

    pub(super) fn decline(&mut self, code: &str) {
        if self.status == Status::Pending {
            self.status = Status::Declined;
            self.code = Some(code.to_owned());
        }
    }

    pub(super) fn take(&mut self) {
        let one = Money::new(1, self.asked.currency()).ok();
        let other = match magic::payment(self.asked) {
            magic::Payment::More => one.and_then(|one| self.asked.checked_add(one)),
            magic::Payment::Less => one.and_then(|one| self.asked.checked_sub(one)),
            _ => None,
        };
        self.taken = other.unwrap_or(self.asked);
        self.status = if self.capture { Status::Paid } else { Status::Authorized };
    }

    pub(super) fn cancel(&mut self) -> AttemptStatus {
        match self.status {
            Status::Pending | Status::Authorized => self.status = Status::Cancelled,
            Status::Agreed if self.ready.is_none() => {
                // It answers that the payment is on its way, and then it comes.
                self.take();
                return AttemptStatus::Pending;
            }
            _ => {}
        }
        self.standing()
    }

    /// `None` is silence.
    pub(super) fn capture(&mut self, amount: Money) -> Option<AttemptStatus> {
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
    pub(super) fn reverse(&mut self, refunded: i64) -> Option<AttemptStatus> {
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

pub(super) fn refused(code: &str) -> AttemptStatus {
    AttemptStatus::Refused { code: code.to_owned() }
}
