//! The body of `POST /v1/orders`: nothing panics, what is taken lies within its bounds, and is JSON to
//! others as well.

#![no_main]
use libfuzzer_sys::fuzz_target;
use lezai_wire::order_request::NewOrder;

fuzz_target!(|data: &[u8]| {
    let Ok(order) = NewOrder::parse(data) else { return };
    assert!(order.amount.minor() > 0);
    assert!((1..=64).contains(&order.merchant_order_id.len()));
    assert!((60..=86_400).contains(&order.expires_in_secs));
    assert!(order.metadata.len() <= 20 && order.methods.len() <= 16);
    for url in order.notify_url.iter().chain(&order.return_url) {
        assert!(url.len() <= 512, "{url}");
    }
    // Another library reads the same amount.
    let other: serde_json::Value = serde_json::from_slice(data).expect("it is JSON");
    assert_eq!(other["amount"].as_i64(), Some(order.amount.minor()));
    assert_eq!(other["currency"].as_str(), Some(order.amount.currency().code()));
    assert_eq!(other["merchant_order_id"].as_str(), Some(order.merchant_order_id.as_str()));
});
