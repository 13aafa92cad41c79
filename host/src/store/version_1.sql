CREATE TABLE merchants (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, notify_url TEXT, webhook_secret TEXT NOT NULL, policy TEXT NOT NULL
) STRICT;
CREATE TABLE merchant_keys (keyid TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, pem TEXT NOT NULL) STRICT;
CREATE TABLE plugins (
  merchant TEXT PRIMARY KEY REFERENCES merchants, component BLOB NOT NULL, settings BLOB NOT NULL, published_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_order_id TEXT NOT NULL,
  status TEXT NOT NULL, version INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  data TEXT NOT NULL, details TEXT NOT NULL, session TEXT NOT NULL,
  UNIQUE (merchant, merchant_order_id)
) STRICT;
CREATE TABLE attempts (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders) STRICT;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, secret_hash TEXT NOT NULL, gateway_key TEXT NOT NULL,
  claim_key TEXT, claim_origin TEXT, claim_ms INTEGER
) STRICT;
CREATE TABLE entries (
  number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, order_id TEXT NOT NULL REFERENCES orders, kind TEXT NOT NULL,
  postings TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_order ON entries (order_id);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never removed'); END;
CREATE TABLE tasks (
  number INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, task TEXT NOT NULL, due_ms INTEGER NOT NULL, leased_from INTEGER, tries INTEGER NOT NULL DEFAULT 0, last_error TEXT
) STRICT;
CREATE INDEX tasks_by_due ON tasks (lane, due_ms);
CREATE TABLE events (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, sequence INTEGER NOT NULL,
  event_type TEXT NOT NULL, created_ms INTEGER NOT NULL, body BLOB NOT NULL, delivered_ms INTEGER,
  UNIQUE (order_id, sequence)
) STRICT;
CREATE TABLE first_answers (
  scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX first_answers_by_age ON first_answers (at_ms);
CREATE TABLE nonces (keyid TEXT NOT NULL, nonce TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (keyid, nonce)) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_age ON nonces (expires_ms);
INSERT INTO merchants VALUES ('m_demo', 'Demo', NULL, 'whsec_', '{}');
INSERT INTO plugins VALUES ('m_demo', x'0061736d', x'01', 1795000000000);
INSERT INTO orders VALUES ('ord_01a1ee565e0007070707070707070707', 'm_demo', 'A-1', 'created', 1, 1795000000000,
  '{"terms":{"id":"ord_01a1ee565e0007070707070707070707","merchant":"m_demo","merchant_order_id":"A-1","amount":{"minor":12800,"currency":"CNY"},"fee":{"minor":77,"currency":"CNY"},"held":false,"description":"Tea","methods":["wallet_qr"],"created_at":1795000000000,"expires_at":1795000900000},"state":{"status":"created","declined":null},"attempts":[],"returns":[],"version":1,"notices":0}',
  '{}', 'cs_01a1ee565e0007070707070707070707');
INSERT INTO orders VALUES ('ord_01a1ee565e0008080808080808080808', 'm_demo', 'A-2', 'paid', 5, 1795000000000,
  '{"terms":{"id":"ord_01a1ee565e0008080808080808080808","merchant":"m_demo","merchant_order_id":"A-2","amount":{"minor":12800,"currency":"CNY"},"fee":{"minor":77,"currency":"CNY"},"held":false,"description":"Tea","methods":["wallet_qr"],"created_at":1795000000000,"expires_at":1795000900000},"state":{"status":"paid","attempt":"att_01a1ee565e0001010101010101010101","channel_ref":"sbx_1","paid_at":1795000060000},"attempts":[{"id":"att_01a1ee565e0001010101010101010101","method":"wallet_qr","channel":"sandbox"},{"id":"att_01a1ee565e0002020202020202020202","method":"wallet_qr","channel":"sandbox"}],"returns":[{"attempt":"att_01a1ee565e0002020202020202020202","done":true}],"version":5,"notices":1}',
  '{}', 'cs_01a1ee565e0008080808080808080808');
PRAGMA user_version = 1;
