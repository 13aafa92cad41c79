//! The header: which layout a file is of, or the notice that a channel sends in place of a bill.

use std::io::Read;

use crate::bounds::LINE_MAX;
use crate::layout::{Encoding, Layout};
use crate::refused::{Refused, Why};
use crate::rows::Rows;

use super::Contents;
use super::table::Table;

/// A header stands among so many lines: Alipay's is the fifth.
const HEADER_WITHIN: u64 = 32;

pub(super) enum Head<'l> {
    Table(Box<Table<'l>>),
    Notice(Contents),
}

pub(super) fn header<'l, R: Read>(
    rows: &mut Rows<R>,
    layouts: &'l [Layout],
) -> Result<Head<'l>, Refused> {
    let mut nearest: Option<(usize, u64, &Layout, String)> = None;
    let mut first = true;
    while rows.row_line() < HEADER_WITHIN {
        let Some(row) = rows.next()? else {
            if first {
                return Err(Refused::at(0, Why::Empty));
            }
            break;
        };
        let line = row.line;
        let bytes = row.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(row.bytes);
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        if first && matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'<')) {
            let text = bytes.to_vec();
            return notice(rows, text);
        }
        if first && let Some(layout) = layouts.iter().find(|it| it.fits(row.bytes)) {
            let names = layout.columns.iter().map(|it| it.name.to_owned()).collect();
            let table = Table::new(layout, names, line)?;
            rows.part_at(layout.columns);
            return Ok(Head::Table(Box::new(table)));
        }
        first = false;
        for layout in layouts.iter().filter(|it| it.columns.is_empty()) {
            let names = column_names(layout, bytes);
            let has = |name: &String| names.contains(name);
            let found = layout.needs.iter().filter(|name| has(name)).count();
            if found == layout.needs.len() {
                return Ok(Head::Table(Box::new(Table::new(layout, names, line)?)));
            }
            let missing = layout.needs.iter().find(|name| !has(name));
            let best = nearest.as_ref().map_or(0, |(best, ..)| *best);
            if let Some(missing) =
                missing.filter(|_| found * 2 >= layout.needs.len() && found > best)
            {
                nearest = Some((found, line, layout, missing.clone()));
            }
        }
    }
    Err(match nearest {
        Some((_, line, layout, missing)) => {
            Refused::in_column(line, &missing, Why::MissingColumn(layout.name.clone()))
        }
        None if first => Refused::at(0, Why::Empty),
        None => Refused::at(rows.row_line(), Why::Foreign),
    })
}

/// The names of a header's columns as they are compared: without blanks and marks, brackets in ASCII.
fn column_names(layout: &Layout, line: &[u8]) -> Vec<String> {
    let delimiter = u8::try_from(layout.delimiter).unwrap_or(b',');
    let text = match layout.encoding {
        Encoding::Utf8 => String::from_utf8_lossy(line),
        Encoding::Gbk => encoding_rs::GBK.decode_without_bom_handling(line).0,
    };
    let strip = |it: char| it.is_whitespace() || it == '"' || layout.strip.contains(it);
    text.split(char::from(delimiter))
        .map(|name| name.trim_matches(strip).replace('（', "(").replace('）', ")"))
        .collect()
}

/// The notice that a channel sends in place of a bill.
fn notice<R: Read>(rows: &mut Rows<R>, mut text: Vec<u8>) -> Result<Head<'static>, Refused> {
    while let Some(row) = rows.next()? {
        text.extend_from_slice(row.bytes);
        if text.len() > LINE_MAX {
            return Err(Refused::at(rows.row_line(), Why::Foreign));
        }
    }
    let text = String::from_utf8_lossy(&text);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // WeChat Pay's APIs v3 and v2, Alipay's, and what stands for UnionPay's code 98.
    if says(&["NO_STATEMENT_EXIST", "No Bill Exist", "isp.bill_not_exist", r#""respCode":"98""#]) {
        Ok(Head::Notice(Contents::NoBill))
    } else if says(&["STATEMENT_CREATING", "Bill Creating"]) {
        Ok(Head::Notice(Contents::Creating))
    } else {
        Err(Refused::at(1, Why::Foreign))
    }
}
