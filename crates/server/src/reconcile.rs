//! Reconciliation, for a shop that compares a statement with its own books.

use wasm_bindgen::prelude::*;

/// Reconciles files: both sides one behind the other in `bytes`, each as long as `lengths` says, the first
/// `theirs` of them the other side's. Options and result are JSON.
///
/// # Errors
///
/// If a file is refused, or the options are not of their form.
#[wasm_bindgen]
pub fn reconcile(
    bytes: &[u8],
    lengths: &[u32],
    theirs: usize,
    options: &str,
) -> Result<String, JsError> {
    let mut rest = bytes;
    let mut files = Vec::with_capacity(lengths.len());
    for length in lengths {
        let cut = usize::try_from(*length).ok().and_then(|length| rest.split_at_checked(length));
        let (file, more) =
            cut.ok_or_else(|| JsError::new("the lengths are not those of the files"))?;
        files.push(file);
        rest = more;
    }
    let (theirs, ours) = files.split_at_checked(theirs).unwrap_or((&files, &[]));
    Ok(lezai_reconcile::whole::reconcile(theirs, ours, options.as_bytes())?.to_string())
}
