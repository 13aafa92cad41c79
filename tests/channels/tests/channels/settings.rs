//! Configurations that cannot work, bills, and a provider that is not there.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use lezai_channel_simulators::{Simulators, keys};
use lezai_channels::alipay;
use lezai_channels::number;
use lezai_channels::surroundings::{Machine, Surroundings as _};
use lezai_channels::{unionpay, wechat};
use tokio::net::TcpListener;

use crate::bench::{
    Mode, alipay_config, files, network, simulators, unionpay_config, wechat_bench, wechat_config,
};

#[tokio::test]
async fn a_bill_is_what_its_hash_says() {
    use lezai_channels::wechat::call::Bill;
    use lezai_channels::wechat::client::Client;
    let bench = wechat_bench(Mode::Key).await;
    let payment = bench.paid().await;
    let (_, url) = simulators().await;
    let folder = files();
    let account = wechat_config(&url).load(folder.path()).unwrap();
    let other = Client::new(account, Arc::new(network()), Arc::new(Machine));
    let day = lezai_channels::time::beijing(Machine.now())[..10].to_owned();
    let bill = String::from_utf8(other.bill(Bill::Trades, &day).await.unwrap()).unwrap();
    assert!(bill.starts_with('\u{feff}') && !bill.contains(&number::of_attempt(&payment.attempt)));
    assert!(other.bill(Bill::Trades, "2026-1-1").await.is_err());
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let folder = files();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let _ = Simulators::new();
    let account = alipay_config(&url).load(folder.path()).unwrap();
    let network = Arc::new(network());
    let client = lezai_channels::alipay::client::Client::new(account, network, Arc::new(Machine));
    let error = client.query("0193710e2f4a1b2c3d4e5f60718293a4", None).await.unwrap_err();
    assert!(error.is_certain(), "{error:?}");
}

/// A member of a configuration, wrongly changed.
type WrongWechat = (&'static str, fn(&mut wechat::account::WechatConfig));
type WrongAlipay = (&'static str, fn(&mut alipay::account::AlipayConfig));
type WrongUnionpay = (&'static str, fn(&mut unionpay::account::UnionpayConfig));

#[test]
fn credentials_that_cannot_work_are_named() {
    let folder = files();
    let folder: &Path = folder.path();
    fs::write(folder.join("short"), "x".repeat(31)).unwrap();
    let url = "https://api.mch.weixin.qq.com";
    assert!(wechat_config(url).load(folder).is_ok());
    let wrong: [WrongWechat; 14] = [
        ("merchant", |it| it.merchant = "wx1".to_owned()),
        ("app_id", |it| it.app_id = "1900000001".to_owned()),
        ("certificate_serial", |it| it.certificate_serial = keys::PUBLIC_KEY_ID.to_owned()),
        ("private_key_file", |it| it.private_key_file = "missing".into()),
        ("private_key_file", |it| it.private_key_file = "wechat_public.pub".into()),
        ("api_v3_key_file", |it| it.api_v3_key_file = "short".into()),
        ("public_key_id", |it| it.public_key_id = None),
        ("public_key_id", |it| it.public_key_id = Some("7132".to_owned())),
        ("public_key_file", |it| it.public_key_file = None),
        ("public_key_file", |it| it.public_key_file = Some("wechat_merchant.crt".into())),
        ("public_key_file", |it| (it.public_key_id, it.public_key_file) = (None, None)),
        ("certificate_files", |it| it.certificate_files = vec!["wechat_public.pub".into()]),
        ("sub_app_id", |it| it.sub_app_id = Some("wx9999999999999999".to_owned())),
        ("base_url", |it| it.base_url = Some("http://api.mch.weixin.qq.com".to_owned())),
    ];
    for (field, change) in wrong {
        let mut config = wechat_config(url);
        change(&mut config);
        assert_eq!(config.load(folder).unwrap_err().field, field);
    }
    let url = "https://openapi.alipay.com";
    assert!(alipay_config(url).load(folder).is_ok());
    let wrong: [WrongAlipay; 8] = [
        ("app_id", |it| it.app_id = "wx1".to_owned()),
        ("seller_id", |it| it.seller_id = "1900000001".to_owned()),
        ("private_key_file", |it| it.private_key_file = "alipay_platform.pub".into()),
        ("alipay_public_key_file", |it| it.alipay_public_key_file = Some("alipay_app.pub".into())),
        ("alipay_public_key_file", |it| it.alipay_public_key_file = None),
        ("alipay_public_key_file", |it| it.app_certificate_file = Some("alipay_app.crt".into())),
        ("app_auth_token_file", |it| it.app_auth_token_file = Some("missing".into())),
        ("gateway_url", |it| {
            it.gateway_url = Some("http://openapi.alipay.com/gateway.do".to_owned())
        }),
    ];
    for (field, change) in wrong {
        let mut config = alipay_config(url);
        change(&mut config);
        assert_eq!(config.load(folder).unwrap_err().field, field);
    }
    let url = "https://gateway.95516.com";
    assert!(unionpay_config(url).load(folder).is_ok());
    let wrong: [WrongUnionpay; 9] = [
        ("merchant", |it| it.merchant = "77729005811004".to_owned()),
        ("merchant", |it| it.merchant = "777290058110-48".to_owned()),
        ("private_key_file", |it| it.private_key_file = "unionpay_root.crt".into()),
        ("certificate_file", |it| it.certificate_file = "unionpay_middle.crt".into()),
        ("certificate_file", |it| it.certificate_file = "missing".into()),
        ("middle_certificate_files", |it| it.middle_certificate_files = Vec::new()),
        ("middle_certificate_files", |it| {
            it.middle_certificate_files = vec!["unionpay_merchant.crt".into()]
        }),
        ("root_certificate_file", |it| it.root_certificate_file = "unionpay_middle.crt".into()),
        ("base_url", |it| it.base_url = Some("http://gateway.95516.com".to_owned())),
    ];
    for (field, change) in wrong {
        let mut config = unionpay_config(url);
        change(&mut config);
        assert_eq!(config.load(folder).unwrap_err().field, field);
    }
}
