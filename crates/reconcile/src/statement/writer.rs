//! Writes a statement's rows, adds them up, and leaves off between two of them so that another can go on.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::cells::{Cell, Row, csv_header, csv_row, json_row};
use super::{
    AccountLine, Balances, BatchEnd, BatchLine, BatchLines, Columns, Form, Kind, OrderLine, Scope,
    Unfinished,
};
use crate::report::exponent;
use crate::when;

/// By currency: lines, and the sums of gross, fee and net.
type Sums = BTreeMap<String, (u64, [i128; 3])>;

/// Writes a statement.
pub struct Writer<'a, W> {
    out: W,
    form: Form,
    scope: Scope<'a>,
    columns: &'a Columns,
    balances: Balances,
    lines: u64,
    batches: u64,
    sums: Sums,
    line: Vec<u8>,
}

/// The state of a writer that left off. Amounts are texts: readers of JSON would round them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    lines: u64,
    batches: u64,
    balances: Vec<(String, String, String)>,
    sums: Vec<(String, u64, [String; 3])>,
}

/// The sums of a currency's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The currency.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// Gross, fee and net, in minor units.
    pub amounts: [i128; 3],
}

/// A writer's progress that says what no writer wrote.
fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is no amount of a statement"))
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins a statement with its opening balances.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(
        out: W,
        form: Form,
        scope: Scope<'a>,
        columns: &'a Columns,
        opening: Balances,
    ) -> io::Result<Self> {
        let (sums, line) = (Sums::new(), Vec::new());
        let mut writer =
            Self { out, form, scope, columns, balances: opening, lines: 0, batches: 0, sums, line };
        if form == Form::Csv {
            csv_header(&mut writer.line, columns);
            writer.out.write_all(&writer.line)?;
        }
        if writer.scope.kind == Kind::Account {
            writer.balance_rows("opening", writer.scope.after)?;
        }
        Ok(writer)
    }

    /// Goes on where [`Writer::leave`] left off, with the same scope and columns.
    ///
    /// # Errors
    ///
    /// The progress is not one of a writer's.
    pub fn resume(
        out: W,
        form: Form,
        scope: Scope<'a>,
        columns: &'a Columns,
        progress: &Progress,
    ) -> io::Result<Self> {
        let amount = |text: &String| text.parse::<i128>().map_err(|_| unreadable(text));
        let balances = progress.balances.iter().map(|(account, currency, minor)| {
            Ok(((account.clone(), currency.clone()), amount(minor)?))
        });
        let sums = progress.sums.iter().map(|(currency, lines, [gross, fee, net])| {
            Ok((currency.clone(), (*lines, [amount(gross)?, amount(fee)?, amount(net)?])))
        });
        Ok(Self {
            out,
            form,
            scope,
            columns,
            balances: balances.collect::<io::Result<_>>()?,
            lines: progress.lines,
            batches: progress.batches,
            sums: sums.collect::<io::Result<_>>()?,
            line: Vec::new(),
        })
    }

    /// The output so far, and the state to go on from.
    pub fn leave(self) -> (W, Progress) {
        let balances = self.balances.into_iter();
        let sums = self.sums.into_iter();
        let progress = Progress {
            lines: self.lines,
            batches: self.batches,
            balances: balances
                .map(|((account, currency), minor)| (account, currency, minor.to_string()))
                .collect(),
            sums: sums
                .map(|(currency, (lines, sums))| (currency, lines, sums.map(|it| it.to_string())))
                .collect(),
        };
        (self.out, progress)
    }

    /// How many lines were written, headings and sums apart.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The sums of each currency's lines, of [`Kind::Orders`].
    pub fn totals(&self) -> Vec<Total> {
        let sums = self.sums.iter();
        sums.map(|(currency, (lines, amounts))| Total {
            currency: currency.clone(),
            lines: *lines,
            amounts: *amounts,
        })
        .collect()
    }

    /// The output so far.
    pub fn out(&self) -> &W {
        &self.out
    }

    /// Writes a movement of an account, and the balance after it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn account_line(&mut self, it: &AccountLine<'_>) -> io::Result<()> {
        let key = (it.account.to_owned(), it.currency.to_owned());
        let balance = self.balances.entry(key).or_default();
        *balance += i128::from(it.minor);
        let balance = *balance;
        self.lines += 1;
        let at = self.time(it.at_ms);
        let decimals = exponent(it.currency);
        self.row(&[
            Cell::Text("movement"),
            Cell::Whole(i128::from(it.entry)),
            Cell::Text(&at),
            Cell::Text(it.kind),
            Cell::Text(it.reference),
            Cell::Text(it.order),
            Cell::Text(it.account),
            Cell::Whole(i128::from(it.minor)),
            Cell::Text(it.currency),
            Cell::Whole(i128::from(decimals)),
            Cell::Major(i128::from(it.minor), decimals),
            Cell::Whole(balance),
            Cell::Major(balance, decimals),
            Cell::Nothing,
        ])
    }

    /// Writes a payment, a refund or a void.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn order_line(&mut self, it: &OrderLine<'_>) -> io::Result<()> {
        self.lines += 1;
        let (gross, fee) = (i128::from(it.gross_minor), i128::from(it.fee_minor));
        let amounts = [gross, fee, gross - fee];
        let sum = self.sums.entry(it.currency.to_owned()).or_default();
        sum.0 += 1;
        for (sum, amount) in sum.1.iter_mut().zip(amounts) {
            *sum += amount;
        }
        let at = self.time(it.at_ms);
        let texts = ["order", &at, it.kind, it.reference, it.order];
        let note = it.paid.map_or_else(String::new, |(minor, of)| format!("{minor} {of}"));
        let cells = order_cells(texts, Some(it.entry), amounts, it.currency, &note);
        self.row_with(&cells, it.own)
    }

    /// Begins a settlement batch with what was the merchant's before it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn open_batch(&mut self, of: &BatchLines<'_>) -> io::Result<()> {
        self.batches += 1;
        self.balances.clear();
        self.balances.insert(batch_key(of), i128::from(of.opening));
        let at = self.time(of.cut_off_ms);
        let note =
            format!("entries after {} to {}, closed at its cut-off {at}", of.after, of.until);
        let opening = i128::from(of.opening);
        let place = (Some(of.after), "");
        self.batch_row(of, "opening", place, ["", "", ""], None, Some(opening), &note)
    }

    /// Writes a line of the batch that was begun last.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn batch_line(&mut self, of: &BatchLines<'_>, it: &BatchLine<'_>) -> io::Result<()> {
        let balance = self.balances.entry(batch_key(of)).or_default();
        *balance += i128::from(it.minor);
        let (balance, minor) = (*balance, i128::from(it.minor));
        self.lines += 1;
        let at = self.time(it.at_ms);
        let texts = [it.kind, it.reference, it.order];
        self.batch_row(of, "line", (Some(it.entry), &at), texts, Some(minor), Some(balance), "")
    }

    /// Ends the batch that was begun last: what is the merchant's after it, and what is paid of that.
    ///
    /// # Errors
    ///
    /// [`Unfinished`]: it cannot be written, or the lines do not lead to the closing balance.
    pub fn close_batch(
        &mut self,
        of: &BatchLines<'_>,
        end: BatchEnd<'_>,
    ) -> Result<(), Unfinished> {
        let found = self.balances.get(&batch_key(of)).copied().unwrap_or_default();
        let said = i128::from(of.closing);
        if found != said {
            let (account, currency) = batch_key(of);
            return Err(Unfinished::DoesNotAddUp { account, currency, found, said });
        }
        let place = (Some(of.until), "");
        self.batch_row(of, "closing", place, ["", "", ""], None, Some(said), "")?;
        match end {
            BatchEnd::Paid { payout, minor, fee } => {
                let note = format!("paid out, with a fee of {fee} minor units");
                let paid = Some(-i128::from(minor) - i128::from(fee));
                self.batch_row(of, "paid", (None, ""), ["payout", "", payout], paid, None, &note)?;
            }
            BatchEnd::Carried(why) => {
                self.batch_row(of, "carried", (None, ""), ["", "", ""], None, Some(said), why)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "they are the row, cell by cell")]
    fn batch_row(
        &mut self,
        of: &BatchLines<'_>,
        record: &str,
        (entry, at): (Option<u64>, &str),
        [kind, reference, order]: [&str; 3],
        minor: Option<i128>,
        balance: Option<i128>,
        note: &str,
    ) -> io::Result<()> {
        let decimals = exponent(of.currency);
        let whole = |it: Option<i128>| it.map_or(Cell::Nothing, Cell::Whole);
        let major = |it: Option<i128>| it.map_or(Cell::Nothing, |it| Cell::Major(it, decimals));
        self.row(&[
            Cell::Text(record),
            Cell::Text(of.settlement),
            whole(entry.map(i128::from)),
            Cell::Text(at),
            Cell::Text(kind),
            Cell::Text(reference),
            Cell::Text(order),
            whole(minor),
            Cell::Text(of.currency),
            Cell::Whole(i128::from(decimals)),
            major(minor),
            whole(balance),
            major(balance),
            Cell::Text(note),
        ])
    }

    /// Ends a statement: closing balances or totals, then a last row with counts, entry numbers and the ledger's
    /// head, by which the file can be held against `lezai ledger export`.
    ///
    /// # Errors
    ///
    /// [`Unfinished`]: it cannot be written, or the lines do not lead to the closing balances.
    pub fn finish(mut self, closing: &Balances, head: &str) -> Result<W, Unfinished> {
        let Scope { kind, merchant, after, until, .. } = self.scope;
        match kind {
            Kind::Account => {
                self.adds_up(closing)?;
                self.balance_rows("closing", until)?;
            }
            Kind::Orders => {
                for Total { currency, lines, amounts } in self.totals() {
                    let note = format!("{lines} lines");
                    let cells =
                        order_cells(["total", "", "", "", ""], None, amounts, &currency, &note);
                    self.row(&cells)?;
                }
            }
            Kind::Settlement => {}
        }
        let count = match kind {
            Kind::Settlement => format!("{} lines in {} batches", self.lines, self.batches),
            Kind::Account | Kind::Orders => format!("{} lines", self.lines),
        };
        let note = format!(
            "{} of {merchant}: {count}, entries after {after} to {until}, head {head}",
            kind.as_str()
        );
        let names = kind.columns();
        let cells: Vec<Cell<'_>> = names
            .iter()
            .map(|name| match *name {
                "record" => Cell::Text("end"),
                "entry" => Cell::Whole(i128::from(until)),
                "note" => Cell::Text(&note),
                _ => Cell::Nothing,
            })
            .collect();
        self.row(&cells)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn adds_up(&self, closing: &Balances) -> Result<(), Unfinished> {
        for key in self.balances.keys().chain(closing.keys()) {
            let found = self.balances.get(key).copied().unwrap_or_default();
            let said = closing.get(key).copied().unwrap_or_default();
            if found != said {
                let (account, currency) = key.clone();
                return Err(Unfinished::DoesNotAddUp { account, currency, found, said });
            }
        }
        Ok(())
    }

    fn balance_rows(&mut self, record: &str, entry: u64) -> io::Result<()> {
        for ((account, currency), balance) in self.balances.clone() {
            let decimals = exponent(&currency);
            self.row(&[
                Cell::Text(record),
                Cell::Whole(i128::from(entry)),
                Cell::Nothing,
                Cell::Nothing,
                Cell::Nothing,
                Cell::Nothing,
                Cell::Text(&account),
                Cell::Nothing,
                Cell::Text(&currency),
                Cell::Whole(i128::from(decimals)),
                Cell::Nothing,
                Cell::Whole(balance),
                Cell::Major(balance, decimals),
                Cell::Nothing,
            ])?;
        }
        Ok(())
    }

    fn time(&self, at_ms: i64) -> String {
        let offset = (self.scope.offset)(at_ms);
        when::date_time(at_ms, offset).replace(' ', "T") + &when::offset(offset)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.row_with(cells, &[])
    }

    fn row_with(&mut self, cells: &[Cell<'_>], own: &[(&str, &str)]) -> io::Result<()> {
        self.line.clear();
        let row = Row { cells, own };
        match self.form {
            Form::Csv => csv_row(&mut self.line, self.columns, row),
            Form::JsonLines => json_row(&mut self.line, self.columns, row),
        }
        self.out.write_all(&self.line)
    }
}

/// The account that a batch is of, in words, and its currency.
fn batch_key(of: &BatchLines<'_>) -> (String, String) {
    (of.settlement.to_owned(), of.currency.to_owned())
}

fn order_cells<'c>(
    [record, at, kind, reference, order]: [&'c str; 5],
    entry: Option<u64>,
    [gross, fee, net]: [i128; 3],
    currency: &'c str,
    note: &'c str,
) -> [Cell<'c>; 15] {
    let decimals = exponent(currency);
    [
        Cell::Text(record),
        entry.map_or(Cell::Nothing, |entry| Cell::Whole(i128::from(entry))),
        Cell::Text(at),
        Cell::Text(kind),
        Cell::Text(reference),
        Cell::Text(order),
        Cell::Whole(gross),
        Cell::Whole(fee),
        Cell::Whole(net),
        Cell::Text(currency),
        Cell::Whole(i128::from(decimals)),
        Cell::Major(gross, decimals),
        Cell::Major(fee, decimals),
        Cell::Major(net, decimals),
        Cell::Text(note),
    ]
}
