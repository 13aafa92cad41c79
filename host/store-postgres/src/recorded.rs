//! A decision of the past, for whoever makes it again.

use std::sync::Arc;

use lezai_core::id::OrderId;
use lezai_core::policy::OrderFacts;
use lezai_seal::Vault;
use lezai_store::decision::DecisionRecord;
use lezai_store::plugins::{PluginReads as _, Recorded};
use lezai_store::{Details, StoreError};

use super::address::Address;
use super::schema;
use super::session::apart;
use super::tables::{Postgres, damaged, get, json, params};

/// The decision on an order, made or denied, with all that it was made of.
///
/// # Errors
///
/// [`StoreError`].
pub fn recorded(
    address: &Arc<Address>,
    vault: &Arc<Vault>,
    order: &OrderId,
) -> Result<Option<Recorded>, StoreError> {
    apart(address, |session| {
        let books = schema::usable(session)?;
        session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let tables = Postgres::view(session, vault, books, None);
        let Some((facts, decision)) = decided(&tables, order)? else { return Ok(None) };
        let sql = "SELECT policy FROM policies WHERE merchant = $1 AND digest = $2";
        let params = params![facts.merchant.as_str(), decision.policy];
        let policy = tables.one(sql, params, |row| get(row, 0))?;
        let release = match &decision.release {
            Some(it) => tables.release(&facts.merchant, it.sequence)?,
            None => None,
        };
        let component = match &decision.release {
            Some(it) => tables.component(&it.digest)?,
            None => None,
        };
        Ok(Some(Recorded { facts, decision, policy, release, component }))
    })
}

fn decided(
    tables: &Postgres<'_>,
    order: &OrderId,
) -> Result<Option<(OrderFacts, DecisionRecord)>, StoreError> {
    let sql = "SELECT details FROM orders WHERE id = $1";
    let details = tables.one(sql, params![order.as_str()], |row| {
        tables.open(&format!("order/{order}/details"), get(row, 0)?)
    })?;
    if let Some(text) = details {
        let Details { facts, decision, .. } = serde_json::from_str(&text).map_err(damaged)?;
        return Ok(Some((facts, decision)));
    }
    let sql = "SELECT facts, decision FROM denials WHERE order_id = $1";
    tables.one(sql, params![order.as_str()], |row| {
        let facts = tables.open(&format!("denial/{order}/facts"), get(row, 0)?)?;
        Ok((serde_json::from_str(&facts).map_err(damaged)?, json(row, 1)?))
    })
}
