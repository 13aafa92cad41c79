//! `lezai plugin profile`: where the fuel of one order's questions goes.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use lezai_engine::{Profile, decide, profile};

use super::Failed;
use super::golden::cases;
use super::workbench::{Workbench, component};

/// Each stands for this part of the fuel.
const SAMPLES: u32 = 1_000;
/// Functions that are shown: those below are noise.
const MOST: usize = 15;

pub(super) fn run(file: &Path, order: &Path) -> Result<String, Failed> {
    let bench = Workbench::open(true)?;
    let plugin = bench.load(&component(file)?)?;
    let mut text = String::new();
    for case in cases(order)? {
        let not_done =
            |error: &dyn std::fmt::Display| Failed::NotDone(format!("{}: {error}", case.name));
        let own = Some((&*plugin, case.settings.as_slice()));
        let decision = decide(&bench.engine, &bench.standard, &case.policy, own, &case.facts)
            .map_err(|error| not_done(&error))?;
        for hook in plugin.hooks() {
            let (settings, fee) = (&case.settings, decision.fee);
            let found = profile(&bench.engine, &plugin, settings, &case.facts, *hook, fee, SAMPLES);
            let found = found.map_err(|failure| not_done(&format_args!("{hook}: {failure}")))?;
            let _ = writeln!(text, "{}: {hook} burns {} units of fuel", case.name, found.fuel);
            text.push_str(&table(&found));
        }
    }
    Ok(text)
}

fn table(profile: &Profile) -> String {
    let mut functions: HashMap<&str, (usize, usize)> = HashMap::new();
    for stack in &profile.stacks {
        if let Some(innermost) = stack.first() {
            functions.entry(innermost).or_default().0 += 1;
        }
        // One that calls itself counts once.
        for function in stack.iter().map(String::as_str).collect::<BTreeSet<_>>() {
            functions.entry(function).or_default().1 += 1;
        }
    }
    let mut rows: Vec<_> = functions.into_iter().collect();
    rows.sort_unstable_by_key(|(name, (own, all))| {
        (std::cmp::Reverse(*own), std::cmp::Reverse(*all), *name)
    });
    let percent = |count: usize| {
        let tenths = count * 1000 / profile.stacks.len().max(1);
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let mut text = format!("{:>9}{:>9}  function\n", "itself", "in all");
    for (name, (own, all)) in rows.into_iter().take(MOST) {
        // As people write it, without the compiler's hash.
        let name = rustc_demangle::demangle(name);
        let _ = writeln!(text, "{:>9}{:>9}  {name:#}", percent(own), percent(all));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_counts_itself_and_in_all() {
        let stack = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let stacks = vec![stack("g f"), stack("f"), stack("g g f"), stack("h")];
        let text = table(&Profile { fuel: 40, stacks });
        let rows: Vec<Vec<&str>> =
            text.lines().skip(1).map(|it| it.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["50.0", "%", "50.0", "%", "g"]);
        assert_eq!(rows[1], ["25.0", "%", "75.0", "%", "f"]);
        assert_eq!(rows[2], ["25.0", "%", "25.0", "%", "h"]);
    }
}
