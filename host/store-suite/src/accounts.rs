//! Merchants' own accounts at channels, as every store must keep them.

use std::sync::Arc;

use lezai_core::id::MerchantId;
use lezai_store::accounts::{AccountRecord, AccountShown};
use lezai_store::{Store, read, write};

use super::{NOW, PLANTED, merchant_id, ours};

pub(super) async fn run(store: &Arc<dyn Store>) {
    let record = |channel: &str, version: u32| AccountRecord {
        merchant: merchant_id(),
        channel: channel.to_owned(),
        version,
        shown: AccountShown {
            account: format!("190000000{version}:wx"),
            fingerprint: "5F1C72E2".to_owned(),
            bound: false,
            platform_fallback: version == 2,
            put_at: NOW,
            removed_at: None,
        },
        credentials: format!("{{\"key\":\"{}{version}\"}}", PLANTED[3]),
    };
    for (channel, version) in [("wechat", 1), ("wechat", 2), ("alipay", 1), ("wechat", 3)] {
        let put = record(channel, version);
        write(store, ours(), move |tx| tx.put_account(&put)).await.unwrap();
    }
    // What is put again says how it stands now; its secrets are those that it was made with.
    let mut ended = record("wechat", 1);
    ended.shown.removed_at = Some(NOW.plus_secs(7));
    ended.credentials = "another".to_owned();
    write(store, ours(), move |tx| tx.put_account(&ended)).await.unwrap();
    let removed = write(store, ours(), |tx| {
        let gone = tx.remove_account(&merchant_id(), "wechat", 3)?;
        Ok::<_, lezai_store::StoreError>((gone, tx.remove_account(&merchant_id(), "wechat", 3)?))
    });
    assert_eq!(removed.await.unwrap(), (true, false));
    let (all, own, nobody) = read(store, |view| {
        let nobody = MerchantId::parse("m_nobody").unwrap();
        Ok((view.accounts()?, view.accounts_of(&merchant_id())?, view.accounts_of(&nobody)?))
    })
    .await
    .unwrap();
    assert!(nobody.is_empty());
    for found in [all, own] {
        let named: Vec<_> = found.iter().map(|it| (it.channel.as_str(), it.version)).collect();
        assert_eq!(named, [("alipay", 1), ("wechat", 1), ("wechat", 2)]);
        for it in &found {
            let whole = record(&it.channel, it.version);
            assert_eq!(it.credentials, whole.credentials);
            let ended = (it.channel.as_str(), it.version) == ("wechat", 1);
            assert_eq!(it.shown.removed_at, ended.then_some(NOW.plus_secs(7)));
            assert_eq!(it.shown.platform_fallback, it.version == 2);
        }
    }
}
