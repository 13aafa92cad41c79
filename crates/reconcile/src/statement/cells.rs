//! Cells and rows of a statement, in CSV (RFC 4180) and JSON lines.

use serde_json::{Map, Value, json};

use super::columns::{Column, Columns};
use crate::amount;

/// One cell: a text is guarded against spreadsheets, a number never is.
#[derive(Clone, Copy)]
pub(super) enum Cell<'c> {
    Text(&'c str),
    Whole(i128),
    /// Minor units shown in major ones.
    Major(i128, u32),
    Nothing,
}

/// A row: the cells of the type's own columns, and what the merchant's plugin wanted, by name.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) cells: &'r [Cell<'r>],
    pub(super) own: &'r [(&'r str, &'r str)],
}

impl<'r> Row<'r> {
    fn cell(&self, column: &Column) -> Cell<'r> {
        match column {
            Column::Known(at, _) => self.cells.get(*at).copied().unwrap_or(Cell::Nothing),
            Column::Own(name) => {
                let found = self.own.iter().find(|(it, _)| it == name);
                found.map_or(Cell::Nothing, |(_, value)| Cell::Text(value))
            }
        }
    }
}

pub(super) fn csv_header(line: &mut Vec<u8>, columns: &Columns) {
    let names: Vec<String> = columns.iter().map(Column::name).collect();
    line.extend_from_slice(names.join(",").as_bytes());
    line.extend_from_slice(b"\r\n");
}

pub(super) fn csv_row(line: &mut Vec<u8>, columns: &Columns, row: Row<'_>) {
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            line.push(b',');
        }
        match row.cell(column) {
            Cell::Nothing => {}
            Cell::Whole(value) => line.extend_from_slice(value.to_string().as_bytes()),
            Cell::Major(minor, decimals) => {
                line.extend_from_slice(amount::major(minor, decimals).as_bytes());
            }
            Cell::Text(text) => csv_text(line, text),
        }
    }
    line.extend_from_slice(b"\r\n");
}

/// The prefix of a text that a spreadsheet would take for a formula. A reader takes it off again
/// ([`unguard`]).
const GUARD: char = '\'';

/// Whether a spreadsheet would take a text for a formula, or a reader one for guarded.
fn wants_guard(text: &str) -> bool {
    let first = text.trim_start_matches('"').chars().next();
    matches!(
        first,
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠' | GUARD)
    )
}

pub(super) fn csv_text(line: &mut Vec<u8>, text: &str) {
    let guard = if wants_guard(text) { "'" } else { "" };
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        line.push(b'"');
        line.extend_from_slice(guard.as_bytes());
        line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(guard.as_bytes());
        line.extend_from_slice(text.as_bytes());
    }
}

/// A text of a statement's CSV as it was before the guard.
pub fn unguard(cell: &[u8]) -> &[u8] {
    match cell.strip_prefix(b"'") {
        Some(rest) if std::str::from_utf8(rest).is_ok_and(wants_guard) => rest,
        _ => cell,
    }
}

pub(super) fn json_row(line: &mut Vec<u8>, columns: &Columns, row: Row<'_>) {
    let mut object = Map::new();
    for column in columns.iter() {
        let value = match row.cell(column) {
            Cell::Nothing | Cell::Text("") => continue,
            Cell::Text(text) => json!(text),
            Cell::Major(minor, decimals) => json!(amount::major(minor, decimals)),
            Cell::Whole(value) => match i64::try_from(value) {
                Ok(value) if value.abs() < 1 << 53 => json!(value),
                // Readers of JSON would round it.
                _ => json!(value.to_string()),
            },
        };
        object.insert(column.name(), value);
    }
    line.extend_from_slice(Value::Object(object).to_string().as_bytes());
    line.push(b'\n');
}
