//! Makes a statement: one piece after another, each read from the store's readers and written by a small commit, with
//! where to go on in the same commit. So nobody waits for a long one, memory is a piece's, and who dies in the middle is
//! gone on from.

use std::io;
use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use lezai_core::id::{MerchantId, StatementId};
use lezai_store as store;
use lezai_store::statements::{Chunk, Cursor, Made, StatementRecord, StatementState, Written};
use lezai_store::{Scope, StoreError, Tx, View};
use lezai_wire::problem::Problem;
use sha2::{Digest as _, Sha256};

use super::lines::{self, NotMade, Piece};
use super::pieces::{self, compressed, plain_of};
use super::views::{self, StatementEventData};
use crate::events::record::{self, Happened, Subject};
use crate::gateway::Gateway;

/// Pieces in one turn of the worker: some seconds, and far less than its lease.
const PIECES_MAX: u32 = 32;
/// Reads without a piece, of a merchant with little in a book of many, that are not worth a commit.
const IDLE_MAX: u32 = 64;

/// The type of the event that tells of a statement that can be downloaded.
pub const READY: &str = "statement.ready";
/// The type of the event that tells of a statement that cannot be made.
pub const FAILED: &str = "statement.failed";

/// The outcome of a turn.
pub enum Turned {
    /// The statement is made, or never will be.
    Over,
    /// There is more to do.
    Further,
}

/// Goes on with a statement for one turn.
///
/// # Errors
///
/// `internal`; it is tried again.
pub async fn turn(
    gateway: &Gateway,
    merchant: MerchantId,
    id: StatementId,
) -> Result<Turned, Problem> {
    let making = Making { gateway, merchant, id };
    let Some((record, mut cursor)) = making.state().await? else { return Ok(Turned::Over) };
    let record = Arc::new(record);
    let (mut idle, mut pieces) = (0, 0);
    // Where the store knows that we are.
    let mut kept = cursor.clone();
    while pieces < PIECES_MAX && idle < IDLE_MAX {
        if let Some(written) = &cursor.written {
            making.end(&kept, written.clone()).await?;
            return Ok(Turned::Over);
        }
        let piece = match making.next(&record, &cursor).await {
            Ok(piece) => piece,
            Err(NotMade::Store(error)) => return Err(error.into()),
            Err(NotMade::Never(why)) => {
                making.fail(&kept, why).await?;
                return Ok(Turned::Over);
            }
        };
        if piece.text.is_empty() {
            (cursor, idle) = (piece.cursor, idle + 1);
            continue;
        }
        let Some(next) = making.keep(&kept, piece).await? else { return Ok(Turned::Over) };
        (cursor, kept, pieces) = (next.clone(), next, pieces + 1);
    }
    if cursor != kept && !making.note(&kept, cursor).await? {
        return Ok(Turned::Over);
    }
    Ok(Turned::Further)
}

struct Making<'g> {
    gateway: &'g Gateway,
    merchant: MerchantId,
    id: StatementId,
}

impl Making<'_> {
    async fn state(&self) -> Result<Option<(StatementRecord, Cursor)>, Problem> {
        let (merchant, id) = (self.merchant.clone(), self.id.clone());
        let read = move |view: &dyn View| view.statement(&merchant, &id);
        let found = store::read_of(&self.gateway.node.store, &self.merchant, read).await?;
        Ok(found.and_then(|record| {
            let StatementState::Making { cursor } = &record.state else { return None };
            let cursor = cursor.clone();
            Some((record, cursor))
        }))
    }

    async fn next(&self, record: &Arc<StatementRecord>, cursor: &Cursor) -> Result<Piece, NotMade> {
        let (record, cursor) = (Arc::clone(record), cursor.clone());
        let read = move |view: &dyn View| Ok(lines::next(view, &record, &cursor));
        store::read_of(&self.gateway.node.store, &self.merchant, read).await?
    }

    /// Keeps a piece and where to go on, in one commit. `None` if another worker went on from there.
    async fn keep(&self, kept: &Cursor, piece: Piece) -> Result<Option<Cursor>, Problem> {
        let Piece { text, mut cursor } = piece;
        let bytes = text.len() as u64;
        let gzip = tokio::task::spawn_blocking(move || compressed(&text));
        let gzip = gzip.await.map_err(Problem::internal)?.map_err(Problem::internal)?;
        let chunk = Chunk { begins: kept.bytes, gzip };
        cursor.bytes = kept.bytes + bytes;
        cursor.gzip_bytes = kept.gzip_bytes + chunk.gzip.len() as u64;
        let next = cursor.clone();
        let is_kept = self.write(kept, move |tx, record| {
            tx.insert_statement_chunk(&record, &chunk)?;
            tx.update_statement(&StatementRecord {
                state: StatementState::Making { cursor },
                ..record
            })
        });
        Ok(is_kept.await?.then_some(next))
    }

    /// Notes where to go on. `false` if another worker went on from there.
    async fn note(&self, kept: &Cursor, cursor: Cursor) -> Result<bool, Problem> {
        self.write(kept, move |tx, record| {
            let state = StatementState::Making { cursor };
            tx.update_statement(&StatementRecord { state, ..record })
        })
        .await
    }

    /// Takes the digests of what is kept, and tells the merchant that it is there.
    async fn end(&self, kept: &Cursor, written: Written) -> Result<(), Problem> {
        let (mut plain, mut gzip) = (Sha256::new(), Sha256::new());
        let mut at = 0;
        while at < kept.bytes {
            let piece = pieces::at(self.gateway, &self.merchant, &self.id, at).await?;
            let digested = tokio::task::spawn_blocking(move || {
                let text = plain_of(&piece.gzip)?;
                plain.update(&text);
                gzip.update(&piece.gzip);
                io::Result::Ok((plain, gzip, text.len() as u64))
            });
            let length;
            (plain, gzip, length) =
                digested.await.map_err(Problem::internal)?.map_err(Problem::internal)?;
            at += length;
        }
        let [digest, gzip_digest] = [plain, gzip].map(|it| Base64::encode_string(&it.finalize()));
        let now = self.gateway.node.clock.now();
        let (bytes, gzip_bytes) = (kept.bytes, kept.gzip_bytes);
        let made = Made { at: now, bytes, gzip_bytes, digest, gzip_digest, written };
        self.finish(kept, StatementState::Ready { made }, READY).await
    }

    /// It never will be made.
    pub(super) async fn fail(&self, kept: &Cursor, why: &str) -> Result<(), Problem> {
        let (merchant, statement) = (&self.merchant, &self.id);
        tracing::warn!(%merchant, %statement, why, "a statement cannot be made");
        self.finish(kept, StatementState::Failed { why: why.to_owned() }, FAILED).await
    }

    async fn finish(
        &self,
        kept: &Cursor,
        state: StatementState,
        event_type: &'static str,
    ) -> Result<(), Problem> {
        let now = self.gateway.node.clock.now();
        let told = self.write(kept, move |tx, record| {
            let record = StatementRecord { state, ..record };
            tx.update_statement(&record)?;
            let happened = Happened {
                merchant: &record.merchant,
                subject: Subject::Named(record.id.as_str()),
                event_type,
                data: StatementEventData { statement: views::statement(&record) },
            };
            record::deliver(tx, happened, now)
        });
        told.await?;
        self.gateway.node.cluster.wake.call();
        Ok(())
    }

    /// Writes if the statement is still where it was left. `false`, and nothing written, if it is not: a lease ran out,
    /// and another worker went on.
    async fn write(
        &self,
        kept: &Cursor,
        work: impl FnOnce(&dyn Tx, StatementRecord) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<bool, Problem> {
        let (merchant, id, kept) = (self.merchant.clone(), self.id.clone(), kept.clone());
        let scope = Scope::Merchant(self.merchant.clone());
        let written = store::write(&self.gateway.node.store, scope, move |tx| {
            let Some(record) = tx.statement(&merchant, &id)? else { return Ok(false) };
            if !matches!(&record.state, StatementState::Making { cursor } if *cursor == kept) {
                return Ok(false);
            }
            work(tx, record)?;
            Ok::<_, StoreError>(true)
        });
        Ok(written.await?)
    }
}

/// Gives a statement up that the worker tried in vain.
///
/// # Errors
///
/// `internal`.
pub async fn give_up(
    gateway: &Gateway,
    merchant: MerchantId,
    id: StatementId,
) -> Result<(), Problem> {
    let making = Making { gateway, merchant, id };
    match making.state().await? {
        Some((_, cursor)) => making.fail(&cursor, "internal").await,
        None => Ok(()),
    }
}
