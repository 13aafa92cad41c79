//! Pages of lists: ids begin with their time, so a page is a range of ids.

use lezai_core::time::Timestamp;

use super::Page;

/// The ids that a page may have, newest first: from the first of these, and before the second.
pub fn id_range<Id>(
    page: &Page<Id>,
    prefix: &str,
    text: impl Fn(&Id) -> String,
) -> (String, String) {
    let bound = |at: Timestamp| format!("{prefix}{:012x}", at.as_ms().max(0));
    let from = page.from.map_or_else(|| prefix.to_owned(), bound);
    let to = page.to.map_or_else(|| format!("{prefix}~"), bound);
    let after = page.after.as_ref().map(text);
    (from, after.map_or(to.clone(), |after| after.min(to)))
}
