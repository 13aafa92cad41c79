//! Money out as it is kept: payouts, contracts, calendars and settlement batches.

use lezai_core::funds::contract::Agreed;
use lezai_core::funds::payout::{Destination, Payout};
use lezai_core::funds::settlement::Batch;
use lezai_core::id::{EventId, MerchantId, PayoutId, SettlementId};
use lezai_core::ledger::{Account, Kind, Subject};
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use lezai_wire::page::Page;

use super::StoreError;

/// The part of a payout that is personal: it is kept apart from the rest, and sealed where the gateway has a root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutDetails {
    /// Where to.
    pub destination: Destination,
    /// The text that the recipient reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl PayoutDetails {
    /// Those of a payout, and the payout as it is kept in clear: `lezai ledger check` reads that without a root key.
    pub fn apart(payout: &Payout) -> (Self, Payout) {
        let details = Self {
            destination: payout.terms.destination.clone(),
            description: payout.terms.description.clone(),
        };
        (details, Self::masked(payout))
    }

    /// The payout as it is kept in clear.
    pub fn masked(payout: &Payout) -> Payout {
        let mut payout = payout.clone();
        payout.terms.destination = payout.terms.destination.masked();
        payout.terms.description = None;
        payout
    }

    /// The whole payout.
    pub fn with(self, mut payout: Payout) -> Payout {
        payout.terms.destination = self.destination;
        payout.terms.description = self.description;
        payout
    }
}

/// A contract as it is kept in clear, and where its batches are paid to.
pub fn pay_to_apart(agreed: &Agreed) -> (Agreed, Option<Destination>) {
    let pay_to = agreed.contract.pay_to().cloned();
    let masked = pay_to.as_ref().map(Destination::masked);
    let contract = agreed.contract.clone().with_pay_to(masked);
    (Agreed { contract, ..agreed.clone() }, pay_to)
}

/// The whole contract.
pub fn with_pay_to(agreed: Agreed, pay_to: Option<Destination>) -> Agreed {
    Agreed { contract: agreed.contract.with_pay_to(pay_to), ..agreed }
}

/// An entry of the ledger as one side of it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The entry's number.
    pub number: u64,
    /// When it was booked.
    pub at: Timestamp,
    /// The order, payout or difference that it belongs to.
    pub subject: Subject,
    /// The kind of operation that it books.
    pub kind: Kind,
    /// The change of the balance, debits positive.
    pub minor: i64,
}

/// Movements on several accounts as those of one: an entry that touches several of them is one movement.
pub fn by_entry(mut found: Vec<Movement>) -> Vec<Movement> {
    found.sort_by_key(|it| it.number);
    let mut merged: Vec<Movement> = Vec::with_capacity(found.len());
    for movement in found {
        match merged.last_mut() {
            Some(last) if last.number == movement.number => {
                last.minor = last.minor.saturating_add(movement.minor);
            }
            _ => merged.push(movement),
        }
    }
    merged
}

/// Movements from rows of an account, in order, whose `minor` is what stood on it after them.
pub fn from_balances(mut before: i64, rows: Vec<Movement>) -> Vec<Movement> {
    let moved = rows.into_iter().map(|movement| {
        let minor = movement.minor.saturating_sub(before);
        before = movement.minor;
        Movement { minor, ..movement }
    });
    moved.collect()
}

/// A range of entries on accounts that are looked at as one, such as what is available to somebody and
/// what the same party owes.
#[derive(Clone, Debug)]
pub struct Statement<'s> {
    /// The accounts.
    pub accounts: &'s [Account],
    /// The currency.
    pub currency: Currency,
    /// After this entry.
    pub after: u64,
    /// Up to this one.
    pub to: u64,
    /// At most so many movements.
    pub limit: u32,
}

/// Reads of payouts, contracts, settlement batches and account movements.
pub trait FundsReads {
    /// A payout.
    fn payout(&self, id: &PayoutId) -> Result<Option<Payout>, StoreError>;
    /// The payout with a merchant's own number.
    fn payout_by_merchant_payout_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Payout>, StoreError>;
    /// The merchant's payouts of a page, newest first, and one more if there are more; of one status
    /// or of all.
    fn payouts(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError>;
    /// Every merchant's payouts of one status, as [`FundsReads::payouts`].
    fn payouts_of_status(
        &self,
        status: &str,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError>;
    /// Every merchant's payouts that a second person has to decide on one by one, as [`FundsReads::payouts`]: of those of
    /// a batch the batch is decided on.
    fn payouts_that_wait(&self, page: &Page<PayoutId>) -> Result<Vec<Payout>, StoreError>;
    /// The sum of the merchant's payouts accepted since then that neither failed nor were
    /// called off.
    fn paid_out_since(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        since: Timestamp,
    ) -> Result<Money, StoreError>;
    /// When the payout was accepted by which the merchant first paid to a destination; none if none was paid yet.
    fn destination_since(
        &self,
        merchant: &MerchantId,
        destination: &Destination,
    ) -> Result<Option<Timestamp>, StoreError>;
    /// The merchant's contracts, the first one first.
    fn contracts(&self, merchant: &MerchantId) -> Result<Vec<Agreed>, StoreError>;
    /// The latest edition of a calendar that the operator put, as its text.
    fn calendar(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// A settlement batch.
    fn batch(&self, id: &SettlementId) -> Result<Option<Batch>, StoreError>;
    /// The merchant's last batch in a currency.
    fn last_batch(
        &self,
        merchant: &MerchantId,
        currency: Currency,
    ) -> Result<Option<Batch>, StoreError>;
    /// The merchant's batches of a page, newest first, and one more if there are more.
    fn batches(
        &self,
        merchant: &MerchantId,
        page: &Page<SettlementId>,
    ) -> Result<Vec<Batch>, StoreError>;
    /// Whether a payment that settles then or before is not settled yet, though its task is due.
    fn settlements_wait(&self, cut_off: Timestamp) -> Result<bool, StoreError>;
    /// The ledger's last entry; 0 if it has none.
    fn last_entry_number(&self) -> Result<u64, StoreError>;
    /// The movements of a range, in the order in which they were booked.
    fn movements(&self, of: &Statement<'_>) -> Result<Vec<Movement>, StoreError>;
    /// How many movements there are, whatever the limit is: counted where they are kept, in memory that does not grow
    /// with them.
    fn count_movements(&self, of: &Statement<'_>) -> Result<u64, StoreError>;
    /// The balance of an account after an entry, debits positive.
    fn balance_at(
        &self,
        account: &Account,
        currency: Currency,
        entry: u64,
    ) -> Result<i64, StoreError>;
    /// The currencies that an account knows.
    fn currencies(&self, account: &Account) -> Result<Vec<Currency>, StoreError>;
}

/// Writes of payouts, contracts, calendars and settlement batches.
pub trait FundsWrites: FundsReads {
    /// A new payout. `false`, and nothing written, if the merchant's number is taken.
    fn insert_payout(&self, payout: &Payout) -> Result<bool, StoreError>;
    /// The payout as it is now.
    fn update_payout(&self, payout: &Payout) -> Result<(), StoreError>;
    /// An event is about a payout: its so manieth.
    fn note_payout_event(
        &self,
        payout: &PayoutId,
        sequence: u32,
        event: &EventId,
    ) -> Result<(), StoreError>;
    /// A new contract; a number is never given twice.
    fn insert_contract(&self, merchant: &MerchantId, agreed: &Agreed) -> Result<(), StoreError>;
    /// A new edition of a calendar. `false`, and nothing written, if there is one with this number.
    fn insert_calendar(&self, name: &str, edition: u32, text: &str) -> Result<bool, StoreError>;
    /// A batch that is closed.
    fn insert_batch(&self, batch: &Batch) -> Result<(), StoreError>;
}
