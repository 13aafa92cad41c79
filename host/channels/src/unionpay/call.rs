//! The calls, as messages before they are signed.

use crate::time;
use crate::unionpay::account::Account;
use crate::unionpay::message::Message;

/// `txnAmt` has up to twelve digits.
const AMOUNT_MAX: i64 = 999_999_999_999;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The address, below the account's.
    pub path: &'static str,
    /// The message that is sent.
    pub message: Message,
}

/// A member that UnionPay would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct BadCall {
    /// The member.
    pub field: &'static str,
    /// The requirement that it breaks.
    pub must: &'static str,
}

/// Which of UnionPay's products a transaction is of (`bizType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Product {
    /// 二维码: codes that are scanned.
    #[default]
    Code,
    /// 网关支付: UnionPay's page, where the shopper gives the number of a card.
    Page,
}

impl Product {
    fn business(self) -> &'static str {
        match self {
            Self::Code => "000000",
            Self::Page => "000201",
        }
    }
}

/// How UnionPay knows a transaction: by our number, and by the time that it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whose it is: what is asked about a payment or gives it back is of the payment's product.
    pub product: Product,
    /// `orderId`: 8 to 40 digits and letters.
    pub number: String,
    /// `txnTime`, in seconds since the epoch. The same in each repeat.
    pub at: i64,
}

/// A payment.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Its name.
    pub named: Named,
    /// Fen.
    pub total: i64,
    /// Until when it can be paid, in seconds since the epoch.
    pub expires_at: i64,
    /// Where callbacks go. It has no query, which would enter the signature.
    pub notify_url: String,
}

/// How a payment goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// 退货: some or all of it, within eleven months.
    Refund,
    /// 消费撤销: all of it, on the clearing day of the payment.
    Void,
}

/// Where a browser posts the form to.
pub const FRONT: &str = "/gateway/api/frontTransReq.do";
const BACK: &str = "/gateway/api/backTransReq.do";
const QUERY: &str = "/gateway/api/queryTrans.do";

/// A QR code that the shopper scans (申码, 01/07).
///
/// # Errors
///
/// [`BadCall`].
pub fn qr(account: &Account, payment: &Payment) -> Result<Call, BadCall> {
    let mut message = paying(account, payment, "07")?;
    message.set("payTimeout", compact(payment.expires_at));
    Ok(Call { path: BACK, message })
}

/// The form by which a browser goes to UnionPay's page (跳转网关支付, 01/01), which is UnionPay's own for PCs or for
/// phones. The browser comes back to `front_url` with a form.
///
/// # Errors
///
/// [`BadCall`].
pub fn page(
    account: &Account,
    payment: &Payment,
    on_phone: bool,
    front_url: &str,
) -> Result<Call, BadCall> {
    let mut message = paying(account, payment, "01")?;
    message.set("channelType", if on_phone { "08" } else { "07" });
    message.set("payTimeout", compact(payment.expires_at));
    message.set("frontUrl", notify_url(front_url)?);
    Ok(Call { path: FRONT, message })
}

/// Charges a code that the till scanned (二维码消费, 01/06).
///
/// # Errors
///
/// [`BadCall`].
pub fn charge(account: &Account, payment: &Payment, code: &str) -> Result<Call, BadCall> {
    if !is_code(code) {
        return Err(BadCall { field: "qrNo", must: "must be 19 digits that begin with 62" });
    }
    let mut message = paying(account, payment, "06")?;
    message.set("qrNo", code);
    Ok(Call { path: BACK, message })
}

/// The code that a shopper shows at the counter.
pub fn is_code(code: &str) -> bool {
    code.len() == 19 && code.starts_with("62") && code.bytes().all(|byte| byte.is_ascii_digit())
}

fn paying(account: &Account, payment: &Payment, kind: &str) -> Result<Message, BadCall> {
    let mut message = begun(account, &payment.named, "01", kind)?;
    message.set("channelType", "08");
    message.set("txnAmt", amount(payment.total)?);
    message.set("currencyCode", "156");
    message.set("backUrl", notify_url(&payment.notify_url)?);
    Ok(message)
}

/// How a transaction stands (00/00), by its own name, whatever it is.
///
/// # Errors
///
/// [`BadCall`].
pub fn query(account: &Account, named: &Named) -> Result<Call, BadCall> {
    Ok(Call { path: QUERY, message: begun(account, named, "00", "00")? })
}

/// Undoes a payment at the counter whose outcome is unknown (冲正, 99/01). It has the payment's own name.
///
/// # Errors
///
/// [`BadCall`].
pub fn undo(account: &Account, named: &Named) -> Result<Call, BadCall> {
    let mut message = begun(account, named, "99", "01")?;
    message.set("channelType", "08");
    Ok(Call { path: BACK, message })
}

/// Gives a payment back: by a transaction with a name of its own. A payment on UnionPay's page is named by UnionPay's
/// number of it, `query_id`.
///
/// # Errors
///
/// [`BadCall`].
pub fn give_back(
    account: &Account,
    kind: Back,
    payment: &Named,
    query_id: &str,
    named: &Named,
    fen: i64,
    notify: &str,
) -> Result<Call, BadCall> {
    let kind = match kind {
        Back::Refund => "04",
        Back::Void => "31",
    };
    let mut message = begun(account, named, kind, "00")?;
    message.set("channelType", "08");
    message.set("txnAmt", amount(fen)?);
    message.set("currencyCode", "156");
    message.set("backUrl", notify_url(notify)?);
    match payment.product {
        Product::Page => {
            message.set("channelType", "07");
            message.set("origQryId", query_id);
        }
        // In place of origQryId: the name by which the payment was made.
        Product::Code => {
            message.set("origOrderId", number(&payment.number)?);
            message.set("origTxnTime", compact(payment.at));
        }
    }
    Ok(Call { path: BACK, message })
}

/// The file of a clearing day's transactions (文件传输, 76/01). The day is `MMDD`; `at` is now.
pub fn file(account: &Account, clearing_day: &str, at: i64) -> Call {
    let mut message = common(account, Product::Code, at, ("76", "01"));
    message.set("fileType", "00");
    message.set("settleDate", clearing_day);
    Call { path: "/", message }
}

fn begun(account: &Account, named: &Named, kind: &str, part: &str) -> Result<Message, BadCall> {
    let mut message = common(account, named.product, named.at, (kind, part));
    message.set("orderId", number(&named.number)?);
    Ok(message)
}

fn common(account: &Account, product: Product, at: i64, (kind, part): (&str, &str)) -> Message {
    let mut message = Message::default();
    message.set("version", "5.1.0");
    message.set("encoding", "UTF-8");
    message.set("accessType", "0");
    message.set("bizType", product.business());
    message.set("txnType", kind);
    message.set("txnSubType", part);
    message.set("merId", account.merchant.clone());
    message.set("txnTime", compact(at));
    message
}

/// `yyyyMMddHHmmss` in Beijing.
pub fn compact(at: i64) -> String {
    time::beijing(at).chars().filter(char::is_ascii_digit).collect()
}

fn number(number: &str) -> Result<&str, BadCall> {
    let plain = number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain && (8..=40).contains(&number.len()) {
        return Ok(number);
    }
    Err(BadCall { field: "orderId", must: "must have 8 to 40 digits and letters" })
}

fn amount(fen: i64) -> Result<String, BadCall> {
    if (1..=AMOUNT_MAX).contains(&fen) {
        return Ok(fen.to_string());
    }
    Err(BadCall { field: "txnAmt", must: "must be 1 to 999999999999 fen" })
}

fn notify_url(url: &str) -> Result<&str, BadCall> {
    if url.len() <= 256 && !url.contains('?') {
        return Ok(url);
    }
    Err(BadCall { field: "backUrl", must: "must have at most 256 characters and no query" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unionpay_would_refuse_is_named() {
        for text in ["0193710e2f4a1b2c3d4e5f60718293a4", "12345678", &"a".repeat(40)] {
            assert!(number(text).is_ok(), "{text}");
        }
        for text in ["", "1234567", "1234-5678", "1234_5678", &"a".repeat(41), "1234567é"] {
            assert_eq!(number(text).unwrap_err().field, "orderId", "{text}");
        }
        assert_eq!(amount(1).unwrap(), "1");
        assert!(amount(AMOUNT_MAX).is_ok());
        for fen in [0, -1, AMOUNT_MAX + 1] {
            assert_eq!(amount(fen).unwrap_err().field, "txnAmt");
        }
        assert!(notify_url("https://pay.example/channels/unionpay/notify").is_ok());
        assert!(notify_url("https://pay.example/?a=1").is_err());
        assert!(is_code("6220835931895481436"));
        for code in ["622083593189548143", "9920835931895481436", "62208359318954814 6"] {
            assert!(!is_code(code), "{code}");
        }
        // It is midnight in Beijing while it is still yesterday in Greenwich.
        assert_eq!(compact(1_794_931_200), "20261118000000");
    }
}
