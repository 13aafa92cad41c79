//! Whose plugin, at which gateway, and the operator's calls about it.

use reqwest::Method;

use crate::operator::{OperatorArgs, OperatorCall};

pub(super) use crate::operator::{Failed, read};

/// Whose plugin, and at which gateway.
#[derive(Debug, clap::Args)]
pub struct At {
    /// The merchant.
    #[arg(long, value_name = "ID")]
    pub(super) merchant: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

impl At {
    /// Asks the gateway; `path` follows the merchant's own, such as `/plugin`.
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
