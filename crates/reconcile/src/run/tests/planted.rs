//! A judge that shares no code with the join, and faults planted at the join's seams: the judge must find each.

use std::collections::BTreeSet;

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::rules::Rule;

/// A fault of a reconciliation, as others have had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Amounts go through a float of 32 bits.
    AmountsInFloats,
    /// The last row of each partition that has no other half is dropped.
    UnmatchedDropped,
    /// A partition's classes are counted twice.
    ClassCountedTwice,
    /// Kinds are not compared: a refund pairs with a payment.
    RefundWithPayment,
    /// A row that an earlier run paired is given to the next one, too.
    NextDaysRowTwice,
    /// The first edition of a bill is compared, whatever came after it.
    EditionIgnored,
    /// A currency is not compared.
    CurrencyIgnored,
    /// A row is used as often as something wants it.
    UsedAgain,
}

const FAULTS: [Fault; 8] = [
    Fault::AmountsInFloats,
    Fault::UnmatchedDropped,
    Fault::ClassCountedTwice,
    Fault::RefundWithPayment,
    Fault::NextDaysRowTwice,
    Fault::EditionIgnored,
    Fault::CurrencyIgnored,
    Fault::UsedAgain,
];

/// Where a row stands, which names it.
type At = (u16, u64);
/// A line, a movement, and their class.
type Outcomes = BTreeSet<(Option<At>, Option<At>, &'static str)>;

/// Two days: the second bill came in two editions.
#[derive(Clone, Debug)]
struct Days {
    first: (Vec<Owned>, Vec<Owned>),
    editions: [Vec<Owned>; 2],
    second: Vec<Owned>,
}

fn any_days() -> impl Strategy<Value = Days> {
    // Amounts that a float of 32 bits cannot tell apart, among others.
    let side = || {
        any_side().prop_map(|mut rows| {
            for it in &mut rows {
                if it.minor != 0 {
                    it.minor = it.minor.signum() * ((1 << 24) + it.minor.abs() - 1);
                }
            }
            rows
        })
    };
    (side(), side(), [side(), side()], side()).prop_map(|(theirs, ours, editions, second)| Days {
        first: (theirs, ours),
        editions,
        second,
    })
}

// ---- The judge ---------------------------------------------------------------------------------

fn judged(theirs: &[Owned], ours: &[Owned]) -> Outcomes {
    // Each side in the order in which its rows stand.
    let in_order = |side: &[Owned]| {
        let mut side = side.to_vec();
        side.sort_by_key(place);
        side
    };
    let (theirs, ours) = (&in_order(theirs)[..], &in_order(ours)[..]);
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for step in 0..3 {
        for (l, line) in theirs.iter().enumerate() {
            if pairs.iter().any(|it| it.0 == l) {
                continue;
            }
            let found = ours.iter().enumerate().position(|(m, movement)| {
                let free = !pairs.iter().any(|it| it.1 == m);
                let kind = line.kind == movement.kind;
                let same = (line.currency, line.minor) == (movement.currency, movement.minor);
                let fees = line.kind == Kind::Fee && movement.kind == Kind::Fee
                    || line.kind != Kind::Fee && movement.kind != Kind::Fee;
                let turned =
                    line.minor > 0 && movement.minor < 0 || line.minor < 0 && movement.minor > 0;
                let agrees = [kind && same, kind, fees && turned][step];
                free && line.key == movement.key && agrees
            });
            pairs.extend(found.map(|m| (l, m)));
        }
    }
    let mut outcomes = Outcomes::new();
    for (l, m) in &pairs {
        let (line, movement) = (&theirs[*l], &ours[*m]);
        let class = class_of_pair(line, movement);
        outcomes.insert((Some(place(line)), Some(place(movement)), class));
    }
    let alone = |side: &[Owned], paired: &dyn Fn(usize) -> bool| -> Vec<(usize, bool)> {
        let open = (0..side.len()).filter(|it| !paired(*it));
        open.map(|it| {
            let same = |other: usize| {
                other != it
                    && (&side[other].key, side[other].kind) == (&side[it].key, side[it].kind)
            };
            (it, (0..side.len()).any(|other| same(other) && (other < it || paired(other))))
        })
        .collect()
    };
    for (l, again) in alone(theirs, &|it| pairs.iter().any(|pair| pair.0 == it)) {
        let line = &theirs[l];
        let waits = line.status == Status::Pending || near(line.at_ms);
        let class = if again {
            "duplicate"
        } else if waits {
            "timing"
        } else {
            "missing_here"
        };
        outcomes.insert((Some(place(line)), None, class));
    }
    for (m, again) in alone(ours, &|it| pairs.iter().any(|pair| pair.1 == it)) {
        let movement = &ours[m];
        let class = match movement.status {
            _ if again => "duplicate",
            Status::Failed => "matched",
            Status::Pending => "timing",
            Status::Done if near(movement.at_ms) => "timing",
            Status::Done => "missing_there",
        };
        outcomes.insert((None, Some(place(movement)), class));
    }
    outcomes
}

fn class_of_pair(line: &Owned, movement: &Owned) -> &'static str {
    if line.currency != movement.currency {
        return "currency";
    }
    if line.minor > 0 && movement.minor < 0 || line.minor < 0 && movement.minor > 0 {
        return "direction";
    }
    if line.minor != movement.minor {
        return if line.kind == Kind::Fee && movement.kind == Kind::Fee { "fee" } else { "amount" };
    }
    let agree = match (line.status, movement.status) {
        (Status::Pending, Status::Done) => line.kind == Kind::Refund,
        (theirs, ours) => theirs == ours && ours != Status::Pending,
    };
    let fees = line.fee_micro.zip(movement.fee_micro).is_some_and(|(a, b)| a != b);
    let day = |it: &Owned| it.at_ms.div_euclid(DAY_MS);
    match () {
        () if !agree => "status",
        () if fees => "fee",
        () if day(line) != day(movement) => "timing",
        () => "matched",
    }
}

fn near(at_ms: i64) -> bool {
    at_ms.abs() < 60_000 || at_ms >= DAY_MS - 60_000
}

fn place(it: &Owned) -> At {
    (it.file, it.line)
}

// ---- The system with a fault at one of its seams -------------------------------------------------

/// The result of a run of the join; an error if it noticed the fault itself.
fn held(theirs: &[Owned], ours: &[Owned], fault: Option<Fault>) -> Result<Outcomes, RunError> {
    let files = InMemory::default();
    let rules = Rules::new(Vec::<Rule>::new()).map_err(|error| io::Error::other(error.to_string()));
    let plan = Plan { rules: rules?, ..plan(Keep::All) };
    let spread = |side, rows: &[Owned]| -> Result<Total, RunError> {
        let mut spread = Spread::new(&files, side, 3)?;
        for it in rows {
            let mut it = it.clone();
            match fault {
                Some(Fault::AmountsInFloats) => it.minor = through_a_float(it.minor),
                Some(Fault::RefundWithPayment) => it.kind = Kind::Other,
                Some(Fault::CurrencyIgnored) => it.currency = *b"CNY",
                _ => {}
            }
            spread.put(&it.movement())?;
        }
        Ok(spread.finish()?)
    };
    let totals = (spread(Side::Theirs, theirs)?, spread(Side::Ours, ours)?);
    let mut counted = Counted::default();
    for number in 0..3 {
        let one = join_partition(&files, number, &plan)?;
        counted.add_all(&one);
        if fault == Some(Fault::ClassCountedTwice) && number == 0 {
            counted.add_all(&one);
        }
    }
    let mut outcomes = Outcomes::new();
    let summary = summary(counted, 0, &plan.rules, &totals.0, &totals.1)?;
    merge(&files, 3, &summary.over_bound, |it| {
        let of = |side: &Option<Movement<'_>>| side.as_ref().map(Movement::place);
        outcomes.insert((of(&it.theirs), of(&it.ours), it.class.as_str()));
        Ok(())
    })?;
    if fault == Some(Fault::UnmatchedDropped) {
        let last = outcomes.iter().rfind(|it| it.0.is_none() || it.1.is_none()).copied();
        last.map(|last| outcomes.remove(&last));
    }
    Ok(outcomes)
}

fn through_a_float(minor: i64) -> i64 {
    // A fraction of 24 bits, as a float of 32 has it, without one.
    let bits = 64 - minor.unsigned_abs().leading_zeros();
    let lost = bits.saturating_sub(24);
    let rounded = (minor.unsigned_abs() >> lost) << lost;
    i64::try_from(rounded).unwrap() * minor.signum()
}

/// Both days, each against its latest bill; what the first day left is looked for in the second.
fn both_days(days: &Days, fault: Option<Fault>) -> Result<[Outcomes; 2], RunError> {
    let (theirs, ours) = &days.first;
    let first = held(theirs, ours, fault)?;
    let carried = |side: &[Owned], is_alone: &dyn Fn(At) -> bool| -> Vec<Owned> {
        let taken = |it: &&Owned| is_alone(place(it)) || fault == Some(Fault::NextDaysRowTwice);
        let left = side.iter().filter(taken).cloned();
        left.map(|it| Owned { file: it.file + 10, ..it }).collect()
    };
    let alone_there = |at: At| first.iter().any(|it| (it.0, it.1) == (Some(at), None));
    let alone_here = |at: At| first.iter().any(|it| (it.0, it.1) == (None, Some(at)));
    let edition = if fault == Some(Fault::EditionIgnored) { 0 } else { 1 };
    let mut bill = days.editions[edition].clone();
    bill.extend(carried(theirs, &alone_there));
    let mut books = days.second.clone();
    books.extend(carried(ours, &alone_here));
    if fault == Some(Fault::UsedAgain) {
        // A row that two ask for is there twice.
        let again = books.first().cloned().map(|it| Owned { file: it.file + 20, ..it });
        books.extend(again);
    }
    Ok([first, held(&bill, &books, fault)?])
}

fn judged_days(days: &Days) -> [Outcomes; 2] {
    let (theirs, ours) = &days.first;
    let first = judged(theirs, ours);
    let left = |side: &[Owned], alone: &dyn Fn(At) -> (Option<At>, Option<At>)| -> Vec<Owned> {
        let is_alone = |it: &&Owned| first.iter().any(|out| (out.0, out.1) == alone(place(it)));
        side.iter().filter(is_alone).map(|it| Owned { file: it.file + 10, ..it.clone() }).collect()
    };
    let bill = [days.editions[1].clone(), left(theirs, &|at| (Some(at), None))].concat();
    let books = [days.second.clone(), left(ours, &|at| (None, Some(at)))].concat();
    [first, judged(&bill, &books)]
}

#[test]
fn the_judge_finds_every_planted_fault_and_nothing_without_one() {
    const SEEDS: u32 = 300;
    let mut runner = TestRunner::deterministic();
    let mut found = BTreeSet::new();
    for seed in 0..SEEDS {
        let days = any_days().new_tree(&mut runner).unwrap().current();
        let judged = judged_days(&days);
        assert_eq!(both_days(&days, None).unwrap(), judged, "seed {seed}: {days:?}");
        for (number, fault) in FAULTS.into_iter().enumerate() {
            match both_days(&days, Some(fault)) {
                Ok(held) if held == judged => {}
                // A wrong class or pair, or a run that does not add up and says so.
                Ok(_) | Err(RunError::NotConserved(_)) => drop(found.insert(number)),
                Err(error) => panic!("{fault:?}: {error}"),
            }
        }
    }
    let missed: Vec<_> = (0..FAULTS.len()).filter(|it| !found.contains(it)).collect();
    assert!(
        missed.is_empty(),
        "not found in {SEEDS} seeds: {:?}",
        missed.iter().map(|it| FAULTS[*it]).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_counted_twice_is_no_result() {
    let mut runner = TestRunner::deterministic();
    let mut refused = 0;
    for _ in 0..50 {
        let Days { first: (theirs, ours), .. } =
            any_days().new_tree(&mut runner).unwrap().current();
        let run = held(&theirs, &ours, Some(Fault::ClassCountedTwice));
        refused += u32::from(matches!(run, Err(RunError::NotConserved(_))));
    }
    assert!(refused > 40, "{refused} of 50");
}
