//! Our account at Alipay, and the keys we hold.

use std::path::PathBuf;

use serde::Deserialize;

use crate::alipay::{GATEWAY_URL, names};
use crate::rsa::{Certificate, PrivateKey, PublicKey};
use crate::settings::{BadConfig, Files, bad, base_url, number, read};

/// The section `[channels.alipay]` of the configuration. Secrets stand in files, never in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlipayConfig {
    /// The application (`app_id`).
    pub app_id: String,
    /// The merchant's account (`seller_id`, 2088…): whom callbacks and payments must be for.
    pub seller_id: String,
    /// The file with the application's private key.
    pub private_key_file: PathBuf,
    /// Key mode: the file with Alipay's public key.
    pub alipay_public_key_file: Option<PathBuf>,
    /// Certificate mode: the application's certificate, `appCertPublicKey_….crt`.
    pub app_certificate_file: Option<PathBuf>,
    /// Certificate mode: Alipay's certificates, `alipayCertPublicKey_RSA2.crt`. Two while one is renewed.
    #[serde(default)]
    pub alipay_certificate_files: Vec<PathBuf>,
    /// Certificate mode: Alipay's roots, `alipayRootCert.crt`.
    pub root_certificate_file: Option<PathBuf>,
    /// Service-provider mode: the file with the merchant's `app_auth_token`.
    pub app_auth_token_file: Option<PathBuf>,
    /// The methods that are offered; all if absent.
    pub methods: Option<Vec<String>>,
    /// Another address than Alipay's own, for tests: `http://` for this machine only.
    pub gateway_url: Option<String>,
}

/// How Alipay proves who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// One public key.
    Key(PublicKey),
    /// Certificates, each with its name; which of them signed, each answer says.
    Certificates {
        /// The name of our own certificate.
        app: String,
        /// The names of the roots.
        root: String,
        /// Alipay's.
        alipay: Vec<(String, Certificate)>,
    },
}

/// An account, its keys read and checked.
#[derive(Clone, Debug)]
pub struct Account {
    /// The application.
    pub app_id: String,
    /// The merchant's account.
    pub seller_id: String,
    /// The application's private key.
    pub key: PrivateKey,
    /// Alipay's keys.
    pub proof: Proof,
    /// The merchant's leave, in service-provider mode.
    pub app_auth_token: Option<String>,
    /// Where to send.
    pub gateway_url: String,
}

impl AlipayConfig {
    /// Reads the files and checks everything that can be checked without a call.
    ///
    /// # Errors
    ///
    /// [`BadConfig`] names the member.
    pub fn load<F: Files + ?Sized>(&self, files: &F) -> Result<Account, BadConfig> {
        number("app_id", &self.app_id)?;
        number("seller_id", &self.seller_id)?;
        if !self.seller_id.starts_with("2088") || self.seller_id.len() != 16 {
            return Err(bad("seller_id", "must be 16 digits that begin with 2088"));
        }
        let key = PrivateKey::parse(&read(files, "private_key_file", &self.private_key_file)?)
            .map_err(|error| bad("private_key_file", error))?;
        let token = self.app_auth_token_file.as_ref();
        let token = token.map(|file| read(files, "app_auth_token_file", file)).transpose()?;
        let account = Account {
            app_id: self.app_id.clone(),
            seller_id: self.seller_id.clone(),
            proof: self.proof(files)?,
            key,
            app_auth_token: token.map(|token| token.trim().to_owned()),
            gateway_url: base_url(self.gateway_url.as_deref(), GATEWAY_URL)
                .map_err(|error| BadConfig { field: "gateway_url", ..error })?,
        };
        account.check_keys()?;
        Ok(account)
    }

    fn proof<F: Files + ?Sized>(&self, files: &F) -> Result<Proof, BadConfig> {
        let certificates = (&self.app_certificate_file, &self.root_certificate_file);
        match (&self.alipay_public_key_file, certificates) {
            (Some(file), (None, None)) if self.alipay_certificate_files.is_empty() => {
                let text = read(files, "alipay_public_key_file", file)?;
                let key = PublicKey::parse(&text);
                key.map(Proof::Key).map_err(|error| bad("alipay_public_key_file", error))
            }
            (None, (Some(app), Some(root))) if !self.alipay_certificate_files.is_empty() => {
                let app = names::certificate(&read(files, "app_certificate_file", app)?)
                    .map_err(|error| bad("app_certificate_file", error))?;
                let root = names::roots(&read(files, "root_certificate_file", root)?)
                    .map_err(|error| bad("root_certificate_file", error))?;
                let alipay = self.alipay_certificate_files.iter().map(|file| {
                    const FIELD: &str = "alipay_certificate_files";
                    let text = read(files, FIELD, file)?;
                    let name = names::certificate(&text).map_err(|error| bad(FIELD, error))?;
                    let certificate =
                        Certificate::parse(&text).map_err(|error| bad(FIELD, error))?;
                    Ok((name, certificate))
                });
                Ok(Proof::Certificates { app, root, alipay: alipay.collect::<Result<_, _>>()? })
            }
            _ => Err(bad(
                "alipay_public_key_file",
                "must be set alone, or app_certificate_file, root_certificate_file and \
                 alipay_certificate_files together",
            )),
        }
    }
}

impl Account {
    /// The account as Alipay knows it: its numbers, whatever its keys are.
    pub fn identity(&self) -> String {
        format!("{}:{}", self.seller_id, self.app_id)
    }

    fn check_keys(&self) -> Result<(), BadConfig> {
        let own = self.key.public();
        let is_own = match &self.proof {
            Proof::Key(key) => *key == own,
            Proof::Certificates { alipay, .. } => alipay.iter().any(|(_, it)| it.key == own),
        };
        if is_own {
            let must = "must be Alipay's key, not the application's own";
            return Err(bad("alipay_public_key_file", must));
        }
        Ok(())
    }

    /// The key that signs an answer which names this certificate.
    pub fn key_of(&self, certificate: Option<&str>, now: i64) -> Option<&PublicKey> {
        match &self.proof {
            Proof::Key(key) => Some(key),
            Proof::Certificates { alipay, .. } => {
                let named = alipay.iter().find(|(name, _)| Some(name.as_str()) == certificate)?;
                named.1.is_valid_at(now).then_some(&named.1.key)
            }
        }
    }

    /// The keys that a callback may be signed with: it names none.
    pub fn keys(&self, now: i64) -> Vec<&PublicKey> {
        match &self.proof {
            Proof::Key(key) => vec![key],
            Proof::Certificates { alipay, .. } => {
                let valid = alipay.iter().filter(|(_, certificate)| certificate.is_valid_at(now));
                valid.map(|(_, certificate)| &certificate.key).collect()
            }
        }
    }
}
