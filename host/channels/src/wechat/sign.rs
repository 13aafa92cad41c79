//! `WECHATPAY2-SHA256-RSA2048`: what is signed for WeChat Pay, and for the shopper's page.

use crate::http::{Method, Request};
use crate::wechat::account::Account;
use crate::wechat::call::Call;

const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// The text that a request's signature is over. `target` is the path with the query, as it is sent.
pub fn request_text(method: Method, target: &str, at: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{}\n{target}\n{at}\n{nonce}\n", method.as_str()).into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

/// The call as a signed request.
pub fn request(account: &Account, call: &Call, at: i64, nonce: &str) -> Request {
    let Call { method, target, body } = call;
    let signature = account.key.sign(&request_text(*method, target, at, nonce, body));
    let (merchant, serial) = (&account.merchant, &account.serial);
    let authorization = format!(
        r#"{SCHEME} mchid="{merchant}",nonce_str="{nonce}",timestamp="{at}",serial_no="{serial}",signature="{signature}""#
    );
    let mut headers = vec![
        ("Accept", "application/json".to_owned()),
        ("User-Agent", concat!("lezai/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("Authorization", authorization),
    ];
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json".to_owned()));
    }
    // Which key is to sign the answer.
    if let Some(serial) = account.preferred_serial() {
        headers.push(("Wechatpay-Serial", serial.to_owned()));
    }
    let url = format!("{}{target}", account.base_url);
    Request { method: *method, url, headers, body: body.clone() }
}

/// The parameters of `wx.requestPayment` and `WeixinJSBridge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsapiParameters {
    /// The mini-program or official account.
    pub app_id: String,
    /// Seconds since the epoch.
    pub time_stamp: String,
    /// The nonce.
    pub nonce_str: String,
    /// `prepay_id=…`
    pub package: String,
    /// `RSA`.
    pub sign_type: &'static str,
    /// The signature.
    pub pay_sign: String,
}

/// Signs what a page in WeChat or a mini-program needs to pay. `app_id` is the page's own: the
/// sub-merchant's where the order was made with one.
pub fn jsapi(
    account: &Account,
    app_id: &str,
    prepay_id: &str,
    at: i64,
    nonce: &str,
) -> JsapiParameters {
    let package = format!("prepay_id={prepay_id}");
    let text = format!("{app_id}\n{at}\n{nonce}\n{package}\n");
    JsapiParameters {
        app_id: app_id.to_owned(),
        time_stamp: at.to_string(),
        nonce_str: nonce.to_owned(),
        package,
        sign_type: "RSA",
        pay_sign: account.key.sign(text.as_bytes()),
    }
}

/// The parameters of the SDK in an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppParameters {
    /// The application.
    pub app_id: String,
    /// The merchant.
    pub partner_id: String,
    /// The prepaid order.
    pub prepay_id: String,
    /// `Sign=WXPay`.
    pub package: &'static str,
    /// The nonce.
    pub nonce_str: String,
    /// Seconds since the epoch.
    pub timestamp: String,
    /// The signature.
    pub sign: String,
}

/// Signs what an app needs to pay.
pub fn app(account: &Account, prepay_id: &str, at: i64, nonce: &str) -> AppParameters {
    let sub = account.sub.as_ref();
    let app_id = sub.and_then(|sub| sub.app_id.as_ref()).unwrap_or(&account.app_id);
    let partner_id = sub.map_or(&account.merchant, |sub| &sub.merchant);
    let text = format!("{app_id}\n{at}\n{nonce}\n{prepay_id}\n");
    AppParameters {
        app_id: app_id.clone(),
        partner_id: partner_id.clone(),
        prepay_id: prepay_id.to_owned(),
        package: "Sign=WXPay",
        nonce_str: nonce.to_owned(),
        timestamp: at.to_string(),
        sign: account.key.sign(text.as_bytes()),
    }
}
