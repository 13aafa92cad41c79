//! Merchants' own accounts at channels, opened: which one takes a payment now, and which one an attempt was made with.
//!
//! The newest version that is not removed takes what is new. An attempt is asked about by the newest version of *its*
//! account, whatever was put since: a rotated key is the same account, another number is another one.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lezai_channels::accounts::{Credentials, OpenAccount};
use lezai_channels::channel::Channel;
use lezai_core::id::MerchantId;
use lezai_core::order::DirectAccount;
use lezai_store::AccountRecord;
use lezai_store::accounts::AccountShown;

/// One version of a merchant's account, opened.
pub struct MerchantAccount {
    /// Whose it is.
    pub merchant: MerchantId,
    /// Its version.
    pub version: u32,
    /// The part of it that may be shown.
    pub shown: AccountShown,
    /// Its channel.
    pub channel: Arc<dyn Channel>,
}

impl MerchantAccount {
    /// The account as an attempt remembers it.
    pub fn direct(&self) -> DirectAccount {
        DirectAccount { account: self.shown.account.clone(), version: self.version }
    }

    /// Its name beside the platform's channels, for what is counted of each.
    pub fn name(&self) -> String {
        format!("{}:{}:{}", self.channel.id(), self.merchant, self.shown.account)
    }
}

/// A version as it is kept, opened or not.
struct Version {
    version: u32,
    shown: AccountShown,
    /// None if this program cannot open it. It takes nothing, and no other account takes its place.
    opened: Option<Arc<MerchantAccount>>,
}

/// All versions of all accounts, the newest first of each merchant's at each channel.
type ByChannel = HashMap<(MerchantId, String), Vec<Version>>;

/// The accounts of this process, swapped in whole with the merchants.
pub struct Accounts {
    opener: Arc<dyn OpenAccount>,
    public_url: String,
    all: ArcSwap<ByChannel>,
}

impl Accounts {
    /// None yet. Callbacks come to `public_url`.
    pub fn new(opener: Arc<dyn OpenAccount>, public_url: String) -> Self {
        Self { opener, public_url, all: ArcSwap::default() }
    }

    /// Opens what the store holds; what is open already goes on, with what it knows of its provider. An account that
    /// cannot be opened takes no payment and is named in the log: the others go on.
    pub fn load(&self, records: Vec<AccountRecord>) {
        let before = self.all.load();
        let mut all = ByChannel::new();
        for record in records {
            let known = before.get(&(record.merchant.clone(), record.channel.clone()));
            let known = known.and_then(|it| it.iter().find(|it| it.version == record.version));
            let opened = match known.and_then(|it| it.opened.as_ref()) {
                Some(known) => Ok(Arc::clone(&known.channel)),
                None => self.open(&record),
            };
            let AccountRecord { merchant, channel, version, shown, .. } = record;
            let opened = opened
                .inspect_err(|error| {
                    tracing::error!(%merchant, channel, version, error, "account cannot be opened");
                })
                .ok()
                .map(|channel| {
                    let (merchant, shown) = (merchant.clone(), shown.clone());
                    Arc::new(MerchantAccount { merchant, version, shown, channel })
                });
            let of_channel = all.entry((merchant, channel)).or_default();
            of_channel.push(Version { version, shown, opened });
        }
        all.values_mut().for_each(|it| it.sort_by_key(|it| std::cmp::Reverse(it.version)));
        self.all.store(Arc::new(all));
    }

    fn open(&self, record: &AccountRecord) -> Result<Arc<dyn Channel>, String> {
        let AccountRecord { merchant, channel, version, credentials, .. } = record;
        let credentials: Credentials =
            serde_json::from_str(credentials).map_err(|error| error.to_string())?;
        let url = self.notify_url(merchant, channel, *version);
        let opened = self.opener.open(channel, &credentials, url);
        Ok(opened.map_err(|error| error.to_string())?.channel)
    }

    pub(super) fn opener(&self) -> &dyn OpenAccount {
        &*self.opener
    }

    /// Where a provider sends the callbacks of payments made with a version.
    pub(super) fn notify_url(&self, merchant: &MerchantId, channel: &str, version: u32) -> String {
        let url = self.public_url.trim_end_matches('/');
        format!("{url}/channels/{channel}/notify/{merchant}/{version}")
    }

    /// The account that takes what is new of a merchant at a channel.
    pub fn current(&self, merchant: &MerchantId, channel: &str) -> Option<Arc<MerchantAccount>> {
        let all = self.all.load();
        newest(all.get(&(merchant.clone(), channel.to_owned()))?)?.opened.clone()
    }

    /// Whether the platform's account may take what a merchant's own at this channel does not. One that cannot be
    /// opened keeps the platform out as any other.
    pub fn leaves_to_ours(&self, merchant: &MerchantId, channel: &str) -> bool {
        let all = self.all.load();
        let of_channel = all.get(&(merchant.clone(), channel.to_owned()));
        of_channel.and_then(|it| newest(it)).is_none_or(|it| it.shown.platform_fallback)
    }

    /// The accounts that take what is new of a merchant.
    pub fn current_of(&self, merchant: &MerchantId) -> Vec<Arc<MerchantAccount>> {
        let all = self.all.load();
        let of_merchant = all.iter().filter(|((of, _), _)| of == merchant);
        let mut found: Vec<_> =
            of_merchant.filter_map(|(_, it)| newest(it)?.opened.clone()).collect();
        found.sort_by(|one, other| one.channel.id().cmp(other.channel.id()));
        found
    }

    /// The newest version of an account, removed or not.
    pub fn serving(
        &self,
        merchant: &MerchantId,
        channel: &str,
        account: &str,
    ) -> Option<Arc<MerchantAccount>> {
        let all = self.all.load();
        let of_channel = all.get(&(merchant.clone(), channel.to_owned()))?;
        let mut opened = of_channel.iter().filter_map(|it| it.opened.as_ref());
        opened.find(|it| it.shown.account == account).cloned()
    }

    /// The versions that a callback for this one may be meant for: those of the same account, the newest first. A
    /// provider that was given a new key may still use the one before. A version that is kept no more may have been of
    /// any of them: whose the callback is, its signature says.
    pub fn hearing(
        &self,
        merchant: &MerchantId,
        channel: &str,
        version: u32,
    ) -> Vec<Arc<MerchantAccount>> {
        let all = self.all.load();
        let Some(of_channel) = all.get(&(merchant.clone(), channel.to_owned())) else {
            return Vec::new();
        };
        let Some(named) = of_channel.iter().find(|it| it.version == version) else {
            return of_channel.iter().filter_map(|it| it.opened.clone()).collect();
        };
        let same = of_channel.iter().filter(|it| named.shown.account == it.shown.account);
        same.filter_map(|it| it.opened.clone()).collect()
    }
}

/// The version that takes what is new, if it can be opened.
fn newest(of_channel: &[Version]) -> Option<&Version> {
    of_channel.iter().find(|it| it.shown.removed_at.is_none())
}

#[cfg(test)]
mod tests {
    use lezai_channels::accounts::{Accounts as Opener, Credentials};
    use lezai_channels::sandbox::Sandbox;
    use lezai_core::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn merchant(name: &str) -> MerchantId {
        MerchantId::parse(name).unwrap()
    }

    fn record(of: &str, version: u32, account: &str, removed: bool) -> AccountRecord {
        let settings = json!({ "account": account });
        let credentials = Credentials { settings, files: Default::default(), bound: false };
        AccountRecord {
            merchant: merchant(of),
            channel: "sandbox".to_owned(),
            version,
            shown: AccountShown {
                account: account.to_owned(),
                fingerprint: String::new(),
                bound: false,
                platform_fallback: false,
                put_at: Timestamp::from_secs(0),
                removed_at: removed.then_some(Timestamp::from_secs(1)),
            },
            credentials: serde_json::to_string(&credentials).unwrap(),
        }
    }

    fn loaded(records: Vec<AccountRecord>) -> Accounts {
        let file = std::env::temp_dir().join(format!("lezai-accounts-{}.db", std::process::id()));
        let wallet = Sandbox::open(&file, String::new(), || Timestamp::from_secs(0)).unwrap();
        let opener = Opener { sandbox: Some(Arc::new(wallet)), ..Opener::default() };
        let accounts = Accounts::new(Arc::new(opener), "https://pay.example/".to_owned());
        accounts.load(records);
        accounts
    }

    #[test]
    fn what_is_new_goes_to_the_newest_and_what_was_begun_to_its_own() {
        let accounts = loaded(vec![
            record("m_tea", 1, "one", false),
            record("m_tea", 2, "one", false),
            record("m_tea", 3, "two", false),
            record("m_rice", 1, "one", true),
        ]);
        let tea = merchant("m_tea");
        assert_eq!(accounts.current(&tea, "sandbox").unwrap().version, 3);
        let serving = |account| accounts.serving(&tea, "sandbox", account).map(|it| it.version);
        assert_eq!((serving("one"), serving("two"), serving("three")), (Some(2), Some(3), None));
        let heard = |of: &str, version| -> Vec<u32> {
            let all = accounts.hearing(&merchant(of), "sandbox", version);
            all.iter().map(|it| it.version).collect()
        };
        assert_eq!((heard("m_tea", 1), heard("m_tea", 3)), (vec![2, 1], vec![3]));
        assert_eq!((heard("m_tea", 4), heard("m_nobody", 1)), (vec![3, 2, 1], vec![]));
        // One that was removed takes nothing new, and is still asked about what it took.
        let rice = merchant("m_rice");
        assert!(accounts.current(&rice, "sandbox").is_none());
        assert!(accounts.current_of(&rice).is_empty());
        assert!(accounts.serving(&rice, "sandbox", "one").is_some());
        assert_eq!(
            accounts.notify_url(&tea, "wechat", 7),
            "https://pay.example/channels/wechat/notify/m_tea/7"
        );
    }

    #[test]
    fn what_is_open_goes_on_and_nothing_takes_the_place_of_what_cannot_be_opened() {
        let accounts = loaded(vec![record("m_tea", 1, "one", false)]);
        let before = accounts.current(&merchant("m_tea"), "sandbox").unwrap();
        let closed = |mut record: AccountRecord| {
            record.credentials = "{}".to_owned();
            record
        };
        let mut ended = record("m_tea", 1, "one", true);
        ended.credentials = "not looked at".to_owned();
        let mut shared = closed(record("m_bun", 1, "one", false));
        shared.shown.platform_fallback = true;
        accounts.load(vec![
            ended,
            closed(record("m_rice", 1, "one", false)),
            record("m_soup", 1, "former", false),
            closed(record("m_soup", 2, "two", false)),
            shared,
        ]);
        let after = accounts.serving(&merchant("m_tea"), "sandbox", "one").unwrap();
        assert!(Arc::ptr_eq(&before.channel, &after.channel));
        assert!(accounts.serving(&merchant("m_rice"), "sandbox", "one").is_none());
        // Neither the platform's account nor a former one of the merchant's.
        for (of, ours) in [("m_rice", false), ("m_soup", false), ("m_bun", true), ("m_tea", true)] {
            assert!(accounts.current(&merchant(of), "sandbox").is_none(), "{of}");
            assert_eq!(accounts.leaves_to_ours(&merchant(of), "sandbox"), ours, "{of}");
        }
        assert!(accounts.serving(&merchant("m_soup"), "sandbox", "former").is_some());
    }
}
