//! Money out through the layer that has the planted bugs.

use lezai_core::funds::contract::Agreed;
use lezai_core::funds::payout::{Destination, Payout};
use lezai_core::funds::settlement::Batch;
use lezai_core::id::{EventId, MerchantId, PayoutId, SettlementId};
use lezai_core::ledger::Account;
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use lezai_store::funds::{Movement, Statement};
use lezai_store::{FundsReads, FundsWrites, Page, StoreError};

use super::planted::{Layer, Planted};

impl FundsReads for Layer<'_> {
    fn payout(&self, id: &PayoutId) -> Result<Option<Payout>, StoreError> {
        self.tx.payout(id)
    }
    fn payout_by_merchant_payout_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Payout>, StoreError> {
        self.tx.payout_by_merchant_payout_id(merchant, number)
    }
    fn payouts(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        self.tx.payouts(merchant, status, page)
    }
    fn payouts_of_status(
        &self,
        status: &str,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        self.tx.payouts_of_status(status, page)
    }
    fn payouts_that_wait(&self, page: &Page<PayoutId>) -> Result<Vec<Payout>, StoreError> {
        self.tx.payouts_that_wait(page)
    }
    fn paid_out_since(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        since: Timestamp,
    ) -> Result<Money, StoreError> {
        self.tx.paid_out_since(merchant, currency, since)
    }
    fn destination_since(
        &self,
        merchant: &MerchantId,
        destination: &Destination,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.tx.destination_since(merchant, destination)
    }
    fn contracts(&self, merchant: &MerchantId) -> Result<Vec<Agreed>, StoreError> {
        self.tx.contracts(merchant)
    }
    fn calendar(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.tx.calendar(name)
    }
    fn batch(&self, id: &SettlementId) -> Result<Option<Batch>, StoreError> {
        self.tx.batch(id)
    }
    fn last_batch(
        &self,
        merchant: &MerchantId,
        currency: Currency,
    ) -> Result<Option<Batch>, StoreError> {
        let last = self.tx.last_batch(merchant, currency)?;
        Ok(last.filter(|_| self.planted != Planted::BatchForgetsTheLast))
    }
    fn batches(
        &self,
        merchant: &MerchantId,
        page: &Page<SettlementId>,
    ) -> Result<Vec<Batch>, StoreError> {
        self.tx.batches(merchant, page)
    }
    fn settlements_wait(&self, cut_off: Timestamp) -> Result<bool, StoreError> {
        self.tx.settlements_wait(cut_off)
    }
    fn last_entry_number(&self) -> Result<u64, StoreError> {
        self.tx.last_entry_number()
    }
    fn movements(&self, of: &Statement<'_>) -> Result<Vec<Movement>, StoreError> {
        self.tx.movements(of)
    }
    fn count_movements(&self, of: &Statement<'_>) -> Result<u64, StoreError> {
        self.tx.count_movements(of)
    }
    fn balance_at(
        &self,
        account: &Account,
        currency: Currency,
        entry: u64,
    ) -> Result<i64, StoreError> {
        self.tx.balance_at(account, currency, entry)
    }
    fn currencies(&self, account: &Account) -> Result<Vec<Currency>, StoreError> {
        self.tx.currencies(account)
    }
}

impl FundsWrites for Layer<'_> {
    fn insert_payout(&self, payout: &Payout) -> Result<bool, StoreError> {
        self.scope.admit(&payout.terms.merchant)?;
        self.tx.insert_payout(payout)
    }
    fn update_payout(&self, payout: &Payout) -> Result<(), StoreError> {
        self.scope.admit(&payout.terms.merchant)?;
        self.tx.update_payout(payout)
    }
    fn note_payout_event(
        &self,
        payout: &PayoutId,
        sequence: u32,
        event: &EventId,
    ) -> Result<(), StoreError> {
        self.tx.note_payout_event(payout, sequence, event)
    }
    fn insert_contract(&self, merchant: &MerchantId, agreed: &Agreed) -> Result<(), StoreError> {
        self.scope.admit(merchant)?;
        self.tx.insert_contract(merchant, agreed)
    }
    fn insert_calendar(&self, name: &str, edition: u32, text: &str) -> Result<bool, StoreError> {
        self.tx.insert_calendar(name, edition, text)
    }
    fn insert_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        self.scope.admit(&batch.merchant)?;
        self.tx.insert_batch(batch)
    }
}
