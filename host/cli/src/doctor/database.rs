//! A database of PostgreSQL's: whether it is there, keeps what it committed, and has the tables of this program.

use std::sync::Arc;

use lezai_base::clock;
use lezai_store_postgres::{Address, SCHEMA_VERSION, Server, check, server as ask};

use super::findings::Findings;
use crate::database::explain;

/// The oldest version that is tested.
const VERSION_MIN: i64 = 150_000;
/// Its clock and that of this machine may differ by this: signatures are judged by the one, and rows of both are compared.
const APART_MS: i64 = 5_000;
/// A node that starts takes 14 connections, unless `store.connections` says otherwise.
const CONNECTIONS_MIN: i64 = 14;

/// Looks at the server. Whether its tables can be read.
pub(super) fn server(address: &Arc<Address>, findings: &mut Findings) -> bool {
    match ask(address) {
        Ok(server) => {
            describe(address, &server, findings);
            tables(address, findings)
        }
        Err(error) => {
            let advice = "see whether PostgreSQL runs and lets this user in (docs/nodes.md)";
            findings.fail("database", explain(address, &error), advice);
            false
        }
    }
}

fn describe(address: &Address, server: &Server, findings: &mut Findings) {
    let Server { version, version_number, careless, now, connections, connected } = server;
    let found = format!("{}, version {version}", address.shown());
    match *version_number < VERSION_MIN {
        true => findings.warn("database", found, "PostgreSQL 15 or newer is tested"),
        false => findings.ok("database", found),
    }
    match careless.is_empty() {
        true => findings.ok("durability", "what is committed is on its disk"),
        false => {
            let advice = "turn it on: what was acknowledged can be lost in a crash";
            findings.fail("durability", careless.join(", "), advice);
        }
    }
    let free = connections - connected;
    let found = format!("{free} of {connections} connections are free");
    match free < CONNECTIONS_MIN {
        true => {
            findings.warn("connections", found, "raise max_connections, or lower store.connections")
        }
        false => findings.ok("connections", found),
    }
    let apart = (now.as_ms() - clock::now().as_ms()).abs();
    if apart > APART_MS {
        let found = format!("the database's is {} s away from this one", apart / 1_000);
        findings.warn("clock", found, "let a time service keep both");
    }
}

fn tables(address: &Arc<Address>, findings: &mut Findings) -> bool {
    const SUBJECT: &str = "schema";
    let found = match check(address) {
        Ok(found) => found,
        Err(error) => {
            let advice = "use the program of the version that made the tables";
            findings.fail(SUBJECT, explain(address, &error), advice);
            return false;
        }
    };
    let shown = format!("version {} with {} books", found.now, found.books);
    match found.now {
        0 => findings.fail(SUBJECT, "it has no tables yet", "lezai migrate"),
        it if it < SCHEMA_VERSION => {
            let wanted = format!("{shown}; this program needs version {SCHEMA_VERSION}");
            findings.fail(SUBJECT, wanted, "lezai migrate");
        }
        SCHEMA_VERSION => findings.ok(SUBJECT, shown),
        _ => findings.warn(SUBJECT, shown, "it is of the next version: replace this program soon"),
    }
    found.now >= SCHEMA_VERSION
}
