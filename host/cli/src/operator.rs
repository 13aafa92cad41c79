//! The operator's calls from the command line: which gateway, and the token that it takes.

use lezai_base::url;
use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::caller;
use crate::data_dir;
use crate::data_dir::DataDir;
pub use crate::outcome::Failed;
use lezai_client as client;
use lezai_client::Problem;

/// Far beyond what a gateway takes, so that it is the gateway that refuses.
const FILE_MAX: u64 = 16 << 20;

/// Which gateway, and the operator's token.
#[derive(Clone, Debug, clap::Args)]
pub struct OperatorArgs {
    /// Where the gateway is.
    #[arg(
        long,
        env = "LEZAI_GATEWAY",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub gateway: String,
    /// The gateway's folder, where the token is looked for.
    #[command(flatten)]
    pub data: DataDir,
    /// The file with the operator's token [default: admin-token in the gateway's folder].
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

/// A call of the operator's.
pub struct OperatorCall<'c> {
    /// The method.
    pub method: Method,
    /// Path and query, such as `/admin/v1/reviews`.
    pub target: &'c str,
    /// The key of one that is done once however often it is sent.
    pub idempotency_key: Option<&'c str>,
    /// A JSON body.
    pub body: Option<String>,
}

impl<'c> OperatorCall<'c> {
    /// A call that reads.
    pub fn get(target: &'c str) -> Self {
        Self { method: Method::GET, target, idempotency_key: None, body: None }
    }
}

impl OperatorArgs {
    /// Asks the gateway.
    ///
    /// # Errors
    ///
    /// [`Failed`].
    pub async fn ask(&self, call: OperatorCall<'_>) -> Result<Vec<u8>, Failed> {
        let OperatorCall { method, target, idempotency_key, body } = call;
        let body = body.map(|it| ("application/json", it.into_bytes()));
        self.request(method, target, idempotency_key, body).await
    }

    /// Sends the gateway a file.
    ///
    /// # Errors
    ///
    /// [`Failed`].
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Failed> {
        self.request(method, target, None, Some(("application/octet-stream", bytes))).await
    }

    async fn request(
        &self,
        method: Method,
        target: &str,
        idempotency_key: Option<&str>,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Vec<u8>, Failed> {
        let not_done =
            |error: client::ClientError| Failed::NotDone(caller::unanswered(&self.gateway, &error));
        let origin = client::parse_origin(&self.gateway).map_err(not_done)?;
        if origin.scheme() != "https" && !url::is_loopback(&origin) {
            return Err(Failed::NotDone(format!(
                "{}: the operator's token is sent over https, or on this machine, alone",
                self.gateway
            )));
        }
        let usual = || self.data.join("admin-token");
        let token = data_dir::text(&self.admin_token_file.clone().unwrap_or_else(usual))
            .map_err(Failed::NotDone)?;
        let url = client::parse_target(&origin, target).map_err(not_done)?;
        let http = client::http(&origin).map_err(not_done)?;
        let mut request = http.request(method, url).bearer_auth(&token);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body);
        }
        let (status, _, body) = client::receive(request).await.map_err(not_done)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Failed::Refused(format!("{}: {}", problem.code, problem.detail)),
            Err(_) => Failed::NotDone(format!(
                "{} answers with status {status}: is it a gateway?",
                self.gateway
            )),
        })
    }
}

/// A file's bytes.
///
/// # Errors
///
/// [`Failed::NotDone`].
pub fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    data_dir::read(file, FILE_MAX).map_err(Failed::NotDone)
}
