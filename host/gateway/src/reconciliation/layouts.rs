//! Layouts of bills that the operator wrote, as data: checked when they are put, and kept by edition. A bill names the
//! edition that it was read by, so that a run of it reads the same for ever.

use lezai_core::digest::sha256_hex;
use lezai_reconcile::layout::{self, Layout};
use lezai_store as store;
use lezai_store::bills::{LayoutRecord, LayoutUsed};
use lezai_store::{Scope, StoreError, View};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use serde_json::Value;

use super::views::{self, LayoutView};
use crate::gateway::Gateway;

/// The most bytes of a layout.
pub const LAYOUT_BYTES_MAX: usize = 64 * 1024;
/// The most layouts, each of a name: every bill that no known layout fits is tried with all of them.
const LAYOUTS_MAX: usize = 64;

/// Keeps a layout. The same bytes once more change nothing; others are the next edition, for the bills that come then.
///
/// # Errors
///
/// `invalid_field` says what of it cannot be used.
pub async fn put(gateway: &Gateway, name: &str, bytes: &[u8]) -> Result<LayoutView, Problem> {
    let (name, text) = (name.to_owned(), checked(name, bytes)?);
    let now = gateway.node.clock.now();
    let kept = store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        let layouts = tx.bill_layouts()?;
        let digest = sha256_hex(text.as_bytes());
        let last = layouts.iter().find(|it| it.name == name);
        if let Some(same) = last.filter(|it| it.digest == digest) {
            return Ok(same.clone());
        }
        if last.is_none() && layouts.len() >= LAYOUTS_MAX {
            return Err(refused("name", format!("there are {LAYOUTS_MAX} layouts already")));
        }
        let edition = last.map_or(1, |it| it.edition + 1);
        let (name, text) = (name.clone(), text.clone());
        let record = LayoutRecord { name, edition, digest, text, at: now };
        tx.insert_bill_layout(&record)?;
        Ok(record)
    });
    Ok(views::layout(&kept.await?))
}

/// The text of a layout that can be used.
fn checked(name: &str, bytes: &[u8]) -> Result<String, Problem> {
    if bytes.len() > LAYOUT_BYTES_MAX {
        let detail = format!("a layout has at most {LAYOUT_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let layout = Layout::from_json(bytes).map_err(|why| refused("layout", why.to_string()))?;
    if layout.name != name {
        return Err(refused("name", format!("the layout's own name is {}", layout.name)));
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
    if !name.bytes().all(allowed) {
        return Err(refused("name", "name must be of a-z, 0-9, _, . and -".to_owned()));
    }
    if let Some(known) = layout.takes_files_of() {
        let detail = format!(
            "it would take files of the layout {known}: `needs` must name a column that those do not have"
        );
        return Err(refused("needs", detail));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| Problem::new(Code::NotJson, "it is no UTF-8"))
}

fn refused(field: &str, detail: String) -> Problem {
    Problem::new(Code::InvalidField, detail).with("field", field)
}

/// The last edition of each layout, by name.
///
/// # Errors
///
/// `internal`.
pub async fn list(gateway: &Gateway) -> Result<List<LayoutView>, Problem> {
    let found = store::read(&gateway.node.store, |view| view.bill_layouts()).await?;
    Ok(List::whole(found.iter().map(views::layout).collect()))
}

/// The layouts that a bill which comes now is read by: the known ones first, so that no other takes their files.
pub(super) struct AtHand {
    pub(super) layouts: Vec<Layout>,
    digests: Vec<(String, String)>,
}

impl AtHand {
    pub(super) async fn of(gateway: &Gateway) -> Result<Self, Problem> {
        let kept = store::read(&gateway.node.store, |view| view.bill_layouts()).await?;
        let (mut layouts, mut digests) = (layout::known(), Vec::new());
        for LayoutRecord { name, digest, text, .. } in kept {
            layouts.push(Layout::from_json(text.as_bytes()).map_err(Problem::internal)?);
            digests.push((name, digest));
        }
        Ok(Self { layouts, digests })
    }

    /// The layout of this name, as a bill that was read by it keeps it.
    pub(super) fn used(&self, name: String) -> LayoutUsed {
        let digest = self.digests.iter().find(|it| it.0 == name).map(|it| it.1.clone());
        LayoutUsed { name, digest }
    }
}

/// The operator's layouts among those that bills were read by, as the options of a run have them.
pub(super) fn options<'u, V: View + ?Sized>(
    view: &V,
    used: impl IntoIterator<Item = &'u LayoutUsed>,
) -> Result<Vec<Value>, StoreError> {
    let mut layouts = Vec::new();
    for digest in used.into_iter().filter_map(|it| it.digest.as_ref()) {
        let damaged = || StoreError::Damaged(format!("the layout {digest} of a bill is gone"));
        let record = view.bill_layout(digest)?.ok_or_else(damaged)?;
        let layout = serde_json::from_str(&record.text).map_err(|_| damaged())?;
        if !layouts.contains(&layout) {
            layouts.push(layout);
        }
    }
    Ok(layouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_checked_when_it_is_put() {
        let layout = |name: &str, needs: &str| {
            format!(
                r#"{{"name":"{name}","needs":[{needs}],"offset":"+08:00","currency":"CNY",
                "rows":[{{"kind":"payment","key":["Txn"],"amount":["Gross"],"at":["When"]}}]}}"#
            )
        };
        for (name, text, field) in [
            ("acme", layout("acme", r#""Txn""#), ""),
            ("acme", layout("other", r#""Txn""#), "name"),
            ("Acme", layout("Acme", r#""Txn""#), "name"),
            ("acme", layout("acme", ""), "layout"),
            ("acme", "{".to_owned(), "layout"),
            ("acme", layout("acme", r#""at","kind""#), "needs"),
            ("acme", layout("acme", r#""交易时间","手续费""#), "needs"),
            ("wechat-trade", layout("wechat-trade", r#""Txn""#), "needs"),
        ] {
            let found = checked(name, text.as_bytes()).map_or_else(
                |problem| problem.document("")["field"].as_str().unwrap_or("?").to_owned(),
                |_| String::new(),
            );
            assert_eq!(found, field, "{text}");
        }
        let large = layout("acme", r#""Txn""#) + &" ".repeat(LAYOUT_BYTES_MAX);
        assert_eq!(checked("acme", large.as_bytes()).unwrap_err().code(), Code::BodyTooLarge);
    }
}
