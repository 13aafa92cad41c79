//! Merchants' statements as they are kept: what was asked for, how far it is made, its bytes, and the plans by which
//! they are made again and again.

use lezai_core::id::{MerchantId, OrderId, SettlementId, StatementId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BookedEntry, OrderRecord, StoreError};
use lezai_wire::page::Page;

/// A statement: a range of the ledger's entries that was fixed when it was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementRecord {
    /// Its id.
    pub id: StatementId,
    /// The merchant.
    pub merchant: MerchantId,
    /// The type, such as `orders.1`.
    pub kind: String,
    /// `csv` or `jsonl`.
    pub form: String,
    /// The IANA zone that its times are in.
    pub zone: String,
    /// The columns that were named; all if none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The first moment in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The first moment behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The batches that it lists, of `settlement.1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<SettlementId>,
    /// The plan that it was made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Entries after this one …
    pub after: u64,
    /// … up to and with this one.
    pub until: u64,
    /// The time of its acceptance.
    pub created_at: Timestamp,
    /// Its bytes are forgotten then.
    pub kept_until: Timestamp,
    /// Its state.
    pub state: StatementState,
}

/// The state of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StatementState {
    /// It is being made.
    Making {
        /// How far.
        cursor: Cursor,
    },
    /// It can be downloaded.
    Ready {
        /// The content.
        made: Made,
    },
    /// It cannot be made.
    Failed {
        /// Why, as a stable word.
        why: String,
    },
}

impl StatementState {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Making { .. } => "making",
            Self::Ready { .. } => "ready",
            Self::Failed { .. } => "failed",
        }
    }
}

/// How far a statement is made: whoever goes on from here writes what would have come anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Bytes that are kept so far.
    pub bytes: u64,
    /// The same compressed.
    pub gzip_bytes: u64,
    /// All up to this entry is written.
    pub entry: u64,
    /// So many batches are written.
    pub batch: u32,
    /// Whether the opening of the batch that comes next is written.
    pub opened: bool,
    /// The writer's own: none before the first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Value>,
    /// All of it is written; its digests are not taken yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// The sums of all that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Lines, headings and sums apart.
    pub lines: u64,
    /// The sums of them, by currency; of `orders.1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<TotalRecord>,
    /// The hash of the ledger's entry that it ends with.
    pub head: String,
}

/// A statement that is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// When.
    pub at: Timestamp,
    /// Bytes.
    pub bytes: u64,
    /// Bytes when compressed.
    pub gzip_bytes: u64,
    /// SHA-256 of the bytes, in base64.
    pub digest: String,
    /// SHA-256 of the compressed bytes, in base64.
    pub gzip_digest: String,
    /// The sums of it.
    pub written: Written,
}

/// The sums of a currency's lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalRecord {
    /// The currency.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// Gross, fee and net in minor units, as texts: a sum may be more than a number of JSON's.
    pub minor: [String; 3],
}

/// A piece of a statement: a whole member of gzip (RFC 1952), so that all pieces in their order are one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many bytes of the statement come before it, uncompressed.
    pub begins: u64,
    /// The member.
    pub gzip: Vec<u8>,
}

/// By what statements are made again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's name for it.
    pub name: String,
    /// The type of its statements.
    pub kind: String,
    /// `csv` or `jsonl`.
    pub form: String,
    /// The columns that were named; all if none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// `day`, `week` or `month`.
    pub period: String,
    /// The IANA zone that its periods and times are in.
    pub zone: String,
    /// Whether statements are made.
    pub is_on: bool,
    /// One more with each change: a task of an earlier edition is left behind.
    pub edition: u32,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The end of the period whose statement comes next; none if it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_end: Option<Timestamp>,
    /// The end of its last statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastPeriod>,
}

/// The end of a plan's last statement: the next one begins there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPeriod {
    /// The first moment behind it.
    pub end: Timestamp,
    /// Its last entry.
    pub until: u64,
    /// The statement.
    pub statement: StatementId,
}

/// Reads of statements.
pub trait StatementReads {
    /// A merchant's statement.
    fn statement(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
    ) -> Result<Option<StatementRecord>, StoreError>;
    /// The merchant's statements of a page, newest first, and one more if there are more.
    fn statements(
        &self,
        merchant: &MerchantId,
        page: &Page<StatementId>,
    ) -> Result<Vec<StatementRecord>, StoreError>;
    /// How many of the merchant's are being made.
    fn statements_making(&self, merchant: &MerchantId) -> Result<u32, StoreError>;
    /// The piece of a statement that has the byte at this place.
    fn statement_chunk(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
        at: u64,
    ) -> Result<Option<Chunk>, StoreError>;
    /// A merchant's plan.
    fn statement_plan(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<PlanRecord>, StoreError>;
    /// The merchant's plans, by name.
    fn statement_plans(&self, merchant: &MerchantId) -> Result<Vec<PlanRecord>, StoreError>;
    /// The entries of a range of the merchant's book that touch an account of its own, or of one that it shares
    /// with: the first of them, so many. Others' entries are not looked at.
    fn entries_of(
        &self,
        merchant: &MerchantId,
        after: u64,
        until: u64,
        limit: u32,
    ) -> Result<Vec<BookedEntry>, StoreError>;
    /// The number of the last entry of the merchant's book that was booked before a moment; 0 if there is none.
    fn entry_before(&self, merchant: &MerchantId, at: Timestamp) -> Result<u64, StoreError>;
    /// The hash of an entry of the merchant's book.
    fn entry_hash(&self, merchant: &MerchantId, number: u64) -> Result<Option<String>, StoreError>;
    /// The balances of an account of a merchant's after an entry, debits positive, in each currency that it knew then.
    fn balances_after(
        &self,
        account: &Account,
        number: u64,
    ) -> Result<Vec<(Currency, i64)>, StoreError>;
    /// The merchant's orders with these ids, in any order.
    fn orders_named(
        &self,
        merchant: &MerchantId,
        ids: &[OrderId],
    ) -> Result<Vec<OrderRecord>, StoreError>;
    /// How many refunds of an order were booked before an entry of the merchant's book.
    fn refunds_before(
        &self,
        merchant: &MerchantId,
        order: &OrderId,
        number: u64,
    ) -> Result<u32, StoreError>;
}

/// Writes of statements.
pub trait StatementWrites: StatementReads {
    /// A new statement.
    fn insert_statement(&self, statement: &StatementRecord) -> Result<(), StoreError>;
    /// The statement as it is now.
    fn update_statement(&self, statement: &StatementRecord) -> Result<(), StoreError>;
    /// The next piece of a statement.
    fn insert_statement_chunk(
        &self,
        statement: &StatementRecord,
        chunk: &Chunk,
    ) -> Result<(), StoreError>;
    /// A new plan, or one as it is now.
    fn put_statement_plan(&self, plan: &PlanRecord) -> Result<(), StoreError>;
    /// Forgets the bytes of statements whose time is over.
    fn prune_statements(&self, now: Timestamp) -> Result<(), StoreError>;
}
