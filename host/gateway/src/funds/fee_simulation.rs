//! The sum that a contract's fees would have come to over orders that are paid, by the functions that book.

use std::collections::HashMap;

use lezai_core::funds::contract::Contract;
use lezai_core::funds::month::Month;
use lezai_core::funds::pricing::{Used, Volume};
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{Costs, State};
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::fees;
use crate::gateway::Gateway;
use crate::schedule;
use lezai_store as store;
use lezai_store::{OrderRecord, Page};
use lezai_wire::problem::Problem;
use lezai_wire::time::rfc3339;

/// The longest time over which fees are simulated, in days.
pub const SIMULATED_DAYS: u32 = 92;
/// Orders that a simulation names as hit hardest.
const HARDEST: usize = 10;
/// As many orders are read at once, so that nobody waits for all of them.
const PAGE: u32 = 100;
const HOUR_SECS: i64 = 3600;

/// The fees that paid orders would have cost by another contract.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeesSimulated {
    /// Always `fees_simulated`.
    pub object: &'static str,
    /// How many paid orders were looked at.
    pub orders: u64,
    /// RFC 3339: of orders that were made then or later.
    pub from: String,
    /// The totals of each currency.
    pub totals: Vec<FeeTotal>,
    /// The orders whose fee would rise the most, the worst first.
    pub hardest: Vec<FeeChange>,
}

/// The fees of a currency's orders, in minor units.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeeTotal {
    /// ISO 4217.
    pub currency: &'static str,
    /// How many paid orders.
    pub orders: u64,
    /// The sum captured of them. As text, exact whatever it is.
    pub captured: String,
    /// All fees taken.
    pub old: String,
    /// All fees that would have been taken.
    pub new: String,
    /// Those of payments, refunds and splits, without what nothing was taken for. Those of refunds are less than nothing
    /// where refunds give back more of the payments' fees than they cost.
    pub parts: Vec<FeePart>,
}

/// The fees of one kind, in minor units. As text, exact whatever they are.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeePart {
    /// `payment`, `refund` or `split`.
    pub kind: &'static str,
    /// The fees taken.
    pub old: String,
    /// The fees that would have been taken.
    pub new: String,
}

/// An order whose fee would be another.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeeChange {
    /// `ord_…`
    pub order_id: String,
    /// The amount captured, in minor units.
    pub captured: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// All fees taken.
    pub old: i64,
    /// All fees that would have been taken.
    pub new: i64,
}

/// Runs a contract's fees of payments, refunds and splits over the merchant's paid orders of the last days, by the
/// functions that book. Tiers are those of the volumes that are kept of each month; a promotion begins with the first
/// order, with all of its quota.
///
/// # Errors
///
/// `internal`.
pub async fn simulate(
    gateway: &Gateway,
    merchant: &MerchantId,
    contract: Contract,
    days: u32,
) -> Result<FeesSimulated, Problem> {
    let now = gateway.node.clock.now();
    let from = now.plus_secs(-i64::from(days) * 86_400);
    let (mut run, mut begins) = (Run::new(merchant.clone(), contract), from);
    // An hour at a time, so that the oldest comes first and no more than an hour is held.
    while begins <= now {
        let ends = begins.plus_secs(HOUR_SECS);
        run.hour(gateway, begins, ends).await?;
        begins = ends;
    }
    let Run { totals, mut changes, orders, .. } = run;
    keep_hardest(&mut changes);
    let totals = totals.into_iter().map(|it| FeeTotal {
        currency: it.currency,
        orders: it.orders,
        captured: it.captured.to_string(),
        old: it.old.whole().to_string(),
        new: it.new.whole().to_string(),
        parts: parts(it.old, it.new),
    });
    Ok(FeesSimulated {
        object: "fees_simulated",
        orders,
        from: rfc3339(from),
        totals: totals.collect(),
        hardest: changes,
    })
}

/// A simulation that is under way.
struct Run {
    merchant: MerchantId,
    contract: Contract,
    orders: u64,
    totals: Vec<Totals>,
    changes: Vec<FeeChange>,
    /// The volumes that were looked up, each once.
    volumes: HashMap<(Currency, Month), Volume>,
    /// The part used of the promotion of each currency.
    used: HashMap<Currency, Used>,
}

impl Run {
    fn new(merchant: MerchantId, contract: Contract) -> Self {
        Self {
            merchant,
            contract,
            orders: 0,
            totals: Vec::new(),
            changes: Vec::new(),
            volumes: HashMap::new(),
            used: HashMap::new(),
        }
    }

    /// Prices what was made in this hour, the oldest first.
    async fn hour(
        &mut self,
        gateway: &Gateway,
        begins: Timestamp,
        ends: Timestamp,
    ) -> Result<(), Problem> {
        let (mut made, mut after) = (Vec::new(), None::<OrderId>);
        loop {
            let page =
                Page { limit: PAGE, after: after.take(), from: Some(begins), to: Some(ends) };
            let id = self.merchant.clone();
            let read = move |view: &dyn store::View| view.orders(&id, Some("paid"), &page);
            let found = store::read(&gateway.node.store, read).await?;
            let more = found.len() > PAGE as usize;
            made.extend(found.into_iter().take(PAGE as usize));
            if !more {
                break;
            }
            after = made.last().map(|it: &OrderRecord| it.order.terms.id.clone());
        }
        for record in made.iter().rev() {
            self.order(gateway, record).await?;
        }
        Ok(())
    }

    async fn order(&mut self, gateway: &Gateway, record: &OrderRecord) -> Result<(), Problem> {
        let (order, terms) = (&record.order, &record.order.terms);
        let State::Paid { captured, .. } = &order.state else { return Ok(()) };
        // Agreed in the order's currency, and taken in the settled one.
        let agreed = self.fee(gateway, record).await?.and_then(|fee| terms.value(fee));
        let charges = self.contract.charges(terms.settled_currency());
        let under = (order.costs(), order.costs_under(agreed.unwrap_or(terms.fee), charges));
        let captured = terms.value(captured.amount);
        let (Some(captured), (Some(old), Some(new))) = (captured, under) else { return Ok(()) };
        self.orders += 1;
        add(&mut self.totals, captured, old, new);
        let whole = |it: Costs| i64::try_from(it.whole()).unwrap_or(i64::MAX);
        let (old, new) = (whole(old), whole(new));
        if new > old {
            self.changes.push(FeeChange {
                order_id: terms.id.to_string(),
                captured: captured.minor(),
                currency: captured.currency().code(),
                old,
                new,
            });
            if self.changes.len() > 20 * HARDEST {
                keep_hardest(&mut self.changes);
            }
        }
        Ok(())
    }

    /// The fee of an order's payment by the contract, if it names one.
    async fn fee(
        &mut self,
        gateway: &Gateway,
        record: &OrderRecord,
    ) -> Result<Option<Money>, Problem> {
        let terms = &record.order.terms;
        let (currency, at) = (terms.amount.currency(), terms.created_at);
        let Some(needs) = self.contract.fee_needs(currency, at) else { return Ok(None) };
        let volume = match needs.volume {
            true => Some(self.volume(gateway, currency, at).await?),
            false => None,
        };
        let used = self.used.entry(currency).or_default();
        let category = record.details.facts.profile.category;
        let priced = self.contract.price(terms.amount, at, volume, category, *used);
        Ok(priced.map(|(fee, basis)| {
            if let Some(promoted) = basis.promotion {
                used.payments += 1;
                used.minor = used.minor.saturating_add(promoted.minor);
            }
            fee
        }))
    }

    async fn volume(
        &mut self,
        gateway: &Gateway,
        currency: Currency,
        at: Timestamp,
    ) -> Result<Volume, Problem> {
        let month = schedule::month(&self.contract, at).map_err(Problem::internal)?;
        if let Some(found) = self.volumes.get(&(currency, month)) {
            return Ok(*found);
        }
        let (merchant, contract) = (self.merchant.clone(), self.contract.clone());
        let read = move |view: &dyn store::View| {
            fees::month_before(view, &contract, &merchant, currency, at)
        };
        let found = store::read(&gateway.node.store, read).await?;
        self.volumes.insert((currency, month), found);
        Ok(found)
    }
}

struct Totals {
    currency: &'static str,
    orders: u64,
    captured: i128,
    old: Costs,
    new: Costs,
}

fn add(totals: &mut Vec<Totals>, captured: Money, old: Costs, new: Costs) {
    let currency = captured.currency().code();
    let at = totals.iter().position(|it| it.currency == currency).unwrap_or_else(|| {
        let (old, new) = (Costs::default(), Costs::default());
        totals.push(Totals { currency, orders: 0, captured: 0, old, new });
        totals.len() - 1
    });
    let total = &mut totals[at];
    total.orders += 1;
    total.captured += i128::from(captured.minor());
    for (sum, of) in [(&mut total.old, old), (&mut total.new, new)] {
        sum.payment += of.payment;
        sum.refunds += of.refunds;
        sum.splits += of.splits;
    }
}

fn parts(old: Costs, new: Costs) -> Vec<FeePart> {
    let parts = [
        ("payment", old.payment, new.payment),
        ("refund", old.refunds, new.refunds),
        ("split", old.splits, new.splits),
    ];
    let taken = parts.into_iter().filter(|(_, old, new)| (*old, *new) != (0, 0));
    let part = |(kind, old, new): (_, i128, i128)| FeePart {
        kind,
        old: old.to_string(),
        new: new.to_string(),
    };
    taken.map(part).collect()
}

fn keep_hardest(changes: &mut Vec<FeeChange>) {
    changes.sort_by_key(|it| (it.old - it.new, it.order_id.clone()));
    changes.truncate(HARDEST);
}
