//! Alipay's name for a certificate: MD5 over the issuer and the serial number. It is a name and
//! protects nothing.

use md5::{Digest as _, Md5};

use crate::rsa::{self, BadKey, Named};
use crate::surroundings::hex;

/// The name of one certificate, for `app_cert_sn` and `alipay_cert_sn`.
///
/// # Errors
///
/// [`BadKey`]. Of several certificates the first counts, as in the SDKs.
pub fn certificate(text: &str) -> Result<String, BadKey> {
    let named = rsa::named(text)?;
    named.first().map(name).ok_or(BadKey::Certificate)
}

/// The name of the roots, for `alipay_root_cert_sn`: those that RSA signed, joined.
///
/// # Errors
///
/// [`BadKey`], also where RSA signed none.
pub fn roots(text: &str) -> Result<String, BadKey> {
    let named = rsa::named(text)?;
    let names: Vec<String> = named.iter().filter(|root| root.signed_by_rsa).map(name).collect();
    if names.is_empty() { Err(BadKey::Certificate) } else { Ok(names.join("_")) }
}

fn name(certificate: &Named) -> String {
    let text = format!("{}{}", certificate.issuer, certificate.serial);
    hex(&Md5::digest(text.as_bytes()))
}
