//! The wallet's bill of a day: each movement of money in the order in which it happened, and its own
//! faults, which follow from the amount.

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use rusqlite::{Transaction, params};

use super::Broken;
use super::magic;

/// Where the wallet's days begin: in Shanghai.
const OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// The columns of Lezai's own layout of movements.
const HEADER: &str = "at,kind,reference,minor,currency,fee,status\n";

/// Money that moves, once for each number and kind.
pub(super) struct Movement<'m> {
    /// Our number of it.
    pub(super) number: &'m str,
    /// As bills have it, such as `payment`.
    pub(super) kind: &'m str,
    /// Positive is money that comes in.
    pub(super) minor: i64,
    pub(super) currency: &'m str,
    pub(super) at: Timestamp,
}

/// Writes a movement down.
pub(super) fn record(wallet: &Transaction<'_>, movement: &Movement<'_>) -> Result<(), Broken> {
    let sql =
        "INSERT INTO movements (number, kind, minor, currency, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO NOTHING";
    let Movement { number, kind, minor, currency, at } = movement;
    wallet.prepare_cached(sql)?.execute(params![number, kind, minor, currency, at.as_ms()])?;
    Ok(())
}

/// A bill of a day. That of funds has the faults of that of trades, too, and more of its own.
pub(super) fn print(
    wallet: &Transaction<'_>,
    bill_kind: BillKind,
    day: Date,
) -> Result<Vec<u8>, Broken> {
    let is_of_funds = bill_kind == BillKind::Funds;
    let epoch = Date::parse("1970-01-01").map_err(|_| Broken::damaged())?;
    let begin = i64::from(day.days_since(epoch)) * DAY_MS - OFFSET_MS;
    let sql = "SELECT number, kind, minor, currency, at_ms FROM movements WHERE at_ms >= ?1 AND at_ms < ?2
               ORDER BY at_ms, number, kind";
    let mut statement = wallet.prepare_cached(sql)?;
    // The day before has what comes late.
    let mut rows = statement.query(params![begin - DAY_MS, begin + DAY_MS])?;
    let mut bill = HEADER.to_owned();
    while let Some(row) = rows.next()? {
        let (number, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let (mut minor, code): (i64, String) = (row.get(2)?, row.get(3)?);
        let at_ms: i64 = row.get(4)?;
        let at = in_shanghai(at_ms);
        let amount =
            Currency::from_code(&code).ok().and_then(|it| Money::new(minor.abs(), it).ok());
        let fault = amount.filter(|_| kind == "payment").and_then(magic::bill);
        let is_late = fault == Some(magic::Bill::NextDay);
        let times = match fault {
            _ if is_late != (at_ms < begin) => 0,
            Some(magic::Bill::Lost) => 0,
            Some(magic::Bill::FundsLost) => u32::from(!is_of_funds),
            Some(magic::Bill::Twice) => 2,
            _ => 1,
        };
        minor += match fault {
            Some(magic::Bill::More) => 1,
            Some(magic::Bill::FundsMore) => i64::from(is_of_funds),
            _ => 0,
        };
        for _ in 0..times {
            bill.push_str(&format!("{at},{kind},{number},{minor},{code},,done\n"));
        }
        if is_of_funds && fault == Some(magic::Bill::FundsFee) && at_ms >= begin {
            bill.push_str(&format!("{at},fee,{number},-1,{code},,done\n"));
        }
    }
    Ok(bill.into_bytes())
}

/// `2026-11-18T19:06:40.042+08:00`.
fn in_shanghai(at_ms: i64) -> String {
    let local = at_ms + OFFSET_MS;
    let in_day = local.rem_euclid(DAY_MS);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, ms) = (in_day / 1000 % 60, in_day % 1000);
    let day = Date::parse("1970-01-01").map(|it| {
        it.plus_days(i32::try_from(local.div_euclid(DAY_MS)).unwrap_or_default()).to_string()
    });
    let day = day.unwrap_or_default();
    format!("{day}T{hour:02}:{minute:02}:{second:02}.{ms:03}+08:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_shanghai() {
        assert_eq!(in_shanghai(1_795_000_000_042), "2026-11-18T19:06:40.042+08:00");
        assert_eq!(in_shanghai(-OFFSET_MS), "1970-01-01T00:00:00.000+08:00");
    }
}
