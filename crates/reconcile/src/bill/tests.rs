//! Bills in the forms that channels write them, with values of our own.

use super::table::encode;
use super::*;
use crate::amount::{self, MICRO_DECIMALS};
use crate::bounds::UNPARSED_MAX;
use crate::layout::{Encoding, known};
use crate::when;

const LIMITS: Limits = Limits { bytes_max: 1 << 24 };

/// The header of all trades, of payments alone, of refunds alone, and those of before the coupons.
const ALL: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUCCESS: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注";
const REFUND: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const OLD_ALL: &str = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率";
const OLD_SUCCESS: &str = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,企业红包金额,商品名称,商户数据包,手续费,费率";
const SUMMARY: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// A row under a header: each cell is given by its column's name, and the others are filled like a bill's.
fn row(header: &str, cells: &[(&str, &str)]) -> String {
    let cell = |name: &str| {
        let given = cells.iter().find(|(of, _)| *of == name).map(|(_, text)| *text);
        let other = match name {
            "交易时间" | "退款申请时间" => "2026-03-01 09:30:00",
            "货币种类" => "CNY",
            "交易状态" => "SUCCESS",
            "应结订单金额" | "代金券金额" | "退款金额" | "申请退款金额" | "总金额" | "订单金额" => {
                "0.00"
            }
            "手续费" => "0.00000",
            "商品名称" => "乌龙茶 \"大\"\\ 两盒",
            _ => "",
        };
        format!("`{}", given.unwrap_or(other))
    };
    header.split(',').map(cell).collect::<Vec<_>>().join(",")
}

fn payment(header: &str, key: &str, amount: &str, fee: &str) -> String {
    let columns = ["订单金额", "总金额"];
    let mut cells = vec![("商户订单号", key), ("手续费", fee), ("应结订单金额", "0.01")];
    cells.extend(columns.map(|name| (name, amount)));
    row(header, &cells)
}

fn refund(header: &str, order: &str, key: &str, amount: &str, status: &str) -> String {
    let cells = [
        ("交易状态", "REFUND"),
        ("商户订单号", order),
        ("商户退款单号", key),
        ("退款金额", amount),
        ("申请退款金额", amount),
        ("退款状态", status),
        ("手续费", "-0.30000"),
    ];
    row(header, &cells)
}

/// The lines read of a file: one for each movement, `refused` with where and why, or one for each row that is
/// not understood.
fn read_all(bytes: &[u8]) -> (Vec<String>, Result<Bill, Refused>) {
    read_with(bytes, &known())
}

fn read_with(bytes: &[u8], layouts: &[Layout]) -> (Vec<String>, Result<Bill, Refused>) {
    let mut movements = Vec::new();
    let bill = read(bytes, layouts, 0, LIMITS, |it| {
        let fee = it
            .fee_micro
            .map_or("-".to_owned(), |fee| amount::major(i128::from(fee), MICRO_DECIMALS));
        movements.push(format!(
            "{} {} {} {} {} {} {fee} {}",
            it.line,
            it.kind.as_str(),
            String::from_utf8_lossy(it.key),
            it.minor,
            String::from_utf8_lossy(&it.currency),
            it.status.as_str(),
            when::date_time(it.at_ms, 0)
        ));
        Ok(())
    });
    let bill = bill.map_err(|error| match error {
        ReadError::Refused(refused) => refused,
        ReadError::Io(error) => panic!("{error}"),
    });
    (movements, bill)
}

fn movements(text: &str) -> Vec<String> {
    let (movements, bill) = read_all(text.as_bytes());
    let bill = bill.unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(bill.unparsed, []);
    assert_eq!(bill.rows, movements.len() as u64);
    movements
}

fn refused(text: &str) -> String {
    read_all(text.as_bytes()).1.unwrap_err().to_string()
}

#[test]
fn wechat_s_five_headers_are_read_by_name() {
    let tail = |rows: u32, orders: &str, refunds: &str, fees: &str| {
        format!("{SUMMARY}\r\n`{rows},`0.03,`{refunds},`0.00,`{fees},`{orders},`{refunds}\r\n")
    };
    let mark = "\u{feff}";
    for (header, rows, summary, read) in [
        (
            ALL,
            vec![payment(ALL, "ord_1", "128.00", "0.76800"), refund(ALL, "ord_1", "rfd_1", "50.00", "PROCESSING")],
            tail(2, "128.00", "50.00", "0.46800"),
            vec![
                "2 payment ord_1 12800 CNY done 76.800000 2026-03-01 01:30:00.000",
                "3 refund rfd_1 -5000 CNY pending -30.000000 2026-03-01 01:30:00.000",
            ],
        ),
        (
            SUCCESS,
            vec![payment(SUCCESS, "ord_1", "0.01", "0.00000"), payment(SUCCESS, "ord_2", "9.99", "0.06000")],
            tail(2, "10.00", "0.00", "0.06"),
            vec![
                "2 payment ord_1 1 CNY done 0.000000 2026-03-01 01:30:00.000",
                "3 payment ord_2 999 CNY done 6.000000 2026-03-01 01:30:00.000",
            ],
        ),
        (
            REFUND,
            vec![refund(REFUND, "ord_1", "rfd_1", "5.00", "SUCCESS"), refund(REFUND, "ord_1", "rfd_2", "1.00", "CHANGE")],
            tail(2, "0.00", "6.00", "-0.60"),
            vec![
                "2 refund rfd_1 -500 CNY done -30.000000 2026-03-01 01:30:00.000",
                "3 refund rfd_2 -100 CNY failed -30.000000 2026-03-01 01:30:00.000",
            ],
        ),
        (
            OLD_ALL,
            vec![payment(OLD_ALL, "ord_1", "95.00", "0.57000"), refund(OLD_ALL, "ord_1", "rfd_1", "5.00", "SUCCESS")],
            "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额\r\n`2,`95.00,`5.00,`0.0,`0.27000\r\n".to_owned(),
            vec![
                "2 payment ord_1 9500 CNY done 57.000000 2026-03-01 01:30:00.000",
                "3 refund rfd_1 -500 CNY done -30.000000 2026-03-01 01:30:00.000",
            ],
        ),
        (
            OLD_SUCCESS,
            vec![payment(OLD_SUCCESS, "ord_1", "32.50", "0.20000")],
            "总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额\r\n`1,`32.50,`0.00,`0.0,`0.20000\r\n".to_owned(),
            vec!["2 payment ord_1 3250 CNY done 20.000000 2026-03-01 01:30:00.000"],
        ),
    ] {
        let text = format!("{mark}{header}\r\n{}\r\n{summary}", rows.join("\r\n"));
        assert_eq!(movements(&text), read, "{header}");
        // A column that nobody knows is no reason to stop.
        let wider = text.replace(header, &format!("{header},新列"));
        let wider = rows.iter().fold(wider, |text, row| text.replace(row, &format!("{row},`7")));
        assert_eq!(movements(&wider), read, "{header} with a column more");
        // One that is needed is.
        let narrower = text.replacen("商户订单号", "别的", 1);
        assert!(refused(&narrower).contains("line 1, column 商户订单号"), "{}", refused(&narrower));
    }
}

fn day(rows: &[String], summary: &str) -> String {
    let rows: String = rows.iter().map(|row| format!("{row}\r\n")).collect();
    format!("{ALL}\r\n{rows}{SUMMARY}\r\n{summary}\r\n")
}

#[test]
fn an_empty_day_is_not_a_missing_file() {
    let empty = day(&[], "`0,`0.00,`0.00,`0.00,`0.00,`0.00,`0.00");
    assert_eq!(movements(&empty), Vec::<String>::new());
    for (text, contents) in [
        (r#"{"code":"NO_STATEMENT_EXIST","message":"账单文件不存在"}"#, Contents::NoBill),
        (r#"{"code":"STATEMENT_CREATING","message":"账单文件生成中"}"#, Contents::Creating),
        (
            "<xml><return_code><![CDATA[FAIL]]></return_code>\n<return_msg><![CDATA[No Bill Exist]]></return_msg></xml>",
            Contents::NoBill,
        ),
        ("<xml><return_msg><![CDATA[Bill Creating]]></return_msg></xml>", Contents::Creating),
        (r#"{"r":{"code":"40004","sub_code":"isp.bill_not_exist"},"sign":"x"}"#, Contents::NoBill),
    ] {
        let (rows, bill) = read_all(text.as_bytes());
        assert_eq!((rows.len(), bill.unwrap().contents), (0, contents), "{text}");
    }
    assert!(refused(r#"{"code":"SIGN_ERROR"}"#).contains("no header"));
    assert!(refused("").contains("empty"));
    assert!(refused("\n\n").contains("empty"));
    assert!(refused("hello\nworld\n").contains("no header"));
    assert!(refused("交易时间\n").contains("no header"), "one column in common is no kinship");
}

#[test]
fn a_bill_that_contradicts_itself_is_refused_as_a_whole() {
    let rows = [
        payment(ALL, "ord_1", "1.00", "0.01000"),
        refund(ALL, "ord_1", "rfd_1", "0.50", "SUCCESS"),
    ];
    let good = "`2,`0.01,`0.50,`0.00,`-0.29000,`1.00,`0.50";
    assert_eq!(movements(&day(&rows, good)).len(), 2);
    for (bad, column) in [
        ("`3,`0.01,`0.50,`0.00,`-0.29000,`1.00,`0.50", "总交易单数"),
        ("`2,`0.01,`0.51,`0.00,`-0.29000,`1.00,`0.50", "退款总金额"),
        ("`2,`0.01,`0.50,`0.00,`-0.28000,`1.00,`0.50", "手续费总金额"),
        ("`2,`0.01,`0.50,`0.00,`-0.29000,`1.01,`0.50", "订单总金额"),
        ("`2,`0.01,`0.50,`0.00,`-0.29000,`1.00,`0.49", "申请退款总金额"),
    ] {
        let (_, bill) = read_all(day(&rows, bad).as_bytes());
        let refused = bill.unwrap_err();
        assert!(refused.is_balance_break(), "{refused}");
        assert_eq!((refused.line, refused.column.as_deref()), (5, Some(column)), "{refused}");
    }
    let cut = day(&rows, good);
    for lost in [good.len() + 4, SUMMARY.len() + good.len() + 6] {
        let text = &cut[..cut.len() - lost];
        assert!(refused(text).contains("the file was cut"), "{text}");
    }
    let more = format!("{cut}{}\r\n", rows[0]);
    assert!(refused(&more).contains("line 6: more stands behind"), "{}", refused(&more));
}

#[test]
fn a_row_that_is_not_understood_is_named_and_the_others_count() {
    let good = payment(ALL, "ord_1", "1.00", "0.00000");
    for (bad, column, why) in [
        (payment(ALL, "4.00123E+27", "1.00", "0"), "商户订单号", NotUnderstood::Spreadsheet),
        (payment(ALL, "", "1.00", "0"), "商户订单号", NotUnderstood::Key),
        (payment(ALL, &"k".repeat(KEY_MAX + 1), "1.00", "0"), "商户订单号", NotUnderstood::Key),
        (payment(ALL, "a\u{0}b", "1.00", "0"), "商户订单号", NotUnderstood::Key),
        (payment(ALL, "ord_2", "1.005", "0"), "订单金额", NotUnderstood::TooFine),
        (payment(ALL, "ord_2", "1,00", "0"), "", NotUnderstood::Columns),
        (payment(ALL, "ord_2", "1.0x", "0"), "订单金额", NotUnderstood::Amount),
        (payment(ALL, "ord_2", "92233720368547758.08", "0"), "订单金额", NotUnderstood::TooLarge),
        (payment(ALL, "ord_2", "1.00", "0.6%"), "手续费", NotUnderstood::Amount),
        (refund(ALL, "ord_1", "rfd_1", "0.10", "DONE"), "退款状态", NotUnderstood::Status),
        (row(ALL, &[("交易状态", "CLOSED"), ("商户订单号", "x")]), "交易状态", NotUnderstood::Rule),
        (
            row(ALL, &[("货币种类", "RMB"), ("商户订单号", "x")]),
            "货币种类",
            NotUnderstood::Currency,
        ),
        (row(ALL, &[("货币种类", "元"), ("商户订单号", "x")]), "货币种类", NotUnderstood::Currency),
        (
            row(ALL, &[("交易时间", "01/03/2026"), ("商户订单号", "x")]),
            "交易时间",
            NotUnderstood::Time,
        ),
    ] {
        let text = day(&[good.clone(), bad.clone()], "`2,`0,`0,`0,`0,`9,`0");
        let (movements, bill) = read_all(text.as_bytes());
        let bill = bill.unwrap_or_else(|refused| panic!("{bad}: {refused}"));
        assert_eq!(movements.len(), 1);
        let [unparsed] = &bill.unparsed[..] else { panic!("{:?}", bill.unparsed) };
        assert_eq!(
            (unparsed.line, unparsed.column.as_str(), unparsed.why),
            (3, column, why),
            "{bad}"
        );
    }
    // So many of them, and it is another kind of file.
    let bad = row(ALL, &[("交易状态", "CLOSED"), ("商户订单号", "x")]);
    let text = day(&vec![bad; UNPARSED_MAX + 1], "`1001,`0,`0,`0,`0,`0,`0");
    assert!(refused(&text).contains(&format!("line {}", UNPARSED_MAX + 2)));
}

fn fund(rows: &[&str], summary: &str, brackets: (&str, &str)) -> String {
    let (open, close) = brackets;
    let header = format!(
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额{open}元{close},账户结余{open}元{close},资金变更提交申请人,备注,业务凭证号"
    );
    format!(
        "{header}\n{}\n资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n{summary}\n",
        rows.join("\n")
    )
}

#[test]
fn wechat_s_fund_bill_must_balance_line_by_line() {
    let rows = [
        "`2026-03-01 09:30:00,`4200001,`F1,`交易,`交易,`收入,`128.00,`228.00,`system,`备注,`ord_1",
        "`2026-03-01 09:30:00,`4200001,`F2,`扣除交易手续费,`扣除交易手续费,`支出,`0.77,`227.23,`system,`,`ord_1",
        "`2026-03-01 10:00:00,`5030001,`F3,`退款,`退款,`支出,`50.00,`177.23,`API,`退款总金额50.00元;含手续费0.00元,`rfd_1",
        "`2026-03-01 11:00:00,`,`F4,`提现,`提现,`支出,`177.23,`0.00,`x,`,`",
        "`2026-03-01 12:00:00,`6000001,`F5,`新业务,`新业务,`收入,`1.00,`1.00,`x,`,`",
    ];
    let summary = "`5.0,`2.0,`129.00,`3.0,`228.00";
    for brackets in [("(", ")"), ("（", "）")] {
        assert_eq!(
            movements(&fund(&rows, summary, brackets)),
            [
                "2 payment 4200001 12800 CNY done - 2026-03-01 01:30:00.000",
                "3 fee 4200001 -77 CNY done - 2026-03-01 01:30:00.000",
                "4 refund 5030001 -5000 CNY done - 2026-03-01 02:00:00.000",
                "5 withdrawal F4 -17723 CNY done - 2026-03-01 03:00:00.000",
                "6 other 6000001 100 CNY done - 2026-03-01 04:00:00.000",
            ]
        );
    }
    // Newest first is as good.
    let mut turned = rows;
    turned.reverse();
    assert_eq!(movements(&fund(&turned, summary, ("(", ")"))).len(), 5);
    let mut broken = rows.map(str::to_owned);
    broken[2] = broken[2].replace("`177.23", "`177.24");
    let broken: Vec<&str> = broken.iter().map(String::as_str).collect();
    let (_, bill) = read_all(fund(&broken, summary, ("(", ")")).as_bytes());
    let refused = bill.unwrap_err();
    assert!(refused.is_balance_break());
    assert_eq!((refused.line, refused.column.as_deref()), (4, Some("账户结余(元)")));
    for bad in [
        "`6,`2,`129.00,`3,`228.00",
        "`5,`3,`129.00,`3,`228.00",
        "`5,`2,`129.01,`3,`228.00",
        "`5,`2,`129.00,`2,`228.00",
        "`5,`2,`129.00,`3,`228.01",
    ] {
        let (_, bill) = read_all(fund(&rows, bad, ("(", ")")).as_bytes());
        assert!(bill.unwrap_err().is_balance_break(), "{bad}");
    }
}

#[test]
fn a_refund_net_of_its_fee_is_two_movements_if_its_text_adds_up() {
    let whole = "4 refund 5030001 -4970 CNY done - 2026-03-01 02:00:00.000";
    let parts = [
        "4 refund 5030001 -5000 CNY done - 2026-03-01 02:00:00.000",
        "4 fee_return 5030001 30 CNY done - 2026-03-01 02:00:00.000",
    ];
    for (remark, read) in [
        ("退款总金额50.00元;含手续费0.30元", &parts[..]),
        ("退款总金额50元;含手续费0.3元", &parts),
        ("退款总金额50.00元;含手续费0.31元", &[whole]),
        ("退款总金额50.00元", &[whole]),
        ("含手续费0.30元", &[whole]),
        ("退款总金额.元;含手续费x元", &[whole]),
        ("", &[whole]),
    ] {
        let refund = format!(
            "`2026-03-01 10:00:00,`5030001,`F3,`退款,`退款,`支出,`49.70,`177.53,`API,`{remark},`REF4200001"
        );
        let rows = [
            "`2026-03-01 09:30:00,`4200001,`F1,`交易,`交易,`收入,`128.00,`228.00,`system,`,`ord_1",
            "`2026-03-01 09:30:00,`4200001,`F2,`扣除交易手续费,`扣除交易手续费,`支出,`0.77,`227.23,`system,`,`ord_1",
            &refund,
        ];
        // The balance and the summary are those of the row as it is written.
        let text = fund(&rows, "`3,`1,`128.00,`2,`50.47", ("(", ")"));
        let (movements, bill) = read_all(text.as_bytes());
        assert_eq!(movements[2..], *read, "{remark}");
        assert_eq!(bill.unwrap().rows, 3, "{remark}");
    }
}

#[test]
fn trades_are_read_as_the_bill_of_funds_has_them() {
    let layouts = crate::layout::trades_as_funds();
    let paid = [
        ("微信订单号", "4200001"),
        ("商户订单号", "ord_1"),
        ("订单金额", "130.00"),
        ("应结订单金额", "128.00"),
        ("手续费", "0.76500"),
    ];
    let back = [
        ("交易状态", "REFUND"),
        ("微信订单号", "4200001"),
        ("微信退款单号", "5030001"),
        ("商户退款单号", "rfd_1"),
        ("申请退款金额", "51.00"),
        ("退款金额", "50.00"),
        ("退款状态", "PROCESSING"),
        ("手续费", "-0.30499"),
    ];
    let free = [("微信订单号", "4200002"), ("应结订单金额", "1.00"), ("手续费", "0.00499")];
    let text = day(
        &[row(ALL, &paid), row(ALL, &back), row(ALL, &free)],
        "`3,`129.00,`50.00,`0.00,`0.46500,`130.00,`51.00",
    );
    let (movements, bill) = read_with(text.as_bytes(), &layouts);
    assert_eq!(bill.unwrap().rows, 3);
    assert_eq!(
        movements,
        [
            "2 payment 4200001 12800 CNY done - 2026-03-01 01:30:00.000",
            "2 fee 4200001 -77 CNY done - 2026-03-01 01:30:00.000",
            "3 refund 5030001 -5000 CNY pending - 2026-03-01 01:30:00.000",
            "3 fee_return 5030001 30 CNY pending - 2026-03-01 01:30:00.000",
            "4 payment 4200002 100 CNY done - 2026-03-01 01:30:00.000",
        ]
    );
    let rows = [
        "A1\t,ord_1\t,交易\t,茶,2026-03-01 09:29:58,2026-03-01 09:30:00,\t,\t,\t,\t,x\t,128.00,127.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,-0.77,0.00,",
        "A1\t,ord_1\t,退款\t,茶,2026-03-01 09:29:58,2026-03-01 10:00:00,\t,\t,\t,\t,x\t,-50.00,-49.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,rfd_1\t,0.30,0.00,",
    ];
    let footer = "#交易合计：1笔，商家实收共127.00元，商家优惠共0.00元\r\n#退款合计：1笔，商家实收退款共-49.00元，商家优惠退款共0.00元\r\n";
    let (movements, bill) = read_with(&gbk(&alipay_trade(&rows, footer)), &layouts);
    assert_eq!(bill.unwrap().rows, 2);
    assert_eq!(
        movements,
        [
            "6 payment ord_1 12700 CNY done - 2026-03-01 01:30:00.000",
            "6 fee ord_1 -77 CNY done - 2026-03-01 01:30:00.000",
            "7 refund ord_1 -4900 CNY done - 2026-03-01 02:00:00.000",
            "7 fee_return ord_1 30 CNY done - 2026-03-01 02:00:00.000",
        ]
    );
}

fn gbk(text: &str) -> Vec<u8> {
    encode(Encoding::Gbk, text)
}

const ALIPAY_TRADE: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

fn alipay_trade(rows: &[&str], footer: &str) -> String {
    format!(
        "#支付宝业务明细查询\r\n#账号：[20880000000000000156]\r\n#起始日期：[2026年03月01日 00:00:00]   终止日期：[2026年03月02日 00:00:00]\r\n#-----------------------------------------业务明细列表----------------------------------------\r\n{ALIPAY_TRADE}\r\n{}#----------------------------------------业务明细列表结束-------------------------------------\r\n{footer}#导出时间：[2026年03月02日 09:15:02]\r\n",
        rows.iter().map(|row| format!("{row}\r\n")).collect::<String>()
    )
}

#[test]
fn alipay_s_bills_are_read_in_gbk() {
    let rows = [
        "2026030122001400000000000001\t,ord_1\t,交易\t,\"茶, 两盒\",2026-03-01 09:29:58,2026-03-01 09:30:00,\t,\t,\t,\t,*茗(138****0000)\t,128.00,128.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,-0.77,0.00,",
        "2026030122001400000000000001\t,ord_1\t,退款\t,茶,2026-03-01 09:29:58,2026-03-01 10:00:00,\t,\t,\t,\t,*茗(138****0000)\t,-50.00,-50.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,rfd_1\t,0.30,0.00,退款",
    ];
    let footer = "#交易合计：1笔，商家实收共128.00元，商家优惠共0.00元\r\n#退款合计：1笔，商家实收退款共-50.00元，商家优惠退款共0.00元\r\n";
    let text = alipay_trade(&rows, footer);
    let (movements, bill) = read_all(&gbk(&text));
    let bill = bill.unwrap();
    assert_eq!((bill.layout.as_str(), bill.unparsed.len()), ("alipay-trade", 0));
    assert_eq!(
        movements,
        [
            "6 payment ord_1 12800 CNY done 77.000000 2026-03-01 01:30:00.000",
            "7 refund rfd_1 -5000 CNY done -30.000000 2026-03-01 02:00:00.000",
        ]
    );
    // The same in another code page has no header that anybody knows.
    assert!(refused(&text).contains("no header"));
    let fewer = alipay_trade(&rows[..1], footer);
    assert!(read_all(&gbk(&fewer)).1.unwrap_err().is_balance_break());
    let cut = gbk(&alipay_trade(&rows, ""));
    assert!(read_all(&cut).1.unwrap_err().to_string().contains("cut"));
    let cut = gbk(&text[..text.find("#---------------------------------------").unwrap()]);
    assert!(read_all(&cut).1.is_err());

    let fund = "#支付宝账务明细查询\r\n#账号：[20880000000000000156]\r\n账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n\
        3\t,B3\t,ord_1\t,茶,2026-03-01 10:00:00,x,0.00,-50.00,177.23,支付宝,退款,\r\n\
        2\t,B2\t,ord_1\t,茶,2026-03-01 09:30:00,x,0.00,-0.77,227.23,支付宝,收费,\r\n\
        1\t,B1\t,ord_1\t,茶,2026-03-01 09:30:00,x,128.00,0.00,228.00,支付宝,在线支付,\r\n\
        #-----账务明细列表结束-----\r\n#支出合计：2笔，共-50.77元\r\n#收入合计：1笔，共128.00元\r\n";
    let (movements, bill) = read_all(&gbk(fund));
    assert_eq!(bill.unwrap().layout, "alipay-fund");
    assert_eq!(
        movements,
        [
            "4 refund ord_1 -5000 CNY done - 2026-03-01 02:00:00.000",
            "5 fee ord_1 -77 CNY done - 2026-03-01 01:30:00.000",
            "6 payment ord_1 12800 CNY done - 2026-03-01 01:30:00.000",
        ]
    );
    let broken = fund.replace("227.23", "227.24");
    assert!(read_all(&gbk(&broken)).1.unwrap_err().is_balance_break());
    let broken = fund.replace("#收入合计：1笔，共128.00元", "#收入合计：1笔，共128.01元");
    assert!(read_all(&gbk(&broken)).1.unwrap_err().is_balance_break());
}

#[test]
fn our_own_form_is_in_minor_units_of_any_currency() {
    let text = "at,kind,reference,minor,currency,fee,status\n\
        2026-03-01T01:30:00Z,payment,ord_1,12800,CNY,77,done\n\
        2026-03-01T09:30:00.5+08:00,refund,rfd_1,-5000,JPY,-0.5,pending\n\
        2026-03-01 01:30:00,payout,po_1,-1,KWD,,\n\
        2026-03-01 01:30:00,tip,x,1,CNY,,\n\
        2026-03-01 01:30:00,payment,y,1.5,CNY,,\n";
    let (movements, bill) = read_all(text.as_bytes());
    assert_eq!(
        movements,
        [
            "2 payment ord_1 12800 CNY done 77.000000 2026-03-01 01:30:00.000",
            "3 refund rfd_1 -5000 JPY pending -0.500000 2026-03-01 01:30:00.500",
            "4 payout po_1 -1 KWD done - 2026-03-01 01:30:00.000",
        ]
    );
    let why: Vec<_> = bill.unwrap().unparsed.iter().map(|it| it.why).collect();
    assert_eq!(why, [NotUnderstood::Kind, NotUnderstood::TooFine]);
}

#[test]
fn an_operator_s_mapping_reads_a_bill_that_nobody_knew() {
    let mapping = r#"{
        "name": "acme", "delimiter": ";", "strip": "'", "needs": ["Txn", "Gross"], "offset": "-05:00",
        "currency_column": "Ccy", "statuses": {"OK": "done", "WAIT": "pending"},
        "rows": [
            {"when": {"Type": ["SALE", "MOTO"]}, "kind": "payment", "key": ["Ref", "Txn"], "amount": ["Gross"],
             "sign": "in", "fee": ["Cost"], "fee_sign": "negated", "status": ["State"], "at": ["When"]},
            {"when": {"Type": ["CREDIT"]}, "kind": "refund", "key": ["Txn"], "amount": ["Gross"], "sign": "out",
             "status": ["State"], "at": ["When"]}
        ]}"#;
    let layouts = [Layout::from_json(mapping.as_bytes()).unwrap()];
    let text = "Acme Bank\n\nTxn;Type;Ref;Gross;Ccy;Cost;State;When\n\
        1;SALE;'ord_1';1.250;KWD;-0.0123456;OK;2026-02-28 20:30:00\n\
        2;CREDIT;;7;JPY;;WAIT;2026-02-28T20:30:00-05:00\n\
        3;FEE;;7;JPY;;OK;2026-02-28 20:30:00\n";
    let (movements, bill) = read_with(text.as_bytes(), &layouts);
    assert_eq!(
        movements,
        [
            "4 payment ord_1 1250 KWD done 12.345600 2026-03-01 01:30:00.000",
            "5 refund 2 -7 JPY pending - 2026-03-01 01:30:00.000",
        ]
    );
    assert_eq!(bill.unwrap().unparsed[0].why, NotUnderstood::Rule);
}

#[test]
fn a_column_that_is_there_twice_could_be_either() {
    let text = "at,kind,reference,minor,minor,currency\n";
    assert!(refused(text).contains("line 1, column minor: the header has this column twice"));
}
