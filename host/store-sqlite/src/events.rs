//! Events in SQLite.

use lezai_core::id::{EventId, MerchantId, OrderId};
use lezai_core::time::Timestamp;
use rusqlite::{Row, params};

use super::tables::{PRUNED, Sqlite, id};
use lezai_store::StoreError;
use lezai_store::events::{
    DeliveryProgress, DeliveryRecord, DeliveryStatus, EventQuery, EventReads, EventRecord,
    EventWrites, Failing,
};

pub(super) const TABLES: &str = "
CREATE TABLE events (
  id TEXT PRIMARY KEY, order_id TEXT REFERENCES orders, merchant TEXT NOT NULL, sequence INTEGER NOT NULL,
  event_type TEXT NOT NULL, created_ms INTEGER NOT NULL, body BLOB NOT NULL,
  delivery_status TEXT NOT NULL, round INTEGER NOT NULL DEFAULT 0, first_try_ms INTEGER, delivered_ms INTEGER,
  UNIQUE (order_id, sequence)
) STRICT;
CREATE INDEX events_by_merchant ON events (merchant);
CREATE INDEX events_by_type ON events (merchant, event_type);
CREATE INDEX events_by_time ON events (merchant, created_ms);
CREATE TABLE deliveries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL REFERENCES events, attempt INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  host TEXT NOT NULL, status INTEGER, error TEXT, latency_ms INTEGER NOT NULL, answer TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_by_event ON deliveries (event);
CREATE TABLE failing_hosts (
  merchant TEXT NOT NULL REFERENCES merchants, host TEXT NOT NULL, failures INTEGER NOT NULL, since_ms INTEGER NOT NULL,
  PRIMARY KEY (merchant, host)
) STRICT, WITHOUT ROWID;
";

const EVENT: &str = "SELECT id, order_id, merchant, sequence, event_type, created_ms, opened('event/' || id || '/body', body), delivery_status, round, first_try_ms, delivered_ms FROM events";

fn event(row: &Row<'_>) -> Result<(EventRecord, DeliveryProgress), StoreError> {
    let order = match row.get_ref(1)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(id(row, 1, OrderId::parse)?),
    };
    let delivery_status: String = row.get(7)?;
    let delivery_status = DeliveryStatus::ALL.into_iter().find(|it| it.as_str() == delivery_status);
    let record = EventRecord {
        id: id(row, 0, EventId::parse)?,
        order,
        merchant: id(row, 2, MerchantId::parse)?,
        sequence: row.get(3)?,
        event_type: row.get(4)?,
        created_at: Timestamp::from_ms(row.get(5)?),
        body: row.get(6)?,
    };
    let progress = DeliveryProgress {
        status: delivery_status
            .ok_or_else(|| StoreError::Damaged("unknown delivery_status of an event".to_owned()))?,
        round: row.get(8)?,
        first_try: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_ms),
        delivered_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_ms),
    };
    Ok((record, progress))
}

impl EventReads for Sqlite<'_> {
    fn event(&self, id: &EventId) -> Result<Option<(EventRecord, DeliveryProgress)>, StoreError> {
        self.one(&format!("{EVENT} WHERE id = ?1"), [id.as_str()], event)
    }

    fn events(
        &self,
        query: &EventQuery,
    ) -> Result<Vec<(EventRecord, DeliveryProgress)>, StoreError> {
        // By rowid, for that is the order of commits. A merchant's events have times in that order
        // too, so a range of time is one of rows.
        let merchant = query.merchant.as_str();
        let number = |row: &Row<'_>| Ok(row.get::<_, i64>(0)?);
        let (mut first, mut last) = (1, i64::MAX);
        if let Some(after) = &query.after {
            let sql = "SELECT rowid FROM events WHERE id = ?1 AND merchant = ?2";
            let after = self.one(sql, [after.as_str(), merchant], number)?;
            first = after.map_or(first, |it| it + 1);
        }
        if let Some(from) = query.from {
            let sql = "SELECT rowid FROM events WHERE merchant = ?1 AND created_ms >= ?2
                       ORDER BY created_ms, rowid LIMIT 1";
            let Some(row) = self.one(sql, params![merchant, from.as_ms()], number)? else {
                return Ok(Vec::new());
            };
            first = first.max(row);
        }
        if let Some(to) = query.to {
            let sql = "SELECT rowid FROM events WHERE merchant = ?1 AND created_ms < ?2
                       ORDER BY created_ms DESC, rowid DESC LIMIT 1";
            let Some(row) = self.one(sql, params![merchant, to.as_ms()], number)? else {
                return Ok(Vec::new());
            };
            last = row;
        }
        let event_type = query.event_type.as_deref();
        let limit = query.limit;
        match &query.order {
            // An order has few, and its index is the one to take.
            Some(order) => {
                let sql = format!(
                    "{EVENT} WHERE order_id = ?1 AND +merchant = ?2 AND +rowid BETWEEN ?3 AND ?4
                       AND (?5 IS NULL OR event_type = ?5) ORDER BY sequence LIMIT ?6"
                );
                let order = order.as_str();
                self.all(&sql, params![order, merchant, first, last, event_type, limit], event)
            }
            None if event_type.is_some() => {
                let sql = format!(
                    "{EVENT} WHERE merchant = ?1 AND event_type = ?2 AND rowid BETWEEN ?3 AND ?4
                     ORDER BY rowid LIMIT ?5"
                );
                self.all(&sql, params![merchant, event_type, first, last, limit], event)
            }
            None => {
                let sql = format!(
                    "{EVENT} WHERE merchant = ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid LIMIT ?4"
                );
                self.all(&sql, params![merchant, first, last, limit], event)
            }
        }
    }

    fn latest_event_at(&self, merchant: &MerchantId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT created_ms FROM events WHERE merchant = ?1
                   ORDER BY created_ms DESC LIMIT 1";
        self.one(sql, [merchant.as_str()], |row| Ok(Timestamp::from_ms(row.get(0)?)))
    }

    fn deliveries(&self, event: &EventId, limit: u32) -> Result<Vec<DeliveryRecord>, StoreError> {
        let sql = "SELECT attempt, at_ms, host, status, error, latency_ms, answer FROM deliveries
                   WHERE event = ?1 ORDER BY number DESC LIMIT ?2";
        self.all(sql, params![event.as_str(), limit], |row| {
            Ok(DeliveryRecord {
                attempt: row.get(0)?,
                at: Timestamp::from_ms(row.get(1)?),
                host: row.get(2)?,
                status: row.get(3)?,
                error: row.get(4)?,
                latency_ms: row.get(5)?,
                answer: row.get(6)?,
            })
        })
    }

    fn failing(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Failing>, StoreError> {
        let sql = "SELECT host, failures, since_ms FROM failing_hosts WHERE merchant = ?1
                   ORDER BY host LIMIT ?2";
        self.all(sql, params![merchant.as_str(), limit], failing)
    }

    fn failing_host(
        &self,
        merchant: &MerchantId,
        host: &str,
    ) -> Result<Option<Failing>, StoreError> {
        let sql = "SELECT host, failures, since_ms FROM failing_hosts
                   WHERE merchant = ?1 AND host = ?2";
        self.one(sql, [merchant.as_str(), host], failing)
    }
}

fn failing(row: &Row<'_>) -> Result<Failing, StoreError> {
    Ok(Failing { host: row.get(0)?, failures: row.get(1)?, since: Timestamp::from_ms(row.get(2)?) })
}

impl EventWrites for Sqlite<'_> {
    fn insert_event(
        &self,
        event: &EventRecord,
        delivery_status: DeliveryStatus,
    ) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO events (id, order_id, merchant, sequence, event_type, created_ms, body, delivery_status)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, sealed('event/' || ?1 || '/body', ?7), ?8)",
            params![
                event.id.as_str(),
                event.order.as_ref().map(OrderId::as_str),
                event.merchant.as_str(),
                event.sequence,
                event.event_type,
                event.created_at.as_ms(),
                event.body,
                delivery_status.as_str(),
            ],
        )?;
        Ok(())
    }

    fn set_progress(&self, event: &EventId, progress: &DeliveryProgress) -> Result<(), StoreError> {
        let sql = "UPDATE events SET delivery_status = ?2, round = ?3, first_try_ms = ?4, delivered_ms = ?5 WHERE id = ?1";
        let params = params![
            event.as_str(),
            progress.status.as_str(),
            progress.round,
            progress.first_try.map(Timestamp::as_ms),
            progress.delivered_at.map(Timestamp::as_ms),
        ];
        self.change(sql, params).map(drop)
    }

    fn log_delivery(&self, event: &EventId, delivery: &DeliveryRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO deliveries (event, attempt, at_ms, host, status, error, latency_ms, answer)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let params = params![
            event.as_str(),
            delivery.attempt,
            delivery.at.as_ms(),
            delivery.host,
            delivery.status,
            delivery.error,
            delivery.latency_ms,
            delivery.answer,
        ];
        self.change(sql, params).map(drop)
    }

    fn set_failing(&self, merchant: &MerchantId, failing: &Failing) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO failing_hosts (merchant, host, failures, since_ms) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (merchant, host) DO UPDATE SET failures = ?3, since_ms = ?4";
        let params =
            params![merchant.as_str(), failing.host, failing.failures, failing.since.as_ms()];
        self.change(sql, params).map(drop)
    }

    fn clear_failing(&self, merchant: &MerchantId, host: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM failing_hosts WHERE merchant = ?1 AND host = ?2";
        Ok(self.change(sql, [merchant.as_str(), host])? == 1)
    }

    fn prune_deliveries(&self, before: Timestamp) -> Result<(), StoreError> {
        // They are numbered in the order of time, so the oldest are the first.
        let sql = "DELETE FROM deliveries WHERE at_ms < ?1
                   AND number < (SELECT min(number) FROM deliveries) + ?2";
        self.change(sql, params![before.as_ms(), PRUNED]).map(drop)
    }
}
