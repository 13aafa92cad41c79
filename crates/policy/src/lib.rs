//! The standard plugin: the core's policy behind the plugin contract.
//!
//! Settings are a policy in its compact form ([`Policy::to_compact`]). Owns the way from the
//! contract's types to the core's and back; decides nothing itself, so that the sandbox gives what
//! the core gives.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::money::{self, Currency};
use lezai_core::policy::{self, OrderFacts, Policy};
use lezai_plugin::{
    Assessment, Customer, Device, DeviceKind, IpClass, MerchantProfile, Money, Order, Pricing,
    Reason, Risk, Routing, Scene, Velocity, Verdict, Windows,
};

/// Judges, prices and routes by the merchant's policy.
pub struct Standard;

lezai_plugin::export!(Standard: Risk, Pricing, Routing);

impl Risk for Standard {
    fn assess(order: Order, settings: &[u8]) -> Result<Assessment, String> {
        let policy = policy(settings)?;
        Ok(assessment(policy.risk(&facts(order)?)))
    }
}

impl Pricing for Standard {
    fn fee(order: Order, settings: &[u8]) -> Result<Money, String> {
        let policy = policy(settings)?;
        let fee = policy.fee(&facts(order)?).map_err(|error| error.to_string())?;
        Ok(Money { minor: fee.minor().unsigned_abs(), currency: fee.currency().code().to_owned() })
    }
}

impl Routing for Standard {
    fn route(order: Order, settings: &[u8]) -> Result<Vec<String>, String> {
        let policy = policy(settings)?;
        Ok(policy.route(&facts(order)?))
    }
}

thread_local! {
    /// The policy that was read last, and what it was read from. An instance is asked three times
    /// with the same settings, and reading them is most of the work of each answer.
    static LAST: RefCell<Option<(Vec<u8>, Rc<Policy>)>> = const { RefCell::new(None) };
}

fn policy(settings: &[u8]) -> Result<Rc<Policy>, String> {
    LAST.with_borrow_mut(|last| {
        if let Some((from, policy)) = last
            && same(from, settings)
        {
            return Ok(Rc::clone(policy));
        }
        let policy = Policy::from_compact(settings).map_err(|error| error.to_string())?;
        let policy = Rc::new(policy);
        *last = Some((settings.to_owned(), Rc::clone(&policy)));
        Ok(policy)
    })
}

/// `a == b`, eight bytes at a time: wasm's comparison of slices goes byte by byte.
fn same(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let word = |it: &[u8; 8]| u64::from_le_bytes(*it);
    a_rest == b_rest && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| word(a) == word(b))
}

/// The order as the core knows it. The gateway makes orders of the contract from such facts, so
/// an error here is a gateway's mistake.
///
/// # Errors
///
/// A text that no order of the gateway's has.
pub fn facts(order: Order) -> Result<OrderFacts, String> {
    Ok(OrderFacts {
        id: OrderId::parse(&order.id).map_err(|error| error.to_string())?,
        merchant: MerchantId::parse(&order.merchant).map_err(|error| error.to_string())?,
        merchant_order_id: order.merchant_order_id,
        amount: amount(&order.amount)?,
        scene: scene(order.scene),
        methods: order.methods,
        customer: customer(order.customer)?,
        device: device(order.device),
        metadata: order.metadata.into_iter().collect(),
        profile: profile(order.profile),
        velocity: velocity(&order.velocity),
        at_ms: order.at_ms,
    })
}

fn amount(amount: &Money) -> Result<money::Money, String> {
    let currency = Currency::from_code(&amount.currency).map_err(|error| error.to_string())?;
    let minor = i64::try_from(amount.minor).map_err(|error| error.to_string())?;
    money::Money::new(minor, currency).map_err(|error| error.to_string())
}

fn scene(scene: Scene) -> policy::Scene {
    match scene {
        Scene::Ecommerce => policy::Scene::Ecommerce,
        Scene::O2o => policy::Scene::O2o,
        Scene::Counter => policy::Scene::Counter,
        Scene::MiniProgram => policy::Scene::MiniProgram,
        Scene::CrossBorder => policy::Scene::CrossBorder,
    }
}

fn customer(customer: Customer) -> Result<policy::Customer, String> {
    let ip: Option<IpAddr> = match customer.ip {
        Some(ip) => Some(ip.parse().map_err(|_| format!("{ip} is no IP address"))?),
        None => None,
    };
    let ip_class = customer.ip_class.map(|class| match class {
        IpClass::Public => policy::IpClass::Public,
        IpClass::Private => policy::IpClass::Private,
        IpClass::Loopback => policy::IpClass::Loopback,
        IpClass::LinkLocal => policy::IpClass::LinkLocal,
        IpClass::Special => policy::IpClass::Special,
    });
    Ok(policy::Customer { reference: customer.reference, ip, ip_class, country: customer.country })
}

fn profile(profile: MerchantProfile) -> policy::Profile {
    let MerchantProfile { country, category, tier } = profile;
    policy::Profile { country, category, tier }
}

fn velocity(velocity: &Velocity) -> policy::Velocity {
    policy::Velocity {
        merchant: windows(&velocity.merchant),
        customer: velocity.customer.as_ref().map(windows),
        device: velocity.device.as_ref().map(windows),
        ip: velocity.ip.as_ref().map(windows),
    }
}

fn windows(windows: &Windows) -> policy::Windows {
    let tally = |it: &lezai_plugin::Tally| policy::Tally { count: it.count, sum: it.sum };
    policy::Windows {
        minute: tally(&windows.minute),
        hour: tally(&windows.hour),
        day: tally(&windows.day),
    }
}

fn device(device: Device) -> policy::Device {
    let kind = device.kind.map(|kind| match kind {
        DeviceKind::Phone => policy::DeviceKind::Phone,
        DeviceKind::Tablet => policy::DeviceKind::Tablet,
        DeviceKind::Desktop => policy::DeviceKind::Desktop,
        DeviceKind::Pos => policy::DeviceKind::Pos,
        DeviceKind::Other => policy::DeviceKind::Other,
    });
    policy::Device { id: device.id, kind, os: device.os, user_agent: device.user_agent }
}

fn assessment(risk: policy::Risk) -> Assessment {
    let verdict = match risk.verdict {
        policy::Verdict::Accept => Verdict::Accept,
        policy::Verdict::Review => Verdict::Review,
        policy::Verdict::Deny => Verdict::Deny,
    };
    let reason = |it: policy::Reason| Reason { code: it.code, message: it.message };
    Assessment {
        verdict,
        score: risk.score,
        reasons: risk.reasons.into_iter().map(reason).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(review_at: u16, rounding: &str) -> Vec<u8> {
        let json = format!(
            r#"{{"version": 1,
                "limits": [{{"currency": "CNY", "min": 1, "max": 50000}}],
                "risk": {{"review_at": {review_at}, "deny_at": 900, "rules": [
                    {{"code": "unknown", "message": "Nobody knows the device", "score": 300, "when": ["device_id_missing"]}}
                ]}},
                "fees": [{{"currency": "CNY", "rate_ppm": 6000, "rounding": "{rounding}"}}],
                "routes": [{{"channel": "sandbox"}}]}}"#
        );
        Policy::from_json(json.as_bytes()).unwrap().to_compact()
    }

    #[test]
    fn it_answers_by_the_policy() {
        let settings = compact(300, "half_up");
        let risk = Standard::assess(Order::example(), &settings).unwrap();
        assert_eq!((risk.verdict, risk.score), (Verdict::Review, 300));
        assert_eq!(risk.reasons[0].code, "unknown");
        let fee = Standard::fee(Order::example(), &settings).unwrap();
        assert_eq!((fee.minor, fee.currency.as_str()), (77, "CNY"));
        assert_eq!(Standard::route(Order::example(), &settings).unwrap(), ["sandbox"]);
    }

    #[test]
    fn a_policy_is_not_taken_for_another_one() {
        for (review_at, rounding, verdict, fee) in [
            (300, "half_up", Verdict::Review, 77),
            (301, "half_up", Verdict::Accept, 77),
            (301, "down", Verdict::Accept, 76),
            (300, "half_up", Verdict::Review, 77),
        ] {
            let settings = compact(review_at, rounding);
            let order = Order::example;
            assert_eq!(Standard::assess(order(), &settings).unwrap().verdict, verdict);
            assert_eq!(Standard::fee(order(), &settings).unwrap().minor, fee);
        }
    }

    #[test]
    fn sameness_is_that_of_slices() {
        let bytes: Vec<u8> = (0..40).collect();
        for len in 0..40 {
            assert!(same(&bytes[..len], &bytes[..len]));
            assert!(!same(&bytes[..len], &bytes[..=len]));
            for at in 0..len {
                let mut other = bytes[..len].to_vec();
                other[at] ^= 0x80;
                assert!(!same(&bytes[..len], &other), "{at} of {len}");
            }
        }
    }

    #[test]
    fn what_no_gateway_sends_is_an_error() {
        let settings = compact(300, "down");
        let with = |change: fn(&mut Order)| {
            let mut order = Order::example();
            change(&mut order);
            Standard::assess(order, &settings).map(drop)
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert!(Standard::assess(Order::example(), b"").is_err());
        assert!(with(|it| it.id.clear()).is_err());
        assert!(with(|it| it.merchant.clear()).is_err());
        assert!(with(|it| it.amount.currency = "RMB".to_owned()).is_err());
        assert!(with(|it| it.amount.minor = u64::MAX).is_err());
        assert!(with(|it| it.customer.ip = Some("here".to_owned())).is_err());
    }
}
