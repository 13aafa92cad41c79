//! PgBouncer between the nodes and the database.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use lezai_tests::nodes::Setup;
use lezai_tests::{Merchant, TempDir, hold, until};

use super::patroni::unprivileged;
use super::{Load, address, all_are_there_once, database, ledger_is_whole, order_until, provider};

struct Pooler(Child);

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_pooler_that_keeps_sessions_may_stand_between() {
    let store = database();
    let folder = TempDir::new();
    let path = folder.path();
    // It does not run as root either.
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let port = hold("127.0.0.1:0").expect("Linux");
    let (to, at) = (address(&store), port.local_addr().unwrap());
    let users = path.join("users");
    fs::write(&users, "\"postgres\" \"\"\n").unwrap();
    let config = path.join("pgbouncer.ini");
    let text = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
         unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = session\ndefault_pool_size = 100\n\
         max_client_conn = 200\n",
        to.ip(),
        to.port(),
        at.port(),
        users.display()
    );
    fs::write(&config, text).unwrap();
    let log = path.join("pgbouncer.log");
    let mut command = unprivileged("pgbouncer");
    command.arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(&log).unwrap());
    let mut pooler =
        Pooler(command.spawn().expect("PgBouncer is missing: apt-get install pgbouncer"));
    let through = store.replace(&to.to_string(), &at.to_string());
    until("PgBouncer takes connections", || {
        assert!(pooler.0.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&log).unwrap());
        Command::new("psql")
            .args([&*through, "-q", "-c", "SELECT 1"])
            .output()
            .unwrap()
            .status
            .success()
    });
    let (_simulators, _runtime, section) = provider(path);
    let nodes = Setup::of(&store, 2).through(|_| through.clone()).start(&section);
    let merchants: Vec<Merchant> = (0..2)
        .map(|n| nodes.merchant(&format!("m_live_pool{n}"), &format!("pool-{n}"), "wechat"))
        .collect();
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 4));
        load.goes_on(60);
        load.stop();
        orders.join().unwrap()
    });
    all_are_there_once(&merchants, &made);
    ledger_is_whole(&nodes);
}
