//! Bills, fetched over everything that goes wrong.

use std::sync::Arc;
use std::time::Duration;

use lezai_channel_simulators::fault::{Fault, What};
use lezai_channels::alipay;
use lezai_channels::channel::BillFetched;
use lezai_channels::number;
use lezai_channels::surroundings::{Machine, Surroundings as _};
use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::AttemptId;

use crate::bench::{
    Mode, alipay_bench, alipay_config, entropy, files, network, now, simulators, unionpay_bench,
};

/// Today, where Alipay's days begin.
fn today() -> Date {
    Date::parse(&lezai_channels::time::beijing(Machine.now())[..10]).unwrap()
}

#[tokio::test]
async fn alipays_bill_is_fetched_and_unpacked() {
    for mode in [Mode::Key, Mode::Certificate] {
        let bench = alipay_bench(mode).await;
        assert!(matches!(
            bench.channel.bill(BillKind::Trades, today()).await.unwrap(),
            BillFetched::Absent(_)
        ));
        let day = today();
        let payment = bench.paid().await;
        if day != today() {
            // Midnight in Beijing passed meanwhile: the payment may be on either day.
            continue;
        }
        let BillFetched::Bill(bill) = bench.channel.bill(BillKind::Trades, day).await.unwrap()
        else {
            panic!()
        };
        let (number, gbk) = (number::of_attempt(&payment.attempt), b"\xbd\xbb\xd2\xd7");
        let has = |part: &[u8]| bill.windows(part.len()).any(|it| it == part);
        assert!(has(number.as_bytes()) && has(gbk) && has(b"88.88") && !bill.starts_with(b"PK"));
        for (call, what, word) in [
            ("bill", What::Busy, "busy"),
            ("bill", What::WrongSignature, "signature"),
            ("bill", What::CutAfter, ""),
            ("bill_file", What::CutBefore, ""),
            ("bill_file", What::Refused, "403"),
            ("bill_file", What::Truncated, "unpacked"),
        ] {
            bench.fault(call, what);
            let error = bench.channel.bill(BillKind::Trades, day).await.unwrap_err();
            assert!(error.reason.contains(word), "{what:?}: {error}");
        }
        bench.fault("bill", What::NotYet);
        assert!(matches!(
            bench.channel.bill(BillKind::Trades, day).await.unwrap(),
            BillFetched::Absent(_)
        ));
        // What Alipay lays there in place of a bill comes as it is: the parser refuses it.
        bench.fault("bill_file", What::Garbage);
        let fetched = bench.channel.bill(BillKind::Trades, day).await.unwrap();
        assert_eq!(fetched, BillFetched::Bill(b"<html>502</html>".to_vec()));
    }
}

/// Today, where UnionPay's clearing days begin.
fn clearing_day() -> Date {
    Date::parse(&lezai_channels::time::beijing(Machine.now() + 3_600)[..10]).unwrap()
}

#[tokio::test]
async fn unionpays_file_is_fetched_unpacked_and_read() {
    let bench = unionpay_bench().await;
    let fetch = async |day| bench.channel.bill(BillKind::Trades, day).await;
    assert!(matches!(fetch(clearing_day()).await.unwrap(), BillFetched::Absent(_)));
    let day = clearing_day();
    let payment = bench.paid().await;
    if day != clearing_day() {
        // The clearing day ended meanwhile: the payment may be on either.
        return;
    }
    let BillFetched::Bill(bill) = fetch(day).await.unwrap() else { panic!() };
    let number = number::of_attempt(&payment.attempt);
    assert!(bill.starts_with(b"S22 ") && bill.windows(32).any(|it| it == number.as_bytes()));
    for (what, word) in [
        (What::Busy, "busy"),
        (What::WrongSignature, "signature"),
        (What::CutAfter, ""),
        (What::CutBefore, ""),
        (What::Truncated, "unpacked"),
        (What::TruncatedInside, "unpacked"),
        (What::Garbage, "read"),
    ] {
        bench.fault("bill", what);
        let error = fetch(day).await.unwrap_err();
        assert!(error.reason.contains(word), "{what:?}: {error}");
    }
    bench.fault("bill", What::NotYet);
    assert!(matches!(fetch(day).await.unwrap(), BillFetched::Absent(_)));
    bench.fault("bill", What::Refused);
    assert_eq!(fetch(day).await.unwrap(), BillFetched::NotPermitted);
    let funds = bench.channel.bill(BillKind::Funds, day).await.unwrap();
    assert_eq!(funds, BillFetched::NotPermitted);
}

#[tokio::test]
async fn a_bill_that_never_comes_is_given_up() {
    use lezai_channels::alipay::call::BillType;
    let (simulators, url) = simulators().await;
    let folder = files();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let network = network().downloading_within(Duration::from_millis(50));
    let client = alipay::client::Client::new(account, Arc::new(network), Arc::new(Machine));
    let number = number::of_attempt(&AttemptId::new(now(), entropy()));
    let order = alipay::call::Order {
        number: number.clone(),
        subject: "茶".to_owned(),
        total: 1,
        expires_at: None,
        notify_url: "https://pay.example/notify".to_owned(),
    };
    client.precreate(&order).await.unwrap();
    simulators.alipay.pay(&simulators, &number).unwrap();
    let (provider, call) = ("alipay".to_owned(), "bill_file".to_owned());
    simulators.faults.add(Fault { provider, call, what: What::Never, times: 2 });
    // Paid a moment ago: today, or a moment before today began.
    let (mut errors, today) = (Vec::new(), today());
    for day in [today, today.plus_days(-1)] {
        errors.push(client.bill(BillType::Trade, &day.to_string()).await.unwrap_err().to_string());
    }
    assert!(errors.iter().any(|error| error.contains("timed out")), "{errors:?}");
}
