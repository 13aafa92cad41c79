//! The caller at the command line: as which merchant, at which gateway, and by which key its answers
//! are believed.

use std::path::{Path, PathBuf};

use lezai_core::key::VerifyingKey;

use crate::data_dir;
use crate::outcome::{self, Failed};
use lezai_base::merchant_key::MerchantKey;
use lezai_client::{Client, ClientError, Problem, Trust, fetch_gateway_key};
use serde_json::Value;

/// Which gateway, and as whom.
#[derive(Clone, Debug, clap::Args)]
pub struct CallerArgs {
    /// Where the gateway is.
    #[arg(
        long,
        env = "LEZAI_GATEWAY",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub gateway: String,
    /// The gateway's folder, where the keys are looked for [default: .lezai here, or in the nearest folder above].
    // Not `DataDir`: in `call`, `--data` is the body.
    #[arg(
        long,
        env = data_dir::VARIABLE,
        hide_env_values = true,
        hide_default_value = true,
        default_value_os_t = data_dir::nearest(),
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// The merchant's private key, P-256 or SM2 [default: demo-merchant.pem in the folder].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The key's name at the gateway.
    #[arg(long, default_value = "demo-1", value_name = "NAME")]
    keyid: String,
    /// The gateway's public key, to check what it says [default: gateway-public.pem beside the private key, if there].
    #[arg(long, value_name = "FILE")]
    gateway_key: Option<PathBuf>,
    /// Fetch the gateway's public key, and take it if this is its thumbprint (RFC 7638).
    #[arg(long, value_name = "THUMBPRINT", conflicts_with = "gateway_key")]
    gateway_thumbprint: Option<String>,
}

impl CallerArgs {
    /// A client that signs as the merchant.
    ///
    /// # Errors
    ///
    /// The part that is missing or wrong, in words.
    pub async fn client(&self) -> Result<Client, String> {
        let file = self.key_file();
        let key = MerchantKey::from_pkcs8_pem(&data_dir::text(&file)?)
            .map_err(|error| named(&file, error))?;
        let gateway_key = self.gateway_key().await?;
        Client::new(&self.gateway, key, &self.keyid, gateway_key).map_err(|error| error.to_string())
    }

    /// Makes a call as the merchant. A response that is not the gateway's own word is not believed.
    ///
    /// # Errors
    ///
    /// [`Failed`].
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        idempotency_key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failed> {
        let client = self.client().await.map_err(Failed::NotDone)?;
        let body = body.map(|it| it.to_string().into_bytes());
        let answer = client.request(method, target, body, idempotency_key).await;
        let answer = answer.map_err(|error| Failed::NotDone(unanswered(&self.gateway, &error)))?;
        if let Trust::Refused(why) = &answer.trust {
            return Err(Failed::NotDone(format!("the response is not to be believed: {why}")));
        }
        if answer.is_success() {
            return outcome::parse(&answer.body);
        }
        Err(match serde_json::from_slice::<Problem>(&answer.body) {
            Ok(problem) => Failed::Refused(format!("{}: {}", problem.code, problem.detail)),
            Err(_) => Failed::NotDone(format!(
                "{} answers with status {}: is it a gateway?",
                self.gateway, answer.status
            )),
        })
    }

    /// Whether there is a key to sign with.
    pub fn can_sign(&self) -> bool {
        self.key.is_some() || self.key_file().exists()
    }

    /// The gateway's public key, if it is known.
    ///
    /// # Errors
    ///
    /// The error in it, in words.
    pub async fn gateway_key(&self) -> Result<Option<VerifyingKey>, String> {
        if let Some(thumbprint) = &self.gateway_thumbprint {
            let key = fetch_gateway_key(&self.gateway, thumbprint).await;
            return key.map(Some).map_err(|error| unanswered(&self.gateway, &error));
        }
        let beside = self.key_file().with_file_name("gateway-public.pem");
        let file = match &self.gateway_key {
            Some(file) => file,
            None if beside.exists() => &beside,
            None => return Ok(None),
        };
        let key = VerifyingKey::from_spki_pem(&data_dir::text(file)?);
        key.map(Some).map_err(|error| named(file, error))
    }

    fn key_file(&self) -> PathBuf {
        self.key.clone().unwrap_or_else(|| self.data_dir.join("demo-merchant.pem"))
    }
}

/// The message where a gateway did not answer: what went wrong, and what to do about it.
pub fn unanswered(gateway: &str, error: &ClientError) -> String {
    match error {
        ClientError::Unreachable(why) => format!(
            "no answer from {gateway} ({why}): start a gateway with `lezai dev`, or name one with --gateway \
             or LEZAI_GATEWAY"
        ),
        _ => format!("{gateway}: {error}"),
    }
}

fn named(file: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}
