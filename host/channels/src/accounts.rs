//! Merchants' own accounts: credentials as they are put and kept, and the channel that they open.
//!
//! They are a section of the configuration with the texts of the files that it names, so that what an operator knows
//! of one is known of the other. A merchant of a service provider is *bound* instead: it has the platform's own keys,
//! and its own number. Either way the money goes to the merchant.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lezai_core::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alipay::account::AlipayConfig;
use crate::channel::{Channel, Method};
use crate::configured::{Configured, World, offered};
use crate::sandbox::Sandbox;
use crate::settings::{BadConfig, Files, bad};
use crate::unionpay::account::UnionpayConfig;
use crate::wechat::account::WechatConfig;
use crate::{alipay, unionpay, wechat};

/// The most that credentials take: keys and certificates of every kind together are a tenth of it.
pub const CREDENTIALS_BYTES_MAX: usize = 64 << 10;

/// A merchant's credentials, as they are put and kept. They cannot be printed.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The members of the channel's section in the configuration; of a bound merchant, its numbers alone.
    pub settings: Value,
    /// The text of each file that they name.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Whether they are a merchant's under the platform's own account.
    #[serde(default)]
    pub bound: bool,
}

/// An account that was opened.
pub struct Opened {
    /// Its channel. It asks nobody before it is used.
    pub channel: Arc<dyn Channel>,
    /// The account as the channel names it, whatever its keys are.
    pub account: String,
    /// The fingerprint of its key.
    pub fingerprint: String,
}

/// Opens accounts. What another opens than the product does is the simulator's.
pub trait OpenAccount: Send + Sync {
    /// The channel of credentials, whose provider sends callbacks to `notify_url`.
    ///
    /// # Errors
    ///
    /// [`BadConfig`] names the member.
    fn open(
        &self,
        channel: &str,
        credentials: &Credentials,
        notify_url: String,
    ) -> Result<Opened, BadConfig>;
}

/// Opens accounts at the providers, and at the simulated wallet where there is one.
#[derive(Default)]
pub struct Accounts {
    /// How providers are reached; none are if it is absent.
    pub world: Option<World>,
    /// The platform's own sections, with the folder of their files: merchants are bound under them.
    pub platform: Vec<(PathBuf, Configured)>,
    /// The simulated wallet.
    pub sandbox: Option<Arc<Sandbox>>,
}

/// The numbers of a merchant bound under the platform's account at WeChat Pay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundAtWechat {
    sub_merchant: String,
    sub_app_id: Option<String>,
    methods: Option<Vec<String>>,
}

/// The same at Alipay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundAtAlipay {
    seller_id: String,
    app_auth_token_file: PathBuf,
    methods: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtSandbox {
    account: String,
    methods: Option<Vec<String>>,
}

impl OpenAccount for Accounts {
    fn open(
        &self,
        channel: &str,
        credentials: &Credentials,
        notify_url: String,
    ) -> Result<Opened, BadConfig> {
        match channel {
            wechat::channel::ID if credentials.bound => self.bound_wechat(credentials, notify_url),
            alipay::channel::ID if credentials.bound => self.bound_alipay(credentials, notify_url),
            _ if credentials.bound => {
                Err(bad("bound", "is for wechat and alipay: another channel has no such merchants"))
            }
            wechat::channel::ID => {
                let config: WechatConfig = settings(&credentials.settings)?;
                self.wechat(&config, &credentials.files, notify_url)
            }
            alipay::channel::ID => {
                let config: AlipayConfig = settings(&credentials.settings)?;
                self.alipay(&config, &credentials.files, notify_url)
            }
            unionpay::channel::ID => {
                let config: UnionpayConfig = settings(&credentials.settings)?;
                self.unionpay(&config, &credentials.files, notify_url)
            }
            Sandbox::ID => self.at_sandbox(&credentials.settings),
            _ => Err(bad("channel", "must be wechat, alipay or unionpay")),
        }
    }
}

impl Accounts {
    fn world(&self) -> Result<World, BadConfig> {
        let must = "must be sandbox: this gateway reaches no provider";
        self.world.clone().ok_or_else(|| bad("channel", must))
    }

    fn wechat<F: Files + ?Sized>(
        &self,
        config: &WechatConfig,
        files: &F,
        notify_url: String,
    ) -> Result<Opened, BadConfig> {
        let methods = open_methods(config.methods.as_deref(), wechat::channel::METHODS)?;
        let account = config.load(files)?;
        let World { transport, surroundings } = self.world()?;
        let (name, fingerprint) = (account.identity(), account.serial.clone());
        let channel = wechat::channel::WechatPay::new(account, transport, surroundings, notify_url);
        let channel = Arc::new(channel.offering(methods));
        Ok(Opened { channel, account: name, fingerprint })
    }

    fn alipay<F: Files + ?Sized>(
        &self,
        config: &AlipayConfig,
        files: &F,
        notify_url: String,
    ) -> Result<Opened, BadConfig> {
        let methods = open_methods(config.methods.as_deref(), alipay::channel::METHODS)?;
        let account = config.load(files)?;
        let World { transport, surroundings } = self.world()?;
        let (name, fingerprint) = (account.identity(), account.key.public().fingerprint());
        let channel = alipay::channel::Alipay::new(account, transport, surroundings, notify_url);
        let channel = Arc::new(channel.offering(methods));
        Ok(Opened { channel, account: name, fingerprint })
    }

    fn unionpay(
        &self,
        config: &UnionpayConfig,
        files: &BTreeMap<String, String>,
        notify_url: String,
    ) -> Result<Opened, BadConfig> {
        let methods = open_methods(config.methods.as_deref(), unionpay::channel::METHODS)?;
        let account = config.load(files)?;
        let World { transport, surroundings } = self.world()?;
        let (name, fingerprint) = (account.merchant.clone(), account.certificate_id.clone());
        let channel =
            unionpay::channel::Unionpay::new(account, transport, surroundings, notify_url);
        let channel = Arc::new(channel.offering(methods));
        Ok(Opened { channel, account: name, fingerprint })
    }

    fn bound_wechat(
        &self,
        credentials: &Credentials,
        notify_url: String,
    ) -> Result<Opened, BadConfig> {
        let bound: BoundAtWechat = settings(&credentials.settings)?;
        let mut own = self.platform.iter().filter_map(|(folder, it)| match it {
            Configured::Wechat(config) => Some((folder, config)),
            _ => None,
        });
        let (folder, config) = own.next().ok_or_else(no_platform)?;
        let config = WechatConfig {
            sub_merchant: Some(bound.sub_merchant),
            sub_app_id: bound.sub_app_id,
            methods: bound.methods.or_else(|| config.methods.clone()),
            ..(**config).clone()
        };
        self.wechat(&config, folder.as_path(), notify_url)
    }

    fn bound_alipay(
        &self,
        credentials: &Credentials,
        notify_url: String,
    ) -> Result<Opened, BadConfig> {
        let bound: BoundAtAlipay = settings(&credentials.settings)?;
        let mut own = self.platform.iter().filter_map(|(folder, it)| match it {
            Configured::Alipay(config) => Some((folder, config)),
            _ => None,
        });
        let (folder, config) = own.next().ok_or_else(no_platform)?;
        let config = AlipayConfig {
            seller_id: bound.seller_id,
            app_auth_token_file: Some(bound.app_auth_token_file.clone()),
            methods: bound.methods.or_else(|| config.methods.clone()),
            ..(**config).clone()
        };
        let files = Bound { own: &credentials.files, name: &bound.app_auth_token_file, folder };
        self.alipay(&config, &files, notify_url)
    }

    fn at_sandbox(&self, settings: &Value) -> Result<Opened, BadConfig> {
        let AtSandbox { account, methods } = self::settings(settings)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=32).contains(&account.len()) || !account.bytes().all(plain) {
            return Err(bad("account", "must be 1 to 32 letters, digits and -"));
        }
        let methods = open_methods(methods.as_deref(), Sandbox::METHODS)?;
        let wallet = self.sandbox.as_ref().ok_or_else(|| bad("channel", "must not be sandbox"))?;
        let fingerprint = sha256_hex(account.as_bytes())[..16].to_owned();
        let channel = Arc::new(wallet.of_account(account.clone(), methods));
        Ok(Opened { channel, account, fingerprint })
    }
}

/// A bound merchant's own file, and the platform's for all others.
struct Bound<'b> {
    own: &'b BTreeMap<String, String>,
    name: &'b PathBuf,
    folder: &'b PathBuf,
}

impl Files for Bound<'_> {
    fn text(&self, field: &'static str, file: &std::path::Path) -> Result<String, BadConfig> {
        match file == self.name {
            true => self.own.text(field, file),
            false => self.folder.as_path().text(field, file),
        }
    }
}

fn no_platform() -> BadConfig {
    bad("bound", "needs the platform's own section of this channel in the configuration")
}

fn settings<T: serde::de::DeserializeOwned>(settings: &Value) -> Result<T, BadConfig> {
    serde_json::from_value(settings.clone()).map_err(|error| bad("settings", error))
}

/// The methods that an account has. Each choice is kept once for as long as the process is, and there are few.
fn open_methods(
    names: Option<&[String]>,
    all: &'static [Method],
) -> Result<&'static [Method], BadConfig> {
    static KEPT: Mutex<Vec<&'static [Method]>> = Mutex::new(Vec::new());
    let Some(names) = names else { return Ok(all) };
    let chosen = offered(names, all)?;
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |it: &&'static [Method]| {
        it.len() == chosen.len() && it.iter().zip(&chosen).all(|(one, other)| one.id == other.id)
    };
    if let Some(known) = kept.iter().find(|it| same(it)) {
        return Ok(known);
    }
    let leaked: &'static [Method] = Box::leak(chosen.into_boxed_slice());
    kept.push(leaked);
    Ok(leaked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn opened(channel: &str, settings: Value, bound: bool) -> Result<String, &'static str> {
        let credentials = Credentials { settings, files: BTreeMap::new(), bound };
        let opened = Accounts::default().open(channel, &credentials, String::new());
        opened.map(|it| it.account).map_err(|error| error.field)
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (channel, settings, bound, field) in [
            ("paypal", json!({}), false, "channel"),
            ("wechat", json!({}), false, "settings"),
            ("wechat", json!({ "merchant": 1 }), false, "settings"),
            ("wechat", json!({ "sub_merchant": "1900000001" }), true, "bound"),
            ("unionpay", json!({}), true, "bound"),
            ("sandbox", json!({ "account": "a" }), false, "channel"),
            ("sandbox", json!({ "account": "a b" }), false, "account"),
            ("sandbox", json!({ "account": "a", "methods": ["card"] }), false, "methods"),
        ] {
            assert_eq!(
                opened(channel, settings.clone(), bound),
                Err(field),
                "{channel} {settings}"
            );
        }
    }

    #[test]
    fn a_choice_of_methods_is_kept_once() {
        let names = ["alipay_wap".to_owned(), "alipay_qr".to_owned()];
        let choose = || open_methods(Some(&names), alipay::channel::METHODS).unwrap();
        assert!(std::ptr::eq(choose(), choose()));
        assert_eq!(choose().len(), 2);
    }
}
