//! A file of bills: plain, in gzip as WeChat Pay sends it, or in a zip as Alipay does.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use lezai_reconcile::bill::{self, Bill, Limits, ReadError};
use lezai_reconcile::layout::Layout;
use lezai_reconcile::movement::Movement;
use lezai_reconcile::refused::{Refused, Why};
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::{NoResult, ReadFile};

/// How much more a packed bill is, unpacked, at a guess: it decides on nothing but the number of partitions.
const PACKED: u64 = 10;
/// Alipay's zip has two files, of details and of sums.
const ENTRIES_MAX: usize = 64;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zip,
}

/// A file that can be read.
pub(crate) struct Input {
    path: PathBuf,
    packing: Packing,
    bytes: u64,
}

impl Input {
    /// Looks at a file's first bytes.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        (&mut file).take(4).read_to_end(&mut magic)?;
        let packing = match magic[..] {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [b'P', b'K', 3, 4] => Packing::Zip,
            _ => Packing::Plain,
        };
        Ok(Self { path: path.to_owned(), packing, bytes: file.metadata()?.len() })
    }

    /// How many bytes it has as it is, packed or not: so many are read of it.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// About how many bytes it has unpacked.
    pub(crate) fn bytes_guessed(&self) -> u64 {
        if self.packing == Packing::Plain { self.bytes } else { self.bytes.saturating_mul(PACKED) }
    }

    /// Reads it through. Whatever it is packed in, the digest is that of the bytes on disk.
    pub(crate) fn read(
        &self,
        layouts: &[Layout],
        number: u16,
        limits: Limits,
        progress: &AtomicU64,
        interrupted: &AtomicBool,
        mut sink: impl FnMut(&Movement<'_>) -> io::Result<()>,
    ) -> Result<ReadFile, NoResult> {
        let failed = |why: String| NoResult::File { file: self.path.clone(), why };
        let file = File::open(&self.path).map_err(|error| failed(error.to_string()))?;
        let uncounted = AtomicU64::new(0);
        let mut counting = Counting { file, digest: Sha256::new(), progress, interrupted };
        let read = match self.packing {
            Packing::Plain => bill::read(&mut counting, layouts, number, limits, &mut sink),
            Packing::Gzip => {
                let unpacked = MultiGzDecoder::new(BufReader::new(&mut counting));
                bill::read(unpacked, layouts, number, limits, &mut sink)
            }
            Packing::Zip => {
                // Its bytes are read once more for the digest, which counts for nothing.
                counting.progress = &uncounted;
                self.zipped(layouts, number, limits, (progress, interrupted), &mut sink)
            }
        };
        let bill = read.map_err(|error| match error {
            ReadError::Refused(_) | ReadError::Io(_) if interrupted.load(Ordering::Relaxed) => {
                NoResult::Interrupted
            }
            ReadError::Refused(refused) => NoResult::Refused { file: self.path.clone(), refused },
            ReadError::Io(error) => NoResult::Work(error),
        })?;
        // The bytes that the unpacking did not need: a zip's list, or those behind a gzip's end.
        if self.packing != Packing::Plain {
            let rest = io::copy(&mut counting, &mut io::sink());
            rest.map_err(|error| match interrupted.load(Ordering::Relaxed) {
                true => NoResult::Interrupted,
                false => failed(error.to_string()),
            })?;
        }
        let digest = counting.digest.finalize();
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(ReadFile { path: self.path.clone(), bill, sha256 })
    }

    /// The one file in a zip that is a bill; the others are not of a form that is known.
    fn zipped(
        &self,
        layouts: &[Layout],
        number: u16,
        limits: Limits,
        (progress, interrupted): (&AtomicU64, &AtomicBool),
        sink: &mut dyn FnMut(&Movement<'_>) -> io::Result<()>,
    ) -> Result<Bill, ReadError> {
        let refused = |why: String| Refused { line: 0, column: None, why: Why::Io(why) };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(0))?;
        let mut archive = ZipArchive::new(BufReader::new(file))
            .map_err(|error| refused(format!("not a zip that can be read: {error}")))?;
        if archive.len() > ENTRIES_MAX {
            return Err(refused(format!("the zip has more than {ENTRIES_MAX} files")).into());
        }
        let mut found: Option<Bill> = None;
        for entry in 0..archive.len() {
            let entry =
                archive.by_index(entry).map_err(|error| refused(format!("in the zip: {error}")))?;
            if entry.is_dir() {
                continue;
            }
            let (packed, whole) = (entry.compressed_size(), entry.size().max(1));
            let entry = Unpacked { entry, packed, whole, read: 0, told: 0, progress, interrupted };
            match bill::read(entry, layouts, number, limits, &mut *sink) {
                Ok(_) if found.is_some() => {
                    return Err(refused(
                        "the zip has two bills; unpack it, and give both".to_owned(),
                    )
                    .into());
                }
                Ok(bill) => found = Some(bill),
                Err(ReadError::Refused(Refused { why: Why::Foreign | Why::Empty, .. })) => {}
                Err(error) => return Err(error),
            }
        }
        found.ok_or_else(|| Refused { line: 0, column: None, why: Why::Foreign }.into())
    }
}

/// Bytes of a file on their way to a parser: counted, digested, and stopped when somebody interrupts.
struct Counting<'a> {
    file: File,
    digest: Sha256,
    progress: &'a AtomicU64,
    interrupted: &'a AtomicBool,
}

/// Bytes of a file in a zip: counted as those that they are packed in, and stopped likewise.
struct Unpacked<'a, R> {
    entry: R,
    packed: u64,
    whole: u64,
    read: u64,
    told: u64,
    progress: &'a AtomicU64,
    interrupted: &'a AtomicBool,
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        go_on(self.interrupted)?;
        let count = self.entry.read(out)?;
        // The sizes are the zip's word, which the bytes need not keep.
        self.read = self.read.saturating_add(count as u64).min(self.whole);
        let part = u128::from(self.packed) * u128::from(self.read) / u128::from(self.whole);
        let told = u64::try_from(part).unwrap_or(self.packed);
        self.progress.fetch_add(told - self.told, Ordering::Relaxed);
        self.told = told;
        Ok(count)
    }
}

fn go_on(interrupted: &AtomicBool) -> io::Result<()> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(io::Error::other("interrupted")),
        false => Ok(()),
    }
}

impl Read for Counting<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        go_on(self.interrupted)?;
        let count = self.file.read(out)?;
        self.digest.update(&out[..count]);
        self.progress.fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
        Ok(count)
    }
}
