//! How a kind of bill is laid out, as data: which columns say what, by name. The known editions are here; an
//! operator writes others in the same form (`docs/reconciliation.md`).

use std::collections::{BTreeMap, BTreeSet};

use lezai_core::funds::bill::BillKind;
use serde::{Deserialize, Serialize};

use crate::movement::{Kind, Status};
use crate::when;

mod unionpay;

/// The code page of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GBK, which Alipay writes.
    Gbk,
}

/// The unit that amounts are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Yuan: as many decimals as the currency has.
    #[default]
    Major,
    /// Fen: whole numbers.
    Minor,
}

/// The meaning of a written number's sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Positive came in, or for a fee: was taken.
    #[default]
    AsWritten,
    /// Negative came in, or for a fee: was taken.
    Negated,
    /// It came in, whatever the sign.
    In,
    /// It went out, whatever the sign.
    Out,
}

/// The rule for rows with certain cells. Columns are named; of several names the first that the header has
/// is read: editions differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowRule {
    /// Each column has one of these texts. No column at all is every row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Vec<String>>,
    /// Such a row is no movement, and is passed over: an opening balance, a total.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip: bool,
    /// The kind of such a row; `None` if `kind_column` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The column whose text is a kind's name, as `payment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind_column: Option<String>,
    /// Where the reference is: the first of these columns that is filled in the row. `0` is not filled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// The reference is the letters and digits behind this mark in the text of that column, as banks have it in a
    /// remark; absent, the text is the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_behind: Option<String>,
    /// The amount, in one column …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amount: Vec<String>,
    /// … or what came in in one …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub income: Vec<String>,
    /// … and what went out in another, whatever its sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expense: Vec<String>,
    /// The meaning of the amount's sign.
    #[serde(default)]
    pub sign: Sign,
    /// The channel's fee; absent, nobody says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fee: Vec<String>,
    /// The meaning of the fee's sign.
    #[serde(default)]
    pub fee_sign: Sign,
    /// The fee is a movement of its own, rounded to the minor unit, as bills of funds have it: `fee` where it was
    /// taken, `fee_return` where it was given back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fee_apart: bool,
    /// The amount is what is left of a larger one, and a text tells the two parts of it: each is a movement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Net>,
    /// How far it has come; absent, it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
}

/// How a row tells that its amount is net of a fee that was given back: `退款总金额50.00元;含手续费0.30元`. A row
/// whose text does not say so, or says what does not add up, has its amount as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Net {
    /// The column of the text.
    pub column: String,
    /// The mark that the whole amount follows.
    pub total: String,
    /// The mark that the fee follows.
    pub fee: String,
}

/// How a kind of bill is laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Its name in reports.
    pub name: String,
    /// Its code page.
    #[serde(default)]
    pub encoding: Encoding,
    /// The delimiter of cells: one ASCII character.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Whether cells may stand in double quotes (RFC 4180). Without them a quote is a letter.
    #[serde(default = "yes")]
    pub quotes: bool,
    /// ASCII characters that are taken off both ends of a cell, beside blanks and tabs.
    #[serde(default)]
    pub strip: String,
    /// Columns without which a file is not of this layout.
    pub needs: Vec<String>,
    /// East of Greenwich, as `+08:00`, where times name no offset of their own.
    pub offset: String,
    /// The unit of amounts.
    #[serde(default)]
    pub unit: Unit,
    /// The column of the currency …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency_column: Option<String>,
    /// … or the currency of every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Texts of the column of the status. A text that is absent here is not understood, but for the names
    /// `done`, `pending` and `failed`, and no text at all, which is done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, Status>,
    /// The rules for rows: the first that fits. A row that none fits is not understood.
    pub rows: Vec<RowRule>,
    /// The column of the account's balance after each row. The rows must add up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub balance: Vec<String>,
    /// Whether texts carry the guard against spreadsheets that our own statements have.
    #[serde(skip)]
    pub(crate) guarded: bool,
    /// The end of the rows; the known editions' alone, and a file that lacks it was cut.
    #[serde(skip)]
    pub(crate) footer: Footer,
    /// Columns that stand at fixed places of a line, in a file without a header; the known editions' alone.
    #[serde(skip)]
    pub(crate) columns: &'static [Column],
}

/// A column at a fixed place of each line, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) at: usize,
    pub(crate) width: usize,
}

/// The end of a bill's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Footer {
    /// The file's end.
    #[default]
    End,
    /// A last row whose first cell is this, and nothing behind it.
    Row(&'static str),
    /// A second header that begins with this column, and one row under it.
    Table(&'static str, &'static [(&'static str, Check)]),
    /// Lines that begin with `#`: one that holds the first text, then ones that begin with the others.
    Remarks(&'static str, &'static [(&'static str, Check, Check)]),
}

/// The value that a figure of the footer must agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The number of rows.
    Rows,
    /// The number of rows that came in.
    InRows,
    /// The number of rows that came in, or of all of them: Alipay's own words allow both.
    InOrAllRows,
    /// The number of rows that went out.
    OutRows,
    /// The sum of a column, over all rows or over those that came in.
    Sum(&'static [&'static str]),
    /// The sum that came in.
    In,
    /// The sum that went out, without its sign.
    Out,
    /// Nothing.
    Any,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

/// A layout that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLayout {
    /// The JSON is not a layout.
    #[error("the mapping is not of the form that the documentation shows: {0}")]
    Json(String),
    /// A member has a value that means nothing.
    #[error("the mapping's {0}")]
    Member(&'static str),
}

impl Layout {
    /// Reads an operator's mapping.
    ///
    /// # Errors
    ///
    /// [`BadLayout`] says what of it cannot be used.
    pub fn from_json(text: &[u8]) -> Result<Self, BadLayout> {
        let layout: Self =
            serde_json::from_slice(text).map_err(|error| BadLayout::Json(error.to_string()))?;
        layout.check()?;
        Ok(layout)
    }

    /// Whether it can be used: one that was not read by [`Layout::from_json`] may not.
    ///
    /// # Errors
    ///
    /// [`BadLayout`] says what of it cannot.
    pub fn check(&self) -> Result<(), BadLayout> {
        let bad = |what| Err(BadLayout::Member(what));
        if self.name.is_empty() || self.name.len() > 64 {
            return bad("`name` must have 1 to 64 characters");
        }
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '\n' | '\r' | '"' | '\0') {
            return bad(
                "`delimiter` must be one ASCII character that is no quote and no line's end",
            );
        }
        if !self.strip.is_ascii() {
            return bad("`strip` must be of ASCII characters");
        }
        if self.needs.is_empty() {
            return bad("`needs` must name the columns that tell such a file from others");
        }
        if when::parse_offset(&self.offset).is_none() {
            return bad("`offset` must be of the form +08:00");
        }
        if self.currency.is_some() == self.currency_column.is_some() {
            return bad("`currency` or `currency_column` must be there, and not both");
        }
        if self.rows.is_empty() {
            return bad("`rows` must have a rule");
        }
        for row in self.rows.iter().filter(|row| !row.skip) {
            if row.kind.is_some() == row.kind_column.is_some() {
                return bad("`rows` must each have `kind` or `kind_column`, and not both");
            }
            if row.key.is_empty() || row.at.is_empty() {
                return bad("`rows` must each name the columns of `key` and `at`");
            }
            if row.key_behind.as_ref().is_some_and(String::is_empty) {
                return bad("`rows` must not have an empty `key_behind`");
            }
            if row.amount.is_empty() == (row.income.is_empty() && row.expense.is_empty()) {
                return bad(
                    "`rows` must each name `amount`, or `income` and `expense`, and not both",
                );
            }
        }
        Ok(())
    }

    /// The known layout whose files it would take, too: all that it needs, these have.
    pub fn takes_files_of(&self) -> Option<String> {
        let takes = |known: &Layout| {
            let columns = known.named();
            known.name == self.name || self.needs.iter().all(|it| columns.contains(it.as_str()))
        };
        known().into_iter().find(takes).map(|known| known.name)
    }

    /// Every column that it names.
    fn named(&self) -> BTreeSet<&str> {
        let mut columns: BTreeSet<&str> = self.needs.iter().map(String::as_str).collect();
        columns.extend(self.currency_column.as_deref());
        columns.extend(self.balance.iter().map(String::as_str));
        for row in &self.rows {
            columns.extend(row.when.keys().map(String::as_str));
            columns.extend(row.kind_column.as_deref());
            let lists =
                [&row.key, &row.amount, &row.income, &row.expense, &row.fee, &row.status, &row.at];
            columns.extend(lists.into_iter().flatten().map(String::as_str));
        }
        columns
    }

    /// Whether a line can be a row of columns at fixed places: a blank stands behind each of them, unless another
    /// goes on there, and the line reaches behind the last.
    pub(crate) fn fits(&self, line: &[u8]) -> bool {
        let within = |at| self.columns.iter().any(|it| it.at < at && at < it.at + it.width);
        let parted = |column: &Column| {
            let end = column.at + column.width;
            line.len() >= end && (within(end) || line.get(end).is_none_or(|byte| *byte == b' '))
        };
        !self.columns.is_empty() && self.columns.iter().all(parted)
    }

    /// Minutes east of Greenwich.
    pub fn offset_minutes(&self) -> i32 {
        when::parse_offset(&self.offset).unwrap_or_default()
    }
}

/// The editions that are known without a mapping, the most particular first.
pub fn known() -> Vec<Layout> {
    vec![
        wechat_trade(),
        wechat_fund(),
        alipay_trade(),
        alipay_fund(),
        unionpay::trade(),
        orders_1(),
        movements(),
    ]
}

/// The layouts by which a bill of trades is read as what a bill of funds of the same channel should have: by the
/// number that both have, with what really moved, and fees as movements of their own.
pub fn trades_as_funds() -> Vec<Layout> {
    let mut wechat = wechat_trade();
    wechat.needs.push("微信订单号".to_owned());
    for row in &mut wechat.rows {
        row.fee_apart = true;
        let is_payment = row.kind == Some(Kind::Payment);
        // A coupon that the merchant pays for never moves.
        row.amount = match is_payment {
            true => names(&["应结订单金额", "总金额", "订单金额"]),
            false => names(&["退款金额", "申请退款金额"]),
        };
        row.key = names(if is_payment { &["微信订单号"] } else { &["微信退款单号"] });
        if row.kind == Some(Kind::Void) {
            row.kind = Some(Kind::Refund);
        }
    }
    let mut alipay = alipay_trade();
    for row in &mut alipay.rows {
        row.fee_apart = true;
        row.amount = names(&["商家实收(元)", "订单金额(元)"]);
        row.key = names(&["商户订单号"]);
    }
    let mut own = movements();
    for row in &mut own.rows {
        row.fee_apart = true;
    }
    vec![wechat, alipay, own]
}

/// Whether a file of a layout may be a bill of this kind: a channel's own layouts are of one kind alone.
pub fn may_be(name: &str, kind: BillKind) -> bool {
    match name {
        "wechat-trade" | "alipay-trade" | "unionpay-trade" => kind == BillKind::Trades,
        "wechat-fund" | "alipay-fund" => kind == BillKind::Funds,
        "lezai-orders.1" => kind != BillKind::Bank,
        _ => true,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn when_is(column: &str, values: &[&str]) -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([(column.to_owned(), names(values))])
}

/// WeChat Pay's bill of trades, ALL, SUCCESS and REFUND, new and old editions.
fn wechat_trade() -> Layout {
    let payment = RowRule {
        when: when_is("交易状态", &["SUCCESS"]),
        kind: Some(Kind::Payment),
        key: names(&["商户订单号"]),
        // Not 应结订单金额: coupons are taken off that one.
        amount: names(&["订单金额", "总金额", "应结订单金额"]),
        sign: Sign::In,
        fee: names(&["手续费"]),
        at: names(&["交易时间"]),
        ..RowRule::default()
    };
    let refund = RowRule {
        when: when_is("交易状态", &["REFUND"]),
        kind: Some(Kind::Refund),
        key: names(&["商户退款单号"]),
        amount: names(&["申请退款金额", "退款金额"]),
        sign: Sign::Out,
        status: names(&["退款状态"]),
        at: names(&["退款申请时间", "交易时间"]),
        ..payment.clone()
    };
    let revoked = RowRule {
        when: when_is("交易状态", &["REVOKED"]),
        kind: Some(Kind::Void),
        key: names(&["商户退款单号", "商户订单号"]),
        ..refund.clone()
    };
    Layout {
        name: "wechat-trade".to_owned(),
        quotes: false,
        delimiter: ',',
        strip: "`".to_owned(),
        needs: names(&["交易时间", "商户订单号", "交易状态", "手续费"]),
        offset: "+08:00".to_owned(),
        currency_column: Some("货币种类".to_owned()),
        statuses: BTreeMap::from([
            ("SUCCESS".to_owned(), Status::Done),
            // Of the moment when the bill was made; it is never written anew.
            ("PROCESSING".to_owned(), Status::Pending),
            ("FAIL".to_owned(), Status::Failed),
            ("CHANGE".to_owned(), Status::Failed),
        ]),
        rows: vec![payment, refund, revoked],
        footer: Footer::Table(
            "总交易单数",
            &[
                ("总交易单数", Check::Rows),
                ("订单总金额", Check::Sum(&["订单金额"])),
                ("申请退款总金额", Check::Sum(&["申请退款金额"])),
                ("退款总金额", Check::Sum(&["退款金额"])),
                ("手续费总金额", Check::Sum(&["手续费"])),
            ],
        ),
        ..Layout::default()
    }
}

/// WeChat Pay's bill of funds, of each of a merchant's accounts.
fn wechat_fund() -> Layout {
    let row = |column: &str, values: &[&str], way: &str, kind| RowRule {
        when: BTreeMap::from([
            (column.to_owned(), names(values)),
            ("收支类型".to_owned(), names(&[way])),
        ]),
        kind: Some(kind),
        // The voucher's number is the merchant's own, or one that nobody else has: `REF4200…` of a refund.
        key: names(&["微信支付业务单号", "业务凭证号", "资金流水单号"]),
        amount: names(&["收支金额(元)"]),
        sign: if way == "收入" { Sign::In } else { Sign::Out },
        at: names(&["记账时间"]),
        ..RowRule::default()
    };
    let business = "业务类型";
    let [column, total, fee] = ["备注", "退款总金额", "含手续费"].map(str::to_owned);
    let net = Net { column, total, fee };
    Layout {
        name: "wechat-fund".to_owned(),
        quotes: false,
        delimiter: ',',
        strip: "`".to_owned(),
        needs: names(&[
            "记账时间",
            "资金流水单号",
            "业务类型",
            "收支类型",
            "收支金额(元)",
            "账户结余(元)",
        ]),
        offset: "+08:00".to_owned(),
        currency: Some("CNY".to_owned()),
        rows: vec![
            row(business, &["交易"], "收入", Kind::Payment),
            RowRule { net: Some(net), ..row(business, &["退款"], "支出", Kind::Refund) },
            // Editions without the column of the text.
            row(business, &["退款"], "支出", Kind::Refund),
            row(business, &["扣除交易手续费", "交易手续费", "手续费"], "支出", Kind::Fee),
            row(
                business,
                &["退还交易手续费", "手续费退还", "退款手续费", "手续费"],
                "收入",
                Kind::FeeReturn,
            ),
            row(business, &["提现"], "支出", Kind::Withdrawal),
            row(business, &["提现", "提现退回"], "收入", Kind::WithdrawalReturn),
            row(business, &["付款", "商家转账", "企业付款"], "支出", Kind::Payout),
            row(business, &["付款退回", "退票"], "收入", Kind::PayoutReturn),
            row(business, &["分账", "分账回退", "分账退回"], "支出", Kind::Split),
            row(business, &["分账", "分账回退", "分账退回"], "收入", Kind::Split),
            RowRule {
                when: when_is("收支类型", &["收入"]),
                ..row(business, &[], "收入", Kind::Other)
            },
            RowRule {
                when: when_is("收支类型", &["支出"]),
                ..row(business, &[], "支出", Kind::Other)
            },
        ],
        balance: names(&["账户结余(元)"]),
        footer: Footer::Table(
            "资金流水总笔数",
            &[
                ("资金流水总笔数", Check::Rows),
                ("收入笔数", Check::InRows),
                ("收入金额", Check::In),
                ("支出笔数", Check::OutRows),
                ("支出金额", Check::Out),
            ],
        ),
        ..Layout::default()
    }
}

/// Alipay's bill of business, `trade`.
fn alipay_trade() -> Layout {
    let payment = RowRule {
        when: when_is("业务类型", &["交易"]),
        kind: Some(Kind::Payment),
        key: names(&["商户订单号"]),
        amount: names(&["订单金额(元)"]),
        sign: Sign::In,
        fee: names(&["服务费(元)"]),
        fee_sign: Sign::Negated,
        at: names(&["完成时间", "创建时间"]),
        ..RowRule::default()
    };
    let refund = RowRule {
        when: when_is("业务类型", &["退款"]),
        kind: Some(Kind::Refund),
        // Without a number of its own a refund is known by its order's.
        key: names(&["退款批次号/请求号", "商户订单号"]),
        sign: Sign::Out,
        ..payment.clone()
    };
    Layout {
        name: "alipay-trade".to_owned(),
        encoding: Encoding::Gbk,
        quotes: true,
        delimiter: ',',
        needs: names(&["支付宝交易号", "商户订单号", "业务类型", "订单金额(元)"]),
        offset: "+08:00".to_owned(),
        currency: Some("CNY".to_owned()),
        rows: vec![payment, refund],
        footer: Footer::Remarks(
            "列表结束",
            &[
                ("#交易合计", Check::InOrAllRows, Check::Any),
                ("#退款合计", Check::OutRows, Check::Any),
            ],
        ),
        ..Layout::default()
    }
}

/// Alipay's bill of funds, `signcustomer`.
fn alipay_fund() -> Layout {
    let row = |values: &[&str], kind| RowRule {
        when: when_is("业务类型", values),
        kind: Some(kind),
        key: names(&["商户订单号", "业务流水号", "账务流水号"]),
        income: names(&["收入金额(+元)"]),
        expense: names(&["支出金额(-元)"]),
        at: names(&["发生时间"]),
        ..RowRule::default()
    };
    Layout {
        name: "alipay-fund".to_owned(),
        encoding: Encoding::Gbk,
        quotes: true,
        delimiter: ',',
        needs: names(&["账务流水号", "发生时间", "收入金额(+元)", "支出金额(-元)"]),
        offset: "+08:00".to_owned(),
        currency: Some("CNY".to_owned()),
        rows: vec![
            row(&["在线支付", "交易付款"], Kind::Payment),
            row(&["退款", "交易退款"], Kind::Refund),
            row(&["收费", "服务费"], Kind::Fee),
            row(&["退费"], Kind::FeeReturn),
            row(&["提现"], Kind::Withdrawal),
            row(&["转账", "单笔转账"], Kind::Payout),
            row(&["分账", "交易分账"], Kind::Split),
            RowRule { when: BTreeMap::new(), ..row(&[], Kind::Other) },
        ],
        balance: names(&["账户余额(元)"]),
        footer: Footer::Remarks(
            "列表结束",
            &[("#支出合计", Check::OutRows, Check::Out), ("#收入合计", Check::InRows, Check::In)],
        ),
        ..Layout::default()
    }
}

/// Lezai's statement of orders, for a merchant to hold against its own books.
fn orders_1() -> Layout {
    let row = |kinds: &[&str], kind| RowRule {
        when: BTreeMap::from([
            ("record".to_owned(), names(&["order"])),
            ("kind".to_owned(), names(kinds)),
        ]),
        kind: Some(kind),
        key: names(&["reference"]),
        amount: names(&["gross_minor"]),
        fee: names(&["fee_minor"]),
        at: names(&["at"]),
        ..RowRule::default()
    };
    statement(
        "lezai-orders.1",
        &["record", "entry", "reference", "gross_minor", "net_minor"],
        vec![
            row(&["payment", "direct_payment"], Kind::Payment),
            row(&["refund", "direct_refund"], Kind::Refund),
            row(&["void", "direct_void"], Kind::Void),
            row(&["debit_return"], Kind::DebitReturn),
            row(&["refund_failure", "void_failure", "split_fee"], Kind::Other),
        ],
        &["total"],
    )
}

fn statement(name: &str, needs: &[&str], mut rows: Vec<RowRule>, passed_over: &[&str]) -> Layout {
    rows.push(RowRule { when: when_is("record", passed_over), skip: true, ..RowRule::default() });
    Layout {
        name: name.to_owned(),
        quotes: true,
        delimiter: ',',
        needs: names(needs),
        offset: "+00:00".to_owned(),
        unit: Unit::Minor,
        currency_column: Some("currency".to_owned()),
        rows,
        guarded: true,
        footer: Footer::Row("end"),
        ..Layout::default()
    }
}

/// Lezai's own: the sandbox channel's bill, expected movements, and what a merchant exports of its books.
fn movements() -> Layout {
    Layout {
        name: "lezai-movements".to_owned(),
        quotes: true,
        delimiter: ',',
        needs: names(&["at", "kind", "reference", "minor", "currency"]),
        offset: "+00:00".to_owned(),
        unit: Unit::Minor,
        currency_column: Some("currency".to_owned()),
        rows: vec![RowRule {
            kind_column: Some("kind".to_owned()),
            key: names(&["reference"]),
            amount: names(&["minor"]),
            fee: names(&["fee"]),
            status: names(&["status"]),
            at: names(&["at"]),
            ..RowRule::default()
        }],
        ..Layout::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_layouts_hold_what_is_asked_of_others() {
        for layout in known() {
            layout.check().unwrap();
            let mut written = serde_json::to_value(&layout).unwrap();
            let read = Layout::from_json(written.to_string().as_bytes()).unwrap();
            // What no operator writes.
            let (footer, columns) = (layout.footer.clone(), layout.columns);
            assert_eq!(Layout { footer, columns, guarded: layout.guarded, ..read }, layout);
            written["surprise"] = true.into();
            assert!(Layout::from_json(written.to_string().as_bytes()).is_err());
        }
    }

    #[test]
    fn a_mapping_that_cannot_be_used_says_what_of_it() {
        let good = movements();
        let change = |change: fn(&mut Layout)| {
            let mut layout = good.clone();
            change(&mut layout);
            layout.check()
        };
        assert_eq!(change(|_| {}), Ok(()));
        for (name, bad) in [
            ("name", change(|it| it.name.clear())),
            ("delimiter", change(|it| it.delimiter = '\n')),
            ("delimiter", change(|it| it.delimiter = '，')),
            ("strip", change(|it| it.strip = "｀".to_owned())),
            ("needs", change(|it| it.needs.clear())),
            ("offset", change(|it| it.offset = "8".to_owned())),
            ("currency", change(|it| it.currency = Some("CNY".to_owned()))),
            ("rows", change(|it| it.rows.clear())),
            ("rows", change(|it| it.rows[0].kind = Some(Kind::Other))),
            ("rows", change(|it| it.rows[0].key.clear())),
            ("rows", change(|it| it.rows[0].amount.clear())),
            ("rows", change(|it| it.rows[0].key_behind = Some(String::new()))),
            ("rows", change(|it| it.rows[0].income = names(&["x"]))),
        ] {
            let text = bad.unwrap_err().to_string();
            assert!(text.contains(&format!("`{name}`")), "{name}: {text}");
        }
    }
}
