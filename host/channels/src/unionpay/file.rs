//! The file of a clearing day's transactions out of what an answer carries it in: base64 of zlib's deflate of a zip.
//!
//! The zip has the transactions, `INN…ZM_…`, and where there are any, the disputed ones, `INN…ZME_…`, and sums. Only
//! the transactions are read: a disputed one has no number of the merchant's, and nothing says what its columns mean.

use base64ct::{Base64, Encoding as _};
use flate2::read::ZlibDecoder;

use crate::packed::{self, BadPacking};

/// Marks of the files in their names.
const TRADES: &[u8] = b"ZM_";
const DISPUTES: &[u8] = b"ZME_";

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The rows of transactions: none if nothing moved.
    pub trades: Vec<u8>,
    /// Whether there are disputes, which somebody must look at.
    pub has_disputes: bool,
}

/// Unpacks `fileContent`.
///
/// # Errors
///
/// [`BadPacking`]: damaged, too large, or without exactly one file of transactions.
pub fn unpacked(content: &str, bytes_max: usize) -> Result<Unpacked, BadPacking> {
    let damaged = |why: &str| BadPacking::Damaged(why.to_owned());
    let content = Base64::decode_vec(content).map_err(|_| damaged("it is no base64"))?;
    // Packed once more, a zip grows by a few bytes.
    let zip = packed::bounded(ZlibDecoder::new(&content[..]), bytes_max)?;
    let disputes = packed::files(&zip, |name| contains(name, DISPUTES), bytes_max)?;
    let [trades] =
        <[_; 1]>::try_from(packed::files(&zip, |name| contains(name, TRADES), bytes_max)?)
            .map_err(|found| BadPacking::Files(found.len()))?;
    let has_disputes = disputes.iter().any(|file| !file.trim_ascii().is_empty());
    Ok(Unpacked { trades, has_disputes })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|it| it == part)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn content(files: &[(&str, &[u8])]) -> String {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        deflated(&zip.finish().unwrap().into_inner())
    }

    fn deflated(bytes: &[u8]) -> String {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        Base64::encode_string(&packed.finish().unwrap())
    }

    #[test]
    fn transactions_are_found_beside_what_else_is_there() {
        let (trades, disputes) =
            ("INN26030188ZM_777290058110048", "INN26030188ZME_777290058110048");
        for (files, has_disputes) in [
            (&[(trades, &b"rows"[..])][..], false),
            (
                &[
                    (disputes, b"\r\n"),
                    (trades, b"rows"),
                    ("INN26030188ZMSUM_777290058110048", b"sums"),
                ],
                false,
            ),
            (&[(trades, b"rows"), (disputes, b"a row")], true),
        ] {
            let told = Unpacked { trades: b"rows".to_vec(), has_disputes };
            assert_eq!(unpacked(&content(files), 1 << 16), Ok(told));
        }
        let nothing = unpacked(&content(&[(trades, b"")]), 1 << 16).unwrap();
        assert_eq!(nothing.trades, b"");
    }

    #[test]
    fn what_is_damaged_too_large_or_not_clear_is_refused() {
        let good = content(&[("INN26030188ZM_777290058110048", &b"r".repeat(5000))]);
        assert_eq!(unpacked(&good, 4999), Err(BadPacking::TooLarge(4999)));
        let bomb = deflated(&vec![0; 1 << 20]);
        assert_eq!(unpacked(&bomb, 1 << 16), Err(BadPacking::TooLarge(1 << 16)));
        for text in ["", "=", "not base64", &good[..good.len() - 8], &deflated(b"no zip")] {
            let told = unpacked(text, 1 << 16);
            assert!(matches!(told, Err(BadPacking::Damaged(_))), "{text:.20}: {told:?}");
        }
        let two = [("aZM_1", &b"1"[..]), ("bZM_1", b"2")];
        assert_eq!(unpacked(&content(&two), 1 << 16), Err(BadPacking::Files(2)));
        assert_eq!(unpacked(&content(&[("sums", b"1")]), 1 << 16), Err(BadPacking::Files(0)));
    }
}
