//! Totals: the sums of the rows, and whether they are those that the bill states.

use std::collections::BTreeMap;
use std::io::Read;

use crate::amount;
use crate::bounds::UNPARSED_MAX;
use crate::layout::{Check, Footer};
use crate::movement::Movement;
use crate::refused::{Refused, Why};
use crate::rows::{Row, Rows};
use crate::when;

use super::table::{CurrencyCache, Table, decode, is_blank};
use super::{NotUnderstood, Unparsed};

/// Decimals in which a column's sum is kept: WeChat Pay's fees have five.
const SUM_DECIMALS: u32 = 8;

/// The sums of the rows, to be compared with those that the bill states.
pub(super) struct Tally {
    pub(super) rows: u64,
    in_rows: u64,
    out_rows: u64,
    in_minor: i128,
    out_minor: i128,
    /// Of each column that the summary adds up: over all rows, and over those that came in.
    sums: BTreeMap<usize, (i128, i128)>,
    exponent: u32,
    pub(super) unparsed: Vec<Unparsed>,
    pub(super) days: Option<(i64, i64)>,
    pub(super) cached: CurrencyCache,
    balance: Chain,
}

/// Whether each balance follows from the row before: read downwards, or upwards where the newest is first.
#[derive(Default)]
struct Chain {
    before: Option<(i128, i128)>,
    not_down: bool,
    not_up: bool,
}

impl Tally {
    pub(super) fn new(table: &Table<'_>) -> Self {
        Self {
            rows: 0,
            in_rows: 0,
            out_rows: 0,
            in_minor: 0,
            out_minor: 0,
            sums: table.sums.iter().map(|column| (*column, (0, 0))).collect(),
            exponent: 2,
            unparsed: Vec::new(),
            days: None,
            cached: CurrencyCache::default(),
            balance: Chain::default(),
        }
    }

    pub(super) fn count(
        &mut self,
        table: &Table<'_>,
        row: &Row<'_>,
        movement: &Movement<'_>,
        written: i64,
    ) -> Result<(), Refused> {
        let minor = i128::from(written);
        let came_in = movement.minor > 0 || movement.kind.leaves() == Some(false);
        if came_in {
            self.in_rows += 1;
            self.in_minor += minor;
        } else {
            self.out_rows += 1;
            self.out_minor -= minor;
        }
        for (column, (all, received)) in &mut self.sums {
            let cell = table.cell(row, *column);
            if cell.is_empty() {
                continue;
            }
            let value = amount::parse(cell, SUM_DECIMALS)
                .map_err(|_| Refused::in_column(row.line, table.name(*column), Why::NotAFigure))?;
            *all += i128::from(value);
            if came_in {
                *received += i128::from(value);
            }
        }
        self.exponent = self.cached.exponent(movement.currency).unwrap_or(self.exponent);
        let day = when::local_day(movement.at_ms, table.offset_minutes);
        self.days = Some(self.days.map_or((day, day), |(a, b)| (a.min(day), b.max(day))));
        if let Some(column) = table.balance {
            self.follow_balance(table, row, column, minor)?;
        }
        Ok(())
    }

    fn follow_balance(
        &mut self,
        table: &Table<'_>,
        row: &Row<'_>,
        column: usize,
        minor: i128,
    ) -> Result<(), Refused> {
        let balance = amount::parse(table.cell(row, column), self.exponent)
            .map_err(|_| Refused::in_column(row.line, table.name(column), Why::NotAFigure))?;
        let balance = i128::from(balance);
        let chain = &mut self.balance;
        if let Some((before, moved_before)) = chain.before {
            chain.not_down |= before + minor != balance;
            chain.not_up |= balance + moved_before != before;
            if chain.not_down && chain.not_up && self.unparsed.is_empty() {
                let why = Why::Balance {
                    said: amount::major(balance, self.exponent),
                    found: amount::major(before + minor, self.exponent),
                };
                return Err(Refused::in_column(row.line, table.name(column), why));
            }
        }
        chain.before = Some((balance, minor));
        Ok(())
    }

    pub(super) fn not_understood(
        &mut self,
        table: &Table<'_>,
        line: u64,
        file: u16,
        column: Option<usize>,
        why: NotUnderstood,
    ) -> Result<(), Refused> {
        if self.unparsed.len() == UNPARSED_MAX {
            return Err(Refused::at(line, Why::TooManyUnparsed));
        }
        let column = column.map(|it| table.name(it).to_owned()).unwrap_or_default();
        self.unparsed.push(Unparsed { file, line, column, why });
        Ok(())
    }

    /// WeChat Pay's way: names in one row, figures in the next.
    pub(super) fn check_table<R: Read>(
        &self,
        table: &Table<'_>,
        rows: &mut Rows<R>,
        checks: &[(&str, Check)],
    ) -> Result<(), Refused> {
        // The row of names was the last that was read; it is read again from what it must be.
        let names = rows.last_names(table.layout.encoding, |cell| table.trim(cell).to_vec());
        let line = rows.row_line();
        let figures: Vec<Vec<u8>> = loop {
            let Some(row) = rows.next()? else { return Err(Refused::at(line, Why::Cut)) };
            if !is_blank(&row) {
                break (0..row.len()).map(|it| table.cell(&row, it).to_vec()).collect();
            }
        };
        let line = rows.row_line();
        for (name, figure) in names.iter().zip(&figures) {
            let Some((_, check)) = checks.iter().find(|(of, _)| of == name) else { continue };
            self.check(table, *check, figure).map_err(|why| Refused::in_column(line, name, why))?;
        }
        if names.len() != figures.len() {
            return Err(Refused::at(line, Why::Cut));
        }
        self.nothing_behind(rows)
    }

    pub(super) fn nothing_behind<R: Read>(&self, rows: &mut Rows<R>) -> Result<(), Refused> {
        while let Some(row) = rows.next()? {
            if !is_blank(&row) {
                return Err(Refused::at(row.line, Why::BehindSummary));
            }
        }
        Ok(())
    }

    /// Alipay's way: `#支出合计：2笔，共0.04元`.
    pub(super) fn check_remarks<R: Read>(
        &self,
        table: &Table<'_>,
        rows: &mut Rows<R>,
        checks: &[(&str, Check, Check)],
    ) -> Result<(), Refused> {
        let encoding = table.layout.encoding;
        let Footer::Remarks(end, _) = table.layout.footer else { return Ok(()) };
        let first = rows.last_names(encoding, <[u8]>::to_vec).swap_remove(0);
        if !first.contains(end) {
            return Err(Refused::at(rows.row_line(), Why::Cut));
        }
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let text = decode(encoding, row.cell(0).unwrap_or_default());
            if text.trim().is_empty() {
                continue;
            }
            if !text.starts_with('#') {
                return Err(Refused::at(row.line, Why::BehindSummary));
            }
            let Some((name, count, sum)) = checks.iter().find(|it| text.starts_with(it.0)) else {
                continue;
            };
            seen += 1;
            let refused = |why| Refused::in_column(row.line, name.trim_start_matches('#'), why);
            let figure = between(&text, &["：", ":"], "笔").ok_or(refused(Why::NotAFigure))?;
            self.check(table, *count, figure.as_bytes()).map_err(refused)?;
            if *sum != Check::Any {
                let figure = between(&text, &["共"], "元").ok_or(refused(Why::NotAFigure))?;
                self.check(table, *sum, figure.as_bytes()).map_err(refused)?;
            }
        }
        if seen < checks.len() { Err(Refused::at(rows.row_line(), Why::Cut)) } else { Ok(()) }
    }

    /// Holds a figure of the summary against the rows. With rows that are not understood only their number can
    /// be held against anything, and the bill is incomplete anyhow.
    fn check(&self, table: &Table<'_>, check: Check, figure: &[u8]) -> Result<(), Why> {
        let whole = self.unparsed.is_empty();
        let said = String::from_utf8_lossy(figure).into_owned();
        let count = |found: &[u64]| {
            let number = amount::parse(figure, 0).map_err(|_| Why::NotAFigure)?;
            if found.iter().any(|it| i128::from(*it) == i128::from(number)) {
                return Ok(());
            }
            Err(Why::Summary { said: said.clone(), found: found[0].to_string() })
        };
        let sum = |found: &[i128], decimals: u32| {
            let number = amount::parse(figure, decimals).map_err(|_| Why::NotAFigure)?;
            let number = i128::from(number);
            // The summary of fees may have fewer decimals than the rows.
            let written =
                figure.iter().position(|it| *it == b'.').map_or(0, |at| figure.len() - at - 1);
            let fewer = decimals.saturating_sub(u32::try_from(written).unwrap_or_default());
            let unit = 10_i128.pow(fewer);
            let near = |it: &i128| {
                it == &number || (decimals == SUM_DECIMALS && (it - number).abs() < unit)
            };
            if found.iter().any(near) {
                return Ok(());
            }
            Err(Why::Summary { said: said.clone(), found: amount::major(found[0], decimals) })
        };
        match check {
            Check::Any => Ok(()),
            Check::Rows => count(&[self.rows]),
            _ if !whole => Ok(()),
            Check::InRows => count(&[self.in_rows]),
            Check::InOrAllRows => count(&[self.in_rows, self.rows]),
            Check::OutRows => count(&[self.out_rows]),
            Check::In => sum(&[self.in_minor, -self.in_minor], self.exponent),
            Check::Out => sum(&[self.out_minor, -self.out_minor], self.exponent),
            Check::Sum(columns) => {
                let find = |name: &&str| table.names.iter().position(|it| it == name);
                let Some((all, received)) =
                    columns.iter().find_map(find).and_then(|column| self.sums.get(&column))
                else {
                    return Ok(());
                };
                sum(&[*all, *received], SUM_DECIMALS)
            }
        }
    }
}

/// The text between one of some marks and the end, without blanks.
fn between<'t>(text: &'t str, marks: &[&str], end: &str) -> Option<&'t str> {
    let (at, mark) = marks.iter().find_map(|mark| text.find(mark).map(|at| (at, mark)))?;
    let rest = &text[at + mark.len()..];
    rest.find(end).map(|to| rest[..to].trim())
}
