//! How statements find their rows: every statement that the suite has the store prepare is explained, and must find
//! the rows of a merchant by that merchant, along an index.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

const SCHEMA: &str = include_str!("../../src/schema-1.sql");

/// The tables whose rows are a merchant's: their primary key begins with it.
fn of_merchants() -> Vec<&'static str> {
    let tables = SCHEMA.split("CREATE TABLE ").skip(1);
    let is_merchants = |it: &&str| {
        it.split("CREATE ").next().is_some_and(|table| table.contains("PRIMARY KEY (merchant"))
    };
    tables.filter(is_merchants).filter_map(|it| it.split([' ', '(']).next()).collect()
}

/// Statements that find a row by what is all that is known of it, or that are of no merchant, and why.
const ACROSS: &[(&str, &str)] = &[
    ("WHERE id = $1", "a page, a channel and a task know an id alone; one step along an index"),
    ("WHERE id >= $1 ORDER BY id DESC LIMIT $2", "the orders of a day, once, when a node starts"),
    ("(SELECT order_id FROM open_reviews", "the operator's list"),
    ("FROM payouts WHERE status = $1", "the operator's list"),
    ("FROM payouts WHERE status = 'needs_approval'", "the operator's list"),
    ("FROM payout_batches WHERE waits", "the operator's list"),
    ("WHERE stage IN (", "every merchant's releases, after one of them changed"),
    ("FROM merchant_accounts ORDER BY", "every merchant's accounts, likewise"),
    ("WHERE ctid = ANY", "what is old enough is forgotten, whoever's it is"),
];

/// Statements that read a whole table, and why they may.
const WALKS: &[(&str, &str)] = &[
    (
        "frame_origins, brand FROM merchants",
        "all are loaded when a node starts, and after a change",
    ),
    ("pem FROM merchant_keys", "likewise"),
    ("FROM merchant_accounts ORDER BY", "likewise"),
    ("WHERE stage IN (", "likewise, those that stand"),
    ("SELECT count(*) FROM tasks", "a metric"),
    ("leased_from IS NOT NULL", "never on a store that several nodes share"),
    ("FROM lezai_schema", "one row"),
    ("FROM books", "some rows"),
];

#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeSet<String>>>);

struct Sql<'s>(&'s Seen);

impl Visit for Sql<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            self.0.0.lock().unwrap().insert(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Seen {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut Sql(self));
    }
}

/// Remembers every statement that is prepared from now on.
pub(crate) fn record() -> Seen {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    seen
}

/// Looks at the plan of each.
pub(crate) fn look(url: &str, seen: &Seen) {
    let seen = seen.0.lock().unwrap().clone();
    let is_data = |sql: &&String| {
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|it| sql.starts_with(it))
    };
    let statements: Vec<&String> = seen.iter().filter(is_data).collect();
    assert!(statements.len() > 55, "{} statements", statements.len());
    for sql in statements {
        let count = (1..20).take_while(|n| sql.contains(&format!("${n}"))).count();
        let nulls = vec!["NULL"; count].join(", ");
        let execute = if count == 0 { "p".to_owned() } else { format!("p({nulls})") };
        // Of two ways the one along an index is taken, however small the tables of a test are.
        let script = format!(
            "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;\nPREPARE p AS {sql};\nEXPLAIN EXECUTE {execute};"
        );
        let output = Command::new("psql")
            .args([url, "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1", "-c"])
            .arg(&script)
            .output()
            .unwrap();
        let plan = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        let may_walk = WALKS.iter().any(|(known, _)| sql.contains(known));
        assert!(may_walk || !plan.contains("Seq Scan"), "{sql}\n{plan}");
        if !ACROSS.iter().any(|(known, _)| sql.contains(known)) {
            finds_by_merchant(sql, &plan);
        }
    }
}

/// Every table of merchants' rows is read by the merchant.
fn finds_by_merchant(sql: &str, plan: &str) {
    let lines: Vec<&str> = plan.lines().collect();
    let of_merchants = of_merchants();
    for (n, line) in lines.iter().enumerate() {
        let Some((scan, table)) = line.split_once(" on ") else { continue };
        let table = table.split(' ').next().unwrap_or_default();
        let by_name = |name: &str| of_merchants.iter().any(|it| name.starts_with(it));
        // Of a bitmap the index is named, which is called by its table.
        if !scan.contains("Scan") || !by_name(table) || scan.contains("Bitmap Heap") {
            continue;
        }
        // Along an index whose condition names the merchant; or one row by its own id, which is then looked at.
        let below = |what: &str| {
            let rest = lines.iter().skip(n + 1);
            let own = rest.take_while(|it| !it.contains("->") && !it.contains("Plan"));
            own.into_iter().find(|it| it.trim_start().starts_with(what)).copied()
        };
        let condition = below("Index Cond:").unwrap_or_default();
        let filter = below("Filter:").unwrap_or_default();
        let names = |text: &str| text.contains("merchant = ");
        let is_by_merchant =
            names(condition) || (names(filter) && condition.trim_end().ends_with("(id = $2)"));
        assert!(is_by_merchant, "{sql}\n{plan}");
    }
}
