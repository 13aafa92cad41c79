//! `POST /v1/orders`: what a merchant asks for, read and bounded.

use std::collections::BTreeMap;
use std::net::IpAddr;

use lezai_core::id::{FxQuoteId, MerchantId, OrderId};
use lezai_core::money::{Currency, MAX_MINOR, Money};
use lezai_core::order::{Capture, RefundBearer, SplitTime};
use lezai_core::payer::Payer;
use lezai_core::policy::{Customer, Device, DeviceKind, OrderFacts, Profile, Scene, Velocity};
use lezai_core::time::Timestamp;

use crate::json::{Field, Invalid, Kind, Object};
pub use crate::number::number;
use crate::split_request::{NewShare, shares};

/// How long an order can be paid unless it says otherwise: fifteen minutes.
const DEFAULT_EXPIRY_SECS: i64 = 900;
/// A minute to a day.
const EXPIRY_SECS: std::ops::RangeInclusive<i64> = 60..=86_400;
/// Longer addresses are cut by proxies on the way.
const MAX_URL: usize = 512;
/// The same with its characters escaped: three for each byte.
const MAX_SENT_URL: usize = 4 * MAX_URL;
const MAX_METHODS: usize = 16;
const MAX_METADATA: usize = 20;

/// A merchant's wish for an order: every field is within its bounds.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The merchant's own number.
    pub merchant_order_id: String,
    /// The amount that the shopper pays; more than zero.
    pub amount: Money,
    /// The text that the shopper reads.
    pub description: String,
    /// The methods the merchant wants to offer; empty for all.
    pub methods: Vec<String>,
    /// How long the order can be paid.
    pub expires_in_secs: i64,
    /// Whether the money moves at once when the shopper agrees.
    pub capture: Capture,
    /// When it is said who gets a part of it.
    pub split: SplitTime,
    /// The receivers of parts once it is settled, as the merchant says; empty if it leaves that to its plugin.
    pub shares: Vec<NewShare>,
    /// The bearer of a refund once the payment is settled to several parties.
    pub refund_bearer: RefundBearer,
    /// The quote by which it is settled in another currency.
    pub fx_quote: Option<FxQuoteId>,
    /// Where callbacks go.
    pub notify_url: Option<String>,
    /// Where the shopper goes afterwards.
    pub return_url: Option<String>,
    /// The kind of trade.
    pub scene: Scene,
    /// The shopper, as the merchant knows them.
    pub customer: Customer,
    /// The shopper's identity at the platform that takes the payment.
    pub payer: Payer,
    /// With what.
    pub device: Device,
    /// The merchant's own remarks.
    pub metadata: BTreeMap<String, String>,
}

impl NewOrder {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let minor = body.required("amount", |field| field.integer(1..=MAX_MINOR))?;
        let currency =
            body.required("currency", |field| field.parsed(3..=3, Currency::from_code))?;
        let order = Self {
            amount: Money::new(minor, currency).map_err(|error| Invalid {
                kind: Kind::InvalidField,
                field: "amount".to_owned(),
                detail: error.to_string(),
            })?,
            merchant_order_id: body
                .required("merchant_order_id", |field| field.parsed(1..=64, number))?,
            description: body.required("description", |field| field.shown(1..=200))?,
            methods: body.optional("methods", methods)?.unwrap_or_default(),
            expires_in_secs: body
                .optional("expires_in", |field| field.integer(EXPIRY_SECS))?
                .unwrap_or(DEFAULT_EXPIRY_SECS),
            capture: body
                .optional("capture", |field| field.one_of(&CAPTURES))?
                .unwrap_or(Capture::Automatic),
            split: body.optional("split", |field| field.one_of(&SPLITS))?.unwrap_or_default(),
            shares: body.optional("shares", shares)?.unwrap_or_default(),
            refund_bearer: body
                .optional("refund_bearer", |field| field.parsed(1..=80, RefundBearer::parse))?
                .unwrap_or_default(),
            fx_quote: body.optional("fx_quote", |field| field.parsed(1..=40, FxQuoteId::parse))?,
            notify_url: body.optional("notify_url", url)?,
            return_url: body.optional("return_url", sent_url)?,
            scene: body
                .optional("scene", |field| field.one_of(&SCENES))?
                .unwrap_or(Scene::Ecommerce),
            customer: body.optional("customer", customer)?.unwrap_or_default(),
            payer: body.optional("payer", payer)?.unwrap_or_default(),
            device: body.optional("device", device)?.unwrap_or_default(),
            metadata: body.optional("metadata", metadata)?.unwrap_or_default(),
        };
        body.finish()?;
        if order.split == SplitTime::Later && !order.shares.is_empty() {
            return Err(Invalid {
                kind: Kind::InvalidField,
                field: "shares".to_owned(),
                detail: "shares are of an order that is split when it is settled: leave them out, or split".to_owned(),
            });
        }
        Ok(order)
    }

    /// The facts for the rules, with the methods that can really be offered; nothing is counted
    /// yet.
    pub fn facts(
        &self,
        id: OrderId,
        merchant: MerchantId,
        profile: Profile,
        methods: Vec<String>,
        now: Timestamp,
    ) -> OrderFacts {
        OrderFacts {
            id,
            merchant,
            merchant_order_id: self.merchant_order_id.clone(),
            amount: self.amount,
            scene: self.scene,
            methods,
            customer: self.customer.clone(),
            device: self.device.clone(),
            metadata: self.metadata.clone(),
            profile,
            velocity: Velocity::default(),
            at_ms: now.as_ms(),
        }
    }
}

/// A charge by the code that a till scanned.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCharge {
    /// The code that the shopper shows: good once, for a minute.
    pub code: String,
}

impl NewCharge {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let code = body.required("code", |field| {
            field.parsed(16..=64, |text| {
                let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if plain {
                    Ok(text.to_owned())
                } else {
                    Err("must be the letters and digits that the till scanned")
                }
            })
        })?;
        body.finish()?;
        Ok(Self { code })
    }
}

const CAPTURES: [(&str, Capture); 2] =
    [("automatic", Capture::Automatic), ("manual", Capture::Manual)];

const SPLITS: [(&str, SplitTime); 2] = [("agreed", SplitTime::Agreed), ("later", SplitTime::Later)];

const SCENES: [(&str, Scene); 5] = [
    ("ecommerce", Scene::Ecommerce),
    ("o2o", Scene::O2o),
    ("counter", Scene::Counter),
    ("mini_program", Scene::MiniProgram),
    ("cross_border", Scene::CrossBorder),
];

const DEVICES: [(&str, DeviceKind); 5] = [
    ("phone", DeviceKind::Phone),
    ("tablet", DeviceKind::Tablet),
    ("desktop", DeviceKind::Desktop),
    ("pos", DeviceKind::Pos),
    ("other", DeviceKind::Other),
];

fn methods(field: Field) -> Result<Vec<String>, Invalid> {
    let word = |text: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if text.bytes().all(allowed) {
            Ok(text.to_owned())
        } else {
            Err("no method: a-z, 0-9 and _ are")
        }
    };
    field.list(MAX_METHODS)?.into_iter().map(|it| it.parsed(1..=32, word)).collect()
}

/// An absolute address, http or https, without user name or password.
pub fn url(field: Field) -> Result<String, Invalid> {
    field.parsed(1..=MAX_URL, |text| parsed(text).map(|_| text.to_owned()))
}

/// An address that a browser goes to, as it is sent: what is kept is what every reader reads.
///
/// # Errors
///
/// [`Invalid`].
pub fn sent_url(field: Field) -> Result<String, Invalid> {
    field.parsed(1..=MAX_URL, |text| {
        let url = parsed(text)?;
        if url.as_str().len() > MAX_SENT_URL {
            return Err("an address that is too long as it is sent");
        }
        Ok(url.into())
    })
}

fn parsed(text: &str) -> Result<url::Url, &'static str> {
    let is_plain = |text: &str| !text.contains(' ') && text.contains("://");
    match url::Url::parse(text) {
        Ok(_) if !is_plain(text) => Err("no absolute address, written out with ://"),
        // Some readers take it for /, others for a part of the host.
        Ok(_) if text.contains('\\') => Err("an address with a backslash"),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Err("no http or https address"),
        Ok(url) if has_user(text, &url) => Err("an address with a user name or password"),
        Ok(url) if url.host_str().is_none() => Err("an address without a host"),
        Ok(url) => Ok(url),
        Err(_) => Err("no absolute address"),
    }
}

/// Whether a user stands before the host, be it an empty one.
fn has_user(text: &str, url: &url::Url) -> bool {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !url.username().is_empty() || url.password().is_some() || authority.contains('@')
}

fn customer(field: Field) -> Result<Customer, Invalid> {
    let mut it = field.object()?;
    let ip = it.optional("ip", |field| {
        field.parsed(2..=45, |text| text.parse::<IpAddr>().map_err(|_| "no IP address"))
    })?;
    let customer = Customer {
        reference: it.optional("ref", |field| field.text(1..=64))?,
        ip,
        ip_class: ip.map(lezai_core::ip::class),
        country: it.optional("country", |field| field.parsed(2..=2, country))?,
    };
    it.finish()?;
    Ok(customer)
}

fn payer(field: Field) -> Result<Payer, Invalid> {
    let mut it = field.object()?;
    let id = |text: &str| {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible {
            Ok(text.to_owned())
        } else {
            Err("must be visible ASCII, as the platform gave it")
        }
    };
    let payer = Payer {
        wechat_openid: it.optional("wechat_openid", |field| field.parsed(1..=128, id))?,
        alipay_open_id: it.optional("alipay_open_id", |field| field.parsed(1..=128, id))?,
        alipay_user_id: it.optional("alipay_user_id", |field| field.parsed(1..=128, id))?,
    };
    it.finish()?;
    Ok(payer)
}

fn country(text: &str) -> Result<String, &'static str> {
    if text.bytes().all(|b| b.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err("no ISO 3166 code of two capitals")
    }
}

fn device(field: Field) -> Result<Device, Invalid> {
    let mut it = field.object()?;
    let device = Device {
        id: it.optional("id", |field| field.text(1..=64))?,
        kind: it.optional("kind", |field| field.one_of(&DEVICES))?,
        os: it.optional("os", |field| field.text(1..=32))?,
        user_agent: it.optional("user_agent", |field| field.text(1..=256))?,
    };
    it.finish()?;
    Ok(device)
}

/// A merchant's own remarks, bounded.
///
/// # Errors
///
/// [`Invalid`].
pub fn metadata(field: Field) -> Result<BTreeMap<String, String>, Invalid> {
    let too_many = field.invalid(format_args!("must have at most {MAX_METADATA} members"));
    let bad_name = field.invalid("must have names of 1 to 40 visible ASCII characters");
    let members = field.object()?.drain();
    if members.len() > MAX_METADATA {
        return Err(too_many);
    }
    if members.iter().any(|(name, _)| {
        !(1..=40).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_graphic())
    }) {
        return Err(bad_name);
    }
    members.into_iter().map(|(name, value)| Ok((name, value.text(0..=200)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"merchant_order_id":"A-1001","amount":12800,"currency":"CNY","description":"Tea 茶",
        "notify_url":"https://shop.example/cb","return_url":"https://shop.example/","methods":["wallet_qr"],"expires_in":900,
        "scene":"o2o","customer":{"ref":"c-1","ip":"203.0.113.7","country":"CN"},
        "device":{"id":"d-1","kind":"phone","os":"iOS","user_agent":"UA"},"metadata":{"table":"7"},
        "payer":{"wechat_openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}"#;

    #[test]
    fn a_full_order_and_a_short_one_are_read() {
        let full = NewOrder::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(
            (full.amount.minor(), full.scene, full.metadata["table"].as_str()),
            (12800, Scene::O2o, "7")
        );
        assert_eq!(full.payer.wechat_openid.as_deref(), Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"));
        for ids in [r#"{"wechat_openid":"o b"}"#, r#"{"wechat_openid":""}"#, r#"{"openid":"o"}"#] {
            let text = GOOD.replace(r#"{"wechat_openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}"#, ids);
            let refused = NewOrder::parse(text.as_bytes()).unwrap_err();
            assert!(refused.field.starts_with("payer."), "{refused:?}");
        }
        let short = NewOrder::parse(
            br#"{"merchant_order_id":"A","amount":1,"currency":"JPY","description":"x"}"#,
        )
        .unwrap();
        assert_eq!(
            (short.expires_in_secs, short.scene, short.methods.len()),
            (900, Scene::Ecommerce, 0)
        );
    }

    #[test]
    fn the_way_back_is_kept_as_it_is_sent() {
        for (written, kept) in [
            ("https://shop.example", "https://shop.example/"),
            ("https://Shop.example:443/a#b", "https://shop.example/a#b"),
            ("https://例え.jp/茶", "https://xn--r8jz45g.jp/%E8%8C%B6"),
        ] {
            let body = GOOD.replacen("\"https://shop.example/\"", &format!("\"{written}\""), 1);
            let order = NewOrder::parse(body.as_bytes()).unwrap();
            assert_eq!(order.return_url.as_deref(), Some(kept));
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (from, to, field) in [
            ("12800", "0", "amount"),
            ("12800", "-1", "amount"),
            ("12800", "128.5", "amount"),
            ("12800", "9007199254740992", "amount"),
            ("12800", "9223372036854775808", "amount"),
            ("CNY", "RMB", "currency"),
            ("CNY", "cny", "currency"),
            ("A-1001", "A 1001", "merchant_order_id"),
            ("A-1001", "", "merchant_order_id"),
            ("Tea 茶", "a\\u0000b", "description"),
            ("https://shop.example/cb", "ftp://shop.example", "notify_url"),
            ("https://shop.example/cb", "https://u:p@shop.example", "notify_url"),
            ("https://shop.example/cb", "/cb", "notify_url"),
            ("https://shop.example/cb", "https://shop.example\\\\cb", "notify_url"),
            ("https://shop.example/cb", "https://@shop.example/cb", "notify_url"),
            (
                "\"https://shop.example/\"",
                r#""https://shop.example\\@other.example/""#,
                "return_url",
            ),
            ("\"https://shop.example/\"", r#""https://u:p@shop.example/""#, "return_url"),
            ("https://shop.example/cb", "https:shop.example", "notify_url"),
            ("https://shop.example/cb", " https://shop.example/", "notify_url"),
            ("wallet_qr", "Wallet", "methods[0]"),
            ("900", "59", "expires_in"),
            ("\"o2o\"", "\"O2O\"", "scene"),
            ("\"o2o\"", "\"o2o\",\"refund_bearer\":\"receiver:\"", "refund_bearer"),
            ("\"o2o\"", "\"o2o\",\"refund_bearer\":\"all\"", "refund_bearer"),
            ("203.0.113.7", "203.0.113.777", "customer.ip"),
            ("\"CN\"", "\"cn\"", "customer.country"),
            ("\"phone\"", "\"fridge\"", "device.kind"),
            ("\"table\":\"7\"", "\"table\":7", "metadata.table"),
            ("\"table\":\"7\"", "\"\":\"7\"", "metadata"),
        ] {
            let error = NewOrder::parse(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!(error.field, field, "{to}: {}", error.detail);
        }
    }
}
