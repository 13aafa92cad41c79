//! A merchant's zone: when its days, weeks and months begin, and how a moment is written there. The zones are those of
//! the IANA database that is built in.

use jiff::civil::{self, Weekday};
use jiff::tz::TimeZone;
use lezai_core::funds::date::Date;
use lezai_core::time::Timestamp;

/// How often a plan's statements are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Each day.
    Day,
    /// Each week, from Monday on (ISO 8601).
    Week,
    /// Each month.
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    fn begin(self, day: civil::Date) -> Option<civil::Date> {
        match self {
            Self::Day => Some(day),
            Self::Week => {
                let since = day.weekday().since(Weekday::Monday);
                day.checked_sub(jiff::Span::new().days(since)).ok()
            }
            Self::Month => Some(day.first_of_month()),
        }
    }

    fn next(self, begin: civil::Date) -> Option<civil::Date> {
        let span = match self {
            Self::Day => jiff::Span::new().days(1),
            Self::Week => jiff::Span::new().weeks(1),
            Self::Month => jiff::Span::new().months(1),
        };
        begin.checked_add(span).ok()
    }
}

/// A zone of the IANA database.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// # Errors
    ///
    /// It is not in the database.
    pub fn named(name: &str) -> Result<Self, &'static str> {
        // A name that jiff knows and the database does not, such as `Etc/Unknown`, is nobody's zone.
        let known = TimeZone::get(name).ok().filter(|it| !it.is_unknown());
        known.map(Self).ok_or("not a zone of the IANA database, such as Asia/Shanghai")
    }

    /// Minutes east of Greenwich at a moment.
    pub fn offset_minutes(&self, at: Timestamp) -> i32 {
        let at =
            jiff::Timestamp::from_millisecond(at.as_ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        self.0.to_offset(at).seconds().div_euclid(60)
    }

    /// The beginning of a day: a midnight that is left out is read by the offset before the gap, and of one that comes twice
    /// the first counts. A day that does not exist there begins when the next one does.
    pub fn begin_of(&self, day: Date) -> Option<Timestamp> {
        let (year, month, of_month) = day.parts();
        let small = |it: i32| i8::try_from(it).ok();
        let day = civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(of_month)?);
        self.begin(day.ok()?)
    }

    /// The beginning of the period that a moment lies in.
    pub fn begin_of_period(&self, period: Period, at: Timestamp) -> Option<Timestamp> {
        self.begin(period.begin(self.day_of(at)?)?)
    }

    /// The first beginning of a period after a moment.
    pub fn next_begin(&self, period: Period, after: Timestamp) -> Option<Timestamp> {
        let mut begin = period.begin(self.day_of(after)?)?;
        // Twice only where a day does not exist; more often nowhere.
        for _ in 0..4 {
            begin = period.next(begin)?;
            let at = self.begin(begin)?;
            if at > after {
                return Some(at);
            }
        }
        None
    }

    fn begin(&self, day: civil::Date) -> Option<Timestamp> {
        let midnight = self.0.to_ambiguous_zoned_datetime(day.at(0, 0, 0, 0)).compatible().ok()?;
        Some(Timestamp::from_ms(midnight.timestamp().as_millisecond()))
    }

    fn day_of(&self, at: Timestamp) -> Option<civil::Date> {
        let at = jiff::Timestamp::from_millisecond(at.as_ms()).ok()?;
        Some(self.0.to_datetime(at).date())
    }
}

#[cfg(test)]
mod tests {
    use lezai_wire::time::{parse_rfc3339, rfc3339};

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_rfc3339(text).unwrap()
    }

    /// So many beginnings after a moment.
    fn begins(zone: &str, period: Period, after: &str, count: usize) -> Vec<String> {
        let zone = Zone::named(zone).unwrap();
        let first = Some(at(after));
        let all = std::iter::successors(first, |it| zone.next_begin(period, *it));
        all.skip(1).take(count).map(|it| rfc3339(it).replace(":00.000Z", "Z")).collect()
    }

    #[test]
    fn periods_begin_when_the_zone_s_clocks_say() {
        for (zone, period, after, expected) in [
            // Days of 23 and 25 hours.
            (
                "America/New_York",
                Period::Day,
                "2026-03-07T05:00:00Z",
                ["2026-03-08T05:00Z", "2026-03-09T04:00Z", "2026-03-10T04:00Z"],
            ),
            (
                "America/New_York",
                Period::Day,
                "2026-10-31T04:00:00Z",
                ["2026-11-01T04:00Z", "2026-11-02T05:00Z", "2026-11-03T05:00Z"],
            ),
            // Half an hour.
            (
                "Australia/Lord_Howe",
                Period::Day,
                "2026-04-03T13:00:00Z",
                ["2026-04-04T13:00Z", "2026-04-05T13:30Z", "2026-04-06T13:30Z"],
            ),
            // 30 December 2011 was not in Apia.
            (
                "Pacific/Apia",
                Period::Day,
                "2011-12-28T10:00:00Z",
                ["2011-12-29T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"],
            ),
            // Midnight was left out.
            (
                "America/Sao_Paulo",
                Period::Day,
                "2018-11-03T03:00:00Z",
                ["2018-11-04T03:00Z", "2018-11-05T02:00Z", "2018-11-06T02:00Z"],
            ),
            (
                "Asia/Shanghai",
                Period::Week,
                "2026-11-30T03:00:00Z",
                ["2026-12-06T16:00Z", "2026-12-13T16:00Z", "2026-12-20T16:00Z"],
            ),
            (
                "America/New_York",
                Period::Month,
                "2026-01-31T23:00:00Z",
                ["2026-02-01T05:00Z", "2026-03-01T05:00Z", "2026-04-01T04:00Z"],
            ),
        ] {
            assert_eq!(begins(zone, period, after, 3), expected, "{zone} {after}");
        }
    }

    #[test]
    fn periods_join_in_every_zone_and_a_day_has_one() {
        for name in [
            "America/New_York",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "America/Sao_Paulo",
            "America/Havana",
            "Asia/Gaza",
            "Africa/Casablanca",
            "Asia/Kathmandu",
            "Asia/Tehran",
            "UTC",
        ] {
            let zone = Zone::named(name).unwrap();
            for (period, hours) in [(Period::Day, 26), (Period::Week, 170), (Period::Month, 746)] {
                let mut begin = at("2010-12-31T12:00:00Z");
                let mut days = std::collections::BTreeSet::new();
                while begin < at("2030-01-01T00:00:00Z") {
                    let next = zone.next_begin(period, begin).unwrap();
                    let length_ms = next.as_ms() - begin.as_ms();
                    assert!(length_ms > 0 && length_ms <= hours * 3_600_000, "{name} {begin:?}");
                    // A moment in between has the same beginning.
                    let last = Timestamp::from_ms(next.as_ms() - 1);
                    assert_eq!(zone.begin_of_period(period, next), Some(next), "{name}");
                    let begun = zone.begin_of_period(period, last).unwrap();
                    assert!(begun <= begin && zone.next_begin(period, begun) == Some(next));
                    assert!(days.insert(zone.day_of(next).unwrap()), "{name}: one day twice");
                    begin = next;
                }
                if period == Period::Day {
                    let first = days.first().unwrap();
                    let span = days.last().unwrap().since(*first).unwrap().get_days();
                    let missing = usize::from(name == "Pacific/Apia");
                    let existing = usize::try_from(span).unwrap() + 1 - missing;
                    assert_eq!(days.len(), existing, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_moment_is_written_at_its_own_offset() {
        for (zone, at_time, minutes) in [
            ("America/New_York", "2026-03-08T06:59:59Z", -300),
            ("America/New_York", "2026-03-08T07:00:00Z", -240),
            ("Australia/Lord_Howe", "2026-01-01T00:00:00Z", 660),
            ("Australia/Lord_Howe", "2026-07-01T00:00:00Z", 630),
            ("Asia/Kathmandu", "2026-07-01T00:00:00Z", 345),
            ("UTC", "2026-07-01T00:00:00Z", 0),
        ] {
            assert_eq!(Zone::named(zone).unwrap().offset_minutes(at(at_time)), minutes, "{zone}");
        }
        for unknown in ["", "Asia/Atlantis", "Etc/Unknown", "+08:00"] {
            assert!(Zone::named(unknown).is_err(), "{unknown}");
        }
    }
}
