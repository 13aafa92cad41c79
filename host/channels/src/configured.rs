//! Channels out of the sections `[channels.…]` of the configuration.

use std::path::Path;
use std::sync::Arc;

use lezai_core::routing::Cost;

use crate::alipay::account::AlipayConfig;
use crate::channel::{Channel, Method};
use crate::http::{Network, Transport};
use crate::settings::{BadConfig, bad};
use crate::surroundings::{Machine, Surroundings};
use crate::unionpay::account::UnionpayConfig;
use crate::wechat::account::WechatConfig;
use crate::{alipay, unionpay, wechat};

/// The member of a section with what its channel takes of a payment.
const COSTS: &str = "costs";

/// A section, read. Its files are not read yet.
#[derive(Clone, Debug)]
pub enum Configured {
    /// `[channels.wechat]`
    Wechat(Box<WechatConfig>),
    /// `[channels.alipay]`
    Alipay(Box<AlipayConfig>),
    /// `[channels.unionpay]`
    Unionpay(Box<UnionpayConfig>),
}

/// The transport, the time and the randomness that a channel uses.
#[derive(Clone)]
pub struct World {
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Time and randomness.
    pub surroundings: Arc<dyn Surroundings>,
}

impl World {
    /// The network and this machine's clock.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn real() -> Result<Self, BadConfig> {
        let network = Network::new().map_err(|error| bad("tls", error))?;
        Ok(Self { transport: Arc::new(network), surroundings: Arc::new(Machine) })
    }
}

impl Configured {
    /// The channels that there are.
    pub const NAMES: [&str; 3] = [wechat::channel::ID, alipay::channel::ID, unionpay::channel::ID];

    /// Reads the section of this name: `wechat` for `[channels.wechat]`. The text has the section's
    /// members alone. The costs in it are for whoever routes: [`Configured::costs`].
    ///
    /// # Errors
    ///
    /// [`BadConfig`]: no such channel, or a member that is missing, unknown or of another type.
    pub fn parse(name: &str, toml: &str) -> Result<Self, BadConfig> {
        let unreadable = |error: toml::de::Error| bad("section", error.message().to_owned());
        let mut section: toml::Table = toml::from_str(toml).map_err(unreadable)?;
        section.remove(COSTS);
        match name {
            wechat::channel::ID => section.try_into().map(Self::Wechat).map_err(unreadable),
            alipay::channel::ID => section.try_into().map(Self::Alipay).map_err(unreadable),
            unionpay::channel::ID => section.try_into().map(Self::Unionpay).map_err(unreadable),
            _ => {
                let must = "must be [channels.wechat], [channels.alipay] or [channels.unionpay]";
                Err(bad("section", must))
            }
        }
    }

    /// The operator's figures of what the channel of this section takes of a payment: `costs`, none if it is absent.
    ///
    /// # Errors
    ///
    /// [`BadConfig`] names `costs`.
    pub fn costs(&self, toml: &str) -> Result<Vec<Cost>, BadConfig> {
        #[derive(serde::Deserialize)]
        struct Costs {
            #[serde(default)]
            costs: Vec<Cost>,
        }
        let unreadable = |error: toml::de::Error| {
            bad(COSTS, format_args!("cannot be read: {}", error.message()))
        };
        let Costs { costs } = toml::from_str(toml).map_err(unreadable)?;
        let methods = match self {
            Self::Wechat(_) => wechat::channel::METHODS,
            Self::Alipay(_) => alipay::channel::METHODS,
            Self::Unionpay(_) => unionpay::channel::METHODS,
        };
        let checked = Cost::check(&costs, methods.iter().map(|it| it.id));
        checked.map_err(|error| bad(COSTS, format_args!("is wrong: {error}")))?;
        Ok(costs)
    }

    /// Reads and checks the files, which are named relative to `folder`, and makes the channel. The
    /// provider sends callbacks to `public_url`.
    ///
    /// # Errors
    ///
    /// [`BadConfig`] names the member.
    pub fn open(
        &self,
        folder: &Path,
        public_url: &str,
        world: World,
    ) -> Result<Arc<dyn Channel>, BadConfig> {
        let notify_url =
            |name| format!("{}/channels/{name}/notify", public_url.trim_end_matches('/'));
        let World { transport, surroundings } = world;
        match self {
            Self::Wechat(config) => {
                let methods = switched_on(config.methods.as_deref(), wechat::channel::METHODS)?;
                let account = config.load(folder)?;
                let url = notify_url(wechat::channel::ID);
                let channel =
                    wechat::channel::WechatPay::new(account, transport, surroundings, url);
                Ok(Arc::new(channel.offering(methods)))
            }
            Self::Alipay(config) => {
                let methods = switched_on(config.methods.as_deref(), alipay::channel::METHODS)?;
                let account = config.load(folder)?;
                let url = notify_url(alipay::channel::ID);
                let channel = alipay::channel::Alipay::new(account, transport, surroundings, url);
                Ok(Arc::new(channel.offering(methods)))
            }
            Self::Unionpay(config) => {
                let methods = switched_on(config.methods.as_deref(), unionpay::channel::METHODS)?;
                let account = config.load(folder)?;
                let url = notify_url(unionpay::channel::ID);
                let channel =
                    unionpay::channel::Unionpay::new(account, transport, surroundings, url);
                Ok(Arc::new(channel.offering(methods)))
            }
        }
    }
}

/// The methods that are switched on, all if none is named. Read once, and there for as long as the process is.
fn switched_on(
    names: Option<&[String]>,
    all: &'static [Method],
) -> Result<&'static [Method], BadConfig> {
    let Some(names) = names else { return Ok(all) };
    Ok(Box::leak(offered(names, all)?.into_boxed_slice()))
}

/// The methods with these names.
///
/// # Errors
///
/// [`BadConfig`]: none is named, or one that the channel does not have.
pub(crate) fn offered(names: &[String], all: &'static [Method]) -> Result<Vec<Method>, BadConfig> {
    let unknown = names.iter().find(|name| !all.iter().any(|method| method.id == name.as_str()));
    if unknown.is_some() || names.is_empty() {
        let ids: Vec<&str> = all.iter().map(|method| method.id).collect();
        return Err(bad("methods", format_args!("must name some of: {}", ids.join(", "))));
    }
    let chosen = all.iter().filter(|method| names.iter().any(|name| name == method.id));
    Ok(chosen.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WECHAT: &str = r#"
        merchant = "1900000001"
        app_id = "wx8888888888888888"
        certificate_serial = "5F1C72E2A8931B72A2E13AF8DEE92471EB397115"
        private_key_file = "apiclient_key.pem"
        api_v3_key_file = "api_v3_key"
        download_certificates = true
    "#;

    #[test]
    fn sections_are_strict() {
        assert!(matches!(Configured::parse("wechat", WECHAT), Ok(Configured::Wechat(_))));
        let typo = format!("{WECHAT}\nmerchent = \"1\"");
        for (name, text) in [
            ("wechat", typo.as_str()),
            ("wechat", ""),
            ("alipay", WECHAT),
            ("paypal", WECHAT),
            ("wechat", "= 1"),
        ] {
            assert_eq!(
                Configured::parse(name, text).unwrap_err().field,
                "section",
                "{name} {text}"
            );
        }
    }

    #[test]
    fn costs_are_read_beside_the_rest_and_checked() {
        let costs = |rows: &str| {
            let text = format!("{WECHAT}\ncosts = {rows}");
            Configured::parse("wechat", &text).unwrap().costs(&text)
        };
        let rows = r#"[
            { currency = "CNY", rate_ppm = 6000 },
            { method = "wechat_h5", currency = "CNY", rate_ppm = 6000, fixed = 1, min = 2, cap = 9 },
        ]"#;
        assert_eq!(costs(rows).unwrap().len(), 2);
        assert_eq!(Configured::parse("wechat", WECHAT).unwrap().costs(WECHAT).unwrap(), []);
        for (rows, must) in [
            (r#"[{ currency = "CNY", rate_ppm = 0.6 }]"#, "cannot be read"),
            (r#"[{ currency = "RMB" }]"#, "cannot be read"),
            (r#"{ currency = "CNY" }"#, "cannot be read"),
            (r#"[{ currency = "CNY", rate_ppm = 1000001 }]"#, "costs[0].rate_ppm"),
            (r#"[{ method = "alipay_qr", currency = "CNY" }]"#, "costs[0].method"),
        ] {
            let error = costs(rows).unwrap_err();
            assert_eq!(error.field, "costs");
            assert!(error.must.contains(must), "{rows}: {}", error.must);
        }
    }

    #[test]
    fn methods_are_switched_on_by_name() {
        let all = alipay::channel::METHODS;
        assert_eq!(switched_on(None, all).unwrap().len(), all.len());
        let chosen = offered(&["alipay_wap".to_owned(), "alipay_qr".to_owned()], all).unwrap();
        assert_eq!(
            chosen.iter().map(|method| method.id).collect::<Vec<_>>(),
            ["alipay_qr", "alipay_wap"]
        );
        for wrong in [&[][..], &["alipay".to_owned()]] {
            assert_eq!(offered(wrong, all).unwrap_err().field, "methods");
        }
    }
}
