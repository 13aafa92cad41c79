//! Whose plugin, at which gateway, and the operator's calls about it.

use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::caller;
use crate::client::{self, Problem};
use crate::data_dir::{self, DataDir};

/// Far beyond what a gateway takes, so that it is the gateway that refuses.
const FILE_MAX: u64 = 16 << 20;

/// Whose plugin, and at which gateway.
#[derive(Debug, clap::Args)]
pub struct At {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    pub(super) merchant: String,
    /// Where the gateway is.
    #[arg(
        long,
        env = "LEZAI_GATEWAY",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    gateway: String,
    #[command(flatten)]
    pub(super) data: DataDir,
    /// The file with the operator's token [default: admin-token in the gateway's folder].
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Print the gateway's answer, as JSON and nothing else.
    #[arg(long)]
    pub(super) json: bool,
}

/// Why it was not done.
pub(super) enum Failed {
    /// The gateway says no.
    Refused(String),
    /// It was not asked, or did not answer.
    NotDone(String),
}

impl At {
    /// Asks the gateway; `path` follows the merchant's own, such as `/plugin`.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Vec<u8>, Failed> {
        let not_done =
            |error: client::ClientError| Failed::NotDone(caller::unanswered(&self.gateway, &error));
        let origin = client::parse_origin(&self.gateway).map_err(not_done)?;
        if origin.scheme() != "https" && !client::is_loopback(&origin) {
            return Err(Failed::NotDone(format!(
                "{}: the operator's token is sent over https, or on this machine, alone",
                self.gateway
            )));
        }
        let usual = || self.data.join("admin-token");
        let token = text(&self.admin_token_file.clone().unwrap_or_else(usual))?;
        let target = format!("/admin/v1/merchants/{}{path}", self.merchant);
        let url = client::parse_target(&origin, &target).map_err(not_done)?;
        let mut request =
            client::http(&origin).map_err(not_done)?.request(method, url).bearer_auth(&token);
        if let Some(body) = body {
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
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    data_dir::read(file, FILE_MAX).map_err(Failed::NotDone)
}

/// A key or a secret in the gateway's folder.
pub(super) fn text(file: &Path) -> Result<String, Failed> {
    data_dir::text(file).map_err(Failed::NotDone)
}
