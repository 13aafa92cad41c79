//! A database of PostgreSQL's, which several gateways can share: where it is, and how it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lezai_config::Config;
use lezai_seal::Vault;
use lezai_store::{Store, StoreError};
use lezai_store_postgres::{Address, Connections, PostgresStore};
use prometheus_client::metrics::counter::Counter;

use crate::cannot_start::CannotStart;
use crate::data_dir;

/// A database, and how many connections a gateway has to it.
pub(crate) struct Database {
    pub(crate) address: Arc<Address>,
    connections: Connections,
}

impl Database {
    /// That of a configuration, if it names one.
    ///
    /// # Errors
    ///
    /// The setting that is wrong, and what is.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, (&'static str, String)> {
        let Some(store) = &config.store else { return Ok(None) };
        let password = match &store.password_file {
            Some(file) => Some(password(file).map_err(|why| ("store.password_file", why))?),
            None => None,
        };
        let address = Address::parse(&store.url, password.as_deref(), store.ca_file.as_deref())
            .map_err(|why| ("store.url", why))?;
        let all = usize::try_from(store.connections).unwrap_or(usize::MAX);
        // Two of three write: a commit waits for the disk.
        let readers = (all / 3).max(1);
        let connections = Connections { writers: all - readers, readers };
        Ok(Some(Self { address: Arc::new(address), connections }))
    }

    /// Opens the store in it.
    ///
    /// # Errors
    ///
    /// [`CannotStart`], with what to do.
    pub(crate) fn open(
        &self,
        vault: &Arc<Vault>,
    ) -> Result<(Arc<dyn Store>, Counter), CannotStart> {
        let store = PostgresStore::open(&self.address, vault, self.connections)
            .map_err(|error| self.unusable(&error))?;
        let failed = store.failed_commits().clone();
        Ok((Arc::new(store), failed))
    }

    /// The error to start with if it cannot be used.
    pub(crate) fn unusable(&self, error: &StoreError) -> CannotStart {
        CannotStart::new(explain(&self.address, error))
    }
}

/// The text for an operator about a database that cannot be used.
pub(crate) fn explain(address: &Address, error: &StoreError) -> String {
    error.explain(Path::new(&address.shown()))
}

fn password(file: &Path) -> Result<String, String> {
    data_dir::text(file)
}

/// Where a database is, for commands that look at one.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreArgs {
    /// A database of PostgreSQL's, such as postgres://lezai@db.internal/lezai.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The file with its password.
    #[arg(long, value_name = "FILE", requires = "store")]
    password_file: Option<PathBuf>,
    /// The certificates that its own is verified by.
    #[arg(long, value_name = "FILE", requires = "store")]
    ca_file: Option<PathBuf>,
}

impl StoreArgs {
    /// The database that is named here; none if none is.
    ///
    /// # Errors
    ///
    /// The error, in words.
    pub(crate) fn named(&self) -> Result<Option<Arc<Address>>, String> {
        let Some(url) = &self.store else { return Ok(None) };
        let password = self.password_file.as_deref().map(password).transpose()?;
        let address = Address::parse(url, password.as_deref(), self.ca_file.as_deref())
            .map_err(|why| format!("--store {why}"))?;
        Ok(Some(Arc::new(address)))
    }
}
