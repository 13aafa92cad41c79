//! Plugins in SQLite.

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::release::{Envelope, Manifest, Share};
use lezai_core::time::Timestamp;
use rusqlite::{Row, params};

use super::tables::{PRUNED, Sqlite, id, json, to_json};
use lezai_store::StoreError;
use lezai_store::plugins::{
    DENIAL_SECS, Denial, Difference, PluginKey, PluginReads, PluginWrites, ReleaseRecord,
    ReleaseState, Side, Stage,
};

pub(super) const TABLES: &str = "
CREATE TABLE plugin_keys (keyid TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, pem TEXT NOT NULL) STRICT;
CREATE TABLE releases (
  merchant TEXT NOT NULL REFERENCES merchants, sequence INTEGER NOT NULL, manifest BLOB NOT NULL, signature BLOB NOT NULL,
  settings BLOB NOT NULL, size INTEGER NOT NULL, published_ms INTEGER NOT NULL,
  stage TEXT NOT NULL, per_mille INTEGER, paused INTEGER NOT NULL, since_ms INTEGER NOT NULL, drift_percent INTEGER NOT NULL, note TEXT,
  PRIMARY KEY (merchant, sequence)
) STRICT;
CREATE INDEX releases_that_stand ON releases (merchant) WHERE stage IN ('shadow', 'canary', 'live', 'previous');
CREATE UNIQUE INDEX one_live_release ON releases (merchant) WHERE stage = 'live';
CREATE UNIQUE INDEX one_candidate ON releases (merchant) WHERE stage IN ('shadow', 'canary');
CREATE TABLE differences (
  number INTEGER PRIMARY KEY AUTOINCREMENT, merchant TEXT NOT NULL, sequence INTEGER NOT NULL, order_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL, applied TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL
) STRICT;
CREATE INDEX differences_by_release ON differences (merchant, sequence, number);
CREATE TABLE denials (
  number INTEGER PRIMARY KEY AUTOINCREMENT, merchant TEXT NOT NULL, order_id TEXT NOT NULL, at_ms INTEGER NOT NULL,
  decision TEXT NOT NULL, facts TEXT NOT NULL
) STRICT;
CREATE INDEX denials_by_merchant ON denials (merchant, number);
CREATE INDEX denials_by_order ON denials (order_id);
CREATE INDEX denials_by_age ON denials (at_ms);
";

const RELEASE: &str = "SELECT manifest, signature, settings, size, published_ms, stage, per_mille, paused, since_ms, drift_percent, note FROM releases";

fn release(row: &Row<'_>) -> Result<ReleaseRecord, StoreError> {
    let envelope = Envelope { manifest: row.get(0)?, signature: row.get(1)? };
    let manifest = Manifest::parse(&envelope.manifest)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    let stage = Stage::parse(&row.get::<_, String>(5)?, row.get(6)?);
    Ok(ReleaseRecord {
        envelope,
        manifest,
        settings: row.get(2)?,
        size: row.get(3)?,
        published_at: Timestamp::from_ms(row.get(4)?),
        standing: ReleaseState {
            stage: stage
                .ok_or_else(|| StoreError::Damaged("unknown stage of a release".to_owned()))?,
            paused: row.get(7)?,
            since: Timestamp::from_ms(row.get(8)?),
            drift_percent: row.get(9)?,
            note: row.get(10)?,
        },
    })
}

impl PluginReads for Sqlite<'_> {
    fn releases(
        &self,
        merchant: &MerchantId,
        limit: u32,
    ) -> Result<Vec<ReleaseRecord>, StoreError> {
        let sql = format!("{RELEASE} WHERE merchant = ?1 ORDER BY sequence DESC LIMIT ?2");
        self.all(&sql, params![merchant.as_str(), limit], release)
    }

    fn release(
        &self,
        merchant: &MerchantId,
        sequence: u64,
    ) -> Result<Option<ReleaseRecord>, StoreError> {
        let sql = format!("{RELEASE} WHERE merchant = ?1 AND sequence = ?2");
        self.one(&sql, params![merchant.as_str(), number(sequence)], release)
    }

    fn standing_releases(
        &self,
        merchant: Option<&MerchantId>,
    ) -> Result<Vec<ReleaseRecord>, StoreError> {
        let standing = format!("{RELEASE} WHERE stage IN ('shadow', 'canary', 'live', 'previous')");
        match merchant {
            Some(merchant) => {
                self.all(&format!("{standing} AND merchant = ?1"), [merchant.as_str()], release)
            }
            None => self.all(&standing, [], release),
        }
    }

    fn plugin_key(&self, keyid: &str) -> Result<Option<PluginKey>, StoreError> {
        self.one("SELECT keyid, merchant, pem FROM plugin_keys WHERE keyid = ?1", [keyid], |row| {
            let merchant = id(row, 1, MerchantId::parse)?;
            Ok(PluginKey { keyid: row.get(0)?, merchant, pem: row.get(2)? })
        })
    }

    fn differences(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<Difference>, StoreError> {
        let sql = "SELECT order_id, at_ms, applied, old, new FROM differences
                   WHERE merchant = ?1 AND sequence = ?2 ORDER BY number DESC LIMIT ?3";
        self.all(sql, params![merchant.as_str(), number(sequence), limit], |row| {
            Ok(Difference {
                merchant: merchant.clone(),
                sequence,
                order: id(row, 0, OrderId::parse)?,
                at: Timestamp::from_ms(row.get(1)?),
                applied: if row.get::<_, String>(2)? == "new" { Side::New } else { Side::Old },
                old: json(row, 3)?,
                new: json(row, 4)?,
            })
        })
    }

    fn denials(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Denial>, StoreError> {
        let sql = "SELECT order_id, at_ms, decision, opened('denial/' || order_id || '/facts', facts) FROM denials
                   WHERE merchant = ?1 ORDER BY number DESC LIMIT ?2";
        self.all(sql, params![merchant.as_str(), limit], |row| {
            Ok(Denial {
                merchant: merchant.clone(),
                order: id(row, 0, OrderId::parse)?,
                at: Timestamp::from_ms(row.get(1)?),
                decision: json(row, 2)?,
                facts: json(row, 3)?,
            })
        })
    }
}

impl PluginWrites for Sqlite<'_> {
    fn insert_release(&self, release: &ReleaseRecord) -> Result<(), StoreError> {
        let ReleaseRecord { envelope, manifest, settings, size, published_at, standing } = release;
        self.change(
            "INSERT INTO releases (merchant, sequence, manifest, signature, settings, size, published_ms,
               stage, per_mille, paused, since_ms, drift_percent, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                manifest.merchant.as_str(),
                number(manifest.sequence),
                envelope.manifest,
                envelope.signature,
                settings,
                size,
                published_at.as_ms(),
                standing.stage.as_str(),
                standing.stage.share().map(Share::per_mille),
                standing.paused,
                standing.since.as_ms(),
                standing.drift_percent,
                standing.note,
            ],
        )
        .map(drop)
    }

    fn set_standing(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        standing: &ReleaseState,
    ) -> Result<(), StoreError> {
        let changed = self.change(
            "UPDATE releases SET stage = ?3, per_mille = ?4, paused = ?5, since_ms = ?6, drift_percent = ?7, note = ?8
             WHERE merchant = ?1 AND sequence = ?2",
            params![
                merchant.as_str(),
                number(sequence),
                standing.stage.as_str(),
                standing.stage.share().map(Share::per_mille),
                standing.paused,
                standing.since.as_ms(),
                standing.drift_percent,
                standing.note,
            ],
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::Damaged(format!("{merchant} has no release {sequence}")))
        }
    }

    fn put_plugin_key(&self, key: &PluginKey) -> Result<bool, StoreError> {
        let changed = self.change(
            "INSERT INTO plugin_keys (keyid, merchant, pem) VALUES (?1, ?2, ?3)
             ON CONFLICT (keyid) DO UPDATE SET pem = ?3 WHERE merchant = ?2",
            params![key.keyid, key.merchant.as_str(), key.pem],
        )?;
        Ok(changed == 1)
    }

    fn remove_plugin_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM plugin_keys WHERE merchant = ?1 AND keyid = ?2";
        Ok(self.change(sql, [merchant.as_str(), keyid])? == 1)
    }

    fn insert_difference(&self, difference: &Difference, most: u32) -> Result<(), StoreError> {
        let Difference { merchant, sequence, order, at, applied, old, new } = difference;
        let (merchant, sequence) = (merchant.as_str(), number(*sequence));
        self.change(
            "INSERT INTO differences (merchant, sequence, order_id, at_ms, applied, old, new) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                merchant,
                sequence,
                order.as_str(),
                at.as_ms(),
                applied.as_str(),
                to_json(old)?,
                to_json(new)?
            ],
        )?;
        let surplus = "DELETE FROM differences WHERE number IN (SELECT number FROM differences
                       WHERE merchant = ?1 AND sequence = ?2 ORDER BY number DESC LIMIT -1 OFFSET ?3)";
        self.change(surplus, params![merchant, sequence, most]).map(drop)
    }

    fn insert_denial(&self, denial: &Denial, most: u32) -> Result<(), StoreError> {
        let merchant = denial.merchant.as_str();
        self.change(
            "INSERT INTO denials (merchant, order_id, at_ms, decision, facts) VALUES (?1, ?2, ?3, ?4, sealed('denial/' || ?2 || '/facts', ?5))",
            params![
                merchant,
                denial.order.as_str(),
                denial.at.as_ms(),
                to_json(&denial.decision)?,
                to_json(&denial.facts)?,
            ],
        )?;
        let old = "DELETE FROM denials WHERE number IN
                   (SELECT number FROM denials WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)";
        let before = denial.at.plus_secs(-DENIAL_SECS).as_ms();
        self.change(old, params![before, PRUNED])?;
        let surplus = "DELETE FROM denials WHERE number IN (SELECT number FROM denials
                       WHERE merchant = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2)";
        self.change(surplus, params![merchant, most]).map(drop)
    }
}

/// A manifest's numbers are at most 2⁵³, so they all fit.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
