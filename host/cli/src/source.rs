//! Where a command that only reads finds a ledger: in a data folder, or in a database that is named, by itself or by a
//! configuration. It is read beside gateways that may be running.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lezai_core::funds::payout::Payout;
use lezai_core::id::{MerchantId, OrderId, PayoutId};
use lezai_core::ledger::Account;
use lezai_core::time::Timestamp;
use lezai_seal::Vault;
use lezai_store::plugins::Recorded;
use lezai_store::{BookedEntry, StoreError, Wanted, book_of};
use lezai_store_postgres::{Address, Snapshot, snapshot};
use lezai_store_sqlite as sqlite;
use rusqlite::Connection;

use crate::data_dir::{self, DataDir};
use crate::database::{Database, StoreArgs, explain};
use crate::serve::ConfigArgs;

/// Where the ledger is, on the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct SourceArgs {
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    store: StoreArgs,
    /// The store that this configuration names.
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    config: Option<PathBuf>,
}

/// Where a ledger is.
#[derive(Clone)]
pub(crate) enum Source {
    /// In a data folder.
    Folder(PathBuf),
    /// In a database.
    Database(Arc<Address>),
}

impl SourceArgs {
    /// The data folder: that of the configuration, if one is named.
    ///
    /// # Errors
    ///
    /// The error, in words.
    pub(crate) fn folder(&self) -> Result<PathBuf, String> {
        let Some(file) = &self.config else { return Ok(self.data.to_path_buf()) };
        Ok(ConfigArgs::of(file).read().map_err(|faults| faults.to_string())?.data_dir)
    }

    /// The place that is named.
    ///
    /// # Errors
    ///
    /// The error, in words.
    pub(crate) fn source(&self) -> Result<Source, String> {
        if let Some(address) = self.store.named()? {
            return Ok(Source::Database(address));
        }
        let Some(file) = &self.config else { return Ok(Source::Folder(self.data.to_path_buf())) };
        let config = ConfigArgs::of(file).read().map_err(|faults| faults.to_string())?;
        match Database::of(&config) {
            Ok(Some(database)) => Ok(Source::Database(database.address)),
            Ok(None) => Ok(Source::Folder(config.data_dir)),
            Err((key, why)) => Err(format!("{key} {why}")),
        }
    }
}

impl Source {
    /// Looks at its chains, of a database all as of one moment.
    ///
    /// # Errors
    ///
    /// That it cannot be read, and those of `work`.
    pub(crate) fn look<T: Send, E: From<StoreError> + Send>(
        &self,
        work: impl FnOnce(&[Chain<'_>]) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        match self {
            Self::Folder(data) => {
                let connection = sqlite::open_to_read(&sqlite::file(data))?;
                work(&[Chain { book: None, kept: Kept::File(&connection) }])
            }
            Self::Database(address) => {
                let looked = snapshot(address, |snapshot| {
                    let chains = snapshot.every_book();
                    let chains = chains
                        .map(|book| Chain { book: Some(book), kept: Kept::Book(snapshot, book) });
                    Ok(work(&chains.collect::<Vec<_>>()))
                });
                looked?
            }
        }
    }

    /// The message for an operator about one that cannot be read.
    pub(crate) fn unreadable(&self, error: &StoreError) -> String {
        match self {
            Self::Folder(data) => {
                let file = sqlite::file(data);
                match file.exists() {
                    true => error.explain(&file),
                    false => data_dir::unreadable(&file, error),
                }
            }
            Self::Database(address) => explain(address, error),
        }
    }

    /// The decision on an order, with all that it was made of. `vault` opens what is sealed.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub(crate) fn recorded(
        &self,
        vault: &Arc<Vault>,
        order: &OrderId,
    ) -> Result<Option<Recorded>, StoreError> {
        match self {
            Self::Folder(data) => {
                let file = sqlite::file(data);
                sqlite::recorded(&sqlite::open_to_read_sealed(&file, vault)?, order)
            }
            Self::Database(address) => lezai_store_postgres::recorded(address, vault, order),
        }
    }

    /// The root key that everything in it is sealed under; none if that is not so.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub(crate) fn sealed_under(&self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Folder(data) => sqlite::sealed_under(&sqlite::open_to_read(&sqlite::file(data))?),
            Self::Database(address) => lezai_store_postgres::sealed_under(address),
        }
    }
}

/// A chain of entries.
pub(crate) struct Chain<'s> {
    /// Its number in a database. The chain of a file has none.
    pub(crate) book: Option<i64>,
    kept: Kept<'s>,
}

#[derive(Clone, Copy)]
enum Kept<'s> {
    File(&'s Connection),
    Book(&'s Snapshot<'s>, i64),
}

impl Chain<'_> {
    /// Whether it has the entries of this merchant.
    pub(crate) fn is_of(&self, merchant: &MerchantId) -> bool {
        match self.kept {
            Kept::File(_) => true,
            Kept::Book(snapshot, book) => i64::from(book_of(merchant, snapshot.books)) == book,
        }
    }

    /// The entries that are wanted, one at a time, until `each` has seen enough.
    pub(crate) fn walk<E: From<StoreError>>(
        &self,
        wanted: Wanted<'_>,
        each: impl FnMut(BookedEntry) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        match self.kept {
            Kept::File(connection) => sqlite::walk_entries(connection, wanted, each),
            Kept::Book(snapshot, book) => snapshot.walk_entries(book, wanted, each),
        }
    }

    /// As [`Chain::walk`], all between two numbers, so many at a time: a reader that takes its time for longer would
    /// keep the log of a file from being begun anew. Between them `go_on` says whether to.
    pub(crate) fn walk_range<E: From<StoreError>>(
        &self,
        (mut after, until): (u64, u64),
        at_once: u64,
        mut each: impl FnMut(BookedEntry) -> Result<(), E>,
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        while after < until {
            let (begun, end) = (after, until.min(after.saturating_add(at_once)));
            self.walk(Wanted { after, ..Wanted::default() }, |entry| {
                if entry.number > end {
                    return Ok(ControlFlow::Break(()));
                }
                after = entry.number;
                each(entry).map(ControlFlow::Continue)
            })?;
            go_on()?;
            if after == begun {
                // Entries are missing here, which is for `lezai ledger check` to say.
                after = end;
            }
        }
        Ok(())
    }

    /// The last entry's number, time and hash, if there is one.
    pub(crate) fn last_entry(&self) -> Result<Option<(u64, Timestamp, String)>, StoreError> {
        match self.kept {
            Kept::File(connection) => sqlite::last_entry(connection),
            Kept::Book(snapshot, book) => snapshot.last_entry(book),
        }
    }

    /// The number of the last entry before a moment; 0 if there is none.
    pub(crate) fn last_before(&self, at: Timestamp) -> Result<u64, StoreError> {
        match self.kept {
            Kept::File(connection) => sqlite::last_before(connection, at),
            Kept::Book(snapshot, book) => snapshot.last_before(book, at),
        }
    }

    /// The hash of an entry; none if there is no such.
    pub(crate) fn entry_hash(&self, entry: u64) -> Result<Option<String>, StoreError> {
        match self.kept {
            Kept::File(connection) => Ok(sqlite::entry_head(connection, entry)?.map(|it| it.1)),
            Kept::Book(snapshot, book) => snapshot.entry_hash(book, entry),
        }
    }

    /// The balances of an account of a merchant's after an entry, debits positive.
    pub(crate) fn balances_after(
        &self,
        account: &Account,
        entry: u64,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        match self.kept {
            Kept::File(connection) => sqlite::balances_after(connection, account, entry),
            Kept::Book(snapshot, _) => {
                let balances = snapshot.balances_after(account, entry)?.into_iter();
                Ok(balances.map(|(currency, minor)| (currency.code().to_owned(), minor)).collect())
            }
        }
    }

    /// The merchant's own number of an order, and of the refund that one of its entries asked for.
    pub(crate) fn reference(
        &self,
        order: &OrderId,
        refund_entry: Option<u64>,
    ) -> Result<String, StoreError> {
        match self.kept {
            Kept::File(connection) => sqlite::reference(connection, order, refund_entry),
            Kept::Book(snapshot, _) => snapshot.reference(order, refund_entry),
        }
    }

    /// A payout.
    pub(crate) fn payout(&self, payout: &PayoutId) -> Result<Option<Payout>, StoreError> {
        match self.kept {
            Kept::File(connection) => Ok(sqlite::payout_with_entries(connection, payout, 0)?.0),
            Kept::Book(snapshot, _) => snapshot.payout(payout),
        }
    }
}

/// The error of one that cannot be read, or is not named well.
pub(crate) fn refuse(why: &str) -> std::process::ExitCode {
    eprintln!("lezai: {why}");
    std::process::ExitCode::from(2)
}

/// Whether a folder has had a gateway whose store is a database: it was used, and no store is in it.
pub(crate) fn is_of_database(data: &Path) -> bool {
    data.join("admin-token").exists() && !sqlite::file(data).exists()
}
