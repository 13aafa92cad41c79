//! A policy as an operator puts it: nothing panics, what is taken survives its compact form, and
//! judges any order without a panic and within its bounds.

#![no_main]

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::money::{Currency, Money};
use lezai_core::policy::{
    Customer, Device, OrderFacts, Policy, Scene, answer, channels_in_compact,
};
use libfuzzer_sys::fuzz_target;

fn order(minor: i64, currency: Currency) -> OrderFacts {
    OrderFacts {
        id: OrderId::parse("ord_00000000000000000000000000000001").unwrap(),
        merchant: MerchantId::parse("m_demo").unwrap(),
        merchant_order_id: "A-1001".to_owned(),
        amount: Money::new(minor, currency).unwrap(),
        scene: Scene::Ecommerce,
        methods: vec!["wallet_qr".to_owned()],
        customer: Customer { country: Some("CN".to_owned()), ..Customer::default() },
        device: Device::default(),
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        at_ms: 1_767_225_600_000,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(policy) = Policy::from_json(data) else {
        // The compact form comes from us alone, and from a file that may be damaged.
        if let Ok(policy) = Policy::from_compact(data) {
            let _ = policy.risk(&order(1, Currency::from_code("CNY").unwrap()));
        }
        return;
    };
    let compact = policy.to_compact();
    assert_eq!(Policy::from_compact(&compact).as_ref(), Ok(&policy));
    assert!(channels_in_compact(&compact).unwrap().iter().eq(policy.channels()));
    for code in ["CNY", "JPY", "USD", "KWD"] {
        let currency = Currency::from_code(code).unwrap();
        for minor in [0, 1, 12_800, 100_001, i64::MAX] {
            let order = order(minor, currency);
            let risk = policy.risk(&order);
            assert_eq!(answer::check_risk(&risk), Ok(()), "{risk:?}");
            if let Ok(fee) = policy.fee(&order) {
                assert!(fee.minor() <= minor && fee.currency() == currency);
            }
            let channels = policy.route(&order);
            assert_eq!(answer::check_channels(&channels, policy.channels()), Ok(()));
            let _ = policy.check_limits(&order);
        }
    }
});
