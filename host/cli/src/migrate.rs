//! `lezai migrate`: makes the tables of a database of PostgreSQL's, or brings them to this program's version.

use std::process::ExitCode;
use std::sync::Arc;

use lezai_store_postgres::{Address, BOOKS, SCHEMA_VERSION, check, migrate};

use crate::database::{Database, StoreArgs, explain};
use crate::serve::ConfigArgs;

/// The arguments of `lezai migrate`.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    config: ConfigArgs,
    /// Look whether there is anything to do, and change nothing. The exit code is 1 if there is.
    #[arg(long)]
    check: bool,
    /// How many chains the ledger of a new database has. It stays so for good.
    #[arg(long, value_name = "NUMBER", default_value_t = BOOKS)]
    books: u32,
}

/// Makes the tables, or brings them to this program's version.
pub fn run(args: &MigrateArgs) -> ExitCode {
    let address = match args.store.named() {
        Ok(Some(address)) => Ok(address),
        Ok(None) => configured(&args.config),
        Err(why) => Err(why),
    };
    let address = match address {
        Ok(address) => address,
        Err(why) => return fail(&why),
    };
    let found = if args.check { check(&address) } else { migrate(&address, args.books) };
    let found = match found {
        Ok(found) => found,
        Err(error) => return fail(&explain(&address, &error)),
    };
    let place = address.shown();
    match (args.check, found.before, found.now) {
        (true, 0, _) => say!("{place}: no tables yet; lezai migrate makes them"),
        (true, version, _) if version < SCHEMA_VERSION => {
            say!("{place}: schema {version}; lezai migrate brings it to {SCHEMA_VERSION}");
        }
        (_, 0, now) => say!("{place}: made schema {now} with {} books", found.books),
        (_, before, now) if before == now => {
            say!("{place}: schema {now} with {} books; nothing to do", found.books);
        }
        (_, before, now) => say!("{place}: schema {before} is {now} now"),
    }
    let is_behind = args.check && found.before < SCHEMA_VERSION;
    ExitCode::from(u8::from(is_behind))
}

fn configured(args: &ConfigArgs) -> Result<Arc<Address>, String> {
    let config = args.read().map_err(|faults| {
        let faults: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        faults.join("\n")
    })?;
    match Database::of(&config) {
        Ok(Some(database)) => Ok(database.address),
        Ok(None) => Err("name a database: --store postgres://…, or store.url".to_owned()),
        Err((key, why)) => Err(format!("{key} {why}")),
    }
}

fn fail(why: &str) -> ExitCode {
    crate::say::remark(format_args!("lezai: {why}"));
    ExitCode::from(2)
}
