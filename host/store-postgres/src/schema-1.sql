-- The tables at version 1. A merchant's rows have its id first in their keys, so that they can be partitioned, or
-- distributed, by it. Identifiers are compared byte by byte, whatever the database's collation is.
-- Nothing refers to another row by a foreign key: each would be one more question in every commit, and a lock on a
-- row that others share. `lezai ledger check` looks whether every row that is named is there.

-- The ledger's chains. The row of a chain is its head, and the one thing that commits of its merchants wait for.
-- `revision` rises with every change of a merchant's configuration. Book -1 is the gateway's own: what it books in
-- nobody's name stands there.
CREATE TABLE books (
  book BIGINT PRIMARY KEY, entries BIGINT NOT NULL DEFAULT 0, at_ms BIGINT NOT NULL DEFAULT 0,
  hash TEXT NOT NULL, revision BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

CREATE TABLE settings (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE merchants (
  id TEXT COLLATE "C" PRIMARY KEY, name TEXT NOT NULL, notify_url TEXT, webhook_secret TEXT NOT NULL, policy TEXT NOT NULL,
  notify_hosts TEXT NOT NULL, former_secret TEXT, former_secret_until_ms BIGINT, frame_origins TEXT NOT NULL, brand TEXT NOT NULL
);
CREATE TABLE policies (
  merchant TEXT COLLATE "C" NOT NULL, digest TEXT COLLATE "C" NOT NULL, policy TEXT NOT NULL, PRIMARY KEY (merchant, digest)
);
CREATE TABLE merchant_keys (keyid TEXT COLLATE "C" PRIMARY KEY, merchant TEXT COLLATE "C" NOT NULL, pem TEXT NOT NULL);

CREATE TABLE orders (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, merchant_order_id TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, created_ms BIGINT NOT NULL,
  data TEXT NOT NULL, details TEXT NOT NULL, session TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (merchant, id), UNIQUE (merchant, merchant_order_id)
);
CREATE INDEX orders_by_status ON orders (merchant, status, id);
CREATE INDEX orders_by_id ON orders (id);
CREATE TABLE open_reviews (merchant TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C" NOT NULL, PRIMARY KEY (merchant, order_id));
CREATE INDEX open_reviews_by_order ON open_reviews (order_id);
CREATE TABLE refunds (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C" NOT NULL,
  merchant_refund_id TEXT COLLATE "C" NOT NULL, PRIMARY KEY (merchant, id), UNIQUE (merchant, merchant_refund_id)
);
CREATE UNIQUE INDEX refunds_by_id ON refunds (id);
CREATE TABLE receivers (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (merchant, id), UNIQUE (merchant, name)
);
CREATE INDEX receivers_by_id ON receivers (id);
CREATE TABLE splits (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C" NOT NULL,
  merchant_split_id TEXT COLLATE "C" NOT NULL, PRIMARY KEY (merchant, id), UNIQUE (merchant, merchant_split_id)
);
CREATE UNIQUE INDEX splits_by_id ON splits (id);
CREATE TABLE split_returns (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, split TEXT COLLATE "C" NOT NULL,
  merchant_return_id TEXT COLLATE "C" NOT NULL, PRIMARY KEY (merchant, id), UNIQUE (merchant, merchant_return_id)
);
CREATE TABLE fx_quotes (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C", expires_ms BIGINT NOT NULL,
  data TEXT NOT NULL, PRIMARY KEY (merchant, id), UNIQUE (merchant, order_id)
);
CREATE INDEX fx_quotes_by_id ON fx_quotes (id);
CREATE INDEX fx_quotes_unused ON fx_quotes (expires_ms) WHERE order_id IS NULL;
CREATE TABLE attempts (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C" NOT NULL, PRIMARY KEY (merchant, id)
);
CREATE UNIQUE INDEX attempts_by_id ON attempts (id);
CREATE TABLE sessions (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C" NOT NULL, secret_hash TEXT NOT NULL,
  gateway_key TEXT NOT NULL, claim_key TEXT, claim_origin TEXT, claim_ms BIGINT, PRIMARY KEY (merchant, id)
);
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);
CREATE TABLE former_claims (
  merchant TEXT COLLATE "C" NOT NULL, session TEXT COLLATE "C" NOT NULL, number BIGINT NOT NULL,
  claim_key TEXT NOT NULL, claim_origin TEXT NOT NULL, claim_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL,
  PRIMARY KEY (merchant, session, number)
);
CREATE TABLE former_sessions (
  merchant TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C" NOT NULL, session TEXT COLLATE "C" NOT NULL, ended_ms BIGINT NOT NULL,
  PRIMARY KEY (merchant, order_id, session)
);

-- The queue, of all merchants; who takes a task skips what others have locked.
CREATE TABLE tasks (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, merchant TEXT COLLATE "C" NOT NULL, lane TEXT COLLATE "C" NOT NULL,
  task TEXT NOT NULL, due_ms BIGINT NOT NULL, leased_from BIGINT, tries BIGINT NOT NULL DEFAULT 0, last_error TEXT,
  once TEXT COLLATE "C"
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX tasks_once ON tasks (once) WHERE once IS NOT NULL;
CREATE INDEX tasks_by_due ON tasks (lane, due_ms);
CREATE INDEX tasks_of_settlement ON tasks (merchant, due_ms) WHERE task LIKE '%"settle"%';

-- Of calls of the operator's the merchant is empty.
CREATE TABLE stored_responses (
  merchant TEXT COLLATE "C" NOT NULL, scope TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, fingerprint TEXT NOT NULL,
  status BIGINT NOT NULL, body BYTEA NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (merchant, scope, key)
);
CREATE INDEX stored_responses_by_age ON stored_responses (at_ms);
CREATE TABLE nonces (
  merchant TEXT COLLATE "C" NOT NULL, keyid TEXT COLLATE "C" NOT NULL, nonce TEXT COLLATE "C" NOT NULL, expires_ms BIGINT NOT NULL,
  PRIMARY KEY (merchant, keyid, nonce)
);
CREATE INDEX nonces_by_age ON nonces (expires_ms);

CREATE TABLE entries (
  book BIGINT NOT NULL, number BIGINT NOT NULL, at_ms BIGINT NOT NULL, subject TEXT COLLATE "C" NOT NULL, kind TEXT NOT NULL,
  postings TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL, owner TEXT COLLATE "C", PRIMARY KEY (book, number)
);
CREATE INDEX entries_by_subject ON entries (subject);
CREATE INDEX entries_by_owner ON entries (book, owner, number) WHERE owner IS NOT NULL;
CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a row of % is never changed', TG_TABLE_NAME; END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION stays();
-- What stands on each account after each entry that touched it. An account that several books share stands once in each.
CREATE TABLE balances (
  account TEXT COLLATE "C" NOT NULL, currency TEXT COLLATE "C" NOT NULL, book BIGINT NOT NULL, at_ms BIGINT NOT NULL,
  number BIGINT NOT NULL, minor BIGINT NOT NULL, PRIMARY KEY (account, currency, book, at_ms, number)
);

-- `number` rises with the commits of one merchant, for those wait for one another.
CREATE TABLE events (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, order_id TEXT COLLATE "C", sequence BIGINT NOT NULL,
  number BIGINT GENERATED ALWAYS AS IDENTITY, event_type TEXT COLLATE "C" NOT NULL, created_ms BIGINT NOT NULL, body BYTEA NOT NULL,
  delivery_status TEXT COLLATE "C" NOT NULL, round BIGINT NOT NULL DEFAULT 0, first_try_ms BIGINT, delivered_ms BIGINT,
  PRIMARY KEY (merchant, id), UNIQUE (merchant, order_id, sequence)
) WITH (fillfactor = 80);
CREATE INDEX events_by_id ON events (id);
CREATE INDEX events_by_merchant ON events (merchant, number);
CREATE INDEX events_by_type ON events (merchant, event_type, number);
CREATE INDEX events_by_time ON events (merchant, created_ms, number);
CREATE TABLE deliveries (
  merchant TEXT COLLATE "C" NOT NULL, event TEXT COLLATE "C" NOT NULL, number BIGINT GENERATED ALWAYS AS IDENTITY,
  attempt BIGINT NOT NULL, at_ms BIGINT NOT NULL, host TEXT NOT NULL, status BIGINT, error TEXT, latency_ms BIGINT NOT NULL,
  answer TEXT NOT NULL, PRIMARY KEY (merchant, event, number)
);
CREATE INDEX deliveries_by_age ON deliveries (at_ms);
CREATE TABLE failing_hosts (
  merchant TEXT COLLATE "C" NOT NULL, host TEXT COLLATE "C" NOT NULL, failures BIGINT NOT NULL, since_ms BIGINT NOT NULL,
  PRIMARY KEY (merchant, host)
);

CREATE TABLE plugin_keys (keyid TEXT COLLATE "C" PRIMARY KEY, merchant TEXT COLLATE "C" NOT NULL, pem TEXT NOT NULL);
CREATE TABLE releases (
  merchant TEXT COLLATE "C" NOT NULL, sequence BIGINT NOT NULL, manifest BYTEA NOT NULL, signature BYTEA NOT NULL,
  settings BYTEA NOT NULL, size BIGINT NOT NULL, published_ms BIGINT NOT NULL, stage TEXT COLLATE "C" NOT NULL, per_mille BIGINT,
  paused BOOLEAN NOT NULL, since_ms BIGINT NOT NULL, drift_percent BIGINT NOT NULL, note TEXT, PRIMARY KEY (merchant, sequence)
);
CREATE INDEX releases_that_stand ON releases (merchant) WHERE stage IN ('shadow', 'canary', 'live', 'previous');
CREATE UNIQUE INDEX one_live_release ON releases (merchant) WHERE stage = 'live';
CREATE UNIQUE INDEX one_candidate ON releases (merchant) WHERE stage IN ('shadow', 'canary');
CREATE TABLE components (digest TEXT COLLATE "C" PRIMARY KEY, bytes BYTEA NOT NULL);
CREATE TABLE differences (
  merchant TEXT COLLATE "C" NOT NULL, sequence BIGINT NOT NULL, number BIGINT GENERATED ALWAYS AS IDENTITY,
  order_id TEXT COLLATE "C" NOT NULL, at_ms BIGINT NOT NULL, applied TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,
  PRIMARY KEY (merchant, sequence, number)
);
CREATE TABLE denials (
  merchant TEXT COLLATE "C" NOT NULL, number BIGINT GENERATED ALWAYS AS IDENTITY, order_id TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL, decision TEXT NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (merchant, number)
);
CREATE INDEX denials_by_order ON denials (order_id);
CREATE INDEX denials_by_age ON denials (merchant, at_ms);

CREATE TABLE payouts (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, merchant_payout_id TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, created_ms BIGINT NOT NULL, currency TEXT COLLATE "C" NOT NULL,
  minor BIGINT NOT NULL, counts BOOLEAN NOT NULL, data TEXT NOT NULL, details TEXT NOT NULL, batch TEXT COLLATE "C",
  PRIMARY KEY (merchant, id), UNIQUE (merchant, merchant_payout_id)
);
CREATE INDEX payouts_by_id ON payouts USING hash (id);
CREATE INDEX payouts_of_all_by_status ON payouts (status, id);
CREATE INDEX payouts_that_wait ON payouts (id) WHERE status = 'needs_approval' AND batch IS NULL;
CREATE INDEX payouts_by_status ON payouts (merchant, status, id);
CREATE INDEX payouts_by_day ON payouts (merchant, currency, created_ms);
CREATE INDEX payouts_by_batch ON payouts (merchant, batch, id) WHERE batch IS NOT NULL;
CREATE INDEX payouts_of_batch_by_status ON payouts (merchant, batch, status, id) INCLUDE (minor) WHERE batch IS NOT NULL;
CREATE TABLE payout_batches (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, merchant_payout_batch_id TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL, waits BOOLEAN NOT NULL, data TEXT NOT NULL, PRIMARY KEY (merchant, id),
  UNIQUE (merchant, merchant_payout_batch_id)
);
CREATE INDEX payout_batches_by_id ON payout_batches USING hash (id);
CREATE INDEX payout_batches_that_wait ON payout_batches (id) WHERE waits;
CREATE TABLE mandates (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, merchant_mandate_id TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (merchant, id),
  UNIQUE (merchant, merchant_mandate_id)
);
CREATE INDEX mandates_by_id ON mandates USING hash (id);
CREATE INDEX mandates_by_status ON mandates (merchant, status, id);
CREATE TABLE payout_events (
  merchant TEXT COLLATE "C" NOT NULL, payout TEXT COLLATE "C" NOT NULL, sequence BIGINT NOT NULL, event TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (merchant, payout, sequence)
);
CREATE TABLE destinations (
  merchant TEXT COLLATE "C" NOT NULL, digest TEXT COLLATE "C" NOT NULL, since_ms BIGINT NOT NULL, PRIMARY KEY (merchant, digest)
);
CREATE TABLE digest_keys (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE merchant_accounts (
  merchant TEXT COLLATE "C" NOT NULL, channel TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
  credentials TEXT NOT NULL, PRIMARY KEY (merchant, channel, version)
);
CREATE TABLE contracts (
  merchant TEXT COLLATE "C" NOT NULL, number BIGINT NOT NULL, data TEXT NOT NULL, pay_to TEXT, PRIMARY KEY (merchant, number)
);
CREATE TRIGGER contracts_stay BEFORE UPDATE OF merchant, number, data ON contracts FOR EACH STATEMENT EXECUTE FUNCTION stays();
-- What fees depend on: the volume of each month, and what is used of each promotion.
CREATE TABLE volumes (
  merchant TEXT COLLATE "C" NOT NULL, currency TEXT COLLATE "C" NOT NULL, month TEXT COLLATE "C" NOT NULL, minor BIGINT NOT NULL,
  PRIMARY KEY (merchant, currency, month)
);
CREATE TABLE promotions (
  merchant TEXT COLLATE "C" NOT NULL, currency TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, payments BIGINT NOT NULL,
  minor BIGINT NOT NULL, PRIMARY KEY (merchant, currency, name)
);
CREATE TABLE calendars (name TEXT COLLATE "C" NOT NULL, edition BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (name, edition));
CREATE TABLE batches (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, currency TEXT COLLATE "C" NOT NULL, to_entry BIGINT NOT NULL,
  data TEXT NOT NULL, PRIMARY KEY (merchant, id), UNIQUE (merchant, currency, to_entry)
);
CREATE INDEX batches_by_id ON batches (id);
CREATE TRIGGER batches_stay BEFORE UPDATE ON batches FOR EACH STATEMENT EXECUTE FUNCTION stays();

-- The gateway's own, of no merchant.
CREATE TABLE fx_rates (
  from_currency TEXT COLLATE "C" NOT NULL, to_currency TEXT COLLATE "C" NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (from_currency, to_currency)
);
CREATE TABLE bills (
  channel TEXT COLLATE "C" NOT NULL, kind TEXT COLLATE "C" NOT NULL, day TEXT COLLATE "C" NOT NULL, edition BIGINT NOT NULL,
  data TEXT NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY (channel, kind, day, edition)
);
CREATE INDEX bills_by_day ON bills (day, channel, kind, edition);
CREATE TABLE bill_layouts (
  name TEXT COLLATE "C" NOT NULL, edition BIGINT NOT NULL, digest TEXT COLLATE "C" NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (name, edition)
);
CREATE INDEX bill_layouts_by_digest ON bill_layouts (digest);
CREATE TRIGGER bill_layouts_stay BEFORE UPDATE ON bill_layouts FOR EACH STATEMENT EXECUTE FUNCTION stays();
CREATE TABLE reconciliations (
  id TEXT COLLATE "C" PRIMARY KEY, channel TEXT COLLATE "C" NOT NULL, day TEXT COLLATE "C" NOT NULL, data TEXT NOT NULL
);
CREATE INDEX reconciliations_by_day ON reconciliations (channel, day, id);
CREATE TRIGGER reconciliations_stay BEFORE UPDATE ON reconciliations FOR EACH STATEMENT EXECUTE FUNCTION stays();
CREATE TABLE bill_differences (
  id TEXT COLLATE "C" PRIMARY KEY, run TEXT COLLATE "C" NOT NULL, channel TEXT COLLATE "C" NOT NULL, day TEXT COLLATE "C" NOT NULL,
  class TEXT NOT NULL, status TEXT COLLATE "C" NOT NULL, waits BOOLEAN NOT NULL, opened_ms BIGINT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX bill_differences_by_run ON bill_differences (run, id);
CREATE INDEX bill_differences_by_status ON bill_differences (status, id);
CREATE INDEX bill_differences_waiting ON bill_differences (channel, day, opened_ms) WHERE waits;
CREATE INDEX bill_differences_by_day ON bill_differences (channel, day, status);

-- A statement is a range of its merchant's book. Its bytes are pieces, each a whole member of gzip, and `begins` counts
-- what comes before one, uncompressed.
CREATE TABLE statements (
  merchant TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, state TEXT COLLATE "C" NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (merchant, id)
);
CREATE INDEX statements_being_made ON statements (merchant) WHERE state = 'making';
CREATE TABLE statement_chunks (
  merchant TEXT COLLATE "C" NOT NULL, statement TEXT COLLATE "C" NOT NULL, begins BIGINT NOT NULL, kept_until_ms BIGINT NOT NULL,
  bytes BYTEA NOT NULL, PRIMARY KEY (merchant, statement, begins)
);
CREATE INDEX statement_chunks_by_age ON statement_chunks (kept_until_ms);
CREATE TABLE statement_plans (
  merchant TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, data TEXT NOT NULL, PRIMARY KEY (merchant, name)
);
