//! A statement's bytes for whoever downloads it: all of them, compressed or not, or a part.

use std::sync::Arc;

use futures_util::stream::{self, Stream};
use lezai_core::id::{MerchantId, StatementId};
use lezai_store::statements::{Made, StatementState};
use lezai_wire::problem::{Code, Problem};

use super::pieces::{self, plain_of};
use super::{found, views};
use crate::gateway::Gateway;

/// The most that a part has: it is put together in memory. A longer one is cut there, as RFC 9110, section 15.3.7
/// allows, and its reader asks for what is left.
pub const PART_MAX: u64 = 1 << 20;

/// A statement that can be downloaded.
#[derive(Clone, Debug)]
pub struct Content {
    merchant: MerchantId,
    id: StatementId,
    form: String,
    made: Made,
}

/// How the bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// Compressed (RFC 1952).
    Gzip,
}

/// A statement's content.
///
/// # Errors
///
/// `statement_not_found`, `statement_not_ready`, `statement_failed`, `statement_expired`.
pub async fn of(gateway: &Gateway, merchant: &MerchantId, id: &str) -> Result<Content, Problem> {
    let record = found(gateway, merchant, id).await?;
    if gateway.node.clock.now() >= record.kept_until {
        let detail =
            "its bytes are no longer kept; ask for the statement again, and it has the same";
        return Err(Problem::new(Code::StatementExpired, detail));
    }
    match record.state {
        StatementState::Ready { made } => {
            Ok(Content { merchant: record.merchant, id: record.id, form: record.form, made })
        }
        StatementState::Making { .. } => {
            let detail = "the statement is being made; a callback tells when it is ready";
            Err(Problem::new(Code::StatementNotReady, detail))
        }
        StatementState::Failed { why } => {
            let detail = "the statement cannot be made; failed_because says why";
            Err(Problem::new(Code::StatementFailed, detail).with("failed_because", why))
        }
    }
}

impl Content {
    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        match self.form.as_str() {
            "csv" => "text/csv; charset=utf-8; header=present",
            _ => "application/jsonl",
        }
    }

    /// A name for the file.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.id, self.form)
    }

    /// How many bytes are sent in a coding.
    pub fn length(&self, coding: Coding) -> u64 {
        match coding {
            Coding::Identity => self.made.bytes,
            Coding::Gzip => self.made.gzip_bytes,
        }
    }

    /// `Content-Digest` (RFC 9530) of what is sent in a coding.
    pub fn digest(&self, coding: Coding) -> String {
        views::field(match coding {
            Coding::Identity => &self.made.digest,
            Coding::Gzip => &self.made.gzip_digest,
        })
    }

    /// A strong entity tag: the bytes of a statement never change.
    pub fn tag(&self, coding: Coding) -> String {
        match coding {
            Coding::Identity => format!("\"{}\"", self.made.digest),
            Coding::Gzip => format!("\"{}\"", self.made.gzip_digest),
        }
    }

    /// The bytes of a part: from the first place to the second, or less if that is more than [`PART_MAX`].
    ///
    /// # Errors
    ///
    /// `internal`.
    pub async fn part(&self, gateway: &Gateway, first: u64, last: u64) -> Result<Vec<u8>, Problem> {
        let end = self.made.bytes.min(last.saturating_add(1)).min(first.saturating_add(PART_MAX));
        let mut part = Vec::new();
        let mut at = first;
        while at < end {
            let (begins, text) = self.piece(gateway, at).await?;
            let skipped = usize::try_from(at - begins).map_err(Problem::internal)?;
            let wanted = usize::try_from(end - begins).map_err(Problem::internal)?;
            let piece = text.get(skipped..wanted.min(text.len())).unwrap_or_default();
            if piece.is_empty() {
                return Err(Problem::internal("a piece of a statement is missing"));
            }
            part.extend_from_slice(piece);
            at += piece.len() as u64;
        }
        Ok(part)
    }

    async fn piece(&self, gateway: &Gateway, at: u64) -> Result<(u64, Vec<u8>), Problem> {
        let chunk = pieces::at(gateway, &self.merchant, &self.id, at).await?;
        let text = plain_of(&chunk.gzip).map_err(Problem::internal)?;
        Ok((chunk.begins, text))
    }

    /// All bytes, a piece at a time: each is read when the one before was taken.
    pub fn stream(
        self,
        gateway: Arc<Gateway>,
        coding: Coding,
    ) -> impl Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static {
        stream::try_unfold(0, move |at| {
            let (content, gateway) = (self.clone(), Arc::clone(&gateway));
            async move {
                if at >= content.made.bytes {
                    return Ok(None);
                }
                let chunk = pieces::at(&gateway, &content.merchant, &content.id, at).await?;
                let text = plain_of(&chunk.gzip).map_err(Problem::internal)?;
                if chunk.begins != at || text.is_empty() {
                    return Err(Problem::internal("a piece of a statement is missing"));
                }
                let next = at + text.len() as u64;
                let sent = match coding {
                    Coding::Identity => text,
                    Coding::Gzip => chunk.gzip,
                };
                Ok(Some((sent, next)))
            }
        })
    }
}
