//! The printed line of a callback.

use lezai_core::mask;
use lezai_wire::time::rfc3339;
use serde_json::Value;

use lezai_base::clock;
use lezai_client::callback::Callback;

/// One line for people.
pub(super) fn short(callback: &Callback) -> String {
    let Callback { id, event_type, sequence, data } = callback;
    let now = rfc3339(clock::now());
    let Some(order) = &data.order else { return format!("{now} {event_type:<16} ({id})") };
    format!(
        "{now} {event_type:<16} {} {} {} {} {} (#{sequence} {id})",
        order.id, order.merchant_order_id, order.amount, order.currency, order.status
    )
}

/// The callback's own JSON in one line, with what may tell of a person masked.
pub(super) fn whole(body: &[u8]) -> String {
    let mut callback: Value = serde_json::from_slice(body).unwrap_or_default();
    for personal in ["/data/order/metadata", "/data/order/customer"] {
        callback.pointer_mut(personal).into_iter().for_each(mask_all);
    }
    // Free text may name a person by an address or a number.
    for text in ["/data/order/description", "/data/refund/reason"] {
        callback.pointer_mut(text).into_iter().for_each(mask_text);
    }
    for (list, text) in [("columns", "value"), ("shares", "receiver")] {
        let list = callback.pointer_mut(&format!("/data/order/decision/{list}"));
        let members = list.and_then(Value::as_array_mut).into_iter().flatten();
        members.filter_map(|it| it.get_mut(text)).for_each(mask_text);
    }
    // A query may carry a token.
    if let Some(Value::String(url)) = callback.pointer_mut("/data/order/return_url")
        && let Some((address, _)) = url.split_once('?')
    {
        *url = format!("{address}?…");
    }
    callback.to_string()
}

fn mask_text(value: &mut Value) {
    if let Value::String(text) = value {
        *text = mask::text(text);
    }
}

fn mask_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask::name(text),
        Value::Array(values) => values.iter_mut().for_each(mask_all),
        Value::Object(members) => members.values_mut().for_each(mask_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","type":"order.paid","sequence":1,"data":{"order":{"id":"ord_1","merchant_order_id":"A-1",
        "status":"paid","amount":12800,"currency":"CNY","metadata":{"table":"张小三"},"return_url":"https://shop.example/?t=secret"}}}"#;

    #[test]
    fn what_may_tell_of_a_person_is_masked() {
        let line = whole(BODY.as_bytes());
        assert!(
            line.contains("张*三")
                && line.contains("https://shop.example/?…")
                && line.contains("12800"),
            "{line}"
        );
        assert!(
            !line.contains("张小三") && !line.contains("secret") && !line.contains('\n'),
            "{line}"
        );
    }

    #[test]
    fn a_line_says_what_happened() {
        let line = short(&serde_json::from_str(BODY).unwrap());
        assert!(line.ends_with("order.paid       ord_1 A-1 12800 CNY paid (#1 evt_1)"), "{line}");
    }
}
