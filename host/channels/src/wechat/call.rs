//! The calls of APIv3: method, target and body, before they are signed.
//!
//! A length or alphabet that the provider would refuse is refused here, with the member's name.

use serde_json::{Map, Value, json};

use crate::http::Method;
use crate::time;
use crate::wechat::account::Account;

/// A call. Its body is signed as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path with the query.
    pub target: String,
    /// The body; no bytes for none.
    pub body: Vec<u8>,
}

/// A member that the provider would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct BadCall {
    /// The member.
    pub field: &'static str,
    /// The requirement that it breaks.
    pub must: &'static str,
}

/// How the shopper pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// The shopper scans a QR code.
    Native,
    /// A page in WeChat, or a mini-program.
    Jsapi {
        /// The shopper's id under the application.
        openid: String,
    },
    /// A browser on a phone.
    H5 {
        /// The shopper's address.
        client_ip: String,
    },
    /// An app with WeChat's SDK.
    App,
}

/// An order at WeChat Pay.
#[derive(Clone, Debug)]
pub struct Order {
    /// Our number: 6 to 32 of `0-9A-Za-z_-|*`.
    pub number: String,
    /// The description that the shopper reads.
    pub description: String,
    /// Fen.
    pub total: i64,
    /// Until when it can be paid, in seconds since the epoch. The same in each repeat.
    pub expires_at: Option<i64>,
    /// Where callbacks go.
    pub notify_url: String,
}

/// A payment at the counter: the till scanned the shopper's code.
#[derive(Clone, Debug)]
pub struct CodePayment {
    /// Our number.
    pub number: String,
    /// The description of the purchase.
    pub description: String,
    /// Fen.
    pub total: i64,
    /// The code that the till read: 18 digits that begin with 10 to 15.
    pub auth_code: String,
    /// The shop's own number of its store.
    pub store: String,
}

/// A refund.
#[derive(Clone, Debug)]
pub struct Refund {
    /// Our number of the refund, up to 64 characters. The same in each repeat.
    pub number: String,
    /// Our number of the payment.
    pub payment: String,
    /// Fen to give back.
    pub amount: i64,
    /// Fen that the payment was.
    pub total: i64,
    /// Where callbacks go.
    pub notify_url: Option<String>,
    /// Why, as the shopper reads it.
    pub reason: Option<String>,
}

/// `POST /v3/pay/transactions/{native,jsapi,h5,app}`, and the same under `partner`.
///
/// # Errors
///
/// [`BadCall`].
pub fn prepay(account: &Account, scene: &Scene, order: &Order) -> Result<Call, BadCall> {
    check_number(&order.number)?;
    check_amount("total", order.total)?;
    check_notify(&order.notify_url)?;
    let mut body = identity(account);
    body.insert("out_trade_no".into(), order.number.clone().into());
    body.insert("description".into(), cut(&order.description, DESCRIPTION_BYTES_MAX).into());
    body.insert("notify_url".into(), order.notify_url.clone().into());
    body.insert("amount".into(), json!({ "total": order.total, "currency": "CNY" }));
    if let Some(at) = order.expires_at {
        body.insert("time_expire".into(), time::rfc3339(at).into());
    }
    let path = match scene {
        Scene::Native => "native",
        Scene::Jsapi { openid } => {
            if openid.is_empty() || openid.len() > 128 {
                return Err(BadCall { field: "openid", must: "must have 1 to 128 characters" });
            }
            body.insert("payer".into(), payer(account, openid));
            "jsapi"
        }
        Scene::H5 { client_ip } => {
            if client_ip.parse::<std::net::IpAddr>().is_err() {
                return Err(BadCall { field: "client_ip", must: "must be an IP address" });
            }
            let scene = json!({ "payer_client_ip": client_ip, "h5_info": { "type": "Wap" } });
            body.insert("scene_info".into(), scene);
            "h5"
        }
        Scene::App => "app",
    };
    Ok(post(format!("{}/{path}", transactions(account)), body))
}

/// `POST …/codepay`.
///
/// # Errors
///
/// [`BadCall`].
pub fn codepay(account: &Account, payment: &CodePayment) -> Result<Call, BadCall> {
    check_number(&payment.number)?;
    check_amount("total", payment.total)?;
    if !is_auth_code(&payment.auth_code) {
        return Err(BadCall {
            field: "auth_code",
            must: "must be 18 digits that begin with 10 to 15",
        });
    }
    let mut body = identity(account);
    body.insert("out_trade_no".into(), payment.number.clone().into());
    body.insert("description".into(), cut(&payment.description, DESCRIPTION_BYTES_MAX).into());
    body.insert("amount".into(), json!({ "total": payment.total, "currency": "CNY" }));
    body.insert("payer".into(), json!({ "auth_code": payment.auth_code }));
    let store = cut(&payment.store, 32);
    body.insert("scene_info".into(), json!({ "store_info": { "id": store } }));
    Ok(post(format!("{}/codepay", transactions(account)), body))
}

/// Whether the text is a payment code of WeChat's.
pub fn is_auth_code(text: &str) -> bool {
    let begins = ["10", "11", "12", "13", "14", "15"].iter().any(|begin| text.starts_with(begin));
    begins && text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `GET …/out-trade-no/{number}`.
///
/// # Errors
///
/// [`BadCall`].
pub fn query(account: &Account, number: &str) -> Result<Call, BadCall> {
    check_number(number)?;
    let of = match &account.sub {
        None => format!("mchid={}", account.merchant),
        Some(sub) => format!("sp_mchid={}&sub_mchid={}", account.merchant, sub.merchant),
    };
    let number = escaped(number);
    Ok(get(format!("{}/out-trade-no/{number}?{of}", transactions(account))))
}

/// `POST …/out-trade-no/{number}/close`. Answered by 204.
///
/// # Errors
///
/// [`BadCall`].
pub fn close(account: &Account, number: &str) -> Result<Call, BadCall> {
    check_number(number)?;
    let mut body = Map::new();
    match &account.sub {
        None => {
            body.insert("mchid".into(), account.merchant.clone().into());
        }
        Some(sub) => {
            body.insert("sp_mchid".into(), account.merchant.clone().into());
            body.insert("sub_mchid".into(), sub.merchant.clone().into());
        }
    }
    let number = escaped(number);
    Ok(post(format!("{}/out-trade-no/{number}/close", transactions(account)), body))
}

/// `POST …/out-trade-no/{number}/reverse`: undoes a payment at the counter, paid or not.
///
/// # Errors
///
/// [`BadCall`].
pub fn reverse(account: &Account, number: &str) -> Result<Call, BadCall> {
    check_number(number)?;
    let number = escaped(number);
    let target = format!("{}/out-trade-no/{number}/reverse", transactions(account));
    Ok(post(target, identity(account)))
}

/// `POST /v3/refund/domestic/refunds`.
///
/// # Errors
///
/// [`BadCall`].
pub fn refund(account: &Account, refund: &Refund) -> Result<Call, BadCall> {
    check_refund_number(&refund.number)?;
    check_number(&refund.payment)?;
    check_amount("refund", refund.amount)?;
    check_amount("total", refund.total)?;
    if refund.amount > refund.total {
        return Err(BadCall { field: "refund", must: "must be at most the payment's total" });
    }
    let mut body = Map::new();
    if let Some(sub) = &account.sub {
        body.insert("sub_mchid".into(), sub.merchant.clone().into());
    }
    body.insert("out_trade_no".into(), refund.payment.clone().into());
    body.insert("out_refund_no".into(), refund.number.clone().into());
    let amount = json!({ "refund": refund.amount, "total": refund.total, "currency": "CNY" });
    body.insert("amount".into(), amount);
    if let Some(url) = &refund.notify_url {
        check_notify(url)?;
        body.insert("notify_url".into(), url.clone().into());
    }
    if let Some(reason) = &refund.reason {
        body.insert("reason".into(), cut(reason, REASON_BYTES_MAX).into());
    }
    Ok(post("/v3/refund/domestic/refunds".to_owned(), body))
}

/// `GET /v3/refund/domestic/refunds/{number}`.
///
/// # Errors
///
/// [`BadCall`].
pub fn query_refund(account: &Account, number: &str) -> Result<Call, BadCall> {
    check_refund_number(number)?;
    let of = account.sub.as_ref().map(|sub| format!("?sub_mchid={}", sub.merchant));
    let (number, of) = (escaped(number), of.unwrap_or_default());
    Ok(get(format!("/v3/refund/domestic/refunds/{number}{of}")))
}

/// `GET /v3/certificates`.
pub fn certificates() -> Call {
    get("/v3/certificates".to_owned())
}

/// The movements that a bill lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bill {
    /// Payments and refunds, `ALL`.
    Trades,
    /// The merchant's basic account.
    FundFlow,
}

/// `GET /v3/bill/tradebill` or `fundflowbill`: where a day's bill is downloaded from.
///
/// # Errors
///
/// A day that is not `yyyy-mm-dd`.
pub fn bill(account: &Account, bill: Bill, day: &str) -> Result<Call, BadCall> {
    let is_day = day.len() == 10
        && day.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_day {
        return Err(BadCall { field: "day", must: "must be yyyy-mm-dd" });
    }
    let target = match (bill, &account.sub) {
        (Bill::Trades, None) => format!("/v3/bill/tradebill?bill_date={day}&bill_type=ALL"),
        (Bill::Trades, Some(sub)) => {
            let sub = &sub.merchant;
            format!("/v3/bill/tradebill?bill_date={day}&sub_mchid={sub}&bill_type=ALL")
        }
        (Bill::FundFlow, _) => format!("/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC"),
    };
    Ok(get(target))
}

/// The download of a bill: its address is WeChat Pay's, and signed as any other target. Its answer is
/// not signed; its hash is known from before.
///
/// # Errors
///
/// An address that is not below the account's own: the request would carry our signature elsewhere.
pub fn download(account: &Account, url: &str) -> Result<Call, BadCall> {
    let target = url.strip_prefix(&account.base_url).filter(|target| target.starts_with('/'));
    let outside = BadCall { field: "download_url", must: "must be WeChat Pay's own" };
    target.map(|target| get(target.to_owned())).ok_or(outside)
}

const DESCRIPTION_BYTES_MAX: usize = 127;
const REASON_BYTES_MAX: usize = 80;
/// A million yuan below what fits into the provider's 32-bit total.
const AMOUNT_MAX: i64 = 2_000_000_000;

fn transactions(account: &Account) -> &'static str {
    match account.sub {
        None => "/v3/pay/transactions",
        Some(_) => "/v3/pay/partner/transactions",
    }
}

fn identity(account: &Account) -> Map<String, Value> {
    let mut body = Map::new();
    match &account.sub {
        None => {
            body.insert("appid".into(), account.app_id.clone().into());
            body.insert("mchid".into(), account.merchant.clone().into());
        }
        Some(sub) => {
            body.insert("sp_appid".into(), account.app_id.clone().into());
            body.insert("sp_mchid".into(), account.merchant.clone().into());
            body.insert("sub_mchid".into(), sub.merchant.clone().into());
            if let Some(app_id) = &sub.app_id {
                body.insert("sub_appid".into(), app_id.clone().into());
            }
        }
    }
    body
}

fn payer(account: &Account, openid: &str) -> Value {
    match &account.sub {
        None => json!({ "openid": openid }),
        Some(sub) if sub.app_id.is_some() => json!({ "sub_openid": openid }),
        Some(_) => json!({ "sp_openid": openid }),
    }
}

fn get(target: String) -> Call {
    Call { method: Method::Get, target, body: Vec::new() }
}

fn post(target: String, body: Map<String, Value>) -> Call {
    Call { method: Method::Post, target, body: Value::Object(body).to_string().into_bytes() }
}

fn check_number(number: &str) -> Result<(), BadCall> {
    let fits = (6..=32).contains(&number.len()) && number.bytes().all(is_number_byte);
    let must = "must be 6 to 32 of 0-9, A-Z, a-z, _, -, | and *";
    if fits { Ok(()) } else { Err(BadCall { field: "out_trade_no", must }) }
}

fn check_refund_number(number: &str) -> Result<(), BadCall> {
    let fits = (1..=64).contains(&number.len())
        && number.bytes().all(|byte| byte == b'@' || is_number_byte(byte));
    let must = "must be 1 to 64 of 0-9, A-Z, a-z, _, -, |, * and @";
    if fits { Ok(()) } else { Err(BadCall { field: "out_refund_no", must }) }
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-|*".contains(&byte)
}

fn check_amount(field: &'static str, fen: i64) -> Result<(), BadCall> {
    let must = "must be 1 fen to 20 million yuan";
    if (1..=AMOUNT_MAX).contains(&fen) { Ok(()) } else { Err(BadCall { field, must }) }
}

fn check_notify(url: &str) -> Result<(), BadCall> {
    let fits = url.len() <= 255 && url.starts_with("http") && !url.contains(['?', '#']);
    let must = "must be an address of at most 255 characters without a query";
    if fits { Ok(()) } else { Err(BadCall { field: "notify_url", must }) }
}

/// The first so many bytes, never half a character. The provider counts characters in some documents
/// and bytes in others; so many bytes satisfy both.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A number as a segment of a path: `|` has no place there as it is.
fn escaped(number: &str) -> String {
    number.replace('|', "%7C").replace('*', "%2A").replace('@', "%40")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_cut_between_characters() {
        assert_eq!(cut("汉字", 5), "汉");
        assert_eq!(cut("汉字", 6), "汉字");
        assert_eq!(cut("😀😀", 7), "😀");
        assert_eq!(cut("abc", 127), "abc");
        assert_eq!(cut("汉", 2), "");
    }

    #[test]
    fn payment_codes_of_wechat() {
        for code in ["100000000000000000", "159999999999999999"] {
            assert!(is_auth_code(code), "{code}");
        }
        for code in [
            "",
            "10000000000000000",
            "1000000000000000000",
            "160000000000000000",
            "28000000000000000",
            "10000000000000000x",
        ] {
            assert!(!is_auth_code(code), "{code}");
        }
    }

    #[test]
    fn numbers_at_their_edges() {
        for (number, fits) in [
            ("12345", false),
            ("123456", true),
            (&"9".repeat(32), true),
            (&"9".repeat(33), false),
            ("12345/", false),
            ("12345 ", false),
            ("abc_-|*", true),
        ] {
            assert_eq!(check_number(number).is_ok(), fits, "{number}");
        }
        assert!(check_refund_number(&"9".repeat(64)).is_ok());
        assert!(check_refund_number(&"9".repeat(65)).is_err());
        assert_eq!(escaped("a|b*c"), "a%7Cb%2Ac");
    }

    #[test]
    fn notify_urls_have_no_query() {
        assert!(check_notify("https://pay.example/channels/wechat/notify").is_ok());
        for url in [
            "https://pay.example/?a=1",
            "https://pay.example/#a",
            "ftp://x",
            &format!("https://{}", "x".repeat(255)),
        ] {
            assert!(check_notify(url).is_err(), "{url}");
        }
    }
}
