use proptest::prelude::*;

use super::judged::judge;
use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

impl PaymentFee {
    /// A schedule with nothing but its plain part.
    pub(in crate::funds) fn from_plain(of: &FeeSchedule) -> Self {
        let FeeSchedule { currency, rate_ppm, fixed, min, cap, rounding } = *of;
        let (tiers, discounts, promotion) = (None, Vec::new(), None);
        Self { currency, rate_ppm, fixed, min, cap, rounding, tiers, discounts, promotion }
    }
}

/// A schedule of 1 % with more members.
fn fee(more: &str) -> PaymentFee {
    read(&format!(r#"{{ "currency": "CNY", "rate_ppm": 10000, "rounding": "half_up"{more} }}"#))
        .unwrap()
}

fn read(json: &str) -> Result<PaymentFee, PolicyError> {
    let fee: PaymentFee = serde_json::from_str(json)
        .map_err(|error| PolicyError { path: ".".to_owned(), problem: error.to_string() })?;
    check("fees", std::slice::from_ref(&fee)).map(|()| fee)
}

/// 1 % up to 1000, 0.5 % up to 3000, and 0.1 % from there on.
fn tiers(mode: &str) -> PaymentFee {
    fee(&format!(
        r#", "tiers": {{ "mode": "{mode}", "steps": [{{ "from": 1000, "rate_ppm": 5000 }}, {{ "from": 3000, "rate_ppm": 1000 }}] }}"#
    ))
}

fn volume(minor: i64) -> Option<Volume> {
    Some(Volume { month: Month::parse("2026-10").unwrap(), minor, as_of: 7 })
}

fn used(payments: u64, minor: i64) -> Used {
    Used { payments, minor }
}

/// The fee, and what a promotion covers.
fn priced(
    fee: &PaymentFee,
    amount: i64,
    of: Option<Volume>,
    category: Option<u16>,
    used: Used,
) -> (i64, i64) {
    let basis = fee.basis(amount, NOW, of, category, used);
    (fee.fee(amount, &basis).unwrap(), basis.promotion.map_or(0, |it| it.minor))
}

#[test]
fn a_tier_is_reached_at_its_very_volume_and_its_mode_says_how() {
    for (minor, by_volume, graduated) in [
        // Of 1,000,000: the rate in tenths of a thousandth, rounded half up.
        (0, 10_000, 10_000),
        (1, 10_000, 10_000),
        (999, 10_000, 10_000),
        (1000, 5_000, 10_000),
        // 1000 at 1 % and 1000 at 0.5 % are 0.75 % of 2000.
        (2000, 5_000, 7_500),
        (2999, 5_000, 6_667),
        (3000, 1_000, 6_667),
        (4000, 1_000, 5_250),
        (MAX_MINOR, 1_000, 1_000),
    ] {
        let of = |mode| priced(&tiers(mode), 1_000_000, volume(minor), None, Used::default()).0;
        assert_eq!((of("volume"), of("graduated")), (by_volume, graduated), "{minor}");
    }
}

#[test]
fn the_largest_numbers_fit() {
    let fee = fee(
        r#", "tiers": { "mode": "graduated", "steps": [{ "from": 1, "rate_ppm": 1000000 }] },
                     "promotion": { "name": "p", "rate_ppm": 999999, "quota": { "minor": 9007199254740991 } }"#,
    );
    let (most, covered) = priced(&fee, MAX_MINOR, volume(MAX_MINOR), None, used(0, 0));
    assert_eq!(covered, MAX_MINOR);
    // All of it but a millionth, rounded.
    assert_eq!(most, MAX_MINOR - 9_007_199_255);
    let (all, _) = priced(&fee, MAX_MINOR, volume(MAX_MINOR), None, used(0, MAX_MINOR));
    assert_eq!(all, MAX_MINOR - 1, "a slice of 1 is at 1 %: 0.99 less, rounded");
}

#[test]
fn an_industry_has_its_discount_and_never_less_than_nothing() {
    let fee = fee(
        r#", "discounts": [{ "category": 8220, "off_ppm": 4000 }, { "category": 8398, "off_ppm": 1000000 }]"#,
    );
    for (category, minor) in [(None, 100), (Some(5411), 100), (Some(8220), 60), (Some(8398), 0)] {
        assert_eq!(priced(&fee, 10_000, None, category, Used::default()).0, minor, "{category:?}");
    }
    // Where nothing depends on it, it is not kept.
    let plain = super::tests::fee("");
    assert!(plain.basis(1, NOW, volume(1), Some(8220), used(1, 1)).is_plain());
}

#[test]
fn a_promotion_ends_at_its_moment_or_with_its_quota_and_is_never_more() {
    let at = |text: &str| Instant::try_from(text.to_owned()).unwrap().0;
    let ends = fee(
        r#", "promotion": { "name": "spring", "rate_ppm": 2000, "until": "2027-01-31T16:00:00Z" }"#,
    );
    for (moment, minor) in [
        (at("2027-01-31T15:59:59Z"), 20),
        (at("2027-01-31T16:00:00Z").plus_ms(-1), 20),
        (at("2027-01-31T16:00:00Z"), 100),
    ] {
        let basis = ends.basis(10_000, moment, None, None, used(9, 99));
        assert_eq!(ends.fee(10_000, &basis).unwrap(), minor);
        let named = Promoted { name: "spring".to_owned(), minor: 1 };
        assert_eq!(ends.check_promoted(&named, moment).is_ok(), minor == 20);
    }
    let quota = |quota: &str| {
        fee(&format!(r#", "promotion": {{ "name": "p", "rate_ppm": 2000, "quota": {quota} }}"#))
    };
    for (of, before, expected) in [
        (r#"{ "payments": 2 }"#, used(1, 0), (20, 10_000)),
        (r#"{ "payments": 2 }"#, used(2, 0), (100, 0)),
        (r#"{ "minor": 15000 }"#, used(0, 5000), (20, 10_000)),
        // The part within is covered: 4000 at 0.2 % and 6000 at 1 %.
        (r#"{ "minor": 15000 }"#, used(7, 11_000), (68, 4000)),
        (r#"{ "minor": 15000 }"#, used(7, 15_000), (100, 0)),
        (r#"{ "minor": 15000 }"#, used(7, 15_001), (100, 0)),
    ] {
        assert_eq!(priced(&quota(of), 10_000, None, None, before), expected, "{of} {before:?}");
    }
    // What costs no less by it uses nothing of it.
    let dear =
        fee(r#", "promotion": { "name": "p", "rate_ppm": 10000, "quota": { "payments": 1 } }"#);
    assert_eq!(priced(&dear, 10_000, None, None, used(0, 0)), (100, 0));
}

#[test]
fn a_basis_that_cannot_be_is_found() {
    let fee =
        fee(r#", "promotion": { "name": "p", "rate_ppm": 2000, "quota": { "payments": 1 } }"#);
    let promoted = |name: &str, minor| FeeBasis {
        promotion: Some(Promoted { name: name.to_owned(), minor }),
        ..FeeBasis::default()
    };
    for (basis, holds) in [
        (FeeBasis::default(), true),
        (promoted("p", 100), true),
        (promoted("q", 100), false),
        (promoted("p", 101), false),
        (promoted("p", 0), false),
        (FeeBasis { volume: volume(1), ..FeeBasis::default() }, false),
        (FeeBasis { category: Some(1), ..FeeBasis::default() }, false),
    ] {
        assert_eq!(fee.fee(100, &basis).is_ok(), holds, "{basis:?}");
    }
    assert!(tiers("volume").fee(100, &FeeBasis::default()).is_err());
    let negative = FeeBasis { volume: volume(-1), ..FeeBasis::default() };
    assert!(tiers("volume").fee(100, &negative).is_err());
}

#[test]
fn what_is_no_schedule_is_refused_with_its_path() {
    for (more, path) in [
        (r#""tiers": { "steps": [{ "from": 1, "rate_ppm": 1 }] }"#, "."),
        (r#""tiers": { "mode": "volume", "steps": [] }"#, "fees[0].tiers.steps"),
        (
            r#""tiers": { "mode": "volume", "steps": [{ "from": 0, "rate_ppm": 1 }] }"#,
            "fees[0].tiers.steps[0].from",
        ),
        (
            r#""tiers": { "mode": "volume", "steps": [{ "from": 5, "rate_ppm": 1 }, { "from": 5, "rate_ppm": 1 }] }"#,
            "fees[0].tiers.steps[1].from",
        ),
        (
            r#""tiers": { "mode": "volume", "steps": [{ "from": 5, "rate_ppm": 1000001 }] }"#,
            "fees[0].tiers.steps[0].rate_ppm",
        ),
        (r#""discounts": [{ "category": 10000, "off_ppm": 1 }]"#, "fees[0].discounts[0].category"),
        (
            r#""discounts": [{ "category": 1, "off_ppm": 1 }, { "category": 1, "off_ppm": 2 }]"#,
            "fees[0].discounts[1].category",
        ),
        (r#""discounts": [{ "category": 1, "off_ppm": 0 }]"#, "fees[0].discounts[0].off_ppm"),
        (r#""promotion": { "name": "p", "rate_ppm": 1 }"#, "fees[0].promotion.until"),
        (
            r#""promotion": { "name": "P", "rate_ppm": 1, "quota": { "minor": 1 } }"#,
            "fees[0].promotion.name",
        ),
        (
            r#""promotion": { "name": "p", "rate_ppm": 1, "quota": { "minor": 0 } }"#,
            "fees[0].promotion.quota",
        ),
        (r#""promotion": { "name": "p", "rate_ppm": 1, "until": "2027-01-31" }"#, "."),
        (r#""promotion": { "name": "p", "rate_ppm": 1, "until": "2027-01-31T24:00:00Z" }"#, "."),
        (
            r#""promotion": { "name": "p", "rate_ppm": 1, "until": "2027-01-31T16:00:00+08:00" }"#,
            ".",
        ),
    ] {
        let json =
            format!(r#"{{ "currency": "CNY", "rate_ppm": 10000, "rounding": "half_up", {more} }}"#);
        assert_eq!(read(&json).map_err(|it| it.path).unwrap_err(), path, "{more}");
    }
    for more in [
        "",
        r#", "promotion": { "name": "p", "rate_ppm": 1, "until": "2027-01-31T16:00:00Z", "quota": { "payments": 3 } }"#,
    ] {
        let fee = fee(more);
        assert_eq!(read(&serde_json::to_string(&fee).unwrap()), Ok(fee));
    }
}

#[test]
fn what_may_be_worse_in_some_case_is_worse() {
    let promotion = |rate: u32, more: &str| {
        fee(&format!(r#", "promotion": {{ "name": "p", "rate_ppm": {rate}, {more} }}"#))
    };
    let step = |mode: &str, from: i64, rate: u32| {
        fee(&format!(
            r#", "tiers": {{ "mode": "{mode}", "steps": [{{ "from": {from}, "rate_ppm": {rate} }}] }}"#
        ))
    };
    let off = |category: u16, ppm: u32| {
        fee(&format!(r#", "discounts": [{{ "category": {category}, "off_ppm": {ppm} }}]"#))
    };
    let quota = r#""quota": { "minor": 500 }"#;
    let (plain, by_volume, graduated) =
        (fee(""), step("volume", 100, 5000), step("graduated", 100, 5000));
    for (old, new, rates, promoted) in [
        (&plain, &by_volume, false, false),
        (&by_volume, &plain, true, false),
        // At once for all of it is never more than slice by slice, the other way it is.
        (&graduated, &by_volume, false, false),
        (&by_volume, &graduated, true, false),
        (&by_volume, &step("volume", 101, 5000), true, false),
        (&by_volume, &step("volume", 99, 5000), false, false),
        (&by_volume, &step("volume", 99, 5001), true, false),
        // Nowhere higher: 1 % up to 99, and from there on more slices at 0.5 %.
        (&graduated, &step("graduated", 99, 5000), false, false),
        (&graduated, &step("graduated", 101, 4999), true, false),
        (&plain, &step("volume", 100, 10_001), true, false),
        (&plain, &off(5411, 1), false, false),
        (&off(5411, 2), &off(5411, 1), true, false),
        (&off(5411, 1), &off(8220, 1), true, false),
        (&off(5411, 20_000), &off(5411, 10_000), false, false),
        (&plain, &promotion(5000, quota), false, false),
        (&promotion(5000, quota), &plain, false, true),
        (&promotion(5000, quota), &promotion(5001, quota), false, true),
        (&promotion(5000, quota), &promotion(4999, quota), false, false),
        (&promotion(5000, quota), &promotion(5000, r#""quota": { "minor": 499 }"#), false, true),
        (&promotion(5000, quota), &promotion(5000, r#""quota": { "minor": 501 }"#), false, false),
        (&promotion(5000, quota), &promotion(5000, r#""quota": { "payments": 501 }"#), false, true),
        (
            &promotion(5000, quota),
            &promotion(5000, r#""until": "2099-01-01T00:00:00Z""#),
            false,
            true,
        ),
        (
            &promotion(5000, r#""until": "2099-01-01T00:00:00Z""#),
            &promotion(5000, r#""until": "2098-01-01T00:00:00Z""#),
            false,
            true,
        ),
        // What is over counts no more, and neither does what is ordinary now.
        (&promotion(5000, r#""until": "2026-01-01T00:00:00Z""#), &plain, false, false),
        (&promotion(10_000, quota), &plain, false, false),
    ] {
        let found = judge(old, new, NOW);
        assert_eq!(
            (found.rates_worse, found.promotion_worse),
            (rates, promoted),
            "{old:?} to {new:?}"
        );
    }
    // A lower rate would use the quota where the ordinary one was low enough, and it would be gone for dear payments.
    let with_tier = |rate: u32| {
        fee(&format!(
            r#", "tiers": {{ "mode": "volume", "steps": [{{ "from": 100, "rate_ppm": 4000 }}] }},
                          "promotion": {{ "name": "p", "rate_ppm": {rate}, {quota} }}"#
        ))
    };
    assert!(judge(&with_tier(5000), &with_tier(3000), NOW).promotion_worse);
    assert!(!judge(&with_tier(3000), &with_tier(2000), NOW).promotion_worse);
}

fn any_fee() -> impl Strategy<Value = PaymentFee> {
    let rate = || prop_oneof![Just(0_u32), 0..8_u32].prop_map(|it| it * 100_000);
    let step = (1..40_i64, rate()).prop_map(|(from, rate_ppm)| Tier { from, rate_ppm });
    let tiers = (any::<bool>(), proptest::collection::vec(step, 1..4)).prop_map(
        |(graduated, mut steps)| {
            steps.sort_by_key(|it| it.from);
            steps.dedup_by_key(|it| it.from);
            Tiers { mode: if graduated { TierMode::Graduated } else { TierMode::Volume }, steps }
        },
    );
    let discount = (0..3_u16, 1..6_u32)
        .prop_map(|(category, off)| Discount { category, off_ppm: off * 100_000 });
    let discounts = proptest::collection::vec(discount, 0..3).prop_map(|mut all| {
        all.sort_by_key(|it| it.category);
        all.dedup_by_key(|it| it.category);
        all
    });
    let quota =
        prop_oneof![(1..4_u64).prop_map(Quota::Payments), (1..60_i64).prop_map(Quota::Minor)];
    let until = (1..6_i64).prop_map(|it| Instant(NOW.plus_secs(it)));
    let promotion = (rate(), proptest::option::of(until), quota, any::<bool>()).prop_map(
        |(rate_ppm, until, quota, bounded)| {
            let quota = Some(quota).filter(|_| bounded || until.is_none());
            Promotion { name: "p".to_owned(), rate_ppm, until, quota }
        },
    );
    (rate(), proptest::option::of(tiers), discounts, proptest::option::of(promotion)).prop_map(
        |(rate_ppm, tiers, discounts, promotion)| PaymentFee {
            rate_ppm,
            tiers,
            discounts,
            promotion,
            ..fee("")
        },
    )
}

/// One thing about a schedule made another.
fn bent(of: &PaymentFee, by: &PaymentFee, which: u8) -> PaymentFee {
    let mut new = of.clone();
    match which % 5 {
        0 => new.rate_ppm = by.rate_ppm,
        1 => new.tiers.clone_from(&by.tiers),
        2 => new.discounts.clone_from(&by.discounts),
        3 => new.promotion.clone_from(&by.promotion),
        _ => {
            new = by.clone();
        }
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40_000))]

    /// Whatever payments come, one that needs no notice costs each of them no more: quotas that earlier ones used, too.
    #[test]
    fn what_is_judged_no_worse_never_costs_more(
        old in any_fee(), other in any_fee(), which in any::<u8>(),
        payments in proptest::collection::vec((0..60_i64, 0..60_i64, 0..4_u16), 1..12),
    ) {
        let new = bent(&old, &other, which);
        let judged = judge(&old, &new, NOW);
        if !judged.rates_worse && !judged.promotion_worse {
            let mut stands = [Used::default(); 2];
            for (second, (amount, of, category)) in payments.into_iter().enumerate() {
                let at = NOW.plus_secs(second.try_into().unwrap());
                let mut fees = [0; 2];
                for (index, fee) in [&old, &new].into_iter().enumerate() {
                    let of = volume(of).filter(|_| fee.tiers.is_some());
                    let basis = fee.basis(amount, at, of, Some(category), stands[index]);
                    fees[index] = fee.fee(amount, &basis).unwrap();
                    if let Some(promoted) = basis.promotion {
                        stands[index].payments += 1;
                        stands[index].minor += promoted.minor;
                        prop_assert_eq!(fee.holds("p", stands[index]), Some(true));
                    }
                }
                prop_assert!(fees[1] <= fees[0], "{:?} {}", fees, second);
            }
        }
    }

    /// A basis that was worked out leads to its fee again, and one with a unit more covered does not pass unseen.
    #[test]
    fn a_fee_is_the_same_from_its_basis(
        fee in any_fee(), amount in 0..1_000_i64, of in 0..60_i64, category in 0..4_u16, taken in (0..4_u64, 0..60_i64),
    ) {
        let of = volume(of).filter(|_| fee.tiers.is_some());
        let basis = fee.basis(amount, NOW, of, Some(category), used(taken.0, taken.1));
        let minor = fee.fee(amount, &basis).unwrap();
        prop_assert!((0..=amount).contains(&minor));
        let kept: FeeBasis = serde_json::from_str(&serde_json::to_string(&basis).unwrap()).unwrap();
        prop_assert_eq!(fee.fee(amount, &kept), Ok(minor));
    }
}
