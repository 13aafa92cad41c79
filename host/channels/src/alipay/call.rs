//! The calls: a method's name and its content, before they are signed.

use serde_json::{Map, Value};

use crate::time;
use crate::yuan;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Such as `alipay.trade.query`.
    pub method: &'static str,
    /// `biz_content`.
    pub content: String,
    /// Where callbacks go.
    pub notify_url: Option<String>,
    /// Where the shopper goes afterwards.
    pub return_url: Option<String>,
}

impl Call {
    /// The member of the answer that carries the result.
    pub fn node(&self) -> String {
        format!("{}_response", self.method.replace('.', "_"))
    }
}

/// A member that Alipay would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct BadCall {
    /// The member.
    pub field: &'static str,
    /// The requirement that it breaks.
    pub must: &'static str,
}

/// An order at Alipay.
#[derive(Clone, Debug)]
pub struct Order {
    /// Our number: up to 64 letters, digits and `_`.
    pub number: String,
    /// The description that the shopper reads.
    pub subject: String,
    /// Fen.
    pub total: i64,
    /// Until when it can be paid, in seconds since the epoch. The same in each repeat.
    pub expires_at: Option<i64>,
    /// Where callbacks go.
    pub notify_url: String,
}

/// The buyer in a mini-program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Buyer {
    /// `buyer_open_id`, of applications of today.
    OpenId(String),
    /// `buyer_id`, 2088…, of older ones.
    UserId(String),
}

/// The code that a till reads off a shopper's phone, or off a face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthCode {
    /// Digits: `bar_code`.
    Bar(String),
    /// `fp` and more: `security_code`, the token of face payment.
    Face(String),
}

impl AuthCode {
    /// Tells the two apart. None for what Alipay does not make.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let begins =
            ["25", "26", "27", "28", "29", "30"].iter().any(|begin| text.starts_with(begin));
        if digits && begins && (16..=24).contains(&text.len()) {
            return Some(Self::Bar(text.to_owned()));
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let face = text.starts_with("fp") && plain && (16..=64).contains(&text.len());
        face.then(|| Self::Face(text.to_owned()))
    }
}

/// `alipay.trade.precreate`: a QR code. No trade exists before it is scanned.
///
/// # Errors
///
/// [`BadCall`].
pub fn precreate(order: &Order) -> Result<Call, BadCall> {
    let content = content(order, "FACE_TO_FACE_PAYMENT")?;
    Ok(made("alipay.trade.precreate", content, order))
}

/// `alipay.trade.page.pay`: a page for computers. It is an address, not a call.
///
/// # Errors
///
/// [`BadCall`].
pub fn page_pay(order: &Order, return_url: &str) -> Result<Call, BadCall> {
    let content = content(order, "FAST_INSTANT_TRADE_PAY")?;
    Ok(returning(made("alipay.trade.page.pay", content, order), return_url))
}

/// `alipay.trade.wap.pay`: a page for phones. It is an address, not a call.
///
/// # Errors
///
/// [`BadCall`].
pub fn wap_pay(order: &Order, return_url: &str) -> Result<Call, BadCall> {
    let mut content = content(order, "QUICK_WAP_WAY")?;
    content.insert("quit_url".into(), return_url.into());
    Ok(returning(made("alipay.trade.wap.pay", content, order), return_url))
}

/// `alipay.trade.create`: a trade for a buyer in a mini-program.
///
/// # Errors
///
/// [`BadCall`].
pub fn create(order: &Order, app_id: &str, buyer: &Buyer) -> Result<Call, BadCall> {
    let mut content = content(order, "JSAPI_PAY")?;
    content.insert("op_app_id".into(), app_id.into());
    let (member, id) = match buyer {
        Buyer::OpenId(id) => ("buyer_open_id", id),
        Buyer::UserId(id) => ("buyer_id", id),
    };
    if id.is_empty() || id.len() > 128 {
        return Err(BadCall { field: "buyer", must: "must have 1 to 128 characters" });
    }
    content.insert(member.into(), id.clone().into());
    Ok(made("alipay.trade.create", content, order))
}

/// `alipay.trade.pay`: charges a code at the counter.
///
/// # Errors
///
/// [`BadCall`].
pub fn pay(order: &Order, code: &AuthCode, store: &str) -> Result<Call, BadCall> {
    let mut content = content(order, "FACE_TO_FACE_PAYMENT")?;
    let (scene, code) = match code {
        AuthCode::Bar(code) => ("bar_code", code),
        AuthCode::Face(code) => ("security_code", code),
    };
    content.insert("scene".into(), scene.into());
    content.insert("auth_code".into(), code.clone().into());
    content.insert("store_id".into(), store.chars().take(32).collect::<String>().into());
    Ok(made("alipay.trade.pay", content, order))
}

/// `alipay.trade.query`.
///
/// # Errors
///
/// [`BadCall`].
pub fn query(number: &str) -> Result<Call, BadCall> {
    about("alipay.trade.query", number)
}

/// `alipay.trade.close`: of a trade that waits for its buyer.
///
/// # Errors
///
/// [`BadCall`].
pub fn close(number: &str) -> Result<Call, BadCall> {
    about("alipay.trade.close", number)
}

/// `alipay.trade.cancel`: undoes a payment at the counter. Its answer's `action` tells what happened.
///
/// # Errors
///
/// [`BadCall`].
pub fn cancel(number: &str) -> Result<Call, BadCall> {
    about("alipay.trade.cancel", number)
}

/// `alipay.trade.refund`. The same `refund` again is the same refund.
///
/// # Errors
///
/// [`BadCall`].
pub fn refund(
    number: &str,
    refund: &str,
    amount: i64,
    reason: Option<&str>,
) -> Result<Call, BadCall> {
    check_number("out_trade_no", number)?;
    check_number("out_request_no", refund)?;
    check_amount("refund_amount", amount)?;
    let mut content = Map::new();
    content.insert("out_trade_no".into(), number.into());
    content.insert("out_request_no".into(), refund.into());
    content.insert("refund_amount".into(), yuan::from_fen(amount).into());
    if let Some(reason) = reason {
        content.insert("refund_reason".into(), plain(reason, 256).into());
    }
    Ok(call("alipay.trade.refund", content))
}

/// `alipay.trade.fastpay.refund.query`.
///
/// # Errors
///
/// [`BadCall`].
pub fn query_refund(number: &str, refund: &str) -> Result<Call, BadCall> {
    check_number("out_trade_no", number)?;
    check_number("out_request_no", refund)?;
    let mut content = Map::new();
    content.insert("out_trade_no".into(), number.into());
    content.insert("out_request_no".into(), refund.into());
    Ok(call("alipay.trade.fastpay.refund.query", content))
}

/// `alipay.data.dataservice.bill.downloadurl.query`: where a day's bill is downloaded from.
///
/// # Errors
///
/// A day that is not `yyyy-mm-dd`.
pub fn bill(bill_type: BillType, day: &str) -> Result<Call, BadCall> {
    let is_day = day.len() == 10
        && day.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_day {
        return Err(BadCall { field: "bill_date", must: "must be yyyy-mm-dd" });
    }
    let mut content = Map::new();
    content.insert("bill_type".into(), bill_type.as_str().into());
    content.insert("bill_date".into(), day.into());
    Ok(call("alipay.data.dataservice.bill.downloadurl.query", content))
}

/// The movements that a bill lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillType {
    /// Payments and refunds.
    Trade,
    /// Every movement of the account.
    SignCustomer,
}

impl BillType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::SignCustomer => "signcustomer",
        }
    }
}

/// One hundred million yuan.
const AMOUNT_MAX: i64 = 10_000_000_000;

fn content(order: &Order, product: &str) -> Result<Map<String, Value>, BadCall> {
    check_number("out_trade_no", &order.number)?;
    check_amount("total_amount", order.total)?;
    let mut content = Map::new();
    content.insert("out_trade_no".into(), order.number.clone().into());
    content.insert("total_amount".into(), yuan::from_fen(order.total).into());
    let subject = plain(&order.subject, 128);
    content.insert("subject".into(), subject.into());
    content.insert("product_code".into(), product.into());
    if let Some(at) = order.expires_at {
        content.insert("time_expire".into(), time::beijing(at).into());
    }
    Ok(content)
}

fn made(method: &'static str, content: Map<String, Value>, order: &Order) -> Call {
    Call { notify_url: Some(order.notify_url.clone()), ..call(method, content) }
}

fn returning(call: Call, return_url: &str) -> Call {
    Call { return_url: Some(return_url.to_owned()), ..call }
}

fn about(method: &'static str, number: &str) -> Result<Call, BadCall> {
    check_number("out_trade_no", number)?;
    let mut content = Map::new();
    content.insert("out_trade_no".into(), number.into());
    Ok(call(method, content))
}

fn call(method: &'static str, content: Map<String, Value>) -> Call {
    let content = Value::Object(content).to_string();
    Call { method, content, notify_url: None, return_url: None }
}

/// A text without the characters that Alipay does not take in it, never empty.
fn plain(text: &str, chars_max: usize) -> String {
    let taken = text.chars().map(|it| if "/=&".contains(it) || it.is_control() { ' ' } else { it });
    let taken: String = taken.take(chars_max).collect();
    if taken.trim().is_empty() { "-".to_owned() } else { taken }
}

fn check_number(field: &'static str, number: &str) -> Result<(), BadCall> {
    let fits = (1..=64).contains(&number.len())
        && number.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    let must = "must be 1 to 64 of 0-9, A-Z, a-z and _";
    if fits { Ok(()) } else { Err(BadCall { field, must }) }
}

fn check_amount(field: &'static str, fen: i64) -> Result<(), BadCall> {
    let must = "must be 0.01 to 100000000.00 yuan";
    if (1..=AMOUNT_MAX).contains(&fen) { Ok(()) } else { Err(BadCall { field, must }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_alipay() {
        assert_eq!(
            AuthCode::parse("280000000000000000"),
            Some(AuthCode::Bar("280000000000000000".into()))
        );
        assert!(matches!(AuthCode::parse("fp0c3d11c2e4f0a1b2"), Some(AuthCode::Face(_))));
        for text in [
            "",
            "2800",
            "130000000000000000",
            "28000000000000000x",
            "2800000000000000000000000",
            "fp",
        ] {
            assert_eq!(AuthCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn subjects_lose_what_alipay_does_not_take() {
        assert_eq!(plain("a/b=c&d", 9), "a b c d");
        assert_eq!(plain("茶 & 咖啡", 9), "茶   咖啡");
        assert_eq!(plain("", 9), "-");
        assert_eq!(plain("汉字", 1), "汉");
    }

    #[test]
    fn limits_at_their_edges() {
        assert!(check_amount("a", 1).is_ok() && check_amount("a", AMOUNT_MAX).is_ok());
        assert!(check_amount("a", 0).is_err() && check_amount("a", AMOUNT_MAX + 1).is_err());
        assert!(
            check_number("n", &"a".repeat(64)).is_ok()
                && check_number("n", &"a".repeat(65)).is_err()
        );
        assert!(check_number("n", "a-b").is_err());
    }
}
