//! Whose plugin, at which gateway, and the operator's calls about it.

use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::client::{self, Problem};

/// Whose plugin, and at which gateway.
#[derive(Debug, clap::Args)]
pub struct At {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    pub(super) merchant: String,
    /// Where the gateway is.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    gateway: String,
    /// The file with the operator's token.
    #[arg(long, default_value = ".lezai/admin-token", value_name = "FILE")]
    admin_token_file: PathBuf,
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
            |error: client::ClientError| Failed::NotDone(format!("{}: {error}", self.gateway));
        let origin = client::parse_origin(&self.gateway).map_err(not_done)?;
        if origin.scheme() != "https" && !client::is_loopback(&origin) {
            return Err(Failed::NotDone(format!(
                "{}: the operator's token is sent over https, or on this machine, alone",
                self.gateway
            )));
        }
        let token = String::from_utf8(read(&self.admin_token_file)?).unwrap_or_default();
        let target = format!("/admin/v1/merchants/{}{path}", self.merchant);
        let url = client::parse_target(&origin, &target).map_err(not_done)?;
        let mut request =
            client::http(&origin).map_err(not_done)?.request(method, url).bearer_auth(token.trim());
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
    std::fs::read(file).map_err(|error| Failed::NotDone(format!("{}: {error}", file.display())))
}
