//! The server's own settings, as far as what is committed depends on them.

use std::sync::Arc;

use lezai_core::time::Timestamp;
use lezai_store::StoreError;

use super::address::Address;
use super::session::{Session, apart};
use super::tables::{damaged, get};

/// A database server, as it describes itself.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its version, such as `15.14`.
    pub version: String,
    /// The same as a number, such as 150014.
    pub version_number: i64,
    /// Settings by which what was acknowledged can be lost, as they are.
    pub careless: Vec<String>,
    /// Its clock.
    pub now: Timestamp,
    /// The connections that it takes from users without privileges.
    pub connections: i64,
    /// Those of them that are in use.
    pub connected: i64,
}

/// Asks a server about itself.
///
/// # Errors
///
/// [`StoreError::Database`] if it cannot be reached.
pub fn server(address: &Arc<Address>) -> Result<Server, StoreError> {
    apart(address, ask)
}

fn ask(session: &Session) -> Result<Server, StoreError> {
    const CARELESS: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];
    let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')::BIGINT,
                 (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT,
                 current_setting('max_connections')::BIGINT - current_setting('superuser_reserved_connections')::BIGINT,
                 (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                 current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')";
    let rows = session.query(sql, &[])?;
    let row = rows.first().ok_or_else(|| damaged("the server says nothing"))?;
    let mut careless = Vec::new();
    for (n, name) in CARELESS.into_iter().enumerate() {
        let value: &str = get(row, 5 + n)?;
        if value == "off" {
            careless.push(format!("{name} = off"));
        }
    }
    Ok(Server {
        version: get(row, 0)?,
        version_number: get(row, 1)?,
        careless,
        now: Timestamp::from_ms(get(row, 2)?),
        connections: get(row, 3)?,
        connected: get(row, 4)?,
    })
}
