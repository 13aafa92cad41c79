//! The shares of an order that is about to be, as its merchant and its plugin say.
//!
//! A receiver is a name of the merchant's. One that is registered has an id and a destination beside it, and
//! may be removed; a name that is not works as well, but for those.

use lezai_core::id::MerchantId;
use lezai_core::money::Money;
use lezai_core::order::{SplitTime, Terms};
use lezai_core::policy::answer::check_shares;
use lezai_core::policy::{OrderFacts, Share};

use lezai_store::Tx;
use lezai_wire::order_request::NewOrder;
use lezai_wire::problem::{Code, Problem};

/// The shares of an order that is about to be: as its merchant says, or else as its plugin does. Where both
/// speak they must say the same, and neither may of an order that is split later.
///
/// # Errors
///
/// `split_ambiguous`, `limit_exceeded`; `invalid_field` for a bearer of refunds without a share.
pub(super) fn agreed(
    new: &NewOrder,
    of_plugin: Vec<Share>,
    fee: Money,
    facts: &OrderFacts,
) -> Result<Vec<Share>, Problem> {
    let asked = new.shares.iter().map(|it| (it.receiver.clone(), it.minor.unsigned_abs()));
    let plugins =
        of_plugin.iter().map(|it| (it.receiver.clone(), it.amount.minor().unsigned_abs()));
    let shares = match new.shares.is_empty() {
        true => check_shares(plugins, fee, facts),
        false => check_shares(asked, fee, facts),
    };
    let shares = shares.map_err(|_| too_much())?;
    let same = shares.len() == of_plugin.len() && of_plugin.iter().all(|it| shares.contains(it));
    if !of_plugin.is_empty() && (!same || new.split == SplitTime::Later) {
        let detail = match new.split {
            SplitTime::Later => {
                "the merchant's plugin names shares of an order that is to be split later"
            }
            SplitTime::Agreed => "the order names other shares than the merchant's plugin",
        };
        let field = if new.split == SplitTime::Later { "split" } else { "shares" };
        return Err(Problem::new(Code::SplitAmbiguous, detail).with("field", field));
    }
    if new.split == SplitTime::Agreed && !new.refund_bearer.is_one_of(&shares) {
        let detail = "refund_bearer names a receiver that has no share of this order; name one of its shares, \
                      pro_rata or merchant";
        return Err(Problem::new(Code::InvalidField, detail).with("field", "refund_bearer"));
    }
    Ok(shares)
}

/// The problem of an order whose amount does not cover what is taken of it.
pub(super) fn too_much() -> Problem {
    let detail =
        "the fee, the shares of others and what the contract keeps back are more than the amount";
    Problem::new(Code::LimitExceeded, detail).with("field", "amount")
}

/// Checks that nobody who was removed has a share of a new order.
///
/// # Errors
///
/// `receiver_removed`.
pub(super) fn check_receivers(tx: &dyn Tx, terms: &Terms) -> Result<(), Problem> {
    let names = terms.shares.iter().map(|it| it.receiver.as_str());
    match removed(tx, &terms.merchant, names)?.into_iter().next() {
        None => Ok(()),
        Some(name) => {
            let detail = format!("the receiver {name} was removed");
            Err(Problem::new(Code::ReceiverRemoved, detail).with("receiver", name))
        }
    }
}

/// Those of the names whose receivers were removed.
///
/// # Errors
///
/// `internal`.
pub(super) fn removed<'n>(
    tx: &dyn Tx,
    merchant: &MerchantId,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<String>, Problem> {
    let mut removed = Vec::new();
    for name in names {
        let found = tx.receiver_by_name(merchant, name)?;
        removed.extend(found.filter(|it| it.removed_at.is_some()).map(|it| it.name));
    }
    Ok(removed)
}
