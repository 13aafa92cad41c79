//! Faults of a gateway's machine: a disk without room, a log that nobody takes, files that are
//! gone, no file descriptors left. Every request is answered, readiness tells the truth, the process
//! ends when it is told to, and all is well once the machine is.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, binary, lezai, random_hex, until};
use rlimit::{INFINITY, Resource, prlimit};

fn ready(gateway: &Gateway) -> u16 {
    Request::new("GET", "/readyz", "").send(&gateway.authority).unwrap().status
}

fn order(merchant: &Merchant) -> Answer {
    merchant.create(&random_hex(), Merchant::order(&random_hex()).to_string()).unwrap()
}

/// The answers to so many orders, of which many are sent at once.
fn orders(merchant: &Merchant, count: usize) -> Vec<u16> {
    const AT_ONCE: usize = 8;
    std::thread::scope(|scope| {
        let threads = (0..AT_ONCE).map(|_| {
            scope.spawn(|| (0..count / AT_ONCE).map(|_| order(merchant).status).collect::<Vec<_>>())
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().flat_map(|it| it.join().unwrap()).collect()
    })
}

/// Nothing can be written, and then something can: the same for every way to come there.
fn no_room_and_room_again(gateway: &mut Gateway, fill: impl Fn(&Gateway), free: impl Fn(&Gateway)) {
    let merchant = Merchant::demo(gateway);
    assert_eq!((order(&merchant).status, ready(gateway)), (201, 200));
    fill(gateway);
    // A commit goes through while there is room for it.
    until("a commit fails", || order(&merchant).status == 500);
    let (key, body) = (random_hex(), Merchant::order("N-1").to_string());
    assert_eq!(merchant.create(&key, body.clone()).unwrap().status, 500);
    assert_eq!(orders(&merchant, 80), [500; 80]);
    until("it is not ready", || ready(gateway) == 503);
    // It can be read all the while, and what could not be committed is not there.
    assert!(merchant.find("N-1").is_empty());
    assert!(gateway.metric("lezai_commits_failed_total").unwrap() >= 1.0);
    assert!(gateway.metric("lezai_log_lines_lost_total").unwrap() >= 1.0);

    free(gateway);
    until("it is ready again", || ready(gateway) == 200);
    assert_eq!(merchant.create(&key, body).unwrap().status, 201);
    assert_eq!(orders(&merchant, 16), [201; 16]);
    gateway.terminate();
    assert!(gateway.ended_well(), "{}", gateway.log());
    let data = gateway.data.display().to_string();
    let checked = lezai(&["ledger", "check", "--data", &data]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// A limit on how long files may be is a disk without room on every machine.
#[test]
fn a_gateway_outlives_a_disk_that_takes_nothing() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start_after(folder.path(), "trap '' XFSZ");
    let limit = |gateway: &Gateway, bytes| {
        let pid = i32::try_from(gateway.pid()).unwrap();
        prlimit(pid, Resource::FSIZE, Some((bytes, INFINITY)), None).unwrap();
    };
    no_room_and_room_again(&mut gateway, |it| limit(it, 1), |it| limit(it, INFINITY));
}

/// A small file system in memory, where that can be had.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Option<Self> {
        let path = folder.join("disk");
        std::fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(&path).stderr(Stdio::null());
        mount.status().is_ok_and(|it| it.success()).then_some(Self(path))
    }

    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).unwrap();
        assert!(std::io::copy(&mut std::io::repeat(0), &mut file).is_err());
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_as_one() {
    let folder = TempDir::new();
    let Some(disk) = Disk::mount(folder.path()) else {
        println!("no file system can be mounted here: a limit on files stands in for it");
        return;
    };
    let mut gateway = Gateway::start(&disk.0);
    no_room_and_room_again(&mut gateway, |_| disk.fill(), |_| disk.free());

    // To start needs room; who lacks it is told of that, and not to restore anything.
    disk.fill();
    let data = gateway.data.display().to_string();
    let started =
        lezai(&["dev", "--listen", "127.0.0.1:0", "--shop", "127.0.0.1:0", "--data", &data]);
    let error = String::from_utf8(started.stderr).unwrap();
    assert_eq!(started.status.code(), Some(2), "{error}");
    let says_so = error.contains("no room on its disk") || error.contains("No space left");
    assert!(says_so && !error.contains("restore"), "{error}");
    disk.free();
    let gateway = Gateway::start(&disk.0);
    assert_eq!(Merchant::demo(&gateway).find("N-1").len(), 1);
}

#[test]
fn a_log_that_cannot_be_written_costs_the_log_alone() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start_after(folder.path(), "exec 2>/dev/full");
    works_without_its_log(&mut gateway);

    let (mut gateway, reader) = Gateway::start_piped(folder.path());
    drop(reader);
    works_without_its_log(&mut gateway);

    // A pipe that nobody reads is full after 64 KiB; whoever writes to it then waits for ever.
    let (mut gateway, reader) = Gateway::start_piped(folder.path());
    for _ in 0..1_000 {
        let path = "/".repeat(200);
        Request::new("GET", &path, "").send(&gateway.authority).unwrap();
    }
    let merchant = Merchant::demo(&gateway);
    assert_eq!((order(&merchant).status, ready(&gateway)), (201, 200));
    gateway.terminate();
    assert!(gateway.ended_well());
    drop(reader);
}

fn works_without_its_log(gateway: &mut Gateway) {
    let merchant = Merchant::demo(gateway);
    assert_eq!(orders(&merchant, 40), [201; 40]);
    assert_eq!(ready(gateway), 200);
    until("lost lines are counted", || {
        gateway.metric("lezai_log_lines_lost_total").unwrap() >= 40.0
    });
    gateway.terminate();
    assert!(gateway.ended_well());
}

#[test]
fn nobody_need_read_where_it_listens() {
    let folder = TempDir::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let authority = format!("127.0.0.1:{port}");
    let mut gateway = Command::new(binary())
        .args(["dev", "--listen", &authority, "--shop", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it is ready", || {
        Request::new("GET", "/readyz", "").send(&authority).is_ok_and(|it| it.status == 200)
    });
    assert!(Command::new("kill").arg(gateway.id().to_string()).status().unwrap().success());
    assert!(gateway.wait().unwrap().success());
}

#[test]
fn a_command_that_cannot_say_why_it_failed_says_it_by_its_exit_code() {
    let folder = TempDir::new();
    let nowhere = folder.path().join("nowhere").display().to_string();
    for command in [
        &["ledger", "check", "--data", &nowhere][..],
        &["key", "list", "--data", &nowhere],
        &["call", "GET", "/v1/orders", "--data-dir", &nowhere],
        &["dev", "--listen", "192.0.2.1:1", "--data", &nowhere],
        &["openapi"],
    ] {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let mut child = Command::new(binary());
        let ended = child.args(command).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(ended.code(), Some(2), "{command:?}");
    }
}

#[test]
fn a_gateway_that_was_stopped_leaves_its_stores_in_one_file_each() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    assert_eq!(orders(&merchant, 200), [201; 200]);
    // A connection that stays open holds the gateway, and must not hold the store.
    let idle = TcpStream::connect(&gateway.authority).unwrap();
    gateway.terminate();
    assert!(gateway.ended_well(), "{}", gateway.log());
    drop(idle);
    let files = std::fs::read_dir(&gateway.data).unwrap();
    let files: Vec<String> =
        files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!files.iter().any(|it| it.contains(".db-")), "{files:?}");
    // So a copy of that file is a backup.
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(gateway.data.join("lezai.db"), copy.join("lezai.db")).unwrap();
    let checked = lezai(&["ledger", "check", "--data", &copy.display().to_string()]);
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success() && text.contains("orders   200,"), "{text}");
}

#[test]
fn what_was_lost_is_told_and_not_made_anew() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    assert_eq!(order(&Merchant::demo(&gateway)).status, 201);
    gateway.terminate();
    assert!(gateway.ended_well());
    let data = gateway.data.clone();
    for (name, loss) in [("lezai.db", "empty"), ("gateway.pem", "gone"), ("admin-token", "short")] {
        let path = data.join(name);
        let whole = std::fs::read(&path).unwrap();
        match loss {
            "gone" => std::fs::remove_file(&path).unwrap(),
            "short" => std::fs::write(&path, "x").unwrap(),
            _ => std::fs::write(&path, "").unwrap(),
        }
        let shown = data.display().to_string();
        let started =
            lezai(&["dev", "--listen", "127.0.0.1:0", "--shop", "127.0.0.1:0", "--data", &shown]);
        let error = String::from_utf8(started.stderr).unwrap();
        assert_eq!(started.status.code(), Some(2), "{error}");
        assert!(error.contains(name) && error.lines().count() == 1, "{error}");
        if loss == "gone" {
            assert!(!path.exists());
            // Its mode counts too.
            let (made, mut options) = (&path, File::options());
            std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create(true), 0o600);
            std::io::Write::write_all(&mut options.open(made).unwrap(), &whole).unwrap();
        } else {
            std::fs::write(&path, whole).unwrap();
        }
    }
    drop(Gateway::start(folder.path()));
}

#[test]
fn a_restart_undoes_nothing_that_the_operator_did() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let admin = |gateway: &Gateway, method: &str, path: &str| {
        let path = format!("/admin/v1/merchants/m_demo{path}");
        let request = Request::new(method, &path, "").with("authorization", &bearer);
        request.send(&gateway.authority).unwrap()
    };
    let changed = admin(&gateway, "POST", "/webhook-secret");
    assert!(changed.status < 300, "{}", changed.json());
    let secret = changed.json()["webhook_secret"].as_str().unwrap().to_owned();
    let removed = admin(&gateway, "DELETE", "/keys/demo-1");
    assert!(removed.status < 300, "{}", String::from_utf8_lossy(&removed.body));
    assert_eq!(Merchant::demo(&gateway).get("/v1/orders?limit=1").status, 401);
    gateway.terminate();
    assert!(gateway.ended_well());

    let gateway = Gateway::start(folder.path());
    assert_eq!(Merchant::demo(&gateway).get("/v1/orders?limit=1").status, 401);
    let kept = std::fs::read_to_string(gateway.data.join("demo-webhook-secret")).unwrap();
    assert_eq!(kept.trim(), secret);
}

#[test]
fn connections_beyond_the_limit_are_told_of() {
    let folder = TempDir::new();
    let gateway = Gateway::start_after(folder.path(), "ulimit -n 300");
    let held: Vec<_> = (0..160).map(|_| TcpStream::connect(&gateway.authority).unwrap()).collect();
    until("the log says so", || gateway.log().contains("ulimit -n"));
    drop(held);
    assert_eq!(order(&Merchant::demo(&gateway)).status, 201);
}
