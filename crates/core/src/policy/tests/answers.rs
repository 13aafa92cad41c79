//! Answers of plugins: what of them is bounded.

use super::*;

#[test]
fn answers_are_bounded() {
    let reason =
        |code: &str, message: &str| Reason { code: code.to_owned(), message: message.to_owned() };
    let risk = |verdict, score, reasons: Vec<Reason>| Risk { verdict, score, reasons };
    let good = reason("large", "A large amount");
    for (answer, expected) in [
        (risk(Verdict::Accept, 0, vec![]), Ok(())),
        (risk(Verdict::Deny, 1000, vec![good.clone(); 8]), Ok(())),
        (risk(Verdict::Accept, 1001, vec![]), Err(Nonsense::Score(1001))),
        (risk(Verdict::Accept, 0, vec![good.clone(); 9]), Err(Nonsense::Reasons(9))),
        (risk(Verdict::Review, 0, vec![]), Err(Nonsense::Unexplained)),
        (risk(Verdict::Review, 0, vec![good.clone(), reason("", "x")]), Err(Nonsense::Reason(1))),
        (risk(Verdict::Review, 0, vec![reason("a-b", "x")]), Err(Nonsense::Reason(0))),
        (risk(Verdict::Review, 0, vec![reason("a", "")]), Err(Nonsense::Reason(0))),
        (risk(Verdict::Review, 0, vec![reason("a", "x\u{7f}")]), Err(Nonsense::Reason(0))),
        (risk(Verdict::Review, 0, vec![reason("a", &"茶".repeat(200))]), Ok(())),
        (risk(Verdict::Review, 0, vec![reason("a", &"茶".repeat(201))]), Err(Nonsense::Reason(0))),
    ] {
        assert_eq!(answer::check_risk(&answer), expected, "{answer:?}");
    }

    let of = order("100 CNY");
    for (minor, currency, expected) in [
        (0, "CNY", Ok(money("0 CNY"))),
        (100, "CNY", Ok(money("100 CNY"))),
        (101, "CNY", Err(Nonsense::FeeAmount)),
        (u64::MAX, "CNY", Err(Nonsense::FeeAmount)),
        (0, "USD", Err(Nonsense::FeeCurrency)),
        (0, "", Err(Nonsense::FeeCurrency)),
    ] {
        assert_eq!(answer::check_fee(minor, currency, &of), expected, "{minor} {currency}");
    }

    let known = ["a", "b"];
    for (channels, expected) in [
        (vec![], Ok(())),
        (vec!["b", "a"], Ok(())),
        (vec!["a", "c"], Err(Nonsense::UnknownChannel(1))),
        (vec!["a", "b", "a"], Err(Nonsense::RepeatedChannel(2))),
        (vec!["a"; 17], Err(Nonsense::Channels(17))),
    ] {
        let channels: Vec<String> = channels.into_iter().map(str::to_owned).collect();
        assert_eq!(answer::check_channels(&channels, known.into_iter()), expected, "{channels:?}");
    }
}

#[test]
fn shares_and_fee_are_at_most_the_amount() {
    let order = order("1000 CNY");
    let most = "r".repeat(64);
    let long = "r".repeat(65);
    let many: Vec<String> = (0..17).map(|it| format!("r{it}")).collect();
    let all = |len: usize| many[..len].iter().map(|it| (it.as_str(), 1)).collect::<Vec<_>>();
    type Row<'r> = (Vec<(&'r str, u64)>, Result<u64, Nonsense>);
    let rows: [Row<'_>; 17] = [
        (vec![], Ok(0)),
        (vec![("a", 994)], Ok(994)),
        (vec![("a", 995)], Err(Nonsense::ShareAmount(0))),
        (vec![("a", 500), ("b", 494)], Ok(994)),
        (vec![("a", 500), ("b", 495)], Err(Nonsense::ShareAmount(1))),
        (vec![("a", 1), ("b", u64::MAX)], Err(Nonsense::ShareAmount(1))),
        (vec![("a", i64::MAX.unsigned_abs())], Err(Nonsense::ShareAmount(0))),
        (vec![("a", i64::MAX.unsigned_abs() + 1)], Err(Nonsense::ShareAmount(0))),
        (vec![("a", 0)], Err(Nonsense::EmptyShare(0))),
        (vec![("a", 1), ("b", 1), ("a", 1)], Err(Nonsense::RepeatedReceiver(2))),
        (vec![("", 1)], Err(Nonsense::Receiver(0))),
        (vec![("A.b:c-d_9", 1)], Ok(1)),
        (vec![("a b", 1)], Err(Nonsense::Receiver(0))),
        (vec![(&most, 1)], Ok(1)),
        (vec![(&long, 1)], Err(Nonsense::Receiver(0))),
        (all(16), Ok(16)),
        (all(17), Err(Nonsense::Shares(17))),
    ];
    for (shares, expected) in rows {
        let given: Vec<_> = shares.iter().map(|(it, minor)| ((*it).to_owned(), *minor)).collect();
        let found = answer::check_shares(given.into_iter(), money("6 CNY"), &order);
        let sum = found.map(|it| it.iter().map(|it| it.amount.minor().unsigned_abs()).sum());
        assert_eq!(sum, expected, "{shares:?}");
    }
    // A fee that is not this order's leaves nothing to share.
    for fee in ["1001 CNY", "0 JPY"] {
        let found = answer::check_shares(std::iter::empty(), money(fee), &order);
        assert_eq!(found, Err(Nonsense::ShareAmount(0)), "{fee}");
    }
}

#[test]
fn columns_are_few_named_once_and_short() {
    let column =
        |name: &str, value: &str| Column { name: name.to_owned(), value: value.to_owned() };
    let many: Vec<Column> = (0..9).map(|it| column(&format!("c{it}"), "")).collect();
    let rows: [(Vec<Column>, Result<(), Nonsense>); 9] = [
        (vec![], Ok(())),
        (vec![column("store", &"茶".repeat(200)), column("till", "")], Ok(())),
        (vec![column("store", &"茶".repeat(201))], Err(Nonsense::Column(0))),
        (vec![column("store", "a\u{7}")], Err(Nonsense::Column(0))),
        (vec![column("a", ""), column("Store", "")], Err(Nonsense::Column(1))),
        (vec![column(&"a".repeat(41), "")], Err(Nonsense::Column(0))),
        (vec![column("a", "1"), column("a", "2")], Err(Nonsense::RepeatedColumn(1))),
        (many[..8].to_vec(), Ok(())),
        (many, Err(Nonsense::Columns(9))),
    ];
    for (columns, expected) in rows {
        assert_eq!(answer::check_columns(&columns), expected, "{columns:?}");
    }
}
