//! The plugin contract, version 1.0.0, as wasmtime lowers and lifts it.
//!
//! `crates/plugin/wit/lezai-plugin.wit` says what each thing means. A component whose types differ
//! from these is refused when it is loaded. What goes in is borrowed from the order, so that it is
//! copied once, into the guest.

use lezai_core::money;
use lezai_core::policy::{self, OrderFacts};
use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct OrderRecord<'a> {
    id: &'a str,
    merchant: &'a str,
    #[component(name = "merchant-order-id")]
    merchant_order_id: &'a str,
    amount: Amount<'a>,
    scene: Scene,
    methods: &'a [String],
    method: Option<&'a str>,
    customer: Customer<'a>,
    device: Device<'a>,
    metadata: Vec<(&'a str, &'a str)>,
    profile: Profile<'a>,
    velocity: Velocity,
    #[component(name = "at-ms")]
    at_ms: i64,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Amount<'a> {
    minor: u64,
    currency: &'a str,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Scene {
    #[component(name = "ecommerce")]
    Ecommerce,
    #[component(name = "o2o")]
    O2o,
    #[component(name = "counter")]
    Counter,
    #[component(name = "mini-program")]
    MiniProgram,
    #[component(name = "cross-border")]
    CrossBorder,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Customer<'a> {
    reference: Option<&'a str>,
    ip: Option<String>,
    #[component(name = "ip-class")]
    ip_class: Option<IpClass>,
    country: Option<&'a str>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum IpClass {
    #[component(name = "public")]
    Public,
    #[component(name = "private")]
    Private,
    #[component(name = "loopback")]
    Loopback,
    #[component(name = "link-local")]
    LinkLocal,
    #[component(name = "special")]
    Special,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Device<'a> {
    id: Option<&'a str>,
    kind: Option<DeviceKind>,
    os: Option<&'a str>,
    #[component(name = "user-agent")]
    user_agent: Option<&'a str>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum DeviceKind {
    #[component(name = "phone")]
    Phone,
    #[component(name = "tablet")]
    Tablet,
    #[component(name = "desktop")]
    Desktop,
    #[component(name = "pos")]
    Pos,
    #[component(name = "other")]
    Other,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Profile<'a> {
    country: Option<&'a str>,
    category: Option<u16>,
    tier: Option<u8>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Tally {
    count: u32,
    sum: u64,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Windows {
    minute: Tally,
    hour: Tally,
    day: Tally,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Velocity {
    merchant: Windows,
    customer: Option<Windows>,
    device: Option<Windows>,
    ip: Option<Windows>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Assessment {
    verdict: Verdict,
    score: u16,
    reasons: Vec<Reason>,
}

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code, reason = "wasmtime makes them, by their number")]
pub(crate) enum Verdict {
    #[component(name = "accept")]
    Accept,
    #[component(name = "review")]
    Review,
    #[component(name = "deny")]
    Deny,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Reason {
    code: String,
    message: String,
}

/// A share as a plugin says it.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Share {
    pub(crate) receiver: String,
    pub(crate) minor: u64,
}

/// A column as a plugin says it.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Column {
    name: String,
    value: String,
}

/// An amount as a plugin says it: nobody has looked at it.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Money {
    pub(crate) minor: u64,
    pub(crate) currency: String,
}

impl<'a> OrderRecord<'a> {
    /// The order's facts in the contract's words.
    pub(crate) fn new(facts: &'a OrderFacts) -> Self {
        Self {
            id: facts.id.as_str(),
            merchant: facts.merchant.as_str(),
            merchant_order_id: &facts.merchant_order_id,
            amount: facts.amount.into(),
            scene: match facts.scene {
                // The contract of plugins knows no debits: to them it is an order from afar, by the debit's method.
                policy::Scene::Ecommerce | policy::Scene::Agreement => Scene::Ecommerce,
                policy::Scene::O2o => Scene::O2o,
                policy::Scene::Counter => Scene::Counter,
                policy::Scene::MiniProgram => Scene::MiniProgram,
                policy::Scene::CrossBorder => Scene::CrossBorder,
            },
            methods: &facts.methods,
            method: match &*facts.methods {
                [only] => Some(only),
                _ => None,
            },
            customer: Customer {
                reference: facts.customer.reference.as_deref(),
                ip: facts.customer.ip.map(|ip| ip.to_string()),
                ip_class: facts.customer.ip_class.map(|class| match class {
                    policy::IpClass::Public => IpClass::Public,
                    policy::IpClass::Private => IpClass::Private,
                    policy::IpClass::Loopback => IpClass::Loopback,
                    policy::IpClass::LinkLocal => IpClass::LinkLocal,
                    policy::IpClass::Special => IpClass::Special,
                }),
                country: facts.customer.country.as_deref(),
            },
            device: Device {
                id: facts.device.id.as_deref(),
                kind: facts.device.kind.map(|kind| match kind {
                    policy::DeviceKind::Phone => DeviceKind::Phone,
                    policy::DeviceKind::Tablet => DeviceKind::Tablet,
                    policy::DeviceKind::Desktop => DeviceKind::Desktop,
                    policy::DeviceKind::Pos => DeviceKind::Pos,
                    policy::DeviceKind::Other => DeviceKind::Other,
                }),
                os: facts.device.os.as_deref(),
                user_agent: facts.device.user_agent.as_deref(),
            },
            metadata: facts.metadata.iter().map(|(key, value)| (&**key, &**value)).collect(),
            profile: Profile {
                country: facts.profile.country.as_deref(),
                category: facts.profile.category,
                tier: facts.profile.tier,
            },
            velocity: Velocity {
                merchant: facts.velocity.merchant.into(),
                customer: facts.velocity.customer.map(Windows::from),
                device: facts.velocity.device.map(Windows::from),
                ip: facts.velocity.ip.map(Windows::from),
            },
            at_ms: facts.at_ms,
        }
    }

    /// The bytes of all its texts: what a guest has to take in.
    pub(crate) fn size(&self) -> usize {
        let texts = [self.id, self.merchant, self.merchant_order_id, self.amount.currency];
        let options = [
            self.customer.reference,
            self.customer.ip.as_deref(),
            self.customer.country,
            self.device.id,
            self.device.os,
            self.device.user_agent,
            self.method,
            self.profile.country,
        ];
        let methods = self.methods.iter().map(String::len);
        let metadata = self.metadata.iter().map(|(key, value)| key.len() + value.len());
        let texts = texts.into_iter().chain(options.into_iter().flatten()).map(str::len);
        texts.chain(methods).chain(metadata).sum()
    }
}

impl From<money::Money> for Amount<'_> {
    fn from(it: money::Money) -> Self {
        Self { minor: it.minor().unsigned_abs(), currency: it.currency().code() }
    }
}

impl From<policy::Windows> for Windows {
    fn from(it: policy::Windows) -> Self {
        let tally = |it: policy::Tally| Tally { count: it.count, sum: it.sum };
        Self { minute: tally(it.minute), hour: tally(it.hour), day: tally(it.day) }
    }
}

impl From<Column> for policy::Column {
    fn from(it: Column) -> Self {
        Self { name: it.name, value: it.value }
    }
}

impl From<Assessment> for policy::Risk {
    fn from(it: Assessment) -> Self {
        let verdict = match it.verdict {
            Verdict::Accept => policy::Verdict::Accept,
            Verdict::Review => policy::Verdict::Review,
            Verdict::Deny => policy::Verdict::Deny,
        };
        let reason = |it: Reason| policy::Reason { code: it.code, message: it.message };
        Self { verdict, score: it.score, reasons: it.reasons.into_iter().map(reason).collect() }
    }
}
