use proptest::prelude::*;

use super::*;
use crate::movement::{Kind, Status};
use crate::when::DAY_MS;

mod planted;

/// A movement that owns its key.
#[derive(Clone, Debug)]
struct Owned {
    key: String,
    kind: Kind,
    status: Status,
    minor: i64,
    currency: CurrencyCode,
    fee_micro: Option<i64>,
    at_ms: i64,
    file: u16,
    line: u64,
}

impl Owned {
    fn movement(&self) -> Movement<'_> {
        Movement {
            key: self.key.as_bytes(),
            kind: self.kind,
            status: self.status,
            minor: self.minor,
            currency: self.currency,
            fee_micro: self.fee_micro,
            at_ms: self.at_ms,
            file: self.file,
            line: self.line,
        }
    }
}

/// Few keys and amounts, so that everything meets everything.
fn any_side() -> impl Strategy<Value = Vec<Owned>> {
    let one = (
        0..12_u32,
        prop::sample::select(vec![Kind::Payment, Kind::Refund, Kind::Fee]),
        prop::sample::select(Status::ALL.to_vec()),
        -2..3_i64,
        prop::sample::select(vec![*b"CNY", *b"JPY"]),
        prop::option::of(0..3_i64),
        -1..4_i64,
        0..2_u16,
    );
    let one = one.prop_map(|(key, kind, status, minor, currency, fee, half_days, file)| Owned {
        key: format!("k{key}"),
        kind,
        status,
        minor,
        currency,
        fee_micro: fee.map(|fee| fee * 600_000),
        at_ms: half_days * DAY_MS / 2,
        file,
        line: 0,
    });
    prop::collection::vec(one, 0..40)
        .prop_map(|rows| (1..).zip(rows).map(|(line, it)| Owned { line, ..it }).collect())
}

fn plan(keep: Keep) -> Plan {
    let terms = Terms { period: Some((0, DAY_MS)), window_ms: 60_000, offset_minutes: 0 };
    Plan { terms, rules: Rules::default(), keep, partition_max: 1 << 20 }
}

/// Runs with so many partitions, joined in an order turned by some places, and gives the summary and a text of
/// every outcome in order.
fn run(
    theirs: &[Owned],
    ours: &[Owned],
    count: u16,
    turned: u16,
    keep: Keep,
) -> Result<(Summary, Vec<String>), RunError> {
    let files = InMemory::default();
    let plan = plan(keep);
    let spread = |side, movements: &[Owned]| {
        let mut spread = Spread::new(&files, side, count).unwrap();
        for it in movements {
            spread.put(&it.movement()).unwrap();
        }
        spread.finish().unwrap()
    };
    let (their_total, our_total) = (spread(Side::Theirs, theirs), spread(Side::Ours, ours));
    let mut counted = Counted::default();
    for number in 0..count {
        counted.add_all(&join_partition(&files, (number + turned) % count, &plan)?);
    }
    let summary = summary(counted, 0, &plan.rules, &their_total, &our_total)?;
    let mut outcomes = Vec::new();
    merge(&files, count, &summary.over_bound, |outcome| {
        outcomes.push(format!("{outcome:?}"));
        Ok(())
    })?;
    Ok((summary, outcomes))
}

proptest! {
    /// Conservation is asserted in every run; here for whatever two sides there are, and however they are cut.
    #[test]
    fn every_row_is_in_one_class_and_the_cut_changes_nothing(
        theirs in any_side(),
        ours in any_side(),
        count in 1..9_u16,
        turned in 0..9_u16,
    ) {
        let (one, listed) = run(&theirs, &ours, 1, 0, Keep::All).unwrap();
        let (many, others) = run(&theirs, &ours, count, turned, Keep::All).unwrap();
        prop_assert_eq!(&one, &many);
        prop_assert_eq!(&listed, &others);
        prop_assert_eq!(one.total.lines, theirs.len() as u64);
        prop_assert_eq!(one.total.movements, ours.len() as u64);
        let (same, differences) = run(&theirs, &ours, count, 0, Keep::Differences).unwrap();
        prop_assert_eq!(&one, &same);
        let open = |it: &&String| it.contains("rule: 0") && !it.contains("class: Matched");
        prop_assert_eq!(one.open(), listed.iter().filter(open).count() as u64);
        let matched = |it: &&String| it.contains("class: Matched");
        prop_assert_eq!(listed.iter().filter(|it| !matched(it)).count(), differences.len());
    }

    /// Two sides that are the same have no difference, whatever is on them, as long as no reference repeats.
    #[test]
    fn a_side_agrees_with_itself(side in any_side(), count in 1..5_u16) {
        let mut side: Vec<Owned> = side
            .into_iter()
            .map(|it| Owned { status: Status::Done, at_ms: 5, ..it })
            .collect();
        for (number, it) in side.iter_mut().enumerate() {
            it.key = format!("k{number}");
        }
        let (summary, differences) = run(&side, &side, count, 0, Keep::Differences).unwrap();
        prop_assert_eq!(summary.open(), 0);
        prop_assert_eq!(differences, Vec::<String>::new());
    }
}

fn owned(key: &str, line: u64, minor: i64) -> Owned {
    Owned {
        key: key.to_owned(),
        kind: Kind::Payment,
        status: Status::Done,
        minor,
        currency: *b"CNY",
        fee_micro: Some(600_000),
        at_ms: DAY_MS / 2,
        file: 0,
        line,
    }
}

#[test]
fn a_fee_rule_s_bound_is_the_whole_bill_s() {
    // One unit off on each of 100 lines is within the default's bound, 101 is not: then none is cleared.
    for (lines, cleared) in [(100, true), (101, false)] {
        let side = |fee: i64| -> Vec<Owned> {
            let line =
                |line| Owned { fee_micro: Some(fee), ..owned(&format!("k{line}"), line, 100) };
            (1..=lines).map(line).collect()
        };
        for count in [1, 7] {
            let (summary, outcomes) =
                run(&side(2_000_000), &side(1_000_000), count, 0, Keep::Differences).unwrap();
            let key = (Class::Fee, u8::from(cleared));
            assert_eq!(summary.classes.keys().collect::<Vec<_>>(), [&key]);
            assert_eq!(summary.open(), if cleared { 0 } else { lines });
            assert_eq!(outcomes.len() as u64, lines);
            assert!(outcomes.iter().all(|it| it.contains("rule: 1") == cleared));
        }
    }
}

#[test]
fn what_does_not_fit_or_repeats_without_end_is_an_error_and_no_result() {
    let files = InMemory::default();
    let mut spread = Spread::new(&files, Side::Theirs, 1).unwrap();
    for line in 0..=SAME_KEY_MAX as u64 {
        spread.put(&owned("same", line, 5).movement()).unwrap();
    }
    spread.finish().unwrap();
    Spread::new(&files, Side::Ours, 1).unwrap().finish().unwrap();
    let error = join_partition(&files, 0, &plan(Keep::All)).unwrap_err();
    assert!(matches!(error, RunError::SameKey(key) if key == "same"));
    let small = Plan { partition_max: 1000, ..plan(Keep::All) };
    let error = join_partition(&files, 0, &small).unwrap_err();
    assert!(matches!(error, RunError::PartitionTooLarge(1000)));
}

#[test]
fn lost_rows_are_noticed() {
    let total = |lines| Total { lines, ..Total::default() };
    let lost = summary(Counted::default(), 0, &Rules::none(), &total(1), &total(0));
    assert!(matches!(lost, Err(RunError::NotConserved(_))));
    let found = summary(Counted::default(), 2, &Rules::none(), &total(0), &total(0)).unwrap();
    assert_eq!((found.open(), found.total.lines), (2, 2));
}

#[test]
fn a_partition_s_file_that_was_cut_is_an_error() {
    let files = InMemory::default();
    for side in [Side::Theirs, Side::Ours] {
        let mut spread = Spread::new(&files, side, 1).unwrap();
        spread.put(&owned("a", 1, 5).movement()).unwrap();
        spread.finish().unwrap();
    }
    files.0.lock().unwrap().get_mut(&Part::Movements(Side::Ours, 0)).unwrap().pop();
    assert!(matches!(join_partition(&files, 0, &plan(Keep::All)), Err(RunError::Damaged(_))));
}
