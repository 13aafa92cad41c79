//! Orders, sessions, merchants, tasks and stored responses as rows. The ledger's, the events' and the
//! plugins' stand beside.

use lezai_core::digest::sha256_hex;
use lezai_core::id::{AttemptId, MerchantId, OrderId, RefundId, SessionId};
use lezai_core::ledger::{Account, Entry, Subject};
use lezai_core::money::Currency;
use lezai_core::order::{Order, State};
use lezai_core::time::Timestamp;
use rusqlite::{Row, params};

use super::ledger;
use super::tables::{PRUNED, Sqlite, id, json, to_json};
use lezai_store::{
    Claim, DueTask, IdempotencyKey, Lane, MerchantKey, MerchantRecord, OrderRecord, OrderSample,
    Page, SessionRecord, StoreError, StoredResponse, Task, Tx, View, id_range,
};

pub(super) const TABLES: &str = "
CREATE TABLE merchants (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, notify_url TEXT, webhook_secret TEXT NOT NULL, policy TEXT NOT NULL,
  notify_hosts TEXT NOT NULL, former_secret TEXT, former_secret_until_ms INTEGER, frame_origins TEXT NOT NULL, brand TEXT NOT NULL
) STRICT;
CREATE TABLE policies (digest TEXT PRIMARY KEY, policy TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE merchant_keys (keyid TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, pem TEXT NOT NULL) STRICT;
CREATE TABLE orders (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_order_id TEXT NOT NULL,
  status TEXT NOT NULL, version INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  data TEXT NOT NULL, details TEXT NOT NULL, session TEXT NOT NULL,
  UNIQUE (merchant, merchant_order_id)
) STRICT;
CREATE INDEX orders_by_status ON orders (merchant, status, id);
CREATE TABLE open_reviews (order_id TEXT PRIMARY KEY REFERENCES orders) STRICT, WITHOUT ROWID;
CREATE TABLE refunds (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, merchant_refund_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_refund_id)
) STRICT;
CREATE TABLE attempts (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders) STRICT;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, secret_hash TEXT NOT NULL, gateway_key TEXT NOT NULL,
  claim_key TEXT, claim_origin TEXT, claim_ms INTEGER
) STRICT;
CREATE TABLE former_claims (
  session TEXT NOT NULL REFERENCES sessions, number INTEGER NOT NULL,
  claim_key TEXT NOT NULL, claim_origin TEXT NOT NULL, claim_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,
  PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE former_sessions (
  order_id TEXT NOT NULL REFERENCES orders, session TEXT NOT NULL REFERENCES sessions, ended_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, session)
) STRICT, WITHOUT ROWID;
CREATE TABLE tasks (
  number INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, task TEXT NOT NULL, due_ms INTEGER NOT NULL,
  leased_from INTEGER, tries INTEGER NOT NULL DEFAULT 0, last_error TEXT, once TEXT
) STRICT;
CREATE UNIQUE INDEX tasks_once ON tasks (once) WHERE once IS NOT NULL;
CREATE INDEX tasks_by_due ON tasks (lane, due_ms);
CREATE INDEX tasks_leased ON tasks (lane, leased_from) WHERE leased_from IS NOT NULL;
CREATE TABLE stored_responses (
  scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX stored_responses_by_age ON stored_responses (at_ms);
CREATE TABLE nonces (keyid TEXT NOT NULL, nonce TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (keyid, nonce)) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_age ON nonces (expires_ms);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// A task that cannot be read is put off for as long as there are dates.
const PARKED_UNTIL_MS: i64 = 253_402_300_799_000;

impl Sqlite<'_> {
    fn insert_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO sessions (id, order_id, secret_hash, gateway_key) VALUES (?1, ?2, ?3, ?4)";
        let SessionRecord { id, order, secret_hash, gateway_key, .. } = session;
        self.change(sql, [id.as_str(), order.as_str(), secret_hash, gateway_key]).map(drop)
    }
}

const ORDER: &str =
    "SELECT data, opened('order/' || id || '/details', details), session FROM orders";

fn order_record(row: &Row<'_>) -> Result<OrderRecord, StoreError> {
    Ok(OrderRecord {
        order: json(row, 0)?,
        details: json(row, 1)?,
        session: id(row, 2, SessionId::parse)?,
    })
}

const MERCHANT: &str =
    "SELECT id, name, notify_url, opened('merchant/' || id || '/webhook_secret', webhook_secret), policy, notify_hosts,
       opened('merchant/' || id || '/former_secret', former_secret), former_secret_until_ms, frame_origins, brand
     FROM merchants";

fn merchant_record(row: &Row<'_>) -> Result<MerchantRecord, StoreError> {
    let until = row.get::<_, Option<i64>>(7)?.map(Timestamp::from_ms);
    Ok(MerchantRecord {
        id: id(row, 0, MerchantId::parse)?,
        name: row.get(1)?,
        notify_url: row.get(2)?,
        webhook_secret: row.get(3)?,
        policy: row.get(4)?,
        notify_hosts: json(row, 5)?,
        former_secret: row.get::<_, Option<String>>(6)?.zip(until),
        frame_origins: json(row, 8)?,
        brand: json(row, 9)?,
    })
}

impl View for Sqlite<'_> {
    fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, StoreError> {
        self.one(&format!("{ORDER} WHERE id = ?1"), [id.as_str()], order_record)
    }

    fn order_by_merchant_order_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<OrderRecord>, StoreError> {
        let sql = format!("{ORDER} WHERE merchant = ?1 AND merchant_order_id = ?2");
        self.one(&sql, [merchant.as_str(), number], order_record)
    }

    fn orders(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<OrderId>,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let (from, before) = id_range(page, "ord_", OrderId::to_string);
        let most = page.limit + 1;
        // By status, so that one index serves both questions: a page costs at most eight short walks
        // along it, however many orders there are.
        let sql =
            "SELECT id FROM orders WHERE merchant = ?1 AND status = ?2 AND id >= ?3 AND id < ?4
                   ORDER BY id DESC LIMIT ?5";
        let mut found = Vec::new();
        for each in State::STATUSES.into_iter().filter(|it| status.is_none_or(|asked| asked == *it))
        {
            let params = params![merchant.as_str(), each, from, before, most];
            found.extend(self.all(sql, params, |row| id(row, 0, OrderId::parse))?);
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.truncate(most as usize);
        let mut orders = Vec::with_capacity(found.len());
        for id in &found {
            orders.extend(self.order(id)?);
        }
        Ok(orders)
    }

    fn marks(&self, since: Timestamp, most: u32) -> Result<Vec<OrderSample>, StoreError> {
        let sql = "SELECT merchant, created_ms, plain ->> '$.facts.customer.ref', plain ->> '$.facts.device.id',
                     plain ->> '$.facts.customer.ip', plain -> '$.facts.amount'
                   FROM (SELECT merchant, created_ms, opened('order/' || id || '/details', details) AS plain
                         FROM orders WHERE id >= ?1 ORDER BY id DESC LIMIT ?2)";
        let from = OrderId::new(since, [0; 10]);
        let mut marks = self.all(sql, params![from.as_str(), most], |row| {
            let ip = row.get::<_, Option<String>>(4)?;
            Ok(OrderSample {
                merchant: id(row, 0, MerchantId::parse)?,
                customer: row.get(2)?,
                device: row.get(3)?,
                ip: ip.and_then(|ip| ip.parse().ok()),
                amount: json(row, 5)?,
                at: Timestamp::from_ms(row.get(1)?),
            })
        })?;
        marks.reverse();
        Ok(marks)
    }

    fn order_of_attempt(&self, attempt: &AttemptId) -> Result<Option<OrderId>, StoreError> {
        self.one("SELECT order_id FROM attempts WHERE id = ?1", [attempt.as_str()], |row| {
            id(row, 0, OrderId::parse)
        })
    }

    fn order_of_refund(&self, refund: &RefundId) -> Result<Option<OrderId>, StoreError> {
        self.one("SELECT order_id FROM refunds WHERE id = ?1", [refund.as_str()], |row| {
            id(row, 0, OrderId::parse)
        })
    }

    fn refund_by_merchant_refund_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<RefundId>, StoreError> {
        let sql = "SELECT id FROM refunds WHERE merchant = ?1 AND merchant_refund_id = ?2";
        self.one(sql, [merchant.as_str(), number], |row| id(row, 0, RefundId::parse))
    }

    fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let sql = "SELECT order_id, secret_hash, gateway_key, claim_key, claim_origin, claim_ms,
                     (claim_ms IS NOT NULL) + (SELECT count(*) FROM former_claims WHERE session = ?1),
                     (SELECT merchant FROM orders WHERE orders.id = order_id)
                   FROM sessions WHERE id = ?1";
        self.one(sql, [session.as_str()], |row| {
            let claim = match row.get::<_, Option<i64>>(5)? {
                Some(ms) => Some(Claim {
                    key: json(row, 3)?,
                    origin: row.get(4)?,
                    at: Timestamp::from_ms(ms),
                }),
                None => None,
            };
            let order = id(row, 0, OrderId::parse)?;
            Ok(SessionRecord {
                id: session.clone(),
                order,
                merchant: id(row, 7, MerchantId::parse)?,
                secret_hash: row.get(1)?,
                gateway_key: row.get(2)?,
                claim,
                claims: row.get(6)?,
            })
        })
    }

    fn former_sessions(&self, order: &OrderId) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM former_sessions WHERE order_id = ?1";
        Ok(self.one(sql, [order.as_str()], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    fn stored_response(&self, key: &IdempotencyKey) -> Result<Option<StoredResponse>, StoreError> {
        let sql = "SELECT fingerprint, status, opened('answer/' || scope || '/' || key, body) FROM stored_responses WHERE scope = ?1 AND key = ?2";
        self.one(sql, [&key.scope, &key.key], |row| {
            Ok(StoredResponse { fingerprint: row.get(0)?, status: row.get(1)?, body: row.get(2)? })
        })
    }

    fn merchant(&self, merchant: &MerchantId) -> Result<Option<MerchantRecord>, StoreError> {
        self.one(&format!("{MERCHANT} WHERE id = ?1"), [merchant.as_str()], merchant_record)
    }

    fn merchants(&self) -> Result<Vec<MerchantRecord>, StoreError> {
        self.all(MERCHANT, [], merchant_record)
    }

    fn merchant_keys(&self) -> Result<Vec<MerchantKey>, StoreError> {
        self.all("SELECT keyid, merchant, pem FROM merchant_keys", [], |row| {
            Ok(MerchantKey {
                keyid: row.get(0)?,
                merchant: id(row, 1, MerchantId::parse)?,
                pem: row.get(2)?,
            })
        })
    }

    fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM settings WHERE name = ?1", [name], |row| Ok(row.get(0)?))
    }

    fn balances(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        ledger::balances(self, account, at)
    }

    fn balance(&self, account: &Account, currency: Currency) -> Result<i64, StoreError> {
        ledger::balance(self, &account.to_string(), currency)
    }

    fn open_reviews(&self, page: &Page<OrderId>) -> Result<Vec<OrderRecord>, StoreError> {
        let (from, before) = id_range(page, "ord_", OrderId::to_string);
        let sql = format!(
            "{ORDER} WHERE id IN (SELECT order_id FROM open_reviews WHERE order_id >= ?1 AND order_id < ?2
                                  ORDER BY order_id DESC LIMIT ?3)
             ORDER BY id DESC"
        );
        self.all(&sql, params![from, before, page.limit + 1], order_record)
    }

    fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due_ms) FROM tasks WHERE lane = ?1";
        let due = self.one(sql, [lane.as_str()], |row| Ok(row.get::<_, Option<i64>>(0)?))?;
        Ok(due.flatten().map(Timestamp::from_ms))
    }

    fn waiting_tasks(&self) -> Result<u64, StoreError> {
        Ok(self.one("SELECT count(*) FROM tasks", [], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }
}

impl Tx for Sqlite<'_> {
    fn insert_order(
        &self,
        record: &OrderRecord,
        session: &SessionRecord,
    ) -> Result<bool, StoreError> {
        let OrderRecord { order, details, .. } = record;
        let inserted = self.change(
            "INSERT INTO orders (id, merchant, merchant_order_id, status, version, created_ms, data, details, session)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, sealed('order/' || ?1 || '/details', ?8), ?9) ON CONFLICT (merchant, merchant_order_id) DO NOTHING",
            params![
                order.terms.id.as_str(),
                order.terms.merchant.as_str(),
                order.terms.merchant_order_id,
                order.state.status(),
                order.version,
                order.terms.created_at.as_ms(),
                to_json(order)?,
                to_json(details)?,
                session.id.as_str(),
            ],
        )?;
        if inserted == 0 {
            return Ok(false);
        }
        self.insert_session(session)?;
        Ok(true)
    }

    fn update_order(&self, order: &Order) -> Result<(), StoreError> {
        let id = order.terms.id.as_str();
        let changed = self.change(
            "UPDATE orders SET status = ?2, version = ?3, data = ?4 WHERE id = ?1 AND version < ?3",
            params![id, order.state.status(), order.version, to_json(order)?],
        )?;
        if changed != 1 {
            return Err(StoreError::Damaged(format!(
                "{id} has no version before {}",
                order.version
            )));
        }
        if order.terms.held {
            let sql = match order.under_review() {
                true => "INSERT INTO open_reviews (order_id) VALUES (?1) ON CONFLICT DO NOTHING",
                false => "DELETE FROM open_reviews WHERE order_id = ?1",
            };
            self.change(sql, [id])?;
        }
        for attempt in &order.attempts {
            let sql = "INSERT INTO attempts (id, order_id) VALUES (?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET order_id = order_id WHERE order_id = ?2";
            // One attempt pays one order: the channel knows it by this id alone.
            if self.change(sql, [attempt.id.as_str(), id])? != 1 {
                return Err(StoreError::Damaged(format!("{} is another order's", attempt.id)));
            }
        }
        for refund in &order.refunds {
            let sql = "INSERT INTO refunds (id, order_id, merchant, merchant_refund_id) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (id) DO UPDATE SET order_id = order_id WHERE order_id = ?2";
            let merchant = order.terms.merchant.as_str();
            let params = params![refund.id.as_str(), id, merchant, refund.merchant_refund_id];
            if self.change(sql, params)? != 1 {
                return Err(StoreError::Damaged(format!("{} is another order's", refund.id)));
            }
        }
        self.note_splits(order)
    }

    fn book(
        &self,
        subject: &Subject,
        entry: &Entry,
        at: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        ledger::book(self.connection, subject, entry, at)
    }

    fn schedule(&self, task: &Task, due: Timestamp) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO tasks (lane, task, due_ms, once) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![task.lane().as_str(), to_json(task)?, due.as_ms(), task.once()],
        )?;
        Ok(())
    }

    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_end: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueTask>, StoreError> {
        // `leased_from` is when it was due: what was due before a moment is found while it is being done.
        let sql = "UPDATE tasks SET due_ms = ?2, leased_from = due_ms, tries = tries + 1
                   WHERE number IN (SELECT number FROM tasks WHERE lane = ?4 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?3)
                   RETURNING number, task, tries - 1";
        let params = params![now.as_ms(), lease_end.as_ms(), limit, lane.as_str()];
        let claimed =
            self.all(sql, params, |row| Ok((row.get(0)?, json::<Task>(row, 1), row.get(2)?)))?;
        let mut tasks = Vec::with_capacity(claimed.len());
        for (number, task, tries) in claimed {
            match task {
                Ok(task) => tasks.push(DueTask { number, task, tries }),
                // One that cannot be read is for a person; the others go on.
                Err(error) => {
                    tracing::error!(number, %error, "task set aside");
                    self.postpone_task(
                        number,
                        Timestamp::from_ms(PARKED_UNTIL_MS),
                        &error.to_string(),
                    )?;
                }
            }
        }
        Ok(tasks)
    }

    fn finish_task(&self, number: i64) -> Result<(), StoreError> {
        self.change("DELETE FROM tasks WHERE number = ?1", [number]).map(drop)
    }

    fn postpone_task(&self, number: i64, due: Timestamp, error: &str) -> Result<(), StoreError> {
        let sql =
            "UPDATE tasks SET due_ms = ?2, leased_from = NULL, last_error = ?3 WHERE number = ?1";
        self.change(sql, params![number, due.as_ms(), error]).map(drop)
    }

    fn put_off_task(&self, number: i64, due: Timestamp) -> Result<(), StoreError> {
        let sql =
            "UPDATE tasks SET due_ms = ?2, leased_from = NULL, tries = tries - 1 WHERE number = ?1";
        self.change(sql, params![number, due.as_ms()]).map(drop)
    }

    fn end_leases(&self) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET due_ms = leased_from, leased_from = NULL WHERE leased_from IS NOT NULL";
        self.change(sql, []).map(drop)
    }

    fn save_response(
        &self,
        key: &IdempotencyKey,
        answer: &StoredResponse,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO stored_responses (scope, key, fingerprint, status, body, at_ms) VALUES (?1, ?2, ?3, ?4, sealed('answer/' || ?1 || '/' || ?2, ?5), ?6)",
            params![key.scope, key.key, answer.fingerprint, answer.status, answer.body, at.as_ms()],
        )?;
        Ok(())
    }

    fn take_nonce(&self, keyid: &str, nonce: &str, expires: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT INTO nonces (keyid, nonce, expires_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        Ok(self.change(sql, params![keyid, nonce, expires.as_ms()])? == 1)
    }

    fn claim_session(&self, session: &SessionId, claim: &Claim) -> Result<(), StoreError> {
        let former = "INSERT INTO former_claims (session, number, claim_key, claim_origin, claim_ms, ended_ms)
                      SELECT id, (SELECT count(*) FROM former_claims WHERE session = ?1), claim_key, claim_origin, claim_ms, ?2
                      FROM sessions WHERE id = ?1 AND claim_ms IS NOT NULL";
        self.change(former, params![session.as_str(), claim.at.as_ms()])?;
        let sql =
            "UPDATE sessions SET claim_key = ?2, claim_origin = ?3, claim_ms = ?4 WHERE id = ?1";
        let params =
            params![session.as_str(), to_json(&claim.key)?, claim.origin, claim.at.as_ms()];
        self.change(sql, params).map(drop)
    }

    fn renew_session(&self, session: &SessionRecord, at: Timestamp) -> Result<(), StoreError> {
        let former = "INSERT INTO former_sessions (order_id, session, ended_ms)
                      SELECT id, session, ?2 FROM orders WHERE id = ?1";
        self.change(former, params![session.order.as_str(), at.as_ms()])?;
        self.insert_session(session)?;
        let sql = "UPDATE orders SET session = ?2 WHERE id = ?1";
        self.change(sql, [session.order.as_str(), session.id.as_str()]).map(drop)
    }

    fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
        self.change(sql, [name, value]).map(drop)
    }

    fn put_merchant(&self, merchant: &MerchantRecord) -> Result<(), StoreError> {
        let MerchantRecord { id, name, notify_url, webhook_secret, policy, .. } = merchant;
        // Every policy that ever decided stays, so that what it decided can be decided again.
        self.change(
            "INSERT INTO policies (digest, policy) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            [&sha256_hex(policy.as_bytes()), policy],
        )?;
        let (former, until) =
            merchant.former_secret.as_ref().map(|(secret, until)| (secret, until.as_ms())).unzip();
        self.change(
            "INSERT INTO merchants (id, name, notify_url, webhook_secret, policy, notify_hosts, former_secret, former_secret_until_ms, frame_origins, brand)
             VALUES (?1, ?2, ?3, sealed('merchant/' || ?1 || '/webhook_secret', ?4), ?5, ?6,
               sealed('merchant/' || ?1 || '/former_secret', ?7), ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET name = ?2, notify_url = ?3, webhook_secret = excluded.webhook_secret, policy = ?5,
               notify_hosts = ?6, former_secret = excluded.former_secret, former_secret_until_ms = ?8, frame_origins = ?9, brand = ?10",
            params![
                id.as_str(),
                name,
                notify_url,
                webhook_secret,
                policy,
                to_json(&merchant.notify_hosts)?,
                former,
                until,
                to_json(&merchant.frame_origins)?,
                to_json(&merchant.brand)?,
            ],
        )?;
        Ok(())
    }

    fn put_merchant_key(&self, key: &MerchantKey) -> Result<bool, StoreError> {
        let changed = self.change(
            "INSERT INTO merchant_keys (keyid, merchant, pem) VALUES (?1, ?2, ?3)
             ON CONFLICT (keyid) DO UPDATE SET pem = ?3 WHERE merchant = ?2",
            params![key.keyid, key.merchant.as_str(), key.pem],
        )?;
        Ok(changed == 1)
    }

    fn remove_merchant_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM merchant_keys WHERE merchant = ?1 AND keyid = ?2";
        Ok(self.change(sql, [merchant.as_str(), keyid])? == 1)
    }

    fn prune(&self, nonces_before: Timestamp, answers_before: Timestamp) -> Result<(), StoreError> {
        let nonces = "DELETE FROM nonces WHERE (keyid, nonce) IN
                      (SELECT keyid, nonce FROM nonces WHERE expires_ms < ?1 LIMIT ?2)";
        let answers = "DELETE FROM stored_responses WHERE (scope, key) IN
                       (SELECT scope, key FROM stored_responses WHERE at_ms < ?1 LIMIT ?2)";
        self.change(nonces, params![nonces_before.as_ms(), PRUNED])?;
        self.change(answers, params![answers_before.as_ms(), PRUNED]).map(drop)
    }
}
