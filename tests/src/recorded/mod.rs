//! Recorded orders, which plugins are asked about wherever they run: `tests/vectors/plugin-orders.json`.
//!
//! Owns the file's form: one order a line, as JavaScript has the contract's record, with numbers of 64
//! bits as text because JavaScript reads others inexactly. Never decides anything.

pub mod seed;

use lezai_plugin::{
    Customer, Device, DeviceKind, IpClass, MerchantProfile, Money, Order, Scene, Tally, Velocity,
    Windows,
};
use serde_json::{Map, Value, json};

/// The orders in the text of such a file.
pub fn read(text: &str) -> Vec<Order> {
    let orders: Vec<Value> = serde_json::from_str(text).unwrap();
    orders.iter().map(order).collect()
}

/// The text of a file with these orders.
pub fn write(orders: &[Order]) -> String {
    let lines: Vec<String> = orders.iter().map(|it| written(it).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

const SCENES: [(&str, Scene); 5] = [
    ("ecommerce", Scene::Ecommerce),
    ("o2o", Scene::O2o),
    ("counter", Scene::Counter),
    ("mini-program", Scene::MiniProgram),
    ("cross-border", Scene::CrossBorder),
];

const IP_CLASSES: [(&str, IpClass); 5] = [
    ("public", IpClass::Public),
    ("private", IpClass::Private),
    ("loopback", IpClass::Loopback),
    ("link-local", IpClass::LinkLocal),
    ("special", IpClass::Special),
];

const DEVICE_KINDS: [(&str, DeviceKind); 5] = [
    ("phone", DeviceKind::Phone),
    ("tablet", DeviceKind::Tablet),
    ("desktop", DeviceKind::Desktop),
    ("pos", DeviceKind::Pos),
    ("other", DeviceKind::Other),
];

/// An order, in the file's form. What is not there is left out.
pub fn written(order: &Order) -> Value {
    let Order { customer, device, profile, velocity, .. } = order;
    present(json!({
        "id": order.id,
        "merchant": order.merchant,
        "merchantOrderId": order.merchant_order_id,
        "amount": { "minor": order.amount.minor.to_string(), "currency": order.amount.currency },
        "scene": word(&SCENES, order.scene),
        "methods": order.methods,
        "method": order.method,
        "customer": present(json!({
            "reference": customer.reference,
            "ip": customer.ip,
            "ipClass": customer.ip_class.map(|it| word(&IP_CLASSES, it)),
            "country": customer.country,
        })),
        "device": present(json!({
            "id": device.id,
            "kind": device.kind.map(|it| word(&DEVICE_KINDS, it)),
            "os": device.os,
            "userAgent": device.user_agent,
        })),
        "metadata": order.metadata,
        "profile": present(json!({
            "country": profile.country, "category": profile.category, "tier": profile.tier,
        })),
        "velocity": present(json!({
            "merchant": windows_written(&velocity.merchant),
            "customer": velocity.customer.as_ref().map(windows_written),
            "device": velocity.device.as_ref().map(windows_written),
            "ip": velocity.ip.as_ref().map(windows_written),
        })),
        "atMs": order.at_ms.to_string(),
    }))
}

fn windows_written(windows: &Windows) -> Value {
    let tally = |it: &Tally| json!({ "count": it.count, "sum": it.sum.to_string() });
    let Windows { minute, hour, day } = windows;
    json!({ "minute": tally(minute), "hour": tally(hour), "day": tally(day) })
}

/// An object without members that are null.
fn present(object: Value) -> Value {
    let Value::Object(members) = object else { return object };
    Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}

fn word<Kind: Copy + PartialEq>(words: &[(&'static str, Kind)], kind: Kind) -> &'static str {
    words.iter().find(|(_, it)| *it == kind).unwrap().0
}

fn kind<Kind: Copy>(words: &[(&str, Kind)], word: &Value) -> Kind {
    words.iter().find(|(it, _)| word == it).unwrap().1
}

fn order(it: &Value) -> Order {
    let (customer, device) = (&it["customer"], &it["device"]);
    let (profile, velocity) = (&it["profile"], &it["velocity"]);
    let pair = |it: &Value| (text(&it[0]), text(&it[1]));
    Order {
        id: text(&it["id"]),
        merchant: text(&it["merchant"]),
        merchant_order_id: text(&it["merchantOrderId"]),
        amount: Money {
            minor: number(&it["amount"]["minor"]),
            currency: text(&it["amount"]["currency"]),
        },
        scene: kind(&SCENES, &it["scene"]),
        methods: it["methods"].as_array().unwrap().iter().map(text).collect(),
        method: option(&it["method"], text),
        customer: Customer {
            reference: option(&customer["reference"], text),
            ip: option(&customer["ip"], text),
            ip_class: option(&customer["ipClass"], |it| kind(&IP_CLASSES, it)),
            country: option(&customer["country"], text),
        },
        device: Device {
            id: option(&device["id"], text),
            kind: option(&device["kind"], |it| kind(&DEVICE_KINDS, it)),
            os: option(&device["os"], text),
            user_agent: option(&device["userAgent"], text),
        },
        metadata: it["metadata"].as_array().unwrap().iter().map(pair).collect(),
        profile: MerchantProfile {
            country: option(&profile["country"], text),
            category: option(&profile["category"], small),
            tier: option(&profile["tier"], small),
        },
        velocity: Velocity {
            merchant: windows(&velocity["merchant"]),
            customer: option(&velocity["customer"], windows),
            device: option(&velocity["device"], windows),
            ip: option(&velocity["ip"], windows),
        },
        at_ms: number(&it["atMs"]),
    }
}

fn windows(it: &Value) -> Windows {
    let tally = |it: &Value| Tally { count: small(&it["count"]), sum: number(&it["sum"]) };
    Windows { minute: tally(&it["minute"]), hour: tally(&it["hour"]), day: tally(&it["day"]) }
}

fn option<To>(it: &Value, read: impl FnOnce(&Value) -> To) -> Option<To> {
    if it.is_null() { None } else { Some(read(it)) }
}

fn text(it: &Value) -> String {
    it.as_str().unwrap().to_owned()
}

/// A number of 64 bits.
fn number<Number: std::str::FromStr<Err: std::fmt::Debug>>(it: &Value) -> Number {
    it.as_str().unwrap().parse().unwrap()
}

/// Any other number.
fn small<Number: TryFrom<u64, Error: std::fmt::Debug>>(it: &Value) -> Number {
    it.as_u64().unwrap().try_into().unwrap()
}
