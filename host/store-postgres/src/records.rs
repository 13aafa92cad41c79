//! Orders, sessions, merchants, tasks and first answers as rows. The ledger's, the events' and the plugins' stand
//! beside.

use lezai_core::digest::sha256_hex;
use lezai_core::id::{AttemptId, MerchantId, OrderId, RefundId, SessionId};
use lezai_core::ledger::{Account, Entry, Subject};
use lezai_core::money::Currency;
use lezai_core::order::{Order, State};
use lezai_core::time::Timestamp;
use lezai_store::{
    Claim, Details, DueTask, IdempotencyKey, Lane, MerchantKey, MerchantRecord, OrderRecord,
    OrderSample, Page, SessionRecord, StoreError, StoredResponse, Task, Tx, View, id_range,
};
use tokio_postgres::Row;

use super::tables::{PRUNED, Postgres, count, get, id, json, owned, params, to_json};

/// A task that cannot be read is put off for as long as there are dates.
const NEVER_MS: i64 = 253_402_300_799_000;

pub(super) const ORDER: &str = "SELECT id, data, details, session FROM orders";
const MERCHANT: &str = "SELECT id, name, notify_url, webhook_secret, policy, notify_hosts, former_secret, former_secret_until_ms, frame_origins, brand FROM merchants";

impl Postgres<'_> {
    pub(super) fn order_record(&self, row: &Row) -> Result<OrderRecord, StoreError> {
        Ok(OrderRecord {
            order: json(row, 1)?,
            details: self.details(row, 0, 2)?,
            session: id(row, 3, SessionId::parse)?,
        })
    }

    fn details(&self, row: &Row, order: usize, column: usize) -> Result<Details, StoreError> {
        let order: &str = get(row, order)?;
        let text = self.open(&format!("order/{order}/details"), get(row, column)?)?;
        serde_json::from_str(&text).map_err(super::tables::damaged)
    }

    fn merchant_record(&self, row: &Row) -> Result<MerchantRecord, StoreError> {
        let until = get::<Option<i64>>(row, 7)?.map(Timestamp::from_ms);
        let merchant = id(row, 0, MerchantId::parse)?;
        let secret = |name: &str, kept| self.open(&format!("merchant/{merchant}/{name}"), kept);
        let former = get::<Option<String>>(row, 6)?;
        Ok(MerchantRecord {
            name: get(row, 1)?,
            notify_url: get(row, 2)?,
            webhook_secret: secret("webhook_secret", get(row, 3)?)?,
            policy: get(row, 4)?,
            notify_hosts: json(row, 5)?,
            former_secret: former.map(|it| secret("former_secret", it)).transpose()?.zip(until),
            frame_origins: json(row, 8)?,
            brand: json(row, 9)?,
            id: merchant.clone(),
        })
    }

    fn insert_session(&self, merchant: &str, session: &SessionRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO sessions (merchant, id, order_id, secret_hash, gateway_key) VALUES ($1, $2, $3, $4, $5)";
        let SessionRecord { id, order, secret_hash, gateway_key, .. } = session;
        self.later(
            sql,
            owned![
                merchant.to_owned(),
                id.to_string(),
                order.to_string(),
                secret_hash.clone(),
                gateway_key.clone()
            ],
        )
    }
}

impl View for Postgres<'_> {
    fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, StoreError> {
        self.by(ORDER, "id", id.as_str(), |row| self.order_record(row))
    }

    fn order_by_merchant_order_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<OrderRecord>, StoreError> {
        let sql = format!("{ORDER} WHERE merchant = $1 AND merchant_order_id = $2");
        self.one(&sql, params![merchant.as_str(), number], |row| self.order_record(row))
    }

    fn orders(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<OrderId>,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let (from, before) = id_range(page, "ord_", OrderId::to_string);
        let limit = i64::from(page.limit) + 1;
        // By status, so that one index serves both questions: a page costs at most eight short walks along it,
        // however many orders there are.
        let statuses: Vec<&str> = State::STATUSES
            .into_iter()
            .filter(|it| status.is_none_or(|asked| asked == *it))
            .collect();
        let sql = format!(
            "{ORDER} JOIN (SELECT found.id AS number FROM unnest($2::TEXT[]) AS each (status)
               CROSS JOIN LATERAL (SELECT id FROM orders WHERE merchant = $1 AND orders.status = each.status
                 AND id >= $3 AND id < $4 ORDER BY id DESC LIMIT $5) AS found
               ORDER BY found.id DESC LIMIT $5) AS page ON id = page.number
             WHERE merchant = $1 ORDER BY id DESC"
        );
        let params = params![merchant.as_str(), statuses, from, before, limit];
        self.all(&sql, params, |row| self.order_record(row))
    }

    fn marks(&self, since: Timestamp, most: u32) -> Result<Vec<OrderSample>, StoreError> {
        let sql = "SELECT id, details FROM orders WHERE id >= $1 ORDER BY id DESC LIMIT $2";
        let from = OrderId::new(since, [0; 10]);
        let mut marks = self.all(sql, params![from.as_str(), i64::from(most)], |row| {
            Ok(OrderSample::from(&self.details(row, 0, 1)?.facts))
        })?;
        marks.reverse();
        Ok(marks)
    }

    fn order_of_attempt(&self, attempt: &AttemptId) -> Result<Option<OrderId>, StoreError> {
        let sql = "SELECT order_id FROM attempts";
        self.by(sql, "id", attempt.as_str(), |row| id(row, 0, OrderId::parse))
    }

    fn order_of_refund(&self, refund: &RefundId) -> Result<Option<OrderId>, StoreError> {
        let sql = "SELECT order_id FROM refunds";
        self.by(sql, "id", refund.as_str(), |row| id(row, 0, OrderId::parse))
    }

    fn refund_by_merchant_refund_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<RefundId>, StoreError> {
        let sql = "SELECT id FROM refunds WHERE merchant = $1 AND merchant_refund_id = $2";
        self.one(sql, params![merchant.as_str(), number], |row| id(row, 0, RefundId::parse))
    }

    fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let sql = "SELECT order_id, secret_hash, gateway_key, claim_key, claim_origin, claim_ms,
                     (claim_ms IS NOT NULL)::INT::BIGINT + (SELECT count(*) FROM former_claims
                       WHERE former_claims.merchant = sessions.merchant AND session = sessions.id),
                     merchant
                   FROM sessions";
        self.by(sql, "id", session.as_str(), |row| {
            let claim = match get::<Option<i64>>(row, 5)? {
                Some(ms) => Some(Claim {
                    key: json(row, 3)?,
                    origin: get(row, 4)?,
                    at: Timestamp::from_ms(ms),
                }),
                None => None,
            };
            Ok(SessionRecord {
                id: session.clone(),
                order: id(row, 0, OrderId::parse)?,
                merchant: id(row, 7, MerchantId::parse)?,
                secret_hash: get(row, 1)?,
                gateway_key: get(row, 2)?,
                claim,
                claims: count(row, 6)?,
            })
        })
    }

    fn former_sessions(&self, order: &OrderId) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM former_sessions
                   WHERE merchant = (SELECT merchant FROM orders WHERE id = $1) AND order_id = $1";
        Ok(self.one(sql, params![order.as_str()], |row| count(row, 0))?.unwrap_or_default())
    }

    fn stored_response(&self, key: &IdempotencyKey) -> Result<Option<StoredResponse>, StoreError> {
        let sql = "SELECT fingerprint, status, body FROM stored_responses WHERE merchant = $1 AND scope = $2 AND key = $3";
        let context = format!("answer/{}/{}", key.scope, key.key);
        self.one(sql, params![self.owner(), key.scope, key.key], |row| {
            Ok(StoredResponse {
                fingerprint: get(row, 0)?,
                status: count(row, 1)?,
                body: self.open_bytes(&context, get(row, 2)?)?,
            })
        })
    }

    fn merchant(&self, merchant: &MerchantId) -> Result<Option<MerchantRecord>, StoreError> {
        let sql = format!("{MERCHANT} WHERE id = $1");
        self.one(&sql, params![merchant.as_str()], |row| self.merchant_record(row))
    }

    fn merchants(&self) -> Result<Vec<MerchantRecord>, StoreError> {
        self.all(MERCHANT, &[], |row| self.merchant_record(row))
    }

    fn merchant_keys(&self) -> Result<Vec<MerchantKey>, StoreError> {
        self.all("SELECT keyid, merchant, pem FROM merchant_keys", &[], |row| {
            Ok(MerchantKey {
                keyid: get(row, 0)?,
                merchant: id(row, 1, MerchantId::parse)?,
                pem: get(row, 2)?,
            })
        })
    }

    fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM settings WHERE name = $1", params![name], |row| get(row, 0))
    }

    fn balances(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        self.balances_at(account, at)
    }

    fn balance(&self, account: &Account, currency: Currency) -> Result<i64, StoreError> {
        self.balance_now(account, currency)
    }

    fn open_reviews(&self, page: &Page<OrderId>) -> Result<Vec<OrderRecord>, StoreError> {
        let (from, before) = id_range(page, "ord_", OrderId::to_string);
        let sql = format!(
            "{ORDER} WHERE id IN (SELECT order_id FROM open_reviews WHERE order_id >= $1 AND order_id < $2
                                  ORDER BY order_id DESC LIMIT $3)
             ORDER BY id DESC"
        );
        let params = params![from, before, i64::from(page.limit) + 1];
        self.all(&sql, params, |row| self.order_record(row))
    }

    fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT due_ms FROM tasks WHERE lane = $1 ORDER BY due_ms LIMIT 1";
        self.one(sql, params![lane.as_str()], |row| Ok(Timestamp::from_ms(get(row, 0)?)))
    }

    fn waiting_tasks(&self) -> Result<u64, StoreError> {
        let found = self.one("SELECT count(*) FROM tasks", &[], |row| count(row, 0))?;
        Ok(found.unwrap_or_default())
    }
}

impl Tx for Postgres<'_> {
    fn insert_order(
        &self,
        record: &OrderRecord,
        session: &SessionRecord,
    ) -> Result<bool, StoreError> {
        let OrderRecord { order, details, .. } = record;
        let terms = &order.terms;
        let merchant = self.admit(&terms.merchant)?;
        let details = self.seal(&format!("order/{}/details", terms.id), to_json(details)?)?;
        let inserted = self.change(
            "INSERT INTO orders (merchant, id, merchant_order_id, status, version, created_ms, data, details, session)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (merchant, merchant_order_id) DO NOTHING",
            params![
                merchant,
                terms.id.as_str(),
                terms.merchant_order_id,
                order.state.status(),
                super::tables::number(order.version),
                terms.created_at.as_ms(),
                to_json(order)?,
                details,
                session.id.as_str(),
            ],
        )?;
        if inserted == 0 {
            return Ok(false);
        }
        self.insert_session(&merchant, session)?;
        Ok(true)
    }

    fn update_order(&self, order: &Order) -> Result<(), StoreError> {
        let merchant = self.admit(&order.terms.merchant)?;
        let id = order.terms.id.to_string();
        let changed = self.change(
            "UPDATE orders SET status = $3, version = $4, data = $5 WHERE merchant = $1 AND id = $2 AND version < $4",
            params![
                merchant,
                id,
                order.state.status(),
                super::tables::number(order.version),
                to_json(order)?
            ],
        )?;
        if changed != 1 {
            return Err(StoreError::Damaged(format!(
                "{id} has no version before {}",
                order.version
            )));
        }
        if order.terms.held {
            let sql = match order.under_review() {
                true => {
                    "INSERT INTO open_reviews (merchant, order_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
                }
                false => "DELETE FROM open_reviews WHERE merchant = $1 AND order_id = $2",
            };
            self.later(sql, owned![merchant.clone(), id.clone()])?;
        }
        // One that is there already, and another order's, breaks the index by id: a channel knows an attempt by it
        // alone.
        if !order.attempts.is_empty() {
            let ids: Vec<String> = order.attempts.iter().map(|it| it.id.to_string()).collect();
            self.later(
                "INSERT INTO attempts (merchant, id, order_id) SELECT $1, each.id, $2 FROM unnest($3::TEXT[]) AS each (id)
                 WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE merchant = $1 AND attempts.id = each.id AND order_id = $2)",
                owned![merchant.clone(), id.clone(), ids],
            )?;
        }
        if !order.refunds.is_empty() {
            let ids: Vec<String> = order.refunds.iter().map(|it| it.id.to_string()).collect();
            let numbers: Vec<String> =
                order.refunds.iter().map(|it| it.merchant_refund_id.clone()).collect();
            self.later(
                "INSERT INTO refunds (merchant, id, order_id, merchant_refund_id)
                 SELECT $1, each.id, $2, each.number FROM unnest($3::TEXT[], $4::TEXT[]) AS each (id, number)
                 WHERE NOT EXISTS (SELECT 1 FROM refunds WHERE merchant = $1 AND refunds.id = each.id AND order_id = $2)",
                owned![merchant.clone(), id, ids, numbers],
            )?;
        }
        self.note_splits(&merchant, order)
    }

    fn book(
        &self,
        subject: &Subject,
        entry: &Entry,
        at: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        self.book_entry(subject, entry, at)
    }

    fn schedule(&self, task: &Task, due: Timestamp) -> Result<(), StoreError> {
        self.later(
            "INSERT INTO tasks (merchant, lane, task, due_ms, once) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            owned![self.owner(), task.lane().as_str(), to_json(task)?, due.as_ms(), task.once()],
        )
    }

    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_end: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueTask>, StoreError> {
        let sql = "UPDATE tasks SET due_ms = $2, leased_from = due_ms, tries = tries + 1
                   WHERE number IN (SELECT number FROM tasks WHERE lane = $4 AND due_ms <= $1
                                    ORDER BY due_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
                   RETURNING number, task, tries - 1";
        let params = params![now.as_ms(), lease_end.as_ms(), i64::from(limit), lane.as_str()];
        let claimed = self.all(sql, params, |row| {
            Ok((get::<i64>(row, 0)?, json::<Task>(row, 1), count(row, 2)?))
        })?;
        let mut tasks = Vec::with_capacity(claimed.len());
        for (number, task, tries) in claimed {
            match task {
                Ok(task) => tasks.push(DueTask { number, task, tries }),
                // One that cannot be read is for a person; the others go on.
                Err(error) => {
                    tracing::error!(number, %error, "task set aside");
                    self.postpone_task(number, Timestamp::from_ms(NEVER_MS), &error.to_string())?;
                }
            }
        }
        Ok(tasks)
    }

    fn finish_task(&self, number: i64) -> Result<(), StoreError> {
        self.later("DELETE FROM tasks WHERE number = $1", owned![number])
    }

    fn postpone_task(&self, number: i64, due: Timestamp, error: &str) -> Result<(), StoreError> {
        let sql =
            "UPDATE tasks SET due_ms = $2, leased_from = NULL, last_error = $3 WHERE number = $1";
        self.later(sql, owned![number, due.as_ms(), error.to_owned()])
    }

    fn put_off_task(&self, number: i64, due: Timestamp) -> Result<(), StoreError> {
        let sql =
            "UPDATE tasks SET due_ms = $2, leased_from = NULL, tries = tries - 1 WHERE number = $1";
        self.later(sql, owned![number, due.as_ms()])
    }

    fn end_leases(&self) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET due_ms = leased_from, leased_from = NULL WHERE leased_from IS NOT NULL";
        self.change(sql, &[]).map(drop)
    }

    fn save_response(
        &self,
        key: &IdempotencyKey,
        answer: &StoredResponse,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let context = format!("answer/{}/{}", key.scope, key.key);
        self.later(
            "INSERT INTO stored_responses (merchant, scope, key, fingerprint, status, body, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            owned![
                self.owner(),
                key.scope.clone(),
                key.key.clone(),
                answer.fingerprint.clone(),
                i64::from(answer.status),
                self.seal_bytes(&context, &answer.body)?,
                at.as_ms()
            ],
        )
    }

    fn take_nonce(&self, keyid: &str, nonce: &str, expires: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT INTO nonces (merchant, keyid, nonce, expires_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let params = params![self.owner(), keyid, nonce, expires.as_ms()];
        Ok(self.change(sql, params)? == 1)
    }

    fn claim_session(&self, session: &SessionId, claim: &Claim) -> Result<(), StoreError> {
        let merchant = self.writer()?;
        let former = "INSERT INTO former_claims (merchant, session, number, claim_key, claim_origin, claim_ms, ended_ms)
                      SELECT $1, id, (SELECT count(*) FROM former_claims WHERE merchant = $1 AND session = $2),
                        claim_key, claim_origin, claim_ms, $3
                      FROM sessions WHERE merchant = $1 AND id = $2 AND claim_ms IS NOT NULL";
        self.later(former, owned![merchant.clone(), session.to_string(), claim.at.as_ms()])?;
        let sql = "UPDATE sessions SET claim_key = $3, claim_origin = $4, claim_ms = $5 WHERE merchant = $1 AND id = $2";
        self.later(
            sql,
            owned![
                merchant,
                session.to_string(),
                to_json(&claim.key)?,
                claim.origin.clone(),
                claim.at.as_ms()
            ],
        )
    }

    fn renew_session(&self, session: &SessionRecord, at: Timestamp) -> Result<(), StoreError> {
        let merchant = self.writer()?;
        let former = "INSERT INTO former_sessions (merchant, order_id, session, ended_ms)
                      SELECT merchant, id, session, $3 FROM orders WHERE merchant = $1 AND id = $2";
        self.later(former, owned![merchant.clone(), session.order.to_string(), at.as_ms()])?;
        self.insert_session(&merchant, session)?;
        let sql = "UPDATE orders SET session = $3 WHERE merchant = $1 AND id = $2";
        self.later(sql, owned![merchant, session.order.to_string(), session.id.to_string()])
    }

    fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        self.later(sql, owned![name.to_owned(), value.to_owned()])
    }

    fn put_merchant(&self, merchant: &MerchantRecord) -> Result<(), StoreError> {
        let id = self.admit(&merchant.id)?;
        let MerchantRecord { name, notify_url, policy, .. } = merchant;
        // Every policy that ever decided stays, so that what it decided can be decided again.
        self.later(
            "INSERT INTO policies (merchant, digest, policy) VALUES ($1, $2, $3) ON CONFLICT (merchant, digest) DO NOTHING",
            owned![id.clone(), sha256_hex(policy.as_bytes()), policy.clone()],
        )?;
        let seal = |name: &str, secret: &str| {
            self.seal(&format!("merchant/{id}/{name}"), secret.to_owned())
        };
        let secret = seal("webhook_secret", &merchant.webhook_secret)?;
        let (former, until) =
            merchant.former_secret.as_ref().map(|(secret, until)| (secret, until.as_ms())).unzip();
        let former = former.map(|former| seal("former_secret", former)).transpose()?;
        self.configured();
        self.later(
            "INSERT INTO merchants (id, name, notify_url, webhook_secret, policy, notify_hosts, former_secret, former_secret_until_ms, frame_origins, brand)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (id) DO UPDATE SET name = $2, notify_url = $3, webhook_secret = $4, policy = $5, notify_hosts = $6,
               former_secret = $7, former_secret_until_ms = $8, frame_origins = $9, brand = $10",
            owned![
                id.clone(),
                name.clone(),
                notify_url.clone(),
                secret,
                policy.clone(),
                to_json(&merchant.notify_hosts)?,
                former,
                until,
                to_json(&merchant.frame_origins)?,
                to_json(&merchant.brand)?,
            ],
        )
    }

    fn put_merchant_key(&self, key: &MerchantKey) -> Result<bool, StoreError> {
        let merchant = self.admit(&key.merchant)?;
        let changed = self.change(
            "INSERT INTO merchant_keys (keyid, merchant, pem) VALUES ($1, $2, $3)
             ON CONFLICT (keyid) DO UPDATE SET pem = $3 WHERE merchant_keys.merchant = $2",
            params![key.keyid, merchant, key.pem],
        )?;
        self.configured();
        Ok(changed == 1)
    }

    fn remove_merchant_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        let merchant = self.admit(merchant)?;
        let sql = "DELETE FROM merchant_keys WHERE merchant = $1 AND keyid = $2";
        self.configured();
        Ok(self.change(sql, params![merchant, keyid])? == 1)
    }

    fn prune(&self, nonces_before: Timestamp, answers_before: Timestamp) -> Result<(), StoreError> {
        // Two nodes that forget at once skip what the other has.
        let nonces = "DELETE FROM nonces WHERE ctid = ANY (ARRAY(SELECT ctid FROM nonces WHERE expires_ms < $1 ORDER BY expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED))";
        let answers = "DELETE FROM stored_responses WHERE ctid = ANY (ARRAY(SELECT ctid FROM stored_responses WHERE at_ms < $1 ORDER BY at_ms LIMIT $2 FOR UPDATE SKIP LOCKED))";
        self.later(nonces, owned![nonces_before.as_ms(), PRUNED])?;
        self.later(answers, owned![answers_before.as_ms(), PRUNED])
    }
}
