//! Contracts and calendars: put by the operator, read by both sides, never edited.

use lezai_core::funds::calendar::{BadCalendar, CHINA, Calendar};
use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::funds::payout::Destination;
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::money::Money;
use lezai_core::order::{Costs, State};
use lezai_core::policy::PolicyError;
use lezai_core::time::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{batches, views};
use crate::events::record::{self, Happened, Subject};
use crate::gateway::Gateway;
use crate::schedule;
use lezai_store as store;
use lezai_store::{Page, Scope, StoreError, Tx, View};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;
use views::ContractView;

/// The type of the event that announces a contract.
pub const ANNOUNCED: &str = "contract.announced";
/// The longest time over which fees are simulated, in days.
pub const SIMULATED_DAYS: u32 = 92;
/// Orders that a simulation names as hit hardest.
const HARDEST: usize = 10;

/// Reads a contract.
///
/// # Errors
///
/// `invalid_field`, with its path.
pub fn parse(body: &[u8]) -> Result<Contract, Problem> {
    let contract = Contract::from_json(body).map_err(|error| refused(&error))?;
    schedule::cut_offs(&contract, Timestamp::from_ms(0), schedule::TODAY).map_err(|error| {
        Problem::new(Code::InvalidField, error.to_string()).with("field", "day.zone")
    })?;
    Ok(contract)
}

fn refused(error: &PolicyError) -> Problem {
    Problem::new(Code::InvalidField, error.to_string()).with("field", error.path.as_str())
}

/// Agrees on a merchant's next contract. The same number with the same contract once more is answered as
/// the first time, so that the request can be repeated.
///
/// # Errors
///
/// `contract_number`, `contract_date`, `contract_notice`; `invalid_field` for a calendar that is not there.
pub async fn put(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: u32,
    contract: Contract,
    from: Option<Timestamp>,
) -> Result<ContractView, Problem> {
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let scope = Scope::Merchant(merchant.clone());
    let view = store::write(&gateway.node.store, scope, move |tx| {
        if tx.merchant(&merchant)?.is_none() {
            return Err(Problem::new(Code::NotFound, format!("there is no merchant {merchant}")));
        }
        if let Some(name) = contract.calendar()
            && name != "cn"
            && tx.calendar(name)?.is_none()
        {
            let detail = format!("there is no calendar {name}: put it first");
            return Err(Problem::new(Code::InvalidField, detail).with("field", "day.calendar"));
        }
        let all = tx.contracts(&merchant)?;
        let standard = Agreed::standard();
        if let Some(same) = all.iter().find(|it| it.number == number && it.contract == contract) {
            return Ok(view(&merchant, same, &all, now));
        }
        let last = all.last().unwrap_or(&standard);
        let agreed = last.followed_by(number, contract, from, now)?;
        tx.insert_contract(&merchant, &agreed)?;
        if !batches::plan(tx, &merchant, &agreed, agreed.in_force_from)? {
            let detail = "the calendar has no data for the days to come: put an edition that has";
            return Err(Problem::new(Code::InvalidField, detail).with("field", "day.calendar"));
        }
        let all: Vec<Agreed> = all.into_iter().chain(std::iter::once(agreed.clone())).collect();
        let view = view(&merchant, &agreed, &all, now);
        announce(tx, &merchant, &view, now)?;
        Ok::<_, Problem>(view)
    })
    .await?;
    gateway.merchants.reload().await?;
    gateway.node.cluster.wake.call();
    Ok(view)
}

/// Tells the merchant what changes, and when.
fn announce(
    tx: &dyn Tx,
    merchant: &MerchantId,
    view: &ContractView,
    now: Timestamp,
) -> Result<(), StoreError> {
    let number = view.number.to_string();
    let happened = Happened {
        merchant,
        subject: Subject::Named(&number),
        event_type: ANNOUNCED,
        data: json!({ "contract": told(view) }),
    };
    record::deliver(tx, happened, now)
}

/// What an event says of a contract: where it pays to is masked, as a payout's destination is. Whoever needs it whole
/// reads the contract.
fn told(view: &ContractView) -> ContractView {
    let masked = view.contract.pay_to().map(Destination::masked);
    ContractView { contract: view.contract.clone().with_pay_to(masked), ..view.clone() }
}

/// A merchant's contracts, the newest first.
///
/// # Errors
///
/// `internal`.
pub async fn list(gateway: &Gateway, merchant: &MerchantId) -> Result<List<ContractView>, Problem> {
    let (id, now) = (merchant.clone(), gateway.node.clock.now());
    let all = store::read(&gateway.node.store, move |view| view.contracts(&id)).await?;
    Ok(List::whole(all.iter().rev().map(|it| view(merchant, it, &all, now)).collect()))
}

/// A merchant's contract with this number.
///
/// # Errors
///
/// `not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: u32,
) -> Result<ContractView, Problem> {
    let (id, now) = (merchant.clone(), gateway.node.clock.now());
    let all = store::read(&gateway.node.store, move |view| view.contracts(&id)).await?;
    let found = all.iter().find(|it| it.number == number);
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such contract"))?;
    Ok(view(merchant, found, &all, now))
}

fn view(merchant: &MerchantId, agreed: &Agreed, all: &[Agreed], now: Timestamp) -> ContractView {
    let standard = Contract::standard();
    let before = all.iter().filter(|it| it.number < agreed.number).max_by_key(|it| it.number);
    let before = before.map_or(&standard, |it| &it.contract);
    let in_force = Agreed::in_force(all, now).map_or(0, |it| it.number);
    views::contract(merchant.as_str(), agreed, before, in_force)
}

/// A calendar as the operator put it, or as it is built in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarView {
    /// Always `calendar`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
    /// Its number.
    pub edition: u32,
    /// SHA-256 of its text, in hex.
    pub digest: String,
    /// The years that it knows.
    pub years: Vec<i32>,
    /// Its text.
    pub text: String,
}

/// Puts an edition of a calendar: by a notice, or for a year that was published.
///
/// # Errors
///
/// `invalid_field` if it is none; `contract_number` for a number that is not higher.
pub async fn put_calendar(
    gateway: &Gateway,
    name: &str,
    text: String,
) -> Result<CalendarView, Problem> {
    let invalid = |error: BadCalendar| {
        Problem::new(Code::InvalidField, error.to_string()).with("field", "text")
    };
    let calendar = Calendar::parse(&text).map_err(invalid)?;
    if calendar.name() != name {
        let detail = format!("the text is of the calendar {}", calendar.name());
        return Err(Problem::new(Code::InvalidField, detail).with("field", "text"));
    }
    let view = calendar_view(&calendar, text.clone());
    let (name, edition) = (name.to_owned(), calendar.edition());
    store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        let before = text_of(tx, &name)?;
        if before.as_deref() == Some(text.as_str()) {
            return Ok(());
        }
        let before = before.and_then(|it| Calendar::parse(&it).ok()).map_or(0, |it| it.edition());
        if edition <= before || !tx.insert_calendar(&name, edition, &text)? {
            let detail = format!("the next edition of the calendar is {}", before + 1);
            return Err(Problem::new(Code::ContractNumber, detail).with("next", before + 1));
        }
        Ok(())
    })
    .await?;
    gateway.node.cluster.wake.call();
    Ok(view)
}

/// The latest edition of a calendar.
///
/// # Errors
///
/// `not_found`.
pub async fn calendar(gateway: &Gateway, name: &str) -> Result<CalendarView, Problem> {
    let wanted = name.to_owned();
    let text = store::read(&gateway.node.store, move |view| text_of(view, &wanted)).await?;
    let text = text.ok_or_else(|| Problem::new(Code::NotFound, "there is no such calendar"))?;
    let calendar = Calendar::parse(&text).map_err(Problem::internal)?;
    Ok(calendar_view(&calendar, text))
}

fn text_of<V: View + ?Sized>(view: &V, name: &str) -> Result<Option<String>, StoreError> {
    Ok(view.calendar(name)?.or_else(|| (name == "cn").then(|| CHINA.to_owned())))
}

fn calendar_view(calendar: &Calendar, text: String) -> CalendarView {
    CalendarView {
        object: "calendar",
        name: calendar.name().to_owned(),
        edition: calendar.edition(),
        digest: calendar.digest().to_owned(),
        years: calendar.years().collect(),
        text,
    }
}

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
/// functions that book.
///
/// # Errors
///
/// `internal`.
pub async fn simulate_fees(
    gateway: &Gateway,
    merchant: &MerchantId,
    contract: Contract,
    days: u32,
) -> Result<FeesSimulated, Problem> {
    let from = gateway.node.clock.now().plus_secs(-i64::from(days) * 86_400);
    let (mut totals, mut changes, mut orders) = (Vec::<Totals>::new(), Vec::new(), 0);
    let mut after: Option<OrderId> = None;
    loop {
        // A page at a time, so that nobody waits for the whole month.
        let page = Page { limit: 100, after: after.take(), from: Some(from), to: None };
        let id = merchant.clone();
        let found =
            store::read(&gateway.node.store, move |view| view.orders(&id, Some("paid"), &page))
                .await?;
        for record in found.iter().take(100) {
            let State::Paid { captured, .. } = &record.order.state else { continue };
            let terms = &record.order.terms;
            // Agreed in the order's currency, and taken in the settled one.
            let agreed = contract.payment_fee(terms.amount).and_then(|fee| terms.value(fee));
            let agreed = agreed.unwrap_or(terms.fee);
            let charges = contract.charges(terms.settled_currency());
            let Some(captured) = terms.value(captured.amount) else { continue };
            let under = (record.order.costs(), record.order.costs_under(agreed, charges));
            let (Some(old), Some(new)) = under else { continue };
            orders += 1;
            add(&mut totals, captured, old, new);
            let whole = |it: Costs| i64::try_from(it.whole()).unwrap_or(i64::MAX);
            let currency = captured.currency();
            let (old, new) = (whole(old), whole(new));
            if new > old {
                changes.push(FeeChange {
                    order_id: terms.id.to_string(),
                    captured: captured.minor(),
                    currency: currency.code(),
                    old,
                    new,
                });
                if changes.len() > 20 * HARDEST {
                    keep_hardest(&mut changes);
                }
            }
        }
        if found.len() <= 100 {
            break;
        }
        after = found.get(99).map(|it| it.order.terms.id.clone());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_of_an_account_by_its_last_digits() {
        let pay_to = |account: &str| {
            Some(Destination {
                kind: "bank_account".to_owned(),
                account: account.to_owned(),
                holder: Some("Planted Tea House".to_owned()),
            })
        };
        let agreed = |number, account| {
            let contract = Contract::standard().with_pay_to(pay_to(account));
            Agreed { number, contract, ..Agreed::standard() }
        };
        let all = [agreed(1, "6222020200112233445"), agreed(2, "6222020200118888888")];
        let merchant = MerchantId::parse("m_tea").unwrap();
        let whole = view(&merchant, &all[1], &all, Timestamp::from_ms(0));
        let event = serde_json::to_string(&told(&whole)).unwrap();
        for personal in ["6222020", "Planted"] {
            assert!(!event.contains(personal), "{event}");
        }
        assert!(event.contains("****8888") && event.contains("****3445"), "{event}");
        assert!(event.contains("settlement.pay_to"), "{event}");
        assert_eq!(whole.contract.pay_to(), pay_to("6222020200118888888").as_ref());
    }
}
