//! Payments: made once, refused, called off, paid.

use std::sync::atomic::Ordering;

use lezai_channel_simulators::fault::What;
use lezai_channels::channel::{AttemptStatus, CaptureRequest, PaymentRequest, Prepared};
use lezai_channels::number;
use lezai_core::money::{Currency, Money};
use lezai_core::order::Credential;

use crate::bench::{
    FORGERIES, Mode, TOTAL, alipay_bench, benches, cny, is_paid, now, unionpay_bench,
};

#[tokio::test]
async fn an_order_is_made_once_and_paid_once() {
    for bench in benches().await {
        let payment = bench.payment();
        let first = bench.offer(&payment).await;
        let again = bench.offer_again(&payment).await;
        for offer in std::iter::once(&first).chain(&again) {
            assert!(
                matches!(&offer.credential, Credential::Qr { qr } if qr.contains("://")),
                "{offer:?}"
            );
            assert_eq!(offer.expires_at, None, "a code outlives an order of a quarter of an hour");
        }
        assert_eq!(bench.orders(), 1);
        let before = bench.query(&payment).await.unwrap();
        // At the others nothing is there before the code is scanned.
        let unpaid = if bench.provider == "wechat" {
            AttemptStatus::Pending
        } else {
            AttemptStatus::Unknown
        };
        assert_eq!(before, unpaid);
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    }
}

#[tokio::test]
async fn a_code_that_ends_before_its_order_says_so() {
    // UnionPay's code lives as long as its order.
    for bench in benches().await.into_iter().filter(|it| it.provider != "unionpay") {
        let mut payment = bench.payment();
        payment.expires_at = now().plus_secs(4 * 3_600);
        let ends = bench.offer(&payment).await.expires_at.unwrap();
        assert!(ends < now().plus_secs(2 * 3_600) && ends > now().plus_secs(3_600));
    }
}

#[tokio::test]
async fn a_prepare_without_an_answer_is_unknown_and_its_repeat_is_the_same_order() {
    for bench in benches().await {
        for what in FORGERIES {
            let payment = bench.payment();
            let before = bench.orders();
            bench.fault("prepay", what);
            let told = bench.channel.prepare(payment.clone()).await;
            if what == What::WrongNumber && bench.provider == "wechat" {
                // Its answer to a prepare names no number.
                assert!(told.is_ok());
            } else {
                assert!(told.is_err(), "{what:?}: {told:?}");
            }
            bench.offer_again(&payment).await;
            assert_eq!(bench.orders(), before + 1, "{what:?}");
        }
    }
}

#[tokio::test]
async fn a_prepare_that_was_refused_says_so() {
    for bench in benches().await {
        let payment = bench.payment();
        bench.fault("prepay", What::Refused);
        let told = bench.channel.prepare(payment.clone()).await.unwrap();
        assert_eq!(told, Prepared::Refused { code: "not_permitted".to_owned() });
        assert_eq!(bench.orders(), 0);
        // A rate that is limited is no refusal: the same is sent again.
        bench.fault("prepay", What::Busy);
        assert!(bench.channel.prepare(payment.clone()).await.is_err());
        bench.offer(&payment).await;

        let capture = PaymentRequest { capture: false, ..bench.payment() };
        let told = bench.channel.prepare(capture).await.unwrap();
        assert_eq!(told, Prepared::Refused { code: "capture_unsupported".to_owned() });
        let much = PaymentRequest { amount: cny(1 << 50), ..bench.payment() };
        let told = bench.channel.prepare(much).await.unwrap();
        assert_eq!(told, Prepared::Refused { code: "invalid_request".to_owned() });
        let dollars = Money::new(1, Currency::from_code("USD").unwrap()).unwrap();
        let told =
            bench.channel.prepare(PaymentRequest { amount: dollars, ..bench.payment() }).await;
        assert_eq!(told.unwrap(), Prepared::Refused { code: "currency_unsupported".to_owned() });
        let number =
            CaptureRequest { attempt: payment.attempt.clone(), number: 1, amount: payment.amount };
        let told = bench.channel.capture(number).await.unwrap();
        assert_eq!(told, AttemptStatus::Refused { code: "capture_unsupported".to_owned() });
        assert_eq!(bench.orders(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_the_providers_is_not_believed() {
    for bench in benches().await {
        let payment = bench.paid().await;
        for what in FORGERIES {
            bench.fault("query", what);
            let told = bench.query(&payment).await;
            assert!(told.is_err(), "{} {what:?}: {told:?}", bench.provider);
        }
        if bench.provider == "wechat" {
            for what in [What::SignTest, What::Stale, What::UnknownKey, What::WrongMerchant] {
                bench.fault("query", what);
                let told = bench.query(&payment).await;
                assert!(told.is_err(), "{what:?}: {told:?}");
            }
        }
        if bench.provider == "unionpay" {
            for what in [What::UnknownKey, What::WrongMerchant] {
                bench.fault("query", what);
                let told = bench.query(&payment).await;
                assert!(told.is_err(), "{what:?}: {told:?}");
            }
        }
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
        // Another amount goes up as it is told: the order compares it.
        bench.fault("query", What::WrongAmount);
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL + 1));
    }
}

#[tokio::test]
async fn a_payment_is_called_off_or_was_paid() {
    for bench in benches().await {
        let unpaid = bench.payment();
        bench.offer(&unpaid).await;
        if bench.provider != "wechat" {
            // Nobody scanned it, and until its time is over somebody may.
            assert!(bench.cancel(&unpaid).await.is_err());
            let over = PaymentRequest { expires_at: now().plus_secs(-602), ..bench.payment() };
            bench.offer(&over).await;
            assert_eq!(bench.cancel(&over).await.unwrap(), AttemptStatus::Cancelled);
        }
        let paid = bench.paid().await;
        assert!(is_paid(&bench.cancel(&paid).await.unwrap(), TOTAL));
        if bench.provider == "unionpay" {
            continue;
        }
        if bench.provider == "alipay" {
            bench.simulators.alipay.scan(&number::of_attempt(&unpaid.attempt)).unwrap();
        }
        bench.fault("close", What::CutAfter);
        assert!(bench.cancel(&unpaid).await.is_err());
        assert_eq!(bench.cancel(&unpaid).await.unwrap(), AttemptStatus::Cancelled);
        assert_eq!(bench.cancel(&unpaid).await.unwrap(), AttemptStatus::Cancelled);
        assert!(bench.pay(&unpaid).is_err());

        let told = bench.cancel(&bench.payment()).await;
        match bench.provider {
            "wechat" => assert_eq!(told.unwrap(), AttemptStatus::Cancelled),
            _ => assert!(told.is_err()),
        }
    }
}

#[tokio::test]
async fn a_code_paid_after_it_was_given_up_is_seen() {
    let bench = alipay_bench(Mode::Key).await;
    let payment = bench.payment();
    bench.offer(&payment).await;
    assert!(bench.cancel(&payment).await.is_err());
    bench.pay(&payment).unwrap();
    assert!(is_paid(&bench.cancel(&payment).await.unwrap(), TOTAL));
}

#[tokio::test]
async fn a_card_that_is_refused_may_be_followed_by_another() {
    let bench = unionpay_bench().await;
    let payment = bench.payment();
    bench.offer(&payment).await;
    let number = number::of_attempt(&payment.attempt);
    bench.simulators.unionpay.decline(&number).unwrap();
    assert_eq!(bench.query(&payment).await.unwrap(), AttemptStatus::Pending);
    assert!(bench.cancel(&payment).await.is_err());
    bench.pay(&payment).unwrap();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));

    // Nobody tried another one while the code lasted.
    let given_up = bench.payment();
    bench.offer(&given_up).await;
    bench.simulators.unionpay.decline(&number::of_attempt(&given_up.attempt)).unwrap();
    bench.clock.0.store(900 + 601, Ordering::SeqCst);
    let told = bench.query(&given_up).await.unwrap();
    assert_eq!(told, AttemptStatus::Declined { code: "declined".to_owned() });
    assert_eq!(bench.cancel(&given_up).await.unwrap(), AttemptStatus::Cancelled);
}

#[tokio::test]
async fn a_payment_is_known_by_its_number_and_its_time() {
    let bench = unionpay_bench().await;
    let payment = bench.paid().await;
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    let other = PaymentRequest { begun_at: payment.begun_at.plus_secs(1), ..payment };
    assert_eq!(bench.query(&other).await.unwrap(), AttemptStatus::Unknown);
}
