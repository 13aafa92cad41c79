//! The double-entry ledger: accounts, postings, and a chain of hashes over the entries.
//!
//! An entry's postings sum to zero per currency, it is never changed, and it carries the hash of
//! the one before. Chart of accounts, with the sign of a usual balance (debit is positive):
//!
//! | account | kind | what it is |
//! |---|---|---|
//! | `channel_receivable:CHANNEL` | asset, + | paid by shoppers, still at the channel |
//! | `merchant_pending:MERCHANT` | liability, − | owed to a merchant, not yet settled |
//! | `merchant_held:MERCHANT` | liability, − | the same, held back because risk control wants a review |
//! | `merchant_frozen:MERCHANT` | liability, − | owed to a merchant and settled, until it is split |
//! | `merchant_reserve:MERCHANT` | liability, − | owed to a merchant and settled, and kept back for some days |
//! | `merchant_available:MERCHANT` | liability, − | owed to a merchant and settled: own to take out |
//! | `receiver_available:MERCHANT:RECEIVER` | liability, − | owed to whom a merchant shares with, and settled |
//! | `merchant_owes:MERCHANT` | asset, + | owed by a merchant: refunds and returned debits of more than was available to it |
//! | `receiver_owes:MERCHANT:RECEIVER` | asset, + | the same, owed by one that a merchant shares with |
//! | `fee_income` | income, − | our fees |
//! | `refunds_in_flight` | liability, − | refunds and voids that a channel was asked for and has not confirmed |
//! | `payment_returns` | liability, − | received for orders that could not take it, owed back to shoppers |
//! | `payouts_in_flight:CHANNEL` | liability, − | taken from what is available for payouts that the channel has not confirmed |
//! | `suspense:CHANNEL` | − or + | what the channel has more or less than was booked, until somebody knows whose it is |
//! | `write_off` | − or + | differences from bills that were given up |
//! | `channel_costs:CHANNEL` | expense, + | fees of the channel that were accepted |
//! | `fx_position` | per currency | what was taken for orders that are settled in another currency (−), and what is given for it (+) |
//! | `fx_income` | income, − | our spread on those |
//! | `direct_at_channel:MERCHANT:CHANNEL` | memorandum, + | paid to a merchant's own account at the channel, and never in our hands |
//! | `merchant_direct:MERCHANT` | memorandum, − | the same: the merchant has it already, and nobody owes it anything |
//! | `prefund:CHANNEL` | asset | our money at the channel that pays out: less than zero by what it paid more than we put there |
//!
//! No available account is ever overdrawn. What an order calls for is written as if it could be, and
//! [`Entry::with_debts`] makes of it what is booked: as much is taken as is available, the rest is a
//! debt, and what comes later repays the debt before anything is available again. Both are functions
//! of the entry and of what stood on the accounts before it, so the chain proves them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::sha256_hex;
use crate::id::{DifferenceId, MerchantId, OrderId, PayoutId};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// Where money is or to whom it is owed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Paid by shoppers, still at the channel.
    ChannelReceivable(String),
    /// Owed to a merchant, not yet settled.
    MerchantPending(MerchantId),
    /// Owed to a merchant, held back for a review.
    MerchantHeld(MerchantId),
    /// Owed to a merchant and settled, and waits to be split.
    MerchantFrozen(MerchantId),
    /// Owed to a merchant and settled, and kept back for a while.
    MerchantReserve(MerchantId),
    /// Owed to a merchant and settled.
    MerchantAvailable(MerchantId),
    /// Owed to somebody that a merchant shares with, under the merchant's own name for it, and settled.
    ReceiverAvailable(MerchantId, String),
    /// Owed by a merchant.
    MerchantOwes(MerchantId),
    /// Owed by somebody that a merchant shares with.
    ReceiverOwes(MerchantId, String),
    /// Our fees.
    FeeIncome,
    /// Asked of a channel for shoppers, not yet confirmed.
    RefundsInFlight,
    /// Owed back to shoppers.
    PaymentReturns,
    /// Taken from what is available for payouts that a channel has not confirmed.
    PayoutsInFlight(String),
    /// Our money at a channel that pays out.
    Prefund(String),
    /// A channel's surplus or shortfall against the books, until somebody knows whose it is.
    Suspense(String),
    /// Differences that were written off: a loss, or a gain.
    WriteOff,
    /// A channel's fees that were accepted.
    ChannelCosts(String),
    /// The amount taken in one currency, and the one given for it in another: its two balances are what the
    /// treasury has to sell and to buy.
    FxPosition,
    /// Our spread on what is settled in another currency.
    FxIncome,
    /// Paid to a merchant's own account at a channel.
    DirectAtChannel(MerchantId, String),
    /// The money that a merchant was paid there: it has it already.
    MerchantDirect(MerchantId),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelReceivable(channel) => write!(f, "channel_receivable:{channel}"),
            Self::MerchantPending(merchant) => write!(f, "merchant_pending:{merchant}"),
            Self::MerchantHeld(merchant) => write!(f, "merchant_held:{merchant}"),
            Self::MerchantFrozen(merchant) => write!(f, "merchant_frozen:{merchant}"),
            Self::MerchantReserve(merchant) => write!(f, "merchant_reserve:{merchant}"),
            Self::MerchantAvailable(merchant) => write!(f, "merchant_available:{merchant}"),
            // A merchant's id has no colon; the receiver is the rest, whatever is in it.
            Self::ReceiverAvailable(merchant, receiver) => {
                write!(f, "receiver_available:{merchant}:{receiver}")
            }
            Self::MerchantOwes(merchant) => write!(f, "merchant_owes:{merchant}"),
            Self::ReceiverOwes(merchant, receiver) => {
                write!(f, "receiver_owes:{merchant}:{receiver}")
            }
            Self::FeeIncome => f.write_str("fee_income"),
            Self::RefundsInFlight => f.write_str("refunds_in_flight"),
            Self::PaymentReturns => f.write_str("payment_returns"),
            Self::PayoutsInFlight(channel) => write!(f, "payouts_in_flight:{channel}"),
            Self::Prefund(channel) => write!(f, "prefund:{channel}"),
            Self::Suspense(channel) => write!(f, "suspense:{channel}"),
            Self::WriteOff => f.write_str("write_off"),
            Self::ChannelCosts(channel) => write!(f, "channel_costs:{channel}"),
            Self::FxPosition => f.write_str("fx_position"),
            Self::FxIncome => f.write_str("fx_income"),
            Self::DirectAtChannel(merchant, channel) => {
                write!(f, "direct_at_channel:{merchant}:{channel}")
            }
            Self::MerchantDirect(merchant) => write!(f, "merchant_direct:{merchant}"),
        }
    }
}

impl Account {
    /// The merchant whose account it is, or in whose name somebody has it; `None` for one that all share.
    pub fn owner(&self) -> Option<&MerchantId> {
        match self {
            Self::MerchantPending(merchant)
            | Self::MerchantHeld(merchant)
            | Self::MerchantFrozen(merchant)
            | Self::MerchantReserve(merchant)
            | Self::MerchantAvailable(merchant)
            | Self::ReceiverAvailable(merchant, _)
            | Self::MerchantOwes(merchant)
            | Self::ReceiverOwes(merchant, _)
            | Self::DirectAtChannel(merchant, _)
            | Self::MerchantDirect(merchant) => Some(merchant),
            Self::ChannelReceivable(_)
            | Self::FeeIncome
            | Self::RefundsInFlight
            | Self::PaymentReturns
            | Self::PayoutsInFlight(_)
            | Self::Prefund(_)
            | Self::Suspense(_)
            | Self::ChannelCosts(_)
            | Self::WriteOff
            | Self::FxPosition
            | Self::FxIncome => None,
        }
    }

    /// The merchant whose entry it is, by its postings; `None` for an entry on accounts that all share. No entry is of
    /// two merchants.
    pub fn owner_of(postings: &[Posting]) -> Option<&MerchantId> {
        postings.iter().find_map(|it| it.account.owner())
    }

    /// Where the debts of an available account's owner stand; `None` for any other account.
    pub fn debts(&self) -> Option<Self> {
        match self {
            Self::MerchantAvailable(merchant) => Some(Self::MerchantOwes(merchant.clone())),
            Self::ReceiverAvailable(merchant, receiver) => {
                Some(Self::ReceiverOwes(merchant.clone(), receiver.clone()))
            }
            _ => None,
        }
    }

    /// The available account of whoever owes on this one; `None` for any other account.
    fn available(&self) -> Option<Self> {
        match self {
            Self::MerchantOwes(merchant) => Some(Self::MerchantAvailable(merchant.clone())),
            Self::ReceiverOwes(merchant, receiver) => {
                Some(Self::ReceiverAvailable(merchant.clone(), receiver.clone()))
            }
            _ => None,
        }
    }
}

/// One side of an entry: minor units added to an account, debits positive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Minor units; negative is a credit.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// The kind of operation that an entry books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An order was paid.
    Payment,
    /// A review ended well: what was held back is owed like any other payment.
    HoldRelease,
    /// A payment became the merchant's to take out.
    Settlement,
    /// Frozen money was shared out.
    Split,
    /// The rest of it became the merchant's to take out.
    SplitFinish,
    /// A receiver gave back a share.
    SplitReturn,
    /// The part that was kept back of a settled payment is available.
    ReserveRelease,
    /// A refund was asked of the channel.
    RefundRequest,
    /// The refund went through.
    Refund,
    /// The refund failed.
    RefundFailure,
    /// A void was asked of the channel.
    VoidRequest,
    /// The void went through.
    Void,
    /// The void was refused.
    VoidFailure,
    /// Money came for an order that could not take it.
    UnexpectedPayment,
    /// That money went back.
    PaymentReturn,
    /// The payer's bank took back what was debited.
    DebitReturn,
    /// A payout was accepted: its amount is set aside.
    PayoutRequest,
    /// The channel paid out.
    Payout,
    /// The channel refused to.
    PayoutFailure,
    /// The payout was called off before the channel was asked.
    PayoutRelease,
    /// A payout came back after it was paid.
    PayoutReturn,
    /// A difference from a channel's bill that nobody can explain yet.
    Suspense,
    /// A difference from a channel's bill that is given up.
    WriteOff,
    /// A channel's fee was accepted.
    ChannelFee,
    /// An order was paid to its merchant's own account.
    DirectPayment,
    /// A refund out of that account went through.
    DirectRefund,
    /// Such a payment was reversed.
    DirectVoid,
    /// Money came to that account for an order that could not take it.
    DirectUnexpectedPayment,
    /// That money went back.
    DirectPaymentReturn,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 29] = [
        Self::Payment,
        Self::HoldRelease,
        Self::Settlement,
        Self::Split,
        Self::SplitFinish,
        Self::SplitReturn,
        Self::ReserveRelease,
        Self::RefundRequest,
        Self::Refund,
        Self::RefundFailure,
        Self::VoidRequest,
        Self::Void,
        Self::VoidFailure,
        Self::UnexpectedPayment,
        Self::PaymentReturn,
        Self::DebitReturn,
        Self::PayoutRequest,
        Self::Payout,
        Self::PayoutFailure,
        Self::PayoutRelease,
        Self::PayoutReturn,
        Self::Suspense,
        Self::WriteOff,
        Self::ChannelFee,
        Self::DirectPayment,
        Self::DirectRefund,
        Self::DirectVoid,
        Self::DirectUnexpectedPayment,
        Self::DirectPaymentReturn,
    ];

    /// The kind's name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::HoldRelease => "hold_release",
            Self::Settlement => "settlement",
            Self::Split => "split",
            Self::SplitFinish => "split_finish",
            Self::SplitReturn => "split_return",
            Self::ReserveRelease => "reserve_release",
            Self::RefundRequest => "refund_request",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::VoidRequest => "void_request",
            Self::Void => "void",
            Self::VoidFailure => "void_failure",
            Self::UnexpectedPayment => "unexpected_payment",
            Self::PaymentReturn => "payment_return",
            Self::DebitReturn => "debit_return",
            Self::PayoutRequest => "payout_request",
            Self::Payout => "payout",
            Self::PayoutFailure => "payout_failure",
            Self::PayoutRelease => "payout_release",
            Self::PayoutReturn => "payout_return",
            Self::Suspense => "suspense",
            Self::WriteOff => "write_off",
            Self::ChannelFee => "channel_fee",
            Self::DirectPayment => "direct_payment",
            Self::DirectRefund => "direct_refund",
            Self::DirectVoid => "direct_void",
            Self::DirectUnexpectedPayment => "direct_unexpected_payment",
            Self::DirectPaymentReturn => "direct_payment_return",
        }
    }
}

/// The record that an entry belongs to, and that calls for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// A payout.
    Payout(PayoutId),
    /// A difference between a channel's bill and the books.
    Difference(DifferenceId),
}

/// A text that names nothing that entries belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of an order, a payout or a difference")]
pub struct BadSubject;

impl Subject {
    /// Reads an id: its prefix says of what it is.
    ///
    /// # Errors
    ///
    /// [`BadSubject`].
    pub fn parse(text: &str) -> Result<Self, BadSubject> {
        let order = || OrderId::parse(text).map(Self::Order);
        let payout = || PayoutId::parse(text).map(Self::Payout);
        let difference = || DifferenceId::parse(text).map(Self::Difference);
        order().or_else(|_| payout()).or_else(|_| difference()).map_err(|_| BadSubject)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Order(id) => id.as_str(),
            Self::Payout(id) => id.as_str(),
            Self::Difference(id) => id.as_str(),
        }
    }

    /// The order, if it is one.
    pub fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Order(id) => Some(id),
            Self::Payout(_) | Self::Difference(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<OrderId> for Subject {
    fn from(id: OrderId) -> Self {
        Self::Order(id)
    }
}

impl From<PayoutId> for Subject {
    fn from(id: PayoutId) -> Self {
        Self::Payout(id)
    }
}

impl From<DifferenceId> for Subject {
    fn from(id: DifferenceId) -> Self {
        Self::Difference(id)
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.as_str().to_owned()
    }
}

impl TryFrom<String> for Subject {
    type Error = BadSubject;

    fn try_from(text: String) -> Result<Self, BadSubject> {
        Self::parse(&text)
    }
}

/// Postings that balance. Only the functions here make one, so an entry that does not balance
/// cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    kind: Kind,
    postings: Vec<Posting>,
}

/// A currency's postings do not sum to zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the postings in {0} do not sum to zero")]
pub struct Unbalanced(Currency);

impl Entry {
    /// # Errors
    ///
    /// [`Unbalanced`] if a currency's postings do not sum to zero.
    pub fn new(kind: Kind, postings: Vec<Posting>) -> Result<Self, Unbalanced> {
        for posting in &postings {
            let same = postings.iter().filter(|it| it.currency == posting.currency);
            if same.map(|it| i128::from(it.minor)).sum::<i128>() != 0 {
                return Err(Unbalanced(posting.currency));
            }
        }
        Ok(Self { kind, postings })
    }

    /// Amounts moved from the accounts that are credited to those that are debited. Nothing is not moved.
    ///
    /// `None` if it does not balance.
    pub(crate) fn transfer(
        kind: Kind,
        debits: impl IntoIterator<Item = (Account, Money)>,
        credits: impl IntoIterator<Item = (Account, Money)>,
    ) -> Option<Self> {
        let posting = |sign: i64| {
            move |(account, amount): (Account, Money)| Posting {
                account,
                minor: sign * amount.minor(),
                currency: amount.currency(),
            }
        };
        let debits = debits.into_iter().map(posting(1));
        let postings = debits.chain(credits.into_iter().map(posting(-1)));
        Self::new(kind, postings.filter(|it| it.minor != 0).collect()).ok()
    }

    /// The accounts whose balances [`Entry::with_debts`] needs: the available accounts that the entry
    /// moves, and where their owners' debts stand.
    pub fn touched_by_debts(&self) -> Vec<(Account, Currency)> {
        let mut touched: Vec<(Account, Currency)> = Vec::new();
        for Posting { account, currency, .. } in &self.postings {
            let Some(debts) = account.debts() else { continue };
            if !touched.iter().any(|it| (&it.0, it.1) == (account, *currency)) {
                touched.extend([(account.clone(), *currency), (debts, *currency)]);
            }
        }
        touched
    }

    /// The entry as it is booked, where `standing` gives what stands on an account before it. Of each
    /// owner's available account and debts together the entry moves as much as before, but what is
    /// available is never overdrawn, and nobody who owes has something available.
    ///
    /// `None` if a balance would be more than a number holds.
    pub fn with_debts(&self, standing: impl Fn(&Account, Currency) -> i64) -> Option<Self> {
        let mut postings: Vec<Posting> = Vec::with_capacity(self.postings.len() + 1);
        for posting in &self.postings {
            let (account, currency) = (&posting.account, posting.currency);
            let Some(debts) = account.debts() else {
                postings.push(posting.clone());
                continue;
            };
            if postings.iter().any(|it| {
                (it.account == *account || it.account == debts) && it.currency == currency
            }) {
                // Moved with the first posting of its account.
                continue;
            }
            let same =
                self.postings.iter().filter(|it| (&it.account, it.currency) == (account, currency));
            let moved: i128 = same.map(|it| i128::from(it.minor)).sum();
            let (available, owed) = (standing(account, currency), standing(&debts, currency));
            let after = i128::from(available) + i128::from(owed) + moved;
            for (account, before, after) in
                [(account.clone(), available, after.min(0)), (debts, owed, after.max(0))]
            {
                let minor = i64::try_from(after - i128::from(before)).ok()?;
                if minor != 0 {
                    postings.push(Posting { account, minor, currency });
                }
            }
        }
        Self::new(self.kind, postings).ok()
    }

    /// The kind of operation that it books.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its sides.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// The entry's hash in the chain: SHA-256 in hex over a text that anyone can write down again,
    /// one line each for version, hash of the entry before (64 zeros for the first), number,
    /// milliseconds, subject and kind, then one for each posting.
    pub fn hash(&self, previous: &str, number: u64, at: Timestamp, subject: &Subject) -> String {
        let mut text = format!(
            "lezai-ledger-1\n{previous}\n{number}\n{}\n{subject}\n{}\n",
            at.as_ms(),
            self.kind.as_str()
        );
        for Posting { account, minor, currency } in &self.postings {
            text.push_str(&format!("{account} {minor} {currency}\n"));
        }
        sha256_hex(text.as_bytes())
    }
}

/// The net amount of each account and currency in an entry, zeros left out, as if available
/// accounts could be overdrawn: the same for an entry as it is called for and as
/// [`Entry::with_debts`] books it.
pub fn without_debts(postings: &[Posting]) -> Vec<(Account, &'static str, i128)> {
    let mut moved = std::collections::BTreeMap::new();
    for Posting { account, minor, currency } in postings {
        let account = account.available().unwrap_or_else(|| account.clone());
        *moved.entry((account, currency.code())).or_insert(0) += i128::from(*minor);
    }
    let moved = moved.into_iter().filter(|(_, minor)| *minor != 0);
    moved.map(|((account, code), minor)| (account, code, minor)).collect()
}

/// The hash "before" the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    fn posting(minor: i64, code: &str) -> Posting {
        Posting { account: Account::FeeIncome, minor, currency: Currency::from_code(code).unwrap() }
    }

    #[test]
    fn only_what_balances_is_an_entry() {
        let rows: [(&[(i64, &str)], bool); 6] = [
            (&[], true),
            (&[(5, "CNY"), (-5, "CNY")], true),
            (&[(5, "CNY"), (-5, "CNY"), (1, "JPY"), (-1, "JPY")], true),
            (&[(5, "CNY"), (-5, "JPY")], false),
            (&[(5, "CNY"), (-4, "CNY")], false),
            (&[(i64::MAX, "CNY"), (i64::MAX, "CNY"), (2, "CNY")], false),
        ];
        for (postings, good) in rows {
            let postings = postings.iter().map(|(minor, code)| posting(*minor, code)).collect();
            assert_eq!(Entry::new(Kind::Payment, postings).is_ok(), good);
        }
    }

    /// The available and owed balances before, an entry's debit, and the amounts that it books on both.
    #[test]
    fn what_is_not_there_is_owed_and_what_is_owed_is_repaid_first() {
        let merchant = MerchantId::parse("m_tea").unwrap();
        let currency = Currency::from_code("CNY").unwrap();
        for (available, owed, debit, booked_available, booked_owed) in [
            (-100, 0, 60, 60, 0),
            (-100, 0, 100, 100, 0),
            (-100, 0, 101, 100, 1),
            (0, 0, 5, 0, 5),
            (0, 7, 5, 0, 5),
            (0, 7, -5, 0, -5),
            (0, 7, -7, 0, -7),
            (0, 7, -10, -3, -7),
            (-3, 0, -4, -4, 0),
            // Overdrawn, as ledgers were that named no debts: the first entry names it.
            (20, 0, 5, -20, 25),
            (20, 0, -30, -30, 0),
        ] {
            let account = Account::MerchantAvailable(merchant.clone());
            let sides = vec![
                Posting { account: account.clone(), minor: debit, currency },
                Posting { account: Account::RefundsInFlight, minor: -debit, currency },
            ];
            let entry = Entry::new(Kind::RefundRequest, sides).unwrap();
            let debts = account.debts().unwrap();
            assert_eq!(
                entry.touched_by_debts(),
                [(account.clone(), currency), (debts.clone(), currency)]
            );
            let standing = |it: &Account, _| if *it == account { available } else { owed };
            let booked = entry.with_debts(standing).unwrap();
            let moved = |of: &Account| {
                booked
                    .postings()
                    .iter()
                    .filter(|it| it.account == *of)
                    .map(|it| it.minor)
                    .sum::<i64>()
            };
            let said = (moved(&account), moved(&debts));
            assert_eq!(said, (booked_available, booked_owed), "{available} {owed} {debit}");
            assert_eq!(without_debts(booked.postings()), without_debts(entry.postings()));
        }
    }

    #[test]
    fn a_subject_is_read_by_its_prefix() {
        let digits = "000000000000000000000000000000ff";
        for (prefix, order) in [("ord_", Some(true)), ("po_", Some(false)), ("evt_", None)] {
            let text = format!("{prefix}{digits}");
            let subject = Subject::parse(&text).ok();
            assert_eq!(subject.as_ref().map(|it| it.order().is_some()), order, "{text}");
            assert!(subject.is_none_or(|it| it.to_string() == text));
        }
    }

    #[test]
    fn the_hash_is_sha_256_of_the_text_in_the_docs() {
        let entry = Entry::new(Kind::Payment, vec![posting(5, "CNY"), posting(-5, "CNY")]).unwrap();
        let order = OrderId::new(Timestamp::from_ms(1), [0; 10]);
        let text = format!(
            "lezai-ledger-1\n{GENESIS}\n1\n1\n{order}\npayment\nfee_income 5 CNY\nfee_income -5 CNY\n"
        );
        assert_eq!(
            entry.hash(GENESIS, 1, Timestamp::from_ms(1), &order.clone().into()),
            sha256_hex(text.as_bytes())
        );
    }
}
