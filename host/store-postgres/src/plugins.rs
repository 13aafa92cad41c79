//! Plugins in PostgreSQL.

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::release::{Envelope, Manifest, Share};
use lezai_core::time::Timestamp;
use lezai_store::StoreError;
use lezai_store::plugins::{
    DENIAL_SECS, Denial, Difference, PluginKey, PluginReads, PluginWrites, ReleaseRecord,
    ReleaseState, Side, Stage,
};
use tokio_postgres::Row;

use super::tables::{
    PRUNED, Postgres, count, damaged, get, id, json, number, owned, params, to_json,
};

const RELEASE: &str = "SELECT manifest, signature, settings, size, published_ms, stage, per_mille, paused, since_ms, drift_percent, note FROM releases";

fn release(row: &Row) -> Result<ReleaseRecord, StoreError> {
    let envelope = Envelope { manifest: get(row, 0)?, signature: get(row, 1)? };
    let manifest = Manifest::parse(&envelope.manifest).map_err(damaged)?;
    let per_mille = match get::<Option<i64>>(row, 6)? {
        Some(_) => Some(count(row, 6)?),
        None => None,
    };
    let stage = Stage::parse(get(row, 5)?, per_mille);
    Ok(ReleaseRecord {
        envelope,
        manifest,
        settings: get(row, 2)?,
        size: count(row, 3)?,
        published_at: Timestamp::from_ms(get(row, 4)?),
        standing: ReleaseState {
            stage: stage
                .ok_or_else(|| StoreError::Damaged("unknown stage of a release".to_owned()))?,
            paused: get(row, 7)?,
            since: Timestamp::from_ms(get(row, 8)?),
            drift_percent: count(row, 9)?,
            note: get(row, 10)?,
        },
    })
}

impl PluginReads for Postgres<'_> {
    fn releases(
        &self,
        merchant: &MerchantId,
        limit: u32,
    ) -> Result<Vec<ReleaseRecord>, StoreError> {
        let sql = format!("{RELEASE} WHERE merchant = $1 ORDER BY sequence DESC LIMIT $2");
        self.all(&sql, params![merchant.as_str(), i64::from(limit)], release)
    }

    fn release(
        &self,
        merchant: &MerchantId,
        sequence: u64,
    ) -> Result<Option<ReleaseRecord>, StoreError> {
        let sql = format!("{RELEASE} WHERE merchant = $1 AND sequence = $2");
        self.one(&sql, params![merchant.as_str(), number(sequence)], release)
    }

    fn standing_releases(
        &self,
        merchant: Option<&MerchantId>,
    ) -> Result<Vec<ReleaseRecord>, StoreError> {
        let standing = format!("{RELEASE} WHERE stage IN ('shadow', 'canary', 'live', 'previous')");
        match merchant {
            Some(merchant) => self.all(
                &format!("{standing} AND merchant = $1"),
                params![merchant.as_str()],
                release,
            ),
            None => self.all(&standing, &[], release),
        }
    }

    fn plugin_key(&self, keyid: &str) -> Result<Option<PluginKey>, StoreError> {
        let sql = "SELECT keyid, merchant, pem FROM plugin_keys WHERE keyid = $1";
        self.one(sql, params![keyid], |row| {
            let merchant = id(row, 1, MerchantId::parse)?;
            Ok(PluginKey { keyid: get(row, 0)?, merchant, pem: get(row, 2)? })
        })
    }

    fn differences(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<Difference>, StoreError> {
        let sql = "SELECT order_id, at_ms, applied, old, new FROM differences
                   WHERE merchant = $1 AND sequence = $2 ORDER BY number DESC LIMIT $3";
        let params = params![merchant.as_str(), number(sequence), i64::from(limit)];
        self.all(sql, params, |row| {
            Ok(Difference {
                merchant: merchant.clone(),
                sequence,
                order: id(row, 0, OrderId::parse)?,
                at: Timestamp::from_ms(get(row, 1)?),
                applied: if get::<&str>(row, 2)? == "new" { Side::New } else { Side::Old },
                old: json(row, 3)?,
                new: json(row, 4)?,
            })
        })
    }

    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM components WHERE digest = $1";
        self.one(sql, params![digest], |row| get(row, 0))
    }

    fn denials(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Denial>, StoreError> {
        let sql = "SELECT order_id, at_ms, decision, facts FROM denials
                   WHERE merchant = $1 ORDER BY number DESC LIMIT $2";
        self.all(sql, params![merchant.as_str(), i64::from(limit)], |row| {
            let order = id(row, 0, OrderId::parse)?;
            let facts = self.open(&format!("denial/{order}/facts"), get(row, 3)?)?;
            Ok(Denial {
                merchant: merchant.clone(),
                order,
                at: Timestamp::from_ms(get(row, 1)?),
                decision: json(row, 2)?,
                facts: serde_json::from_str(&facts).map_err(damaged)?,
            })
        })
    }
}

impl PluginWrites for Postgres<'_> {
    fn put_component(&self, digest: &str, component: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO components (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.later(sql, owned![digest.to_owned(), component.to_vec()])
    }

    fn insert_release(&self, release: &ReleaseRecord) -> Result<(), StoreError> {
        let ReleaseRecord { envelope, manifest, settings, size, published_at, standing } = release;
        let merchant = self.admit(&manifest.merchant)?;
        self.configured();
        self.later(
            "INSERT INTO releases (merchant, sequence, manifest, signature, settings, size, published_ms,
               stage, per_mille, paused, since_ms, drift_percent, note)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            owned![
                merchant,
                number(manifest.sequence),
                envelope.manifest.clone(),
                envelope.signature.clone(),
                settings.clone(),
                number(*size),
                published_at.as_ms(),
                standing.stage.as_str(),
                standing.stage.share().map(|it| i64::from(Share::per_mille(it))),
                standing.paused,
                standing.since.as_ms(),
                i64::from(standing.drift_percent),
                standing.note.clone(),
            ],
        )
    }

    fn set_standing(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        standing: &ReleaseState,
    ) -> Result<(), StoreError> {
        let changed = self.change(
            "UPDATE releases SET stage = $3, per_mille = $4, paused = $5, since_ms = $6, drift_percent = $7, note = $8
             WHERE merchant = $1 AND sequence = $2",
            params![
                self.admit(merchant)?,
                number(sequence),
                standing.stage.as_str(),
                standing.stage.share().map(|it| i64::from(Share::per_mille(it))),
                standing.paused,
                standing.since.as_ms(),
                i64::from(standing.drift_percent),
                standing.note,
            ],
        )?;
        self.configured();
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::Damaged(format!("{merchant} has no release {sequence}")))
        }
    }

    fn put_plugin_key(&self, key: &PluginKey) -> Result<bool, StoreError> {
        let merchant = self.admit(&key.merchant)?;
        let changed = self.change(
            "INSERT INTO plugin_keys (keyid, merchant, pem) VALUES ($1, $2, $3)
             ON CONFLICT (keyid) DO UPDATE SET pem = $3 WHERE plugin_keys.merchant = $2",
            params![key.keyid, merchant, key.pem],
        )?;
        Ok(changed == 1)
    }

    fn remove_plugin_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        let merchant = self.admit(merchant)?;
        let sql = "DELETE FROM plugin_keys WHERE merchant = $1 AND keyid = $2";
        Ok(self.change(sql, params![merchant, keyid])? == 1)
    }

    fn insert_difference(&self, difference: &Difference, most: u32) -> Result<(), StoreError> {
        let Difference { merchant, sequence, order, at, applied, old, new } = difference;
        let (merchant, sequence) = (self.admit(merchant)?, number(*sequence));
        self.later(
            "INSERT INTO differences (merchant, sequence, order_id, at_ms, applied, old, new) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            owned![
                merchant.clone(),
                sequence,
                order.to_string(),
                at.as_ms(),
                applied.as_str(),
                to_json(old)?,
                to_json(new)?
            ],
        )?;
        let surplus = "DELETE FROM differences WHERE merchant = $1 AND sequence = $2 AND number IN (SELECT number FROM differences
                       WHERE merchant = $1 AND sequence = $2 ORDER BY number DESC OFFSET $3)";
        self.later(surplus, owned![merchant, sequence, i64::from(most)])
    }

    fn insert_denial(&self, denial: &Denial, most: u32) -> Result<(), StoreError> {
        let merchant = self.admit(&denial.merchant)?;
        let facts =
            self.seal(&format!("denial/{}/facts", denial.order), to_json(&denial.facts)?)?;
        self.later(
            "INSERT INTO denials (merchant, order_id, at_ms, decision, facts) VALUES ($1, $2, $3, $4, $5)",
            owned![
                merchant.clone(),
                denial.order.to_string(),
                denial.at.as_ms(),
                to_json(&denial.decision)?,
                facts,
            ],
        )?;
        let old = "DELETE FROM denials WHERE merchant = $1 AND number IN
                   (SELECT number FROM denials WHERE merchant = $1 AND at_ms < $2 ORDER BY at_ms LIMIT $3)";
        let before = denial.at.plus_secs(-DENIAL_SECS).as_ms();
        self.later(old, owned![merchant.clone(), before, PRUNED])?;
        let surplus =
            "DELETE FROM denials WHERE merchant = $1 AND number IN (SELECT number FROM denials
                       WHERE merchant = $1 ORDER BY number DESC OFFSET $2)";
        self.later(surplus, owned![merchant, i64::from(most)])
    }
}
