//! Our merchant at UnionPay, and the keys we hold.

use std::path::PathBuf;

use serde::Deserialize;

use crate::rsa::{self, Certificate, PrivateKey};
use crate::settings::{BadConfig, Files, bad, base_url, read};
use crate::unionpay::chain::Authority;
use crate::unionpay::{BASE_URL, FILE_URL};

/// The section `[channels.unionpay]` of the configuration. Secrets stand in files, never in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnionpayConfig {
    /// The merchant's number (`merId`): 15 digits or letters.
    pub merchant: String,
    /// The file with the merchant's private key, out of UnionPay's `.pfx`.
    pub private_key_file: PathBuf,
    /// The file with the merchant's certificate, out of the same `.pfx`.
    pub certificate_file: PathBuf,
    /// UnionPay's middle certificates, `acp_prod_middle.cer`. Two while one is renewed.
    pub middle_certificate_files: Vec<PathBuf>,
    /// UnionPay's root certificate, `acp_prod_root.cer`.
    pub root_certificate_file: PathBuf,
    /// The methods that are offered; all if absent.
    pub methods: Option<Vec<String>>,
    /// Another address than UnionPay's own, for its test gateway or for tests: `http://` for this machine only.
    pub base_url: Option<String>,
    /// Another address than UnionPay's own for its files, as `base_url`.
    pub file_url: Option<String>,
}

/// An account, its keys read and checked.
#[derive(Clone, Debug)]
pub struct Account {
    /// `merId`.
    pub merchant: String,
    /// `certId`: the serial number of the merchant's certificate, as a decimal.
    pub certificate_id: String,
    /// The merchant's private key.
    pub key: PrivateKey,
    /// Whose certificates are UnionPay's.
    pub authority: Authority,
    /// Where to send, without a slash at the end.
    pub base_url: String,
    /// Where files are, without a slash at the end.
    pub file_url: String,
}

impl UnionpayConfig {
    /// Reads the files and checks everything that can be checked without a call.
    ///
    /// # Errors
    ///
    /// [`BadConfig`] names the member.
    pub fn load<F: Files + ?Sized>(&self, files: &F) -> Result<Account, BadConfig> {
        let plain = self.merchant.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.merchant.len() != 15 || !plain {
            return Err(bad("merchant", "must have 15 digits or letters"));
        }
        let key = PrivateKey::parse(&read(files, "private_key_file", &self.private_key_file)?)
            .map_err(|error| bad("private_key_file", error))?;
        let text = read(files, "certificate_file", &self.certificate_file)?;
        let certificate =
            Certificate::parse(&text).map_err(|error| bad("certificate_file", error))?;
        if certificate.key != key.public() {
            return Err(bad("certificate_file", "must be the certificate of private_key_file"));
        }
        let id = rsa::decimal_serial(&text).map_err(|error| bad("certificate_file", error))?;
        Ok(Account {
            merchant: self.merchant.clone(),
            certificate_id: id,
            key,
            authority: self.authority(files)?,
            base_url: base_url(self.base_url.as_deref(), BASE_URL)?,
            file_url: base_url(self.file_url.as_deref(), FILE_URL)
                .map_err(|error| BadConfig { field: "file_url", ..error })?,
        })
    }

    fn authority<F: Files + ?Sized>(&self, files: &F) -> Result<Authority, BadConfig> {
        const MIDDLE: &str = "middle_certificate_files";
        const ROOT: &str = "root_certificate_file";
        if self.middle_certificate_files.is_empty() {
            return Err(bad(MIDDLE, "must name one file at least"));
        }
        let middle = self.middle_certificate_files.iter().map(|file| read(files, MIDDLE, file));
        let middle = middle.collect::<Result<Vec<_>, _>>()?;
        let root = read(files, ROOT, &self.root_certificate_file)?;
        let root = Authority::root(&root).map_err(|error| bad(ROOT, error))?;
        Authority::new(root, &middle).map_err(|error| bad(MIDDLE, error))
    }
}
