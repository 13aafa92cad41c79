//! The output: JSON lines for programs, a summary for people.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use lezai_reconcile::bill::Contents;
use lezai_reconcile::class::Class;
use lezai_reconcile::report::{self, Between};
use lezai_reconcile::run::{self, Outcome, RunError, Sums};
use lezai_reconcile::when;
use serde_json::Value;

use super::files::WorkFolder;
use super::{NoResult, ReadFile, Reconciled};

/// So many open differences are listed for people; `--json` has all.
const LISTED: u64 = 20;

/// Every difference as an object in a line.
pub(crate) fn json(
    result: &Reconciled<'_>,
    work: &WorkFolder,
    count: u16,
    out: &mut dyn Write,
    interrupted: &AtomicBool,
) -> Result<(), NoResult> {
    each(result, work, count, interrupted, |outcome| {
        writeln!(out, "{}", result.telling.json(outcome))
    })?;
    let sides = [("theirs", result.theirs), ("ours", result.ours)];
    for (side, files) in sides {
        for row in files.iter().flat_map(|file| &file.bill.unparsed) {
            writeln!(out, "{}", report::unparsed(result.between, side, row))
                .map_err(NoResult::Output)?;
        }
    }
    Ok(())
}

/// The summary, as one object.
pub(crate) fn summary(result: &Reconciled<'_>) -> Value {
    let mut summary = result.telling.summary(result.summary, &result.terms);
    summary["theirs"] = result.theirs.iter().map(file).collect();
    summary["ours"] = result.ours.iter().map(file).collect();
    summary
}

/// The names of the two sides' files, and of what they are.
fn names(between: Between) -> [&'static str; 5] {
    match between {
        Between::TradesAndBooks => ["bill", "movements", "movements", "channel", "books"],
        Between::FundsAndTrades => ["funds", "bill", "movements", "funds", "trades"],
        Between::BankAndFunds => ["bank", "funds", "movements", "bank", "funds"],
    }
}

fn file(file: &ReadFile) -> Value {
    let mut value = report::file(&file.bill);
    value["file"] = file.path.display().to_string().into();
    value["sha256"] = file.sha256.as_str().into();
    value
}

/// All outcomes in their order.
fn each(
    result: &Reconciled<'_>,
    work: &WorkFolder,
    count: u16,
    interrupted: &AtomicBool,
    mut give: impl FnMut(&Outcome<'_>) -> io::Result<()>,
) -> Result<(), NoResult> {
    let mut failed = None;
    let merged = run::merge(work, count, &result.summary.over_bound, |outcome| {
        if interrupted.load(Ordering::Relaxed) {
            failed = Some(NoResult::Interrupted);
            return Err(io::ErrorKind::Interrupted.into());
        }
        give(outcome).inspect_err(|error| {
            failed = Some(NoResult::Output(io::Error::from(error.kind())));
        })
    });
    match (merged, failed) {
        (Err(RunError::Io(_)), Some(failed)) => Err(failed),
        (merged, _) => merged.map_err(NoResult::from),
    }
}

/// A summary that a person likes to read.
pub(crate) fn human(
    result: &Reconciled<'_>,
    work: &WorkFolder,
    count: u16,
    out: &mut dyn Write,
    interrupted: &AtomicBool,
) -> Result<(), NoResult> {
    let written = |done: io::Result<()>| done.map_err(NoResult::Output);
    let [their_files, our_files, movements, their_name, our_name] = names(result.between);
    if result.between != Between::TradesAndBooks {
        written(writeln!(out))?;
    }
    let files = file_rows(result, [their_files, our_files]);
    written(out.write_all(columns(&files, &[3]).as_bytes()))?;
    if let Some((from, to)) = result.terms.period {
        let offset = result.terms.offset_minutes;
        let time = |at| when::date_time(at, offset).replace(".000", "");
        written(writeln!(out, "from {} to {} {}", time(from), time(to), when::offset(offset)))?;
    }
    written(writeln!(out))?;
    let head = ["class", "cleared by", "lines", movements, their_name, our_name];
    let rows = class_rows(result, head);
    written(out.write_all(columns(&rows, &[2, 3, 4, 5]).as_bytes()))?;
    for (rule, file) in &result.summary.over_bound {
        let rule = result.telling.rule(*rule).unwrap_or_default();
        written(writeln!(
            out,
            "\n{rule} cleared nothing in {their_files} {}: together it would be more than the rule's bound",
            file + 1
        ))?;
    }
    let open = result.summary.open();
    if open == 0 {
        return written(writeln!(out, "\nnothing is open"));
    }
    written(writeln!(out, "\n{open} open:"))?;
    let lines = open_rows(result, work, count, [their_files, our_files], interrupted)?;
    written(out.write_all(columns(&lines, &[]).as_bytes()))?;
    let listed = lines.len() as u64;
    if open > listed {
        written(writeln!(out, "and {} more, which --json lists", open - listed))?;
    }
    Ok(())
}

/// The files of both sides, a line for each.
fn file_rows(result: &Reconciled<'_>, [theirs, ours]: [&str; 2]) -> Vec<[String; 5]> {
    let mut files = vec![];
    for (name, side) in [(theirs, result.theirs), (ours, result.ours)] {
        for file in side {
            let rows = match file.bill.contents {
                Contents::NoBill => "no bill for this day".to_owned(),
                _ => format!("{} rows", file.bill.rows),
            };
            files.push([
                name.to_owned(),
                file.path.display().to_string(),
                file.bill.layout.clone(),
                rows,
                format!("sha-256 {}", &file.sha256[..12]),
            ]);
        }
    }
    files
}

/// The classes with their sums, and the sum of all.
fn class_rows(result: &Reconciled<'_>, head: [&str; 6]) -> Vec<[String; 6]> {
    let mut rows = vec![head.map(str::to_owned)];
    for ((class, rule), total) in &result.summary.classes {
        let cleared = match class {
            Class::Matched => "",
            _ => result.telling.rule(*rule).unwrap_or("open"),
        };
        rows.push([
            class.as_str().to_owned(),
            cleared.to_owned(),
            total.lines.to_string(),
            total.movements.to_string(),
            sums(&total.theirs),
            sums(&total.ours),
        ]);
    }
    let total = &result.summary.total;
    rows.push([
        "all".to_owned(),
        String::new(),
        total.lines.to_string(),
        total.movements.to_string(),
        sums(&total.theirs),
        sums(&total.ours),
    ]);
    rows
}

/// The open differences and the rows that were not understood, as many as are listed.
fn open_rows(
    result: &Reconciled<'_>,
    work: &WorkFolder,
    count: u16,
    [theirs, ours]: [&str; 2],
    interrupted: &AtomicBool,
) -> Result<Vec<[String; 4]>, NoResult> {
    let mut listed = 0;
    let mut lines = Vec::new();
    each(result, work, count, interrupted, |outcome| {
        if outcome.class == Class::Matched || outcome.rule != 0 || listed == LISTED {
            return Ok(());
        }
        listed += 1;
        lines.push(difference(result, outcome));
        Ok(())
    })?;
    for (side, files) in [(theirs, result.theirs), (ours, result.ours)] {
        for row in files.iter().flat_map(|file| &file.bill.unparsed) {
            if listed < LISTED {
                listed += 1;
                let place = format!("{side} {} line {}", row.file + 1, row.line);
                let class = Class::Unparsed.as_str().to_owned();
                lines.push([place, class, row.column.clone(), row.why.to_string()]);
            }
        }
    }
    Ok(lines)
}

fn difference(result: &Reconciled<'_>, outcome: &Outcome<'_>) -> [String; 4] {
    let [their_files, our_files, ..] = names(result.between);
    let side = outcome.theirs.as_ref().map(|it| (their_files, it));
    let side = side.or_else(|| outcome.ours.as_ref().map(|it| (our_files, it)));
    let (place, what) = side.map_or_else(Default::default, |(name, it)| {
        let code = String::from_utf8_lossy(&it.currency);
        let place = format!("{name} {} line {}", it.file + 1, it.line);
        let key = String::from_utf8_lossy(it.key);
        let money = report::money(i128::from(it.minor), &code);
        (place, format!("{} {key} {money}", it.kind.as_str()))
    });
    [place, outcome.class.as_str().to_owned(), what, result.telling.reason(outcome)]
}

fn sums(sums: &Sums) -> String {
    let sums: Vec<String> = sums.iter().map(|(code, minor)| report::money(minor, code)).collect();
    if sums.is_empty() { "-".to_owned() } else { sums.join(", ") }
}

/// Columns as wide as what stands in them; those named are flush right.
fn columns<const N: usize>(rows: &[[String; N]], right: &[usize]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match right.contains(&column) {
            true => format!("{cell:>0$}", widths[column]),
            false => format!("{cell:<0$}", widths[column]),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
