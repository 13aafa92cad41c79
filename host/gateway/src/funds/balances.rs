//! The balances of a merchant, or of one that it shares with, now or at any moment before: their
//! accounts in the ledger, seen from their side.

use lezai_core::id::MerchantId;
use lezai_core::ledger::Account;
use lezai_core::money::{Currency, MAX_MINOR};
use lezai_core::time::Timestamp;
use lezai_wire::time::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Gateway;
use lezai_store as store;
use lezai_store::{StoreError, View};
use lezai_wire::problem::{Code, Problem};

/// The balances of a merchant at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalancesView {
    /// Always `balances`.
    object: &'static str,
    /// RFC 3339: all that was booked by then counts.
    at: String,
    /// The receiver that the balances are of, if not of the merchant itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    receiver: Option<String>,
    /// Each of the accounts in each currency that it knows, by account and currency.
    data: Vec<BalanceView>,
}

/// The balance of one account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BalanceView {
    /// `pending` until it is settled, `held` for a review, `frozen` until it is split, `reserve` until its
    /// days are over, `available` to take out, or `owes`: what is owed by the merchant or receiver, and not to it.
    /// A receiver has the last two alone. `direct` was paid to the merchant's own accounts, less what went back: it has
    /// that already, and nobody owes it.
    account: &'static str,
    /// ISO 4217.
    currency: &'static str,
    /// Minor units, never below zero. Under `owes` are refunds of more than was available; what becomes
    /// available later repays them first. Null past 9007199254740991 (2^53 - 1): a reader of JSON may
    /// round what is more (RFC 8259, section 6).
    #[schema(required = true)]
    amount: Option<i64>,
    /// The same as text, exact whatever it is.
    exact: String,
}

impl BalanceView {
    fn new(account: &'static str, currency: Currency, minor: i128) -> Self {
        let readable = -i128::from(MAX_MINOR)..=i128::from(MAX_MINOR);
        let amount = readable.contains(&minor).then(|| i64::try_from(minor).ok()).flatten();
        Self { account, currency: currency.code(), amount, exact: minor.to_string() }
    }
}

/// A merchant's balances at a moment, now if none is named; or those of a receiver of it. One that
/// never got anything has none.
///
/// # Errors
///
/// `invalid_field` for a moment that is still to come.
pub async fn of_merchant(
    gateway: &Gateway,
    merchant: &MerchantId,
    receiver: Option<String>,
    at: Option<Timestamp>,
) -> Result<BalancesView, Problem> {
    let now = gateway.node.clock.now();
    let at = at.unwrap_or(now);
    if at > now {
        return Err(Problem::new(Code::InvalidField, "at is a moment that is still to come")
            .with("field", "at"));
    }
    let accounts = match &receiver {
        Some(receiver) => of_receiver_accounts(merchant, receiver),
        None => vec![
            ("available", Account::MerchantAvailable(merchant.clone())),
            ("direct", Account::MerchantDirect(merchant.clone())),
            ("frozen", Account::MerchantFrozen(merchant.clone())),
            ("held", Account::MerchantHeld(merchant.clone())),
            ("owes", Account::MerchantOwes(merchant.clone())),
            ("pending", Account::MerchantPending(merchant.clone())),
            ("reserve", Account::MerchantReserve(merchant.clone())),
        ],
    };
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let data = store::read(&gateway.node.store, move |view| read(view, &accounts, at));
    Ok(BalancesView { object: "balances", at: rfc3339(at), receiver, data: data.await? })
}

/// The accounts of one that a merchant shares with, by the merchant's name for it.
pub(super) fn of_receiver_accounts(
    merchant: &MerchantId,
    receiver: &str,
) -> Vec<(&'static str, Account)> {
    let receiver = || receiver.to_owned();
    vec![
        ("available", Account::ReceiverAvailable(merchant.clone(), receiver())),
        ("owes", Account::ReceiverOwes(merchant.clone(), receiver())),
    ]
}

/// The balances of accounts at a moment, seen from their owner's side.
pub(super) fn read<V: View + ?Sized>(
    view: &V,
    accounts: &[(&'static str, Account)],
    at: Timestamp,
) -> Result<Vec<BalanceView>, StoreError> {
    let mut data = Vec::new();
    for (name, account) in accounts {
        for (currency, minor) in view.balances(account, at)? {
            // The ledger's numbers are debits. A debt is one; what is owed to somebody is a credit.
            let minor = i128::from(minor);
            let amount = if *name == "owes" { minor } else { -minor };
            data.push(BalanceView::new(name, currency, amount));
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_that_readers_of_json_may_round_is_text_alone() {
        let cny = Currency::from_code("CNY").unwrap();
        for (minor, amount) in [
            (0, Some(0)),
            (-5, Some(-5)),
            (i128::from(MAX_MINOR), Some(MAX_MINOR)),
            (-i128::from(MAX_MINOR), Some(-MAX_MINOR)),
            (i128::from(MAX_MINOR) + 1, None),
            (-i128::from(i64::MIN), None),
        ] {
            let view = BalanceView::new("available", cny, minor);
            assert_eq!((view.amount, view.exact), (amount, minor.to_string()));
        }
    }
}
