//! Callbacks, and the keys and certificates that sign them.

use std::sync::atomic::Ordering;

use lezai_channel_simulators::fault::What;
use lezai_channels::channel::{About, Callback};
use lezai_channels::http::Headers;

use crate::bench::{
    Mode, TOTAL, alipay_bench, benches, is_paid, refund, unionpay_bench, wechat_bench,
    wechat_bench_with,
};

#[tokio::test]
async fn callbacks_are_hints_about_what_to_ask() {
    for mut bench in benches().await {
        let payment = bench.paid().await;
        let callback = bench.callbacks.recv().await.unwrap();
        let heard = bench.channel.hear(callback.clone()).await;
        assert_eq!(heard.about, About::Payment(payment.attempt.clone()), "{}", bench.provider);
        let taken = match bench.provider {
            "wechat" => r#"{"code":"SUCCESS"}"#,
            "alipay" => "success",
            _ => "",
        };
        assert_eq!((heard.reply.status, heard.reply.body), (200, taken));

        // One byte more, another key, no signature, none at all.
        let mut changed = callback.clone();
        changed.body.push(b'1');
        let mut unsigned = callback.clone();
        unsigned.headers.0.retain(|(name, _)| !name.eq_ignore_ascii_case("wechatpay-signature"));
        if bench.provider == "alipay" {
            let body = String::from_utf8(unsigned.body).unwrap();
            unsigned.body = body.split("&sign=").next().unwrap().as_bytes().to_vec();
        }
        if bench.provider == "unionpay" {
            let form = form_urlencoded::parse(&unsigned.body);
            let form = form.filter(|(name, _)| name != "signature");
            let mut rest = form_urlencoded::Serializer::new(String::new());
            unsigned.body = rest.extend_pairs(form).finish().into_bytes();
        }
        let empty = Callback { headers: Headers::default(), body: Vec::new() };
        for forged in [changed, unsigned, empty] {
            let heard = bench.channel.hear(forged).await;
            assert_eq!(heard.about, About::Refused);
            assert_eq!(heard.reply.status, 401);
            assert_ne!(heard.reply.body, "success");
        }

        let part = refund(&payment, 100);
        bench.channel.refund(part.clone()).await.unwrap();
        let wanted = About::Refund(part.refund);
        // Copies of the first may still come.
        while bench.channel.hear(bench.callbacks.recv().await.unwrap()).await.about != wanted {}
    }
}

#[tokio::test]
async fn callbacks_of_others_are_refused() {
    for mut bench in benches().await {
        let faults = match bench.provider {
            "wechat" => &[
                What::SignTest,
                What::WrongSignature,
                What::UnknownKey,
                What::Stale,
                What::WrongMerchant,
            ][..],
            "alipay" => &[What::WrongSignature, What::Unsigned, What::WrongMerchant],
            // Anybody can sign with a certificate of their own that has UnionPay's name in it.
            _ => &[What::WrongSignature, What::Unsigned, What::UnknownKey, What::WrongMerchant],
        };
        for what in faults {
            while bench.callbacks.try_recv().is_ok() {}
            let payment = bench.payment();
            bench.offer(&payment).await;
            bench.fault("callback", *what);
            bench.pay(&payment).unwrap();
            let mut heard = Vec::new();
            // A certificate's signature has another name in the partner's and the key's mode: all the same.
            while heard.is_empty() {
                let callback = bench.callbacks.recv().await.unwrap();
                heard.push(bench.channel.hear(callback).await.about);
            }
            assert!(
                !heard.contains(&About::Payment(payment.attempt.clone())),
                "{} {what:?}: {heard:?}",
                bench.provider
            );
        }
    }
}

#[tokio::test]
async fn a_certificate_that_comes_is_fetched_once() {
    let bench = wechat_bench(Mode::Certificate).await;
    let payment = bench.paid().await;
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    bench.simulators.wechat.rotate();
    // It was asked for less than a minute ago, and is not asked for again at once.
    assert!(bench.query(&payment).await.is_err());
    bench.clock.0.store(61, Ordering::SeqCst);
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    bench.fault("query", What::UnknownKey);
    bench.fault("certificates", What::ErrorBefore);
    assert!(bench.query(&payment).await.is_err());
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
}

#[tokio::test]
async fn certificates_of_another_are_not_taken() {
    for what in [What::WrongSignature, What::Unsigned, What::UnknownKey, What::Stale, What::Garbage]
    {
        let bench = wechat_bench(Mode::Certificate).await;
        bench.fault("certificates", what);
        let payment = bench.payment();
        assert!(bench.channel.prepare(payment).await.is_err(), "{what:?}");
        assert_eq!(bench.orders(), 0);
    }
}

#[tokio::test]
async fn a_merchant_that_moves_to_the_public_key_hears_both() {
    let mut bench = wechat_bench_with(|config| {
        config.certificate_files = vec!["wechat_platform.crt".into()];
        config.download_certificates = true;
    })
    .await;
    bench.simulators.wechat.ramp();
    let mut serials = std::collections::BTreeSet::new();
    while serials.len() < 2 {
        let payment = bench.paid().await;
        let wanted = About::Payment(payment.attempt);
        loop {
            let callback = bench.callbacks.recv().await.unwrap();
            let serial = callback.headers.get("wechatpay-serial").unwrap().to_owned();
            let about = bench.channel.hear(callback).await.about;
            assert_ne!(about, About::Refused);
            if about == wanted {
                serials.insert(serial);
                break;
            }
        }
    }
}

#[tokio::test]
async fn alipays_next_certificate_is_known_by_its_name() {
    let bench = alipay_bench(Mode::Certificate).await;
    let payment = bench.paid().await;
    bench.simulators.alipay.rotate();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    bench.fault("query", What::UnknownKey);
    assert!(bench.query(&payment).await.is_err());
}

#[tokio::test]
async fn unionpays_next_certificate_is_known_by_its_authority() {
    let bench = unionpay_bench().await;
    let payment = bench.paid().await;
    bench.simulators.unionpay.rotate();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    // Forty years on all of them are over.
    bench.clock.0.store(40 * 365 * 86_400, Ordering::SeqCst);
    assert!(bench.query(&payment).await.is_err());
}
