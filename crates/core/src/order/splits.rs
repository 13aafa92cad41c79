//! Splits and their returns, as an order keeps them and as a merchant asks for them.

use serde::{Deserialize, Serialize};

use crate::id::{SplitId, SplitReturnId};
use crate::ledger::Account;
use crate::money::Money;
use crate::policy::Share;
use crate::time::Timestamp;

/// When it is said who shares a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitTime {
    /// When the order is created, and booked when it is settled.
    #[default]
    Agreed,
    /// Once it is settled, by as many splits as the merchant needs.
    Later,
}

impl SplitTime {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Later => "later",
        }
    }

    /// As it is unless something else is asked for.
    pub fn is_agreed(&self) -> bool {
        *self == Self::Agreed
    }
}

/// How a split ends of which some shares cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitMode {
    /// It is refused.
    AllOrNothing,
    /// Those that can be are booked, in their order; the others are kept as failed.
    Partial,
}

impl SplitMode {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllOrNothing => "all_or_nothing",
            Self::Partial => "partial",
        }
    }
}

/// A split of a settled payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Our id of it.
    pub id: SplitId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_split_id: String,
    /// How it was to end if some shares could not be.
    pub mode: SplitMode,
    /// Its shares, as they were asked for.
    pub items: Vec<SplitItem>,
    /// Its cost to the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// The returns of it, failed ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<SplitReturn>,
    /// When.
    pub at: Timestamp,
}

impl Split {
    /// The shares that were booked.
    pub fn booked(&self) -> impl Iterator<Item = &Share> {
        self.items.iter().filter(|it| it.failure.is_none()).map(|it| &it.share)
    }

    /// Whether every share was.
    pub fn is_whole(&self) -> bool {
        self.items.iter().all(|it| it.failure.is_none())
    }

    /// The returns of it that succeeded.
    pub fn returned(&self) -> impl Iterator<Item = &SplitReturn> {
        self.returns.iter().filter(|it| matches!(it.state, SplitReturnState::Succeeded { .. }))
    }
}

/// One share of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitItem {
    /// The receiver, and how much.
    pub share: Share,
    /// Why it was not booked, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SplitFailure>,
}

/// Why a share was not booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitFailure {
    /// It is more than what those before it left to be split.
    ExceedsUnsplit,
    /// Its receiver was removed.
    ReceiverRemoved,
}

impl SplitFailure {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExceedsUnsplit => "exceeds_unsplit",
            Self::ReceiverRemoved => "receiver_removed",
        }
    }
}

/// A share that is given back, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitReturn {
    /// Our id of it.
    pub id: SplitReturnId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_return_id: String,
    /// The receiver.
    pub receiver: String,
    /// How much.
    pub amount: Money,
    /// How it ended.
    pub state: SplitReturnState,
    /// When.
    pub at: Timestamp,
}

/// How a return ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SplitReturnState {
    /// It is the merchant's again.
    Succeeded {
        /// The account that it went to: frozen until the splitting was finished, available from then on.
        to: Account,
    },
    /// The receiver has not as much available; nothing was booked.
    BalanceShort,
}

/// The end of splitting: what was left became the merchant's to take out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitFinish {
    /// The amount that was left.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
    /// Whether the merchant asked for it; it ends by itself after [`SPLIT_SECS`].
    pub asked: bool,
}

/// A merchant's wish for a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSplit {
    /// Our id of it.
    pub id: SplitId,
    /// The merchant's own number.
    pub merchant_split_id: String,
    /// How it is to end if some shares cannot be.
    pub mode: SplitMode,
    /// The shares, of different receivers, each of more than nothing.
    pub shares: Vec<Share>,
    /// Those of the receivers that were removed.
    pub removed: Vec<String>,
}

/// A merchant's wish for a return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSplitReturn {
    /// Our id of it.
    pub id: SplitReturnId,
    /// The split that it is of.
    pub split: SplitId,
    /// The merchant's own number.
    pub merchant_return_id: String,
    /// The receiver.
    pub receiver: String,
    /// How much.
    pub amount: Money,
    /// As much is available to the receiver now.
    pub available: Money,
}
