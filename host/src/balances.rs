//! What is owed to a merchant, or to one that she shares with, now or at any moment before: their
//! accounts in the ledger, seen from their side.

use lezai_core::id::MerchantId;
use lezai_core::ledger::Account;
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::gateway::Gateway;
use crate::problem::{Code, Problem};
use crate::store;

/// What was owed to a merchant at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalancesView {
    /// Always `balances`.
    object: &'static str,
    /// RFC 3339: all that was booked by then counts.
    at: String,
    /// Who the balances are of, if not of the merchant herself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    receiver: Option<String>,
    /// Each of the accounts in each currency that it knows, by account and currency.
    data: Vec<BalanceView>,
}

/// What was owed on one account.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceView {
    /// `pending` until it is settled, `held` for a review, `available` to take out, or `owes`: what is
    /// owed by the merchant or receiver, and not to it. A receiver has the last two alone.
    account: &'static str,
    /// ISO 4217.
    currency: &'static str,
    /// Minor units, never below zero. Under `owes` are refunds of more than was available; what becomes
    /// available later repays them first.
    amount: i64,
}

/// A merchant's balances at a moment, now if none is named; or those of a receiver of hers. One that
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
    let now = gateway.clock.now();
    let at = at.unwrap_or(now);
    if at > now {
        return Err(Problem::new(Code::InvalidField, "at is a moment that is still to come")
            .with("field", "at"));
    }
    let accounts = match &receiver {
        Some(receiver) => {
            vec![
                ("available", Account::ReceiverAvailable(merchant.clone(), receiver.clone())),
                ("owes", Account::ReceiverOwes(merchant.clone(), receiver.clone())),
            ]
        }
        None => vec![
            ("available", Account::MerchantAvailable(merchant.clone())),
            ("held", Account::MerchantHeld(merchant.clone())),
            ("owes", Account::MerchantOwes(merchant.clone())),
            ("pending", Account::MerchantPending(merchant.clone())),
        ],
    };
    let data = store::read(&gateway.store, move |view| {
        let mut data = Vec::new();
        for (name, account) in &accounts {
            for (currency, minor) in view.balances(account, at)? {
                // The ledger's numbers are debits. A debt is one; what is owed to somebody is a credit.
                let amount = if *name == "owes" { minor } else { minor.saturating_neg() };
                data.push(BalanceView { account: name, currency: currency.code(), amount });
            }
        }
        Ok(data)
    });
    Ok(BalancesView { object: "balances", at: clock::rfc3339(at), receiver, data: data.await? })
}
