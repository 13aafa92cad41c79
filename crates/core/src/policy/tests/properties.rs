//! Properties of every policy, amount and order.

use proptest::prelude::*;

use super::*;

proptest! {
    /// For any shares taken, the merchant is left with no negative amount.
    #[test]
    fn shares_that_are_taken_fit(
        amount in 0..2_000_i64,
        fee in 0..2_000_i64,
        shares in proptest::collection::vec(prop_oneof![0..500_u64, any::<u64>()], 0..20),
    ) {
        let order = order(&format!("{amount} CNY"));
        let given: Vec<_> =
            shares.iter().enumerate().map(|(index, it)| (format!("r{index}"), *it)).collect();
        let fee = money(&format!("{fee} CNY"));
        if let Ok(taken) = answer::check_shares(given.into_iter(), fee, &order) {
            let sum: i128 = taken.iter().map(|it| i128::from(it.amount.minor())).sum();
            prop_assert!(sum + i128::from(fee.minor()) <= i128::from(amount));
            prop_assert!(taken.iter().all(|it| it.amount.minor() > 0));
            prop_assert_eq!(taken.len(), shares.len());
        }
    }
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![
        Just(Rounding::HalfUp),
        Just(Rounding::HalfEven),
        Just(Rounding::Up),
        Just(Rounding::Down)
    ]
}

proptest! {
    #[test]
    fn a_fee_is_never_negative_nor_more_than_the_amount(
        rate_ppm in 0..=1_000_000_u32,
        fixed in 0..=i64::MAX,
        min in 0..=i64::MAX,
        room in proptest::option::of(0..=i64::MAX),
        rounding in rounding(),
        amount in 0..=i64::MAX,
    ) {
        let currency = Currency::from_code("CNY").unwrap();
        let cap = room.map(|room| min.saturating_add(room));
        let fee = FeeSchedule { currency, rate_ppm, fixed, min, cap, rounding }.fee(amount);
        prop_assert!((0..=amount).contains(&fee));
        prop_assert!(cap.is_none_or(|cap| fee <= cap));
    }

    /// Rounding is off by less than one, and to the side that it names.
    #[test]
    fn rounding_is_off_by_less_than_one(amount in 0..=i64::MAX, rate in 0..=1_000_000_i128, mode in rounding()) {
        let exact = i128::from(amount) * rate;
        let off = mode.divide(exact, PPM) * PPM - exact;
        let holds = match mode {
            Rounding::Down => -PPM < off && off <= 0,
            Rounding::Up => (0..PPM).contains(&off),
            Rounding::HalfUp => -PPM < off * 2 && off * 2 <= PPM,
            Rounding::HalfEven => -PPM <= off * 2 && off * 2 <= PPM,
        };
        prop_assert!(holds, "{off}");
    }

    #[test]
    fn the_compact_form_loses_nothing(
        min in 0..1000_i64,
        score in 0..=1000_u16,
        values in proptest::collection::vec(".{0,20}", 1..4),
        nets in proptest::collection::vec(any::<(u32, bool)>(), 1..4),
        mode in rounding(),
    ) {
        let mut policy = full();
        policy["limits"][0]["min"] = min.into();
        policy["fees"][0]["rounding"] = serde_json::to_value(mode).unwrap();
        let nets: Vec<String> = nets.iter().map(|(bits, short)| {
            format!("{}/{}", std::net::Ipv4Addr::from_bits(*bits), if *short { 8 } else { 32 })
        }).collect();
        policy["risk"]["rules"][0] = json!({"code": "row", "message": "Row", "score": score, "when": [
            {"metadata_in": {"key": "k", "values": values}}, {"ip_in": nets}, "device_id_missing",
        ]});
        let policy = read(&policy).unwrap();
        let compact = policy.to_compact();
        prop_assert!(compact.len() <= MAX_COMPACT);
        let channels = channels_in_compact(&compact).unwrap();
        prop_assert!(channels.iter().eq(policy.channels()));
        prop_assert_eq!(Policy::from_compact(&compact), Ok(policy));
    }

    /// Foreign bytes are an error, or a policy that judges any order without a panic.
    #[test]
    fn foreign_bytes_never_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        amount in 0..=i64::MAX,
    ) {
        let order = order(&format!("{amount} CNY"));
        let mut bent = read(&full()).unwrap().to_compact();
        let index = at.index(bent.len());
        bent[index] = byte;
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = channels_in_compact(&bytes);
        for policy in [bytes, bent].iter().filter_map(|it| Policy::from_compact(it).ok()) {
            let _ = (policy.check_limits(&order), policy.risk(&order), policy.fee(&order), policy.route(&order));
        }
    }
}
