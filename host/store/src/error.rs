//! Errors of a store, by their kind: each kind has its own words, for the right thing to do
//! about a full disk is the wrong one about a damaged file.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use lezai_wire::problem::{Code, Problem};

/// An error of the store. The caller cannot mend it; sending again may help.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or broke.
    #[error("store: {0}")]
    Database(#[source] DatabaseError),
    /// A row does not read back as what was written.
    #[error("store: damaged record: {0}")]
    Damaged(String),
    /// The store was shut down, or a job in it panicked.
    #[error("store: the job was not finished")]
    Abandoned,
    /// Too many jobs wait; this one was not begun.
    #[error("store: too many jobs wait")]
    Full,
}

/// An error of the database's, and of which kind it is.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{source}")]
pub struct DatabaseError {
    /// The kind.
    pub fault: Fault,
    source: Arc<dyn Error + Send + Sync>,
}

/// The kinds of errors that a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no room on the disk.
    NoRoom,
    /// The disk cannot be read or written.
    Disk,
    /// The file, its folder or the file system is read-only.
    ReadOnly,
    /// The file cannot be opened.
    CannotOpen,
    /// Another program holds the file.
    Busy,
    /// The user that runs this program may not use the file.
    Forbidden,
    /// The file is none of this kind of database.
    Foreign,
    /// The file contradicts itself.
    Corrupt,
    /// A newer version of this program wrote the file.
    Newer,
    /// The database cannot be reached just now; nothing was written.
    Unavailable,
    /// The connection was lost during a commit: it may be done, or not.
    Uncertain,
    /// Anything else.
    Other,
}

impl StoreError {
    /// An error of the database's, with what it said.
    pub fn database(fault: Fault, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Database(DatabaseError { fault, source: Arc::from(source.into()) })
    }

    /// The text for an operator about an unusable database file: what is the matter, and what to
    /// do. Nobody is told to restore a file that is whole.
    pub fn explain(&self, file: &Path) -> String {
        let path = file.display();
        match self {
            Self::Database(error) => {
                let (fault, said) = looked_at(error, file);
                let advice = match fault {
                    Fault::NoRoom => {
                        "there is no room on its disk; make room and start again: the file is whole"
                    }
                    Fault::Disk => {
                        "the disk does not read or write it; see what the system's log says of the disk, before anything is moved or restored"
                    }
                    Fault::ReadOnly => {
                        "it is read-only; the file, its folder and its file system must be writable"
                    }
                    Fault::CannotOpen => "it cannot be opened",
                    Fault::Busy => {
                        "another program holds it, such as a sqlite3 shell; end that one and start again"
                    }
                    Fault::Forbidden => {
                        "it may not be used; it and its folder must belong to the user that runs lezai"
                    }
                    Fault::Foreign => {
                        "it is no database of lezai's; put the right file in its place"
                    }
                    Fault::Corrupt => {
                        "it is damaged; restore a backup of it (docs/operations.md, Backup)"
                    }
                    Fault::Newer => "a newer lezai wrote it; run that version",
                    Fault::Unavailable => {
                        "it cannot be reached; see that it runs and that this machine may connect"
                    }
                    Fault::Uncertain => "the connection to it was lost during a commit",
                    Fault::Other => "it cannot be used",
                };
                format!("{path}: {advice} ({said})")
            }
            Self::Damaged(what) => {
                format!(
                    "{path}: a record in it is damaged; restore a backup of the file (docs/operations.md, Backup) ({what})"
                )
            }
            Self::Abandoned | Self::Full => format!("{path}: {self}"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::new(Code::Overloaded, "too many requests wait for the store"),
            StoreError::Database(DatabaseError { fault: Fault::Unavailable, .. }) => {
                Self::new(Code::Overloaded, "the database cannot be reached; nothing was done")
            }
            error => Self::internal(error),
        }
    }
}

/// Which kind an error of SQLite's is. It stands here, for neither type is another crate's own.
#[cfg(feature = "sqlite")]
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let fault = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Fault::NoRoom,
            Some(rusqlite::ErrorCode::SystemIoFailure) => Fault::Disk,
            Some(rusqlite::ErrorCode::ReadOnly) => Fault::ReadOnly,
            Some(rusqlite::ErrorCode::CannotOpen) => Fault::CannotOpen,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Fault::Busy
            }
            Some(rusqlite::ErrorCode::PermissionDenied) => Fault::Forbidden,
            Some(rusqlite::ErrorCode::NotADatabase) => Fault::Foreign,
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Fault::Corrupt,
            _ => Fault::Other,
        };
        Self::database(fault, error)
    }
}

/// The kind of an error, and what was said, after a look at the file: a database tells many things by
/// the same few words.
fn looked_at(error: &DatabaseError, file: &Path) -> (Fault, String) {
    let said = error.to_string();
    let tried = match error.fault {
        Fault::CannotOpen => OpenOptions::new().read(true).open(file).map(drop),
        _ => Ok(()),
    };
    let tried = tried.and_then(|()| match error.fault {
        // Files beside it could not be made either.
        Fault::CannotOpen | Fault::Disk | Fault::ReadOnly => write_beside(file),
        _ => Ok(()),
    });
    let Err(system) = tried else { return (error.fault, said) };
    let fault = match system.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Fault::NoRoom,
        ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly,
        ErrorKind::PermissionDenied => Fault::Forbidden,
        _ => error.fault,
    };
    (fault, format!("{said}; {system}"))
}

/// Writes as much as SQLite needs beside a database to use it, and takes it away again.
fn write_beside(file: &Path) -> io::Result<()> {
    const NEEDED: usize = 64 * 1024;
    let mut name = file.as_os_str().to_owned();
    name.push("-room");
    let written = File::create(&name)
        .and_then(|mut room| room.write_all(&[0; NEEDED]).and_then(|()| room.sync_all()));
    let _ = fs::remove_file(&name);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lezai.db");
        fs::write(&file, "").unwrap();
        let mut all = Vec::new();
        for (fault, says) in [
            (Fault::NoRoom, "no room"),
            (Fault::Disk, "the system's log"),
            (Fault::ReadOnly, "read-only"),
            (Fault::CannotOpen, "cannot be opened"),
            (Fault::Busy, "another program"),
            (Fault::Forbidden, "the user that runs lezai"),
            (Fault::Foreign, "the right file"),
            (Fault::Corrupt, "restore a backup"),
            (Fault::Newer, "a newer lezai"),
            (Fault::Unavailable, "cannot be reached"),
            (Fault::Uncertain, "during a commit"),
            (Fault::Other, "cannot be used"),
        ] {
            let text = StoreError::database(fault, "why").explain(&file);
            assert!(
                text.contains(says) && text.contains("lezai.db") && text.contains("why"),
                "{text}"
            );
            assert_eq!(text.contains("restore a backup"), fault == Fault::Corrupt, "{text}");
            assert!(!all.contains(&text));
            all.push(text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_the_system_says_of_the_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere/lezai.db");
        let text = StoreError::database(Fault::CannotOpen, "unable to open").explain(&missing);
        assert!(text.contains("No such file"), "{text}");
    }

    #[test]
    fn the_source_is_kept() {
        let error = StoreError::database(Fault::Other, io::Error::from(ErrorKind::TimedOut));
        let source = error.source().and_then(Error::source).unwrap();
        assert_eq!(source.to_string(), "timed out");
    }
}
