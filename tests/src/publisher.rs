//! A publisher of a merchant's plugins: signs releases with a key that the operator registered.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding as _};
use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::key::SigningKey;
use lezai_core::release::{CONTRACT, Envelope, Limits, Manifest};
use lezai_core::time::Timestamp;
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// A publisher.
#[derive(Clone)]
pub struct Publisher {
    /// Its key.
    pub key: SigningKey,
    /// Its name at the gateway.
    pub keyid: String,
    /// Whose plugins it makes.
    pub merchant: String,
}

/// Numbers that only grow, in this process and after one before.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

impl Publisher {
    /// The demo merchant's, with the key in a gateway's folder.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub fn demo(gateway: &Gateway) -> Self {
        Self::new(&gateway.data.join("demo-plugins.pem"), "demo-plugins", "m_demo")
    }

    /// One with a key in a file.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn new(key: &Path, keyid: &str, merchant: &str) -> Self {
        let pem = std::fs::read_to_string(key).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
        Self { key, keyid: keyid.to_owned(), merchant: merchant.to_owned() }
    }

    /// The manifest that it would make for a component.
    ///
    /// # Panics
    ///
    /// If the merchant's name is none.
    pub fn manifest(&self, component: &[u8], settings: &[u8]) -> Manifest {
        let most = lezai_engine::Limits::default();
        // A file that is no component answers nothing, and is refused for that.
        let hooks = lezai_engine::hooks(component, &most).unwrap_or_default();
        let hooks: Vec<_> = hooks.iter().map(|hook| hook.label().to_owned()).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = u64::try_from(now).unwrap();
        let before = SEQUENCE.fetch_max(now, Ordering::SeqCst);
        let sequence = if before < now { now } else { SEQUENCE.fetch_add(1, Ordering::SeqCst) + 1 };
        Manifest {
            plugin: "tested".to_owned(),
            version: "1.0.0".to_owned(),
            digest: sha256_hex(component),
            settings_digest: sha256_hex(settings),
            contract: CONTRACT.to_owned(),
            hooks: if hooks.is_empty() { vec!["risk".to_owned()] } else { hooks },
            limits: Limits {
                memory: most.memory as u64,
                fuel: most.fuel,
                deadline_ms: most.deadline_ms,
            },
            merchant: MerchantId::parse(&self.merchant).unwrap(),
            sequence,
            keyid: self.keyid.clone(),
            created_at: Timestamp::from_ms(i64::try_from(now).unwrap()),
        }
    }

    /// The body of a call that publishes a component.
    pub fn upload(&self, component: &[u8], settings: &[u8], stage: &str) -> Value {
        self.upload_as(&self.manifest(component, settings), component, settings, stage)
    }

    /// The same, with another manifest.
    ///
    /// # Panics
    ///
    /// If the manifest is none.
    pub fn upload_as(
        &self,
        manifest: &Manifest,
        component: &[u8],
        settings: &[u8],
        stage: &str,
    ) -> Value {
        let envelope = Envelope::seal(manifest, &self.key).unwrap();
        json!({
            "component": Base64::encode_string(component),
            "settings": Base64::encode_string(settings),
            "manifest": Base64::encode_string(&envelope.manifest),
            "signature": Base64::encode_string(&envelope.signature),
            "stage": stage,
        })
    }
}
