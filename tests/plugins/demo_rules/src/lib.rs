//! The demo merchant's plugin: looks twice at gift cards.
//!
//! Gift cards are what stolen cards are turned into first. So a shop that sells them wants a
//! person to look at a large one bought on a device that it has not seen for long, and wants a
//! very large one refused. The merchant's policy cannot say that: it knows no relation between an
//! amount and a device's age. This plugin answers `risk` in its stead; fees and channels stay with
//! the policy, because it does not export `pricing` and `routing`.
//!
//! The shop's server tells it what it needs to know in the order's `metadata`:
//!
//! | key | value |
//! |---|---|
//! | `goods` | `gift_card` if there is one in the basket |
//! | `device_age_days` | whole days since the shop first saw the device; leave it out if it is new |
//!
//! Settings are text, uploaded with the plugin: for each currency a line with its code and the
//! amount, in minor units, above which a gift card is large. Without settings it is 500 yuan.
//!
//! ```text
//! CNY 50000
//! JPY 10000
//! ```
//!
//! To write one of your own, copy this folder: `Cargo.toml` (a `cdylib` that depends on
//! `lezai-plugin`), a type, its hooks, and the line with `export!`. `cargo test` runs its tests on
//! your machine; `cargo build --release --target wasm32-unknown-unknown` and
//! `wasm-tools component new` make the component that is uploaded.

use lezai_plugin::{Assessment, Order, Reason, Risk, Verdict};

/// A device is new for this long. Fraud on a stolen card is mostly reported within a week.
const NEW_FOR_DAYS: u32 = 7;
/// From so many times the limit, nobody needs to look.
const DENY_AT_TIMES: u64 = 10;
/// The settings that apply when none were given.
const DEFAULT_SETTINGS: &str = "CNY 50000";

/// The plugin.
pub struct DemoRules;

lezai_plugin::export!(DemoRules: Risk);

impl Risk for DemoRules {
    fn assess(order: Order, settings: &[u8]) -> Result<Assessment, String> {
        // Settings are read first, so that bad ones show at the first order and not at the first
        // gift card.
        let limit = limit(settings, &order.amount.currency)?;
        if order.metadata("goods") != Some("gift_card") || !is_new(&order) {
            return Ok(accept());
        }
        Ok(match limit {
            Some(limit) if order.amount.minor > limit.saturating_mul(DENY_AT_TIMES) => Assessment {
                verdict: Verdict::Deny,
                score: 900,
                reasons: vec![reason(
                    "gift_card_very_large",
                    "A very large gift card, bought on a new device",
                )],
            },
            Some(limit) if order.amount.minor > limit => Assessment {
                verdict: Verdict::Review,
                score: 600,
                reasons: vec![reason(
                    "gift_card_new_device",
                    "A large gift card, bought on a new device",
                )],
            },
            Some(_) => accept(),
            None => Assessment {
                verdict: Verdict::Review,
                score: 400,
                reasons: vec![reason(
                    "gift_card_currency",
                    "A gift card in a currency without a limit",
                )],
            },
        })
    }
}

fn accept() -> Assessment {
    Assessment { verdict: Verdict::Accept, score: 0, reasons: vec![] }
}

fn reason(code: &str, message: &str) -> Reason {
    Reason { code: code.to_owned(), message: message.to_owned() }
}

/// An age that is missing, or is no number, is that of a new device.
fn is_new(order: &Order) -> bool {
    let age = order.metadata("device_age_days").and_then(|days| days.parse::<u32>().ok());
    age.is_none_or(|days| days < NEW_FOR_DAYS)
}

/// Above which amount a gift card is large; `None` if nothing is set for the currency.
fn limit(settings: &[u8], currency: &str) -> Result<Option<u64>, String> {
    let settings = if settings.is_empty() {
        DEFAULT_SETTINGS
    } else {
        std::str::from_utf8(settings).map_err(|_| "settings are not text".to_owned())?
    };
    let mut found = None;
    for line in settings.lines().filter(|line| !line.trim().is_empty()) {
        let entry = line.split_once(' ');
        let entry = entry.and_then(|(code, limit)| Some((code, limit.trim().parse().ok()?)));
        let (code, limit) =
            entry.ok_or_else(|| "a line of the settings is not like `CNY 50000`".to_owned())?;
        if code == currency {
            found = Some(limit);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(amount: u64, metadata: &[(&str, &str)]) -> Order {
        let mut order = Order::example();
        order.amount.minor = amount;
        order.metadata =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        order
    }

    #[test]
    fn gift_cards_on_new_devices_are_looked_at() {
        let card = ("goods", "gift_card");
        for (amount, metadata, verdict) in [
            (50_000, &[card][..], Verdict::Accept),
            (50_001, &[card], Verdict::Review),
            (50_001, &[card, ("device_age_days", "6")], Verdict::Review),
            (50_001, &[card, ("device_age_days", "7")], Verdict::Accept),
            (50_001, &[card, ("device_age_days", "-1")], Verdict::Review),
            (50_001, &[("goods", "tea")], Verdict::Accept),
            (50_001, &[], Verdict::Accept),
            (500_000, &[card], Verdict::Review),
            (500_001, &[card], Verdict::Deny),
            (500_001, &[card, ("device_age_days", "400")], Verdict::Accept),
            (u64::MAX, &[card], Verdict::Deny),
        ] {
            let found = DemoRules::assess(order(amount, metadata), b"").unwrap().verdict;
            assert_eq!(found, verdict, "{amount} {metadata:?}");
        }
    }

    #[test]
    fn settings_name_currencies_and_limits() {
        for (settings, currency, expected) in [
            ("", "CNY", Ok(Some(50_000))),
            ("", "JPY", Ok(None)),
            ("CNY 1\nJPY 2\n", "JPY", Ok(Some(2))),
            ("CNY 1\n\nCNY 3", "CNY", Ok(Some(3))),
            ("CNY", "CNY", Err(())),
            ("CNY -1", "CNY", Err(())),
            ("CNY 1\nJPY x", "CNY", Err(())),
        ] {
            assert_eq!(
                limit(settings.as_bytes(), currency).map_err(drop),
                expected,
                "{settings:?}"
            );
        }
        assert!(limit(b"\xff", "CNY").is_err());
    }
}
