//! One row: a layout brought together with a file's header, and what each cell says by it.

use std::borrow::Cow;

use lezai_core::money::Currency;

use crate::amount::{self, MICRO_DECIMALS, NotAnAmount};
use crate::layout::{Check, Encoding, Footer, Layout, Net, RowRule, Sign, Unit};
use crate::movement::{CurrencyCode, KEY_MAX, Kind, Movement, Status};
use crate::refused::{Refused, Why};
use crate::rows::Row;
use crate::statement;
use crate::when;

use super::NotUnderstood;

/// A layout brought together with a file's header.
pub(super) struct Table<'l> {
    pub(super) layout: &'l Layout,
    pub(super) names: Vec<String>,
    strip: [bool; 128],
    pub(super) offset_minutes: i32,
    rules: Vec<Rule<'l>>,
    currency: Result<CurrencyCode, usize>,
    statuses: Vec<(Vec<u8>, Status)>,
    pub(super) balance: Option<usize>,
    pub(super) sums: Vec<usize>,
    end: Vec<u8>,
}

struct Rule<'l> {
    rule: &'l RowRule,
    when: Vec<(usize, Vec<Vec<u8>>)>,
    kind: Option<usize>,
    key: Vec<usize>,
    behind: Option<Vec<u8>>,
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
pub(super) struct CurrencyCache(Option<(CurrencyCode, u32)>);

impl CurrencyCache {
    pub(super) fn exponent(&mut self, code: CurrencyCode) -> Option<u32> {
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

pub(super) type Fault = (Option<usize>, NotUnderstood);

/// A row as it is read: its amount as it is written, the movement, and the fee where that is a movement of its own.
pub(super) struct Parts<'r> {
    pub(super) written: i64,
    pub(super) movement: Movement<'r>,
    pub(super) fee: Option<Movement<'r>>,
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
    pub(super) fn new(layout: &'l Layout, names: Vec<String>, line: u64) -> Result<Self, Refused> {
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

    pub(super) fn ends_rows(&self, row: &Row<'_>) -> bool {
        let Some(first) = row.cell(0) else { return false };
        match self.layout.footer {
            Footer::End => false,
            Footer::Row(_) | Footer::Table(..) => self.trim(first) == self.end,
            Footer::Remarks(..) => first.starts_with(&self.end),
        }
    }

    pub(super) fn trim<'r>(&self, cell: &'r [u8]) -> &'r [u8] {
        let strips = |byte: &u8| byte.is_ascii() && self.strip[usize::from(*byte & 0x7f)];
        let Some(from) = cell.iter().position(|byte| !strips(byte)) else { return &[] };
        let to = cell.iter().rposition(|byte| !strips(byte)).map_or(from, |last| last + 1);
        &cell[from..to]
    }

    pub(super) fn cell<'r>(&self, row: &Row<'r>, column: usize) -> &'r [u8] {
        self.trim(row.cell(column).unwrap_or_default())
    }

    pub(super) fn movement<'r>(
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
        let key = match &rule.behind {
            Some(mark) => behind(key, mark).ok_or((Some(column), NotUnderstood::Key))?,
            None => key,
        };
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

    pub(super) fn name(&self, column: usize) -> &str {
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
            behind: rule.key_behind.as_deref().map(|mark| encode(layout.encoding, mark)),
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

pub(super) fn encode(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Gbk => encoding_rs::GBK.encode(text).0.into_owned(),
    }
}

pub(super) fn decode(encoding: Encoding, bytes: &[u8]) -> Cow<'_, str> {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Gbk => encoding_rs::GBK.decode_without_bom_handling(bytes).0,
    }
}

pub(super) fn is_blank(row: &Row<'_>) -> bool {
    row.len() <= 1 && row.cell(0).unwrap_or_default().trim_ascii().is_empty()
}

/// The letters and digits behind a mark; none if there are none.
fn behind<'t>(text: &'t [u8], mark: &[u8]) -> Option<&'t [u8]> {
    let at = text.windows(mark.len()).position(|it| it == mark)?;
    let rest = &text[at + mark.len()..];
    let end = rest.iter().position(|it| !it.is_ascii_alphanumeric()).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|it| !it.is_empty())
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
