//! Receivers: those that a merchant shares payments with. Who is registered can be paid out to where its
//! registration says, and removed; what stands in its name in the ledger stays whatever happens to that.

use lezai_core::funds::payout::Destination;
use lezai_core::funds::receiver::{Receiver, ReceiverKind};
use lezai_core::id::{MerchantId, ReceiverId};
use lezai_core::mask;
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::balances::{self, BalanceView};
use super::no_receiver;
use super::payouts::{destination, payer};
use super::views::DestinationView;
use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use lezai_store as store;
use lezai_store::{Page, StoreError, View};
use lezai_wire::json::{Invalid, Object};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::split_request::receiver;
use lezai_wire::time::rfc3339;

/// A receiver to be registered.
#[derive(Clone, Debug)]
pub struct NewReceiver {
    /// The merchant's name for it, as shares have it.
    pub name: String,
    /// A merchant, a company or a person.
    pub kind: ReceiverKind,
    /// Where payouts to it go.
    pub destination: Option<Destination>,
}

impl NewReceiver {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let receiver = Self {
            name: body.required("name", |field| field.parsed(1..=64, receiver))?,
            kind: body.required("kind", |field| field.one_of(&ReceiverKind::ALL))?,
            destination: body.optional("destination", destination)?,
        };
        body.finish()?;
        Ok(receiver)
    }
}

/// A receiver.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReceiverView {
    /// `rcv_…`
    pub id: String,
    /// Always `receiver`.
    pub object: &'static str,
    /// The merchant's own name for it, as shares have it.
    pub name: String,
    /// `merchant`, `company` or `person`.
    pub kind: &'static str,
    /// `active`, or `removed`: it gets no new shares and keeps its balance.
    pub status: &'static str,
    /// Where payouts to it go, if the merchant said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub destination: Option<DestinationView>,
    /// The amounts that are `available` to it and that it `owes`, in each currency that it knows.
    pub balances: Vec<BalanceView>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub removed_at: Option<String>,
}

fn view(it: &Receiver, balances: Vec<BalanceView>) -> ReceiverView {
    ReceiverView {
        id: it.id.to_string(),
        object: "receiver",
        name: it.name.clone(),
        kind: it.kind.as_str(),
        status: it.status(),
        destination: it.destination.as_ref().map(|it| DestinationView {
            kind: it.kind.clone(),
            account: mask::account(&it.account),
        }),
        balances,
        created_at: rfc3339(it.created_at),
        removed_at: it.removed_at.map(rfc3339),
    }
}

fn with_balances<V: View + ?Sized>(
    view_of: &V,
    it: &Receiver,
    now: Timestamp,
) -> Result<ReceiverView, StoreError> {
    let accounts = balances::of_receiver_accounts(&it.merchant, &it.name);
    Ok(view(it, balances::read(view_of, &accounts, now)?))
}

/// Registers a receiver, once for its idempotency key and its name.
///
/// # Errors
///
/// `receiver_name_taken`; `invalid_field` for a destination that no channel pays to.
pub async fn register(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewReceiver,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    if let Some(destination) = &new.destination {
        payer(&gateway.channels, destination)?;
    }
    let now = gateway.node.clock.now();
    let NewReceiver { name, kind, destination } = new;
    let receiver = Receiver {
        id: ReceiverId::new(now, gateway.node.entropy.bytes()),
        merchant: merchant.clone(),
        name,
        kind,
        destination,
        created_at: now,
        removed_at: None,
    };
    let done = key.commit(&gateway.node, move |tx| {
        let before = tx.receiver_by_name(&receiver.merchant, &receiver.name)?;
        let receiver = receiver.register(before).map_err(|taken| {
            let detail = "remove the one of this name first, or use another name";
            Problem::new(Code::ReceiverNameTaken, detail)
                .with("field", "name")
                .with("receiver_id", taken.0.to_string())
        })?;
        tx.put_receiver(&receiver)?;
        Ok((ApiResponse::json(201, &with_balances(tx, &receiver, now)?)?, ()))
    });
    Ok(answer(done.await?))
}

/// The merchant's receiver with this id.
///
/// # Errors
///
/// `receiver_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<ReceiverView, Problem> {
    let id = ReceiverId::parse(id).map_err(|_| no_receiver())?;
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let found = store::read(&gateway.node.store, move |view| {
        let found = view.receiver(&id)?.filter(|it| it.merchant == merchant);
        found.map(|it| with_balances(view, &it, now)).transpose()
    });
    found.await?.ok_or_else(no_receiver)
}

/// The merchant's receivers with its name: one or none.
///
/// # Errors
///
/// `internal`.
pub async fn find_by_name(
    gateway: &Gateway,
    merchant: &MerchantId,
    name: String,
) -> Result<Vec<ReceiverView>, Problem> {
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let found = store::read(&gateway.node.store, move |view| {
        let found = view.receiver_by_name(&merchant, &name)?;
        found.iter().map(|it| with_balances(view, it, now)).collect()
    });
    Ok(found.await?)
}

/// A page of the merchant's receivers.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    page: Page<ReceiverId>,
) -> Result<List<ReceiverView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (merchant, limit, now) = (merchant.clone(), page.limit, gateway.node.clock.now());
    let found = store::read(&gateway.node.store, move |view| {
        let found = view.receivers(&merchant, &page)?;
        found.iter().map(|it| with_balances(view, it, now)).collect()
    });
    Ok(List::new(found.await?, limit, |it: &ReceiverView| it.id.clone()))
}

/// Removes a receiver, once for its idempotency key. One that was removed before stays so.
///
/// # Errors
///
/// `receiver_not_found`.
pub async fn remove(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = ReceiverId::parse(id).map_err(|_| no_receiver())?;
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let done = key.commit(&gateway.node, move |tx| {
        let found = tx.receiver(&id)?.filter(|it| it.merchant == merchant);
        let receiver = found.ok_or_else(no_receiver)?.remove(now);
        tx.put_receiver(&receiver)?;
        Ok((ApiResponse::json(200, &with_balances(tx, &receiver, now)?)?, ()))
    });
    Ok(answer(done.await?))
}

fn answer(done: Outcome<(ApiResponse, ())>) -> ApiResponse {
    match done {
        Outcome::Before(first) | Outcome::Now((first, ())) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_read_strictly() {
        let read = |body: &str| match NewReceiver::parse(body.as_bytes()) {
            Ok(it) => format!("{} {} {}", it.name, it.kind.as_str(), it.destination.is_some()),
            Err(invalid) => invalid.detail,
        };
        for (body, expected) in [
            (r#"{"name":"courier:7","kind":"person"}"#, "courier:7 person false"),
            (
                r#"{"name":"tea","kind":"company","destination":{"kind":"bank_account","account":"6222"}}"#,
                "tea company true",
            ),
            (r#"{"name":"tea"}"#, "kind is required"),
            (r#"{"kind":"person"}"#, "name is required"),
            (
                r#"{"name":"t a","kind":"person"}"#,
                "name is not 1 to 64 of A-Z, a-z, 0-9 and _ . : -",
            ),
            (r#"{"name":"tea","kind":"god"}"#, "kind must be one of merchant, company, person"),
            (r#"{"name":"tea","kind":"person","relation":"x"}"#, "there is no field relation"),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }
}
