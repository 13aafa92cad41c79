//! Zones and calendars made into instants, for the core to look up: it knows neither. The zones are those
//! of the IANA database that is built in, so that every machine has the same.

use jiff::civil;
use jiff::tz::TimeZone;
use lezai_core::funds::calendar::{CHINA, Calendar};
use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::funds::cycle::{CutOff, CutOffs, Cycle};
use lezai_core::funds::date::Date;
use lezai_core::funds::month::Month;
use lezai_core::id::MerchantId;
use lezai_core::order::Settles;
use lezai_core::time::Timestamp;

use lezai_store::{StoreError, View};

/// As many days as the longest cycle may take, with all the holidays that may lie in it.
pub const CYCLE: i32 = 200;
/// As many days as it takes to tell in which one an instant lies.
pub const TODAY: i32 = 8;
/// Days before, so that the day that an instant lies in is among them, whatever the zone.
const DAYS_BEFORE: i32 = 3;

/// A zone that the built-in database does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a zone of the IANA database, such as Asia/Shanghai")]
pub struct UnknownZone(pub String);

/// The ends of so many days around an instant, from some days before it on.
///
/// # Errors
///
/// [`UnknownZone`].
pub fn cut_offs(contract: &Contract, around: Timestamp, days: i32) -> Result<CutOffs, UnknownZone> {
    let unknown = || UnknownZone(contract.zone().to_owned());
    let zone = TimeZone::get(contract.zone()).map_err(|_| unknown())?;
    let today = i32::try_from(around.as_secs().div_euclid(86_400)).map_err(|_| unknown())?;
    let epoch = Date::parse("1970-01-01").map_err(|_| unknown())?;
    let first = epoch.plus_days(today - DAYS_BEFORE);
    let ends = (0..days).filter_map(|it| end_of_day(&zone, contract, first.plus_days(it)));
    let mut rising: Vec<CutOff> = Vec::new();
    for end in ends {
        if rising.last().is_none_or(|last| last.at < end.at && last.day < end.day) {
            rising.push(end);
        }
    }
    CutOffs::new(rising).map_err(|_| unknown())
}

/// The month that an instant lies in, in a contract's zone. It is the calendar's: a cut-off does not move its end.
///
/// # Errors
///
/// [`UnknownZone`].
pub fn month(contract: &Contract, at: Timestamp) -> Result<Month, UnknownZone> {
    let unknown = || UnknownZone(contract.zone().to_owned());
    let zone = TimeZone::get(contract.zone()).map_err(|_| unknown())?;
    let at = jiff::Timestamp::from_millisecond(at.as_ms()).map_err(|_| unknown())?;
    let day = zone.to_datetime(at).date();
    let (year, month) = (u32::try_from(day.year()), u32::try_from(day.month()));
    let (year, month) = (year.map_err(|_| unknown())?, month.map_err(|_| unknown())?);
    Month::new(year, month).map_err(|_| unknown())
}

/// When a day ends in a zone. A day that does not exist there has no end, and a time that is left out or
/// comes twice is read as RFC 5545 does: by the offset before a gap, and as the first of two.
fn end_of_day(zone: &TimeZone, contract: &Contract, day: Date) -> Option<CutOff> {
    let civil = |day: Date| {
        let (year, month, of_month) = day.parts();
        let small = |it: i32| i8::try_from(it).ok();
        civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(of_month)?).ok()
    };
    let exists = |day: civil::Date| {
        let noon = zone.to_ambiguous_zoned_datetime(day.at(12, 0, 0, 0)).compatible().ok()?;
        (noon.date() == day).then_some(())
    };
    exists(civil(day)?)?;
    let small = |it: u16| i8::try_from(it).ok();
    let (hour, minute) = (small(contract.cut_off().hour())?, small(contract.cut_off().minute())?);
    let end = match hour {
        24 => civil(day.plus_days(1))?.at(0, 0, 0, 0),
        _ => civil(day)?.at(hour, minute, 0, 0),
    };
    let at = zone.to_ambiguous_zoned_datetime(end).compatible().ok()?;
    Some(CutOff { day, at: Timestamp::from_ms(at.timestamp().as_millisecond()) })
}

/// The calendar of a contract: the operator's latest edition of it, or the one that is built in.
///
/// # Errors
///
/// [`StoreError`].
pub fn calendar<V: View + ?Sized>(
    view: &V,
    contract: &Contract,
) -> Result<Option<Calendar>, StoreError> {
    let Some(name) = contract.calendar() else { return Ok(None) };
    let text = match (view.calendar(name)?, name) {
        (Some(text), _) => text,
        (None, "cn") => CHINA.to_owned(),
        (None, _) => return Err(StoreError::Damaged(format!("there is no calendar {name}"))),
    };
    let calendar = Calendar::parse(&text);
    calendar.map(Some).map_err(|error| StoreError::Damaged(format!("calendar {name}: {error}")))
}

/// The contract of a merchant's that is in force.
///
/// # Errors
///
/// [`StoreError`].
pub fn in_force<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    at: Timestamp,
) -> Result<Agreed, StoreError> {
    let agreed = view.contracts(merchant)?;
    Ok(Agreed::in_force(&agreed, at).cloned().unwrap_or_else(Agreed::standard))
}

/// When a payment settles that is captured at `captured_at`, by the merchant's contract of that moment.
///
/// # Errors
///
/// [`StoreError`].
pub fn settles<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    captured_at: Timestamp,
) -> Result<Settles, StoreError> {
    let agreed = in_force(view, merchant, captured_at)?;
    if agreed.number == 0 {
        return Ok(Settles::ADayLater);
    }
    let contract = &agreed.contract;
    if let Cycle::After { seconds } = contract.cycle() {
        return Ok(Settles::At(captured_at.plus_secs(seconds.into())));
    }
    let days = cut_offs(contract, captured_at, CYCLE)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    let calendar = calendar(view, contract)?;
    match days.settles_at(captured_at, contract.cycle(), calendar.as_ref()) {
        Ok(at) => Ok(Settles::At(at)),
        Err(why) => {
            tracing::warn!(%merchant, %why, "nobody can say when this payment settles");
            Ok(Settles::NotKnown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(zone: &str, cut_off: &str) -> Contract {
        let json = format!(
            r#"{{"cycle":{{"kind":"days","days":1}},"day":{{"zone":"{zone}","cut_off":"{cut_off}"}}}}"#
        );
        Contract::from_json(json.as_bytes()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        lezai_wire::time::parse_rfc3339(text).unwrap()
    }

    /// The ends of the days that begin with `first`, in the zone's own words.
    fn ends(zone: &str, cut_off: &str, first: &str, count: usize) -> Vec<String> {
        let days =
            cut_offs(&contract(zone, cut_off), at(&format!("{first}T12:00:00Z")), CYCLE).unwrap();
        let mut now = at(&format!("{first}T00:00:00Z")).plus_secs(-20 * 3600);
        let mut ends = Vec::new();
        while ends.len() < count {
            let end = days.next_after(now, None).unwrap();
            now = end.at;
            if end.day >= Date::parse(first).unwrap() {
                ends.push(format!("{} {}", end.day, lezai_wire::time::rfc3339(end.at)));
            }
        }
        ends
    }

    #[test]
    fn a_day_ends_once_whatever_the_clocks_do() {
        for (zone, cut_off, first, expected) in [
            (
                "Asia/Shanghai",
                "16:00",
                "2026-02-13",
                vec!["2026-02-13 2026-02-13T08:00:00.000Z", "2026-02-14 2026-02-14T08:00:00.000Z"],
            ),
            (
                "Asia/Shanghai",
                "24:00",
                "2026-02-13",
                vec!["2026-02-13 2026-02-13T16:00:00.000Z", "2026-02-14 2026-02-14T16:00:00.000Z"],
            ),
            // 2026-03-08 02:30 is left out in New York: half an hour past three.
            (
                "America/New_York",
                "02:30",
                "2026-03-07",
                vec![
                    "2026-03-07 2026-03-07T07:30:00.000Z",
                    "2026-03-08 2026-03-08T07:30:00.000Z",
                    "2026-03-09 2026-03-09T06:30:00.000Z",
                ],
            ),
            // 2026-11-01 01:30 comes twice there: the first counts.
            (
                "America/New_York",
                "01:30",
                "2026-10-31",
                vec![
                    "2026-10-31 2026-10-31T05:30:00.000Z",
                    "2026-11-01 2026-11-01T05:30:00.000Z",
                    "2026-11-02 2026-11-02T06:30:00.000Z",
                ],
            ),
            // Lord Howe moves its clocks by half an hour.
            (
                "Australia/Lord_Howe",
                "16:00",
                "2026-04-04",
                vec!["2026-04-04 2026-04-04T05:00:00.000Z", "2026-04-05 2026-04-05T05:30:00.000Z"],
            ),
            // Apia had no 30 December 2011.
            (
                "Pacific/Apia",
                "16:00",
                "2011-12-29",
                vec!["2011-12-29 2011-12-30T02:00:00.000Z", "2011-12-31 2011-12-31T02:00:00.000Z"],
            ),
            (
                "Pacific/Apia",
                "24:00",
                "2011-12-29",
                vec!["2011-12-29 2011-12-30T10:00:00.000Z", "2011-12-31 2011-12-31T10:00:00.000Z"],
            ),
        ] {
            assert_eq!(ends(zone, cut_off, first, expected.len()), expected, "{zone} {cut_off}");
        }
    }

    #[test]
    fn days_follow_one_another_in_every_zone() {
        for zone in
            ["Asia/Kathmandu", "America/Sao_Paulo", "Asia/Gaza", "Africa/Casablanca", "Asia/Tehran"]
        {
            for cut_off in ["00:30", "02:00", "12:00", "23:59", "24:00"] {
                for year in 2018..2030 {
                    let days = cut_offs(
                        &contract(zone, cut_off),
                        at(&format!("{year}-01-05T00:00:00Z")),
                        CYCLE,
                    )
                    .unwrap();
                    let mut now = at(&format!("{year}-01-05T00:00:00Z"));
                    for _ in 0..190 {
                        let end = days.next_after(now, None).unwrap();
                        let hours = (end.at.as_ms() - now.as_ms()) / 3_600_000;
                        assert!((0..=26).contains(&hours), "{zone} {cut_off} {}", end.day);
                        now = end.at;
                    }
                }
            }
        }
    }

    #[test]
    fn a_zone_that_is_not_there_is_refused() {
        let nowhere =
            cut_offs(&contract("Asia/Atlantis", "16:00"), at("2026-02-13T00:00:00Z"), TODAY);
        assert_eq!(nowhere, Err(UnknownZone("Asia/Atlantis".to_owned())));
    }
}
