//! Bills as the providers write them: WeChat Pay's UTF-8 with a byte order mark and a grave accent before
//! each field, Alipay's GBK in a zip.

use crate::time;

/// A line of a bill.
#[derive(Clone, Debug, Default)]
pub struct Line {
    at: Option<i64>,
    number: String,
    transaction: String,
    total: i64,
    refund: Option<(String, String, i64)>,
}

impl Line {
    /// A payment.
    pub fn payment(at: Option<i64>, number: &str, transaction: Option<&str>, total: i64) -> Self {
        let transaction = transaction.unwrap_or_default().to_owned();
        Self { at, number: number.to_owned(), transaction, total, refund: None }
    }

    /// A refund: our number of it, the provider's, and how much.
    pub fn refund(
        at: Option<i64>,
        number: &str,
        transaction: Option<&str>,
        total: i64,
        refund: &str,
        id: &str,
        amount: i64,
    ) -> Self {
        let refund = Some((refund.to_owned(), id.to_owned(), amount));
        Self { refund, ..Self::payment(at, number, transaction, total) }
    }
}

impl Line {
    /// At another time, by so many seconds.
    pub fn move_by(&mut self, secs: i64) {
        self.at = self.at.map(|at| at + secs);
    }
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// The fee of 0.6 % in thousandths of a fen: taken of a payment, given back of a refund.
fn fee_of(line: &Line) -> i64 {
    6 * line.refund.as_ref().map_or(line.total, |(_, _, amount)| -amount)
}

/// Thousandths of a fen as yuan, with five decimals.
fn five_decimals(thousandths: i64) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    format!("{sign}{}.{:05}", thousandths.abs() / 100_000, thousandths.abs() % 100_000)
}

/// Thousandths of a fen as fen, without a sign, half of one rounded up: so much moves.
fn whole_fen(thousandths: i64) -> i64 {
    (thousandths.abs() + 500) / 1000
}

/// The balance of an account when a day begins, in fen.
const OPENING: i64 = 100_000;

/// Lines in the order of their times, as they stand in a bill of funds.
fn in_order(lines: &[Line]) -> Vec<&Line> {
    let mut sorted: Vec<&Line> = lines.iter().collect();
    sorted.sort_by_key(|line| line.at);
    sorted
}

/// The account's movements, counted and added up.
#[derive(Default)]
struct Account {
    moved: i64,
    income: (u32, i64),
    expense: (u32, i64),
}

impl Account {
    /// The balance after a movement; negative is money that leaves.
    fn after(&mut self, minor: i64) -> String {
        self.moved += minor;
        let side = if minor > 0 { &mut self.income } else { &mut self.expense };
        *side = (side.0 + 1, side.1 + minor.abs());
        let balance = OPENING + self.moved;
        format!("{}{}", if balance < 0 { "-" } else { "" }, yuan(balance.abs()))
    }
}

/// `ALL` of WeChat Pay.
pub fn wechat(lines: &[Line]) -> Vec<u8> {
    const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
    let mut text = format!("\u{feff}{HEAD}\r\n");
    let (mut gross, mut back, mut fees) = (0, 0, 0);
    for line in lines {
        let at = line.at.map(time::beijing).unwrap_or_default();
        fees += fee_of(line);
        let (state, refund, id, amount) = match &line.refund {
            None => ("SUCCESS", "0", "0", 0),
            Some((refund, id, amount)) => ("REFUND", refund.as_str(), id.as_str(), *amount),
        };
        let settled = if line.refund.is_none() { line.total } else { 0 };
        gross += settled;
        back += amount;
        let kind = if line.refund.is_some() { "ORIGINAL" } else { "" };
        let status = if line.refund.is_some() { "SUCCESS" } else { "" };
        let fields = [
            at,
            crate::wechat::APP_ID.to_owned(),
            crate::wechat::MERCHANT.to_owned(),
            "0".to_owned(),
            String::new(),
            line.transaction.clone(),
            line.number.clone(),
            "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned(),
            "NATIVE".to_owned(),
            state.to_owned(),
            "OTHERS".to_owned(),
            "CNY".to_owned(),
            yuan(settled),
            "0.00".to_owned(),
            id.to_owned(),
            refund.to_owned(),
            yuan(amount),
            "0.00".to_owned(),
            kind.to_owned(),
            status.to_owned(),
            "商品".to_owned(),
            String::new(),
            five_decimals(fee_of(line)),
            "0.60%".to_owned(),
            yuan(settled),
            yuan(amount),
            String::new(),
        ];
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}")).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text.push_str("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n");
    let (count, gross, back) = (lines.len(), yuan(gross), yuan(back));
    let fees = five_decimals(fees);
    text.push_str(&format!("`{count},`{gross},`{back},`0.00,`{fees},`{gross},`{back}\r\n"));
    text.into_bytes()
}

/// The bill of funds of WeChat Pay's basic account. A refund is net of the fee that comes back.
pub fn wechat_funds(lines: &[Line]) -> Vec<u8> {
    const HEAD: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号";
    let (mut rows, mut account) = (String::new(), Account::default());
    let mut row =
        |line: &Line, number: &str, kind: &str, minor: i64, remark: &str, voucher: &str| {
            let at = line.at.map(time::beijing).unwrap_or_default();
            let (way, amount) = (if minor > 0 { "收入" } else { "支出" }, yuan(minor.abs()));
            let balance = account.after(minor);
            let flow =
                format!("{}{}", crate::wechat::MERCHANT, account.income.0 + account.expense.0);
            let fields =
                [&at, number, &flow, kind, kind, way, &amount, &balance, "system", remark, voucher];
            let fields: Vec<String> = fields.iter().map(|field| format!("`{field}")).collect();
            rows.push_str(&format!("{}\r\n", fields.join(",")));
        };
    for line in in_order(lines) {
        let fee = whole_fen(fee_of(line));
        match &line.refund {
            None => {
                row(line, &line.transaction, "交易", line.total, "", &line.number);
                if fee > 0 {
                    row(line, &line.transaction, "扣除交易手续费", -fee, "", &line.number);
                }
            }
            Some((_, id, amount)) => {
                let remark = format!("退款总金额{}元;含手续费{}元", yuan(*amount), yuan(fee));
                row(line, id, "退款", fee - amount, &remark, &format!("REF{}", line.transaction));
            }
        }
    }
    let Account { income, expense, .. } = account;
    let count = income.0 + expense.0;
    let (received, spent) = (yuan(income.1), yuan(expense.1));
    format!(
        "\u{feff}{HEAD}\r\n{rows}资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`{count}.0,`{}.0,`{received},`{}.0,`{spent}\r\n",
        income.0, expense.0
    )
    .into_bytes()
}

/// `trade` of Alipay: details and sums, each in a file, in a zip.
pub fn alipay(day: &str, lines: &[Line], cut: Option<Cut>) -> Vec<u8> {
    let mut text = format!(
        "#支付宝业务明细查询\r\n#账号：[{}]\r\n#起始日期：[{day} 00:00:00]   终止日期：[{day} 23:59:59]\r\n",
        crate::alipay::SELLER
    );
    text.push_str("#-----------------------------------------业务明细列表----------------------------------------\r\n");
    text.push_str("支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n");
    let (mut paid, mut back) = ((0, 0), (0, 0));
    for line in lines {
        let at = line.at.map(time::beijing).unwrap_or_default();
        let (kind, amount, refund) = match &line.refund {
            None => ("交易", yuan(line.total), ""),
            Some((refund, _, amount)) => ("退款", format!("-{}", yuan(*amount)), refund.as_str()),
        };
        match &line.refund {
            None => paid = (paid.0 + 1, paid.1 + line.total),
            Some((_, _, amount)) => back = (back.0 + 1, back.1 + amount),
        }
        let (id, number) = (&line.transaction, &line.number);
        let fee = yuan(whole_fen(fee_of(line)));
        let fee = if line.refund.is_none() && fee != "0.00" { format!("-{fee}") } else { fee };
        text.push_str(&format!(
            "{id}\t,{number}\t,{kind},商品,{at},{at},,,,,*先生(135****0000),{amount},{amount},0.00,0.00,0.00,0.00,0.00,,0.00,0.00,{refund},{fee},0.00,\r\n"
        ));
    }
    text.push_str("#-----------------------------------------业务明细列表结束------------------------------------\r\n");
    let (paid_sum, back_sum) = (yuan(paid.1), yuan(back.1));
    text.push_str(&format!(
        "#交易合计：{}笔，商家实收共{paid_sum}元，商家优惠共0.00元\r\n#退款合计：{}笔，商家实收退款共-{back_sum}元，商家优惠退款共0.00元\r\n#导出时间：[{day} 09:00:00]\r\n",
        paid.0, back.0
    ));
    let sums = format!(
        "#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）\r\n合计,,{},{},{paid_sum},{paid_sum}\r\n",
        paid.0, back.0
    );
    packed("业务", day, &text, &sums, cut)
}

/// `signcustomer` of Alipay: every movement of the account.
pub fn alipay_funds(day: &str, lines: &[Line], cut: Option<Cut>) -> Vec<u8> {
    let mut text = format!(
        "#支付宝账务明细查询\r\n#账号：[{}]\r\n#起始日期：[{day} 00:00:00]   终止日期：[{day} 23:59:59]\r\n",
        crate::alipay::SELLER
    );
    text.push_str("#-----------------------------------------账务明细列表----------------------------------------\r\n");
    text.push_str("账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n");
    let mut account = Account::default();
    for line in in_order(lines) {
        let fee = whole_fen(fee_of(line));
        let moved = match &line.refund {
            None => [("在线支付", line.total), ("收费", -fee)],
            Some((_, _, amount)) => [("交易退款", -amount), ("退费", fee)],
        };
        for (kind, minor) in moved.into_iter().filter(|(_, minor)| *minor != 0) {
            let balance = account.after(minor);
            let flow = account.income.0 + account.expense.0;
            let at = line.at.map(time::beijing).unwrap_or_default();
            let (income, expense) = match minor > 0 {
                true => (yuan(minor), "0.00".to_owned()),
                false => ("0.00".to_owned(), format!("-{}", yuan(-minor))),
            };
            let (id, number) = (&line.transaction, &line.number);
            text.push_str(&format!(
                "2{flow:015}\t,{id}\t,{number}\t,商品,{at},*先生 (135****0000)\t,{income},{expense},{balance},支付宝,{kind},\r\n"
            ));
        }
    }
    let Account { income, expense, .. } = account;
    let (received, spent) = (yuan(income.1), yuan(expense.1));
    text.push_str("#-----------------------------------------账务明细列表结束------------------------------------\r\n");
    text.push_str(&format!(
        "#支出合计：{}笔，共-{spent}元\r\n#收入合计：{}笔，共{received}元\r\n#导出时间：[{day} 09:00:00]\r\n",
        expense.0, income.0
    ));
    let sums = format!(
        "#支付宝账务汇总查询\r\n类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）\r\n合计,{},{received},{},-{spent}\r\n",
        income.0, expense.0
    );
    packed("账务", day, &text, &sums, cut)
}

/// Where a bill's file ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The zip does.
    Zip,
    /// The text does, and the zip is whole.
    Text,
}

/// The two files of a bill in a zip, as Alipay names them.
fn packed(of: &str, day: &str, details: &str, sums: &str, cut: Option<Cut>) -> Vec<u8> {
    let name = format!("{}_{}_{of}", crate::alipay::SELLER, day.replace('-', ""));
    let (mut details, sums) = (gbk(details), gbk(sums));
    if cut == Some(Cut::Text) {
        details.truncate(details.len() / 2);
    }
    let mut zip =
        zip(&[(&format!("{name}明细(汇总).csv"), &sums), (&format!("{name}明细.csv"), &details)]);
    if cut == Some(Cut::Zip) {
        zip.truncate(zip.len() / 2);
    }
    zip
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

/// A zip of some files, not compressed.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let four = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
    let two = |number: usize| u16::try_from(number).unwrap_or_default().to_le_bytes();
    let (mut local, mut central) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let name = gbk(name);
        let (at, size) = (four(local.len()), four(content.len()));
        // Version, flags, method, time, day; then the sums and sizes.
        let common: Vec<u8> = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x00][..],
            &crc32(content).to_le_bytes(),
            &size,
            &size,
            &two(name.len()),
            &[0, 0],
        ]
        .concat();
        local.extend([b"PK\x03\x04", &common[..], &name, content].concat());
        // No comment, the first disk, no attributes; then where the file lies.
        central.extend([b"PK\x01\x02", &[20, 0][..], &common, &[0; 10], &at, &name].concat());
    }
    let count = two(files.len());
    let end = [
        b"PK\x05\x06",
        &[0; 4][..],
        &count,
        &count,
        &four(central.len()),
        &four(local.len()),
        &[0, 0],
    ]
    .concat();
    [local, central, end].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
