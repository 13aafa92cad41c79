//! The merchants as the running gateway sees them: read from the store at the start and after
//! each change, and swapped in whole, so that a request sees one state and nothing restarts.

pub mod accounts;
pub mod admin;
mod agreements;
pub mod brand;
pub mod credentials;
mod registry;

use lezai_base::url;
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::policy::Policy;
use lezai_core::time::Timestamp;
use lezai_core::webhook::Secret;
use reqwest::Url;

use crate::releases::rollout::Rollout;
use lezai_base::merchant_key::MerchantPublicKey;
use lezai_store::{MerchantKey, MerchantRecord};

pub use agreements::Agreements;
pub use registry::Registry;

/// A merchant, ready to serve.
pub struct Merchant {
    /// As configured.
    pub record: MerchantRecord,
    /// The policy.
    pub policy: Policy,
    /// The policy as the standard plugin takes it.
    pub compact_policy: Arc<[u8]>,
    /// SHA-256 of the policy as it was saved, in hex.
    pub policy_digest: String,
    /// The secret of the `webhook-signature`.
    pub webhook_secret: Secret,
    /// The one before, and until when it is used as well.
    former_secret: Option<(Secret, Timestamp)>,
    /// The hosts that callbacks may go to: those on the list, and that of its own address.
    hosts: Vec<String>,
    /// The merchant's own plugin, swapped in whole: an order meets one state of it.
    pub rollout: ArcSwap<Rollout>,
}

impl Merchant {
    /// The hosts that callbacks may go to.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(String::as_str)
    }

    /// The value of `webhook-signature`: with the former secret, too, while that one lives, so that
    /// whoever has either of them can verify.
    pub fn webhook_signature(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let signature = self.webhook_secret.sign(id, at, body);
        match &self.former_secret {
            Some((former, until)) if at < *until => {
                format!("{signature} {}", former.sign(id, at, body))
            }
            _ => signature,
        }
    }
}

/// All merchants.
#[derive(Default)]
pub struct Merchants {
    by_id: HashMap<MerchantId, Arc<Merchant>>,
    by_keyid: HashMap<String, (Arc<Merchant>, MerchantPublicKey)>,
}

impl Merchants {
    /// Puts together what the store holds. A merchant whose record is damaged is left out and
    /// named in the log: the others go on.
    pub fn load(
        records: Vec<MerchantRecord>,
        keys: Vec<MerchantKey>,
        mut rollouts: HashMap<MerchantId, Rollout>,
    ) -> Self {
        let mut all = Self::default();
        for record in records {
            let id = record.id.clone();
            match prepare(record, rollouts.remove(&id).unwrap_or_default()) {
                Ok(merchant) => drop(all.by_id.insert(id, Arc::new(merchant))),
                Err(error) => tracing::error!(merchant = %id, error, "merchant left out"),
            }
        }
        for key in keys {
            match (all.by_id.get(&key.merchant), MerchantPublicKey::from_spki_pem(&key.pem)) {
                (Some(merchant), Ok(public)) => {
                    drop(all.by_keyid.insert(key.keyid, (Arc::clone(merchant), public)))
                }
                _ => tracing::error!(keyid = key.keyid, "merchant's key left out"),
            }
        }
        all
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Merchant>> {
        self.by_id.values()
    }

    /// The merchant with this id.
    pub fn get(&self, id: &MerchantId) -> Option<&Arc<Merchant>> {
        self.by_id.get(id)
    }

    /// The merchant that signs with this key, and the key.
    pub fn by_keyid(&self, keyid: &str) -> Option<(Arc<Merchant>, MerchantPublicKey)> {
        self.by_keyid.get(keyid).cloned()
    }
}

fn prepare(record: MerchantRecord, rollout: Rollout) -> Result<Merchant, String> {
    let policy = Policy::from_json(record.policy.as_bytes()).map_err(|error| error.to_string())?;
    let webhook_secret =
        Secret::parse(&record.webhook_secret).map_err(|error| error.to_string())?;
    let former_secret = match &record.former_secret {
        Some((former, until)) => {
            Some((Secret::parse(former).map_err(|error| error.to_string())?, *until))
        }
        None => None,
    };
    let own = record.notify_url.as_ref().and_then(|url| Url::parse(url).ok());
    let hosts =
        record.notify_hosts.iter().cloned().chain(own.as_ref().map(url::authority)).collect();
    Ok(Merchant {
        compact_policy: policy.to_compact().into(),
        policy_digest: sha256_hex(record.policy.as_bytes()),
        policy,
        webhook_secret,
        former_secret,
        hosts,
        rollout: ArcSwap::from_pointee(rollout),
        record,
    })
}
