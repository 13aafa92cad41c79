//! Orders that are settled in another currency than the one that the shopper pays in.
//!
//! The money changes its currency with the capture, in the entry of the payment. Before it, and towards the channel,
//! an order is in its own currency; everything that its merchant, its receivers and we have of it, or owe for it, is
//! in the settled one from then on. So a settlement, a split, a reserve or a charge knows nothing of this.
//!
//! ```text
//!   channel_receivable  +100.00 USD  |  fx_position       +714.00 CNY   the value by the market's rate
//!   fx_position         -100.00 USD  |  fx_income           -3.57 CNY   our spread of it
//!                                    |  merchant_pending  -706.17 CNY   what is left, less the fee
//!                                    |  fee_income          -4.26 CNY
//! ```
//!
//! A refund is by the rate of its payment, whatever the market has done since. It takes back its part of what the
//! capture brought: not of its own amount, but as much as makes the sum right for all refunds so far, as with the fee.
//! So many parts take exactly the whole, spread included, and close the position. A void takes the whole at once.

use super::{BadBooks, Order, Refund, RefundState, State};
use crate::funds::fx::ConvertedBack;
use crate::ledger::Account;
use crate::money::Money;

/// Amounts that an entry moves between two currencies when money comes: one is debited, one is credited. Turned round,
/// it is what goes back.
#[derive(Default)]
pub(super) struct Exchange {
    pub(super) given: Vec<(Account, Money)>,
    pub(super) taken: Vec<(Account, Money)>,
}

impl Exchange {
    fn of(amount: Money, ConvertedBack { value, spread }: ConvertedBack) -> Option<Self> {
        Some(Self {
            given: vec![(Account::FxPosition, value.checked_add(spread)?)],
            taken: vec![(Account::FxPosition, amount), (Account::FxIncome, spread)],
        })
    }
}

impl Refund {
    /// The amounts that it moves between two currencies.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        self.converted.map_or(Some(Exchange::default()), |it| Exchange::of(self.amount, it))
    }
}

impl Order {
    /// The amounts that a capture moves between two currencies.
    pub(super) fn exchange_of(&self, captured: Money) -> Option<Exchange> {
        match self.converted(captured)? {
            Some(whole) => Exchange::of(captured, whole),
            None => Some(Exchange::default()),
        }
    }

    /// The amount that a capture brings in the settled currency; nothing of its own if that is the order's.
    fn converted(&self, captured: Money) -> Option<Option<ConvertedBack>> {
        let Some(fx) = &self.terms.fx else { return Some(None) };
        let (value, spread) = (fx.value(captured)?, fx.spread(captured)?);
        Some(Some(ConvertedBack { value, spread }))
    }

    /// The part of that which a refund of an amount takes back, after the refunds before it.
    pub(super) fn converted_back(&self, captured: Money, amount: Money) -> Option<ConvertedBack> {
        let whole = self.converted(captured)??;
        let (refunded, taken) = self.taken_back()?;
        let refunded = refunded.checked_add(amount)?;
        // Refunds that failed since may have had the smaller parts of units. Then this one takes nothing: what was
        // taken never is more than the whole, so the last one comes out right either way.
        let part = |whole: Money, taken: Money| {
            let due = whole.in_ratio(refunded, captured)?;
            Some(due.checked_sub(taken).unwrap_or(Money::zero(whole.currency())))
        };
        Some(ConvertedBack {
            value: part(whole.value, taken.value)?,
            spread: part(whole.spread, taken.spread)?,
        })
    }

    /// How much was refunded, and how much that took back in the settled currency.
    fn taken_back(&self) -> Option<(Money, ConvertedBack)> {
        let nothing = self.terms.nothing();
        let mut refunded = Money::zero(self.terms.amount.currency());
        let mut taken = ConvertedBack { value: nothing, spread: nothing };
        for it in self.refunds.iter().filter(|it| !matches!(it.state, RefundState::Failed { .. })) {
            let back = it.converted?;
            refunded = refunded.checked_add(it.amount)?;
            taken.value = taken.value.checked_add(back.value)?;
            taken.spread = taken.spread.checked_add(back.spread)?;
        }
        Some((refunded, taken))
    }

    /// Whether refunds took back what they are a part of, by the rate of the payment.
    pub(super) fn check_conversion(&self) -> Result<(), BadBooks> {
        let refused = |what| Err(BadBooks(what));
        if self.refunds.iter().any(|it| it.converted.is_some() != self.terms.fx.is_some()) {
            return refused("a refund is in another currency than the settled one");
        }
        let State::Paid { captured, .. } = &self.state else { return Ok(()) };
        let bad = || BadBooks("a conversion is more than a number holds");
        let Some(whole) = self.converted(captured.amount).ok_or_else(bad)? else { return Ok(()) };
        let (refunded, taken) = self.taken_back().ok_or_else(bad)?;
        let is_over = whole.value.checked_sub(taken.value).is_none()
            || whole.spread.checked_sub(taken.spread).is_none();
        if is_over || (refunded == captured.amount && taken != whole) {
            return refused("refunds took back another value than the payment brought");
        }
        // Rounding moves a unit from one refund to the next, and those that fail since leave theirs behind.
        let count = self.refunds.len() as i128;
        let is_far = |it: &Refund| {
            let taken = it.converted.map_or(0, |it| i128::from(it.value.minor()));
            let exact = i128::from(whole.value.minor()) * i128::from(it.amount.minor());
            (taken * i128::from(captured.amount.minor()) - exact).abs()
                > count * count * i128::from(captured.amount.minor())
        };
        if self.refunds.iter().any(is_far) {
            return refused("a refund was converted by another rate than its payment");
        }
        Ok(())
    }
}
