//! A merchant's calls on splits: share out what is settled and frozen, take back, finish.
//!
//! That no more is shared than is frozen is the core's to hold, and the commit's.

use lezai_core::id::{MerchantId, OrderId, SplitId, SplitReturnId};
use lezai_core::ledger::Account;
use lezai_core::money::Money;
use lezai_core::order::{Event, NewSplit as Asked, NewSplitReturn};
use lezai_core::policy::Share;

use super::shares::removed;
use crate::gateway::{self, Gateway, not_found};
use crate::idempotency::{ApiResponse, IdempotentRequest};
use crate::views;
use lezai_store::{OrderRecord, Tx};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::split_request::{NewReturn, NewShare, NewSplit};
use lezai_wire::views::SplitView;

/// Splits what is frozen of an order, once for its idempotency key and its number.
///
/// # Errors
///
/// `order_not_found`, `split_state`, `split_exceeds_available`, `receiver_removed`, `too_many_splits`,
/// `merchant_split_id_taken`.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    order: &str,
    new: NewSplit,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let order = OrderId::parse(order).map_err(|_| not_found())?;
    let now = gateway.node.clock.now();
    let id = SplitId::new(now, gateway.node.entropy.bytes());
    let merchant = merchant.clone();
    let done = key.commit(&gateway.node, move |tx| {
        let record = own(tx, &merchant, &order)?;
        let NewSplit { merchant_split_id, shares, mode, finish } = new;
        if let Some(first) = tx.split_by_merchant_split_id(&merchant, &merchant_split_id)? {
            let detail = "query the order's splits; use another number for another split";
            return Err(Problem::new(Code::MerchantSplitIdTaken, detail)
                .with("field", "merchant_split_id")
                .with("split_id", first.to_string()));
        }
        let removed = removed(tx, &merchant, shares.iter().map(|it| it.receiver.as_str()))?;
        let shares = shares.into_iter().map(|it| share(it, &record)).collect::<Result<_, _>>()?;
        let asked = Asked { id: id.clone(), merchant_split_id, mode, shares, removed };
        let mut record = gateway::apply(tx, &order, Event::SplitRequested(asked), now)?;
        if finish {
            let event = Event::SplitFinishRequested { after: Some(id.clone()) };
            record = gateway::apply(tx, &order, event, now)?;
        }
        Ok((ApiResponse::json(201, &view(&record, &id)?)?, record))
    });
    Ok(gateway.announce(done.await?))
}

fn share(new: NewShare, record: &OrderRecord) -> Result<Share, Problem> {
    let amount = Money::new(new.minor, record.order.terms.settled_currency());
    Ok(Share { receiver: new.receiver, amount: amount.map_err(Problem::internal)? })
}

/// Ends the splitting of an order, once for its idempotency key: what is left is its merchant's to take out.
///
/// # Errors
///
/// `order_not_found`, `split_state`.
pub async fn finish(
    gateway: &Gateway,
    merchant: &MerchantId,
    order: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    super::act(gateway, merchant, order, Event::SplitFinishRequested { after: None }, key).await
}

/// Every split of an order, oldest first.
///
/// # Errors
///
/// `order_not_found`.
pub async fn of_order(
    gateway: &Gateway,
    merchant: &MerchantId,
    order: &str,
) -> Result<Vec<SplitView>, Problem> {
    let record = gateway.record(OrderId::parse(order).map_err(|_| not_found())?).await?;
    if record.order.terms.merchant != *merchant {
        return Err(not_found());
    }
    Ok(record.order.splits.iter().map(|it| views::split(&record.order, it)).collect())
}

/// Takes a share back from who has it available, once for its idempotency key and its number.
///
/// # Errors
///
/// `split_not_found`, `return_exceeds_split`, `too_many_returns`, `merchant_return_id_taken`; `invalid_field`
/// for a receiver without a share of the split.
pub async fn give_back(
    gateway: &Gateway,
    merchant: &MerchantId,
    split: &str,
    new: NewReturn,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let split = SplitId::parse(split).map_err(|_| unknown())?;
    let now = gateway.node.clock.now();
    let id = SplitReturnId::new(now, gateway.node.entropy.bytes());
    let merchant = merchant.clone();
    let done = key.commit(&gateway.node, move |tx| {
        let order = tx.order_of_split(&split)?.ok_or_else(unknown)?;
        let record = own(tx, &merchant, &order).map_err(|_| unknown())?;
        let NewReturn { merchant_return_id, receiver, minor } = new;
        if let Some(first) = tx.return_by_merchant_return_id(&merchant, &merchant_return_id)? {
            let detail = "query the order's splits; use another number for another return";
            return Err(Problem::new(Code::MerchantReturnIdTaken, detail)
                .with("field", "merchant_return_id")
                .with("return_id", first.to_string()));
        }
        let currency = record.order.terms.settled_currency();
        // The ledger's numbers are debits; what is available is a credit.
        let account = Account::ReceiverAvailable(merchant.clone(), receiver.clone());
        let available = tx.balance(&account, currency)?.saturating_neg();
        let asked = NewSplitReturn {
            id: id.clone(),
            split,
            merchant_return_id,
            receiver,
            amount: Money::new(minor, currency).map_err(Problem::internal)?,
            available: Money::new(available, currency).unwrap_or(Money::zero(currency)),
        };
        let record = gateway::apply(tx, &order, Event::SplitReturnRequested(asked), now)?;
        let found = record.order.split_return(&id);
        let (split, it) = found.ok_or_else(|| Problem::internal("the return is not there"))?;
        let view = views::split_return(&record.order, split, it);
        Ok((ApiResponse::json(201, &view)?, record))
    });
    Ok(gateway.announce(done.await?))
}

fn own(tx: &dyn Tx, merchant: &MerchantId, order: &OrderId) -> Result<OrderRecord, Problem> {
    let record = tx.order(order)?.filter(|it| it.order.terms.merchant == *merchant);
    record.ok_or_else(not_found)
}

fn view(record: &OrderRecord, id: &SplitId) -> Result<SplitView, Problem> {
    let split = record.order.split(id);
    let split = split.ok_or_else(|| Problem::internal("the split is not in its order"))?;
    Ok(views::split(&record.order, split))
}

fn unknown() -> Problem {
    Problem::new(Code::SplitNotFound, "there is no such split among the merchant's")
}
