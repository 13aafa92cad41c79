//! Bills as anybody may write them, and mappings too: no panic, and whatever is read can be reconciled, with
//! nothing lost and the same result however it is cut.
#![no_main]

use lezai_reconcile::bill::{self, Limits};
use lezai_reconcile::class::Terms;
use lezai_reconcile::layout::{self, Layout};
use lezai_reconcile::rules::Rules;
use lezai_reconcile::run::{self, Counted, InMemory, Keep, Plan, RunError, Side, Spread};
use libfuzzer_sys::fuzz_target;

/// In front of a NUL there may be a mapping; what follows is the bill.
fn parts(data: &[u8]) -> (Vec<Layout>, &[u8]) {
    let mut layouts = layout::known();
    let Some(at) = data.iter().position(|it| *it == 0) else { return (layouts, data) };
    if let Ok(own) = Layout::from_json(&data[..at]) {
        layouts.insert(0, own);
    }
    (layouts, &data[at + 1..])
}

fn outcomes(bill: &[u8], layouts: &[Layout], count: u16) -> Option<Vec<String>> {
    let files = InMemory::default();
    let limits = Limits { bytes_max: 1 << 20 };
    let mut theirs = Spread::new(&files, Side::Theirs, count).unwrap();
    let mut ours = Spread::new(&files, Side::Ours, count).unwrap();
    let read = bill::read(bill, layouts, 0, limits, |movement| {
        theirs.put(movement)?;
        // The books lack some, and have others changed.
        match movement.line % 5 {
            0 => Ok(()),
            1 => {
                let mut changed = *movement;
                changed.minor = changed.minor.wrapping_add(1);
                ours.put(&changed)
            }
            _ => ours.put(movement),
        }
    })
    .ok()?;
    let rules = Rules::default();
    let terms = Terms { period: Some((0, 1)), window_ms: 300_000, offset_minutes: read.offset_minutes };
    let plan = Plan { terms, rules, keep: Keep::All, partition_max: 1 << 24 };
    let (theirs, ours) = (theirs.finish().unwrap(), ours.finish().unwrap());
    let mut counted = Counted::default();
    for number in 0..count {
        match run::join_partition(&files, number, &plan) {
            Ok(one) => counted.add_all(&one),
            Err(RunError::SameKey(_)) => return None,
            Err(error) => panic!("{error}"),
        }
    }
    let unparsed = read.unparsed.len() as u64;
    let summary = run::summary(counted, unparsed, &plan.rules, &theirs, &ours).unwrap();
    assert_eq!(summary.total.lines, read.rows);
    let mut all = Vec::new();
    run::merge(&files, count, &summary.over_bound, |outcome| {
        all.push(format!("{outcome:?}"));
        Ok(())
    })
    .unwrap();
    Some(all)
}

fuzz_target!(|data: &[u8]| {
    let (layouts, bill) = parts(data);
    assert_eq!(outcomes(bill, &layouts, 1), outcomes(bill, &layouts, 3));
});
