//! The basis of a payment's fee besides its contract: looked up in the commit that makes the order, and kept
//! up in each that changes one. The core decides what comes of it.

use lezai_core::funds::contract::Contract;
use lezai_core::funds::pricing::{FeeBasis, Used, Volume};
use lezai_core::id::MerchantId;
use lezai_core::money::{Currency, MAX_MINOR, Money};
use lezai_core::order::Order;
use lezai_core::time::Timestamp;
use lezai_store::{StoreError, Tx, View, fees};

use crate::schedule;

/// Whether a fee depends on what only the commit knows.
pub fn is_looked_up(contract: &Contract, currency: Currency, at: Timestamp) -> bool {
    let needs = contract.fee_needs(currency, at);
    needs.is_some_and(|it| it.volume || it.promotion.is_some())
}

/// The fee of a payment whose order is made in this commit, and what it was worked out from; `None` if the policy's
/// holds.
///
/// # Errors
///
/// [`StoreError`].
pub fn price<V: View + ?Sized>(
    view: &V,
    contract: &Contract,
    merchant: &MerchantId,
    amount: Money,
    category: Option<u16>,
    at: Timestamp,
) -> Result<Option<(Money, FeeBasis)>, StoreError> {
    let currency = amount.currency();
    let Some(needs) = contract.fee_needs(currency, at) else { return Ok(None) };
    let volume = match needs.volume {
        true => {
            let as_of = view.last_entry_number()?;
            Some(Volume { as_of, ..month_before(view, contract, merchant, currency, at)? })
        }
        false => None,
    };
    let used = match needs.promotion {
        Some(name) => view.promotion_used(merchant, currency, name)?,
        None => Used::default(),
    };
    Ok(contract.price(amount, at, volume, category, used))
}

/// The volume of the month before a moment, without the entry that it is as of. A month in which more was refunded than
/// captured has none.
///
/// # Errors
///
/// [`StoreError`].
pub fn month_before<V: View + ?Sized>(
    view: &V,
    contract: &Contract,
    merchant: &MerchantId,
    currency: Currency,
    at: Timestamp,
) -> Result<Volume, StoreError> {
    let month = schedule::month(contract, at).map_err(damaged)?.before();
    let minor = view.volume(merchant, currency, month)?.clamp(0, MAX_MINOR);
    Ok(Volume { month, minor, as_of: 0 })
}

/// Counts a new order's part of a promotion.
///
/// # Errors
///
/// [`StoreError`].
pub fn count(tx: &dyn Tx, order: &Order) -> Result<(), StoreError> {
    let terms = &order.terms;
    match order.promoted() {
        Some(promoted) => tx.use_promotion(&terms.merchant, terms.amount.currency(), promoted),
        None => Ok(()),
    }
}

/// Keeps up what changes with an order: the volume of the month in which its entry was booked, by the contract in force
/// then, and what it used of a promotion and uses no more.
///
/// # Errors
///
/// [`StoreError`].
pub fn follow(
    tx: &dyn Tx,
    before: &Order,
    after: &Order,
    booked_at: Timestamp,
) -> Result<(), StoreError> {
    let (merchant, currency) = (&after.terms.merchant, after.terms.amount.currency());
    if let Some(minor) = fees::change(before.volume(), after.volume()) {
        let agreed = schedule::in_force(tx, merchant, booked_at)?;
        let month = schedule::month(&agreed.contract, booked_at).map_err(damaged)?;
        tx.add_volume(merchant, currency, month, minor)?;
    }
    match (before.promoted(), after.promoted()) {
        (Some(promoted), None) => tx.give_promotion_back(merchant, currency, promoted),
        _ => Ok(()),
    }
}

fn damaged(error: schedule::UnknownZone) -> StoreError {
    StoreError::Damaged(error.to_string())
}
