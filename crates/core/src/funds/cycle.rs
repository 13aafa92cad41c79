//! When a captured payment is settled: a lookup among the cut-offs of a contract.
//!
//! A cut-off ends a day: at 16:00 in Shanghai, say, and what is captured at or after it belongs to the
//! next. The host, which knows zones, compiles a contract's cut-offs to instants; nothing here does.

use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, YearUnknown};
use super::date::Date;
use crate::time::Timestamp;

/// How long a captured payment waits until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cycle {
    /// So many seconds from its capture; 0 is real time.
    After {
        /// At most a year.
        seconds: u32,
    },
    /// D+n: at the cut-off of the nth day after the day of its capture.
    Days {
        /// 0 is the same day's cut-off.
        days: u16,
    },
    /// T+n: at the cut-off of the nth business day after the day of its capture. T+0 is that day's
    /// cut-off, or the next business day's.
    BusinessDays {
        /// 0 is the first there is.
        days: u16,
    },
}

/// A day and the instant at which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    /// The day.
    pub day: Date,
    /// The instant of the cut-off: before it belongs to the day, at it or later to the next.
    pub at: Timestamp,
}

/// Cut-offs of days that follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutOffs(Vec<CutOff>);

/// Cut-offs that are not those of one day after the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cut-off of {day} is not after that of the day before")]
pub struct Disordered {
    /// The day.
    pub day: Date,
}

/// Why nobody can say when a payment is settled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// The calendar has no data for a year.
    #[error(transparent)]
    Year(#[from] YearUnknown),
    /// The cut-offs do not reach as far.
    #[error("the cut-offs do not reach as far")]
    Beyond,
}

impl CutOffs {
    /// Days and their ends, each later than the one before. A day that does not exist in its zone is
    /// left out.
    ///
    /// # Errors
    ///
    /// [`Disordered`].
    pub fn new(cut_offs: Vec<CutOff>) -> Result<Self, Disordered> {
        let disordered =
            cut_offs.windows(2).find(|it| it[0].day >= it[1].day || it[0].at >= it[1].at);
        match disordered {
            Some(pair) => Err(Disordered { day: pair[1].day }),
            None => Ok(Self(cut_offs)),
        }
    }

    /// The day that an instant belongs to, with its end: `None` before the first cut-off's day, which
    /// may have begun any time before it, and after the last.
    pub fn day_of(&self, at: Timestamp) -> Option<CutOff> {
        self.0.get(self.index_of(at)?).copied()
    }

    /// The last cut-off that has passed at `now`.
    pub fn last_passed(&self, now: Timestamp) -> Option<CutOff> {
        let after = self.0.partition_point(|it| it.at <= now);
        self.0.get(after.checked_sub(1)?).copied()
    }

    /// The first cut-off of a business day that is after `at`, or of any day without a calendar.
    ///
    /// # Errors
    ///
    /// [`Unsettled`].
    pub fn next_after(
        &self,
        at: Timestamp,
        calendar: Option<&Calendar>,
    ) -> Result<CutOff, Unsettled> {
        let first = self.0.partition_point(|it| it.at <= at);
        for cut_off in &self.0[first..] {
            if is_business(calendar, cut_off.day)? {
                return Ok(*cut_off);
            }
        }
        Err(Unsettled::Beyond)
    }

    /// When what is captured at `captured_at` is settled.
    ///
    /// # Errors
    ///
    /// [`Unsettled`].
    pub fn settles_at(
        &self,
        captured_at: Timestamp,
        cycle: Cycle,
        calendar: Option<&Calendar>,
    ) -> Result<Timestamp, Unsettled> {
        let (days, business) = match cycle {
            Cycle::After { seconds } => return Ok(captured_at.plus_secs(seconds.into())),
            Cycle::Days { days } => (usize::from(days), false),
            Cycle::BusinessDays { days } => (usize::from(days), true),
        };
        let today = self.index_of(captured_at).ok_or(Unsettled::Beyond)?;
        if !business {
            return self.0.get(today + days).map(|it| it.at).ok_or(Unsettled::Beyond);
        }
        let mut wanted = days;
        for cut_off in self.0[today..].iter().skip(usize::from(days > 0)) {
            if is_business(calendar, cut_off.day)? {
                if wanted <= 1 {
                    return Ok(cut_off.at);
                }
                wanted -= 1;
            }
        }
        Err(Unsettled::Beyond)
    }

    fn index_of(&self, at: Timestamp) -> Option<usize> {
        let index = self.0.partition_point(|it| it.at <= at);
        (index > 0 && index < self.0.len()).then_some(index)
    }
}

/// Without a calendar every day is one.
fn is_business(calendar: Option<&Calendar>, day: Date) -> Result<bool, YearUnknown> {
    calendar.map_or(Ok(true), |it| it.is_business_day(day))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::calendar::CHINA;
    use super::*;

    /// 16:00 in Shanghai, which has had no other time than UTC+8 since 1991.
    fn shanghai(first: &str, days: i32) -> CutOffs {
        let first = Date::parse(first).unwrap();
        let cut_off = |it| {
            let day = first.plus_days(it);
            CutOff { day, at: at(&format!("{day} 16:00")) }
        };
        CutOffs::new((0..days).map(cut_off).collect()).unwrap()
    }

    /// A time in Shanghai, such as `2026-02-13 16:00`.
    fn at(text: &str) -> Timestamp {
        let (day, time) = text.split_once(' ').unwrap();
        let (hour, minute) = time.split_once(':').unwrap();
        let days = Date::parse(day).unwrap().days_since(Date::parse("1970-01-01").unwrap());
        let (hour, minute): (i64, i64) = (hour.parse().unwrap(), minute.parse().unwrap());
        Timestamp::from_secs(i64::from(days) * 86_400 + (hour - 8) * 3600 + minute * 60)
    }

    const D0: Cycle = Cycle::Days { days: 0 };
    const D1: Cycle = Cycle::Days { days: 1 };
    const T0: Cycle = Cycle::BusinessDays { days: 0 };
    const T1: Cycle = Cycle::BusinessDays { days: 1 };
    const T2: Cycle = Cycle::BusinessDays { days: 2 };

    #[test]
    fn a_payment_settles_at_the_cut_off_that_its_cycle_names() {
        let cut_offs = shanghai("2026-02-01", 60);
        let china = Calendar::parse(CHINA).unwrap();
        for (captured, cycle, settles) in [
            ("2026-02-05 15:59", D0, "2026-02-05 16:00"),
            // At the cut-off the next day has begun.
            ("2026-02-05 16:00", D0, "2026-02-06 16:00"),
            ("2026-02-05 15:59", D1, "2026-02-06 16:00"),
            ("2026-02-05 15:59", T0, "2026-02-05 16:00"),
            ("2026-02-05 15:59", T1, "2026-02-06 16:00"),
            // Friday's on Monday; D+1 knows no weekend.
            ("2026-02-06 15:59", T1, "2026-02-09 16:00"),
            ("2026-02-06 15:59", D1, "2026-02-07 16:00"),
            // Saturday's and Sunday's too.
            ("2026-02-07 12:00", T1, "2026-02-09 16:00"),
            ("2026-02-08 12:00", T1, "2026-02-09 16:00"),
            ("2026-02-07 12:00", T0, "2026-02-09 16:00"),
            ("2026-02-07 12:00", T2, "2026-02-10 16:00"),
            // Friday evening is Saturday's already.
            ("2026-02-06 16:00", T0, "2026-02-09 16:00"),
            // Saturday the 14th is worked, then there are nine days off.
            ("2026-02-13 12:00", T1, "2026-02-14 16:00"),
            ("2026-02-14 12:00", T1, "2026-02-24 16:00"),
            ("2026-02-14 12:00", T2, "2026-02-25 16:00"),
            ("2026-02-20 12:00", T0, "2026-02-24 16:00"),
        ] {
            let settled = cut_offs.settles_at(at(captured), cycle, Some(&china));
            assert_eq!(settled, Ok(at(settles)), "{captured} {cycle:?}");
        }
        let soon = cut_offs.settles_at(at("2026-02-05 12:00"), Cycle::After { seconds: 0 }, None);
        assert_eq!(soon, Ok(at("2026-02-05 12:00")));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let cut_offs = shanghai("2026-12-01", 60);
        let china = Calendar::parse(CHINA).unwrap();
        let settles = |captured, cycle| cut_offs.settles_at(at(captured), cycle, Some(&china));
        assert_eq!(settles("2026-12-30 12:00", T1), Ok(at("2026-12-31 16:00")));
        let unknown = YearUnknown { calendar: "cn".to_owned(), year: 2027 };
        assert_eq!(settles("2026-12-31 12:00", T1), Err(Unsettled::Year(unknown)));
        assert_eq!(settles("2026-12-31 12:00", D1), Ok(at("2027-01-01 16:00")));
        assert_eq!(settles("2026-12-01 12:00", D0), Err(Unsettled::Beyond));
        assert_eq!(settles("2027-01-29 12:00", D1), Err(Unsettled::Beyond));
        assert_eq!(settles("2027-02-01 12:00", D0), Err(Unsettled::Beyond));
    }

    #[test]
    fn cut_offs_rise() {
        let cut_off =
            |day, ms| CutOff { day: Date::parse(day).unwrap(), at: Timestamp::from_ms(ms) };
        // Samoa had no 30 December 2011.
        let samoa = vec![cut_off("2011-12-29", 1), cut_off("2011-12-31", 2)];
        assert!(CutOffs::new(samoa).is_ok());
        for second in [cut_off("2011-12-29", 2), cut_off("2011-12-30", 1)] {
            let day = second.day;
            let disordered = CutOffs::new(vec![cut_off("2011-12-29", 1), second]);
            assert_eq!(disordered, Err(Disordered { day }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// For any calendar: each instant lies in one day, nothing settles before it is captured or
        /// before what was captured earlier, and a longer cycle settles later.
        #[test]
        fn settling_keeps_the_order(
            off in proptest::collection::btree_set(0..365_i32, 0..120),
            one in 0..200_i64 * 86_400,
            other in 0..200_i64 * 86_400,
            days in 0..10_u16,
        ) {
            let first = Date::parse("2026-01-01").unwrap();
            let mut text = "calendar xx 1\nweekend sun\nyear 2026\n".to_owned();
            for it in &off {
                text += &format!("{} off\n", first.plus_days(*it));
            }
            let calendar = Calendar::parse(&text).unwrap();
            let cut_offs = shanghai("2026-01-01", 365);
            let start = at("2026-01-02 00:00");
            let (early, late) = (start.plus_secs(one.min(other)), start.plus_secs(one.max(other)));
            let day = cut_offs.day_of(early).unwrap();
            prop_assert!(early < day.at && day.at.as_ms() - early.as_ms() <= 86_400_000);
            for cycle in [Cycle::Days { days }, Cycle::BusinessDays { days }] {
                let settles = |it| cut_offs.settles_at(it, cycle, Some(&calendar));
                if let (Ok(first), Ok(second)) = (settles(early), settles(late)) {
                    prop_assert!(early < first && first <= second && late < second);
                }
            }
            let longer = cut_offs.settles_at(early, Cycle::BusinessDays { days: days + 1 }, Some(&calendar));
            let shorter = cut_offs.settles_at(early, Cycle::BusinessDays { days }, Some(&calendar));
            if let (Ok(longer), Ok(shorter)) = (longer, shorter) {
                prop_assert!(shorter <= longer && (days == 0 || shorter < longer));
            }
        }
    }
}
