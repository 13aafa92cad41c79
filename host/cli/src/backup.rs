//! `lezai backup` and `lezai restore`: a copy of a data folder, taken beside a gateway that may be running.
//!
//! Each database is copied by SQLite's backup in one step, and so as it was at one commit. Files that its rows name
//! are copied after it, so none is missing. A copy has a manifest with the digest of every file, and its ledger is
//! checked before anybody is told that there is one. Nothing is ever written over.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use lezai_base::clock;
use lezai_store_sqlite::file as store_file;

use crate::ledger::{self, Failed, Report};
use crate::source::{Source, SourceArgs, is_of_database};

/// The advice about a store that this does not copy.
const OF_DATABASE: &str = "is a database, which PostgreSQL's own tools copy: \
    pg_basebackup with an archive of its WAL restores it to any moment, pg_dump copies it as of one (docs/backup.md)";
/// Files of a base backup, as files and as archives, and of a dump in a folder.
const COPIES_OF_DATABASES: [&str; 4] = ["PG_VERSION", "backup_manifest", "base.tar.gz", "toc.dat"];
const MANIFEST: &str = "backup.json";
/// Whose folder it is, and nobody else's.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// A component of a plugin has some hundred KB, a key some hundred bytes.
const FILE_MAX: u64 = 64 << 20;
/// Files that are made again by themselves, or belong to a running gateway alone.
const LEFT_OUT: [&str; 2] = ["lock", "plugin-cache"];

/// Where a copy is put.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The copy: a folder that is not there yet.
    folder: PathBuf,
    #[command(flatten)]
    source: SourceArgs,
}

/// Where a copy is and where it is put back.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The copy.
    folder: PathBuf,
    /// The data folder that is made from it; it must not be there yet.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// The contents of a copy.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// Of this format.
    version: u32,
    /// The program that made it.
    lezai: String,
    /// When, RFC 3339.
    created_at: String,
    /// How many entries its ledger has.
    entries: u64,
    /// The hash of the last one.
    head: String,
    /// How many orders it has.
    orders: u64,
    /// SHA-256 of each file, in hex.
    files: BTreeMap<String, String>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
enum BackupError {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Database { path: PathBuf, error: rusqlite::Error },
    #[error("{} is there already: name a folder that is not", .0.display())]
    Occupied(PathBuf),
    #[error("{} has no store (lezai.db): name the gateway's folder with --data-dir", .0.display())]
    NoStore(PathBuf),
    #[error("{} is no backup: it has no {MANIFEST}, or one that cannot be read", .0.display())]
    NoManifest(PathBuf),
    #[error("{} is not as it was when the copy was made; take another copy", .0.display())]
    Changed(PathBuf),
    #[error("{0}")]
    Unnamed(String),
    #[error("{0}")]
    InDatabase(String),
    #[error("the copy's ledger: {0}")]
    Ledger(Failed),
}

/// Takes a copy. The exit code is 2 if there is none.
pub fn backup(args: &BackupArgs) -> ExitCode {
    let taken = match args.source.source() {
        Ok(Source::Folder(data)) => take(&data, &args.folder),
        Ok(Source::Database(address)) => {
            Err(BackupError::InDatabase(format!("{} {OF_DATABASE}", address.shown())))
        }
        Err(why) => Err(BackupError::Unnamed(why)),
    };
    match taken {
        Ok(manifest) => {
            say!("backup   {}", args.folder.display());
            say!("entries  {}, orders {}", manifest.entries, manifest.orders);
            say!("head     {}", manifest.head);
            say!(
                "verified: keep it on another machine; its secrets are sealed only if secrets.root_key_file is set"
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

/// Puts a copy back. The exit code is 2 if that is not done.
pub fn restore(args: &RestoreArgs) -> ExitCode {
    match put_back(&args.folder, &args.to) {
        Ok(manifest) => {
            say!("restored {}", args.to.display());
            say!(
                "entries  {}, orders {}, as of {}",
                manifest.entries,
                manifest.orders,
                manifest.created_at
            );
            say!("head     {}", manifest.head);
            say!(
                "What happened since then is not in it: start the gateway on it, let it ask the channels, and compare with their statements."
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &BackupError) -> ExitCode {
    eprintln!("lezai: {error}");
    ExitCode::from(2)
}

fn take(data: &Path, to: &Path) -> Result<Manifest, BackupError> {
    if is_of_database(data) {
        return Err(BackupError::InDatabase(format!(
            "{} has keys and no store (lezai.db): either it was lost, or it {OF_DATABASE}",
            data.display()
        )));
    }
    if !store_file(data).exists() {
        return Err(BackupError::NoStore(data.to_owned()));
    }
    let part = begin(to)?;
    let (mut databases, mut others) = (Vec::new(), Vec::new());
    for path in listed(data)? {
        match is_database(&path) {
            true => databases.push(path),
            false => others.push(path),
        }
    }
    for path in databases {
        copy_database(&data.join(&path), &part.join(&path))?;
    }
    for path in others {
        copy_file(&data.join(&path), &part.join(&path))?;
    }
    let manifest = Manifest { files: digests(&part)?, ..checked(&part)? };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    write(&part.join(MANIFEST), text.as_bytes())?;
    end(&part, to)?;
    Ok(manifest)
}

fn put_back(from: &Path, to: &Path) -> Result<Manifest, BackupError> {
    if to.to_string_lossy().starts_with("postgres") && to.to_string_lossy().contains("://") {
        return Err(BackupError::InDatabase(format!("--to {OF_DATABASE}")));
    }
    if COPIES_OF_DATABASES.iter().any(|it| from.join(it).exists()) || from.is_file() {
        let copy = from.display();
        return Err(BackupError::InDatabase(format!(
            "{copy} is no copy of a data folder: what it was taken from {OF_DATABASE}"
        )));
    }
    let text = fs::read_to_string(from.join(MANIFEST));
    let manifest = text.ok().and_then(|it| serde_json::from_str::<Manifest>(&it).ok());
    let manifest = manifest.filter(|it| it.version == 1);
    let manifest = manifest.ok_or_else(|| BackupError::NoManifest(from.to_owned()))?;
    let part = begin(to)?;
    for (name, digest) in &manifest.files {
        // A manifest is a file like any other: it names nothing outside of its folder.
        let is_inside =
            Path::new(name).components().all(|it| matches!(it, std::path::Component::Normal(_)));
        let (source, target) = (from.join(name), part.join(name));
        if !is_inside || file_digest(&source)? != *digest {
            return Err(BackupError::Changed(source));
        }
        copy_file(&source, &target)?;
    }
    let found = checked(&part)?;
    if (found.entries, &found.head) != (manifest.entries, &manifest.head) {
        return Err(BackupError::Changed(from.to_owned()));
    }
    end(&part, to)?;
    Ok(manifest)
}

/// The manifest of a copy, once its ledger is checked.
fn checked(folder: &Path) -> Result<Manifest, BackupError> {
    let report = ledger::check(folder).map_err(BackupError::Ledger)?;
    let Report { entries, head, orders, .. } = report;
    Ok(Manifest {
        version: 1,
        lezai: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: lezai_wire::time::rfc3339(clock::now()),
        entries,
        head,
        orders,
        files: BTreeMap::new(),
    })
}

/// A folder beside the one that is to be: it takes its place once it is whole.
fn begin(to: &Path) -> Result<PathBuf, BackupError> {
    if to.exists() {
        return Err(BackupError::Occupied(to.to_owned()));
    }
    let part = to.with_extension("part");
    if part.exists() {
        // Of one that was cut off.
        fs::remove_dir_all(&part).map_err(|error| of_file(&part, error))?;
    }
    make_folder(&part)?;
    Ok(part)
}

fn end(part: &Path, to: &Path) -> Result<(), BackupError> {
    // SQLite's files beside a copy that was only read are synced, too.
    for file in listed(part)? {
        sync(&part.join(file))?;
    }
    sync(part)?;
    fs::rename(part, to).map_err(|error| of_file(to, error))?;
    match to.parent().filter(|it| !it.as_os_str().is_empty()) {
        Some(parent) => sync(parent),
        None => sync(Path::new(".")),
    }
}

/// The files of a folder that belong into a copy, named from it.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let here = folder.join(&inner);
        for entry in fs::read_dir(&here).map_err(|error| of_file(&here, error))? {
            let entry = entry.map_err(|error| of_file(&here, error))?;
            let (path, kind) = (inner.join(entry.file_name()), entry.file_type());
            let kind = kind.map_err(|error| of_file(&here, error))?;
            let name = path.to_string_lossy();
            let left_out = LEFT_OUT.contains(&&*name)
                || [".part", "-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end));
            match () {
                () if left_out => {}
                () if kind.is_dir() => folders.push(path),
                () if kind.is_file() => files.push(path),
                () => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_database(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "db")
}

/// In one step, so that writers of other processes do not begin it anew.
fn copy_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::Database { path, error }
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(of(from))?;
    source.busy_timeout(std::time::Duration::from_secs(30)).map_err(of(from))?;
    // It is there before SQLite makes it for all to read.
    write(to, b"")?;
    let mut target = Connection::open(to).map_err(of(to))?;
    {
        let copy = Backup::new(&source, &mut target).map_err(of(from))?;
        while copy.step(-1).map_err(of(from))? != StepResult::Done {
            // Somebody checkpoints at this very moment.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    // One file, without a log beside it.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(of(to))?;
    target.close().map_err(|(_, error)| of(to)(error))
}

fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    if is_database(from) {
        // As large as it is.
        let mut source = File::open(from).map_err(|error| of_file(from, error))?;
        write(to, b"")?;
        let mut target =
            OpenOptions::new().write(true).open(to).map_err(|error| of_file(to, error))?;
        return io::copy(&mut source, &mut target).map(drop).map_err(|error| of_file(to, error));
    }
    let mut bytes = Vec::new();
    let read = File::open(from).and_then(|it| it.take(FILE_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| of_file(from, error))?;
    write(to, &bytes)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(FILE_MODE).open(file);
    made.and_then(|mut it| it.write_all(bytes)).map_err(|error| of_file(file, error))
}

fn make_folder(folder: &Path) -> Result<(), BackupError> {
    let made = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(|error| of_file(folder, error))
}

fn digests(folder: &Path) -> Result<BTreeMap<String, String>, BackupError> {
    let files = listed(folder)?.into_iter();
    files
        .map(|it| {
            let digest = file_digest(&folder.join(&it))?;
            Ok((it.to_string_lossy().into_owned(), digest))
        })
        .collect()
}

fn file_digest(file: &Path) -> Result<String, BackupError> {
    use sha2::{Digest as _, Sha256};
    let mut source = File::open(file).map_err(|error| of_file(file, error))?;
    let (mut digest, mut room) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match source.read(&mut room).map_err(|error| of_file(file, error))? {
            0 => break,
            length => digest.update(&room[..length]),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|it| it.sync_all()).map_err(|error| of_file(path, error))
}

fn of_file(path: &Path, error: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_store_sqlite::SqliteStore;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("plugins/sha256")).unwrap();
        drop(SqliteStore::open(&store_file(&data)).unwrap());
        for (name, text) in [
            ("gateway.pem", "key"),
            ("plugins/sha256/ab", "component"),
            ("lock", "in use"),
            ("x.pem.part", ""),
        ] {
            fs::write(data.join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_copy_has_all_that_is_needed_and_is_put_back_as_it_was() {
        let folder = folder();
        let [data, copy, back] = ["data", "copy", "back"].map(|it| folder.path().join(it));
        let manifest = take(&data, &copy).unwrap();
        let names: Vec<&str> = manifest.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["gateway.pem", "lezai.db", "plugins/sha256/ab"]);
        assert!(matches!(take(&data, &copy), Err(BackupError::Occupied(_))));
        put_back(&copy, &back).unwrap();
        assert_eq!(fs::read(back.join("plugins/sha256/ab")).unwrap(), b"component");
        assert!(matches!(put_back(&copy, &back), Err(BackupError::Occupied(_))));
        drop(SqliteStore::open(&store_file(&back)).unwrap());
        assert!(matches!(take(&folder.path().join("none"), &copy), Err(BackupError::NoStore(_))));
    }

    #[test]
    fn of_a_database_the_right_tools_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("admin-token"), "token").unwrap();
        let [copy, back] = ["copy", "back"].map(|it| folder.path().join(it));
        let told = |error: BackupError| {
            let told = error.to_string();
            assert!(told.contains("pg_basebackup") && told.contains("pg_dump"), "{told}");
        };
        told(take(&data, &copy).map(drop).unwrap_err());
        let database = Path::new("postgres://lezai@127.0.0.1/lezai");
        told(put_back(&data, database).map(drop).unwrap_err());
        for file in COPIES_OF_DATABASES {
            fs::create_dir(&copy).unwrap();
            fs::write(copy.join(file), "").unwrap();
            told(put_back(&copy, &back).map(drop).unwrap_err());
            told(put_back(&copy.join(file), &back).map(drop).unwrap_err());
            fs::remove_dir_all(&copy).unwrap();
        }
        assert!(!back.exists());
    }

    #[test]
    fn a_copy_that_was_changed_is_not_put_back() {
        let folder = folder();
        let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
        take(&data, &copy).unwrap();
        let back = folder.path().join("back");
        assert!(matches!(put_back(&data, &back), Err(BackupError::NoManifest(_))));
        let manifest = fs::read_to_string(copy.join(MANIFEST)).unwrap();
        for (name, text) in [("gateway.pem", "another"), ("lezai.db", "x")] {
            let kept = fs::read(copy.join(name)).unwrap();
            fs::write(copy.join(name), text).unwrap();
            assert!(matches!(put_back(&copy, &back), Err(BackupError::Changed(_))), "{name}");
            fs::write(copy.join(name), kept).unwrap();
        }
        for changed in [
            manifest.replace("gateway.pem", "../gateway.pem"),
            manifest.replace("gateway.pem", "/etc/hostname"),
            manifest.replace("\"entries\": 0", "\"entries\": 1"),
        ] {
            fs::write(copy.join(MANIFEST), changed).unwrap();
            assert!(matches!(put_back(&copy, &back), Err(BackupError::Changed(_))));
        }
        assert!(!back.exists());
        fs::write(copy.join(MANIFEST), manifest).unwrap();
        put_back(&copy, &back).unwrap();
    }
}
