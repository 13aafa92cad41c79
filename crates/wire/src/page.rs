//! Lists, a page at a time: newest first, the last id of a page being the cursor to the next. Ids
//! sort by age, so a cursor stays good while new things come, and a range of time is a range of ids.

use crate::time::parse_rfc3339;
use std::fmt::Display;
use std::io;

use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Code, Problem};

/// The longest page.
pub const LIMIT_MAX: u32 = 100;
/// A page ends early, with `has_more`, before it has more bytes than this: an order can have 20 KB, and
/// clients bound what they read. Theirs is above it by room for what stands around the page.
pub const BYTES_MAX: usize = 768 * 1024;
/// A page if nobody says otherwise.
const USUAL: u32 = 20;

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<Id> {
    /// At most so many.
    pub limit: u32,
    /// Only what is older than this one.
    pub after: Option<Id>,
    /// Only what was made then or later.
    pub from: Option<Timestamp>,
    /// Only what was made before then.
    pub to: Option<Timestamp>,
}

/// Reads `limit`, `after`, `created_from` and `created_to`.
///
/// # Errors
///
/// `invalid_field`, with its name.
pub fn parse<Id, E: Display>(
    asked: &mut QueryParams,
    id: impl FnOnce(&str) -> Result<Id, E>,
) -> Result<Page<Id>, Problem> {
    let page = Page {
        limit: asked.optional("limit", limit)?.unwrap_or(USUAL),
        after: asked.optional("after", id)?,
        from: asked.optional("created_from", time)?,
        to: asked.optional("created_to", time)?,
    };
    match (page.from, page.to) {
        (Some(from), Some(to)) if from > to => {
            Err(invalid("created_to", "must not be before created_from"))
        }
        _ => Ok(page),
    }
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// Always `list`.
    pub object: &'static str,
    /// The items asked for, newest first.
    pub data: Vec<T>,
    /// Whether there is more: ask for it with `next` as `after`.
    pub has_more: bool,
    /// The cursor to the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, nullable = false)]
    pub next: Option<String>,
}

impl<T: Serialize> List<T> {
    /// The page that `found` fills. Who looks asks the store for one more than the page takes: that
    /// one says that there is more.
    pub fn new(found: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Self {
        Self::within(BYTES_MAX, found, limit, id)
    }

    fn within(bytes_max: usize, mut found: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Self {
        let fits = fitting(&found, bytes_max).min(limit as usize);
        let has_more = found.len() > fits;
        found.truncate(fits);
        let next = found.last().filter(|_| has_more).map(id);
        Self { object: "list", data: found, has_more, next }
    }
}

impl<T> List<T> {
    /// All there is.
    pub fn whole(data: Vec<T>) -> Self {
        Self { object: "list", data, has_more: false, next: None }
    }
}

/// How many fit into so many bytes of JSON; one always does, or there would be no way past it.
fn fitting<T: Serialize>(found: &[T], bytes_max: usize) -> usize {
    let mut size = Size(0);
    let fits = found.iter().take_while(|it| {
        // A value that does not serialize fails where it is sent.
        let _ = serde_json::to_writer(&mut size, it);
        size.0 += 1;
        size.0 <= bytes_max
    });
    fits.count().max(1)
}

/// Counts what is written.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The parameters of a query, each of which must be known and stand there once.
pub struct QueryParams(Vec<(String, String)>);

impl QueryParams {
    /// The parameters of a query as they came.
    pub fn new(query: Vec<(String, String)>) -> Self {
        Self(query)
    }

    /// A parameter that may be absent.
    ///
    /// # Errors
    ///
    /// `invalid_field` if it is there twice or `parse` refuses it.
    pub fn optional<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let Some(at) = self.0.iter().position(|(it, _)| it == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        if self.0.iter().any(|(it, _)| it == name) {
            return Err(invalid(name, "is there twice"));
        }
        parse(&value).map(Some).map_err(|error| invalid(name, format_args!("is {error}")))
    }

    /// That was all the call takes.
    ///
    /// # Errors
    ///
    /// `unknown_field`, with its name.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let detail = "the call takes no such parameter; see /openapi.json";
                Err(Problem::new(Code::UnknownField, detail).with("field", name))
            }
        }
    }
}

fn invalid(name: &str, what: impl Display) -> Problem {
    Problem::new(Code::InvalidField, format!("{name} {what}")).with("field", name)
}

fn limit(text: &str) -> Result<u32, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let limit = text.parse().ok().filter(|it| digits && (1..=LIMIT_MAX).contains(it));
    limit.ok_or("not a whole number from 1 to 100")
}

/// A time in a query.
pub fn time(text: &str) -> Result<Timestamp, &'static str> {
    const FORM: &str = "no time as RFC 3339 has it, such as 2026-11-18T11:06:40Z";
    parse_rfc3339(text).ok_or_else(|| {
        // A query is read as forms are.
        match parse_rfc3339(&text.replace(' ', "+")) {
            Some(_) => "no time: in a query, + is written %2B, for it stands for a space",
            None => FORM,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_strictly() {
        let read = |query: &[(&str, &str)]| {
            let query = query.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let mut asked = QueryParams::new(query.collect());
            let page = parse(&mut asked, |id| match id {
                "x" => Ok(7),
                _ => Err("no id"),
            });
            match page.and_then(|page| asked.finish().map(|()| page)) {
                Ok(Page { limit, after, from, to }) => format!(
                    "{limit} {after:?} {:?} {:?}",
                    from.map(Timestamp::as_ms),
                    to.map(Timestamp::as_ms)
                ),
                Err(problem) => problem.code().as_str().to_owned(),
            }
        };
        for (query, expected) in [
            (&[][..], "20 None None None"),
            (&[("limit", "1"), ("after", "x")], "1 Some(7) None None"),
            (&[("limit", "100")], "100 None None None"),
            (&[("limit", "101")], "invalid_field"),
            (&[("limit", "0")], "invalid_field"),
            (&[("limit", "+5")], "invalid_field"),
            (&[("limit", "")], "invalid_field"),
            (&[("limit", "5"), ("limit", "5")], "invalid_field"),
            (&[("after", "y")], "invalid_field"),
            (&[("created_from", "1970-01-01T00:00:01Z")], "20 None Some(1000) None"),
            (&[("created_to", "1970-01-01T08:00:00.25+08:00")], "20 None None Some(250)"),
            (&[("created_to", "1970-01-01T08:00:00.25 08:00")], "invalid_field"),
            (&[("created_to", "9999-12-31T23:59:59Z")], "20 None None Some(253402300799000)"),
            (
                &[("created_from", "1970-01-01T00:00:01Z"), ("created_to", "1970-01-01T00:00:01Z")],
                "20 None Some(1000) Some(1000)",
            ),
            (
                &[("created_from", "1970-01-01T00:00:02Z"), ("created_to", "1970-01-01T00:00:01Z")],
                "invalid_field",
            ),
            (&[("created_to", "1970-01-01")], "invalid_field"),
            (&[("created_to", "1970-01-01T00:00:00")], "invalid_field"),
            (&[("page", "2")], "unknown_field"),
        ] {
            assert_eq!(read(query), expected, "{query:?}");
        }
    }

    #[test]
    fn one_more_than_the_page_takes_says_that_there_is_more() {
        let list = |found: Vec<u32>| {
            let List { data, has_more, next, .. } = List::new(found, 2, u32::to_string);
            (data, has_more, next)
        };
        assert_eq!(list(vec![]), (vec![], false, None));
        assert_eq!(list(vec![3, 2]), (vec![3, 2], false, None));
        assert_eq!(list(vec![3, 2, 1]), (vec![3, 2], true, Some("2".to_owned())));
    }

    #[test]
    fn a_page_ends_before_it_has_too_many_bytes() {
        let list = |sizes: &[usize], limit| {
            let found: Vec<_> = sizes.iter().map(|size| "x".repeat(*size)).collect();
            let List { data, has_more, next, .. } =
                List::within(100, found, limit, |it| it.len().to_string());
            (data.len(), has_more, next.unwrap_or_default())
        };
        // Each has two quotation marks, and a comma after it.
        assert_eq!(list(&[47, 47], 5), (2, false, String::new()));
        assert_eq!(list(&[47, 48], 5), (1, true, "47".to_owned()));
        assert_eq!(list(&[10, 10, 10], 2), (2, true, "10".to_owned()));
        assert_eq!(list(&[500, 1], 5), (1, true, "500".to_owned()));
        assert_eq!(list(&[500], 5), (1, false, String::new()));
        assert_eq!(list(&[], 5), (0, false, String::new()));
    }
}
