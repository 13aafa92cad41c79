//! Contracts and calendars: put by the operator, read by both sides, never edited.

use std::sync::Arc;

use lezai_core::funds::calendar::{BadCalendar, CHINA, Calendar};
use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::funds::payout::Destination;
use lezai_core::id::MerchantId;
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
use lezai_store::{Scope, StoreError, Tx, View};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use views::ContractView;

/// The type of the event that announces a contract.
pub const ANNOUNCED: &str = "contract.announced";

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
    let (merchant, clock) = (merchant.clone(), Arc::clone(&gateway.node.clock));
    let scope = Scope::Merchant(merchant.clone());
    let view = store::write(&gateway.node.store, scope, move |tx| {
        // In its turn: what was booked before it is by the contract before.
        let now = clock.now();
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

/// A contract as an event tells it: where it pays to is masked, as a payout's destination is. Whoever needs it whole
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
