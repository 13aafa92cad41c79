//! WeChat Pay's errors. docs/channel-errors.md prints this table; a test compares the two.
//!
//! The meanings are those of pay.weixin.qq.com's lists of APIv3 errors. Codes with and without an
//! underscore are both in use there.

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
    "PARAM_ERROR" "invalid_request" GiveUp "a parameter is wrong" "参数错误";
    "INVALID_REQUEST" "invalid_request" GiveUp "the request does not fit the order or the contract" "请求不符合业务规则";
    "INVALIDREQUEST" "invalid_request" GiveUp "the request does not fit the order or the contract" "请求不符合业务规则";
    "SIGN_ERROR" "credentials" GiveUp "our signature is wrong: check the private key and its serial number" "签名错误：检查商户私钥与证书序列号";
    "SIGN_ERROR_RESPONSE" "credentials" GiveUp "our signature is wrong" "签名错误";
    "NO_AUTH" "not_permitted" GiveUp "the merchant may not use this product" "商户无此产品权限";
    "NOAUTH" "not_permitted" GiveUp "the merchant may not use this product" "商户无此产品权限";
    "MCH_NOT_EXISTS" "credentials" GiveUp "no such merchant" "商户号不存在";
    "APPID_MCHID_NOT_MATCH" "credentials" GiveUp "the application is not bound to the merchant" "appid 与 mchid 未绑定";
    "OPENID_MISMATCH" "payer_mismatch" GiveUp "the openid belongs to another application" "openid 与 appid 不匹配";
    "OUT_TRADE_NO_USED" "number_used" Query "the number was used with other parameters" "商户订单号重复";
    "ORDER_NOT_EXIST" "not_found" GiveUp "no such order" "订单不存在";
    "ORDERNOTEXIST" "not_found" GiveUp "no such order" "订单不存在";
    "RESOURCE_NOT_EXISTS" "not_found" GiveUp "no such order or refund" "查询的资源不存在";
    "ORDER_CLOSED" "closed" Query "the order is closed" "订单已关闭";
    "ORDERCLOSED" "closed" Query "the order is closed" "订单已关闭";
    "ORDER_PAID" "paid" Query "the order is paid" "订单已支付";
    "ORDERPAID" "paid" Query "the order is paid" "订单已支付";
    "ORDER_REVERSED" "closed" Query "the order was reversed" "订单已撤销";
    "ORDERREVERSED" "closed" Query "the order was reversed" "订单已撤销";
    "TRADE_ERROR" "declined" Query "the payment failed: its query tells how it stands" "交易错误";
    "RULE_LIMIT" "limit" GiveUp "a limit of the account or of risk control" "业务规则限制";
    "RULELIMIT" "limit" GiveUp "a limit of the account or of risk control" "业务规则限制";
    "ACCOUNT_ERROR" "account_abnormal" GiveUp "the account cannot be used" "账号异常";
    "ACCOUNTERROR" "account_abnormal" GiveUp "the account cannot be used" "账号异常";
    "USER_ACCOUNT_ABNORMAL" "account_abnormal" GiveUp "the shopper's account cannot take the refund" "用户账户异常";
    "NOT_ENOUGH" "not_enough" Repeat "refund: the merchant's balance is too small, repeat under the same number once it is topped up; code payment: the shopper's is" "余额不足";
    "NOTENOUGH" "not_enough" Repeat "refund: the merchant's balance is too small, repeat under the same number once it is topped up; code payment: the shopper's is" "余额不足";
    "INVALID_TRANSACTIONID" "not_found" GiveUp "no such transaction" "微信支付订单号非法";
    "AUTH_CODE_EXPIRED" "code_expired" GiveUp "the payment code is too old: scan again" "付款码过期，请刷新后重试";
    "AUTHCODEEXPIRE" "code_expired" GiveUp "the payment code is too old: scan again" "付款码过期，请刷新后重试";
    "AUTH_CODE_ERROR" "code_invalid" GiveUp "the payment code is wrong" "付款码错误";
    "AUTH_CODE_INVALID" "code_invalid" GiveUp "the payment code is wrong" "付款码无效";
    "USERPAYING" "awaiting_shopper" Query "the shopper is entering the password" "用户支付中，需要输入密码";
    "USER_PAYING" "awaiting_shopper" Query "the shopper is entering the password" "用户支付中，需要输入密码";
    "BANK_ERROR" "channel_error" Query "the bank's system failed" "银行系统异常";
    "BANKERROR" "channel_error" Query "the bank's system failed" "银行系统异常";
    "FREQUENCY_LIMITED" "busy" Repeat "too many requests" "频率超限";
    "FREQUENCY_LIMIT_EXCEED" "busy" Repeat "too many requests" "频率超限";
    "RATELIMIT_EXCEEDED" "busy" Repeat "too many requests" "频率超限";
    "NO_STATEMENT_EXIST" "no_bill" GiveUp "the day has no bill: nothing was traded" "账单文件不存在";
    "STATEMENT_CREATING" "bill_creating" Repeat "the bill is still being made" "账单文件正在生成";
    "SYSTEM_ERROR" "channel_error" Query "WeChat Pay failed, and may have done it" "系统异常";
    "SYSTEMERROR" "channel_error" Query "WeChat Pay failed, and may have done it" "系统异常";
};
