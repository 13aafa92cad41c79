//! Live and sandbox, which never meet. A merchant's id tells which it is: `m_live_…` is live, every other is the
//! sandbox's. A store is of one realm for ever, whatever merchants it holds.

use std::sync::Arc;

use lezai_core::id::MerchantId;

use lezai_store::{self as store, Scope, Store, StoreError};
use lezai_wire::problem::{Code, Problem};

/// The prefix of the ids of live merchants.
pub const LIVE_PREFIX: &str = "m_live_";
/// The setting that names a store's realm.
const SETTING: &str = "realm";

/// Which money is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Realm {
    /// Real money.
    Live,
    /// None.
    #[default]
    Sandbox,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RealmError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is the other realm's.
    #[error(
        "the store is {} and this gateway is {}: use a data folder of its own",
        found.as_str(), wanted.as_str()
    )]
    Other {
        /// The store's.
        found: Realm,
        /// The gateway's.
        wanted: Realm,
    },
    /// One of its merchants is the other realm's.
    #[error("the store has the merchant {0}, which is {other}: use a data folder of its own", other = Realm::of(.0).as_str())]
    Merchant(MerchantId),
}

impl Realm {
    /// A merchant's.
    pub fn of(merchant: &MerchantId) -> Self {
        match merchant.as_str().starts_with(LIVE_PREFIX) {
            true => Self::Live,
            false => Self::Sandbox,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether a merchant may be here.
    ///
    /// # Errors
    ///
    /// `invalid_field`.
    pub fn admits(self, merchant: &MerchantId) -> Result<(), Problem> {
        if Self::of(merchant) == self {
            return Ok(());
        }
        let detail = match self {
            Self::Live => format!("a live merchant's id must begin with {LIVE_PREFIX}"),
            Self::Sandbox => {
                format!(
                    "ids that begin with {LIVE_PREFIX} are live merchants', and this is a sandbox"
                )
            }
        };
        Err(Problem::new(Code::InvalidField, detail).with("field", "id"))
    }

    /// Takes a store for this realm, and looks whether everything in it belongs there.
    ///
    /// # Errors
    ///
    /// [`RealmError`].
    pub async fn take(self, store: &Arc<dyn Store>) -> Result<(), RealmError> {
        store::write(store, Scope::Gateway, move |tx| {
            match tx.setting(SETTING)?.as_deref() {
                Some(found) if found == self.as_str() => {}
                Some(_) => {
                    let found = if self == Self::Live { Self::Sandbox } else { Self::Live };
                    return Err(RealmError::Other { found, wanted: self });
                }
                None => tx.put_setting(SETTING, self.as_str())?,
            }
            let strange = tx.merchants()?.into_iter().find(|it| Self::of(&it.id) != self);
            strange.map_or(Ok(()), |it| Err(RealmError::Merchant(it.id)))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_store_sqlite::{SqliteStore, file};

    fn merchant(id: &str) -> MerchantId {
        MerchantId::parse(id).unwrap()
    }

    #[test]
    fn an_id_tells_the_realm() {
        for (id, live) in [
            ("m_live_tea", true),
            ("m_live_", true),
            ("m_live", false),
            ("m_demo", false),
            ("m_test_live_tea", false),
        ] {
            assert_eq!(Realm::of(&merchant(id)) == Realm::Live, live, "{id}");
            assert_eq!(Realm::Live.admits(&merchant(id)).is_ok(), live, "{id}");
            assert_eq!(Realm::Sandbox.admits(&merchant(id)).is_ok(), !live, "{id}");
        }
    }

    #[tokio::test]
    async fn a_store_is_of_one_realm_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file(folder.path())).unwrap());
        Realm::Live.take(&store).await.unwrap();
        Realm::Live.take(&store).await.unwrap();
        let error = Realm::Sandbox.take(&store).await.unwrap_err();
        assert!(matches!(error, RealmError::Other { found: Realm::Live, wanted: Realm::Sandbox }));
        // However a merchant of the other realm came there.
        let record = store::MerchantRecord {
            id: merchant("m_demo"),
            name: "x".to_owned(),
            notify_url: None,
            webhook_secret: String::new(),
            policy: "{}".to_owned(),
            notify_hosts: Vec::new(),
            frame_origins: Vec::new(),
            brand: store::Brand::default(),
            former_secret: None,
        };
        let put = store::write(&store, Scope::Merchant(record.id.clone()), move |tx| {
            tx.put_merchant(&record)
        })
        .await;
        put.map_err(|error: StoreError| error).unwrap();
        assert!(matches!(Realm::Live.take(&store).await, Err(RealmError::Merchant(_))));
    }
}
