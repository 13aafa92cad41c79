//! The operator's calls from the command line: which gateway, and the token that it takes.

use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::client::{self, Problem};

/// Which gateway, and the operator's token.
#[derive(Clone, Debug, clap::Args)]
pub struct OperatorArgs {
    /// Where the gateway is.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub gateway: String,
    /// The file with the operator's token.
    #[arg(long, default_value = ".lezai/admin-token", value_name = "FILE")]
    pub admin_token_file: PathBuf,
}

/// Why it was not done.
pub enum Failed {
    /// The gateway says no.
    Refused(String),
    /// It was not asked, or did not answer.
    NotDone(String),
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

impl OperatorArgs {
    /// Asks the gateway.
    ///
    /// # Errors
    ///
    /// [`Failed`].
    pub async fn ask(&self, call: OperatorCall<'_>) -> Result<Vec<u8>, Failed> {
        let not_done =
            |error: client::ClientError| Failed::NotDone(format!("{}: {error}", self.gateway));
        let origin = client::parse_origin(&self.gateway).map_err(not_done)?;
        if origin.scheme() != "https" && !client::is_loopback(&origin) {
            return Err(Failed::NotDone(format!(
                "{}: the operator's token is sent over https, or on this machine, alone",
                self.gateway
            )));
        }
        let token = String::from_utf8(read(&self.admin_token_file)?).unwrap_or_default();
        let url = client::parse_target(&origin, call.target).map_err(not_done)?;
        let http = client::http(&origin).map_err(not_done)?;
        let mut request = http.request(call.method, url).bearer_auth(token.trim());
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body);
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
    std::fs::read(file).map_err(|error| Failed::NotDone(format!("{}: {error}", file.display())))
}
