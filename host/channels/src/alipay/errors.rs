//! Alipay's errors: `sub_code`, or `code` where there is none. docs/channel-errors.md prints this table; a
//! test compares the two.

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
    "20000" "channel_error" Query "Alipay failed, and may have done it" "服务不可用，结果未知";
    "isp.unknow-error" "channel_error" Query "Alipay failed, and may have done it" "服务暂不可用，结果未知";
    "aop.unknow-error" "channel_error" Query "Alipay failed, and may have done it" "服务暂不可用，结果未知";
    "20001" "credentials" GiveUp "the merchant's leave is missing or over" "授权权限不足";
    "aop.invalid-auth-token" "credentials" GiveUp "the merchant's token is wrong" "无效的访问令牌";
    "aop.invalid-app-auth-token" "credentials" GiveUp "the merchant's token is wrong" "无效的应用授权令牌";
    "40001" "invalid_request" GiveUp "a parameter is missing" "缺少必选参数";
    "40002" "invalid_request" GiveUp "a parameter is wrong" "非法的参数";
    "40003" "busy" Repeat "Alipay limits the request" "条件异常";
    "40006" "not_permitted" GiveUp "the application may not use this call" "权限不足";
    "isv.invalid-signature" "credentials" GiveUp "our signature is wrong: check the private key" "无效签名：检查应用私钥与支付宝公钥";
    "isv.invalid-app-id" "credentials" GiveUp "no such application" "无效的 AppID";
    "isv.insufficient-isv-permissions" "not_permitted" GiveUp "the application may not use this call" "ISV 权限不足";
    "isv.insufficient-user-permissions" "not_permitted" GiveUp "the merchant may not use this call" "用户权限不足";
    "isv.invalid-parameter" "invalid_request" GiveUp "a parameter is wrong" "参数无效";
    "isv.missing-parameter" "invalid_request" GiveUp "a parameter is missing" "缺少参数";
    "isv.invalid-timestamp" "credentials" GiveUp "the gateway's clock is wrong" "非法的时间戳参数";
    "isv.app-call-limited" "busy" Repeat "too many requests of the application" "应用调用次数超限";
    "isv.method-call-limited" "busy" Repeat "too many requests of this call" "接口调用次数超限";
    "isp.bill_not_exist" "no_bill" GiveUp "the day has no bill: nothing moved, or it is not made yet" "账单不存在：当日无交易，或账单尚未生成";
    "BILL_NOT_EXIST" "no_bill" GiveUp "the day has no bill: nothing moved, or it is not made yet" "账单不存在：当日无交易，或账单尚未生成";
    "isv.invalid_arguments" "invalid_request" GiveUp "a parameter is wrong, or the day is not over" "参数有误，或账单日期未到";
    "ACQ.SYSTEM_ERROR" "channel_error" Query "Alipay failed, and may have done it" "系统错误，结果未知";
    "SYSTEM_ERROR" "channel_error" Query "Alipay failed, and may have done it" "系统错误，结果未知";
    "ACQ.INVALID_PARAMETER" "invalid_request" GiveUp "a parameter is wrong" "参数无效";
    "ACQ.ACCESS_FORBIDDEN" "not_permitted" GiveUp "the merchant may not use this product" "无权限使用接口";
    "ACQ.EXIST_FORBIDDEN_WORD" "invalid_request" GiveUp "the subject has a forbidden word" "订单信息中包含违禁词";
    "ACQ.PARTNER_ERROR" "credentials" GiveUp "the application is not bound to the merchant" "应用 APP_ID 填写错误";
    "ACQ.SELLER_NOT_EXIST" "credentials" GiveUp "no such merchant" "卖家不存在";
    "ACQ.TOTAL_FEE_EXCEED" "limit" GiveUp "the amount is above a limit" "订单总金额超过限额";
    "ACQ.CONTEXT_INCONSISTENT" "number_used" Query "the number was used with other parameters" "交易信息被篡改";
    "ACQ.TRADE_HAS_SUCCESS" "paid" Query "the trade is paid" "交易已被支付";
    "ACQ.TRADE_HAS_CLOSE" "closed" Query "the trade is closed" "交易已经关闭";
    "ACQ.TRADE_HAS_FINISHED" "finished" GiveUp "the time for refunds is over" "交易已完结";
    "ACQ.TRADE_NOT_EXIST" "not_found" GiveUp "no such trade; none exists before a QR code is scanned" "交易不存在";
    "ACQ.TRADE_STATUS_ERROR" "state" Query "the trade's state does not allow it" "交易状态不合法";
    "ACQ.REASON_TRADE_STATUS_INVALID" "state" Query "only a trade that waits for its buyer can be closed" "交易状态异常，只有等待付款的交易可关闭";
    "ACQ.REASON_TRADE_BEEN_FREEZEN" "frozen" GiveUp "the trade is frozen" "交易被冻结";
    "ACQ.PAYMENT_AUTH_CODE_INVALID" "code_invalid" GiveUp "the payment code is wrong or too old: scan again" "支付授权码无效";
    "ACQ.BUYER_BALANCE_NOT_ENOUGH" "not_enough" GiveUp "the shopper's balance is too small" "买家余额不足";
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH" "not_enough" GiveUp "the shopper's card has too little" "用户银行卡余额不足";
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE" "declined" GiveUp "the shopper turned balance payments off" "余额支付功能关闭";
    "ACQ.BUYER_SELLER_EQUAL" "declined" GiveUp "buyer and seller are the same" "买卖家不能相同";
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR" "limit" GiveUp "the shopper's daily limit" "买家付款日限额超限";
    "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR" "limit" GiveUp "the shopper's monthly limit" "买家付款月额度超限";
    "ACQ.BUYER_ENABLE_STATUS_FORBID" "account_abnormal" GiveUp "the shopper's account cannot pay" "买家状态非法";
    "ACQ.PAYMENT_FAIL" "declined" GiveUp "the payment failed" "支付失败";
    "ACQ.PAYMENT_REQUEST_HAS_RISK" "risk" GiveUp "Alipay's risk control refuses it" "支付有风险";
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE" "declined" GiveUp "the shopper has no means to pay" "没用可用的支付工具";
    "ACQ.SELLER_BALANCE_NOT_ENOUGH" "not_enough" Repeat "refund: the merchant's balance is too small, repeat under the same number once it is topped up" "商户余额不足";
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL" "amount" GiveUp "the refund is above what is left" "退款金额超限";
    "ACQ.REFUND_FEE_ERROR" "amount" GiveUp "the refund's amount is wrong" "退款金额有误";
    "ACQ.DISCORDANT_REPEAT_REQUEST" "number_used" Query "the refund's number was used for another amount" "同一笔退款的请求金额不一致";
    "ACQ.TRADE_NOT_ALLOW_REFUND" "not_refundable" GiveUp "the trade cannot be refunded" "当前交易不允许退款";
    "ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND" "not_refundable" GiveUp "the trade cannot be refunded" "交易不允许退款";
    "ACQ.ENTERPRISE_PAY_BIZ_ERROR" "declined" GiveUp "the company's account refuses it" "因公付业务异常";
};
