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

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// `ALL` of WeChat Pay.
pub fn wechat(lines: &[Line]) -> Vec<u8> {
    const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
    let mut text = format!("\u{feff}{HEAD}\r\n");
    let (mut gross, mut back) = (0, 0);
    for line in lines {
        let at = line.at.map(time::beijing).unwrap_or_default();
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
            "0.00000".to_owned(),
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
    text.push_str(&format!("`{count},`{gross},`{back},`0.00,`0.00000,`{gross},`{back}\r\n"));
    text.into_bytes()
}

/// `trade` of Alipay: one file in a zip.
pub fn alipay(day: &str, lines: &[Line]) -> Vec<u8> {
    let mut text = format!(
        "#支付宝业务明细查询\r\n#账号：[{}]\r\n#起始日期：[{day} 00:00:00]\r\n",
        crate::alipay::SELLER
    );
    text.push_str("#-----------------------------------------业务明细列表----------------------------------------\r\n");
    text.push_str("支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n");
    for line in lines {
        let at = line.at.map(time::beijing).unwrap_or_default();
        let (kind, amount, refund) = match &line.refund {
            None => ("交易", yuan(line.total), ""),
            Some((refund, _, amount)) => ("退款", format!("-{}", yuan(*amount)), refund.as_str()),
        };
        let (id, number) = (&line.transaction, &line.number);
        text.push_str(&format!(
            "{id}\t,{number}\t,{kind},商品,{at},{at},,,,,*先生(135****0000),{amount},{amount},0.00,0.00,0.00,0.00,0.00,,0.00,0.00,{refund},0.00,0.00,\r\n"
        ));
    }
    text.push_str("#-----------------------------------------业务明细列表结束------------------------------------\r\n");
    let (gbk, _, _) = encoding_rs::GBK.encode(&text);
    zip(&format!("{}_{}_业务明细.csv", crate::alipay::SELLER, day.replace('-', "")), &gbk)
}

/// A zip with one file, not compressed.
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let (name, _, _) = encoding_rs::GBK.encode(name);
    let crc = crc32(content).to_le_bytes();
    let size = u32::try_from(content.len()).unwrap_or_default().to_le_bytes();
    let name_size = u16::try_from(name.len()).unwrap_or_default().to_le_bytes();
    // Version, flags, method, time, day; then the sums and sizes.
    let common: Vec<u8> =
        [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x00][..], &crc, &size, &size, &name_size, &[0, 0]]
            .concat();
    let local = [b"PK\x03\x04", &common[..], &name, content].concat();
    let central = [b"PK\x01\x02", &[20, 0][..], &common, &[0; 14], &name].concat();
    let central_size = u32::try_from(central.len()).unwrap_or_default().to_le_bytes();
    let at = u32::try_from(local.len()).unwrap_or_default().to_le_bytes();
    let end = [b"PK\x05\x06", &[0, 0, 0, 0, 1, 0, 1, 0][..], &central_size, &at, &[0, 0]].concat();
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
