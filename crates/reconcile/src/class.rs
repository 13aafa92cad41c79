//! The classes, and which one a bill line and a movement belong in. Each decision is a function of what the two
//! sides say and of the run's terms: no order of arrival, no clock.

use serde::{Deserialize, Serialize};

use crate::bill::Bill;
use crate::movement::{Kind, Movement, Status};
use crate::when;

/// The class of a bill line, of an expected movement, or of both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Class {
    /// Both say the same.
    Matched = 0,
    /// 长款: the channel has it, the books do not.
    MissingHere = 1,
    /// 短款: the books have it, the channel's bill does not.
    MissingThere = 2,
    /// Near a cut-off, in another day's bill, or not yet due.
    Timing = 3,
    /// The same reference with another amount.
    Amount = 4,
    /// One side says done, the other does not.
    Status = 5,
    /// The channel's fee is not what was agreed.
    Fee = 6,
    /// A reference that was there before.
    Duplicate = 7,
    /// Another currency.
    Currency = 8,
    /// Money goes the other way.
    Direction = 9,
    /// The bill's totals or balances are not those of its rows.
    BalanceBreak = 10,
    /// A row that is not understood.
    Unparsed = 11,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 12] = [
        Self::Matched,
        Self::MissingHere,
        Self::MissingThere,
        Self::Timing,
        Self::Amount,
        Self::Status,
        Self::Fee,
        Self::Duplicate,
        Self::Currency,
        Self::Direction,
        Self::BalanceBreak,
        Self::Unparsed,
    ];

    /// The class's name, as in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::Timing => "timing",
            Self::Amount => "amount",
            Self::Status => "status",
            Self::Fee => "fee",
            Self::Duplicate => "duplicate",
            Self::Currency => "currency",
            Self::Direction => "direction",
            Self::BalanceBreak => "balance_break",
            Self::Unparsed => "unparsed",
        }
    }
}

/// In what time a run looks for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The time that the bills cover, from and until, in milliseconds; `None` if nothing says.
    pub period: Option<(i64, i64)>,
    /// So near to an end of the period one side may count a movement to the neighbour's bill.
    pub window_ms: i64,
    /// Where the bills' days begin, in minutes east of Greenwich.
    pub offset_minutes: i32,
}

/// A time or an offset that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} must be {1}")]
pub struct BadTime(&'static str, &'static str);

impl Terms {
    /// The terms that some bills give, where nothing else is said: their days, at their own offset.
    ///
    /// # Errors
    ///
    /// [`BadTime`] names what is no time.
    pub fn of<'b>(
        bills: impl IntoIterator<Item = &'b Bill> + Clone,
        from: Option<&str>,
        to: Option<&str>,
        offset: Option<&str>,
        window_seconds: u32,
    ) -> Result<Self, BadTime> {
        let own = bills.clone().into_iter().find(|it| it.days.is_some());
        let offset_minutes = match offset {
            Some(text) => {
                when::parse_offset(text).ok_or(BadTime("offset", "of the form +08:00"))?
            }
            None => own.map(|it| it.offset_minutes).unwrap_or_default(),
        };
        let given = |text: Option<&str>, name| match text {
            None => Ok(None),
            Some(text) => when::parse(text.as_bytes(), offset_minutes).map(Some).ok_or(BadTime(
                name,
                "a day or a time, such as 2026-03-01 or 2026-03-01T00:00:00+08:00",
            )),
        };
        let (from, to) = (given(from, "from")?, given(to, "to")?);
        let start = |day: i64| day * when::DAY_MS - i64::from(offset_minutes) * 60_000;
        let days = bills.into_iter().filter_map(|it| it.days);
        let days = days.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let from = from.or_else(|| days.map(|it| start(it.0)));
        let to = to.or_else(|| days.map(|it| start(it.1 + 1)));
        let window_ms = i64::from(window_seconds) * 1000;
        Ok(Self { period: from.zip(to), window_ms, offset_minutes })
    }

    /// The local day of a moment.
    pub fn day(&self, at_ms: i64) -> i64 {
        when::local_day(at_ms, self.offset_minutes)
    }

    /// How many days before the period's last day a moment lies; 0 if it lies behind or nothing says.
    pub fn age_days(&self, at_ms: i64) -> i64 {
        self.period.map_or(0, |(_, until)| (self.day(until - 1) - self.day(at_ms)).max(0))
    }

    fn near_an_end(&self, at_ms: i64) -> bool {
        self.period.is_some_and(|(from, until)| {
            (at_ms - from).abs() < self.window_ms || at_ms >= until - self.window_ms
        })
    }
}

/// The class of a line and a movement that have the reference in common. What weighs more comes first: of
/// another currency the amounts cannot be compared at all.
pub fn together(theirs: &Movement<'_>, ours: &Movement<'_>, terms: &Terms) -> Class {
    if theirs.currency != ours.currency {
        Class::Currency
    } else if theirs.minor.signum() * ours.minor.signum() < 0 {
        Class::Direction
    } else if theirs.minor != ours.minor {
        if theirs.kind.is_fee() && ours.kind.is_fee() { Class::Fee } else { Class::Amount }
    } else if !statuses_agree(theirs, ours.status) {
        Class::Status
    } else if matches!((theirs.fee_micro, ours.fee_micro), (Some(a), Some(b)) if a != b) {
        Class::Fee
    } else if terms.day(theirs.at_ms) != terms.day(ours.at_ms) {
        Class::Timing
    } else {
        Class::Matched
    }
}

/// A bill's refund row is written when the refund begins and never again, so `pending` there contradicts no
/// `done` here.
fn statuses_agree(theirs: &Movement<'_>, ours: Status) -> bool {
    match (ours, theirs.status) {
        (Status::Done, Status::Done) | (Status::Failed, Status::Failed) => true,
        (Status::Done, Status::Pending) => matches!(theirs.kind, Kind::Refund | Kind::Void),
        _ => false,
    }
}

/// The class of a bill line without a movement.
pub fn line_alone(theirs: &Movement<'_>, terms: &Terms) -> Class {
    match theirs.status {
        // In flight: the books of the day on which it is done will have it.
        Status::Pending => Class::Timing,
        _ if terms.near_an_end(theirs.at_ms) => Class::Timing,
        _ => Class::MissingHere,
    }
}

/// The class of a movement without a bill line.
pub fn movement_alone(ours: &Movement<'_>, terms: &Terms) -> Class {
    match ours.status {
        // Neither side moved money.
        Status::Failed => Class::Matched,
        // In flight: the bill of the day on which it is done will have it.
        Status::Pending => Class::Timing,
        Status::Done if terms.near_an_end(ours.at_ms) => Class::Timing,
        Status::Done => Class::MissingThere,
    }
}

/// Lines and movements of one reference brought together: each is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined<'m, 'k> {
    /// A line and its movement.
    Both(&'m Movement<'k>, &'m Movement<'k>),
    /// A line alone; whether its reference was there before.
    Theirs(&'m Movement<'k>, bool),
    /// A movement alone; whether its reference was there before.
    Ours(&'m Movement<'k>, bool),
}

/// Brings lines and movements of one reference together, each in the order of its side. First those that agree
/// on kind, currency and amount; then, of what is left, those of one kind; then those whose money goes opposite
/// ways, fees among themselves. What is left then is alone, and a duplicate if its side had the reference with this kind already.
pub fn join<'m, 'k>(
    theirs: &'m [Movement<'k>],
    ours: &'m [Movement<'k>],
    mut give: impl FnMut(Joined<'m, 'k>),
) {
    if let ([line], [movement]) = (theirs, ours)
        && line.kind == movement.kind
    {
        return give(Joined::Both(line, movement));
    }
    let mut pair_of_line: Vec<Option<usize>> = vec![None; theirs.len()];
    let mut used = vec![false; ours.len()];
    let exact = |a: &Movement<'_>, b: &Movement<'_>| {
        (a.kind, a.currency, a.minor) == (b.kind, b.currency, b.minor)
    };
    let kind = |a: &Movement<'_>, b: &Movement<'_>| a.kind == b.kind;
    // A fee is no other half of a payment.
    let opposite = |a: &Movement<'_>, b: &Movement<'_>| {
        a.kind.is_fee() == b.kind.is_fee() && a.minor.signum() * b.minor.signum() < 0
    };
    type Agrees<'a> = &'a dyn Fn(&Movement<'_>, &Movement<'_>) -> bool;
    let passes: [Agrees<'_>; 3] = [&exact, &kind, &opposite];
    for agrees in passes {
        for (line, pair) in theirs.iter().zip(&mut pair_of_line).filter(|(_, pair)| pair.is_none())
        {
            let mut open = ours.iter().zip(&used).enumerate().filter(|(_, (_, used))| !**used);
            if let Some((number, _)) = open.find(|(_, (movement, _))| agrees(line, movement)) {
                *pair = Some(number);
                used[number] = true;
            }
        }
    }
    let paired_kind = |kind: Kind, side: &[Movement<'_>], paired: &dyn Fn(usize) -> bool| {
        side.iter().enumerate().any(|(number, it)| it.kind == kind && paired(number))
    };
    for (number, line) in theirs.iter().enumerate() {
        match pair_of_line[number] {
            Some(pair) => give(Joined::Both(line, &ours[pair])),
            None => {
                let before = theirs[..number].iter().any(|it| it.kind == line.kind);
                let paired = paired_kind(line.kind, theirs, &|it| pair_of_line[it].is_some());
                give(Joined::Theirs(line, before || paired));
            }
        }
    }
    for (number, movement) in ours.iter().enumerate().filter(|(number, _)| !used[*number]) {
        let before = ours[..number].iter().any(|it| it.kind == movement.kind);
        give(Joined::Ours(movement, before || paired_kind(movement.kind, ours, &|it| used[it])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::when::DAY_MS;

    const NOON: i64 = DAY_MS / 2;
    const TERMS: Terms = Terms { period: Some((0, DAY_MS)), window_ms: 300_000, offset_minutes: 0 };

    fn movement(kind: Kind, minor: i64) -> Movement<'static> {
        Movement {
            key: b"ord_1",
            kind,
            status: Status::Done,
            minor,
            currency: *b"CNY",
            fee_micro: Some(600_000),
            at_ms: NOON,
            file: 0,
            line: 1,
        }
    }

    #[test]
    fn classes_are_numbered_as_they_are_listed() {
        for (number, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(class as u8), number);
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }

    #[test]
    fn a_pair_is_in_the_class_of_what_weighs_most() {
        let ours = movement(Kind::Payment, 12_800);
        let pay = |minor| movement(Kind::Payment, minor);
        let jpy = |it: Movement<'static>| Movement { currency: *b"JPY", ..it };
        let rows = [
            (pay(12_800), Class::Matched),
            (Movement { at_ms: NOON + 1, line: 9, ..pay(12_800) }, Class::Matched),
            (Movement { fee_micro: None, ..pay(12_800) }, Class::Matched),
            (Movement { at_ms: NOON + DAY_MS, ..pay(12_800) }, Class::Timing),
            (Movement { fee_micro: Some(600_001), ..pay(12_800) }, Class::Fee),
            (Movement { fee_micro: Some(0), at_ms: NOON + DAY_MS, ..pay(12_800) }, Class::Fee),
            (Movement { status: Status::Pending, ..pay(12_800) }, Class::Status),
            (Movement { status: Status::Failed, fee_micro: Some(0), ..pay(12_800) }, Class::Status),
            (pay(12_801), Class::Amount),
            (Movement { status: Status::Failed, ..pay(12_799) }, Class::Amount),
            (pay(0), Class::Amount),
            (pay(-12_800), Class::Direction),
            (movement(Kind::Refund, -1), Class::Direction),
            (jpy(pay(12_800)), Class::Currency),
            (jpy(pay(-1)), Class::Currency),
            (movement(Kind::Fee, 12_799), Class::Amount),
        ];
        for (theirs, class) in rows {
            assert_eq!(together(&theirs, &ours, &TERMS), class, "{theirs:?}");
        }
    }

    #[test]
    fn fees_that_are_movements_differ_as_fees() {
        let fee = |kind, minor| Movement { fee_micro: None, ..movement(kind, minor) };
        for (theirs, ours, class) in [
            (fee(Kind::Fee, -77), fee(Kind::Fee, -77), Class::Matched),
            (fee(Kind::Fee, -78), fee(Kind::Fee, -77), Class::Fee),
            (fee(Kind::FeeReturn, 30), fee(Kind::FeeReturn, 31), Class::Fee),
            (fee(Kind::FeeReturn, 77), fee(Kind::Fee, -77), Class::Direction),
        ] {
            assert_eq!(together(&theirs, &ours, &TERMS), class, "{theirs:?} {ours:?}");
        }
        // A fee of the bill and a refund of the books are two matters.
        let (line, movement) = (fee(Kind::Fee, -5), fee(Kind::FeeReturn, 5));
        let pairs = |theirs: &[Movement<'static>], ours: &[Movement<'static>]| {
            let mut pairs = 0;
            join(theirs, ours, |it| pairs += u32::from(matches!(it, Joined::Both(..))));
            pairs
        };
        assert_eq!(pairs(&[line], &[movement]), 1);
        assert_eq!(pairs(&[line], &[fee(Kind::Payment, 5)]), 0);
    }

    #[test]
    fn a_bill_s_refund_stays_as_it_began() {
        for (ours, theirs, class) in [
            (Status::Done, Status::Done, Class::Matched),
            (Status::Done, Status::Pending, Class::Matched),
            (Status::Done, Status::Failed, Class::Status),
            (Status::Pending, Status::Pending, Class::Status),
            (Status::Pending, Status::Done, Class::Status),
            (Status::Failed, Status::Pending, Class::Status),
            (Status::Failed, Status::Failed, Class::Matched),
        ] {
            let theirs = Movement { status: theirs, ..movement(Kind::Refund, -5) };
            let ours = Movement { status: ours, ..movement(Kind::Refund, -5) };
            assert_eq!(together(&theirs, &ours, &TERMS), class, "{theirs:?} {ours:?}");
        }
    }

    #[test]
    fn what_is_alone_is_missing_unless_a_cut_off_explains_it() {
        let unknown = Terms { period: None, ..TERMS };
        for (at_ms, terms, timing) in [
            (NOON, TERMS, false),
            (300_000, TERMS, false),
            (299_999, TERMS, true),
            (0, TERMS, true),
            (-299_999, TERMS, true),
            (-300_000, TERMS, false),
            (DAY_MS - 300_001, TERMS, false),
            (DAY_MS - 300_000, TERMS, true),
            (DAY_MS * 9, TERMS, true),
            (0, unknown, false),
        ] {
            let it = Movement { at_ms, ..movement(Kind::Payment, 5) };
            let (line, own) = if timing {
                (Class::Timing, Class::Timing)
            } else {
                (Class::MissingHere, Class::MissingThere)
            };
            assert_eq!(line_alone(&it, &terms), line, "{at_ms}");
            assert_eq!(movement_alone(&it, &terms), own, "{at_ms}");
            let it = Movement { status: Status::Pending, ..it };
            assert_eq!(line_alone(&it, &terms), Class::Timing);
            assert_eq!(movement_alone(&it, &terms), Class::Timing);
            let it = Movement { status: Status::Failed, ..it };
            assert_eq!(movement_alone(&it, &terms), Class::Matched);
        }
    }

    /// Lines and movements by kind and amount, and what becomes of them: pairs, lines, movements, with a `!` for
    /// a duplicate.
    #[test]
    fn each_is_used_once() {
        use Kind::{Payment, Refund};
        type Side<'a> = &'a [(Kind, i64)];
        let rows: [(Side<'_>, Side<'_>, &str); 11] = [
            (&[(Payment, 1)], &[(Payment, 1)], "0-0"),
            (&[(Payment, 1)], &[(Payment, 2)], "0-0"),
            (&[(Payment, 1)], &[(Refund, 2)], "0- -0"),
            (&[(Payment, 1)], &[(Refund, -2)], "0-0"),
            (&[(Payment, 1), (Payment, 1)], &[(Payment, 1)], "0-0 1-!"),
            (&[(Payment, 1)], &[(Payment, 1), (Payment, 1)], "0-0 -1!"),
            (&[(Payment, 9), (Payment, 1)], &[(Payment, 1)], "0-! 1-0"),
            (&[(Payment, 1), (Payment, 2)], &[(Payment, 2), (Payment, 1)], "0-1 1-0"),
            (&[(Payment, 1), (Refund, -1)], &[(Payment, 1)], "0-0 1-"),
            (&[(Payment, 1), (Payment, 2)], &[], "0- 1-!"),
            (&[], &[(Payment, 1), (Refund, -1), (Payment, 1)], "-0 -1 -2!"),
        ];
        for (theirs, ours, expected) in rows {
            let side = |side: Side<'_>| -> Vec<Movement<'static>> {
                let lines = (0..).zip(side);
                lines.map(|(line, it)| Movement { line, ..movement(it.0, it.1) }).collect()
            };
            let (theirs, ours) = (side(theirs), side(ours));
            let mut said = Vec::new();
            join(&theirs, &ours, |joined| {
                said.push(match joined {
                    Joined::Both(line, movement) => format!("{}-{}", line.line, movement.line),
                    Joined::Theirs(line, again) => {
                        format!("{}-{}", line.line, if again { "!" } else { "" })
                    }
                    Joined::Ours(movement, again) => {
                        format!("-{}{}", movement.line, if again { "!" } else { "" })
                    }
                });
            });
            assert_eq!(said.join(" "), expected);
        }
    }
}
