//! The merchants as the running gateway sees them: read from the store at the start and after
//! each change, and swapped in whole, so that a request sees one state and nothing restarts.

use std::collections::HashMap;
use std::sync::Arc;

use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::key::VerifyingKey;
use lezai_core::policy::Policy;
use lezai_core::time::Timestamp;
use lezai_core::webhook::Secret;
use lezai_engine::{Engine, Plugin};
use reqwest::Url;

use crate::client;
use crate::native_key::NativeVerifyingKey;
use crate::store::{MerchantKey, MerchantRecord, PluginRecord};

/// A merchant, ready to serve.
pub struct Merchant {
    /// As configured.
    pub record: MerchantRecord,
    /// The policy.
    pub policy: Policy,
    /// The policy as the standard plugin takes it.
    pub compact_policy: Vec<u8>,
    /// SHA-256 of the policy as it was saved, in hex.
    pub policy_digest: String,
    /// SHA-256 of what her own plugin is given, in hex, if she has one.
    pub settings_digest: Option<String>,
    /// The secret of the `webhook-signature`.
    pub webhook_secret: Secret,
    /// The one before, and until when it is used as well.
    former_secret: Option<(Secret, Timestamp)>,
    /// The hosts that callbacks may go to: those on the list, and that of her own address.
    hosts: Vec<String>,
    /// The merchant's own plugin.
    pub plugin: Own,
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

/// A merchant's own plugin.
pub enum Own {
    /// There is none: the standard one decides.
    None,
    /// It decides.
    Loaded {
        /// The compiled plugin.
        plugin: Arc<Plugin>,
        /// What it is given with each order.
        settings: Vec<u8>,
    },
    /// It was taken once and is refused now, such as after an update of the engine. The merchant
    /// goes on selling, and her orders are reviewed.
    Broken,
}

/// All merchants.
#[derive(Default)]
pub struct Merchants {
    by_id: HashMap<MerchantId, Arc<Merchant>>,
    by_keyid: HashMap<String, (Arc<Merchant>, NativeVerifyingKey)>,
}

impl Merchants {
    /// Puts together what the store holds. A merchant whose record is damaged is left out and
    /// named in the log: the others go on.
    pub fn load(
        engine: &Engine,
        records: Vec<MerchantRecord>,
        keys: Vec<MerchantKey>,
        mut plugins: HashMap<MerchantId, PluginRecord>,
    ) -> Self {
        let mut all = Self::default();
        for record in records {
            let id = record.id.clone();
            match prepare(engine, record, plugins.remove(&id)) {
                Ok(merchant) => drop(all.by_id.insert(id, Arc::new(merchant))),
                Err(error) => tracing::error!(merchant = %id, error, "merchant left out"),
            }
        }
        for key in keys {
            match (all.by_id.get(&key.merchant), VerifyingKey::from_spki_pem(&key.pem)) {
                (Some(merchant), Ok(public)) => {
                    drop(all.by_keyid.insert(
                        key.keyid,
                        (Arc::clone(merchant), NativeVerifyingKey::from(&public)),
                    ))
                }
                _ => tracing::error!(keyid = key.keyid, "merchant's key left out"),
            }
        }
        all
    }

    /// The merchant with this id.
    pub fn get(&self, id: &MerchantId) -> Option<&Arc<Merchant>> {
        self.by_id.get(id)
    }

    /// The merchant that signs with this key, and the key.
    pub fn by_keyid(&self, keyid: &str) -> Option<(Arc<Merchant>, NativeVerifyingKey)> {
        self.by_keyid.get(keyid).cloned()
    }
}

fn prepare(
    engine: &Engine,
    record: MerchantRecord,
    plugin: Option<PluginRecord>,
) -> Result<Merchant, String> {
    let policy = Policy::from_json(record.policy.as_bytes()).map_err(|error| error.to_string())?;
    let webhook_secret =
        Secret::parse(&record.webhook_secret).map_err(|error| error.to_string())?;
    let settings_digest = plugin.as_ref().map(|it| sha256_hex(&it.settings));
    let plugin = match plugin {
        None => Own::None,
        Some(PluginRecord { component, settings, .. }) => match engine.load(&component) {
            Ok(plugin) => Own::Loaded { plugin, settings },
            Err(error) => {
                tracing::error!(merchant = %record.id, %error, "plugin cannot be loaded: orders are reviewed");
                Own::Broken
            }
        },
    };
    let former_secret = match &record.former_secret {
        Some((former, until)) => {
            Some((Secret::parse(former).map_err(|error| error.to_string())?, *until))
        }
        None => None,
    };
    let own = record.notify_url.as_ref().and_then(|url| Url::parse(url).ok());
    let hosts =
        record.notify_hosts.iter().cloned().chain(own.as_ref().map(client::authority)).collect();
    Ok(Merchant {
        compact_policy: policy.to_compact(),
        policy_digest: sha256_hex(record.policy.as_bytes()),
        settings_digest,
        policy,
        webhook_secret,
        former_secret,
        hosts,
        plugin,
        record,
    })
}
