//! `lezai plugin promote`, `pause`, `rollback`.

use lezai_core::release::Share;
use reqwest::Method;
use serde_json::{Value, json};

use super::at::{At, Failed};
use super::look::{self, Listed};

/// Which release moves.
#[derive(Debug, clap::Args)]
pub struct MoveArgs {
    /// The release's number; the one on its way if left out, or else the live one.
    #[arg(long, value_name = "NUMBER")]
    sequence: Option<u64>,
    /// Whose, and where.
    #[command(flatten)]
    at: At,
}

/// The arguments of `promote`.
#[derive(Debug, clap::Args)]
pub struct PromoteArgs {
    /// How far: 0.1, 1, 5, 10, 20 or 50 percent of the orders, or live; the next step if left out.
    #[arg(long, value_name = "SHARE")]
    to: Option<String>,
    /// How many of a hundred orders it may decide otherwise.
    #[arg(long, value_name = "PERCENT")]
    drift: Option<u8>,
    /// Though it decides more orders otherwise than that.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    of: MoveArgs,
}

pub(super) async fn promote(args: PromoteArgs) -> Result<String, Failed> {
    let release = meant(&args.of).await?;
    let mut body = match &args.to {
        Some(to) => place(to)?,
        None => after(&release)?,
    };
    let drift = args.drift.unwrap_or(release.drift_percent);
    let rate = difference(&release);
    if body["to"] != "shadow" && drifts(&release, drift) && !args.yes {
        return Err(Failed::Refused(format!(
            "release {} {rate}, and {drift} % may be: `lezai plugin diff` shows them; --yes promotes it all the \
             same, --drift allows more",
            release.sequence
        )));
    }
    eprintln!("release {} {rate}", release.sequence);
    if let Some(drift) = args.drift {
        body["drift_percent"] = drift.into();
    }
    let path = format!("/plugins/{}/promote", release.sequence);
    look::shown(&args.of.at, &args.of.at.ask(Method::POST, &path, Some(body.to_string())).await?)
}

pub(super) async fn act(args: MoveArgs, what: &str) -> Result<String, Failed> {
    let sequence = match args.sequence {
        Some(sequence) => sequence,
        None => meant(&args).await?.sequence,
    };
    let path = format!("/plugins/{sequence}/{what}");
    look::shown(&args.at, &args.at.ask(Method::POST, &path, None).await?)
}

/// The release that is meant.
async fn meant(args: &MoveArgs) -> Result<Listed, Failed> {
    let all = look::all(&args.at).await?;
    let found = match args.sequence {
        Some(sequence) => all.into_iter().find(|it| it.sequence == sequence),
        None => {
            let at =
                |stages: &[&str]| all.iter().position(|it| stages.contains(&it.stage.as_str()));
            let index = at(&["shadow", "canary"]).or_else(|| at(&["live"]));
            index.and_then(|index| all.into_iter().nth(index))
        }
    };
    found.ok_or_else(|| Failed::Refused("release_not_found: the merchant has none".to_owned()))
}

/// Whether it decides more of a hundred orders otherwise than may be.
fn drifts(release: &Listed, percent: u8) -> bool {
    release.counts.as_ref().is_some_and(|it| {
        it.different.saturating_mul(100) > it.compared.saturating_mul(u64::from(percent))
    })
}

/// How many orders it decides otherwise, in words.
fn difference(release: &Listed) -> String {
    match release.counts.as_ref().map(|it| (it.different, it.compared)) {
        None | Some((_, 0)) => "was compared over no order yet".to_owned(),
        Some((different, compared)) => {
            let tenths = different.saturating_mul(1000) / compared;
            let percent = format!("{}.{}", tenths / 10, tenths % 10);
            format!("decides {different} of {compared} orders otherwise ({percent} %)")
        }
    }
}

/// `0.1` is one of a thousand.
fn place(to: &str) -> Result<Value, Failed> {
    let words = [("0.1", 1), ("1", 10), ("5", 50), ("10", 100), ("20", 200), ("50", 500)];
    let to = to.trim_end_matches('%');
    match (to, words.iter().find(|(word, _)| *word == to)) {
        ("shadow" | "live", _) => Ok(json!({ "to": to })),
        (_, Some((_, per_mille))) => Ok(json!({ "to": "canary", "per_mille": per_mille })),
        _ => Err(Failed::NotDone("--to takes 0.1, 1, 5, 10, 20, 50 or live".to_owned())),
    }
}

/// The next step; where it is, if it rests.
fn after(release: &Listed) -> Result<Value, Failed> {
    let share = release.per_mille.and_then(Share::from_per_mille);
    let share = if release.paused { share } else { share.and_then(Share::next) };
    let first = Share::STEPS[0].per_mille();
    match (release.stage.as_str(), release.paused, share) {
        ("shadow", true, _) => Ok(json!({ "to": "shadow" })),
        ("shadow", false, _) => Ok(json!({ "to": "canary", "per_mille": first })),
        ("canary", _, Some(share)) => Ok(json!({ "to": "canary", "per_mille": share.per_mille() })),
        ("canary", _, None) => Ok(json!({ "to": "live" })),
        (stage, ..) => Err(Failed::Refused(format!(
            "release_stage: release {} is {stage}; publish a new one",
            release.sequence
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(stage: &str, per_mille: Option<u16>, paused: bool) -> Listed {
        let mut release = Listed::default();
        (release.stage, release.per_mille, release.paused) = (stage.to_owned(), per_mille, paused);
        release
    }

    #[test]
    fn a_release_that_decides_otherwise_too_often_is_told() {
        for (different, compared, percent, drifts_, said) in [
            (0, 0, 10, false, "was compared over no order yet"),
            (10, 100, 10, false, "decides 10 of 100 orders otherwise (10.0 %)"),
            (11, 100, 10, true, "decides 11 of 100 orders otherwise (11.0 %)"),
            (1, 300, 0, true, "decides 1 of 300 orders otherwise (0.3 %)"),
        ] {
            let mut release = listed("shadow", None, false);
            let counts = look::Counts { different, compared, ..look::Counts::default() };
            release.counts = Some(counts);
            assert_eq!(drifts(&release, percent), drifts_, "{said}");
            assert_eq!(difference(&release), said);
        }
        assert!(!drifts(&Listed::default(), 0));
    }

    #[test]
    fn the_next_step_follows_from_where_it_is() {
        let to = |release: &Listed| after(release).map_or("no".to_owned(), |it| it.to_string());
        for (release, expected) in [
            (listed("shadow", None, false), r#"{"per_mille":1,"to":"canary"}"#),
            (listed("shadow", None, true), r#"{"to":"shadow"}"#),
            (listed("canary", Some(1), false), r#"{"per_mille":10,"to":"canary"}"#),
            (listed("canary", Some(10), true), r#"{"per_mille":10,"to":"canary"}"#),
            (listed("canary", Some(500), false), r#"{"to":"live"}"#),
            (listed("live", None, false), "no"),
        ] {
            assert_eq!(to(&release), expected, "{release:?}");
        }
        assert_eq!(place("0.1").map_err(|_| ()).unwrap()["per_mille"], 1);
        assert_eq!(place("50%").map_err(|_| ()).unwrap()["per_mille"], 500);
        assert!(place("2").is_err());
    }
}
