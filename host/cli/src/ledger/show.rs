//! `lezai ledger show`: entries for people, the newest last, as on an account's statement.

use lezai_wire::time::rfc3339;
use std::ops::ControlFlow;

use lezai_core::ledger::Subject;
use lezai_core::time::Timestamp;

use super::{Stopped, columns, line, print, time};
use crate::data_dir::DataDir;
use lezai_store::BookedEntry;
use lezai_store_sqlite::{Wanted, file, open_to_read, walk_entries};

/// Which entries are shown, and how.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub(super) data: DataDir,
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

pub(super) fn run(args: &ShowArgs) -> Result<(), Stopped> {
    let connection = open_to_read(&file(&args.data))?;
    let wanted = Wanted {
        subject: args.subject.as_ref(),
        from: args.from,
        to: args.to,
        newest_first: true,
        ..Wanted::default()
    };
    let mut entries = Vec::new();
    walk_entries(&connection, wanted, |entry| {
        if args.account.as_deref().is_none_or(|account| touches(&entry, account)) {
            entries.push(entry);
        }
        let full = entries.len() >= args.limit as usize;
        Ok::<_, Stopped>(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    entries.reverse();
    if args.json {
        return print(&entries.iter().map(line::json).collect::<String>());
    }
    print(&text(&entries))
}

/// Whether an entry moves something on an account, or on any of its kind.
fn touches(entry: &BookedEntry, account: &str) -> bool {
    entry.postings.iter().any(|posting| {
        let name = posting.account.to_string();
        name == account || name.split_once(':').is_some_and(|(kind, _)| kind == account)
    })
}

/// A line for each posting; what all of an entry share stands in the first.
fn text(entries: &[BookedEntry]) -> String {
    if entries.is_empty() {
        return "no such entry\n".to_owned();
    }
    let titles = ["number", "time", "subject", "kind", "account", "minor units", "currency"];
    let mut rows = vec![titles.map(str::to_owned)];
    for entry in entries {
        for (index, posting) in entry.postings.iter().enumerate() {
            let shared = [
                entry.number.to_string(),
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
        let text = text(&[entry()]);
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
    fn a_line_has_what_the_hash_is_made_of() {
        let json: serde_json::Value = serde_json::from_str(&line::json(&entry())).unwrap();
        assert_eq!((&json["at_ms"], &json["number"]), (&1_795_000_000_042_i64.into(), &7.into()));
        assert_eq!(json["postings"][1]["account"], "merchant_pending:m_demo");
        let csv = line::csv(&entry());
        let titles = line::TITLES.trim_end().split(',').count();
        assert!(csv.lines().all(|it| it.split(',').count() == titles) && csv.lines().count() == 3);
    }
}
