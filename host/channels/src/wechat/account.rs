//! Our account at WeChat Pay, and the keys we hold.

use std::path::PathBuf;

use serde::Deserialize;

use crate::rsa::{Certificate, PrivateKey, PublicKey};
use crate::settings::{BadConfig, Files, bad, base_url, number, read};
use crate::wechat::BASE_URL;
use crate::wechat::resource::ApiV3Key;

/// The section `[channels.wechat]` of the configuration. Secrets stand in files, never in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WechatConfig {
    /// The merchant's number (`mchid`); a service provider's own in service-provider mode.
    pub merchant: String,
    /// The application (`appid`) that the merchant's number is bound to.
    pub app_id: String,
    /// The serial number of the merchant's API certificate.
    pub certificate_serial: String,
    /// The file with the merchant's private key, `apiclient_key.pem`.
    pub private_key_file: PathBuf,
    /// The file with the APIv3 key: 32 characters.
    pub api_v3_key_file: PathBuf,
    /// The id of WeChat Pay's public key, `PUB_KEY_ID_…`.
    pub public_key_id: Option<String>,
    /// The file with WeChat Pay's public key, `pub_key.pem`.
    pub public_key_file: Option<PathBuf>,
    /// Files with platform certificates that are known already.
    #[serde(default)]
    pub certificate_files: Vec<PathBuf>,
    /// Whether platform certificates are downloaded: for merchants without a public key, and while
    /// one is introduced.
    #[serde(default)]
    pub download_certificates: bool,
    /// Service-provider mode: the merchant that is paid (`sub_mchid`).
    pub sub_merchant: Option<String>,
    /// Service-provider mode: that merchant's own application (`sub_appid`).
    pub sub_app_id: Option<String>,
    /// The methods that are offered; all if absent.
    pub methods: Option<Vec<String>>,
    /// Another address than WeChat Pay's own, for tests: `http://` for this machine only.
    pub base_url: Option<String>,
}

/// How WeChat Pay proves who it is.
#[derive(Clone, Debug)]
pub struct PlatformKey {
    /// `PUB_KEY_ID_…`, or a certificate's serial number in upper-case digits.
    pub serial: String,
    /// The key.
    pub key: PublicKey,
    /// A certificate's time; a public key has none.
    pub valid: Option<(i64, i64)>,
}

impl From<Certificate> for PlatformKey {
    fn from(certificate: Certificate) -> Self {
        let Certificate { key, serial, not_before, not_after, .. } = certificate;
        Self { serial, key, valid: Some((not_before, not_after)) }
    }
}

/// An account, its keys read and checked.
#[derive(Clone, Debug)]
pub struct Account {
    /// `mchid`, or `sp_mchid` in service-provider mode.
    pub merchant: String,
    /// `appid`, or `sp_appid`.
    pub app_id: String,
    /// The serial number of the merchant's certificate.
    pub serial: String,
    /// The merchant's private key.
    pub key: PrivateKey,
    /// The key that callbacks and certificates are encrypted with.
    pub api_v3_key: ApiV3Key,
    /// The sub-merchant that is paid, in service-provider mode.
    pub sub: Option<SubMerchant>,
    /// The platform's keys that are configured.
    pub platform_keys: Vec<PlatformKey>,
    /// Whether certificates may be downloaded.
    pub download_certificates: bool,
    /// Where to send, without a slash at the end.
    pub base_url: String,
}

/// The merchant behind a service provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubMerchant {
    /// `sub_mchid`.
    pub merchant: String,
    /// `sub_appid`.
    pub app_id: Option<String>,
}

impl WechatConfig {
    /// Reads the files and checks everything that can be checked without a call.
    ///
    /// # Errors
    ///
    /// [`BadConfig`] names the member.
    pub fn load<F: Files + ?Sized>(&self, files: &F) -> Result<Account, BadConfig> {
        number("merchant", &self.merchant)?;
        if let Some(sub) = &self.sub_merchant {
            number("sub_merchant", sub)?;
        }
        app_id("app_id", &self.app_id)?;
        let sub_app_id = self.sub_app_id.as_deref();
        sub_app_id.map_or(Ok(()), |id| app_id("sub_app_id", id))?;
        if sub_app_id.is_some() && self.sub_merchant.is_none() {
            return Err(bad("sub_app_id", "needs sub_merchant"));
        }
        let key = PrivateKey::parse(&read(files, "private_key_file", &self.private_key_file)?)
            .map_err(|error| bad("private_key_file", error))?;
        let api_v3_key = read(files, "api_v3_key_file", &self.api_v3_key_file)?;
        let api_v3_key =
            ApiV3Key::new(api_v3_key.trim()).map_err(|error| bad("api_v3_key_file", error))?;
        let account = Account {
            merchant: self.merchant.clone(),
            app_id: self.app_id.clone(),
            serial: serial("certificate_serial", &self.certificate_serial)?,
            key,
            api_v3_key,
            sub: self
                .sub_merchant
                .clone()
                .map(|merchant| SubMerchant { merchant, app_id: self.sub_app_id.clone() }),
            platform_keys: self.platform_keys(files)?,
            download_certificates: self.download_certificates,
            base_url: base_url(self.base_url.as_deref(), BASE_URL)?,
        };
        account.check_keys()?;
        Ok(account)
    }

    fn platform_keys<F: Files + ?Sized>(&self, files: &F) -> Result<Vec<PlatformKey>, BadConfig> {
        let mut keys = Vec::new();
        match (&self.public_key_id, &self.public_key_file) {
            (None, None) => {}
            (Some(id), Some(file)) => {
                if !id.starts_with("PUB_KEY_ID_") {
                    return Err(bad("public_key_id", "must begin with PUB_KEY_ID_"));
                }
                let key = PublicKey::parse(&read(files, "public_key_file", file)?)
                    .map_err(|error| bad("public_key_file", error))?;
                keys.push(PlatformKey { serial: id.clone(), key, valid: None });
            }
            (Some(_), None) => {
                return Err(bad("public_key_file", "must be set with public_key_id"));
            }
            (None, Some(_)) => {
                return Err(bad("public_key_id", "must be set with public_key_file"));
            }
        }
        for file in &self.certificate_files {
            let certificate = Certificate::parse(&read(files, "certificate_files", file)?)
                .map_err(|error| bad("certificate_files", error))?;
            keys.push(certificate.into());
        }
        Ok(keys)
    }
}

impl Account {
    /// The account as WeChat Pay knows it: its numbers, whatever its keys are.
    pub fn identity(&self) -> String {
        let Self { merchant, app_id, sub, .. } = self;
        match sub {
            None => format!("{merchant}:{app_id}"),
            Some(SubMerchant { merchant: sub, app_id: None }) => {
                format!("{merchant}/{sub}:{app_id}")
            }
            Some(SubMerchant { merchant: sub, app_id: Some(own) }) => {
                format!("{merchant}/{sub}:{app_id}/{own}")
            }
        }
    }

    fn check_keys(&self) -> Result<(), BadConfig> {
        if self.platform_keys.is_empty() && !self.download_certificates {
            return Err(bad(
                "public_key_file",
                "must be set, or certificate_files, or download_certificates = true",
            ));
        }
        // A merchant's own certificate in the platform's place verifies nothing, and is a usual mistake.
        let own = self.key.public();
        if self.platform_keys.iter().any(|platform| platform.key == own) {
            return Err(bad("public_key_file", "must be WeChat Pay's key, not the merchant's own"));
        }
        Ok(())
    }

    /// The key that answers are asked to be signed with: the public key where there is one.
    pub fn preferred_serial(&self) -> Option<&str> {
        let public = self.platform_keys.iter().find(|key| key.valid.is_none());
        public.map(|key| key.serial.as_str())
    }
}

fn app_id(field: &'static str, text: &str) -> Result<(), BadConfig> {
    let fits = text.starts_with("wx")
        && (10..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(()) } else { Err(bad(field, "must be wx and 8 to 30 letters and digits")) }
}

fn serial(field: &'static str, text: &str) -> Result<String, BadConfig> {
    let fits = (8..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !fits {
        return Err(bad(field, "must have 8 to 40 hexadecimal digits"));
    }
    Ok(text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_merchants() {
        for text in ["1900000001", "600000"] {
            assert!(number("merchant", text).is_ok());
        }
        for text in ["", "12345", "19000000o1", "123456789012345678901"] {
            assert!(number("merchant", text).is_err(), "{text}");
        }
        assert_eq!(serial("s", "5f1c72e2a8931b72").unwrap(), "5F1C72E2A8931B72");
        assert!(serial("s", "PUB_KEY_ID_1").is_err());
        assert!(app_id("a", "wx8888888888888888").is_ok());
        assert!(app_id("a", "8888888888888888").is_err());
    }
}
