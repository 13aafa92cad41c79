use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, currency(code)).unwrap()
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn market() -> MarketRate {
    MarketRate {
        from: currency("USD"),
        to: currency("CNY"),
        rate: rate("7.1234"),
        spreads: Spreads { five_minutes: Some(3_000), hour: None, day: Some(9_000) },
        source: "desk".to_owned(),
        at: START,
        valid_until: START.plus_secs(600),
    }
}

fn quote() -> Quote {
    let id = FxQuoteId::new(START, [1; 10]);
    let merchant = MerchantId::parse("m_tea").unwrap();
    Quote::offer(id, merchant, &market(), Lock::FiveMinutes, START).unwrap()
}

#[test]
fn a_rate_is_an_exact_decimal() {
    for (text, written) in [
        ("7.1234", Some("7.1234")),
        ("7.1200", Some("7.12")),
        ("7", Some("7")),
        ("7.0", Some("7")),
        ("1000", Some("1000")),
        ("0.0068", Some("0.0068")),
        ("0.000000000001", Some("0.000000000001")),
        ("999999999999", Some("999999999999")),
        ("0.0000000000001", None),
        ("1234567890123", None),
        ("1234567.123456", None),
        ("0", None),
        ("0.000", None),
        ("", None),
        (".5", None),
        ("5.", None),
        ("07.1", None),
        ("00.1", None),
        ("-7", None),
        ("+7", None),
        ("1e3", None),
        ("7,1", None),
        ("7.1.2", None),
        (" 7", None),
        ("٧", None),
        ("NaN", None),
        ("Infinity", None),
    ] {
        let read = Rate::parse(text).ok().map(|it| it.to_string());
        assert_eq!(read.as_deref(), written, "{text}");
    }
    let read: Rate = serde_json::from_str("\"7.10\"").unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), "\"7.1\"");
    assert!(
        serde_json::from_str::<Rate>("7.1").is_err(),
        "a number of JSON is a float to many readers"
    );
}

#[test]
fn the_spread_is_taken_off_the_rate_exactly() {
    for (base, spread_ppm, less) in [
        ("7.1234", 0, "7.1234"),
        ("7.1234", 5_000, "7.087783"),
        ("7.1234", 1, "7.1233928766"),
        ("0.000000000001", 1, "0.000000000000999999"),
        ("999999999999", 100_000, "899999999999.1"),
        ("1000", 100_000, "900"),
    ] {
        assert_eq!(rate(base).less(spread_ppm).to_string(), less, "{base} {spread_ppm}");
    }
}

#[test]
fn an_amount_is_converted_between_any_numbers_of_decimals_and_rounded_down() {
    for (minor, from, text, to, converted) in [
        // 2 and 2, 2 and 0, 0 and 2, 2 and 3, 3 and 2, 0 and 3, 3 and 0, 4 and 2.
        (10_000, "USD", "7.1234", "CNY", Some(71_234)),
        (1_999, "USD", "149.505", "JPY", Some(2_988)),
        (2_988, "JPY", "0.0478", "CNY", Some(14_282)),
        (10_000, "CNY", "0.04255", "KWD", Some(4_255)),
        (4_255, "KWD", "23.501", "CNY", Some(9_999)),
        (1, "JPY", "0.00204", "KWD", Some(2)),
        (1, "KWD", "490.1", "JPY", Some(0)),
        (12_345, "CLF", "281.25", "CNY", Some(34_720)),
        // One for one, and less than a unit.
        (1, "CNY", "1", "CNY", Some(1)),
        (1, "CNY", "20.95", "JPY", Some(0)),
        (5, "CNY", "19.99", "JPY", Some(0)),
        (5, "CNY", "20", "JPY", Some(1)),
        (0, "USD", "7.1234", "CNY", Some(0)),
        // The largest that is asked for, and what no number holds.
        (MAX_MINOR, "USD", "1", "CNY", Some(MAX_MINOR)),
        (MAX_MINOR, "USD", "1024", "CNY", Some(MAX_MINOR << 10)),
        (MAX_MINOR, "USD", "1025", "CNY", None),
        (MAX_MINOR, "JPY", "999999999999", "CLF", None),
    ] {
        let found = rate(text).convert(money(minor, from), currency(to));
        assert_eq!(found, converted.map(|it| money(it, to)), "{minor} {from} at {text} in {to}");
    }
}

#[test]
fn a_quote_is_good_until_its_end_and_once() {
    let quote = quote();
    assert_eq!(quote.rate().to_string(), "7.1020298");
    let end = quote.expires_at;
    assert_eq!(end, START.plus_secs(300));
    let order = |n: u8| OrderId::new(START, [n; 10]);
    let last = end.plus_ms(-1);
    let conversion = quote.check(money(10_000, "USD"), last).unwrap();
    let spread = conversion.spread(money(10_000, "USD"));
    assert_eq!(conversion.value(money(10_000, "USD")), Some(money(71_020, "CNY")));
    assert_eq!(spread, Some(money(214, "CNY")));
    let refused =
        |quote: &Quote, minor, code, now| quote.check(money(minor, code), now).unwrap_err();
    assert_eq!(refused(&quote, 1, "USD", end), FxRefusal::Expired);
    let expected = FxRefusal::Currency { expected: currency("USD") };
    assert_eq!(refused(&quote, 1, "CNY", last), expected);
    assert_eq!((quote.status(last), quote.status(end)), ("active", "expired"));

    let used = quote.used_by(order(1), last).unwrap();
    assert_eq!((used.status(last), used.status(end)), ("used", "used"));
    // What was used is not used again, and that is said before that it is over.
    let by = || FxRefusal::Used { order: order(1) };
    assert_eq!(refused(&used, 10_000, "USD", last), by());
    assert_eq!(refused(&used, 10_000, "USD", end), by());
    assert_eq!(used.clone().used_by(order(2), last), Err(by()));
    assert_eq!(used.clone().used_by(order(1), last).map(|it| it.used), Ok(used.used));
}

#[test]
fn what_is_nothing_or_too_much_in_the_other_currency_is_refused() {
    let to = currency("JPY");
    let market = MarketRate { from: currency("CNY"), to, rate: rate("20"), ..market() };
    let offer = |market: &MarketRate| {
        let id = FxQuoteId::new(START, [1; 10]);
        let merchant = MerchantId::parse("m_tea").unwrap();
        Quote::offer(id, merchant, market, Lock::FiveMinutes, START).unwrap()
    };
    let quote = offer(&market);
    // Five would be one by the market's rate, and are less by the merchant's.
    assert_eq!(quote.check(money(5, "CNY"), START), Err(FxRefusal::Amount { to }));
    assert!(quote.check(money(6, "CNY"), START).is_ok());
    let large = offer(&MarketRate { rate: rate("999999999999"), ..market });
    assert_eq!(large.check(money(MAX_MINOR, "CNY"), START), Err(FxRefusal::Amount { to }));
}

#[test]
fn no_quote_is_made_by_a_rate_that_is_stale_or_not_offered() {
    let offer = |lock, secs_ms: i64| {
        let id = FxQuoteId::new(START, [1; 10]);
        let merchant = MerchantId::parse("m_tea").unwrap();
        Quote::offer(id, merchant, &market(), lock, START.plus_ms(secs_ms)).err()
    };
    let since = market().valid_until;
    assert_eq!(offer(Lock::Day, 599_999), None);
    assert_eq!(offer(Lock::Day, 600_000), Some(FxRefusal::Stale { since }));
    assert_eq!(offer(Lock::Hour, 0), Some(FxRefusal::LockNotOffered));
}

#[test]
fn a_rate_is_checked_when_it_is_put() {
    let ok = market();
    let spreads = |ppm| Spreads { hour: Some(ppm), ..Spreads::default() };
    for (put, says) in [
        (ok.clone(), Ok(())),
        (MarketRate { to: ok.from, ..ok.clone() }, Err(BadMarketRate::SameCurrency)),
        (MarketRate { spreads: Spreads::default(), ..ok.clone() }, Err(BadMarketRate::NoLock)),
        (MarketRate { spreads: spreads(MAX_SPREAD_PPM), ..ok.clone() }, Ok(())),
        (
            MarketRate { spreads: spreads(MAX_SPREAD_PPM + 1), ..ok.clone() },
            Err(BadMarketRate::Spread),
        ),
        (MarketRate { valid_until: ok.at, ..ok.clone() }, Err(BadMarketRate::Life)),
        (MarketRate { valid_until: ok.at.plus_secs(MAX_RATE_SECS), ..ok.clone() }, Ok(())),
        (
            MarketRate { valid_until: ok.at.plus_ms(MAX_RATE_SECS * 1000 + 1), ..ok.clone() },
            Err(BadMarketRate::Life),
        ),
    ] {
        assert_eq!(put.check(), says, "{put:?}");
    }
}

proptest! {
    /// A conversion is off by less than a unit, more of one is never less of the other, and parts that are each
    /// rounded down are together no more than the whole.
    #[test]
    fn a_conversion_is_rounded_down_and_keeps_the_order(
        one in 0..1_i64 << 32, other in 0..1_i64 << 32, mantissa in 1..1_000_000_u64, scale in 0..8_u32,
        spread_ppm in 0..=MAX_SPREAD_PPM, exponents in any::<[prop::sample::Index; 2]>(),
    ) {
        let codes = ["JPY", "CNY", "KWD"];
        let (from, to) = (codes[exponents[0].index(3)], codes[exponents[1].index(3)]);
        let base_rate = Rate { mantissa, scale };
        let conversion = Conversion {
            quote: FxQuoteId::new(START, [1; 10]), currency: currency(to), base_rate, spread_ppm,
        };
        let value = |minor| i128::from(conversion.value(money(minor, from)).unwrap().minor());
        let (a, b, both) = (value(one), value(other), value(one + other));
        prop_assert!((0..=1).contains(&(both - a - b)));
        let whole = i128::from(conversion.whole(money(one, from)).unwrap().minor());
        prop_assert_eq!(i128::from(conversion.spread(money(one, from)).unwrap().minor()), whole - a);
        // As a fraction: one * mantissa * (1 - spread) * 10^to / 10^(scale + 6 + from).
        let exact = i128::from(one) * i128::from(mantissa) * i128::from(1_000_000 - spread_ppm)
            * 10_i128.pow(currency(to).exponent().into());
        let unit = 10_i128.pow(scale + 6 + u32::from(currency(from).exponent()));
        prop_assert!((0..unit).contains(&(exact - a * unit)));
    }
}
