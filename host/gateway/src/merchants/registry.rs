//! The merchants of this process: read from the store, swapped in whole, and read again after each change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use lezai_core::id::MerchantId;
use lezai_store as store;
use lezai_store::{ReleaseRecord, StoreError};
use lezai_wire::problem::{Code, Problem};
use tokio::sync::Mutex;

use super::accounts::Accounts;
use super::agreements::Agreements;
use super::{Merchant, Merchants};
use crate::node::Node;
use crate::releases::rollout::Rollout;

/// The merchants as of now. It knows none before [`Registry::reload`].
pub struct Registry {
    pub(super) node: Arc<Node>,
    /// The merchants' contracts, as of now.
    pub contracts: Agreements,
    /// The merchants' own accounts at channels, as of now.
    pub accounts: Arc<Accounts>,
    merchants: ArcSwap<Merchants>,
    /// One after the other: who read earlier must not swap in later.
    reloading: Mutex<()>,
}

impl Registry {
    /// A registry over the node's store.
    pub fn new(node: &Arc<Node>, accounts: Accounts) -> Self {
        Self {
            node: Arc::clone(node),
            contracts: Agreements::default(),
            accounts: Arc::new(accounts),
            merchants: ArcSwap::default(),
            reloading: Mutex::default(),
        }
    }

    /// The merchants as of now.
    pub fn current(&self) -> Guard<Arc<Merchants>> {
        self.merchants.load()
    }

    /// The merchant with this id.
    ///
    /// # Errors
    ///
    /// `not_found`.
    pub fn known(&self, id: &MerchantId) -> Result<Arc<Merchant>, Problem> {
        self.current().get(id).cloned().ok_or_else(|| Self::unknown(id))
    }

    pub(super) fn unknown(id: &MerchantId) -> Problem {
        Problem::new(Code::NotFound, format!("there is no merchant {id}"))
    }

    /// Swaps in merchants that were loaded elsewhere.
    pub fn replace(&self, merchants: Arc<Merchants>) {
        self.merchants.store(merchants);
    }

    /// Reads the merchants, their keys, policies and plugins from the store again.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the merchants stay as they were.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let _turn = self.reloading.lock().await;
        let (records, keys, releases, agreed, accounts) = store::read(&self.node.store, |view| {
            let (records, mut agreed) = (view.merchants()?, HashMap::new());
            for merchant in &records {
                let contracts = view.contracts(&merchant.id)?;
                if !contracts.is_empty() {
                    agreed.insert(merchant.id.clone(), contracts);
                }
            }
            let (keys, releases) = (view.merchant_keys()?, view.standing_releases(None)?);
            Ok((records, keys, releases, agreed, view.accounts()?))
        })
        .await?;
        self.contracts.swap(agreed);
        let rollouts = self.rollouts(releases);
        // Thousands of policies take a while.
        let opened = Arc::clone(&self.accounts);
        let load = move || {
            opened.load(accounts);
            Merchants::load(records, keys, rollouts)
        };
        let merchants =
            tokio::task::spawn_blocking(load).await.map_err(|_| StoreError::Abandoned)?;
        self.replace(Arc::new(merchants));
        Ok(())
    }

    /// Reloads one merchant's releases. Others are not touched, and what is under way ends
    /// as it began. Called when the commit is done that changed it: how long that takes is counted.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; all stays as it was.
    pub async fn refresh_releases(&self, merchant: &MerchantId) -> Result<(), StoreError> {
        let committed = Instant::now();
        let _turn = self.reloading.lock().await;
        let id = merchant.clone();
        let read = move |view: &dyn store::View| view.standing_releases(Some(&id));
        let records = store::read(&self.node.store, read).await?;
        let Some(merchant) = self.current().get(merchant).cloned() else { return Ok(()) };
        let metrics = &self.node.metrics.plugins;
        let before = merchant.rollout.load();
        let rollout = Rollout::new(records, Some(&before), metrics);
        merchant.rollout.store(Arc::new(rollout));
        metrics.live_seconds.observe(committed.elapsed().as_secs_f64());
        Ok(())
    }

    /// The rollouts of all merchants, when merchants are read anew: what was counted of their
    /// releases goes on.
    fn rollouts(&self, records: Vec<ReleaseRecord>) -> HashMap<MerchantId, Rollout> {
        let mut by_merchant: HashMap<MerchantId, Vec<ReleaseRecord>> = HashMap::new();
        for record in records {
            by_merchant.entry(record.manifest.merchant.clone()).or_default().push(record);
        }
        let all = self.current();
        by_merchant
            .into_iter()
            .map(|(merchant, records)| {
                let before = all.get(&merchant).map(|it| it.rollout.load_full());
                let metrics = &self.node.metrics.plugins;
                let rollout = Rollout::new(records, before.as_deref(), metrics);
                (merchant, rollout)
            })
            .collect()
    }
}
