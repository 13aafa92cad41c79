//! RSA2: SHA-256 with RSA over the sorted, decoded form.

use form_urlencoded::Serializer;

use crate::alipay::account::{Account, Proof};
use crate::alipay::call::{BadCall, Call};
use crate::http::{Method, Request};
use crate::time;

/// The text that is signed: what is not empty, sorted by name, values as they are before any encoding.
pub fn text(parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<_> =
        parameters.iter().filter(|(name, value)| name != "sign" && !value.is_empty()).collect();
    sorted.sort();
    let pairs: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// All parameters of a call, signed.
pub fn parameters(account: &Account, call: &Call, at: i64) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Vec::with_capacity(14);
    let mut add = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
    add("app_id", &account.app_id);
    add("method", call.method);
    add("format", "JSON");
    add("charset", "utf-8");
    add("sign_type", "RSA2");
    add("timestamp", &time::beijing(at));
    add("version", "1.0");
    if let Proof::Certificates { app, root, .. } = &account.proof {
        add("app_cert_sn", app);
        add("alipay_root_cert_sn", root);
    }
    if let Some(token) = &account.app_auth_token {
        add("app_auth_token", token);
    }
    if let Some(url) = &call.notify_url {
        add("notify_url", url);
    }
    if let Some(url) = &call.return_url {
        add("return_url", url);
    }
    add("biz_content", &call.content);
    let signature = account.key.sign(text(&parameters).as_bytes());
    parameters.push(("sign".to_owned(), signature));
    parameters
}

/// The call as a signed request. What is common goes into the query: Alipay reads the character set
/// there before it reads the body, and takes GBK for what it does not find.
pub fn request(account: &Account, call: &Call, at: i64) -> Request {
    let parameters = parameters(account, call, at);
    let (content, common): (Vec<_>, Vec<_>) =
        parameters.into_iter().partition(|(name, _)| name == "biz_content");
    Request {
        method: Method::Post,
        url: format!("{}?{}", account.gateway_url, form(&common)),
        headers: vec![
            ("Accept", "application/json".to_owned()),
            ("User-Agent", concat!("lezai/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("Content-Type", "application/x-www-form-urlencoded;charset=utf-8".to_owned()),
        ],
        body: form(&content).into_bytes(),
    }
}

/// The address that opens a page of Alipay's in the shopper's browser.
pub fn page(account: &Account, call: &Call, at: i64) -> String {
    format!("{}?{}", account.gateway_url, form(&parameters(account, call, at)))
}

/// The download of a bill from an address that Alipay gave. It carries nothing of ours. Alipay writes some
/// addresses with `http:`; a bill has no signature, so that it is asked for by `https:` whatever is written.
///
/// # Errors
///
/// An address that is neither Alipay's nor where the account's calls go, or that the transport may read otherwise
/// than it is read here: to it `\` is `/`, what stands before `@` is no host, and control characters are nothing.
pub fn download(account: &Account, address: &str) -> Result<Request, BadCall> {
    let refused = BadCall { field: "bill_download_url", must: "must be Alipay's own" };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'@');
    if !address.bytes().all(is_plain) {
        return Err(refused);
    }
    let request = |url: String| Request {
        method: Method::Get,
        url,
        headers: vec![("User-Agent", concat!("lezai/", env!("CARGO_PKG_VERSION")).to_owned())],
        body: Vec::new(),
    };
    let parted = |url: &str| -> Option<(String, String)> {
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        Some((scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
    };
    let told = parted(address);
    if told.is_some() && told == parted(&account.gateway_url) {
        return Ok(request(address.to_owned()));
    }
    let is_alipays = |host: &str| {
        let below = |domain| host.strip_suffix(domain).is_some_and(|name| name.ends_with('.'));
        below("alipay.com") || below("alipaydev.com")
    };
    let rest = address.split_once("://").map(|(_, rest)| rest);
    match (told, rest) {
        (Some((scheme, host)), Some(rest))
            if matches!(scheme.as_str(), "http" | "https") && is_alipays(&host) =>
        {
            Ok(request(format!("https://{rest}")))
        }
        _ => Err(refused),
    }
}

fn form(parameters: &[(String, String)]) -> String {
    let mut form = Serializer::new(String::new());
    form.extend_pairs(parameters);
    form.finish()
}
