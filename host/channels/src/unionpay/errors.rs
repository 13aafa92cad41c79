//! UnionPay's codes (`respCode`, `origRespCode`). docs/channel-errors.md prints this table; a test compares the two.
//! 00 is no error: taken, or for a query known.

use crate::outcome::{Advice, ErrorRow};

macro_rules! rows {
    ($($code:literal $word:literal $advice:ident $english:literal $chinese:literal;)*) => {
        &[$(ErrorRow {
            code: $code, word: $word, advice: Advice::$advice, english: $english, chinese: $chinese,
        }),*]
    };
}

/// The table.
pub const TABLE: &[ErrorRow] = rows! {
    "01" "declined" GiveUp "the transaction failed; a code that was used before says so, too" "交易失败，重复使用的付款码也返回此码";
    "02" "busy" Repeat "UnionPay is closed for the moment" "系统未开放或暂时关闭";
    "03" "channel_error" Query "it took too long: ask" "交易通讯超时，需查询";
    "04" "channel_error" Query "the outcome is unknown: ask" "交易状态未明，需查询";
    "05" "processing" Query "it was taken: ask" "交易已受理，需查询";
    "06" "busy" Query "UnionPay is busy" "系统繁忙";
    "10" "invalid_request" GiveUp "a member has a wrong form" "报文格式错误";
    "11" "credentials" GiveUp "our signature is wrong: check the certificate and the key" "验证签名失败：检查签名证书与私钥";
    "12" "number_used" Query "the number was used: ask for it" "重复交易，需查询";
    "13" "invalid_request" GiveUp "a member is missing" "报文交易要素缺失";
    "30" "declined" GiveUp "not passed: try another card" "交易未通过，请换卡";
    "31" "not_permitted" GiveUp "the merchant is not active" "商户状态不正确";
    "32" "not_permitted" GiveUp "the merchant may not use this transaction" "无此交易权限";
    "33" "limit" GiveUp "the amount is above a limit" "交易金额超限";
    "34" "not_found" GiveUp "no such transaction; one on the way may come to be known later" "查无此交易，途中的交易之后可能查到";
    "35" "state" GiveUp "the first transaction does not exist, or its state does not allow it" "原交易不存在或状态不正确";
    "36" "amount" GiveUp "it does not fit the first transaction" "与原交易信息不符";
    "37" "busy" Repeat "too many queries" "查询次数超限或操作过于频繁";
    "38" "risk" GiveUp "UnionPay's risk control refuses it" "银联风险受限";
    "39" "not_permitted" GiveUp "not at this time of day" "交易不在受理时间范围内";
    "42" "paid_late" Query "the money was taken after the order's time; UnionPay gives it back" "扣款成功但超过支付时间，银联自动退款";
    "43" "not_permitted" GiveUp "the merchant may not use this product" "无此业务权限";
    "44" "declined" GiveUp "the card's number is wrong, or the service is not switched on" "卡号错误或未开通此业务";
    "45" "already_returned" GiveUp "the first transaction went back already" "原交易已退货或已撤销";
    "60" "declined" GiveUp "the card's bank refuses it" "发卡行拒绝";
    "61" "declined" GiveUp "the card's number is not valid" "卡号无效";
    "62" "declined" GiveUp "the card's bank does not serve this merchant" "发卡行不支持该商户";
    "63" "account_abnormal" GiveUp "the card's state is wrong" "卡状态不正确";
    "64" "not_enough" GiveUp "the balance is too small" "余额不足";
    "65" "declined" GiveUp "password, date or CVN2 is wrong" "密码、有效期或 CVN2 有误";
    "66" "declined" GiveUp "name or telephone number is wrong" "身份信息或手机号不正确";
    "67" "declined" GiveUp "the password was wrong too often" "密码输入次数超限";
    "68" "declined" GiveUp "the card does not support it" "银行卡暂不支持该业务";
    "69" "declined" GiveUp "the shopper took too long" "输入超时";
    "70" "processing" Query "the shopper must enter something" "等待持卡人输入";
    "71" "declined" GiveUp "the one-time code is wrong" "动态口令或短信验证码错误";
    "72" "declined" GiveUp "the shopper must ask the bank to switch it on" "未在银行开通";
    "73" "declined" GiveUp "the card is too old" "支付卡已过期";
    "77" "declined" GiveUp "the card is not registered for such payments" "未开通认证支付";
    "78" "declined" GiveUp "the card's bank limits it" "发卡行交易权限受限";
    "80" "declined" GiveUp "the token is over" "Token 已过期";
    "81" "limit" GiveUp "the month's limit" "月累计交易超限";
    "83" "processing" Query "the card's bank is working on it" "发卡行处理中";
    "84" "declined" GiveUp "the promotion's rules do not fit" "营销规则不满足";
    "85" "code_invalid" GiveUp "the code is in another state: scan again" "二维码状态错误";
    "86" "limit" GiveUp "paid too often" "支付次数超限";
    "88" "code_invalid" GiveUp "no such code: scan again" "无此二维码";
    "98" "no_bill" Query "no such file, or not yet" "文件不存在";
    "99" "channel_error" Query "UnionPay failed, and may have done it" "通用错误，结果未知";
};
