//! The bills of each day: those that a channel writes, and the statement of the bank that it pays to.

use serde::{Deserialize, Serialize};

/// Which of a day's bills.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BillKind {
    /// 交易账单: payments and refunds, by the merchant's numbers.
    #[default]
    Trades,
    /// 资金账单: every movement of the account, with what the channel took for itself.
    Funds,
    /// 银行对账单: the statement of the bank account that the channel's withdrawals arrive on.
    Bank,
}

impl BillKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Trades, Self::Funds, Self::Bank];
    /// Those that a channel itself may give.
    pub const OF_CHANNELS: [Self; 2] = [Self::Trades, Self::Funds];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Funds => "funds",
            Self::Bank => "bank",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in BillKind::ALL {
            assert_eq!(BillKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(BillKind::parse("trade"), None);
    }
}
