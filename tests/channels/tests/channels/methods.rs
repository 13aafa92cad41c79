//! Each provider's own ways to pay: pages, mini-programs, phones' browsers.

use std::sync::Arc;

use lezai_channel_simulators::wechat as sim_wechat;
use lezai_channels::alipay;
use lezai_channels::channel::{PaymentRequest, Prepared};
use lezai_channels::number;
use lezai_channels::surroundings::{Machine, Surroundings as _};
use lezai_core::id::AttemptId;
use lezai_core::order::Credential;
use lezai_core::payer::Payer;

use crate::bench::{
    Mode, TOTAL, alipay_bench, alipay_config, entropy, files, is_paid, network, now, refund,
    simulators, unionpay_bench, wechat_bench, wechat_config,
};

#[tokio::test]
async fn alipays_pages_are_addresses_that_it_takes() {
    let bench = alipay_bench(Mode::Key).await;
    for method in ["alipay_page", "alipay_wap"] {
        let payment = PaymentRequest { method: method.to_owned(), ..bench.payment() };
        let Credential::Redirect { redirect_url } = bench.offer(&payment).await.credential else {
            panic!("not an address")
        };
        assert_eq!(
            bench.orders() % 2,
            usize::from(method == "alipay_wap"),
            "made when it is opened"
        );
        let page = reqwest::get(&redirect_url).await.unwrap().text().await.unwrap();
        assert!(page.contains(&number::of_attempt(&payment.attempt)), "{page}");
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
    }
}

#[tokio::test]
async fn a_mini_program_pays_as_the_shopper_that_the_order_names() {
    let wechat =
        Payer { wechat_openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into()), ..Payer::default() };
    let alipay = Payer {
        alipay_open_id: Some("074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5".into()),
        ..Payer::default()
    };
    let older = Payer { alipay_user_id: Some("2088102146225135".into()), ..Payer::default() };
    for (bench, method, payer) in [
        (wechat_bench(Mode::Key).await, "wechat_jsapi", wechat),
        (alipay_bench(Mode::Key).await, "alipay_mini", alipay),
        (alipay_bench(Mode::Key).await, "alipay_mini", older),
    ] {
        let unnamed = PaymentRequest { method: method.to_owned(), ..bench.payment() };
        let refused = bench.channel.prepare(unnamed.clone()).await.unwrap();
        assert_eq!(refused, Prepared::Refused { code: "payer_missing".to_owned() }, "{method}");
        assert_eq!(bench.orders(), 0, "{method}: nothing was asked of the provider");
        let payment = PaymentRequest { payer, ..unnamed };
        match bench.offer(&payment).await.credential {
            Credential::WechatJsapi { package, sign_type, .. } => {
                assert!(package.starts_with("prepay_id=") && sign_type == "RSA", "{package}");
            }
            Credential::AlipayMini { trade_no } => assert!(!trade_no.is_empty()),
            other => panic!("{other:?}"),
        }
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL), "{method}");
    }
}

#[tokio::test]
async fn a_phones_browser_opens_wechat_and_comes_back() {
    let bench = wechat_bench(Mode::Key).await;
    let unnamed = PaymentRequest { method: "wechat_h5".to_owned(), ..bench.payment() };
    let refused = bench.channel.prepare(unnamed.clone()).await.unwrap();
    assert_eq!(refused, Prepared::Refused { code: "payer_missing".to_owned() });
    let payment = PaymentRequest { client_ip: Some([203, 0, 113, 7].into()), ..unnamed };
    let offer = bench.offer(&payment).await;
    let Credential::Redirect { redirect_url } = offer.credential else { panic!("not an address") };
    let back = "redirect_url=https%3A%2F%2Fshop.example%2Fthanks%3Forder%3D1%26lang%3Dzh";
    assert!(redirect_url.ends_with(back), "{redirect_url}");
    assert!(offer.expires_at.is_some(), "it opens WeChat for five minutes");
    bench.pay(&payment).unwrap();
    assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));
}

#[tokio::test]
async fn pages_and_apps_get_what_the_merchant_signed() {
    use lezai_channels::rsa::PublicKey;
    use lezai_channels::wechat::call::{Order, Scene};
    use lezai_channels::wechat::client::Client;
    let merchant = PublicKey::parse(include_str!("../../keys/wechat_merchant.crt")).unwrap();
    for sub in [None, Some(sim_wechat::SUB_MERCHANT.to_owned())] {
        let (_simulators, url) = simulators().await;
        let folder = files();
        let mut config = wechat_config(&url);
        config.sub_merchant.clone_from(&sub);
        let account = config.load(folder.path()).unwrap();
        let client = Client::new(account, Arc::new(network()), Arc::new(Machine));
        let order = || Order {
            number: number::of_attempt(&AttemptId::new(now(), entropy())),
            description: "茶".repeat(60),
            total: 1,
            expires_at: Some(Machine.now() + 600),
            notify_url: "https://pay.example/channels/wechat/notify".to_owned(),
        };
        let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned();
        let prepaid = client.prepay(&Scene::Jsapi { openid }, &order()).await.unwrap();
        let told = client.jsapi_parameters(&prepaid.prepay_id.unwrap()).unwrap();
        let app_id = sim_wechat::APP_ID;
        let text = format!("{app_id}\n{}\n{}\n{}\n", told.time_stamp, told.nonce_str, told.package);
        merchant.verify(text.as_bytes(), &told.pay_sign).unwrap();
        assert!(told.package.starts_with("prepay_id=wx") && told.nonce_str.len() == 32);

        let prepay_id = client.prepay(&Scene::App, &order()).await.unwrap().prepay_id.unwrap();
        let told = client.app_parameters(&prepay_id).unwrap();
        let text = format!("{app_id}\n{}\n{}\n{prepay_id}\n", told.timestamp, told.nonce_str);
        merchant.verify(text.as_bytes(), &told.sign).unwrap();
        assert_eq!(told.partner_id, sub.unwrap_or_else(|| sim_wechat::MERCHANT.to_owned()));

        let client_ip = "2001:db8::1".to_owned();
        let h5 = client.prepay(&Scene::H5 { client_ip }, &order()).await.unwrap();
        assert!(h5.h5_url.unwrap().starts_with("https://"));
        let wrong =
            client.prepay(&Scene::H5 { client_ip: "pay.example".to_owned() }, &order()).await;
        assert!(wrong.unwrap_err().is_certain());
    }
}

#[tokio::test]
async fn a_trade_for_a_mini_program_is_made_closed_and_on_the_bill() {
    use lezai_channels::alipay::call::{BillType, Buyer, Order};
    use lezai_channels::alipay::client::Client;
    let (_simulators, url) = simulators().await;
    let folder = files();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let client = Client::new(account, Arc::new(network()), Arc::new(Machine));
    let order = Order {
        number: number::of_attempt(&AttemptId::new(now(), entropy())),
        subject: "a/b=c&d \"sign\":\"x\" 茶".to_owned(),
        total: 1,
        expires_at: Some(Machine.now() + 600),
        notify_url: "https://pay.example/channels/alipay/notify?a=1&b=%2B".to_owned(),
    };
    for buyer in [
        Buyer::OpenId("074a1CcTG1LelxKe4xQC0z".to_owned()),
        Buyer::UserId("2088102534368455".to_owned()),
    ] {
        assert!(!client.create(&order, &buyer).await.unwrap().trade_no.is_empty());
    }
    client.close(&order.number).await.unwrap();
    let closed = client.query(&order.number, Some(1)).await.unwrap();
    assert_eq!(closed.trade_status, Some(alipay::answer::TradeStatus::TradeClosed));
    assert!(!closed.was_paid());
    assert!(client.create(&order, &Buyer::OpenId(String::new())).await.unwrap_err().is_certain());
    // Nothing was paid on that day.
    let none = client.bill_address(BillType::Trade, "2026-11-29").await.unwrap_err();
    assert_eq!(none.refusal().unwrap().word, "no_bill");
    assert!(client.bill(BillType::Trade, "2026-1-1").await.unwrap_err().is_certain());
}

#[tokio::test]
async fn unionpays_page_is_a_form_that_we_signed() {
    use lezai_channel_simulators::fault::What;
    use lezai_channels::channel::{About, AttemptStatus, Callback, RefundStatus, ReversalRequest};
    use lezai_channels::http::Headers;
    for method in ["unionpay_page", "unionpay_wap"] {
        let bench = unionpay_bench().await;
        let payment = PaymentRequest { method: method.to_owned(), ..bench.payment() };
        let Credential::Redirect { redirect_url } = bench.offer(&payment).await.credential else {
            panic!("not an address")
        };
        let again = bench.offer(&payment).await.credential;
        assert_eq!(again, Credential::Redirect { redirect_url: redirect_url.clone() });
        let (page, query) = redirect_url.split_once('?').unwrap();
        assert!(page.ends_with("/channels/unionpay/page"), "{page}");
        // Only what we signed becomes a form.
        for changed in [query.replace("txnAmt=8888", "txnAmt=1"), String::new(), "a=1".to_owned()] {
            assert_eq!(bench.channel.page(&changed), None);
        }
        let form = bench.channel.page(query).unwrap();
        assert!(form.action.ends_with("/gateway/api/frontTransReq.do"), "{}", form.action);
        let posted = async || {
            let mut body = form_urlencoded::Serializer::new(String::new());
            let body = body.extend_pairs(&form.fields).finish();
            let post = reqwest::Client::new().post(&form.action).body(body);
            post.send().await.unwrap().text().await.unwrap()
        };
        // Nobody was there yet, so UnionPay knows nothing of it.
        assert_eq!(bench.query(&payment).await.unwrap(), AttemptStatus::Unknown);
        assert!(bench.cancel(&payment).await.is_err(), "the page may still be paid");
        let shown = posted().await;
        assert!(shown.contains(&number::of_attempt(&payment.attempt)), "{shown}");
        assert!(posted().await.contains("respCode=12"), "a form is good once");
        bench.pay(&payment).unwrap();
        assert!(is_paid(&bench.query(&payment).await.unwrap(), TOTAL));

        // The browser comes back: its form is verified, and names the payment.
        let heard = async |fault| {
            let number = number::of_attempt(&payment.attempt);
            let (url, body) = bench.simulators.unionpay.returns(&number, fault).unwrap();
            assert!(url.ends_with("/channels/unionpay/return"), "{url}");
            bench.channel.hear(Callback { headers: Headers::default(), body }).await.about
        };
        assert_eq!(heard(None).await, About::Payment(payment.attempt.clone()));
        for forged in [What::WrongSignature, What::UnknownKey, What::Unsigned, What::WrongMerchant]
        {
            assert_eq!(heard(Some(forged)).await, About::Refused, "{forged:?}");
        }

        // Part of it goes back by UnionPay's own number, and what is left not as a whole.
        let part = refund(&payment, 1_000);
        for _ in 0..2 {
            assert_eq!(bench.channel.refund(part.clone()).await.unwrap(), RefundStatus::Succeeded);
        }
        assert_eq!(bench.channel.query_refund(&part).await.unwrap(), RefundStatus::Succeeded);
        assert_eq!(bench.refunds(), 1);
        let whole = ReversalRequest {
            attempt: payment.attempt.clone(),
            method: payment.method.clone(),
            number: 0,
            begun_at: payment.begun_at,
            requested_at: now(),
        };
        let told = bench.channel.reverse(whole).await.unwrap();
        assert!(matches!(told, AttemptStatus::Refused { .. }), "{told:?}");
    }
}

#[tokio::test]
async fn a_payment_on_unionpays_page_goes_back_whole() {
    use lezai_channels::channel::{AttemptStatus, ReversalRequest};
    for (days, kind) in [(0, "31"), (1, "04")] {
        let bench = unionpay_bench().await;
        let payment = PaymentRequest { method: "unionpay_page".to_owned(), ..bench.payment() };
        let Credential::Redirect { redirect_url } = bench.offer(&payment).await.credential else {
            panic!("not an address")
        };
        let form = bench.channel.page(redirect_url.split_once('?').unwrap().1).unwrap();
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(&form.fields).finish();
        reqwest::Client::new().post(&form.action).body(body).send().await.unwrap();
        bench.pay(&payment).unwrap();
        bench.clock.0.store(days * 86_400, std::sync::atomic::Ordering::SeqCst);
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
        let backs: Vec<_> = books["refunds"].as_object().unwrap().values().collect();
        assert_eq!((backs.len(), backs[0]["kind"].as_str()), (1, Some(kind)));
    }
}
