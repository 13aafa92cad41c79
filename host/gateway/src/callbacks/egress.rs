//! Where callbacks may go. An address is a stranger's wish for a request from inside our network,
//! so it is looked at three times: its host must be one that the operator allowed, its scheme must
//! be https, and what its name resolves to must lie in the public internet. The name is resolved
//! once, and the connection goes to what was looked at: there is no second answer to swap in.

use std::net::{IpAddr, SocketAddr};

use lezai_base::url::{authority, is_loopback, literal};
use lezai_core::ip::{is_private, is_public};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How strictly addresses are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressPolicy {
    /// Public addresses alone, by https.
    Public,
    /// For development: this machine and private networks too, and these by http and without
    /// being on a list.
    Local,
}

/// Why callbacks cannot go somewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// No list names the host.
    #[error("{0} is not among the hosts that the operator allowed for the merchant's callbacks")]
    NotListed(String),
    /// The scheme is http.
    #[error(
        "callbacks to {0} go by https: http is for this machine and private addresses alone, in development"
    )]
    NotHttps(String),
    /// The host ends in a dot: certificates and lists name it without.
    #[error("the host {0} ends in a dot: write it without")]
    TrailingDot(String),
    /// The address lies in a network of someone's own.
    #[error("{0} is no public address")]
    NotPublic(IpAddr),
}

impl EgressPolicy {
    /// Judges an address by what is written in it. `listed` are the merchant's hosts.
    ///
    /// # Errors
    ///
    /// [`Forbidden`].
    pub fn judge<'a>(
        self,
        url: &Url,
        listed: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Forbidden> {
        if let Some(ip) = literal(url)
            && !self.allows(ip)
        {
            return Err(Forbidden::NotPublic(ip));
        }
        let host = authority(url);
        if url.host_str().is_some_and(|it| it.ends_with('.')) {
            return Err(Forbidden::TrailingDot(host));
        }
        if self == Self::Local && is_near(url) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(Forbidden::NotHttps(host));
        }
        if listed.into_iter().any(|it| it.eq_ignore_ascii_case(&host)) {
            Ok(())
        } else {
            Err(Forbidden::NotListed(host))
        }
    }

    /// Whether a connection may go there.
    pub fn allows(self, ip: IpAddr) -> bool {
        is_public(ip) || self == Self::Local && (ip.is_loopback() || is_private(ip))
    }
}

/// A name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name has no address")]
pub struct NotFound;

/// Resolves names for [`EgressPolicy`]: a name with an address that may not be reached has none at all,
/// for whoever mixes both kinds means the other one.
#[derive(Clone, Copy, Debug)]
pub struct Resolver(pub EgressPolicy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(reach) = *self;
        Box::pin(async move {
            // The port is the caller's to set.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| NotFound)?.collect();
            match found.iter().find(|it| !reach.allows(it.ip())) {
                Some(refused) => Err(Forbidden::NotPublic(refused.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

fn is_near(url: &Url) -> bool {
    is_loopback(url) || literal(url).is_some_and(is_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_judged_by_its_host_scheme_and_list() {
        let listed = ["shop.example", "shop.example:8443"];
        let judge = |reach: EgressPolicy, url: &str| {
            let judged = reach.judge(&Url::parse(url).unwrap(), listed);
            match judged {
                Ok(()) => "fit",
                Err(Forbidden::NotListed(_)) => "not listed",
                Err(Forbidden::NotHttps(_)) => "not https",
                Err(Forbidden::TrailingDot(_)) => "trailing dot",
                Err(Forbidden::NotPublic(_)) => "not public",
            }
        };
        for (url, public, local) in [
            ("https://shop.example/cb", "fit", "fit"),
            ("https://SHOP.example:443/cb", "fit", "fit"),
            ("https://shop.example:8443/cb", "fit", "fit"),
            ("https://shop.example:8444/cb", "not listed", "not listed"),
            ("https://shop.example.evil.example/", "not listed", "not listed"),
            ("https://other.example/", "not listed", "not listed"),
            ("http://shop.example/cb", "not https", "not https"),
            ("https://1.1.1.1/", "not listed", "not listed"),
            ("http://127.0.0.1:9000/", "not public", "fit"),
            ("https://127.0.0.1/", "not public", "fit"),
            ("http://2130706433/", "not public", "fit"),
            ("http://0x7f.1/", "not public", "fit"),
            ("http://localhost:9000/", "not https", "fit"),
            ("http://localhost.:9000/", "trailing dot", "trailing dot"),
            ("https://shop.example./cb", "trailing dot", "trailing dot"),
            ("http://no-such-name/", "not https", "not https"),
            ("https://localhost/", "not listed", "fit"),
            ("http://[::1]:9000/", "not public", "fit"),
            ("https://[::ffff:127.0.0.1]/", "not public", "not public"),
            ("http://192.168.1.7/", "not public", "fit"),
            ("http://169.254.169.254/latest/meta-data", "not public", "not public"),
            ("https://0.0.0.0/", "not public", "not public"),
        ] {
            assert_eq!(
                [judge(EgressPolicy::Public, url), judge(EgressPolicy::Local, url)],
                [public, local],
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_for_this_machine_is_not_resolved_but_in_development() {
        let resolve = |reach| Resolver(reach).resolve("localhost".parse().unwrap());
        assert!(resolve(EgressPolicy::Local).await.is_ok_and(|mut found| found.next().is_some()));
        let refused = resolve(EgressPolicy::Public).await.err().unwrap();
        assert!(refused.to_string().ends_with("is no public address"), "{refused}");
    }
}
