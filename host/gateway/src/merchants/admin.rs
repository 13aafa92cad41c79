//! The operator's use cases on merchants: each is one commit, after which the registry is read again, so that
//! it holds for the next request.

use lezai_base::entropy;
use lezai_core::id::MerchantId;
use lezai_core::webhook::Secret;
use lezai_store as store;
use lezai_store::events::Failing;
use lezai_store::{Brand, MerchantKey, MerchantRecord, Scope, View};
use lezai_wire::problem::{Code, Problem};

use super::Registry;

/// An order may name any host that the operator allows, with any port: so many that fail are shown.
const FAILING_SHOWN: u32 = 100;

/// A merchant as the operator wants it; a list or a setting that is left out stays as it is.
#[derive(Debug)]
pub struct MerchantChange {
    /// The name that a shopper reads.
    pub name: String,
    /// Where callbacks go unless an order says otherwise.
    pub notify_url: Option<String>,
    /// Hosts that an order's own address for callbacks may name.
    pub notify_hosts: Option<Vec<String>>,
    /// Websites that may show the hosted page in a frame.
    pub frame_origins: Option<Vec<String>>,
    /// The policy, as JSON. A new merchant needs one.
    pub policy: Option<String>,
    /// The looks at the checkout.
    pub brand: Option<Brand>,
    /// The webhook secret; a new merchant is given one if it is left out.
    pub webhook_secret: Option<String>,
}

impl MerchantChange {
    fn on(self, known: MerchantRecord) -> MerchantRecord {
        MerchantRecord {
            name: self.name,
            notify_url: self.notify_url,
            policy: self.policy.unwrap_or(known.policy),
            notify_hosts: self.notify_hosts.unwrap_or(known.notify_hosts),
            frame_origins: self.frame_origins.unwrap_or(known.frame_origins),
            brand: self.brand.unwrap_or(known.brand),
            ..known
        }
    }

    fn new_merchant(self, id: MerchantId, secret: String) -> Result<MerchantRecord, Problem> {
        let policy = self.policy.ok_or_else(|| {
            Problem::new(Code::MissingField, "a new merchant needs a policy")
                .with("field", "policy")
        })?;
        Ok(MerchantRecord {
            id,
            name: self.name,
            notify_url: self.notify_url,
            webhook_secret: secret,
            policy,
            notify_hosts: self.notify_hosts.unwrap_or_default(),
            frame_origins: self.frame_origins.unwrap_or_default(),
            brand: self.brand.unwrap_or_default(),
            former_secret: None,
        })
    }
}

/// A merchant's keys, and the hosts that take none of its callbacks.
#[derive(Debug)]
pub struct MerchantReport {
    /// The names of its keys.
    pub keys: Vec<String>,
    /// Hosts whose callbacks fail.
    pub failing_hosts: Vec<Failing>,
}

impl Registry {
    /// Makes a merchant or changes one. Gives it as it is now, and whether it is new.
    ///
    /// # Errors
    ///
    /// `missing_field` for a new merchant without a policy.
    pub async fn put_merchant(
        &self,
        id: MerchantId,
        mut change: MerchantChange,
    ) -> Result<(MerchantRecord, bool), Problem> {
        let (now, fresh) = (self.node.clock.wall(), fresh_secret()?);
        // The operator that names the secret knows it, so the request can be repeated.
        let secret = change.webhook_secret.take();
        let scope = Scope::Merchant(id.clone());
        let put = store::write(&self.node.store, scope, move |tx| {
            let (record, is_new) = match tx.merchant(&id)? {
                Some(known) => {
                    let record = change.on(known);
                    let record = match secret {
                        Some(secret) => record.with_secret(secret, now),
                        None => record,
                    };
                    (record, false)
                }
                None => (change.new_merchant(id, secret.unwrap_or(fresh))?, true),
            };
            tx.put_merchant(&record)?;
            Ok::<_, Problem>((record, is_new))
        })
        .await?;
        self.reload().await?;
        Ok(put)
    }

    /// Reads what an operator asks of a merchant beside its record.
    ///
    /// # Errors
    ///
    /// `not_found`; `internal`.
    pub async fn report(&self, id: &MerchantId) -> Result<MerchantReport, Problem> {
        self.known(id)?;
        let merchant = id.clone();
        let read = move |view: &dyn View| {
            let keys = view.merchant_keys()?.into_iter().filter(|it| it.merchant == merchant);
            let keys = keys.map(|it| it.keyid).collect();
            Ok(MerchantReport { keys, failing_hosts: view.failing(&merchant, FAILING_SHOWN)? })
        };
        Ok(store::read(&self.node.store, read).await?)
    }

    /// Adds a public key of a merchant's, or changes one.
    ///
    /// # Errors
    ///
    /// `not_found`; `invalid_field` if the name is another merchant's.
    pub async fn put_key(&self, key: MerchantKey) -> Result<(), Problem> {
        self.known(&key.merchant)?;
        let scope = Scope::Merchant(key.merchant.clone());
        let work = move |tx: &dyn store::Tx| tx.put_merchant_key(&key);
        let put = store::write(&self.node.store, scope, work).await?;
        if !put {
            let problem = Problem::new(Code::InvalidField, "keyid is another merchant's");
            return Err(problem.with("field", "keyid"));
        }
        Ok(self.reload().await?)
    }

    /// Removes a public key of a merchant's: nothing that it signs is accepted any more.
    ///
    /// # Errors
    ///
    /// `not_found`.
    pub async fn remove_key(&self, merchant: MerchantId, keyid: String) -> Result<(), Problem> {
        self.known(&merchant)?;
        let scope = Scope::Merchant(merchant.clone());
        let work = move |tx: &dyn store::Tx| tx.remove_merchant_key(&merchant, &keyid);
        if !store::write(&self.node.store, scope, work).await? {
            let detail = "the merchant has no key with this keyid";
            return Err(Problem::new(Code::NotFound, detail));
        }
        Ok(self.reload().await?)
    }

    /// Gives a merchant a new webhook secret; callbacks are signed with the former one as well for a day.
    ///
    /// # Errors
    ///
    /// `not_found`.
    pub async fn rotate_webhook_secret(&self, id: MerchantId) -> Result<MerchantRecord, Problem> {
        let (now, fresh) = (self.node.clock.wall(), fresh_secret()?);
        self.change(id, move |known| known.with_secret(fresh, now)).await
    }

    /// Changes a merchant's policy, which has been checked.
    ///
    /// # Errors
    ///
    /// `not_found`.
    pub async fn put_policy(&self, id: MerchantId, policy: String) -> Result<(), Problem> {
        self.change(id, move |known| MerchantRecord { policy, ..known }).await.map(drop)
    }

    async fn change(
        &self,
        id: MerchantId,
        change: impl FnOnce(MerchantRecord) -> MerchantRecord + Send + 'static,
    ) -> Result<MerchantRecord, Problem> {
        let scope = Scope::Merchant(id.clone());
        let record = store::write(&self.node.store, scope, move |tx| {
            let known = tx.merchant(&id)?;
            let record = change(known.ok_or_else(|| Self::unknown(&id))?);
            tx.put_merchant(&record)?;
            Ok::<_, Problem>(record)
        })
        .await?;
        self.reload().await?;
        Ok(record)
    }
}

fn fresh_secret() -> Result<String, Problem> {
    let secret = Secret::from_bytes(entropy::bytes::<32>().to_vec());
    Ok(secret.map_err(Problem::internal)?.reveal())
}
