//! A folder for what does not fit in memory. It goes when the run does, whichever way that ends.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use lezai_reconcile::run::{Part, Partitions, Side};

use lezai_base::entropy;

/// The folder.
pub(crate) struct WorkFolder(PathBuf);

impl WorkFolder {
    /// A new folder in another one, which is the system's for such things if none is named.
    pub(crate) fn new(within: Option<&Path>) -> io::Result<Self> {
        let random: String = entropy::bytes::<8>().map(|byte| format!("{byte:02x}")).concat();
        let within = within.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = within.join(format!("lezai-reconcile-{random}"));
        let mut builder = fs::DirBuilder::new();
        // Bills name shoppers' orders: they are nobody else's to read.
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self(folder))
    }

    fn path(&self, part: Part) -> PathBuf {
        self.0.join(match part {
            Part::Movements(Side::Theirs, number) => format!("theirs-{number}"),
            Part::Movements(Side::Ours, number) => format!("ours-{number}"),
            Part::Outcomes(number) => format!("outcomes-{number}"),
        })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // A folder that cannot be removed is in the system's folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Partitions for WorkFolder {
    type Write = File;
    type Read = File;

    fn create(&self, part: Part) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(self.path(part))
    }

    fn open(&self, part: Part) -> io::Result<File> {
        File::open(self.path(part))
    }
}
