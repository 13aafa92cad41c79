//! The cost of a payment at a channel: the operator's own figures, for the choice of a channel alone. No entry is made
//! of them.

use serde::Deserialize;

use crate::money::{Currency, Money};
use crate::policy::{FeeSchedule, Rounding, is_code, validate};

/// The most rows of one channel: its methods in some currencies.
pub const COSTS_MAX: usize = 64;

/// A row of a channel's costs: the rate's part, half up, and the fixed part; at least `min`, at most `cap`. All but the
/// rate in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The method that it is for; every method that has no row of its own if absent.
    pub method: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// Parts per million of the amount: 6000 is 0.6 %.
    #[serde(default)]
    pub rate_ppm: u32,
    /// For each payment.
    #[serde(default)]
    pub fixed: i64,
    /// At least so much.
    #[serde(default)]
    pub min: i64,
    /// At most so much.
    pub cap: Option<i64>,
}

/// A row that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member} {must}")]
pub struct BadCost {
    /// The member, such as `costs[1].rate_ppm`.
    pub member: String,
    /// The requirement that it breaks.
    pub must: String,
}

impl Cost {
    /// Checks the rows of a channel that has these methods.
    ///
    /// # Errors
    ///
    /// The first bound that is broken.
    pub fn check<'m>(
        costs: &[Self],
        methods: impl Iterator<Item = &'m str> + Clone,
    ) -> Result<(), BadCost> {
        let bad = |member: String, must: String| BadCost { member, must };
        if costs.len() > COSTS_MAX {
            return Err(bad("costs".to_owned(), format!("must have at most {COSTS_MAX} rows")));
        }
        for (index, cost) in costs.iter().enumerate() {
            let at = |name: &str| format!("costs[{index}].{name}");
            if let Some(method) = &cost.method
                && (!is_code(method) || !methods.clone().any(|it| it == method))
            {
                return Err(bad(at("method"), "must be a method of the channel".to_owned()));
            }
            // One row is checked at a time, so that the schedule's bounds name it.
            validate::fee_schedules("costs", &[cost.schedule()], 1).map_err(|error| {
                let name = error.path.rsplit('.').next().unwrap_or_default().to_owned();
                bad(at(&name), error.problem)
            })?;
            let same = |it: &Self| (&it.method, it.currency) == (&cost.method, cost.currency);
            if costs.iter().take(index).any(same) {
                return Err(bad(format!("costs[{index}]"), "has its row already".to_owned()));
            }
        }
        Ok(())
    }

    fn schedule(&self) -> FeeSchedule {
        let Self { method: _, currency, rate_ppm, fixed, min, cap } = *self;
        FeeSchedule { currency, rate_ppm, fixed, min, cap, rounding: Rounding::HalfUp }
    }
}

/// The cost of a payment by a method: by the row of the method, else by the one for all; none without either.
pub fn cost_of(costs: &[Cost], method: &str, amount: Money) -> Option<Money> {
    let fits = |it: &&Cost| it.currency == amount.currency();
    let own = costs.iter().filter(fits).find(|it| it.method.as_deref() == Some(method));
    let row = own.or_else(|| costs.iter().filter(fits).find(|it| it.method.is_none()))?;
    Money::new(row.schedule().fee(amount.minor()), amount.currency()).ok()
}
