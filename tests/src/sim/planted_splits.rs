//! Receivers and splits through the layer that has the planted bugs.

use std::sync::atomic::Ordering;

use lezai_core::funds::receiver::Receiver;
use lezai_core::id::{MerchantId, OrderId, ReceiverId, SplitId, SplitReturnId};
use lezai_store::{Page, SplitReads, SplitWrites, StoreError};

use super::planted::Layer;

impl SplitReads for Layer<'_> {
    fn receiver(&self, id: &ReceiverId) -> Result<Option<Receiver>, StoreError> {
        self.tx.receiver(id)
    }
    fn receiver_by_name(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<Receiver>, StoreError> {
        self.tx.receiver_by_name(merchant, name)
    }
    fn receivers(
        &self,
        merchant: &MerchantId,
        page: &Page<ReceiverId>,
    ) -> Result<Vec<Receiver>, StoreError> {
        self.tx.receivers(merchant, page)
    }
    fn order_of_split(&self, split: &SplitId) -> Result<Option<OrderId>, StoreError> {
        self.tx.order_of_split(split)
    }
    fn split_by_merchant_split_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitId>, StoreError> {
        self.tx.split_by_merchant_split_id(merchant, number)
    }
    fn return_by_merchant_return_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitReturnId>, StoreError> {
        self.gives_back.store(true, Ordering::Relaxed);
        self.tx.return_by_merchant_return_id(merchant, number)
    }
}

impl SplitWrites for Layer<'_> {
    fn put_receiver(&self, receiver: &Receiver) -> Result<(), StoreError> {
        self.scope.admit(&receiver.merchant)?;
        self.tx.put_receiver(receiver)
    }
}
