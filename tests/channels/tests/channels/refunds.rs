//! Refunds, and payments that go back whole.

use std::sync::atomic::Ordering;

use lezai_channel_simulators::fault::What;
use lezai_channels::channel::{
    AttemptStatus, RefundRequest, RefundStatus, ReversalRequest, UnknownPayment,
};
use lezai_channels::number;

use crate::bench::{
    FORGERIES, Mode, TOTAL, alipay_bench, benches, cny, is_paid, now, refund, unionpay_bench,
    wechat_bench,
};

#[tokio::test]
async fn refunds_are_done_once() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 1_000);
        let unheard = bench.channel.query_refund(&part).await.unwrap();
        assert_eq!(unheard, RefundStatus::Unknown);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
        // Something went back, and the payment is paid as before.
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));

        let too_much = bench.channel.refund(refund(&payment, TOTAL)).await.unwrap();
        assert!(matches!(too_much, RefundStatus::Failed { .. }), "{too_much:?}");
        // One number for another amount is neither done nor failed: somebody must look.
        let other = RefundRequest { amount: cny(2_000), ..part.clone() };
        let told = bench.channel.refund(other).await;
        assert!(!matches!(told, Ok(RefundStatus::Succeeded)), "{told:?}");
        assert_eq!(bench.refunds(), 1);

        let rest = refund(&payment, TOTAL - 1_000);
        assert_eq!(bench.channel.refund(rest).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 2);
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    }
}

#[tokio::test]
async fn a_payment_of_nobodys_goes_back_by_its_number_once() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let request = UnknownPayment {
            number: number::of_attempt(&payment.attempt),
            refund: refund(&payment, TOTAL).refund,
            amount: cny(TOTAL),
        };
        if !bench.channel.returns_by_number() {
            assert!(bench.channel.return_payment(request.clone()).await.is_err());
            assert!(bench.channel.query_return(&request).await.is_err());
            assert_eq!(bench.refunds(), 0);
            continue;
        }
        let unheard = bench.channel.query_return(&request).await.unwrap();
        assert_eq!(unheard, RefundStatus::Unknown);
        for _ in 0..2 {
            let back = bench.channel.return_payment(request.clone()).await.unwrap();
            assert_eq!(back, RefundStatus::Succeeded);
        }
        assert_eq!(bench.channel.query_return(&request).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
        let unknown = UnknownPayment { number: "0".repeat(32), ..request };
        let told = bench.channel.return_payment(unknown).await;
        assert!(!matches!(told, Ok(RefundStatus::Succeeded)), "{told:?}");
        assert_eq!(bench.refunds(), 1);
    }
}

#[tokio::test]
async fn a_refund_without_an_answer_keeps_its_number() {
    for bench in benches().await {
        for what in FORGERIES {
            let payment = bench.paid().await;
            let part = refund(&payment, 100);
            let before = bench.refunds();
            bench.fault("refund", what);
            let told = bench.channel.refund(part.clone()).await;
            assert!(told.is_err(), "{what:?}: {told:?}");
            let known = bench.channel.query_refund(&part).await.unwrap();
            let done = matches!(what, What::CutAfter | What::ErrorAfter)
                || matches!(what, What::WrongSignature | What::Unsigned | What::WrongNumber);
            let expected = if done { RefundStatus::Succeeded } else { RefundStatus::Unknown };
            assert_eq!(known, expected, "{what:?}");
            assert_eq!(bench.channel.refund(part).await.unwrap(), RefundStatus::Succeeded);
            assert_eq!(bench.refunds(), before + 1, "{what:?}");
        }
    }
}

#[tokio::test]
async fn a_refund_that_lacks_money_waits_under_its_number() {
    // A number that UnionPay refused is spent.
    for bench in benches().await.into_iter().filter(|it| it.provider != "unionpay") {
        let payment = bench.paid().await;
        let part = refund(&payment, 100);
        for what in [What::NotEnough, What::Busy] {
            bench.fault("refund", what);
            let told = bench.channel.refund(part.clone()).await;
            assert!(
                !matches!(told, Ok(RefundStatus::Failed { .. } | RefundStatus::Succeeded)),
                "{told:?}"
            );
            assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Unknown);
        }
        assert_eq!(bench.channel.refund(part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
    }
}

#[tokio::test]
async fn a_refund_that_was_taken_is_not_done() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 100);
        bench.fault("refund", What::Processing);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Pending);
        assert_ne!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Pending);
        bench.finish(&part.refund);
        assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
    }
    let bench = wechat_bench(Mode::Key).await;
    let payment = bench.paid().await;
    bench.fault("refund", What::Abnormal);
    let told = bench.channel.refund(refund(&payment, 100)).await.unwrap();
    assert_eq!(told, RefundStatus::Pending, "a person says where the money goes");
}

#[tokio::test]
async fn another_amount_of_a_refund_is_not_believed() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let part = refund(&payment, 100);
        assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        bench.fault("query_refund", What::WrongAmount);
        assert!(bench.channel.query_refund(&part).await.is_err());
    }
}

#[tokio::test]
async fn a_whole_payment_is_given_back_once() {
    for bench in benches().await {
        let payment = bench.paid().await;
        let requested_at = now();
        let request = |number| ReversalRequest {
            attempt: payment.attempt.clone(),
            method: payment.method.clone(),
            number,
            begun_at: payment.begun_at,
            requested_at,
        };
        bench.fault("refund", What::CutAfter);
        assert!(bench.channel.reverse(request(0)).await.is_err());
        let numbers: &[u32] = if bench.provider == "unionpay" { &[0, 0] } else { &[0, 0, 1] };
        for number in numbers.iter().copied() {
            assert_eq!(
                bench.channel.reverse(request(number)).await.unwrap(),
                AttemptStatus::Returned
            );
        }
        let told = bench.query(&payment).await.unwrap();
        if bench.provider == "unionpay" {
            // It tells of the payment alone: what went back is a transaction of its own.
            assert!(is_paid(&told, TOTAL));
        } else {
            assert_eq!(told, AttemptStatus::Returned);
        }
        assert_eq!(bench.refunds(), 1);
    }
}

#[tokio::test]
async fn a_trade_that_is_finished_is_paid_and_not_refunded() {
    let bench = alipay_bench(Mode::Key).await;
    let payment = bench.paid().await;
    bench.simulators.alipay.end(&bench.simulators, &number::of_attempt(&payment.attempt)).unwrap();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    let told = bench.channel.refund(refund(&payment, 100)).await.unwrap();
    assert_eq!(told, RefundStatus::Failed { code: "finished".to_owned() });
}

#[tokio::test]
async fn a_refund_that_unionpay_refused_has_spent_its_number() {
    let bench = unionpay_bench().await;
    let payment = bench.paid().await;
    let part = refund(&payment, 100);
    bench.fault("refund", What::NotEnough);
    let told = bench.channel.refund(part).await.unwrap();
    assert_eq!(told, RefundStatus::Failed { code: "not_enough".to_owned() });
    let another = refund(&payment, 100);
    assert_eq!(bench.channel.refund(another).await.unwrap(), RefundStatus::Succeeded);
    assert_eq!(bench.refunds(), 1);
}

#[tokio::test]
async fn a_payment_of_an_earlier_clearing_day_is_refunded_and_not_voided() {
    for (days, kind) in [(0, "31"), (1, "04")] {
        let bench = unionpay_bench().await;
        let payment = bench.paid().await;
        bench.clock.0.store(days * 86_400, Ordering::SeqCst);
        let request = ReversalRequest {
            attempt: payment.attempt.clone(),
            method: payment.method.clone(),
            number: 0,
            begun_at: payment.begun_at,
            requested_at: now(),
        };
        for _ in 0..2 {
            let told = bench.channel.reverse(request.clone()).await.unwrap();
            assert_eq!(told, AttemptStatus::Returned);
        }
        let books = bench.books();
        let kinds: Vec<&str> = books["refunds"]
            .as_object()
            .unwrap()
            .values()
            .map(|it| it["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, [kind]);
    }
}

#[tokio::test]
async fn a_void_that_is_refused_becomes_a_refund() {
    let bench = unionpay_bench().await;
    let payment = bench.paid().await;
    // A part went back, so that there can be no void, nor a refund of all.
    let part = refund(&payment, 100);
    assert_eq!(bench.channel.refund(part).await.unwrap(), RefundStatus::Succeeded);
    let request = ReversalRequest {
        attempt: payment.attempt.clone(),
        method: payment.method.clone(),
        number: 1,
        begun_at: payment.begun_at,
        requested_at: now(),
    };
    let told = bench.channel.reverse(request).await.unwrap();
    assert_eq!(told, AttemptStatus::Refused { code: "amount".to_owned() });
    assert_eq!(bench.refunds(), 1);
}

#[tokio::test]
async fn a_refund_that_unionpay_took_is_not_failed_by_its_repeat() {
    let bench = unionpay_bench().await;
    let payment = bench.paid().await;
    let whole = refund(&payment, TOTAL);
    bench.fault("refund", What::CutAfter);
    assert!(bench.channel.refund(whole.clone()).await.is_err());
    // The repeat is refused for what is left of the payment, and the refund is done.
    bench.fault("refund", What::StateFirst);
    assert_eq!(bench.channel.refund(whole.clone()).await.unwrap(), RefundStatus::Succeeded);
    // A query without an answer decides nothing.
    bench.fault("refund", What::StateFirst);
    bench.fault("query_refund", What::CutBefore);
    assert!(bench.channel.refund(whole).await.is_err());
    // Nothing stands behind another number: the refusal counts.
    let told = bench.channel.refund(refund(&payment, 100)).await.unwrap();
    assert_eq!(told, RefundStatus::Failed { code: "amount".to_owned() });
    assert_eq!(bench.refunds(), 1);
}

#[tokio::test]
async fn a_reversal_that_unionpay_took_is_not_refused_by_its_repeat() {
    for days in [0, 1] {
        let bench = unionpay_bench().await;
        let payment = bench.paid().await;
        bench.clock.0.store(days * 86_400, Ordering::SeqCst);
        let request = ReversalRequest {
            attempt: payment.attempt.clone(),
            method: payment.method.clone(),
            number: 0,
            begun_at: payment.begun_at,
            requested_at: now(),
        };
        bench.fault("refund", What::CutAfter);
        assert!(bench.channel.reverse(request.clone()).await.is_err());
        // It is on its way: no query finds it yet, and void and refund are refused for it.
        bench.fault("query_refund", What::NotFound);
        bench.fault("refund", What::StateFirst);
        let told = bench.channel.reverse(request).await.unwrap();
        assert_eq!(told, AttemptStatus::Returned, "{days}");
        assert_eq!(bench.refunds(), 1);
    }
}

#[tokio::test]
async fn an_answer_about_another_amount_is_not_believed() {
    let bench = unionpay_bench().await;
    let payment = bench.paid().await;
    bench.fault("refund", What::WrongAmount);
    assert!(bench.channel.refund(refund(&payment, 100)).await.is_err());
    bench.fault("prepay", What::WrongAmount);
    assert!(bench.channel.prepare(bench.payment()).await.is_err());
}
