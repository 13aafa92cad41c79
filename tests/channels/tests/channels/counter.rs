//! The counter: a code that a till scanned is charged once, or undone.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use lezai_channel_simulators::fault::What;
use lezai_channels::channel::{AttemptStatus, MethodKind, PaymentRequest, Prepared};
use lezai_channels::number;
use lezai_channels::surroundings::Machine;
use lezai_core::id::AttemptId;

use crate::bench::{
    Mode, TOTAL, alipay_bench, alipay_config, entropy, files, is_paid, network, now, simulators,
    unionpay_bench, wechat_bench, wechat_config,
};

#[tokio::test]
async fn a_till_charges_the_code_that_the_shopper_shows() {
    for (bench, method, begins) in [
        (wechat_bench(Mode::Key).await, "wechat_code", "1300000000000000"),
        (alipay_bench(Mode::Key).await, "alipay_code", "2800000000000000"),
        (unionpay_bench().await, "unionpay_code", "62000000000000000"),
    ] {
        let charge = |ending: &str| PaymentRequest {
            method: method.to_owned(),
            kind: MethodKind::Code,
            code: Some(format!("{begins}{ending}")),
            ..bench.payment()
        };
        let prepared =
            async |payment: &PaymentRequest| bench.channel.prepare(payment.clone()).await;
        assert_eq!(bench.channel.method_of_code(&format!("{begins}01")), Some(method));
        assert_eq!(bench.channel.method_of_code("990000000000000001"), None);

        let paid = charge("01");
        for _ in 0..2 {
            assert_eq!(prepared(&paid).await.unwrap(), Prepared::Charging, "{method}");
        }
        assert!(is_paid(&bench.query(&paid).await.unwrap(), TOTAL), "{method}");
        assert!(is_paid(&bench.cancel(&paid).await.unwrap(), TOTAL), "what is paid is not undone");

        for (ending, word) in [("03", "not_enough"), ("04", "code_")] {
            let Prepared::Refused { code } = prepared(&charge(ending)).await.unwrap() else {
                panic!("{method} {ending} is not refused")
            };
            assert!(code.contains(word), "{method} {ending}: {code}");
        }

        // The shopper is asked for the password, and leaves.
        let waiting = charge("02");
        assert_eq!(prepared(&waiting).await.unwrap(), Prepared::Charging);
        assert_eq!(bench.query(&waiting).await.unwrap(), AttemptStatus::Pending);
        assert_eq!(bench.cancel(&waiting).await.unwrap(), AttemptStatus::Cancelled);
        let told = bench.query(&waiting).await.unwrap();
        match bench.provider {
            "unionpay" => assert!(matches!(told, AttemptStatus::Declined { .. }), "{told:?}"),
            _ => assert_eq!(told, AttemptStatus::Cancelled),
        }

        // The answer is lost, before and after the act: it is asked, and never charged again.
        let lost = charge("05");
        assert!(prepared(&lost).await.is_err(), "{method}");
        if bench.provider == "unionpay" {
            // It has nothing to undo, and may still be on the way.
            assert!(bench.cancel(&lost).await.is_err());
            bench.clock.0.store(900 + 601, Ordering::SeqCst);
        }
        assert_eq!(bench.cancel(&lost).await.unwrap(), AttemptStatus::Cancelled);
        bench.clock.0.store(0, Ordering::SeqCst);
        let charged = charge("06");
        assert!(prepared(&charged).await.is_err(), "{method}");
        assert!(is_paid(&bench.query(&charged).await.unwrap(), TOTAL), "{method}");
    }
}

#[tokio::test]
async fn a_charge_that_unionpay_took_is_not_refused_by_its_repeat() {
    let bench = unionpay_bench().await;
    for (ending, is_taken) in [("06", true), ("05", false)] {
        let charge = PaymentRequest {
            method: "unionpay_code".to_owned(),
            kind: MethodKind::Code,
            code: Some(format!("62000000000000000{ending}")),
            ..bench.payment()
        };
        assert!(bench.channel.prepare(charge.clone()).await.is_err());
        // The code is refused before the number is looked at.
        let what = if is_taken { What::StateFirst } else { What::Refused };
        bench.fault("codepay", what);
        bench.fault("query", What::CutBefore);
        let told = bench.channel.prepare(charge.clone()).await;
        assert!(told.is_err(), "a query without an answer decides nothing");
        bench.fault("codepay", what);
        let told = bench.channel.prepare(charge.clone()).await.unwrap();
        if is_taken {
            assert_eq!(told, Prepared::Charging);
            assert!(is_paid(&bench.query(&charge).await.unwrap(), TOTAL));
        } else {
            assert_eq!(told, Prepared::Refused { code: "not_permitted".to_owned() });
        }
    }
}

#[tokio::test]
async fn a_payment_code_is_charged_once() {
    use lezai_channels::wechat::call::CodePayment;
    use lezai_channels::wechat::client::{Client, CodePaid, Reversed};
    let (simulators, url) = simulators().await;
    let folder = files();
    let account = wechat_config(&url).load(folder.path()).unwrap();
    let client = Client::new(account, Arc::new(network()), Arc::new(Machine));
    let code = |ending: &str| CodePayment {
        number: number::of_attempt(&AttemptId::new(now(), entropy())),
        description: "茶".to_owned(),
        total: 100,
        auth_code: format!("1300000000000000{ending}"),
        store: "0001".to_owned(),
    };
    let paid = code("01");
    for _ in 0..2 {
        assert!(matches!(client.codepay(&paid).await.unwrap(), CodePaid::Decided(_)));
    }
    let waits = code("02");
    assert!(matches!(client.codepay(&waits).await.unwrap(), CodePaid::Waiting));
    assert_eq!(client.reverse(&waits.number).await.unwrap(), Reversed::Done);
    assert_eq!(
        client.codepay(&code("03")).await.unwrap_err().refusal().unwrap().word,
        "not_enough"
    );
    assert_eq!(
        client.codepay(&code("04")).await.unwrap_err().refusal().unwrap().word,
        "code_expired"
    );
    for ending in ["05", "06"] {
        let unknown = client.codepay(&code(ending)).await.unwrap_err();
        assert!(!unknown.is_certain(), "{unknown:?}");
    }
    let books = simulators.wechat.books();
    for order in books["orders"].as_object().unwrap().values() {
        assert!(order["charges"].as_u64().unwrap() <= 1);
    }
}

#[tokio::test]
async fn a_code_at_alipays_counter_is_charged_or_cancelled() {
    use lezai_channels::alipay::call::{AuthCode, Order};
    use lezai_channels::alipay::client::Client;
    let (_simulators, url) = simulators().await;
    let folder = files();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let client = Client::new(account, Arc::new(network()), Arc::new(Machine));
    let order = || Order {
        number: number::of_attempt(&AttemptId::new(now(), entropy())),
        subject: "茶".to_owned(),
        total: 100,
        expires_at: None,
        notify_url: "https://shop.example/notify".to_owned(),
    };
    let code = |ending: &str| AuthCode::parse(&format!("2800000000000000{ending}")).unwrap();
    assert!(!client.pay(&order(), &code("01"), "0001").await.unwrap().waits);
    let waiting = order();
    assert!(client.pay(&waiting, &code("02"), "0001").await.unwrap().waits);
    let canceled = client.cancel(&waiting.number).await.unwrap();
    assert_eq!((canceled.action.as_deref(), canceled.retry_flag.as_str()), (Some("close"), "N"));
    let failed = order();
    let unknown = client.pay(&failed, &code("06"), "0001").await.unwrap_err();
    assert!(!unknown.is_certain());
    // It was charged, and goes back.
    assert_eq!(client.cancel(&failed.number).await.unwrap().action.as_deref(), Some("refund"));
    // Nothing was there, which 10000 alone does not say.
    assert_eq!(client.cancel(&order().number).await.unwrap().action, None);
    let refused = client.pay(&order(), &code("04"), "0001").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().word, "code_invalid");
}
