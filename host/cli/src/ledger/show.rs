//! `lezai ledger show`: entries for people, the newest last, as on an account's statement.

use lezai_wire::time::rfc3339;
use std::ops::ControlFlow;

use lezai_core::ledger::Subject;
use lezai_core::time::Timestamp;

use super::{Stopped, columns, line, print, time};
use crate::source::{Source, SourceArgs};
use lezai_store::{BookedEntry, Wanted};

/// Which entries are shown, and how.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Of this order or payout alone.
    #[arg(long, visible_alias = "order", value_name = "ID", value_parser = Subject::parse)]
    subject: Option<Subject>,
    /// That touch this account, such as merchant_pending:m_demo, or all of a kind, such as merchant_pending.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Booked then or later (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Booked before then (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// The last so many.
    #[arg(long, default_value_t = 20, value_name = "ENTRIES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// One line of JSON for each entry.
    #[arg(long)]
    json: bool,
}

/// An entry, and the book that it is in, of a database.
type Found = (Option<i64>, BookedEntry);

pub(super) fn run(args: &ShowArgs, source: &Source) -> Result<(), Stopped> {
    let entries = source.look(|chains| {
        let mut entries = Vec::new();
        for chain in chains {
            let before = entries.len();
            let wanted = Wanted {
                subject: args.subject.as_ref(),
                from: args.from,
                to: args.to,
                newest_first: true,
                ..Wanted::default()
            };
            chain.walk(wanted, |entry| {
                if args.account.as_deref().is_none_or(|account| touches(&entry, account)) {
                    entries.push((chain.book, entry));
                }
                let full = entries.len() - before >= args.limit as usize;
                Ok::<_, Stopped>(if full {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            })?;
        }
        Ok::<_, Stopped>(last_of(entries, args.limit as usize))
    })?;
    if args.json {
        return print(
            &entries.iter().map(|(book, entry)| line::json(entry, *book)).collect::<String>(),
        );
    }
    print(&text(&entries))
}

/// The last so many of all books, the newest last. Within a book they stay in its order.
fn last_of(mut entries: Vec<Found>, limit: usize) -> Vec<Found> {
    entries.sort_by_key(|(book, entry)| (entry.at, *book, entry.number));
    entries.split_off(entries.len().saturating_sub(limit))
}

/// Whether an entry moves something on an account, or on any of its kind.
fn touches(entry: &BookedEntry, account: &str) -> bool {
    entry.postings.iter().any(|posting| {
        let name = posting.account.to_string();
        name == account || name.split_once(':').is_some_and(|(kind, _)| kind == account)
    })
}

/// A line for each posting; what all of an entry share stands in the first. The book is told where there are several.
fn text(entries: &[Found]) -> String {
    if entries.is_empty() {
        return "no such entry\n".to_owned();
    }
    let titles = ["number", "time", "subject", "kind", "account", "minor units", "currency"];
    let mut rows = vec![titles.map(str::to_owned)];
    if entries.iter().any(|(book, _)| book.is_some()) {
        rows[0][0] = "book/number".to_owned();
    }
    for (book, entry) in entries {
        let number = book.map(|book| format!("{book}/")).unwrap_or_default();
        for (index, posting) in entry.postings.iter().enumerate() {
            let shared = [
                format!("{number}{}", entry.number),
                rfc3339(entry.at),
                entry.subject.to_string(),
                entry.kind.as_str().to_owned(),
            ];
            let [number, at, subject, kind] = if index == 0 { shared } else { Default::default() };
            let (account, minor) = (posting.account.to_string(), posting.minor.to_string());
            rows.push([number, at, subject, kind, account, minor, posting.currency.to_string()]);
        }
    }
    columns(&rows, &[0, 5])
}

#[cfg(test)]
mod tests {
    use lezai_core::id::MerchantId;
    use lezai_core::ledger::{Account, GENESIS, Kind, Posting};
    use lezai_core::money::Currency;

    use super::*;

    fn entry() -> BookedEntry {
        let currency = Currency::from_code("CNY").unwrap();
        let posting = |account, minor| Posting { account, minor, currency };
        let at = Timestamp::from_ms(1_795_000_000_042);
        BookedEntry {
            number: 7,
            at,
            subject: lezai_core::id::OrderId::new(at, [1; 10]).into(),
            kind: Kind::Payment,
            postings: vec![
                posting(Account::ChannelReceivable("sandbox".to_owned()), 100),
                posting(Account::MerchantPending(MerchantId::parse("m_demo").unwrap()), -99),
                posting(Account::FeeIncome, -1),
            ],
            previous: GENESIS.to_owned(),
            hash: "ab".repeat(32),
        }
    }

    #[test]
    fn an_account_is_named_whole_or_by_its_kind() {
        for (account, expected) in [
            ("merchant_pending:m_demo", true),
            ("merchant_pending", true),
            ("fee_income", true),
            ("merchant_pending:m_dem", false),
            ("merchant", false),
            ("merchant_held", false),
            ("", false),
        ] {
            assert_eq!(touches(&entry(), account), expected, "{account}");
        }
    }

    #[test]
    fn an_entry_is_a_row_for_each_posting() {
        let order = entry().subject;
        let text = text(&[(None, entry())]);
        let expected = [
            "number  time                      subject                               kind     account                     minor units  currency".to_owned(),
            format!("     7  2026-11-18T11:06:40.042Z  {order}  payment  channel_receivable:sandbox          100  CNY"),
            format!("{:<81}merchant_pending:m_demo             -99  CNY", ""),
        ];
        for (line, expected) in text.lines().zip(expected) {
            assert_eq!(line, expected);
        }
        assert_eq!(text.lines().count(), 4);
    }

    #[test]
    fn of_several_books_the_newest_are_shown() {
        let of = |book, number, second| {
            let at = Timestamp::from_secs(second);
            (Some(book), BookedEntry { number, at, ..entry() })
        };
        let found = vec![of(0, 2, 30), of(0, 1, 10), of(1, 9, 20), of(1, 8, 20)];
        let shown = last_of(found, 3);
        let shown: Vec<_> =
            shown.iter().map(|(book, entry)| (book.unwrap(), entry.number)).collect();
        assert_eq!(shown, [(1, 8), (1, 9), (0, 2)]);
        let text = text(&[of(-1, 7, 0)]);
        assert!(text.starts_with("book/number") && text.contains("\n       -1/7  "), "{text}");
    }

    #[test]
    fn a_line_has_what_the_hash_is_made_of() {
        let json: serde_json::Value = serde_json::from_str(&line::json(&entry(), None)).unwrap();
        assert_eq!((&json["at_ms"], &json["number"]), (&1_795_000_000_042_i64.into(), &7.into()));
        assert_eq!(json["postings"][1]["account"], "merchant_pending:m_demo");
        assert!(json.get("book").is_none());
        assert!(line::json(&entry(), Some(-1)).starts_with("{\"book\":-1,\"number\":7,"));
        let csv = line::csv(&entry(), None);
        let titles = line::TITLES.trim_end().split(',').count();
        assert!(csv.lines().all(|it| it.split(',').count() == titles) && csv.lines().count() == 3);
    }
}
