use proptest::prelude::*;

use super::*;
use crate::policy::Rounding;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A contract as an operator would write it.
const CHINA: &str = r#"{
  "fees": {
    "payment": [{ "currency": "CNY", "rate_ppm": 3800, "min": 1, "rounding": "half_up" }],
    "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 100, "rounding": "down" }]
  },
  "cycle": { "kind": "business_days", "days": 1 },
  "day": { "zone": "Asia/Shanghai", "cut_off": "16:00", "calendar": "cn" },
  "settlement": {
    "pay_to": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Tea House" },
    "minimums": [{ "minor": 10000, "currency": "CNY" }]
  },
  "payouts": {
    "limits": [{ "currency": "CNY", "min": 100, "max": 5000000, "day_max": 20000000, "approval_above": 1000000 }],
    "new_destination_wait_secs": 86400
  }
}"#;

/// The contract with one text in it replaced by another.
fn with(old: &str, new: &str) -> Contract {
    assert!(CHINA.contains(old), "{old}");
    Contract::from_json(CHINA.replacen(old, new, 1).as_bytes()).unwrap()
}

impl Contract {
    fn payment_fee_of(&self, amount: Money) -> Option<Money> {
        self.price(amount, NOW, None, None, Used::default()).map(|it| it.0)
    }
}

fn china() -> Contract {
    Contract::from_json(CHINA.as_bytes()).unwrap()
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

#[test]
fn a_contract_says_what_it_says() {
    let contract = china();
    assert_eq!(contract.payment_fee_of(cny(12_800)), Some(cny(49)));
    assert_eq!(contract.payout_fee(cny(12_800)), cny(100));
    assert_eq!(contract.payout_fee(cny(60)), cny(60), "never more than the amount");
    let jpy = Money::new(5, Currency::from_code("JPY").unwrap()).unwrap();
    assert_eq!((contract.payment_fee_of(jpy), contract.payout_fee(jpy).minor()), (None, 0));
    assert_eq!(contract.cycle(), Cycle::BusinessDays { days: 1 });
    assert_eq!((contract.cut_off().hour(), contract.cut_off().minute()), (16, 0));
    assert_eq!(contract.minimum(cny(0).currency()), cny(10_000));
    let rules = contract.payout_rules(cny(0).currency()).unwrap();
    assert_eq!((rules.max, rules.approval_above), (5_000_000, 1_000_000));
    assert_eq!(contract.payout_rules(jpy.currency()), None);
    let written = serde_json::to_vec(&contract).unwrap();
    assert_eq!(Contract::from_json(&written), Ok(contract));
    let standard = Contract::standard();
    assert_eq!(Contract::from_json(&serde_json::to_vec(&standard).unwrap()), Ok(standard));
}

#[test]
fn what_refunds_and_splits_cost_is_agreed_for_each_currency() {
    let currency = cny(0).currency();
    assert!(china().charges(currency).is_none());
    let fees = r#""fees": {
        "refund": [{ "currency": "CNY", "rate_ppm": 1000, "fixed": 20, "min": 30, "cap": 50, "rounding": "up" }],
        "split": [{ "currency": "CNY", "rate_ppm": 2000, "rounding": "down" }],
        "refund_keeps_payment_fee": true,"#;
    let contract = with("\"fees\": {", fees);
    let charges = contract.charges(currency);
    for (amount, charge) in [(1, 1), (100, 30), (12_001, 33), (90_000, 50)] {
        let found = charges.of_refund(cny(amount), cny(7)).unwrap();
        assert_eq!((found.charge, found.kept), (cny(charge), cny(7)), "{amount}");
    }
    assert_eq!((charges.of_split(cny(1_999)), charges.of_split(cny(0))), (cny(3), cny(0)));
    let jpy = Currency::from_code("JPY").unwrap();
    let elsewhere = contract.charges(jpy);
    let one = Money::new(100, jpy).unwrap();
    assert_eq!(elsewhere.of_split(one).minor(), 0);
    assert_eq!(elsewhere.of_refund(one, one).unwrap().kept, one, "what is kept is kept of all");
    let worse: Vec<String> = china()
        .differences(&contract, NOW)
        .into_iter()
        .filter(|it| it.worse)
        .map(|it| it.path)
        .collect();
    assert_eq!(worse, ["fees.refund.CNY", "fees.split.CNY", "fees.refund_keeps_payment_fee"]);
    assert!(contract.differences(&china(), NOW).iter().all(|it| !it.worse), "free is never worse");
    let written = serde_json::to_vec(&contract).unwrap();
    assert_eq!(Contract::from_json(&written), Ok(contract));
}

#[test]
fn a_reserve_is_agreed_within_bounds_and_more_of_it_is_worse() {
    let reserve = |rate: u32, days: u16| {
        let text = format!("\"reserve\": {{ \"rate_ppm\": {rate}, \"days\": {days} }}, \"cycle\"");
        CHINA.replacen("\"cycle\"", &text, 1)
    };
    let read = |rate, days| Contract::from_json(reserve(rate, days).as_bytes());
    for (rate, days, path) in [
        (0, 30, Some("reserve.rate_ppm")),
        (1, 1, None),
        (1_000_000, 180, None),
        (1_000_001, 30, Some("reserve.rate_ppm")),
        (1, 0, Some("reserve.days")),
        (1, 181, Some("reserve.days")),
    ] {
        assert_eq!(read(rate, days).err().map(|it| it.path).as_deref(), path, "{rate} {days}");
    }
    let contract = read(100_000, 30).unwrap();
    assert_eq!(contract.reserve().unwrap().of(cny(12_723)), cny(1_272));
    for (new, worse) in [
        (china(), &[][..]),
        (read(100_001, 30).unwrap(), &["reserve.rate_ppm"]),
        (read(99_999, 31).unwrap(), &["reserve.days"]),
        (read(99_999, 29).unwrap(), &[]),
    ] {
        let found = contract.differences(&new, NOW).into_iter().filter(|it| it.worse);
        assert_eq!(found.map(|it| it.path).collect::<Vec<_>>(), worse);
    }
    let written = serde_json::to_vec(&contract).unwrap();
    assert_eq!(Contract::from_json(&written), Ok(contract));
}

#[test]
fn what_is_no_contract_is_refused_with_its_path() {
    for (old, new, path) in [
        ("\"fees\": {", "\"fee\": {", "fee"),
        ("3800", "1000001", "fees.payment[0].rate_ppm"),
        ("\"fixed\": 100", "\"fixed\": -1", "fees.payout[0].fixed"),
        ("\"days\": 1", "\"days\": 91", "cycle"),
        ("\"days\": 1", "\"weeks\": 1", "cycle"),
        ("16:00", "24:01", "day.cut_off"),
        ("16:00", "00:00", "day.cut_off"),
        ("16:00", "4 pm", "day.cut_off"),
        (", \"calendar\": \"cn\"", "", "day.calendar"),
        ("Asia/Shanghai", "", "day.zone"),
        ("\"minor\": 10000", "\"minor\": -1", "settlement.minimums[0]"),
        ("\"bank_account\"", "\"Bank\"", "settlement.pay_to.kind"),
        ("6222020200112233445", "", "settlement.pay_to.account"),
        ("\"min\": 100", "\"min\": 0", "payouts.limits[0].min"),
        ("\"max\": 5000000", "\"max\": 99", "payouts.limits[0].max"),
        ("20000000", "4999999", "payouts.limits[0].day_max"),
        ("86400", "2592001", "payouts.new_destination_wait_secs"),
    ] {
        let error = Contract::from_json(CHINA.replacen(old, new, 1).as_bytes()).unwrap_err();
        assert_eq!(error.path, path, "{error}");
    }
    let long = format!("{CHINA}{}", " ".repeat(MAX_JSON));
    assert_eq!(Contract::from_json(long.as_bytes()).unwrap_err().path, ".");
    assert!(Contract::from_json(format!("{CHINA}{{}}").as_bytes()).is_err());
}

#[test]
fn each_difference_is_named_and_judged() {
    for (old, new, path, worse) in [
        ("3800", "3799", "fees.payment.CNY.rate_ppm", false),
        ("3800", "3801", "fees.payment.CNY.rate_ppm", true),
        ("\"min\": 1,", "\"min\": 2,", "fees.payment.CNY.min", true),
        ("\"min\": 1,", "\"min\": 1, \"cap\": 500,", "fees.payment.CNY.cap", false),
        ("half_up", "half_even", "fees.payment.CNY.rounding", false),
        ("half_up", "up", "fees.payment.CNY.rounding", true),
        ("\"fixed\": 100", "\"fixed\": 99", "fees.payout.CNY.fixed", false),
        ("\"days\": 1", "\"days\": 0", "cycle", false),
        ("\"days\": 1", "\"days\": 2", "cycle", true),
        ("business_days", "days", "cycle", false),
        (r#""business_days", "days": 1"#, r#""after", "seconds": 0"#, "cycle", false),
        (r#""business_days", "days": 1"#, r#""after", "seconds": 60"#, "cycle", true),
        ("16:00", "23:00", "day.cut_off", true),
        ("Asia/Shanghai", "UTC", "day.zone", true),
        ("\"minor\": 10000", "\"minor\": 9999", "settlement.minimums.CNY", false),
        ("\"minor\": 10000", "\"minor\": 10001", "settlement.minimums.CNY", true),
        ("6222020200112233445", "1", "settlement.pay_to", true),
        ("62220202", "62220203", "settlement.pay_to", true),
        ("Tea House", "Tea Garden", "settlement.pay_to", true),
        ("\"min\": 100", "\"min\": 99", "payouts.limits.CNY.min", false),
        ("\"max\": 5000000", "\"max\": 4999999", "payouts.limits.CNY.max", true),
        ("20000000", "30000000", "payouts.limits.CNY.day_max", false),
        (
            "\"approval_above\": 1000000",
            "\"approval_above\": 1",
            "payouts.limits.CNY.approval_above",
            true,
        ),
        ("86400", "86399", "payouts.new_destination_wait_secs", false),
        ("86400", "86401", "payouts.new_destination_wait_secs", true),
        ("86400", "86400, \"fee_returned\": true", "payouts.fee_returned", false),
    ] {
        let found = china().differences(&with(old, new), NOW);
        let found: Vec<_> = found.iter().map(|it| (it.path.as_str(), it.worse)).collect();
        assert_eq!(found, [(path, worse)], "{old} to {new}");
        let shown = format!("{:?}", china().differences(&with(old, new), NOW));
        for personal in ["6222020", "Tea "] {
            assert!(!shown.contains(personal), "{shown}");
        }
    }
    assert_eq!(china().differences(&china(), NOW), []);
    let fewer = Contract::standard().differences(&china(), NOW);
    assert!(fewer.iter().any(|it| it.path == "payouts.limits" && it.worse));
}

fn agreed(number: u32, contract: Contract, from: Timestamp) -> Agreed {
    Agreed { number, contract, in_force_from: from, announced_at: NOW }
}

#[test]
fn what_is_worse_needs_notice_and_what_is_better_does_not() {
    let first = agreed(1, china(), NOW);
    let (better, worse) = (with("3800", "3000"), with("3800", "4000"));
    let later = NOW.plus_secs(NOTICE_SECS);
    let put = |number, contract: &Contract, from| {
        first.followed_by(number, contract.clone(), from, NOW).map(|it| it.in_force_from)
    };
    let path = "fees.payment.CNY.rate_ppm".to_owned();
    for (number, contract, from, expected) in [
        (2, &better, None, Ok(NOW)),
        (2, &better, Some(NOW.plus_secs(9)), Ok(NOW.plus_secs(9))),
        (2, &worse, None, Ok(later)),
        (2, &worse, Some(later), Ok(later)),
        (2, &worse, Some(later.plus_ms(-1)), Err(NotAgreed::Notice { path, earliest: later })),
        (2, &better, Some(NOW.plus_ms(-1)), Err(NotAgreed::Backdated)),
        (2, &better, Some(NOW.plus_secs(AHEAD_SECS + 1)), Err(NotAgreed::TooFar)),
        (1, &better, None, Err(NotAgreed::Number { next: 2 })),
        (3, &better, None, Err(NotAgreed::Number { next: 2 })),
    ] {
        assert_eq!(put(number, contract, from), expected);
    }
    // A merchant's first contract takes the place of what nobody agreed to.
    let standard = Agreed::standard().followed_by(1, china(), None, NOW);
    assert_eq!(standard.map(|it| it.in_force_from), Ok(NOW));
    // An announced contract stays announced: a better one cannot come in before it.
    let announced = agreed(2, worse, later);
    let before = announced.followed_by(3, better.clone(), Some(NOW), NOW);
    assert_eq!(before, Err(NotAgreed::BeforeLast { number: 2 }));
    assert_eq!(announced.followed_by(3, better, None, NOW).unwrap().in_force_from, later);
}

#[test]
fn the_last_contract_that_has_begun_is_in_force() {
    let at = |secs| NOW.plus_secs(secs);
    let all = [
        Agreed::standard(),
        agreed(1, china(), at(0)),
        agreed(2, china(), at(9)),
        agreed(3, china(), at(9)),
    ];
    for (secs, number) in [(-1, 0), (0, 1), (8, 1), (9, 3), (10, 3)] {
        assert_eq!(Agreed::in_force(&all, at(secs)).unwrap().number, number, "{secs}");
    }
}

fn schedule() -> impl Strategy<Value = FeeSchedule> {
    let rounding = prop_oneof![
        Just(Rounding::Down),
        Just(Rounding::HalfEven),
        Just(Rounding::HalfUp),
        Just(Rounding::Up)
    ];
    (0..20_000_u32, 0..50_i64, 0..50_i64, proptest::option::of(0..200_i64), rounding).prop_map(
        |(rate_ppm, fixed, min, cap, rounding)| FeeSchedule {
            currency: Currency::from_code("CNY").unwrap(),
            rate_ppm,
            fixed,
            min,
            cap: cap.map(|it| it.max(min)),
            rounding,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// A change that needs no notice never costs more.
    #[test]
    fn a_change_without_notice_never_costs_more(
        old in schedule(), new in schedule(), keep in 0..32_u8, amount in 0..100_000_i64,
    ) {
        // Most random pairs are worse somewhere: take some parts over.
        let new = FeeSchedule {
            rate_ppm: if keep & 1 > 0 { old.rate_ppm } else { new.rate_ppm },
            fixed: if keep & 2 > 0 { old.fixed } else { new.fixed },
            min: if keep & 4 > 0 { old.min } else { new.min },
            cap: if keep & 8 > 0 { old.cap } else { new.cap },
            rounding: if keep & 16 > 0 { old.rounding } else { new.rounding },
            ..new
        };
        let contract = |it: &FeeSchedule| Contract {
            fees: Fees { payment: vec![PaymentFee::from_plain(it)], ..Fees::default() },
            ..Contract::standard()
        };
        let (before, after) = (contract(&old), contract(&new));
        if before.differences(&after, NOW).iter().all(|it| !it.worse) {
            prop_assert!(after.payment_fee_of(cny(amount)).unwrap().minor() <= before.payment_fee_of(cny(amount)).unwrap().minor());
        }
    }
}

/// The schedule of the guide, in both languages: what it says that a payment costs is so.
#[test]
fn the_guide_s_schedule_costs_what_it_says() {
    for guide in [
        include_str!("../../../../../docs/payouts.md"),
        include_str!("../../../../../docs/payouts.zh-CN.md"),
    ] {
        let begins = guide.find("\"payment\":[").unwrap();
        let schedule = &guide[begins..begins + guide[begins..].find("```").unwrap()];
        let json = CHINA.replacen(
            "\"fees\": {",
            &format!("\"refunds\": {{ {schedule} }}, \"fees\": {{"),
            1,
        );
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["fees"] = json.as_object_mut().unwrap().remove("refunds").unwrap();
        let contract = Contract::from_json(json.to_string().as_bytes()).unwrap();
        let month = super::super::month::Month::parse("2026-10").unwrap();
        let volume = Some(Volume { month, minor: 20_000_000, as_of: 0 });
        let spent = Used { payments: 0, minor: 20_000_000 };
        let priced = |category, used| contract.price(cny(12_800), NOW, volume, category, used);
        assert_eq!(priced(None, spent).unwrap().0, cny(70));
        // 0.55 % less 0.2 %, and 0.1 %.
        assert_eq!(priced(Some(8220), spent).unwrap().0, cny(45));
        assert_eq!(priced(None, Used::default()).unwrap().0, cny(13));
        assert!(guide.contains("12800") && guide.contains("70"), "the example");
    }
}

/// The example of the guide, in both languages.
#[test]
fn the_guide_s_example_adds_up() {
    let guides = [
        include_str!("../../../../../docs/payouts.md"),
        include_str!("../../../../../docs/payouts.zh-CN.md"),
    ];
    let contract = china();
    let (payments, fees) = [12_800, 20_000].map(cny).into_iter().fold((0, 0), |(sum, fees), it| {
        (sum + it.minor(), fees + contract.payment_fee_of(it).unwrap().minor())
    });
    let available = cny(payments - fees);
    let fee_of = |it| contract.payout_fee(it);
    let (paid, fee) = crate::funds::settlement::net_of_fee(available, fee_of).unwrap();
    let rows = [payments, -fees, available.minor(), -fee.minor(), paid.minor()];
    for guide in guides {
        let numbers = guide
            .lines()
            .filter_map(|line| line.strip_suffix(" |")?.rsplit("| ").next()?.parse::<i64>().ok());
        assert_eq!(numbers.collect::<Vec<_>>(), rows);
    }
}
