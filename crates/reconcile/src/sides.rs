//! The sides of each comparison: what of a file stands on them, and by which layouts it is read.
//!
//! A bank and a channel's bill of funds have the withdrawals in common and nothing else. So with a bank's statement they
//! are between those two, and without one they are between the bills of funds and of trades, where nothing has their
//! other half: each is compared once, and none gets lost.

use crate::layout::{self, Layout};
use crate::movement::Movement;
use crate::report::Between;
use crate::rules::Rules;
use crate::run::Side;

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// Between what.
    pub between: Between,
    /// Which of the two.
    pub side: Side,
    /// Whether there is a bank's statement, too.
    pub with_bank: bool,
}

impl Compared {
    /// A movement as it stands on this side; none if it is no part of the comparison.
    pub fn seen<'m>(self, movement: &Movement<'m>) -> Option<Movement<'m>> {
        let is_withdrawal = movement.kind.is_withdrawal();
        match (self.between, self.side) {
            // What leaves the channel is what the bank is to have.
            (Between::BankAndFunds, Side::Ours) => is_withdrawal
                .then_some(Movement { minor: movement.minor.saturating_neg(), ..*movement }),
            (Between::FundsAndTrades, Side::Theirs) if self.with_bank => {
                (!is_withdrawal).then_some(*movement)
            }
            _ => Some(*movement),
        }
    }
}

/// The layouts by which the files of our side are read.
pub fn layouts_of_ours(between: Between, layouts: Vec<Layout>) -> Vec<Layout> {
    match between {
        Between::TradesAndBooks | Between::BankAndFunds => layouts,
        Between::FundsAndTrades => [layout::trades_as_funds(), layouts].concat(),
    }
}

/// The rules that clear if nobody names others.
pub fn usual_rules(between: Between) -> Rules {
    match between {
        Between::TradesAndBooks | Between::FundsAndTrades => Rules::default(),
        Between::BankAndFunds => Rules::at_bank(),
    }
}

/// So near to an end of the period a row may be in the neighbour's bill. A bank tells the day of a row and often no
/// time, so that its rows would all be near the beginning: they have no such window, but rules that wait for days.
pub fn window_seconds(between: Between, given: u32) -> u32 {
    if between == Between::BankAndFunds { 0 } else { given }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::movement::{Kind, Status};

    #[test]
    fn a_withdrawal_is_in_one_comparison_and_the_bank_s_sees_it_arrive() {
        let it = |kind, minor| Movement {
            key: b"a",
            kind,
            status: Status::Done,
            minor,
            currency: *b"CNY",
            fee_micro: None,
            at_ms: 0,
            file: 0,
            line: 2,
        };
        let seen = |between, side, kind, minor, with_bank| {
            Compared { between, side, with_bank }.seen(&it(kind, minor)).map(|it| it.minor)
        };
        use Between::{BankAndFunds as Bank, FundsAndTrades as Funds, TradesAndBooks as Trades};
        use Kind::{Payment, Payout, Withdrawal, WithdrawalReturn as Back};
        for (between, side, kind, minor, with_bank, expected) in [
            (Trades, Side::Theirs, Withdrawal, -7, true, Some(-7)),
            (Funds, Side::Theirs, Withdrawal, -7, false, Some(-7)),
            (Funds, Side::Theirs, Withdrawal, -7, true, None),
            (Funds, Side::Theirs, Payout, -7, true, Some(-7)),
            (Funds, Side::Ours, Withdrawal, -7, true, Some(-7)),
            (Bank, Side::Ours, Withdrawal, -7, true, Some(7)),
            (Bank, Side::Ours, Back, 7, true, Some(-7)),
            (Bank, Side::Ours, Payment, 7, true, None),
            (Bank, Side::Ours, Payout, -7, true, None),
            // Whatever the operator's layout takes out of a bank's statement is compared.
            (Bank, Side::Theirs, Withdrawal, 7, true, Some(7)),
            (Bank, Side::Theirs, Payment, 7, true, Some(7)),
        ] {
            let found = seen(between, side, kind, minor, with_bank);
            assert_eq!(found, expected, "{between:?} {side:?} {kind:?} {with_bank}");
        }
    }
}
