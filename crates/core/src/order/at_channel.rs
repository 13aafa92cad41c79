//! An order's movements at its channels, which their bills must list, by the references they know.

use super::{Order, RefundState, State};
use crate::id::{AttemptId, RefundId};
use crate::ledger::Kind;
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// Our number of a movement, as the channel was given it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelReference {
    /// A payment.
    Payment(AttemptId),
    /// A payment that went back as a whole.
    Reversal(AttemptId),
    /// A debit that the payer's bank took back.
    DebitReturn(AttemptId),
    /// A refund.
    Refund(RefundId),
}

/// Money that came in or went out at a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMovement {
    /// Our number of it.
    pub reference: ChannelReference,
    /// The entry that books it.
    pub kind: Kind,
    /// Minor units; positive is money that came in.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
    /// When the channel said so; absent where the order does not keep it.
    pub at: Option<Timestamp>,
}

impl Order {
    /// Every movement of this order at a channel, as often as an entry of [`Order::entries`] moves the
    /// channel's account. What was paid to the merchant's own account there is no movement of ours.
    pub fn channel_movements(&self, channel: &str) -> Vec<ChannelMovement> {
        let of_channel = |attempt: &AttemptId| {
            self.attempt(attempt).is_some_and(|it| it.channel == channel && it.account.is_none())
        };
        let movement = |reference, kind, amount: Money, sign: i64, at| ChannelMovement {
            reference,
            kind,
            minor: sign * amount.minor(),
            currency: amount.currency(),
            at,
        };
        let mut movements = Vec::new();
        let captured = match &self.state {
            State::Paid { captured, .. } => Some(captured),
            State::Voiding { captured, .. } | State::Voided { captured, .. } => captured.as_ref(),
            _ => None,
        };
        let attempt = self.state.payment().map(|it| &it.attempt).filter(|it| of_channel(it));
        if let (Some(captured), Some(attempt)) = (captured, attempt) {
            let payment = ChannelReference::Payment(attempt.clone());
            let (amount, at) = (captured.amount, Some(captured.at));
            movements.push(movement(payment, Kind::Payment, amount, 1, at));
            if let State::Voided { voided_at, .. } = &self.state {
                let reversal = ChannelReference::Reversal(attempt.clone());
                movements.push(movement(reversal, Kind::Void, amount, -1, Some(*voided_at)));
            }
            for refund in &self.refunds {
                if let RefundState::Succeeded { at } = refund.state {
                    let reference = ChannelReference::Refund(refund.id.clone());
                    movements.push(movement(reference, Kind::Refund, refund.amount, -1, Some(at)));
                }
            }
        }
        if let (Some(back), Some(attempt)) = (&self.debit_return, attempt) {
            let reference = ChannelReference::DebitReturn(attempt.clone());
            let at = Some(back.at);
            movements.push(movement(reference, Kind::DebitReturn, back.amount, -1, at));
        }
        for it in self.returns.iter().filter(|it| of_channel(&it.attempt)) {
            let payment = ChannelReference::Payment(it.attempt.clone());
            movements.push(movement(payment, Kind::UnexpectedPayment, it.amount, 1, None));
            if it.done {
                let reversal = ChannelReference::Reversal(it.attempt.clone());
                movements.push(movement(reversal, Kind::PaymentReturn, it.amount, -1, None));
            }
        }
        movements.retain(|it| it.minor != 0);
        movements
    }
}

#[cfg(test)]
pub(super) fn movements_are_those_booked(order: &Order) {
    use crate::ledger::Account;

    let channels: std::collections::BTreeSet<_> =
        order.attempts.iter().map(|it| it.channel.clone()).collect();
    for channel in channels {
        let account = Account::ChannelReceivable(channel.clone());
        let mut booked = Vec::new();
        for entry in order.entries().unwrap() {
            let moved = entry.postings().iter().filter(|it| it.account == account);
            booked.extend(moved.map(|it| (entry.kind(), it.minor, it.currency.code())));
        }
        let found = order.channel_movements(&channel).into_iter();
        let mut found: Vec<_> = found.map(|it| (it.kind, it.minor, it.currency.code())).collect();
        booked.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, booked, "{order:?}");
    }
}
