//! Columns whose values are sealed at rest. SQL calls `sealed(context, value)` where such a value is written and
//! `opened(context, value)` where it is read; without root keys both give the value as it is. So a row is opened by
//! the connection that reads it, and no record above the store knows of it.

use std::sync::Arc;

use lezai_seal::{Roots, SealError, Vault, is_sealed};
use lezai_store::StoreError;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, params};

/// The setting that names the root key that everything is sealed under.
pub(super) const SETTING: &str = "sealed_under";

/// Each column that is sealed: its table, its name, and what it is for, in SQL.
const COLUMNS: [(&str, &str, &str); 13] = [
    ("merchants", "webhook_secret", "'merchant/' || id || '/webhook_secret'"),
    ("merchants", "former_secret", "'merchant/' || id || '/former_secret'"),
    ("orders", "details", "'order/' || id || '/details'"),
    ("events", "body", "'event/' || id || '/body'"),
    ("stored_responses", "body", "'answer/' || scope || '/' || key"),
    ("bills", "bytes", "'bill/' || channel || '/' || kind || '/' || day || '/' || edition"),
    ("statement_chunks", "bytes", "'statement/' || statement || '/' || begins"),
    ("denials", "facts", "'denial/' || order_id || '/facts'"),
    ("receivers", "data", "'receiver/' || id || '/data'"),
    ("payouts", "details", "'payout/' || id || '/details'"),
    ("contracts", "pay_to", "'contract/' || merchant || '/' || number || '/pay_to'"),
    ("digest_keys", "value", "'digest_key/' || name"),
    (
        "merchant_accounts",
        "credentials",
        "'account/' || merchant || '/' || channel || '/' || version",
    ),
];

/// How far sealing anew has come: the column, and the row in its table.
#[derive(Default)]
pub(super) struct Progress {
    column: usize,
    row: i64,
}

/// Teaches a connection the functions.
pub(super) fn teach(connection: &Connection, vault: &Arc<Vault>) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8;
    let of = Arc::clone(vault);
    connection.create_scalar_function("sealed", 2, flags, move |context| {
        let (place, value) = arguments(context)?;
        let Some(plain) = bytes(value) else { return Ok(as_is(value)) };
        let sealed = of.seal(place, plain).map_err(|error| refused(&error))?;
        Ok(sealed.map_or_else(|| as_is(value), |it| alike(value, it.into_bytes())))
    })?;
    let of = Arc::clone(vault);
    connection.create_scalar_function("opened", 2, flags, move |context| {
        let (place, value) = arguments(context)?;
        match bytes(value).and_then(|it| std::str::from_utf8(it).ok()).filter(|it| is_sealed(it)) {
            Some(sealed) => {
                Ok(alike(value, of.open(place, sealed).map_err(|error| refused(&error))?))
            }
            None => Ok(as_is(value)),
        }
    })?;
    let of = Arc::clone(vault);
    connection.create_scalar_function("renewed", 2, flags, move |context| {
        let (place, value) = arguments(context)?;
        let renewed = bytes(value).map(|it| of.renew(place, it)).transpose();
        let renewed = renewed.map_err(|error| refused(&error))?.flatten();
        Ok(renewed.map_or_else(|| as_is(value), |it| alike(value, it.into_bytes())))
    })?;
    Ok(())
}

/// Seals up to so many rows anew under the current root key, and says whether there may be more. Once there are
/// none, that is noted: another start with the same key looks at no row.
pub(super) fn renew(
    connection: &Connection,
    roots: &Roots,
    progress: &mut Progress,
    limit: u32,
) -> Result<bool, StoreError> {
    let read = "SELECT value FROM settings WHERE name = ?1";
    let noted = connection.query_row(read, [SETTING], |row| row.get::<_, String>(0));
    if noted.is_ok_and(|it| it == roots.current()) {
        return Ok(false);
    }
    let Some((table, column, context)) = COLUMNS.get(progress.column) else {
        let note =
            "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
        connection.execute(note, [SETTING, roots.current()])?;
        return Ok(false);
    };
    let from = progress.row;
    let last = format!(
        "SELECT max(rowid) FROM (SELECT rowid FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2)"
    );
    let last: Option<i64> = connection.query_row(&last, params![from, limit], |row| row.get(0))?;
    match last {
        Some(to) => {
            let renew = format!(
                "UPDATE {table} SET {column} = renewed({context}, {column}) WHERE rowid > ?1 AND rowid <= ?2"
            );
            connection.execute(&renew, params![from, to])?;
            progress.row = to;
        }
        None => *progress = Progress { column: progress.column + 1, row: 0 },
    }
    Ok(true)
}

fn arguments<'c>(context: &'c Context<'_>) -> Result<(&'c str, ValueRef<'c>), Error> {
    Ok((context.get_raw(0).as_str()?, context.get_raw(1)))
}

/// The sealed bytes of a value; none of a NULL.
fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        _ => None,
    }
}

fn as_is(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => alike(value, bytes.to_vec()),
    }
}

/// Bytes as a value of the same type.
fn alike(value: ValueRef<'_>, bytes: Vec<u8>) -> Value {
    match (value, String::from_utf8(bytes)) {
        (ValueRef::Text(_), Ok(text)) => Value::Text(text),
        (_, Ok(text)) => Value::Blob(text.into_bytes()),
        (_, Err(error)) => Value::Blob(error.into_bytes()),
    }
}

fn refused(why: &SealError) -> Error {
    Error::UserFunctionError(why.to_string().into())
}

#[cfg(test)]
mod tests {
    use lezai_seal::new_root;

    use super::super::schema::prepare;
    use super::*;

    fn open(vault: &Arc<Vault>) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, vault).unwrap();
        connection
    }

    fn value(connection: &Connection, sql: &str) -> Result<Value, Error> {
        connection.query_row(sql, [], |row| row.get(0))
    }

    #[test]
    fn every_type_comes_back_as_it_was() {
        let vault = Vault::new(Roots::parse(&new_root().unwrap()).unwrap());
        let (with, without) = (open(&vault), open(&Vault::none()));
        for sql in ["'whsec_planted'", "x'00ff'", "''", "NULL", "7"] {
            let plain = value(&with, &format!("SELECT {sql}")).unwrap();
            let opened = format!("SELECT opened('a', sealed('a', {sql}))");
            assert_eq!(value(&with, &opened).unwrap(), plain, "{sql}");
            assert_eq!(value(&without, &opened).unwrap(), plain, "{sql}");
        }
        let Value::Text(sealed) = value(&with, "SELECT sealed('a', 'whsec_planted')").unwrap()
        else {
            panic!()
        };
        assert!(is_sealed(&sealed));
        let elsewhere = format!("SELECT opened('b', '{sealed}')");
        assert!(value(&with, &elsewhere).is_err());
        assert!(value(&without, &elsewhere).unwrap_err().to_string().contains("root key"));
    }

    #[test]
    fn what_was_plain_or_of_a_former_root_key_is_sealed_anew_batch_by_batch() {
        let (old, new) = (new_root().unwrap(), new_root().unwrap());
        let vault = Vault::none();
        let connection = open(&vault);
        let put = |connection: &Connection, id: usize| {
            connection
                .execute(
                    "INSERT INTO merchants (id, name, webhook_secret, policy, notify_hosts, frame_origins, brand)
                     VALUES (?1, '', sealed('merchant/' || ?1 || '/webhook_secret', 'planted'), '{}', '[]', '[]', '{}')",
                    [format!("m_{id}")],
                )
                .unwrap();
        };
        for id in 0..7 {
            put(&connection, id);
        }
        // A bill may come compressed: its bytes are no text.
        let gzip = "INSERT INTO bills (channel, kind, day, edition, data, bytes) VALUES ('c', 'k', 'd', 1, '', x'1f8b0800ff')";
        connection.execute(gzip, []).unwrap();
        let prefix = |connection: &Connection| -> Vec<String> {
            let sql = "SELECT DISTINCT substr(webhook_secret, 1, 26) FROM merchants";
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(prefix(&connection), ["planted"]);
        for text in [old.clone(), format!("{new}\n{old}")] {
            let vault = Vault::new(Roots::parse(&text).unwrap());
            teach(&connection, &vault).unwrap();
            let (mut turns, mut progress) = (0, Progress::default());
            let roots = vault.roots().unwrap();
            while renew(&connection, &roots, &mut progress, 2).unwrap() {
                turns += 1;
                assert!(turns < 100);
            }
            assert!(turns > 4, "in batches");
            assert_eq!(prefix(&connection), [format!("sealed:v1:{}", roots.current())]);
            let bill = "SELECT CAST(substr(bytes, 1, 26) AS TEXT) FROM bills";
            let begins = Value::Text(format!("sealed:v1:{}", roots.current()));
            assert_eq!(value(&connection, bill).unwrap(), begins);
            let opened = value(&connection, "SELECT opened('bill/c/k/d/1', bytes) FROM bills");
            assert_eq!(opened.unwrap(), Value::Blob(b"\x1f\x8b\x08\x00\xff".to_vec()));
            let again = renew(&connection, &roots, &mut Progress::default(), 2);
            assert!(!again.unwrap(), "that it is done is noted");
            let sql = "SELECT DISTINCT opened('merchant/' || id || '/webhook_secret', webhook_secret) FROM merchants";
            assert_eq!(value(&connection, sql).unwrap(), Value::Text("planted".to_owned()));
        }
        // The former root key is not needed any more.
        let vault = Vault::new(Roots::parse(&new).unwrap());
        teach(&connection, &vault).unwrap();
        let sql = "SELECT count(opened('merchant/' || id || '/webhook_secret', webhook_secret)) FROM merchants";
        assert_eq!(value(&connection, sql).unwrap(), Value::Integer(7));
    }
}
