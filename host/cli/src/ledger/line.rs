//! An entry in one line of JSON, or in a line of CSV for each posting: with all that its hash is
//! made of.

use lezai_wire::time::rfc3339;
use serde::Serialize;
use serde_json::json;

use lezai_store::BookedEntry;

/// The columns of [`csv`].
pub(super) const TITLES: &str =
    "number,at,at_ms,subject,kind,account,minor,currency,previous,hash\n";

#[derive(Serialize)]
struct Line<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    book: Option<i64>,
    number: u64,
    at: String,
    /// The hash is over this one.
    at_ms: i64,
    subject: &'e str,
    kind: &'static str,
    postings: Vec<serde_json::Value>,
    previous: &'e str,
    hash: &'e str,
}

/// One line of JSON, with the book where there are several.
pub(super) fn json(entry: &BookedEntry, book: Option<i64>) -> String {
    let postings = entry.postings.iter().map(|it| {
        json!({ "account": it.account.to_string(), "minor": it.minor, "currency": it.currency.code() })
    });
    let line = Line {
        book,
        number: entry.number,
        at: rfc3339(entry.at),
        at_ms: entry.at.as_ms(),
        subject: entry.subject.as_str(),
        kind: entry.kind.as_str(),
        postings: postings.collect(),
        previous: &entry.previous,
        hash: &entry.hash,
    };
    // Texts and numbers always encode.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

/// A line for each posting, in the order in which they are hashed. No field needs quotes: ids,
/// hashes and numbers have no comma in them, and names of channels and merchants may have none.
pub(super) fn csv(entry: &BookedEntry, book: Option<i64>) -> String {
    let book = book.map(|book| format!("{book},")).unwrap_or_default();
    let BookedEntry { number, at, subject, kind, postings, previous, hash } = entry;
    let (time, ms, kind) = (rfc3339(*at), at.as_ms(), kind.as_str());
    let lines = postings.iter().map(|it| {
        let (account, minor, currency) = (&it.account, it.minor, it.currency);
        format!(
            "{book}{number},{time},{ms},{subject},{kind},{account},{minor},{currency},{previous},{hash}\n"
        )
    });
    lines.collect()
}
