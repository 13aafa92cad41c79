//! Statements: bytes as they are promised, and texts through spreadsheets and back.

use lezai_core::id::MerchantId;
use lezai_core::ledger::{Account, Kind as Booked, Posting};
use lezai_core::money::Currency;
use proptest::prelude::*;

use serde_json::Value;

use super::booked::order_amounts;
use super::cells::{Cell, Row, csv_row, csv_text};
use super::*;
use crate::bill::{self, Limits};
use crate::layout;

fn scope(kind: Kind, after: u64, until: u64) -> Scope<'static> {
    Scope { kind, merchant: "m_tea", after, until, offset: &|_| 480 }
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
    let columns = Columns::all(Kind::Account);
    let mut writer = Writer::new(Vec::new(), form, scope(Kind::Account, 3, 9), &columns, opening)?;
    for it in lines {
        writer.account_line(it)?;
    }
    Ok(String::from_utf8(writer.finish(closing, "ab12")?).unwrap())
}

#[test]
fn an_account_s_statement_leads_from_opening_to_closing() {
    let closing = balances(&[("merchant_pending", "CNY", 13_223), ("merchant_pending", "KWD", -1)]);
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
    let wrong = balances(&[("merchant_pending", "CNY", 13_222), ("merchant_pending", "KWD", -1)]);
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
    let (columns, scope) = (Columns::all(Kind::Orders), scope(Kind::Orders, 0, 9));
    let mut writer = Writer::new(Vec::new(), Form::Csv, scope, &columns, Balances::new()).unwrap();
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
        paid: None,
        own: &[],
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
        bill::read(cut.as_bytes(), &layout::known(), 0, Limits { bytes_max: 1 << 20 }, |_| Ok(()));
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
    let columns = Columns::named(Kind::Account, &["record", "entry", "at"]).unwrap();
    let cells = [Cell::Whole(-5), Cell::Major(-5, 2), Cell::Nothing];
    csv_row(&mut line, &columns, Row { cells: &cells, own: &[] });
    assert_eq!(line, b"-5,-0.05,,\r\n");
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

#[test]
fn an_order_that_is_settled_in_another_currency_has_its_value_and_what_was_paid() {
    let merchant = MerchantId::parse("m_tea").unwrap();
    let posting = |account, minor, code: &str| Posting {
        account,
        minor,
        currency: Currency::from_code(code).unwrap(),
    };
    // The payment of docs/fx.md.
    let postings = [
        posting(Account::ChannelReceivable("sandbox".to_owned()), 10_000, "USD"),
        posting(Account::FxPosition, 71_234, "CNY"),
        posting(Account::MerchantPending(merchant.clone()), -70_594, "CNY"),
        posting(Account::FeeIncome, -426, "CNY"),
        posting(Account::FxPosition, -10_000, "USD"),
        posting(Account::FxIncome, -214, "CNY"),
    ];
    let amounts = order_amounts(Booked::Payment, &postings, &merchant).unwrap();
    assert_eq!((amounts.gross_minor, amounts.fee_minor), (71_020, 426));
    let line = OrderLine {
        paid: amounts.paid,
        ..order(amounts.kind, "tea-1", amounts.gross_minor, amounts.fee_minor, amounts.currency)
    };
    let text = orders(&[line]);
    let row = ",71020,426,70594,CNY,2,710.20,4.26,705.94,10000 USD\r\n";
    assert!(text.contains(row), "{text}");
    // What goes back is negative on both sides.
    let back = postings.map(|it| Posting { minor: -it.minor, ..it });
    let amounts = order_amounts(Booked::VoidRequest, &back, &merchant).unwrap();
    assert_eq!((amounts.gross_minor, amounts.paid), (-71_020, Some((-10_000, "USD"))));
}

#[test]
fn columns_are_the_merchant_s_own_and_the_end_is_always_there() {
    let named = |names: &[&str]| Columns::named(Kind::Orders, names);
    let columns = named(&["reference", "plugin.campaign", "net_minor", "plugin.desk"]).unwrap();
    assert!(columns.has_own() && !Columns::all(Kind::Orders).has_own());
    let own = [("campaign", "=spring"), ("shelf", "7")];
    let line = OrderLine { own: &own, ..order("payment", "tea-1", 12_800, 77, "CNY") };
    for (form, lines) in [
        (
            Form::Csv,
            [
                "reference,plugin.campaign,net_minor,plugin.desk,record,note\r\n",
                "tea-1,'=spring,12723,,order,\r\n",
                ",,12723,,total,1 lines\r\n",
                ",,,,end,\"orders.1 of m_tea: 1 lines, entries after 0 to 9, head ab12\"\r\n",
            ]
            .concat(),
        ),
        (
            Form::JsonLines,
            [
                r#"{"net_minor":12723,"plugin.campaign":"=spring","record":"order","reference":"tea-1"}"#,
                r#"{"net_minor":12723,"note":"1 lines","record":"total"}"#,
                r#"{"note":"orders.1 of m_tea: 1 lines, entries after 0 to 9, head ab12","record":"end"}"#,
                "",
            ]
            .join("\n"),
        ),
    ] {
        let scope = scope(Kind::Orders, 0, 9);
        let mut writer = Writer::new(Vec::new(), form, scope, &columns, Balances::new()).unwrap();
        writer.order_line(&line).unwrap();
        let out = writer.finish(&Balances::new(), "ab12").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), lines);
    }
    let twice = BadColumn::Twice("note".to_owned());
    assert_eq!(named(&["note", "net", "note"]), Err(twice));
    for unknown in ["", "nets", "account", "plugin.", "plugin.A", "campaign"] {
        assert!(matches!(named(&[unknown]), Err(BadColumn::Unknown { .. })), "{unknown}");
    }
    assert!(Columns::named(Kind::Account, &["plugin.campaign"]).is_err());
    let nine: Vec<String> = (0..9).map(|n| format!("plugin.c{n}")).collect();
    assert_eq!(Columns::named(Kind::Orders, &nine), Err(BadColumn::TooMany));
    assert!(Columns::named(Kind::Orders, &nine[1..]).is_ok());
    assert_eq!(Columns::named::<&str>(Kind::Orders, &[]), Ok(Columns::all(Kind::Orders)));
}

#[test]
fn a_writer_goes_on_where_another_left_off() {
    let lines = [line(5, 12_723, "CNY"), line(6, i64::MAX, "KWD"), line(7, -1, "KWD")];
    let kwd = i128::from(i64::MAX) - 1;
    let closing =
        balances(&[("merchant_pending", "CNY", 13_223), ("merchant_pending", "KWD", kwd)]);
    let whole = account(Form::Csv, &lines, &closing).unwrap();
    let (columns, scope) = (Columns::all(Kind::Account), scope(Kind::Account, 3, 9));
    let opening = balances(&[("merchant_pending", "CNY", 500)]);
    let writer = Writer::new(Vec::new(), Form::Csv, scope, &columns, opening).unwrap();
    let (mut text, mut progress) = writer.leave();
    for it in &lines {
        // As it is kept in between.
        let kept = serde_json::to_string(&progress).unwrap();
        let kept = serde_json::from_str(&kept).unwrap();
        let mut writer = Writer::resume(text, Form::Csv, scope, &columns, &kept).unwrap();
        writer.account_line(it).unwrap();
        (text, progress) = writer.leave();
    }
    let writer = Writer::resume(text, Form::Csv, scope, &columns, &progress).unwrap();
    assert_eq!(writer.lines(), 3);
    assert_eq!(String::from_utf8(writer.finish(&closing, "ab12").unwrap()).unwrap(), whole);
}

#[test]
fn a_moment_is_written_at_the_offset_that_holds_then() {
    let spring = |at_ms: i64| if at_ms < 1_772_328_600_000 { -300 } else { -240 };
    let scope = Scope { offset: &spring, ..scope(Kind::Orders, 0, 9) };
    let columns = Columns::named(Kind::Orders, &["at"]).unwrap();
    let mut writer = Writer::new(Vec::new(), Form::Csv, scope, &columns, Balances::new()).unwrap();
    for before_ms in [1, 0] {
        let now = order("payment", "tea-1", 1, 0, "CNY");
        writer.order_line(&OrderLine { at_ms: now.at_ms - before_ms, ..now }).unwrap();
    }
    let text = String::from_utf8(writer.leave().0).unwrap();
    let times: Vec<&str> = text.lines().map(|it| it.split(',').next().unwrap()).collect();
    assert_eq!(times, ["at", "2026-02-28T20:29:59.999-05:00", "2026-02-28T21:30:00.000-04:00"]);
}

#[test]
fn a_batch_leads_from_its_opening_to_its_closing() {
    let batch = BatchLines {
        settlement: "stl_1",
        currency: "CNY",
        after: 3,
        until: 9,
        cut_off_ms: 1_772_328_600_000,
        opening: -100,
        closing: 12_623,
    };
    let line = |entry, minor| BatchLine {
        entry,
        at_ms: 1_772_328_600_000,
        kind: "settlement",
        reference: "tea-1",
        order: "ord_1",
        minor,
    };
    let columns = Columns::all(Kind::Settlement);
    let scope = scope(Kind::Settlement, 3, 9);
    let write = |minor, end| {
        let new = Writer::new(Vec::new(), Form::Csv, scope, &columns, Balances::new());
        let mut writer = new.unwrap();
        writer.open_batch(&batch)?;
        writer.batch_line(&batch, &line(5, 12_800))?;
        writer.batch_line(&batch, &line(7, minor))?;
        writer.close_batch(&batch, end)?;
        writer.finish(&Balances::new(), "ab12").map(|it| String::from_utf8(it).unwrap())
    };
    let paid = BatchEnd::Paid { payout: "po_1", minor: 12_523, fee: 100 };
    let head = "record,settlement,entry,at,kind,reference,order,movement_minor,currency,exponent,amount,balance_minor,balance,note\r\n\
        opening,stl_1,3,,,,,,CNY,2,,-100,-1.00,\"entries after 3 to 9, closed at its cut-off 2026-03-01T09:30:00.000+08:00\"\r\n\
        line,stl_1,5,2026-03-01T09:30:00.000+08:00,settlement,tea-1,ord_1,12800,CNY,2,128.00,12700,127.00,\r\n\
        line,stl_1,7,2026-03-01T09:30:00.000+08:00,settlement,tea-1,ord_1,-77,CNY,2,-0.77,12623,126.23,\r\n\
        closing,stl_1,9,,,,,,CNY,2,,12623,126.23,\r\n";
    let end = "end,,9,,,,,,,,,,,\"settlement.1 of m_tea: 2 lines in 1 batches, entries after 3 to 9, head ab12\"\r\n";
    let payout = "paid,stl_1,,,payout,,po_1,-12623,CNY,2,-126.23,,,\"paid out, with a fee of 100 minor units\"\r\n";
    assert_eq!(write(-77, paid).unwrap(), [head, payout, end].concat());
    let carried = "carried,stl_1,,,,,,,CNY,2,,12623,126.23,below_minimum\r\n";
    let text = write(-77, BatchEnd::Carried("below_minimum")).unwrap();
    assert_eq!(text, [head, carried, end].concat());
    assert!(write(-78, paid).is_err());
}
