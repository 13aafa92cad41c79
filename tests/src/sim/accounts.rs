//! The merchant's own account at the simulated bank: two seeds in three have one, and another after each death of the gateway.
//! A payment begun with one account is asked about there, whatever was put since.

use std::sync::Arc;

use lezai_channels::accounts::{Credentials, OpenAccount, Opened};
use lezai_channels::settings::BadConfig;
use lezai_core::id::MerchantId;
use lezai_store::AccountRecord;
use lezai_store::accounts::AccountShown;
use serde_json::json;

use super::bank::{CHANNEL, SimChannel, Wire};
use super::world::START;

/// Opens accounts on the wire to the bank.
pub(super) struct Opener(pub(super) Arc<Wire>);

impl OpenAccount for Opener {
    fn open(
        &self,
        _channel: &str,
        credentials: &Credentials,
        _notify_url: String,
    ) -> Result<Opened, BadConfig> {
        let account = credentials.settings["account"].as_str().unwrap_or_default().to_owned();
        let channel = Arc::new(SimChannel::of_account(Arc::clone(&self.0), account.clone()));
        Ok(Opened { channel, account, fingerprint: String::new() })
    }
}

/// Whether the merchant of a seed has an account of its own.
pub(super) fn has_one(seed: u64) -> bool {
    !seed.is_multiple_of(3)
}

/// Whether nobody else has a part of an order of such an amount.
pub(super) fn is_alone(minor: i64) -> bool {
    minor % 4 != 0
}

/// The accounts of a seed's merchant after so many deaths: a new one, and every one before it.
pub(super) fn of_seed(seed: u64, merchant: &MerchantId, deaths: u64) -> Vec<AccountRecord> {
    if !has_one(seed) {
        return Vec::new();
    }
    let record = |nth: u64| {
        let account = format!("own-{nth}");
        let settings = json!({ "account": account });
        let credentials = Credentials { settings, files: Default::default(), bound: false };
        AccountRecord {
            merchant: merchant.clone(),
            channel: CHANNEL.to_owned(),
            version: u32::try_from(nth).unwrap(),
            shown: AccountShown {
                account,
                fingerprint: String::new(),
                bound: false,
                platform_fallback: true,
                put_at: START,
                removed_at: None,
            },
            credentials: serde_json::to_string(&credentials).unwrap(),
        }
    };
    // More are forgotten by nobody, and a run that dies so often proves nothing more.
    (1..=deaths.min(40) + 1).map(record).collect()
}
