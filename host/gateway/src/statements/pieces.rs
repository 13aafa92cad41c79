//! The pieces that a statement is kept in: each a whole member of gzip (RFC 1952), so that all of them in a row are one
//! compressed file, and each can be read alone.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use lezai_core::id::{MerchantId, StatementId};
use lezai_store as store;
use lezai_store::View;
use lezai_store::statements::Chunk;
use lezai_wire::problem::Problem;

use crate::gateway::Gateway;

/// The piece that has the byte at a place.
///
/// # Errors
///
/// `internal`.
pub(super) async fn at(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &StatementId,
    at: u64,
) -> Result<Chunk, Problem> {
    let (of, id) = (merchant.clone(), id.clone());
    let read = move |view: &dyn View| view.statement_chunk(&of, &id, at);
    let found = store::read_of(&gateway.node.store, merchant, read).await?;
    found.ok_or_else(|| Problem::internal("a piece of a statement is missing"))
}

/// A whole member of gzip, the same on every machine: without a name and a time.
pub(super) fn compressed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::default());
    encoder.write_all(text)?;
    encoder.finish()
}

/// The content of a member of gzip.
///
/// # Errors
///
/// It is none.
pub(super) fn plain_of(gzip: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_gzip_in_a_row_are_one_file() {
        let pieces = [&b"record,entry\r\n"[..], b"", b"order,1\r\n"];
        let file = pieces.map(|it| compressed(it).unwrap()).concat();
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(&file[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, pieces.concat());
        for piece in pieces {
            assert_eq!(plain_of(&compressed(piece).unwrap()).unwrap(), piece);
        }
        assert!(plain_of(b"order").is_err());
    }
}
