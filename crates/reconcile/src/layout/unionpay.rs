//! UnionPay's file of a merchant's transactions, `INN…ZM_…`: columns of fixed width without a header.
//!
//! The widths are those of UnionPay's own samples (`parseZMFile`), the names those of its 《全渠道平台接入接口规范 第3部分
//! 文件接口》, section 6.1, as integrations cite them. A blank stands between two columns. What follows the
//! merchant's number differs by edition and is not read. The fee is not read either: how its letter for debit and
//! credit counts is nowhere published.

use std::collections::BTreeMap;

use super::{Column, Encoding, Layout, RowRule, Sign, Unit, names, when_is};
use crate::movement::Kind;

/// The columns that are read or shown. UnionPay's number of a transaction (`queryId`) has two digits, its time in
/// Beijing with two digits of the year, the trace number, and one digit more, as messages show that its test gateway
/// signed; the column of the time has no year.
const COLUMNS: &[Column] = &[
    Column { name: "交易代码", at: 0, width: 3 },
    Column { name: "系统跟踪号", at: 28, width: 6 },
    Column { name: "交易传输时间", at: 35, width: 10 },
    Column { name: "交易金额", at: 66, width: 12 },
    Column { name: "查询流水号", at: 87, width: 21 },
    Column { name: "查询流水号的时间", at: 89, width: 12 },
    Column { name: "商户订单号", at: 112, width: 32 },
    Column { name: "交易类型", at: 215, width: 2 },
    Column { name: "交易子类", at: 218, width: 2 },
    Column { name: "商户代码", at: 293, width: 15 },
];

pub(super) fn trade() -> Layout {
    let row = |kind: &str, of, sign| RowRule {
        when: when_is("交易类型", &[kind]),
        kind: Some(of),
        key: names(&["商户订单号"]),
        amount: names(&["交易金额"]),
        sign,
        at: names(&["查询流水号的时间"]),
        ..RowRule::default()
    };
    Layout {
        name: "unionpay-trade".to_owned(),
        encoding: Encoding::Gbk,
        quotes: false,
        delimiter: ',',
        needs: COLUMNS.iter().map(|column| column.name.to_owned()).collect(),
        offset: "+08:00".to_owned(),
        unit: Unit::Minor,
        currency: Some("CNY".to_owned()),
        statuses: BTreeMap::new(),
        rows: vec![
            row("01", Kind::Payment, Sign::In),
            row("04", Kind::Refund, Sign::Out),
            row("31", Kind::Void, Sign::Out),
        ],
        columns: COLUMNS,
        ..Layout::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::{self, Bill, Limits, NotUnderstood, ReadError};
    use crate::layout::known;
    use crate::when;

    /// All columns up to the merchant's number, as UnionPay's samples count them.
    const WIDTHS: [usize; 28] = [
        3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1,
        21, 15,
    ];

    #[test]
    fn columns_stand_where_the_published_widths_put_them() {
        let begin = |number: usize| WIDTHS[..number].iter().map(|width| width + 1).sum::<usize>();
        let published =
            [(0, 0), (1, 3), (2, 4), (3, 6), (4, 9), (6, 11), (7, 19), (8, 20), (9, 27)];
        for (ours, theirs) in published {
            let Column { name, at, width } = &COLUMNS[ours];
            assert_eq!((*at, *width), (begin(theirs), WIDTHS[theirs]), "{name}");
        }
        // The one that is read out of another.
        assert_eq!((COLUMNS[5].at, COLUMNS[5].width), (COLUMNS[4].at + 2, "260301093000".len()));
    }

    /// A row of all published columns, those that are given filled and the others blank, with what follows in the
    /// three editions that are known.
    fn line(cells: &[(usize, &str)], behind: &[usize]) -> String {
        let widths = [&WIDTHS[..], &[1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1], behind].concat();
        let cell = |(number, width): (usize, &usize)| {
            let text = cells.iter().find(|(of, _)| *of == number).map_or("", |(_, text)| text);
            format!("{text:<width$}")
        };
        widths.iter().enumerate().map(cell).collect::<Vec<_>>().join(" ")
    }

    fn trade(kind: &str, number: &str, fen: &str, query_id: &str) -> String {
        let cells = [(0, "S22"), (6, fen), (9, query_id), (11, number), (19, kind), (20, "01")];
        line(&cells, &[131])
    }

    fn read(text: &[u8]) -> (Vec<String>, Result<Bill, String>) {
        let mut movements = Vec::new();
        let bill = bill::read(text, &known(), 0, Limits { bytes_max: 1 << 20 }, |it| {
            movements.push(format!(
                "{} {} {} {} {}",
                it.line,
                it.kind.as_str(),
                String::from_utf8_lossy(it.key),
                it.minor,
                when::date_time(it.at_ms, 480)
            ));
            Ok(())
        });
        let bill = bill.map_err(|error| match error {
            ReadError::Refused(refused) => refused.to_string(),
            ReadError::Io(error) => error.to_string(),
        });
        (movements, bill)
    }

    #[test]
    fn a_file_without_a_header_is_read_in_each_edition_that_is_known() {
        let number = "0193710e2f4a1b2c3d4e5f60718293a4";
        let first = [
            (0, "S22"),
            (6, "000000012800"),
            (9, "512603010930001234568"),
            (11, number),
            (19, "01"),
        ];
        for behind in [&[131][..], &[32, 98], &[32, 13, 2, 1, 12, 67]] {
            let text = [
                line(&first, behind),
                trade(
                    "04",
                    "fedcba98765432100123456789abcdef",
                    "000000000001",
                    "782603012300591234568",
                ),
                trade(
                    "31",
                    "v093710e2f4a1b2c3d4e5f60718293a4",
                    "000000012800",
                    "202602282300001234568",
                ),
                String::new(),
            ];
            let (movements, bill) = read(text.join("\r\n").as_bytes());
            assert_eq!(
                movements,
                [
                    "1 payment 0193710e2f4a1b2c3d4e5f60718293a4 12800 2026-03-01 09:30:00.000",
                    "2 refund fedcba98765432100123456789abcdef -1 2026-03-01 23:00:59.000",
                    "3 void v093710e2f4a1b2c3d4e5f60718293a4 -12800 2026-02-28 23:00:00.000",
                ]
            );
            let bill = bill.unwrap();
            assert_eq!(
                (bill.layout.as_str(), bill.rows, bill.unparsed.len()),
                ("unionpay-trade", 3, 0)
            );
        }
    }

    #[test]
    fn a_row_that_is_not_understood_says_where() {
        let good = trade(
            "01",
            "0193710e2f4a1b2c3d4e5f60718293a4",
            "000000000100",
            "512603010930001234568",
        );
        let with = |at: usize, text: &str| {
            let mut line = good.clone();
            line.replace_range(at..at + text.len(), text);
            line
        };
        for (row, column, why) in [
            (with(66, "00000000 100"), "交易金额", NotUnderstood::Amount),
            (with(66, "            "), "交易金额", NotUnderstood::Amount),
            (with(89, "261301093000"), "查询流水号的时间", NotUnderstood::Time),
            (with(89, "            "), "查询流水号的时间", NotUnderstood::Time),
            (with(112, &" ".repeat(32)), "商户订单号", NotUnderstood::Key),
            // A pre-authorisation, which is nothing that we ask for.
            (with(215, "02"), "交易类型", NotUnderstood::Rule),
            (good[..307].to_owned(), "", NotUnderstood::Columns),
            ("end".to_owned(), "", NotUnderstood::Columns),
        ] {
            let (movements, bill) = read(format!("{good}\n{row}\n{good}\n").as_bytes());
            let bill = bill.unwrap();
            assert_eq!(movements.len(), 2, "{why:?}");
            let [fault] = &bill.unparsed[..] else { panic!("{:?}", bill.unparsed) };
            assert_eq!((fault.line, fault.column.as_str(), fault.why), (2, column, why));
        }
    }

    #[test]
    fn names_in_gbk_do_not_move_the_columns() {
        let mut row = trade(
            "01",
            "0193710e2f4a1b2c3d4e5f60718293a4",
            "000000000100",
            "512603010930001234568",
        )
        .into_bytes();
        // The short name of a second merchant: 16 characters in 32 bytes.
        let name = encoding_rs::GBK.encode("乌龙茶铺子乌龙茶铺子乌龙茶铺子店").0;
        row[327..359].copy_from_slice(&name);
        let (movements, bill) = read(&row);
        assert_eq!(movements.len(), 1);
        assert_eq!(bill.unwrap().unparsed, []);
    }

    #[test]
    fn another_file_is_not_taken_for_one() {
        let good = trade(
            "01",
            "0193710e2f4a1b2c3d4e5f60718293a4",
            "000000000100",
            "512603010930001234568",
        );
        let moved = format!(" {good}");
        for text in [&moved[..], &good[..306], &good.replace(' ', "0"), &"x".repeat(500)] {
            let (movements, bill) = read(text.as_bytes());
            assert!(
                movements.is_empty() && bill.unwrap_err().contains("no header of a known bill")
            );
        }
        assert!(read(b"").1.unwrap_err().contains("empty"));
        // A day without transactions has no file.
        let none = read(br#"{"respCode":"98"}"#).1.unwrap();
        assert_eq!(none.contents, bill::Contents::NoBill);
    }
}
