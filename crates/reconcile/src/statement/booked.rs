//! Entries of the ledger as lines of a statement.

use lezai_core::id::MerchantId;
use lezai_core::ledger::{Account, Kind as Booked, Posting};

/// Whether an account is the merchant's own.
pub fn is_own(account: &Account, of: &MerchantId) -> bool {
    match account {
        Account::MerchantPending(merchant)
        | Account::MerchantFrozen(merchant)
        | Account::MerchantReserve(merchant)
        | Account::MerchantHeld(merchant)
        | Account::MerchantAvailable(merchant)
        | Account::MerchantDirect(merchant)
        | Account::MerchantOwes(merchant) => merchant == of,
        _ => false,
    }
}

/// The merchant's own accounts, in the order of their names.
pub fn own_accounts(merchant: &MerchantId) -> [Account; 7] {
    let merchant = || merchant.clone();
    [
        Account::MerchantAvailable(merchant()),
        Account::MerchantDirect(merchant()),
        Account::MerchantFrozen(merchant()),
        Account::MerchantHeld(merchant()),
        Account::MerchantOwes(merchant()),
        Account::MerchantPending(merchant()),
        Account::MerchantReserve(merchant()),
    ]
}

/// An account's name without its merchant, who is the statement's.
pub fn account_name(account: &Account) -> String {
    let name = account.to_string();
    name.split(':').next().unwrap_or_default().to_owned()
}

/// An entry as a line of `orders.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderAmounts {
    /// The line's kind.
    pub kind: &'static str,
    /// The amount that the shopper paid, or its value in the currency that the order is settled in; negative for one
    /// that went back.
    pub gross_minor: i64,
    /// The fee in it.
    pub fee_minor: i64,
    /// The currency.
    pub currency: &'static str,
    /// The amount that the shopper paid in another currency, with that; negative for one that went back.
    pub paid: Option<(i64, &'static str)>,
}

/// The merchant's and the receivers' gain or loss by an entry, with our fee: that together is what the shopper paid or
/// got back. `None` if the entry is no line of `orders.1`.
pub fn order_amounts(
    booked: Booked,
    postings: &[Posting],
    merchant: &MerchantId,
) -> Option<OrderAmounts> {
    let kind = match booked {
        Booked::Payment => "payment",
        Booked::RefundRequest => "refund",
        Booked::RefundFailure => "refund_failure",
        Booked::VoidRequest => "void",
        Booked::VoidFailure => "void_failure",
        Booked::DebitReturn => "debit_return",
        Booked::DirectPayment => "direct_payment",
        Booked::DirectRefund => "direct_refund",
        Booked::DirectVoid => "direct_void",
        // A line for what it cost, if it cost something: nothing is paid or given back by it.
        Booked::Settlement | Booked::Split => "split_fee",
        _ => return None,
    };
    let shared = |account: &Account| match account {
        Account::ReceiverAvailable(of, _) | Account::ReceiverOwes(of, _) => of == merchant,
        account => is_own(account, merchant),
    };
    let own = postings.iter().find(|it| shared(&it.account))?;
    let sum = |of: &dyn Fn(&Account) -> bool| -> i64 {
        postings.iter().filter(|it| of(&it.account)).map(|it| -it.minor).sum()
    };
    let (net, fee) = (sum(&shared), sum(&|account| *account == Account::FeeIncome));
    if kind == "split_fee" && fee == 0 {
        return None;
    }
    // What was taken for it, where the order is settled in another currency than it is paid in.
    let is_foreign =
        |it: &&Posting| it.account == Account::FxPosition && it.currency != own.currency;
    let paid = postings.iter().find(is_foreign).map(|it| (-it.minor, it.currency.code()));
    Some(OrderAmounts {
        kind,
        gross_minor: net + fee,
        fee_minor: fee,
        currency: own.currency.code(),
        paid,
    })
}
