//! Parts that the configurations of all providers share: files, numbers and addresses, and what is wrong with them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// A configuration that cannot work, with the member and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct BadConfig {
    /// The member.
    pub field: &'static str,
    /// The requirement that it breaks.
    pub must: String,
}

/// An error of one member.
pub fn bad(field: &'static str, must: impl fmt::Display) -> BadConfig {
    BadConfig { field, must: must.to_string() }
}

/// Where the files are that a configuration names.
pub trait Files {
    /// The text of the file that a member names.
    ///
    /// # Errors
    ///
    /// [`BadConfig`]: it cannot be read.
    fn text(&self, field: &'static str, file: &Path) -> Result<String, BadConfig>;
}

/// A folder: names are relative to it.
impl Files for Path {
    fn text(&self, field: &'static str, file: &Path) -> Result<String, BadConfig> {
        let path = self.join(file);
        fs::read_to_string(&path)
            .map_err(|error| bad(field, format_args!("{} cannot be read: {error}", path.display())))
    }
}

/// Texts by name, which came together with the configuration: nothing on a disk is looked at.
impl Files for BTreeMap<String, String> {
    fn text(&self, field: &'static str, file: &Path) -> Result<String, BadConfig> {
        let found = file.to_str().and_then(|name| self.get(name));
        let missing = || bad(field, format_args!("{} is not among the files", file.display()));
        found.cloned().ok_or_else(missing)
    }
}

pub(crate) fn read<F: Files + ?Sized>(
    files: &F,
    field: &'static str,
    file: &Path,
) -> Result<String, BadConfig> {
    files.text(field, file)
}

pub(crate) fn number(field: &'static str, text: &str) -> Result<(), BadConfig> {
    let fits = (6..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(()) } else { Err(bad(field, "must have 6 to 20 digits")) }
}

/// Where to send: https, or http to this machine alone.
pub(crate) fn base_url(configured: Option<&str>, own: &str) -> Result<String, BadConfig> {
    let url = configured.unwrap_or(own).trim_end_matches('/');
    let must = "must be https://, or http:// with 127.0.0.1, [::1] or localhost";
    let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(bad("base_url", must)),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if authority.is_empty() || authority.contains('@') || !(secure || here) {
        return Err(bad("base_url", must));
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_reached_by_tls_or_on_this_machine() {
        for url in [
            "https://api.mch.weixin.qq.com",
            "http://127.0.0.1:8080",
            "http://localhost/",
            "http://[::1]:1",
        ] {
            assert!(base_url(Some(url), "").is_ok(), "{url}");
        }
        for url in [
            "http://api.mch.weixin.qq.com",
            "ftp://x",
            "",
            "http://127.0.0.1.evil.example",
            "http://localhost@evil.example",
            "https://",
        ] {
            assert!(base_url(Some(url), "").is_err(), "{url}");
        }
    }
}
