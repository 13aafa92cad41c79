//! The books' side of a channel's bill: each entry that moved money there, by the number that the
//! channel knows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lezai_channels::channel::{Channel, Moved};
use lezai_channels::number;
use lezai_core::id::OrderId;
use lezai_core::ledger::{Account, Kind, Subject};
use lezai_core::order::{ChannelMovement, ChannelReference};
use lezai_store::funds::Movement;
use lezai_store::{StoreError, View};
use lezai_wire::time::rfc3339;

/// The columns of `lezai_reconcile`'s layout of movements.
pub(super) const HEADER: &str = "at,kind,reference,minor,currency,fee,status\n";

/// The movements that a range of entries books at a channel, in the order of the entries, as a file that
/// `lezai_reconcile` reads.
///
/// # Errors
///
/// [`StoreError`].
pub(super) fn movements<V: View + ?Sized>(
    view: &V,
    channel: &dyn Channel,
    after: &[u64],
    to: &[u64],
) -> Result<String, StoreError> {
    let id = channel.id().to_owned();
    let accounts = [Account::ChannelReceivable(id.clone()), Account::Prefund(id)];
    let mut currencies = Vec::new();
    for account in &accounts {
        currencies.extend(view.currencies(account)?);
    }
    currencies.sort_by_key(|it| it.code());
    currencies.dedup();
    let mut booked = Vec::new();
    for currency in currencies {
        let found = view.movements_of_all(&accounts, currency, after, to)?;
        booked.extend(found.into_iter().map(|it| (it, currency.code())));
    }
    // Those of one currency are in an order that never changes, and stay in it.
    booked.sort_by_key(|(it, _)| it.at);
    let mut orders = BTreeMap::new();
    let mut text = HEADER.to_owned();
    for (movement, currency) in booked {
        let Some((kind, reference)) = named(view, channel, &mut orders, &movement)? else {
            continue;
        };
        let Movement { at, minor, .. } = movement;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{},{kind},{reference},{minor},{currency},,done", rfc3339(at));
    }
    Ok(text)
}

/// How the channel's bill names what an entry books; `None` for an entry that moves nothing there.
fn named<V: View + ?Sized>(
    view: &V,
    channel: &dyn Channel,
    orders: &mut BTreeMap<OrderId, Vec<ChannelMovement>>,
    booked: &Movement,
) -> Result<Option<(&'static str, String)>, StoreError> {
    match &booked.subject {
        Subject::Payout(payout) => Ok(match booked.kind {
            Kind::Payout => Some(channel.bill_row(Moved::Payout(payout))),
            Kind::PayoutReturn => Some(channel.bill_row(Moved::PayoutReturn(payout))),
            _ => None,
        }),
        // One resolution of a difference moves something at the channel: what belongs to no order goes back.
        Subject::Difference(difference) if booked.kind == Kind::PaymentReturn => {
            let refund = number::of_return(difference);
            let refund = refund.map_err(|error| StoreError::Damaged(error.to_string()))?;
            Ok(Some(channel.bill_row(Moved::Refund(&refund))))
        }
        Subject::Difference(_) => Ok(None),
        Subject::Order(order) => {
            let left = match orders.entry(order.clone()) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(unknown) => {
                    let record = view.order(order)?.ok_or_else(|| {
                        StoreError::Damaged(format!("the order {order} of an entry is not there"))
                    })?;
                    unknown.insert(record.order.channel_movements(channel.id()))
                }
            };
            let found = take(left, booked).ok_or_else(|| {
                let number = booked.number;
                StoreError::Damaged(format!("{order} did not move what entry {number} says"))
            })?;
            Ok(Some(match &found.reference {
                ChannelReference::Payment(it) => channel.bill_row(Moved::Payment(it)),
                ChannelReference::Reversal(it) => channel.bill_row(Moved::Reversal(it)),
                ChannelReference::DebitReturn(it) => channel.bill_row(Moved::DebitReturn(it)),
                ChannelReference::Refund(it) => channel.bill_row(Moved::Refund(it)),
            }))
        }
    }
}

/// The movement of an order that an entry booked: of those of its kind and amount the one whose time is
/// nearest, which is the entry's own but for a clock that was put back.
fn take(left: &mut Vec<ChannelMovement>, booked: &Movement) -> Option<ChannelMovement> {
    let distance = |it: &ChannelMovement| {
        it.at.map_or(i64::MAX, |at| at.as_ms().saturating_sub(booked.at.as_ms()).saturating_abs())
    };
    let same = |it: &ChannelMovement| it.kind == booked.kind && it.minor == booked.minor;
    let found = left.iter().enumerate().filter(|(_, it)| same(it));
    let (at, _) = found.min_by_key(|(_, it)| distance(it))?;
    Some(left.remove(at))
}

#[cfg(test)]
mod tests {
    use lezai_core::id::RefundId;
    use lezai_core::money::Currency;
    use lezai_core::time::Timestamp;

    use super::*;

    #[test]
    fn refunds_of_one_amount_are_told_apart_by_their_time() {
        let now = Timestamp::from_secs(1_795_000_000);
        let refund = |n: u8| RefundId::new(now, [n; 10]);
        let moved = |n: u8, minor, secs| ChannelMovement {
            reference: ChannelReference::Refund(refund(n)),
            kind: Kind::Refund,
            minor,
            currency: Currency::from_code("CNY").unwrap(),
            at: Some(now.plus_secs(secs)),
        };
        let mut left = vec![moved(1, -500, 0), moved(2, -500, 86_400), moved(3, -501, 86_400)];
        let order = OrderId::new(now, [1; 10]);
        let booked = |minor, secs| Movement {
            number: 7,
            at: now.plus_secs(secs),
            subject: order.clone().into(),
            kind: Kind::Refund,
            minor,
        };
        let mut next = |minor, secs| take(&mut left, &booked(minor, secs)).map(|it| it.reference);
        assert_eq!(next(-500, 86_400), Some(ChannelReference::Refund(refund(2))));
        assert_eq!(next(-500, 86_400), Some(ChannelReference::Refund(refund(1))));
        assert_eq!(next(-500, 86_400), None);
        assert_eq!(next(-501, 0), Some(ChannelReference::Refund(refund(3))));
    }
}
