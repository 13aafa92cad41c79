//! Receivers as they are kept, and the numbers that splits and their returns are found by. The splits
//! themselves are in their orders.

use lezai_core::funds::receiver::Receiver;
use lezai_core::id::{MerchantId, OrderId, ReceiverId, SplitId, SplitReturnId};
use lezai_wire::page::Page;

use super::StoreError;

/// Reads of receivers, splits and returns.
pub trait SplitReads {
    /// A receiver, removed or not.
    fn receiver(&self, id: &ReceiverId) -> Result<Option<Receiver>, StoreError>;
    /// The receiver that a merchant registered by this name.
    fn receiver_by_name(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<Receiver>, StoreError>;
    /// The merchant's receivers of a page, newest first, and one more if there are more.
    fn receivers(
        &self,
        merchant: &MerchantId,
        page: &Page<ReceiverId>,
    ) -> Result<Vec<Receiver>, StoreError>;
    /// The order that a split is of.
    fn order_of_split(&self, split: &SplitId) -> Result<Option<OrderId>, StoreError>;
    /// The split with a merchant's own number.
    fn split_by_merchant_split_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitId>, StoreError>;
    /// The return with a merchant's own number.
    fn return_by_merchant_return_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitReturnId>, StoreError>;
}

/// Writes of receivers.
pub trait SplitWrites: SplitReads {
    /// A new receiver, or one as it is now.
    fn put_receiver(&self, receiver: &Receiver) -> Result<(), StoreError>;
}
