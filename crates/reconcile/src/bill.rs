//! Reading a bill: which kind it is, each row as a movement, and whether its own totals agree with its rows.

mod header;
mod table;
mod tally;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use crate::layout::{Footer, Layout};
use crate::movement::{KEY_MAX, Movement};
use crate::refused::{Refused, Why};
use crate::rows::Rows;
use header::{Head, header};
use table::{Parts, is_blank};
use tally::Tally;

/// Bounds on a file.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes, unpacked.
    pub bytes_max: u64,
}

/// The contents that a file turned out to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Rows, perhaps none: an empty day has a header and a summary of zeros.
    Rows,
    /// The channel says that the day has no bill.
    NoBill,
    /// The channel says that the bill is being made: ask again later.
    Creating,
}

/// The result of reading a file.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The layout's name; empty if there are no rows to have one.
    pub layout: String,
    /// The contents that it turned out to have.
    pub contents: Contents,
    /// Rows, those that are not understood among them.
    pub rows: u64,
    /// Rows that are not understood.
    pub unparsed: Vec<Unparsed>,
    /// The first and the last local day that a row lies in, in days since the epoch.
    pub days: Option<(i64, i64)>,
    /// East of Greenwich, where the bill's days begin.
    pub offset_minutes: i32,
    /// Bytes read.
    pub bytes: u64,
}

/// A row that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// Which file of its side.
    pub file: u16,
    /// The line.
    pub line: u64,
    /// The column, where one is at fault.
    pub column: String,
    /// Why.
    pub why: NotUnderstood,
}

/// Why a row is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// It has more or fewer cells than the header.
    #[error("the row has another number of columns than the header")]
    Columns,
    /// No rule says what such a row means.
    #[error("no rule says what such a row is")]
    Rule,
    /// No reference, or one that cannot be one.
    #[error("the reference is missing, longer than {KEY_MAX} bytes, or has control characters")]
    Key,
    /// The reference went through a spreadsheet.
    #[error(
        "the reference is a number in scientific notation: the file went through a spreadsheet"
    )]
    Spreadsheet,
    /// Not an amount.
    #[error("the amount is not a decimal number")]
    Amount,
    /// An amount with a fraction of the minor unit.
    #[error("the amount has a fraction of the currency's minor unit")]
    TooFine,
    /// An amount of more than is counted.
    #[error("the amount is larger than is counted")]
    TooLarge,
    /// Not a currency of ISO 4217.
    #[error("the currency is not an ISO 4217 code")]
    Currency,
    /// Not a time.
    #[error("the time is not of the form 2026-03-01 09:30:00")]
    Time,
    /// A status that nobody explained.
    #[error("no mapping says what this status means")]
    Status,
    /// A kind that nobody explained.
    #[error("the kind is none of those that are compared")]
    Kind,
}

/// Why reading ended early.
#[derive(Debug)]
pub enum ReadError {
    /// The file is not taken.
    Refused(Refused),
    /// The rows read could not be written.
    Io(io::Error),
}

impl From<Refused> for ReadError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file of one of some layouts and gives each movement to `sink`. Of a file that is refused nothing
/// counts, so what `sink` got must then be thrown away.
///
/// # Errors
///
/// See [`ReadError`].
pub fn read(
    reader: impl Read,
    layouts: &[Layout],
    file: u16,
    limits: Limits,
    mut sink: impl FnMut(&Movement<'_>) -> io::Result<()>,
) -> Result<Bill, ReadError> {
    let mut rows = Rows::new(reader, limits.bytes_max);
    let table = match header(&mut rows, layouts)? {
        Head::Table(table) => table,
        Head::Notice(contents) => return Ok(nothing(contents, rows.bytes())),
    };
    if table.layout.columns.is_empty() {
        rows.part_by(u8::try_from(table.layout.delimiter).unwrap_or(b','), table.layout.quotes);
    }
    let mut tally = Tally::new(&table);
    let footed = loop {
        let Some(row) = rows.next()? else { break false };
        if is_blank(&row) {
            continue;
        }
        if table.ends_rows(&row) {
            break true;
        }
        tally.rows += 1;
        match table.movement(&row, file, &mut tally.cached) {
            Ok(None) => tally.rows -= 1,
            Ok(Some(Parts { written, movement, fee })) => {
                tally.count(&table, &row, &movement, written)?;
                sink(&movement)?;
                fee.map_or(Ok(()), |fee| sink(&fee))?;
            }
            Err((column, why)) => tally.not_understood(&table, row.line, file, column, why)?,
        }
    };
    match table.layout.footer {
        Footer::End => {}
        Footer::Row(_) if footed => tally.nothing_behind(&mut rows)?,
        Footer::Table(_, checks) if footed => tally.check_table(&table, &mut rows, checks)?,
        Footer::Remarks(_, checks) if footed => tally.check_remarks(&table, &mut rows, checks)?,
        _ => return Err(Refused::at(rows.row_line(), Why::Cut).into()),
    }
    Ok(Bill {
        layout: table.layout.name.clone(),
        contents: Contents::Rows,
        rows: tally.rows,
        unparsed: tally.unparsed,
        days: tally.days,
        offset_minutes: table.offset_minutes,
        bytes: rows.bytes(),
    })
}

fn nothing(contents: Contents, bytes: u64) -> Bill {
    Bill {
        layout: String::new(),
        contents,
        rows: 0,
        unparsed: Vec::new(),
        days: None,
        offset_minutes: 0,
        bytes,
    }
}
