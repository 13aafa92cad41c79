//! Reading a bill: which kind it is, each row as a movement, and whether its own totals agree with its rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};

use lezai_core::money::Currency;

use crate::amount::{self, MICRO_DECIMALS, NotAnAmount};
use crate::bounds::{LINE_MAX, UNPARSED_MAX};
use crate::layout::{Check, Encoding, Footer, Layout, Net, RowRule, Sign, Unit};
use crate::movement::{CurrencyCode, KEY_MAX, Kind, Movement, Status};
use crate::refused::{Refused, Why};
use crate::rows::{Row, Rows};
use crate::statement;
use crate::when;

/// A header stands among so many lines: Alipay's is the fifth.
const HEADER_WITHIN: u64 = 32;
/// Decimals in which a column's sum is kept: WeChat Pay's fees have five.
const SUM_DECIMALS: u32 = 8;

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

// ---- The header --------------------------------------------------------------------------------

enum Head<'l> {
    Table(Box<Table<'l>>),
    Notice(Contents),
}

fn header<'l, R: Read>(rows: &mut Rows<R>, layouts: &'l [Layout]) -> Result<Head<'l>, Refused> {
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

// ---- One row -----------------------------------------------------------------------------------

/// A layout brought together with a file's header.
struct Table<'l> {
    layout: &'l Layout,
    names: Vec<String>,
    strip: [bool; 128],
    offset_minutes: i32,
    rules: Vec<Rule<'l>>,
    currency: Result<CurrencyCode, usize>,
    statuses: Vec<(Vec<u8>, Status)>,
    balance: Option<usize>,
    sums: Vec<usize>,
    end: Vec<u8>,
}

struct Rule<'l> {
    rule: &'l RowRule,
    when: Vec<(usize, Vec<Vec<u8>>)>,
    kind: Option<usize>,
    key: Vec<usize>,
    amount: Option<usize>,
    income: Option<usize>,
    expense: Option<usize>,
    fee: Option<usize>,
    status: Option<usize>,
    at: Vec<usize>,
    net: Option<usize>,
}

/// The currency of the row before: bills rarely change it.
#[derive(Default)]
struct CurrencyCache(Option<(CurrencyCode, u32)>);

impl CurrencyCache {
    fn exponent(&mut self, code: CurrencyCode) -> Option<u32> {
        if let Some((known, exponent)) = self.0
            && known == code
        {
            return Some(exponent);
        }
        let text = std::str::from_utf8(&code).ok()?;
        let exponent = u32::from(Currency::from_code(text).ok()?.exponent());
        self.0 = Some((code, exponent));
        Some(exponent)
    }
}

type Fault = (Option<usize>, NotUnderstood);

/// A row as it is read: its amount as it is written, the movement, and the fee where that is a movement of its own.
struct Parts<'r> {
    written: i64,
    movement: Movement<'r>,
    fee: Option<Movement<'r>>,
}

/// A fee in minor units, half of one rounded away from zero, as channels round what they take.
fn rounded(micro: i64) -> i64 {
    let (whole, rest) = (micro / amount::MICRO, micro % amount::MICRO);
    whole + (rest * 2 / amount::MICRO)
}

/// The fee that went back within an amount, negative, if a row's text tells parts that add up to the amount.
fn net_of(text: &str, net: &Net, written: i64, decimals: u32) -> Option<i64> {
    let figure = |mark: &str| {
        let rest = text.split_once(mark)?.1;
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(rest.len());
        amount::parse(&rest.as_bytes()[..end], decimals).ok()
    };
    let (total, fee) = (figure(&net.total)?, figure(&net.fee)?);
    (total.checked_sub(fee)? == written.checked_abs()?).then_some(-fee)
}

impl<'l> Table<'l> {
    fn new(layout: &'l Layout, names: Vec<String>, line: u64) -> Result<Self, Refused> {
        let named = names.iter().enumerate().filter(|(_, name)| !name.is_empty());
        for (number, name) in named {
            if names[..number].contains(name) {
                return Err(Refused::in_column(line, name, Why::ColumnTwice));
            }
        }
        let find = |name: &str| names.iter().position(|it| it == name);
        let mut rules = Vec::new();
        for (number, rule) in layout.rows.iter().enumerate() {
            match Rule::new(layout, rule, &find) {
                Ok(rule) => rules.push(rule),
                Err(missing) if number == 0 => {
                    let why = Why::MissingColumn(layout.name.clone());
                    return Err(Refused::in_column(line, &missing, why));
                }
                // Bills of one kind of row lack the others' columns.
                Err(_) => {}
            }
        }
        let currency = match (&layout.currency, &layout.currency_column) {
            (Some(code), _) => Ok(code.as_bytes().try_into().unwrap_or(*b"???")),
            (None, Some(column)) => Err(find(column).ok_or_else(|| {
                Refused::in_column(line, column, Why::MissingColumn(layout.name.clone()))
            })?),
            (None, None) => Ok(*b"???"),
        };
        let checks: &[(&str, Check)] = match layout.footer {
            Footer::Table(_, checks) => checks,
            Footer::Remarks(..) | Footer::Row(_) | Footer::End => &[],
        };
        let summed = |(_, check): &(&str, Check)| match check {
            Check::Sum(columns) => columns.iter().find_map(|column| find(column)),
            _ => None,
        };
        let sums = checks.iter().filter_map(summed).collect();
        let end = match layout.footer {
            Footer::Row(first) | Footer::Table(first, _) => encode(layout.encoding, first),
            Footer::Remarks(..) => b"#".to_vec(),
            Footer::End => Vec::new(),
        };
        let mut strip = [false; 128];
        for byte in b" \t".iter().chain(layout.strip.as_bytes()) {
            strip[usize::from(*byte & 0x7f)] = true;
        }
        Ok(Self {
            strip,
            offset_minutes: layout.offset_minutes(),
            rules,
            currency,
            statuses: layout
                .statuses
                .iter()
                .map(|(text, status)| (encode(layout.encoding, text), *status))
                .collect(),
            balance: layout.balance.iter().find_map(|name| find(name)),
            sums,
            end,
            layout,
            names,
        })
    }

    fn ends_rows(&self, row: &Row<'_>) -> bool {
        let Some(first) = row.cell(0) else { return false };
        match self.layout.footer {
            Footer::End => false,
            Footer::Row(_) | Footer::Table(..) => self.trim(first) == self.end,
            Footer::Remarks(..) => first.starts_with(&self.end),
        }
    }

    fn trim<'r>(&self, cell: &'r [u8]) -> &'r [u8] {
        let strips = |byte: &u8| byte.is_ascii() && self.strip[usize::from(*byte & 0x7f)];
        let Some(from) = cell.iter().position(|byte| !strips(byte)) else { return &[] };
        let to = cell.iter().rposition(|byte| !strips(byte)).map_or(from, |last| last + 1);
        &cell[from..to]
    }

    fn cell<'r>(&self, row: &Row<'r>, column: usize) -> &'r [u8] {
        self.trim(row.cell(column).unwrap_or_default())
    }

    fn movement<'r>(
        &self,
        row: &Row<'r>,
        file: u16,
        cached: &mut CurrencyCache,
    ) -> Result<Option<Parts<'r>>, Fault> {
        if row.len() != self.names.len() {
            return Err((None, NotUnderstood::Columns));
        }
        let fits = |rule: &&Rule<'_>| {
            rule.when.iter().all(|(column, texts)| {
                let cell = self.cell(row, *column);
                texts.iter().any(|text| text == cell)
            })
        };
        let rule = self.rules.iter().find(fits).ok_or_else(|| {
            let asked = self.rules.first().and_then(|rule| rule.when.first());
            (asked.map(|(column, _)| *column), NotUnderstood::Rule)
        })?;
        if rule.rule.skip {
            return Ok(None);
        }
        let currency = match self.currency {
            Ok(code) => code,
            Err(column) => self
                .cell(row, column)
                .try_into()
                .map_err(|_| (Some(column), NotUnderstood::Currency))?,
        };
        let column = self.currency.err();
        let exponent = cached.exponent(currency).ok_or((column, NotUnderstood::Currency))?;
        let decimals = if self.layout.unit == Unit::Major { exponent } else { 0 };
        let kind = match (rule.rule.kind, rule.kind) {
            (Some(kind), _) => kind,
            (None, column) => {
                let cell = column.map(|column| self.cell(row, column)).unwrap_or_default();
                let kind = Kind::ALL.into_iter().find(|kind| kind.as_str().as_bytes() == cell);
                kind.ok_or((column, NotUnderstood::Kind))?
            }
        };
        let movement = Movement {
            key: self.key(rule, row)?,
            kind,
            status: self.status(rule, row)?,
            minor: self.minor(rule, row, decimals)?,
            currency,
            fee_micro: self.fee(rule, row, decimals)?,
            at_ms: self.at(rule, row)?,
            file,
            line: row.line,
        };
        Ok(Some(self.parts(rule, row, movement, decimals)))
    }

    /// A row's movement, and that of its fee where it has one of its own.
    fn parts<'r>(
        &self,
        rule: &Rule<'_>,
        row: &Row<'r>,
        movement: Movement<'r>,
        decimals: u32,
    ) -> Parts<'r> {
        let written = movement.minor;
        let fee = match (rule.net, &rule.rule.net) {
            (Some(column), Some(net)) => {
                let text = decode(self.layout.encoding, self.cell(row, column));
                net_of(&text, net, written, decimals)
            }
            _ if rule.rule.fee_apart => movement.fee_micro.map(rounded),
            _ => None,
        };
        let Some(fee) = fee else { return Parts { written, movement, fee: None } };
        let kind = if fee > 0 { Kind::Fee } else { Kind::FeeReturn };
        let minor = match rule.net {
            // What was written is what is left of both.
            Some(_) => written + fee,
            None => written,
        };
        let movement = Movement { minor, fee_micro: None, ..movement };
        let fee = (fee != 0).then_some(Movement { kind, minor: -fee, ..movement });
        Parts { written, movement, fee }
    }

    fn key<'r>(&self, rule: &Rule<'_>, row: &Row<'r>) -> Result<&'r [u8], Fault> {
        let filled = |column: &&usize| !matches!(self.cell(row, **column), b"" | b"0");
        let column =
            *rule.key.iter().find(filled).ok_or((rule.key.first().copied(), NotUnderstood::Key))?;
        let key = self.cell(row, column);
        let key = if self.layout.guarded { statement::unguard(key) } else { key };
        if key.len() > KEY_MAX || key.iter().any(u8::is_ascii_control) {
            return Err((Some(column), NotUnderstood::Key));
        }
        if is_scientific(key) {
            return Err((Some(column), NotUnderstood::Spreadsheet));
        }
        Ok(key)
    }

    fn status(&self, rule: &Rule<'_>, row: &Row<'_>) -> Result<Status, Fault> {
        let Some(column) = rule.status else { return Ok(Status::Done) };
        let cell = self.cell(row, column);
        if cell.is_empty() {
            return Ok(Status::Done);
        }
        let told = self.statuses.iter().find(|(text, _)| text == cell).map(|(_, status)| *status);
        let named = || Status::ALL.into_iter().find(|status| status.as_str().as_bytes() == cell);
        told.or_else(named).ok_or((Some(column), NotUnderstood::Status))
    }

    fn minor(&self, rule: &Rule<'_>, row: &Row<'_>, decimals: u32) -> Result<i64, Fault> {
        let written = |column: usize| {
            let cell = self.cell(row, column);
            amount::parse(cell, decimals).map_err(|error| (Some(column), error.into()))
        };
        let filled = |column: Option<usize>| column.filter(|it| !self.cell(row, *it).is_empty());
        if let Some(column) = rule.amount {
            let minor = written(column)?;
            return Ok(match rule.rule.sign {
                Sign::AsWritten => minor,
                Sign::Negated => -minor,
                Sign::In => minor.abs(),
                Sign::Out => -minor.abs(),
            });
        }
        let income = filled(rule.income).map_or(Ok(0), written)?;
        let expense = filled(rule.expense).map_or(Ok(0), written)?;
        if filled(rule.income).is_none() && filled(rule.expense).is_none() {
            return Err((rule.income.or(rule.expense), NotUnderstood::Amount));
        }
        let minor = income.checked_sub(expense.abs());
        minor.ok_or((rule.income, NotUnderstood::TooLarge))
    }

    fn fee(&self, rule: &Rule<'_>, row: &Row<'_>, decimals: u32) -> Result<Option<i64>, Fault> {
        let Some(column) = rule.fee else { return Ok(None) };
        let cell = self.cell(row, column);
        if cell.is_empty() {
            return Ok(None);
        }
        let fee = amount::parse(cell, decimals + MICRO_DECIMALS)
            .map_err(|error| (Some(column), error.into()))?;
        Ok(Some(if rule.rule.fee_sign == Sign::Negated { -fee } else { fee }))
    }

    fn at(&self, rule: &Rule<'_>, row: &Row<'_>) -> Result<i64, Fault> {
        let filled = |column: &&usize| !self.cell(row, **column).is_empty();
        let column = rule.at.iter().find(filled).copied();
        let cell = column.map(|column| self.cell(row, column)).unwrap_or_default();
        let at = when::parse(cell, self.offset_minutes);
        at.ok_or((column.or(rule.at.first().copied()), NotUnderstood::Time))
    }

    fn name(&self, column: usize) -> &str {
        self.names.get(column).map_or("", String::as_str)
    }
}

impl From<NotAnAmount> for NotUnderstood {
    fn from(error: NotAnAmount) -> Self {
        match error {
            NotAnAmount::Malformed => Self::Amount,
            NotAnAmount::TooFine => Self::TooFine,
            NotAnAmount::TooLarge => Self::TooLarge,
        }
    }
}

impl<'l> Rule<'l> {
    /// `Err` is the first column that is missing.
    fn new(
        layout: &Layout,
        rule: &'l RowRule,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Self, String> {
        let first = |columns: &[String]| columns.iter().find_map(|name| find(name));
        let needed = |columns: &[String]| {
            let none = || columns.first().cloned().unwrap_or_default();
            if columns.is_empty() { Ok(None) } else { first(columns).map(Some).ok_or_else(none) }
        };
        let all = |columns: &[String]| {
            let found: Vec<usize> = columns.iter().filter_map(|name| find(name)).collect();
            let none = || columns.first().cloned().unwrap_or_default();
            if found.is_empty() { Err(none()) } else { Ok(found) }
        };
        let when = rule.when.iter().map(|(column, texts)| {
            let texts = texts.iter().map(|text| encode(layout.encoding, text)).collect();
            find(column).map(|number| (number, texts)).ok_or_else(|| column.clone())
        });
        let kind = match &rule.kind_column {
            Some(column) => Some(find(column).ok_or_else(|| column.clone())?),
            None => None,
        };
        Ok(Self {
            rule,
            when: when.collect::<Result<_, _>>()?,
            kind,
            key: if rule.skip { Vec::new() } else { all(&rule.key)? },
            amount: needed(&rule.amount)?,
            income: needed(&rule.income)?,
            expense: needed(&rule.expense)?,
            // A bill without fees says nothing of them; one without a status has rows that are done.
            fee: first(&rule.fee),
            status: first(&rule.status),
            at: if rule.skip { Vec::new() } else { all(&rule.at)? },
            net: match &rule.net {
                Some(net) => Some(find(&net.column).ok_or_else(|| net.column.clone())?),
                None => None,
            },
        })
    }
}

fn encode(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Gbk => encoding_rs::GBK.encode(text).0.into_owned(),
    }
}

fn decode(encoding: Encoding, bytes: &[u8]) -> Cow<'_, str> {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Gbk => encoding_rs::GBK.decode_without_bom_handling(bytes).0,
    }
}

fn is_blank(row: &Row<'_>) -> bool {
    row.len() <= 1 && row.cell(0).unwrap_or_default().trim_ascii().is_empty()
}

/// `4.00123E+27`: what a spreadsheet makes of a long number.
fn is_scientific(key: &[u8]) -> bool {
    let Some(at) = key.iter().position(|byte| matches!(byte, b'E' | b'e')) else { return false };
    let (digits, exponent) = (&key[..at], &key[at + 1..]);
    let exponent = exponent.strip_prefix(b"+").unwrap_or(&[]);
    let decimal = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    !digits.is_empty()
        && digits.iter().all(decimal)
        && !exponent.is_empty()
        && exponent.iter().all(u8::is_ascii_digit)
}

// ---- Totals ------------------------------------------------------------------------------------

/// The sums of the rows, to be compared with those that the bill states.
struct Tally {
    rows: u64,
    in_rows: u64,
    out_rows: u64,
    in_minor: i128,
    out_minor: i128,
    /// Of each column that the summary adds up: over all rows, and over those that came in.
    sums: BTreeMap<usize, (i128, i128)>,
    exponent: u32,
    unparsed: Vec<Unparsed>,
    days: Option<(i64, i64)>,
    cached: CurrencyCache,
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
    fn new(table: &Table<'_>) -> Self {
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

    fn count(
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

    fn not_understood(
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
    fn check_table<R: Read>(
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

    fn nothing_behind<R: Read>(&self, rows: &mut Rows<R>) -> Result<(), Refused> {
        while let Some(row) = rows.next()? {
            if !is_blank(&row) {
                return Err(Refused::at(row.line, Why::BehindSummary));
            }
        }
        Ok(())
    }

    /// Alipay's way: `#支出合计：2笔，共0.04元`.
    fn check_remarks<R: Read>(
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

#[cfg(test)]
mod tests;
