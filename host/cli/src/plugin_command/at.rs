//! Whose plugin, at which gateway, and the operator's calls about it.

use std::path::Path;

use reqwest::Method;

use crate::data_dir;
use crate::operator::{OperatorArgs, OperatorCall};

pub(super) use crate::operator::{Failed, read};

/// Whose plugin, and at which gateway.
#[derive(Debug, clap::Args)]
pub struct At {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    pub(super) merchant: String,
    #[command(flatten)]
    pub(super) operator: OperatorArgs,
    /// Print the gateway's answer, as JSON and nothing else.
    #[arg(long)]
    pub(super) json: bool,
}

impl At {
    /// Asks the gateway, as the operator.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Vec<u8>, Failed> {
        let target = &format!("/admin/v1/merchants/{}{path}", self.merchant);
        self.operator.ask(OperatorCall { method, target, idempotency_key: None, body }).await
    }
}

/// A key or a secret in the gateway's folder.
pub(super) fn text(file: &Path) -> Result<String, Failed> {
    data_dir::text(file).map_err(Failed::NotDone)
}
