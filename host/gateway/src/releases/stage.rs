//! Where a merchant's releases may go: pure, over all of them at once, because where one goes moves
//! others. At most one is live, one on its way, and one ready to take over again.

use lezai_core::release::Share;
use lezai_core::time::Timestamp;

use lezai_store::plugins::{ReleaseState, Stage};

/// A release by its number, and where it stands.
pub type Slot = (u64, ReleaseState);

/// Why a release does not go there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none with this number.
    #[error("the merchant has no release {0}")]
    Unknown(u64),
    /// It is not where that can be done.
    #[error("release {sequence} is {stage}: {hint}")]
    Stage {
        /// Its number.
        sequence: u64,
        /// Where it is.
        stage: &'static str,
        /// The way that would be right.
        hint: &'static str,
    },
}

/// A new release begins in the shadow, or decides at once. Who was on the way is off it.
pub fn publish(all: &[Slot], sequence: u64, standing: ReleaseState) -> Vec<Slot> {
    let mut moves = make_room(all, sequence, standing.stage, standing.since);
    moves.push((sequence, standing));
    moves
}

/// A candidate goes on, as far as is said; one that paused goes on where it is. Never back.
///
/// # Errors
///
/// [`Refusal`].
pub fn promote(
    all: &[Slot],
    sequence: u64,
    to: Stage,
    drift_percent: Option<u8>,
    now: Timestamp,
) -> Result<Vec<Slot>, Refusal> {
    let standing = find(all, sequence)?;
    let no = |hint| Refusal::Stage { sequence, stage: standing.stage.as_str(), hint };
    if standing.stage == to && !standing.paused && drift_percent.is_none() {
        return Ok(Vec::new());
    }
    let (from, onto) = match (rank(standing.stage), rank(to)) {
        (Some(from), Some(onto)) => (from, onto),
        _ => return Err(no("publish a new release")),
    };
    if onto < from {
        return Err(no("a release only goes forward; pause it, or roll it back"));
    }
    let since = if onto == from && !standing.paused { standing.since } else { now };
    let drift_percent = drift_percent.unwrap_or(standing.drift_percent);
    let moved = ReleaseState { stage: to, paused: false, since, drift_percent, note: None };
    let mut moves = make_room(all, sequence, to, now);
    moves.push((sequence, moved));
    Ok(moves)
}

/// A candidate stays where it is and is not asked.
///
/// # Errors
///
/// [`Refusal`].
pub fn pause(all: &[Slot], sequence: u64, now: Timestamp) -> Result<Vec<Slot>, Refusal> {
    let standing = find(all, sequence)?;
    if !standing.stage.is_candidate() {
        let hint = "only what is on its way can be paused; roll a live one back";
        return Err(Refusal::Stage { sequence, stage: standing.stage.as_str(), hint });
    }
    if standing.paused {
        return Ok(Vec::new());
    }
    Ok(vec![(sequence, ReleaseState { paused: true, since: now, ..standing.clone() })])
}

/// A release is taken back. If it was live, the one before decides again; if there is none, the
/// standard plugin does.
///
/// # Errors
///
/// [`Refusal`].
pub fn roll_back(
    all: &[Slot],
    sequence: u64,
    note: Option<String>,
    now: Timestamp,
) -> Result<Vec<Slot>, Refusal> {
    let standing = find(all, sequence)?;
    let stage = standing.stage;
    let back = ReleaseState {
        stage: Stage::RolledBack,
        paused: false,
        since: now,
        note,
        ..standing.clone()
    };
    match stage {
        Stage::RolledBack => Ok(Vec::new()),
        Stage::Shadow | Stage::Canary(_) => Ok(vec![(sequence, back)]),
        Stage::Live => {
            let mut moves = vec![(sequence, back)];
            let again =
                ReleaseState { stage: Stage::Live, since: now, note: None, ..standing.clone() };
            moves.extend(previous(all).map(|(number, before)| {
                (*number, ReleaseState { drift_percent: before.drift_percent, ..again.clone() })
            }));
            Ok(moves)
        }
        Stage::Previous | Stage::Retired => {
            let hint = "it decides nothing, so there is nothing to take back";
            Err(Refusal::Stage { sequence, stage: stage.as_str(), hint })
        }
    }
}

/// No release is asked any more.
pub fn remove(all: &[Slot], now: Timestamp) -> Vec<Slot> {
    let standing = all.iter().filter(|(_, it)| it.stage.is_standing());
    standing.map(|(number, it)| (*number, retired(it, now))).collect()
}

/// The next stage: the next share, and after the last everything.
pub fn next(stage: Stage) -> Option<Stage> {
    match stage {
        Stage::Shadow => Some(Stage::Canary(Share::STEPS[0])),
        Stage::Canary(share) => Some(share.next().map_or(Stage::Live, Stage::Canary)),
        Stage::Live | Stage::Previous | Stage::Retired | Stage::RolledBack => None,
    }
}

/// Moves away who stands where a release is to stand. They come before it, so that no two are ever
/// in one place.
fn make_room(all: &[Slot], sequence: u64, to: Stage, now: Timestamp) -> Vec<Slot> {
    let others = || all.iter().filter(|(number, _)| *number != sequence);
    let candidates = others().filter(|(_, it)| it.stage.is_candidate());
    let mut moves: Vec<Slot> = candidates.map(|(number, it)| (*number, retired(it, now))).collect();
    if to == Stage::Live
        && let Some((number, live)) = others().find(|(_, it)| it.stage == Stage::Live)
    {
        moves.extend(previous(all).map(|(number, it)| (*number, retired(it, now))));
        moves.push((*number, ReleaseState { stage: Stage::Previous, since: now, ..live.clone() }));
    }
    moves
}

fn previous(all: &[Slot]) -> Option<&Slot> {
    all.iter().find(|(_, it)| it.stage == Stage::Previous)
}

fn retired(standing: &ReleaseState, now: Timestamp) -> ReleaseState {
    ReleaseState { stage: Stage::Retired, paused: false, since: now, ..standing.clone() }
}

fn find(all: &[Slot], sequence: u64) -> Result<&ReleaseState, Refusal> {
    let found = all.iter().find(|(number, _)| *number == sequence);
    found.map(|(_, standing)| standing).ok_or(Refusal::Unknown(sequence))
}

/// How far along the way a stage is; none if it is off it.
fn rank(stage: Stage) -> Option<u16> {
    match stage {
        Stage::Shadow => Some(0),
        Stage::Canary(share) => Some(share.per_mille()),
        Stage::Live => Some(1_001),
        Stage::Previous | Stage::Retired | Stage::RolledBack => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn standing(stage: Stage) -> ReleaseState {
        ReleaseState { stage, paused: false, since: NOW, drift_percent: 10, note: None }
    }

    fn canary(per_mille: u16) -> Stage {
        Stage::Canary(Share::from_per_mille(per_mille).unwrap())
    }

    /// A merchant's releases, and what has become of them.
    struct All(Vec<Slot>);

    impl All {
        fn apply(&mut self, moves: Vec<Slot>) -> String {
            for (number, standing) in moves {
                self.0.retain(|(it, _)| *it != number);
                self.0.push((number, standing));
                // As the store has it, after each write.
                let count = |of: &dyn Fn(Stage) -> bool| {
                    self.0.iter().filter(|(_, it)| of(it.stage)).count()
                };
                assert!(count(&|it| it == Stage::Live) <= 1, "two are live");
                assert!(count(&Stage::is_candidate) <= 1, "two are on the way");
            }
            self.0.sort_by_key(|(number, _)| *number);
            let words = self.0.iter().map(|(_, it)| {
                let share = it.stage.share().map(|it| it.per_mille().to_string());
                let paused = if it.paused { " paused" } else { "" };
                format!("{}{}{paused}", it.stage.as_str(), share.unwrap_or_default())
            });
            words.collect::<Vec<_>>().join(", ")
        }

        fn publish(&mut self, number: u64, stage: Stage) -> String {
            let moves = publish(&self.0, number, standing(stage));
            self.apply(moves)
        }

        fn promote(&mut self, number: u64, to: Stage) -> String {
            match promote(&self.0, number, to, None, NOW) {
                Ok(moves) => self.apply(moves),
                Err(refusal) => refusal.to_string(),
            }
        }

        fn pause(&mut self, number: u64) -> String {
            match pause(&self.0, number, NOW) {
                Ok(moves) => self.apply(moves),
                Err(refusal) => refusal.to_string(),
            }
        }

        fn roll_back(&mut self, number: u64) -> String {
            match roll_back(&self.0, number, None, NOW) {
                Ok(moves) => self.apply(moves),
                Err(refusal) => refusal.to_string(),
            }
        }
    }

    #[test]
    fn the_whole_way_and_back() {
        let mut all = All(Vec::new());
        assert_eq!(all.publish(1, Stage::Live), "live");
        assert_eq!(all.publish(2, Stage::Shadow), "live, shadow");
        let mut at = Stage::Shadow;
        let mut steps = 0;
        while let Some(to) = next(at) {
            all.promote(2, to);
            (at, steps) = (to, steps + 1);
        }
        assert_eq!(steps, 7);
        assert_eq!(all.promote(2, Stage::Live), "previous, live");
        assert_eq!(all.publish(3, Stage::Live), "retired, previous, live");
        assert_eq!(all.roll_back(3), "retired, live, rolled_back");
        assert_eq!(all.roll_back(3), "retired, live, rolled_back", "again");
        // Nothing is before it any more: the standard plugin decides.
        assert_eq!(all.roll_back(2), "retired, rolled_back, rolled_back");
        assert!(all.roll_back(1).contains("release 1 is retired"));
        assert!(all.promote(3, Stage::Live).contains("publish a new release"));
        assert!(all.promote(9, Stage::Live).contains("no release 9"));
    }

    #[test]
    fn a_candidate_goes_forward_rests_or_goes_away() {
        let mut all = All(Vec::new());
        all.publish(1, Stage::Live);
        all.publish(2, Stage::Shadow);
        assert_eq!(all.promote(2, canary(50)), "live, canary50");
        assert!(all.promote(2, canary(10)).contains("only goes forward"));
        assert!(all.promote(2, Stage::Shadow).contains("only goes forward"));
        assert_eq!(all.pause(2), "live, canary50 paused");
        assert_eq!(all.pause(2), "live, canary50 paused");
        assert!(all.pause(1).contains("release 1 is live"));
        assert_eq!(all.promote(2, canary(50)), "live, canary50");
        // Another one takes its place on the way.
        assert_eq!(all.publish(3, Stage::Shadow), "live, retired, shadow");
        assert_eq!(all.roll_back(3), "live, retired, rolled_back");
        assert_eq!(all.publish(4, Stage::Shadow), "live, retired, rolled_back, shadow");
        assert_eq!(all.publish(5, Stage::Live), "previous, retired, rolled_back, retired, live");
        let moves = remove(&all.0, NOW);
        assert_eq!(all.apply(moves), "retired, retired, rolled_back, retired, retired");
    }
}
