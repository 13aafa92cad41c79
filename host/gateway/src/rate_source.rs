//! Sources of the market's rates, beside what the operator puts.

use lezai_core::funds::fx::{MarketRate, Rate, Spreads};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;

/// Where a rate is from that the operator did not put. It answers from what it has: one that asks a market does so
/// beforehand, says when that was, and lets its answers grow stale.
pub trait RateSource: Send + Sync {
    /// The rate from one currency to another; `None` if it knows none in this direction.
    fn rate(&self, from: Currency, to: Currency, now: Timestamp) -> Option<MarketRate>;
}

/// The sandbox's rates: always the same ones, and never stale. They are of no market.
pub struct SandboxRates;

/// The source's name.
const SANDBOX: &str = "sandbox";
/// How long one of its rates is good.
const GOOD_SECS: i64 = 3_600;
const RATES: [(&str, &str, &str); 8] = [
    ("USD", "CNY", "7.1234"),
    ("EUR", "CNY", "8.2505"),
    ("JPY", "CNY", "0.04767"),
    ("KWD", "CNY", "23.2042"),
    ("CNY", "USD", "0.14037"),
    ("CNY", "EUR", "0.12119"),
    ("CNY", "JPY", "20.975"),
    ("CNY", "KWD", "0.043092"),
];

impl RateSource for SandboxRates {
    fn rate(&self, from: Currency, to: Currency, now: Timestamp) -> Option<MarketRate> {
        let is_it = |it: &&(&str, &str, &str)| (it.0, it.1) == (from.code(), to.code());
        let rate = Rate::parse(RATES.iter().find(is_it)?.2).ok()?;
        let spreads = Spreads { five_minutes: Some(3_000), hour: Some(5_000), day: Some(9_000) };
        let (source, valid_until) = (SANDBOX.to_owned(), now.plus_secs(GOOD_SECS));
        Some(MarketRate { from, to, rate, spreads, source, at: now, valid_until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_sandbox_s_rates_is_one_that_the_operator_could_put() {
        let now = Timestamp::from_secs(1_700_000_000);
        let currency = |code| Currency::from_code(code).unwrap();
        for (from, to, text) in RATES {
            let rate = SandboxRates.rate(currency(from), currency(to), now).unwrap();
            assert_eq!((rate.check(), rate.rate.to_string().as_str()), (Ok(()), text));
        }
        assert!(SandboxRates.rate(currency("USD"), currency("USD"), now).is_none());
        assert!(SandboxRates.rate(currency("USD"), currency("JPY"), now).is_none());
    }
}
