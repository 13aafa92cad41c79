//! Events in PostgreSQL.

use lezai_core::id::{EventId, MerchantId, OrderId};
use lezai_core::time::Timestamp;
use lezai_store::StoreError;
use lezai_store::events::{
    DeliveryProgress, DeliveryRecord, DeliveryStatus, EventQuery, EventReads, EventRecord,
    EventWrites, Failing,
};
use tokio_postgres::Row;

use super::tables::{PRUNED, Postgres, count, get, id, owned, params};

const EVENT: &str = "SELECT id, order_id, merchant, sequence, event_type, created_ms, body, delivery_status, round, first_try_ms, delivered_ms FROM events";

impl Postgres<'_> {
    fn event_record(&self, row: &Row) -> Result<(EventRecord, DeliveryProgress), StoreError> {
        let order = match get::<Option<&str>>(row, 1)? {
            Some(_) => Some(id(row, 1, OrderId::parse)?),
            None => None,
        };
        let delivery_status: &str = get(row, 7)?;
        let delivery_status =
            DeliveryStatus::ALL.into_iter().find(|it| it.as_str() == delivery_status);
        let event = id(row, 0, EventId::parse)?;
        let record = EventRecord {
            body: self.open_bytes(&format!("event/{event}/body"), get(row, 6)?)?,
            id: event,
            order,
            merchant: id(row, 2, MerchantId::parse)?,
            sequence: count(row, 3)?,
            event_type: get(row, 4)?,
            created_at: Timestamp::from_ms(get(row, 5)?),
        };
        let progress = DeliveryProgress {
            status: delivery_status.ok_or_else(|| {
                StoreError::Damaged("unknown delivery_status of an event".to_owned())
            })?,
            round: count(row, 8)?,
            first_try: get::<Option<i64>>(row, 9)?.map(Timestamp::from_ms),
            delivered_at: get::<Option<i64>>(row, 10)?.map(Timestamp::from_ms),
        };
        Ok((record, progress))
    }
}

impl EventReads for Postgres<'_> {
    fn event(&self, id: &EventId) -> Result<Option<(EventRecord, DeliveryProgress)>, StoreError> {
        self.by(EVENT, "id", id.as_str(), |row| self.event_record(row))
    }

    fn events(
        &self,
        query: &EventQuery,
    ) -> Result<Vec<(EventRecord, DeliveryProgress)>, StoreError> {
        // By number, for that is the order of commits. A merchant's events have times in that order too, so a range
        // of time is one of numbers.
        let merchant = query.merchant.as_str();
        let number = |row: &Row| get::<i64>(row, 0);
        let (mut first, mut last) = (1, i64::MAX);
        if let Some(after) = &query.after {
            let sql = "SELECT number FROM events WHERE merchant = $1 AND id = $2";
            let after = self.one(sql, params![merchant, after.as_str()], number)?;
            first = after.map_or(first, |it| it + 1);
        }
        if let Some(from) = query.from {
            let sql = "SELECT number FROM events WHERE merchant = $1 AND created_ms >= $2
                       ORDER BY created_ms, number LIMIT 1";
            let Some(row) = self.one(sql, params![merchant, from.as_ms()], number)? else {
                return Ok(Vec::new());
            };
            first = first.max(row);
        }
        if let Some(to) = query.to {
            let sql = "SELECT number FROM events WHERE merchant = $1 AND created_ms < $2
                       ORDER BY created_ms DESC, number DESC LIMIT 1";
            let Some(row) = self.one(sql, params![merchant, to.as_ms()], number)? else {
                return Ok(Vec::new());
            };
            last = row;
        }
        let limit = i64::from(query.limit);
        let record = |row: &Row| self.event_record(row);
        match (&query.order, query.event_type.as_deref()) {
            // An order has few, and its index is the one to take.
            (Some(order), event_type) => {
                let sql = format!(
                    "{EVENT} WHERE merchant = $1 AND order_id = $2 AND number BETWEEN $3 AND $4
                       AND ($5::TEXT IS NULL OR event_type = $5) ORDER BY sequence LIMIT $6"
                );
                let params = params![merchant, order.as_str(), first, last, event_type, limit];
                self.all(&sql, params, record)
            }
            (None, Some(event_type)) => {
                let sql = format!(
                    "{EVENT} WHERE merchant = $1 AND event_type = $2 AND number BETWEEN $3 AND $4
                     ORDER BY number LIMIT $5"
                );
                self.all(&sql, params![merchant, event_type, first, last, limit], record)
            }
            (None, None) => {
                let sql = format!(
                    "{EVENT} WHERE merchant = $1 AND number BETWEEN $2 AND $3 ORDER BY number LIMIT $4"
                );
                self.all(&sql, params![merchant, first, last, limit], record)
            }
        }
    }

    fn latest_event_at(&self, merchant: &MerchantId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT created_ms FROM events WHERE merchant = $1
                   ORDER BY created_ms DESC LIMIT 1";
        self.one(sql, params![merchant.as_str()], |row| Ok(Timestamp::from_ms(get(row, 0)?)))
    }

    fn deliveries(&self, event: &EventId, limit: u32) -> Result<Vec<DeliveryRecord>, StoreError> {
        let sql = "SELECT attempt, at_ms, host, status, error, latency_ms, answer FROM deliveries
                   WHERE merchant = (SELECT merchant FROM events WHERE id = $1) AND event = $1
                   ORDER BY number DESC LIMIT $2";
        self.all(sql, params![event.as_str(), i64::from(limit)], |row| {
            let status = match get::<Option<i64>>(row, 3)? {
                Some(_) => Some(count(row, 3)?),
                None => None,
            };
            Ok(DeliveryRecord {
                attempt: count(row, 0)?,
                at: Timestamp::from_ms(get(row, 1)?),
                host: get(row, 2)?,
                status,
                error: get(row, 4)?,
                latency_ms: count(row, 5)?,
                answer: get(row, 6)?,
            })
        })
    }

    fn failing(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Failing>, StoreError> {
        let sql = "SELECT host, failures, since_ms FROM failing_hosts WHERE merchant = $1
                   ORDER BY host LIMIT $2";
        self.all(sql, params![merchant.as_str(), i64::from(limit)], failing)
    }

    fn failing_host(
        &self,
        merchant: &MerchantId,
        host: &str,
    ) -> Result<Option<Failing>, StoreError> {
        let sql = "SELECT host, failures, since_ms FROM failing_hosts
                   WHERE merchant = $1 AND host = $2";
        self.one(sql, params![merchant.as_str(), host], failing)
    }
}

fn failing(row: &Row) -> Result<Failing, StoreError> {
    Ok(Failing {
        host: get(row, 0)?,
        failures: count(row, 1)?,
        since: Timestamp::from_ms(get(row, 2)?),
    })
}

impl EventWrites for Postgres<'_> {
    fn insert_event(
        &self,
        event: &EventRecord,
        delivery_status: DeliveryStatus,
    ) -> Result<(), StoreError> {
        let merchant = self.admit(&event.merchant)?;
        let body = self.seal_bytes(&format!("event/{}/body", event.id), &event.body)?;
        self.later(
            "INSERT INTO events (merchant, id, order_id, sequence, event_type, created_ms, body, delivery_status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            owned![
                merchant,
                event.id.to_string(),
                event.order.as_ref().map(OrderId::to_string),
                i64::from(event.sequence),
                event.event_type.clone(),
                event.created_at.as_ms(),
                body,
                delivery_status.as_str(),
            ],
        )
    }

    fn set_progress(&self, event: &EventId, progress: &DeliveryProgress) -> Result<(), StoreError> {
        let sql = "UPDATE events SET delivery_status = $3, round = $4, first_try_ms = $5, delivered_ms = $6
                   WHERE merchant = $1 AND id = $2";
        self.later(
            sql,
            owned![
                self.writer()?,
                event.to_string(),
                progress.status.as_str(),
                i64::from(progress.round),
                progress.first_try.map(Timestamp::as_ms),
                progress.delivered_at.map(Timestamp::as_ms),
            ],
        )
    }

    fn log_delivery(&self, event: &EventId, delivery: &DeliveryRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO deliveries (merchant, event, attempt, at_ms, host, status, error, latency_ms, answer)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        self.later(
            sql,
            owned![
                self.writer()?,
                event.to_string(),
                i64::from(delivery.attempt),
                delivery.at.as_ms(),
                delivery.host.clone(),
                delivery.status.map(i64::from),
                delivery.error.clone(),
                i64::from(delivery.latency_ms),
                delivery.answer.clone(),
            ],
        )
    }

    fn set_failing(&self, merchant: &MerchantId, failing: &Failing) -> Result<(), StoreError> {
        let merchant = self.admit(merchant)?;
        let sql =
            "INSERT INTO failing_hosts (merchant, host, failures, since_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (merchant, host) DO UPDATE SET failures = $3, since_ms = $4";
        self.later(
            sql,
            owned![
                merchant,
                failing.host.clone(),
                i64::from(failing.failures),
                failing.since.as_ms()
            ],
        )
    }

    fn clear_failing(&self, merchant: &MerchantId, host: &str) -> Result<bool, StoreError> {
        let merchant = self.admit(merchant)?;
        let sql = "DELETE FROM failing_hosts WHERE merchant = $1 AND host = $2";
        Ok(self.change(sql, params![merchant, host])? == 1)
    }

    fn prune_deliveries(&self, before: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM deliveries WHERE ctid = ANY (ARRAY(SELECT ctid FROM deliveries WHERE at_ms < $1 ORDER BY at_ms LIMIT $2 FOR UPDATE SKIP LOCKED))";
        self.later(sql, owned![before.as_ms(), PRUNED])
    }
}
