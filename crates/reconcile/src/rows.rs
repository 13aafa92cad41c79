//! Lines and cells of a file, one at a time and bounded, whatever the file is.

use std::io::{self, Read};

use crate::bounds::{COLUMNS_MAX, LINE_MAX};
use crate::layout::{Column, Encoding};
use crate::refused::{Refused, Why};

/// The number of bytes read at once.
const BLOCK: usize = 256 * 1024;

/// One row: its cells lie in `bytes`.
pub(crate) struct Row<'a> {
    /// The line that it begins on, counted from 1.
    pub(crate) line: u64,
    /// All of it, in plain files as it stands there, or its cells alone.
    pub(crate) bytes: &'a [u8],
    cells: &'a [(usize, usize)],
}

impl<'a> Row<'a> {
    /// A cell as it is written, quotes taken off; `None` behind the last.
    pub(crate) fn cell(&self, number: usize) -> Option<&'a [u8]> {
        self.cells.get(number).map(|(from, to)| &self.bytes[*from..*to])
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

/// Reads rows, each only until the next is asked for.
pub(crate) struct Rows<R> {
    reader: R,
    delimiter: u8,
    /// Cells stand at fixed places.
    columns: &'static [Column],
    /// Quotes mean something: csv-core reads.
    quoted: Option<Box<csv_core::Reader>>,
    block: Vec<u8>,
    from: usize,
    to: usize,
    ended: bool,
    /// Lines that ended so far.
    line: u64,
    row_line: u64,
    bytes: u64,
    bytes_max: u64,
    output: Vec<u8>,
    ends: Vec<usize>,
    cells: Vec<(usize, usize)>,
    /// Where in the block the last row begins; 0 for one that was quoted.
    base: usize,
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(reader: R, bytes_max: u64) -> Self {
        Self {
            reader,
            delimiter: b',',
            columns: &[],
            quoted: None,
            block: vec![0; BLOCK],
            from: 0,
            to: 0,
            ended: false,
            line: 0,
            row_line: 0,
            bytes: 0,
            bytes_max,
            output: Vec::new(),
            ends: Vec::new(),
            cells: Vec::new(),
            base: 0,
        }
    }

    /// From the next row on cells are parted by this, and may be quoted.
    pub(crate) fn part_by(&mut self, delimiter: u8, quotes: bool) {
        self.delimiter = delimiter;
        self.quoted = quotes.then(|| {
            let mut builder = csv_core::ReaderBuilder::new();
            Box::new(builder.delimiter(delimiter).build())
        });
        self.output.resize(if quotes { LINE_MAX } else { 0 }, 0);
        self.ends.resize(if quotes { COLUMNS_MAX } else { 0 }, 0);
    }

    /// From the row on that was read last, cells stand at these places. A row that is shorter is one cell.
    pub(crate) fn part_at(&mut self, columns: &'static [Column]) {
        self.columns = columns;
        self.from = self.base;
        self.line = self.row_line.saturating_sub(1);
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The line that the row began on that was read last.
    pub(crate) fn row_line(&self) -> u64 {
        self.row_line
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, Refused> {
        if self.quoted.is_some() { self.next_quoted() } else { self.next_plain() }
    }

    fn next_plain(&mut self) -> Result<Option<Row<'_>>, Refused> {
        let (from, to) = loop {
            let unread = &self.block[self.from..self.to];
            if let Some(length) = memchr::memchr(b'\n', unread) {
                let from = self.from;
                self.from += length + 1;
                break (from, from + length);
            }
            if self.ended {
                if self.from == self.to {
                    return Ok(None);
                }
                let from = self.from;
                self.from = self.to;
                break (from, self.to);
            }
            if unread.len() > LINE_MAX {
                return Err(Refused::at(self.line + 1, Why::LineTooLong));
            }
            self.fill()?;
        };
        self.line += 1;
        self.row_line = self.line;
        if to - from > LINE_MAX {
            return Err(Refused::at(self.line, Why::LineTooLong));
        }
        self.base = from;
        let bytes = &self.block[from..to];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        self.cells.clear();
        if !self.columns.is_empty() {
            let places = self.columns.iter().map(|it| (it.at, it.at + it.width));
            match self.columns.iter().all(|it| it.at + it.width <= bytes.len()) {
                true => self.cells.extend(places),
                false => self.cells.push((0, bytes.len())),
            }
            return Ok(Some(Row { line: self.line, bytes, cells: &self.cells }));
        }
        let mut start = 0;
        for end in memchr::memchr_iter(self.delimiter, bytes) {
            self.cells.push((start, end));
            start = end + 1;
        }
        self.cells.push((start, bytes.len()));
        if self.cells.len() > COLUMNS_MAX {
            return Err(Refused::at(self.line, Why::TooManyColumns));
        }
        Ok(Some(Row { line: self.line, bytes, cells: &self.cells }))
    }

    fn next_quoted(&mut self) -> Result<Option<Row<'_>>, Refused> {
        self.skip_ends()?;
        let (mut written, mut ended) = (0, 0);
        let first = self.line + 1;
        self.row_line = first;
        loop {
            if self.from == self.to && !self.ended {
                self.fill()?;
            }
            let Some(reader) = self.quoted.as_mut() else { return Ok(None) };
            let input = &self.block[self.from..self.to];
            let (result, read, out, ends) =
                reader.read_record(input, &mut self.output[written..], &mut self.ends[ended..]);
            let newlines = memchr::memchr_iter(b'\n', &input[..read]).count();
            self.line += u64::try_from(newlines).unwrap_or_default();
            self.from += read;
            written += out;
            ended += ends;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => {
                    return Err(Refused::at(first, Why::LineTooLong));
                }
                csv_core::ReadRecordResult::OutputEndsFull => {
                    return Err(Refused::at(first, Why::TooManyColumns));
                }
                csv_core::ReadRecordResult::End => return Ok(None),
                csv_core::ReadRecordResult::Record => break,
            }
        }
        self.base = 0;
        self.cells.clear();
        let mut start = 0;
        for end in &self.ends[..ended] {
            self.cells.push((start, *end));
            start = *end;
        }
        Ok(Some(Row { line: first, bytes: &self.output[..written], cells: &self.cells }))
    }

    /// Goes to where the next row begins: csv-core leaves the second byte of a line's end for later.
    fn skip_ends(&mut self) -> Result<(), Refused> {
        loop {
            while let Some(byte @ (b'\r' | b'\n')) = self.block[..self.to].get(self.from) {
                self.line += u64::from(*byte == b'\n');
                self.from += 1;
            }
            if self.from < self.to || self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// The cells of the row that was read last, as text.
    pub(crate) fn last_names(
        &self,
        encoding: Encoding,
        trim: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Vec<String> {
        let bytes = if self.quoted.is_some() { &self.output } else { &self.block };
        let cell = |(from, to): &(usize, usize)| {
            let cell = trim(&bytes[self.base + from..self.base + to]);
            match encoding {
                Encoding::Utf8 => String::from_utf8_lossy(&cell).into_owned(),
                Encoding::Gbk => encoding_rs::GBK.decode_without_bom_handling(&cell).0.into_owned(),
            }
        };
        self.cells.iter().map(cell).collect()
    }

    fn fill(&mut self) -> Result<(), Refused> {
        if self.from > 0 {
            self.block.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
        }
        loop {
            match self.reader.read(&mut self.block[self.to..]) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.to += count;
                    self.bytes += u64::try_from(count).unwrap_or(u64::MAX);
                    if self.bytes > self.bytes_max {
                        return Err(Refused::at(self.line + 1, Why::FileTooLarge));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Refused::at(self.line + 1, Why::Io(error.to_string()))),
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time, so that every line is cut somewhere.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(3).min(out.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(text: &str, quotes: bool) -> Vec<(u64, Vec<String>)> {
        let mut rows = Rows::new(Slow(text.as_bytes()), 1 << 20);
        rows.part_by(b',', quotes);
        let mut read = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..row.len()).map(|it| row.cell(it).unwrap());
            let cells = cells.map(|it| String::from_utf8(it.to_vec()).unwrap()).collect();
            read.push((row.line, cells));
        }
        read
    }

    #[test]
    fn plain_lines_are_cut_at_each_comma_and_quotes_are_letters() {
        let cells = |cells: &[&str]| cells.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            read("a,b\r\n`1,\"2\n,\n\nend", false),
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["`1", "\"2"])),
                (3, cells(&["", ""])),
                (4, cells(&[""])),
                (5, cells(&["end"]))
            ]
        );
    }

    #[test]
    fn quoted_cells_hold_commas_quotes_and_lines() {
        let cells = |cells: &[&str]| cells.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            read("a,b\r\n\"1,\n2\",\"say \"\"yes\"\"\"\nc,d", true),
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["1,\n2", "say \"yes\""])),
                (4, cells(&["c", "d"]))
            ]
        );
    }

    #[test]
    fn what_is_too_long_too_wide_or_too_large_is_refused_where_it_is() {
        let refused = |text: &[u8], quotes, max| {
            let mut rows = Rows::new(text, max);
            rows.part_by(b',', quotes);
            loop {
                match rows.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(refused) => return Some((refused.line, refused.why)),
                }
            }
        };
        let long = |length| [b"a\n".to_vec(), vec![b'x'; length], b"\nb\n".to_vec()].concat();
        let wide = |cells| format!("a\n{}\n", ",".repeat(cells - 1)).into_bytes();
        for quotes in [false, true] {
            assert_eq!(refused(&long(LINE_MAX - 1), quotes, 1 << 20), None);
            assert_eq!(refused(&long(LINE_MAX + 1), quotes, 1 << 20), Some((2, Why::LineTooLong)));
            assert_eq!(refused(&long(1 << 20), quotes, 1 << 30), Some((2, Why::LineTooLong)));
            assert_eq!(refused(&wide(COLUMNS_MAX - 1), quotes, 1 << 20), None);
            assert_eq!(
                refused(&wide(COLUMNS_MAX + 1), quotes, 1 << 20),
                Some((2, Why::TooManyColumns))
            );
            assert_eq!(refused(b"a\nb\n", quotes, 4), None);
            assert_eq!(refused(b"a\nb\n", quotes, 3), Some((1, Why::FileTooLarge)));
        }
        // A quote that is never closed takes the rest of the file in, and no more than a line's worth.
        let open = [b"a\n\"".to_vec(), b"x\n".repeat(LINE_MAX)].concat();
        assert_eq!(refused(&open, true, 1 << 30), Some((2, Why::LineTooLong)));
    }
}
