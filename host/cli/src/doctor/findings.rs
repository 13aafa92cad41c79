//! The results of the checks.

use serde::Serialize;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    Warning,
    Failed,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) subject: &'static str,
    pub(super) status: Status,
    pub(super) found: String,
    /// The advice; empty if nothing is to be done.
    pub(super) advice: String,
}

#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, subject: &'static str, found: impl Into<String>) {
        self.0.push(Finding {
            subject,
            status: Status::Ok,
            found: found.into(),
            advice: String::new(),
        });
    }

    pub(super) fn warn(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (found, advice) = (found.into(), advice.into());
        self.0.push(Finding { subject, status: Status::Warning, found, advice });
    }

    pub(super) fn fail(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (found, advice) = (found.into(), advice.into());
        self.0.push(Finding { subject, status: Status::Failed, found, advice });
    }
}
