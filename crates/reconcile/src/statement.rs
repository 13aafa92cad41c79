//! Statements 对账单: what a merchant's books say between two entries of the ledger, line by line, in CSV or JSON
//! lines. Pure: the same lines give the same bytes, and a statement whose lines do not lead from its opening to its
//! closing balance is not finished.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::amount;
use crate::report::exponent;
use crate::when;

/// The kind of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `account.1`: opening balances, each movement of the merchant's accounts, closing balances.
    Account,
    /// `orders.1`: each payment, refund and void with gross, fee and net.
    Orders,
}

impl Kind {
    /// Its name with the version of its columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account.1",
            Self::Orders => "orders.1",
        }
    }

    /// Its columns, in order. Each line has all of them; one that means nothing there is empty.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Account => &[
                "record",
                "entry",
                "at",
                "kind",
                "reference",
                "order",
                "account",
                "movement_minor",
                "currency",
                "exponent",
                "amount",
                "balance_minor",
                "balance",
                "note",
            ],
            Self::Orders => &[
                "record",
                "entry",
                "at",
                "kind",
                "reference",
                "order",
                "gross_minor",
                "fee_minor",
                "net_minor",
                "currency",
                "exponent",
                "gross",
                "fee",
                "net",
                "note",
            ],
        }
    }
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, UTF-8, a header, lines ended by CR LF.
    Csv,
    /// One object of JSON in each line.
    JsonLines,
}

/// The scope of a statement.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The kind of statement.
    pub kind: Kind,
    /// Whose.
    pub merchant: &'a str,
    /// Entries after this one …
    pub after: u64,
    /// … up to and with this one.
    pub until: u64,
    /// East of Greenwich, for the times in it. It moves no line from one statement to another.
    pub offset_minutes: i32,
}

/// A balance, seen from the merchant: positive is owed to it.
pub type Balances = BTreeMap<(String, String), i128>;

/// One line of [`Kind::Account`].
#[derive(Clone, Copy, Debug)]
pub struct AccountLine<'a> {
    /// The ledger's entry.
    pub entry: u64,
    /// When it was booked.
    pub at_ms: i64,
    /// The kind of entry.
    pub kind: &'a str,
    /// The merchant's own number.
    pub reference: &'a str,
    /// The order.
    pub order: &'a str,
    /// The account.
    pub account: &'a str,
    /// Minor units, positive in the merchant's favour.
    pub minor: i64,
    /// The currency.
    pub currency: &'a str,
}

/// One line of [`Kind::Orders`].
#[derive(Clone, Copy, Debug)]
pub struct OrderLine<'a> {
    /// The ledger's entry.
    pub entry: u64,
    /// When it was booked.
    pub at_ms: i64,
    /// The kind of movement.
    pub kind: &'a str,
    /// The merchant's own number of the order, or of the refund.
    pub reference: &'a str,
    /// The order.
    pub order: &'a str,
    /// The amount that the shopper paid, negative for one that went back.
    pub gross_minor: i64,
    /// The fee in it, negative for a fee that is given back.
    pub fee_minor: i64,
    /// The currency.
    pub currency: &'a str,
}

/// Why a statement was not finished.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// It cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Opening and lines do not give the closing balance: the ledger's tables contradict each other.
    #[error(
        "{account} in {currency}: opening and lines give {found}, the ledger says {said}; run `lezai ledger check`"
    )]
    DoesNotAddUp {
        /// The account.
        account: String,
        /// The currency.
        currency: String,
        /// The balance that the lines lead to.
        found: i128,
        /// The balance that stands in the ledger.
        said: i128,
    },
}

/// One cell: a text is guarded against spreadsheets, a number never is.
#[derive(Clone, Copy)]
enum Cell<'c> {
    Text(&'c str),
    Whole(i128),
    /// Minor units shown in major ones.
    Major(i128, u32),
    Nothing,
}

/// Writes a statement.
pub struct Writer<'a, W> {
    out: W,
    form: Form,
    scope: Scope<'a>,
    balances: Balances,
    lines: u64,
    /// By currency: lines, and the sums of gross, fee and net.
    sums: BTreeMap<String, (u64, [i128; 3])>,
    line: Vec<u8>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins a statement with its opening balances.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(out: W, form: Form, scope: Scope<'a>, opening: Balances) -> io::Result<Self> {
        let mut writer = Self {
            out,
            form,
            scope,
            balances: opening,
            lines: 0,
            sums: BTreeMap::new(),
            line: Vec::new(),
        };
        if form == Form::Csv {
            let names = writer.scope.kind.columns().join(",");
            writer.out.write_all(names.as_bytes())?;
            writer.out.write_all(b"\r\n")?;
        }
        if writer.scope.kind == Kind::Account {
            writer.balance_rows("opening", writer.scope.after)?;
        }
        Ok(writer)
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
        let texts = [at.as_str(), it.kind, it.reference, it.order];
        self.order_row("order", Some(it.entry), texts, amounts, it.currency, "")
    }

    fn order_row(
        &mut self,
        record: &str,
        entry: Option<u64>,
        [at, kind, reference, order]: [&str; 4],
        [gross, fee, net]: [i128; 3],
        currency: &str,
        note: &str,
    ) -> io::Result<()> {
        let decimals = exponent(currency);
        self.row(&[
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
        ])
    }

    /// Ends a statement: closing balances or totals, then a last row with counts, entry numbers and the ledger's
    /// head, by which the file can be held against `lezai ledger export`.
    ///
    /// # Errors
    ///
    /// [`Unfinished`]: it cannot be written, or the lines do not lead to the closing balances.
    pub fn finish(mut self, closing: &Balances, head: &str) -> Result<W, Unfinished> {
        if self.scope.kind == Kind::Account {
            let keys = self.balances.keys().chain(closing.keys());
            for key in keys {
                let found = self.balances.get(key).copied().unwrap_or_default();
                let said = closing.get(key).copied().unwrap_or_default();
                if found != said {
                    let (account, currency) = key.clone();
                    return Err(Unfinished::DoesNotAddUp { account, currency, found, said });
                }
            }
            self.balance_rows("closing", self.scope.until)?;
        } else {
            for (currency, (lines, amounts)) in std::mem::take(&mut self.sums) {
                let note = format!("{lines} lines");
                self.order_row("total", None, [""; 4], amounts, &currency, &note)?;
            }
        }
        let Scope { kind, merchant, after, until, .. } = self.scope;
        let note = format!(
            "{} of {merchant}: {} lines, entries after {after} to {until}, head {head}",
            kind.as_str(),
            self.lines
        );
        let mut cells = vec![Cell::Nothing; kind.columns().len()];
        cells[0] = Cell::Text("end");
        cells[1] = Cell::Whole(i128::from(until));
        if let Some(last) = cells.last_mut() {
            *last = Cell::Text(&note);
        }
        self.row(&cells)?;
        self.out.flush()?;
        Ok(self.out)
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
        let offset = self.scope.offset_minutes;
        when::date_time(at_ms, offset).replace(' ', "T") + &when::offset(offset)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.line.clear();
        match self.form {
            Form::Csv => csv_row(&mut self.line, cells),
            Form::JsonLines => json_row(&mut self.line, self.scope.kind.columns(), cells)?,
        }
        self.out.write_all(&self.line)
    }
}

fn csv_row(line: &mut Vec<u8>, cells: &[Cell<'_>]) {
    for (number, cell) in cells.iter().enumerate() {
        if number > 0 {
            line.push(b',');
        }
        match cell {
            Cell::Nothing => {}
            Cell::Whole(value) => line.extend_from_slice(value.to_string().as_bytes()),
            Cell::Major(minor, decimals) => {
                line.extend_from_slice(amount::major(*minor, *decimals).as_bytes());
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

fn csv_text(line: &mut Vec<u8>, text: &str) {
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

fn json_row(line: &mut Vec<u8>, names: &[&str], cells: &[Cell<'_>]) -> io::Result<()> {
    let mut object = serde_json::Map::new();
    for (name, cell) in names.iter().zip(cells) {
        let value = match cell {
            Cell::Nothing | Cell::Text("") => continue,
            Cell::Text(text) => json!(text),
            Cell::Major(minor, decimals) => json!(amount::major(*minor, *decimals)),
            Cell::Whole(value) => match i64::try_from(*value) {
                Ok(value) if value.abs() < 1 << 53 => json!(value),
                // Readers of JSON would round it.
                _ => json!(value.to_string()),
            },
        };
        object.insert((*name).to_owned(), value);
    }
    line.extend_from_slice(Value::Object(object).to_string().as_bytes());
    line.push(b'\n');
    io::Result::Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bill::{self, Limits};
    use crate::layout;

    fn scope(kind: Kind, after: u64, until: u64) -> Scope<'static> {
        Scope { kind, merchant: "m_tea", after, until, offset_minutes: 480 }
    }

    fn balances(of: &[(&str, &str, i128)]) -> Balances {
        let balance = |it: &(&str, &str, i128)| ((it.0.to_owned(), it.1.to_owned()), it.2);
        of.iter().map(balance).collect()
    }

    fn line(entry: u64, minor: i64, currency: &'static str) -> AccountLine<'static> {
        AccountLine {
            entry,
            at_ms: 1_772_328_600_000,
            kind: "payment",
            reference: "tea-1",
            order: "ord_1",
            account: "merchant_pending",
            minor,
            currency,
        }
    }

    fn account(
        form: Form,
        lines: &[AccountLine<'_>],
        closing: &Balances,
    ) -> Result<String, Unfinished> {
        let opening = balances(&[("merchant_pending", "CNY", 500)]);
        let mut writer = Writer::new(Vec::new(), form, scope(Kind::Account, 3, 9), opening)?;
        for it in lines {
            writer.account_line(it)?;
        }
        Ok(String::from_utf8(writer.finish(closing, "ab12")?).unwrap())
    }

    #[test]
    fn an_account_s_statement_leads_from_opening_to_closing() {
        let closing =
            balances(&[("merchant_pending", "CNY", 13_223), ("merchant_pending", "KWD", -1)]);
        let lines = [line(5, 12_723, "CNY"), line(7, -1, "KWD")];
        let text = account(Form::Csv, &lines, &closing).unwrap();
        assert_eq!(
            text,
            "record,entry,at,kind,reference,order,account,movement_minor,currency,exponent,amount,balance_minor,balance,note\r\n\
             opening,3,,,,,merchant_pending,,CNY,2,,500,5.00,\r\n\
             movement,5,2026-03-01T09:30:00.000+08:00,payment,tea-1,ord_1,merchant_pending,12723,CNY,2,127.23,13223,132.23,\r\n\
             movement,7,2026-03-01T09:30:00.000+08:00,payment,tea-1,ord_1,merchant_pending,-1,KWD,3,-0.001,-1,-0.001,\r\n\
             closing,9,,,,,merchant_pending,,CNY,2,,13223,132.23,\r\n\
             closing,9,,,,,merchant_pending,,KWD,3,,-1,-0.001,\r\n\
             end,9,,,,,,,,,,,,\"account.1 of m_tea: 2 lines, entries after 3 to 9, head ab12\"\r\n"
        );
        assert_eq!(account(Form::Csv, &lines, &closing).unwrap(), text, "the same again");
        let json = account(Form::JsonLines, &lines, &closing).unwrap();
        let rows: Vec<Value> = json.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[1]["movement_minor"], 12_723);
        assert_eq!(rows[1]["amount"], "127.23");
        let wrong =
            balances(&[("merchant_pending", "CNY", 13_222), ("merchant_pending", "KWD", -1)]);
        let error = account(Form::Csv, &lines, &wrong).unwrap_err();
        assert!(matches!(error, Unfinished::DoesNotAddUp { found: 13_223, said: 13_222, .. }));
        assert!(account(Form::Csv, &lines[..1], &closing).is_err(), "a line is missing");
        let idle = balances(&[("merchant_pending", "CNY", 500)]);
        assert!(
            account(Form::Csv, &[], &idle)
                .unwrap()
                .contains("closing,9,,,,,merchant_pending,,CNY,2,,500,5.00,")
        );
    }

    fn orders(lines: &[OrderLine<'_>]) -> String {
        let mut writer =
            Writer::new(Vec::new(), Form::Csv, scope(Kind::Orders, 0, 9), Balances::new()).unwrap();
        for it in lines {
            writer.order_line(it).unwrap();
        }
        String::from_utf8(writer.finish(&Balances::new(), "ab12").unwrap()).unwrap()
    }

    fn order(
        kind: &'static str,
        reference: &'static str,
        gross: i64,
        fee: i64,
        currency: &'static str,
    ) -> OrderLine<'static> {
        OrderLine {
            entry: 5,
            at_ms: 1_772_328_600_000,
            kind,
            reference,
            order: "ord_1",
            gross_minor: gross,
            fee_minor: fee,
            currency,
        }
    }

    #[test]
    fn an_orders_statement_is_a_bill_that_can_be_reconciled() {
        let text = orders(&[
            order("payment", "tea-1", 12_800, 77, "CNY"),
            order("refund", "tea-1-r", -12_800, -77, "CNY"),
            order("payment", "=cmd", 5, 0, "JPY"),
            order("payment", "'x", 12_345, 1, "KWD"),
            order("refund_failure", "-1", 1, 0, "CLF"),
        ]);
        // A full refund leaves nothing, in each column.
        assert!(text.contains("total,,,,,,0,0,0,CNY,2,0.00,0.00,0.00,2 lines"), "{text}");
        // Values by each currency's exponent, minor and major.
        assert!(text.contains(",5,0,5,JPY,0,5,0,5,"), "{text}");
        assert!(text.contains(",12345,1,12344,KWD,3,12.345,0.001,12.344,"), "{text}");
        assert!(text.contains(",1,0,1,CLF,4,0.0001,0.0000,0.0001,"), "{text}");
        let mut read = Vec::new();
        let bill =
            bill::read(text.as_bytes(), &layout::known(), 0, Limits { bytes_max: 1 << 20 }, |it| {
                read.push((
                    it.kind.as_str(),
                    String::from_utf8(it.key.to_vec()).unwrap(),
                    it.minor,
                    it.fee_micro,
                ));
                Ok(())
            });
        let bill = bill.unwrap();
        assert_eq!((bill.layout.as_str(), bill.unparsed.len()), ("lezai-orders.1", 0));
        let row = |kind, key: &str, minor, fee| (kind, key.to_owned(), minor, Some(fee));
        assert_eq!(
            read,
            [
                row("payment", "tea-1", 12_800, 77_000_000),
                row("refund", "tea-1-r", -12_800, -77_000_000),
                row("payment", "=cmd", 5, 0),
                row("payment", "'x", 12_345, 1_000_000),
                row("other", "-1", 1, 0),
            ]
        );
        let cut = &text[..text.find("end,").unwrap()];
        let cut =
            bill::read(cut.as_bytes(), &layout::known(), 0, Limits { bytes_max: 1 << 20 }, |_| {
                Ok(())
            });
        assert!(cut.is_err());
    }

    #[test]
    fn texts_are_guarded_and_numbers_never() {
        for (text, cell) in [
            ("tea", "tea"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\ta", "'\ta"),
            ("\ra", "\"'\ra\""),
            ("＝1", "'＝1"),
            ("\"=1", "\"'\"\"=1\""),
            ("a,b", "\"a,b\""),
            ("a=b", "a=b"),
            ("'a", "''a"),
            ("", ""),
        ] {
            let mut line = Vec::new();
            csv_text(&mut line, text);
            assert_eq!(String::from_utf8(line).unwrap(), cell);
        }
        let mut line = Vec::new();
        csv_row(&mut line, &[Cell::Whole(-5), Cell::Major(-5, 2), Cell::Nothing]);
        assert_eq!(line, b"-5,-0.05,\r\n");
    }

    proptest! {
        #[test]
        fn a_guarded_text_is_read_back(text in "[-='+@ab\"\t＝]{0,6}") {
            let mut line = Vec::new();
            csv_text(&mut line, &text);
            line.push(b'\n');
            let (mut output, mut ends) = ([0; 64], [0; 4]);
            csv_core::Reader::new().read_record(&line, &mut output, &mut ends);
            prop_assert_eq!(String::from_utf8_lossy(unguard(&output[..ends[0]])), text);
        }
    }
}
