//! A payout as the wallet keeps it. It is another company: it knows a payout by our id, pays it once, and
//! may get it back.

use lezai_core::id::PayoutId;
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::magic::{self, LATE_SECS};
use super::{Broken, bill};
use crate::channel::{PayoutRequest, PayoutStatus};
use crate::number;

/// The kinds of destination that the wallet pays to.
pub(super) const KINDS: &[&str] = &["wallet", "bank_account"];

struct Payout {
    amount: Money,
    /// `pending`, `paid`, `failed`, `returning` (paid, and on its way back), `returned`; `lost`: the call
    /// never came through; or `silent`: it did, and that is all that anybody will hear.
    status: String,
    code: Option<String>,
    ready: Option<Timestamp>,
}

/// Pays out, once for each id; `None` is silence.
pub(super) fn pay(
    wallet: &Transaction<'_>,
    request: &PayoutRequest,
    now: Timestamp,
) -> Result<Option<PayoutStatus>, Broken> {
    if let Some(mut payout) = Payout::load(wallet, &request.payout)? {
        if payout.status == "lost" {
            // The first call did not come through; this one does.
            payout.status = "paid".to_owned();
            payout.save(wallet, request)?;
            payout.move_money(wallet, &request.payout, now)?;
        }
        return payout.answer(&request.payout, now);
    }
    let later = Some(now.plus_secs(LATE_SECS));
    let (status, code, ready, answered) = match magic::payout(request.amount) {
        magic::Payout::Usual | magic::Payout::Less => ("paid", None, None, true),
        magic::Payout::Late => ("pending", None, later, true),
        magic::Payout::Failed(code) => ("failed", Some(code), None, true),
        magic::Payout::SilentDone => ("paid", None, None, false),
        magic::Payout::SilentLost => ("lost", None, None, false),
        magic::Payout::SilentForEver => ("silent", None, None, false),
        magic::Payout::Returned(code) => ("returning", Some(code), later, true),
    };
    let payout = Payout {
        amount: request.amount,
        status: status.to_owned(),
        code: code.map(str::to_owned),
        ready,
    };
    payout.save(wallet, request)?;
    payout.move_money(wallet, &request.payout, now)?;
    if answered { payout.answer(&request.payout, now) } else { Ok(None) }
}

/// The status of a payout; `None` is silence.
pub(super) fn query(
    wallet: &Transaction<'_>,
    id: &PayoutId,
    now: Timestamp,
) -> Result<Option<PayoutStatus>, Broken> {
    match Payout::load(wallet, id)? {
        Some(payout) => payout.answer(id, now),
        None => Ok(Some(PayoutStatus::Unknown)),
    }
}

/// The sum that left by payouts and did not come back, in each currency.
pub(super) fn paid_out(
    wallet: &Transaction<'_>,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, Broken> {
    let sql =
        "SELECT payout, minor, currency, status, code, ready_ms FROM payouts ORDER BY currency";
    let mut statement = wallet.prepare_cached(sql)?;
    let mut sums: Vec<(String, i64)> = Vec::new();
    for row in statement.query_map([], |row| Ok((row.get::<_, String>(2)?, Payout::read(row))))? {
        let (code, payout) = row?;
        let payout = payout?;
        let minor = match payout.standing("", now)? {
            PayoutStatus::Paid { amount, .. } => amount.minor(),
            _ => 0,
        };
        match sums.last_mut() {
            Some((last, sum)) if *last == code => *sum += minor,
            _ => sums.push((code, minor)),
        }
    }
    Ok(sums)
}

impl Payout {
    fn load(wallet: &Transaction<'_>, id: &PayoutId) -> Result<Option<Self>, Broken> {
        let sql =
            "SELECT payout, minor, currency, status, code, ready_ms FROM payouts WHERE payout = ?1";
        let mut statement = wallet.prepare_cached(sql)?;
        statement.query_row([id.as_str()], |row| Ok(Self::read(row))).optional()?.transpose()
    }

    fn read(row: &Row<'_>) -> Result<Self, Broken> {
        let code: String = row.get(2)?;
        let currency = Currency::from_code(&code).map_err(|_| Broken::damaged())?;
        Ok(Self {
            amount: Money::new(row.get(1)?, currency).map_err(|_| Broken::damaged())?,
            status: row.get(3)?,
            code: row.get(4)?,
            ready: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_ms),
        })
    }

    fn save(&self, wallet: &Transaction<'_>, request: &PayoutRequest) -> Result<(), Broken> {
        let sql = "INSERT INTO payouts (payout, minor, currency, kind, account, status, code, ready_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET status = excluded.status";
        wallet.prepare_cached(sql)?.execute(params![
            request.payout.as_str(),
            self.amount.minor(),
            self.amount.currency().code(),
            request.destination.kind,
            request.destination.account,
            self.status,
            self.code,
            self.ready.map(Timestamp::as_ms),
        ])?;
        Ok(())
    }

    /// Writes down what moved, or will at its time, for the bill. Of what was silent the bill tells.
    fn move_money(
        &self,
        wallet: &Transaction<'_>,
        id: &PayoutId,
        now: Timestamp,
    ) -> Result<(), Broken> {
        if matches!(self.status.as_str(), "lost" | "failed") {
            return Ok(());
        }
        let less = magic::payout(self.amount) == magic::Payout::Less;
        let (number, currency) = (number::of_payout(id), self.amount.currency().code());
        let minor = self.amount.minor() - i64::from(less);
        let returning = self.status == "returning";
        let at = self.ready.filter(|_| !returning).unwrap_or(now);
        let paid = bill::Movement { number: &number, kind: "payout", minor: -minor, currency, at };
        bill::record(wallet, &paid)?;
        if let Some(at) = self.ready.filter(|_| returning) {
            let back = bill::Movement { kind: "payout_return", minor, at, ..paid };
            bill::record(wallet, &back)?;
        }
        Ok(())
    }

    fn answer(&self, id: &PayoutId, now: Timestamp) -> Result<Option<PayoutStatus>, Broken> {
        if self.status == "silent" {
            return Ok(None);
        }
        self.standing(id.as_str(), now).map(Some)
    }

    fn standing(&self, id: &str, now: Timestamp) -> Result<PayoutStatus, Broken> {
        let ripe = self.ready.is_none_or(|ready| now >= ready);
        let less = magic::payout(self.amount) == magic::Payout::Less;
        let arrived = Money::new(self.amount.minor() - i64::from(less), self.amount.currency());
        let paid = || {
            Ok(PayoutStatus::Paid {
                amount: arrived.map_err(|_| Broken::damaged())?,
                // As short as the numbers on a bank's statement.
                channel_ref: format!("W{}", id.get(id.len().saturating_sub(16)..).unwrap_or(id)),
            })
        };
        let code = || self.code.clone().unwrap_or_else(|| "failed".to_owned());
        match (self.status.as_str(), ripe) {
            ("lost", _) => Ok(PayoutStatus::Unknown),
            ("silent", _) | ("pending", false) => Ok(PayoutStatus::Pending),
            ("paid", _) | ("pending", true) | ("returning", false) => paid(),
            ("returning", true) => Ok(PayoutStatus::Returned { code: code() }),
            ("failed", _) => Ok(PayoutStatus::Failed { code: code() }),
            _ => Err(Broken::damaged()),
        }
    }
}
