//! Bills out of what channels pack them in: gzip, or a zip of some files.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

/// The most bytes of a bill that is fetched, and unpacked: some hundred thousand rows.
pub const BILL_BYTES_MAX: usize = 16 << 20;
/// Alipay's zip has two files, of details and of sums.
const ENTRIES_MAX: usize = 64;
/// 汇总, the mark of a file of sums in its name, in the two code pages that names are written in.
const SUMS: [&[u8]; 2] = [b"\xe6\xb1\x87\xe6\x80\xbb", b"\xbb\xe3\xd7\xdc"];

/// Why a packed bill is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPacking {
    /// It cannot be unpacked.
    #[error("it cannot be unpacked: {0}")]
    Damaged(String),
    /// It is larger than is taken.
    #[error("unpacked it has more than {0} bytes")]
    TooLarge(usize),
    /// A zip must have one file of details, and may have files of sums beside it.
    #[error("the zip has {0} files of details, and must have one: unpack it, and give that file")]
    Files(usize),
}

/// A file's bytes, out of the gzip or the zip that they may be in.
///
/// # Errors
///
/// [`BadPacking`].
pub fn unpacked(file: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, BadPacking> {
    match file[..] {
        [0x1f, 0x8b, ..] => bounded(MultiGzDecoder::new(&file[..]), bytes_max),
        [b'P', b'K', 3, 4, ..] => details(&file, bytes_max),
        _ if file.len() > bytes_max => Err(BadPacking::TooLarge(bytes_max)),
        _ => Ok(file),
    }
}

fn details(zip: &[u8], bytes_max: usize) -> Result<Vec<u8>, BadPacking> {
    let is_sums = |name: &[u8]| SUMS.iter().any(|mark| contains(name, mark));
    let [details] = <[_; 1]>::try_from(files(zip, |name| !is_sums(name), bytes_max)?)
        .map_err(|found| BadPacking::Files(found.len()))?;
    Ok(details)
}

/// The files of a zip whose names are wanted, which together have at most so many bytes.
///
/// # Errors
///
/// [`BadPacking`].
pub(crate) fn files(
    zip: &[u8],
    is_wanted: impl Fn(&[u8]) -> bool,
    bytes_max: usize,
) -> Result<Vec<Vec<u8>>, BadPacking> {
    let damaged = |error: zip::result::ZipError| BadPacking::Damaged(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(damaged)?;
    if archive.len() > ENTRIES_MAX {
        return Err(BadPacking::Files(archive.len()));
    }
    let (mut found, mut left) = (Vec::new(), bytes_max);
    for number in 0..archive.len() {
        let entry = archive.by_index(number).map_err(damaged)?;
        if entry.is_dir() || !is_wanted(entry.name_raw()) {
            continue;
        }
        let file = bounded(entry, left).map_err(|why| match why {
            BadPacking::TooLarge(_) => BadPacking::TooLarge(bytes_max),
            why => why,
        })?;
        left -= file.len();
        found.push(file);
    }
    Ok(found)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|it| it == part)
}

pub(crate) fn bounded(reader: impl Read, bytes_max: usize) -> Result<Vec<u8>, BadPacking> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = reader.take(bound).read_to_end(&mut bytes);
    read.map_err(|error| BadPacking::Damaged(error.to_string()))?;
    match bytes.len() > bytes_max {
        true => Err(BadPacking::TooLarge(bytes_max)),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn details_are_taken_out_of_what_they_are_packed_in() {
        let details = b"a,b\n1,2\n".repeat(100);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&details).unwrap();
        let both = [("2088_业务明细.csv", &details[..]), ("2088_业务明细(汇总).csv", b"sums")];
        let (mut turned, one) = (both, [both[0]]);
        turned.reverse();
        for packed in
            [details.clone(), gzip.finish().unwrap(), zipped(&one), zipped(&both), zipped(&turned)]
        {
            let max = details.len();
            assert_eq!(unpacked(packed.clone(), max).as_ref(), Ok(&details));
            assert_eq!(unpacked(packed, max - 1), Err(BadPacking::TooLarge(max - 1)));
        }
    }

    #[test]
    fn what_is_damaged_or_not_clear_is_refused() {
        let good = zipped(&[("a.csv", b"a"), ("b.csv", b"b")]);
        assert_eq!(unpacked(good.clone(), 9), Err(BadPacking::Files(2)));
        assert_eq!(unpacked(zipped(&[("汇总.csv", b"a")]), 9), Err(BadPacking::Files(0)));
        let one = zipped(&[("a.csv", &b"a".repeat(500))]);
        for length in [4, 30, one.len() - 30, one.len() - 1] {
            let cut = unpacked(one[..length].to_vec(), 999);
            assert!(matches!(cut, Err(BadPacking::Damaged(_))), "{length}: {cut:?}");
        }
        assert!(matches!(unpacked(vec![0x1f, 0x8b, 8, 0], 9), Err(BadPacking::Damaged(_))));
    }
}
