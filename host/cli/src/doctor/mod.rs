//! `lezai doctor`: looks at all that a gateway stands on, and says of each what to do. It reads beside a gateway that
//! may be running, and changes nothing.

mod database;
mod findings;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lezai_config::Config;

use lezai_base::clock;
use lezai_connections::tls::{Certificates, TlsFiles};
use lezai_seal::Roots;
use lezai_store::StoreError;
use lezai_store_sqlite::file as store_file;

use crate::data_dir;
use crate::database::{Database, StoreArgs};
use crate::keys::Keys;
use crate::ledger::{self, Failed};
use crate::secrets;
use crate::serve::ConfigArgs;
use crate::source::Source;
use findings::{Finding, Findings, Status};

/// A certificate that ends within this is told of: an ACME client renews it 30 days before.
const CERTIFICATE_DAYS: i64 = 21;
/// A signing key that is older is due to be changed.
const KEY_DAYS: u64 = 365;
/// A former key is kept for the pages that pinned it for two days.
const FORMER_DAYS: u64 = 3;
/// A disk with less room than this, in bytes, or than a tenth of it.
const DISK_LOW: u64 = 2 << 30;
/// A disk that is all but full.
const DISK_FULL: u64 = 200 << 20;
/// The memory maps and files needed by plugins and connections, as Linux has them by default.
const MAPS_MIN: u64 = 65_530;
const FILES_MIN: u64 = 8_192;
/// Its own clock is trusted up to this beside the newest entry of the ledger.
const AHEAD_SECS: i64 = 60;

/// The configuration to look at.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Look at this folder alone, such as that of `lezai dev`, and at no configuration.
    #[arg(long, env = data_dir::VARIABLE, hide_env_values = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Without a configuration, look at this database, and at a folder if that is named, too.
    #[command(flatten)]
    store: StoreArgs,
    /// Leave out the ledger, which takes a while for millions of orders.
    #[arg(long)]
    quick: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Looks and tells. The exit code is 1 if something failed.
pub fn run(args: &DoctorArgs) -> ExitCode {
    let mut findings = Findings::default();
    findings.ok("version", format!("lezai {}", env!("CARGO_PKG_VERSION")));
    let place = place(args, &mut findings);
    if let Some(data) = &place.data {
        folder(data, &mut findings);
        disk(data, &mut findings);
    }
    let database = match &place.source {
        Some(Source::Database(address)) => database::server(address, &mut findings),
        _ => true,
    };
    let roots = roots(args, &mut findings, place.source.as_ref().filter(|_| database));
    if let Some(data) = &place.data {
        keys(data, roots.as_ref(), &mut findings);
    }
    if let Some(source) = place.source.as_ref().filter(|_| database) {
        store(source, args.quick, &mut findings);
    }
    time(&mut findings);
    limits(&mut findings);
    let failed = findings.0.iter().any(|it| it.status == Status::Failed);
    if args.json {
        let json = serde_json::json!({ "ok": !failed, "findings": findings.0 });
        say!("{json:#}");
    } else {
        for Finding { subject, status, found, advice } in &findings.0 {
            say!("{:<8} {subject:<14} {found}", status.word());
            if !advice.is_empty() {
                say!("{:<23} → {advice}", "");
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

/// The folder and the store to look at, as far as they can be told.
#[derive(Default)]
struct Place {
    data: Option<PathBuf>,
    source: Option<Source>,
}

fn place(args: &DoctorArgs, findings: &mut Findings) -> Place {
    let named = match args.store.named() {
        Ok(named) => named.map(Source::Database),
        Err(why) => {
            findings.fail("database", why, "docs/nodes.md describes how it is named");
            return Place { data: args.data_dir.clone(), source: None };
        }
    };
    match (&args.data_dir, named) {
        (None, None) => configuration(&args.config, findings),
        (data, Some(source)) => Place { data: data.clone(), source: Some(source) },
        (Some(data), None) => {
            Place { data: Some(data.clone()), source: Some(Source::Folder(data.clone())) }
        }
    }
}

/// The configuration and what it names.
fn configuration(args: &ConfigArgs, findings: &mut Findings) -> Place {
    const SUBJECT: &str = "configuration";
    let config = match args.checked() {
        Ok(config) => {
            findings.ok(SUBJECT, format!("{} settings", config.settings().len()));
            Some(config)
        }
        Err(faults) => {
            for fault in &faults.0 {
                findings.fail(SUBJECT, fault.to_string(), "lezai serve --check says this too");
            }
            args.read().ok()
        }
    };
    let Some(config) = config else { return Place::default() };
    certificates(&config, findings);
    if config.channels.is_empty() {
        let advice = "add a section such as [channels.wechat]: docs/serve.md";
        findings.warn("channels", "none is configured, and every order is refused", advice);
    } else {
        let names: Vec<&str> = config.channels.iter().map(|it| it.name.as_str()).collect();
        findings.ok("channels", names.join(", "));
    }
    let source = match Database::of(&config) {
        Ok(Some(database)) => Some(Source::Database(database.address)),
        Ok(None) => Some(Source::Folder(config.data_dir.clone())),
        // It is among the faults of the configuration.
        Err(_) => None,
    };
    Place { data: Some(config.data_dir), source }
}

fn certificates(config: &Config, findings: &mut Findings) {
    const SUBJECT: &str = "certificate";
    for (section, tls) in [("listen", &config.listen.tls), ("operator", &config.operator.tls)] {
        let Some(tls) = tls else { continue };
        let files =
            TlsFiles { certificate: tls.certificate.clone(), private_key: tls.private_key.clone() };
        // That it cannot be read is among the faults of the configuration.
        let Ok(loaded) = Certificates::load(files) else { continue };
        let Some(end) = loaded.expires() else { continue };
        let days = (end.as_secs() - clock::now().as_secs()).div_euclid(86_400);
        let found = format!("{section}: ends {} ({days} days)", lezai_wire::time::rfc3339(end));
        let advice = format!("renew {}; it is read anew by itself", tls.certificate.display());
        match days {
            ..0 => findings.fail(SUBJECT, found, advice),
            0..CERTIFICATE_DAYS => findings.warn(SUBJECT, found, advice),
            _ => findings.ok(SUBJECT, found),
        }
    }
}

fn folder(data: &Path, findings: &mut Findings) {
    const SUBJECT: &str = "data folder";
    let metadata = match fs::metadata(data) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            return findings.fail(
                SUBJECT,
                format!("{} is no folder", data.display()),
                "name another",
            );
        }
        Err(error) => {
            let advice = "start the gateway once, which makes it; or restore a backup";
            return findings.fail(SUBJECT, format!("{}: {error}", data.display()), advice);
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let advice = format!("chmod 700 {}", data.display());
        return findings.fail(SUBJECT, format!("others can use it (mode {mode:03o})"), advice);
    }
    for entry in fs::read_dir(data).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_secret = (name.ends_with(".pem") && !name.ends_with("-public.pem"))
            || name == "admin-token"
            || name.ends_with(".db");
        let mode = entry.metadata().map_or(0, |it| it.permissions().mode() & 0o777);
        if is_secret && mode & 0o077 != 0 {
            let advice = format!("if nobody read it, chmod 600 {}", entry.path().display());
            findings.fail(SUBJECT, format!("others can read {name} (mode {mode:03o})"), advice);
        }
    }
    findings.ok(SUBJECT, data.display().to_string());
}

fn disk(data: &Path, findings: &mut Findings) {
    const SUBJECT: &str = "disk";
    let Ok(stat) = rustix::fs::statvfs(data) else { return };
    let (free, all) = (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize);
    let found = format!("{} MiB free of {} MiB", free >> 20, all >> 20);
    let advice =
        "make room, or move data_dir; a gateway that cannot write refuses orders and loses none";
    match free {
        ..DISK_FULL => findings.fail(SUBJECT, found, advice),
        _ if free < DISK_LOW || free < all / 10 => findings.warn(SUBJECT, found, advice),
        _ => findings.ok(SUBJECT, found),
    }
}

fn keys(data: &Path, roots: Option<&Roots>, findings: &mut Findings) {
    const SUBJECT: &str = "signing key";
    let age = |name: &str| -> Option<u64> {
        let written = fs::metadata(data.join(name)).and_then(|it| it.modified()).ok()?;
        let age = SystemTime::now().duration_since(written).unwrap_or(Duration::ZERO);
        Some(age.as_secs() / 86_400)
    };
    match Keys::of(data, roots) {
        Err(why) => findings.fail(SUBJECT, why, "restore it from a backup"),
        Ok(keys) => {
            let days = age("gateway.pem").unwrap_or_default();
            let found = format!("{} ({days} days)", keys.current.verifying_key().thumbprint());
            if days > KEY_DAYS {
                let advice =
                    "change it: lezai key prepare, a week later lezai key rotate (docs/serve.md)";
                findings.warn(SUBJECT, found, advice);
            } else {
                findings.ok(SUBJECT, found);
            }
            if keys.next.is_some() {
                let advice = "once every merchant has learned it: lezai key rotate";
                findings.warn(SUBJECT, "the next key is prepared and signs nothing yet", advice);
            }
            let former = age("gateway-former.pem").filter(|_| keys.former.is_some());
            match former {
                Some(days) if days >= FORMER_DAYS => {
                    let found = format!("the former key is kept for {days} days");
                    findings.warn(SUBJECT, found, "lezai key retire");
                }
                Some(_) => findings.ok(SUBJECT, "the former key still signs for open pages"),
                None => {}
            }
        }
    }
}

/// The root keys, and whether everything is sealed under the current one.
fn roots(args: &DoctorArgs, findings: &mut Findings, source: Option<&Source>) -> Option<Roots> {
    const SUBJECT: &str = "secrets";
    let is_configured = args.data_dir.is_none() && matches!(args.store.named(), Ok(None));
    let config = args.config.read().ok().filter(|_| is_configured);
    let Some(file) = config.and_then(|it| it.root_key_file) else {
        if is_configured {
            let advice = "lezai secrets new-root FILE, and set secrets.root_key_file";
            findings.warn(SUBJECT, "secrets and personal data are kept in clear", advice);
        }
        return None;
    };
    let roots = match secrets::roots(&file) {
        Ok(roots) => roots,
        Err(why) => {
            findings.fail(SUBJECT, why, "restore the file of root keys");
            return None;
        }
    };
    let under = source.and_then(|it| it.sealed_under().ok().flatten());
    let found = format!("root key {}", roots.current());
    match under {
        Some(under) if under == roots.current() && roots.ids().count() == 1 => {
            findings.ok(SUBJECT, found);
        }
        Some(under) if under == roots.current() => {
            let advice = format!("lezai secrets forget-former {}", file.display());
            findings.warn(SUBJECT, format!("{found}; former ones are still in the file"), advice);
        }
        _ => findings.warn(
            SUBJECT,
            format!("{found}; not everything is sealed under it"),
            "reload the gateway",
        ),
    }
    Some(roots)
}

fn store(source: &Source, quick: bool, findings: &mut Findings) {
    const SUBJECT: &str = "ledger";
    let (name, restore, keep) = match source {
        Source::Folder(data) => (
            store_file(data).display().to_string(),
            "restore the last backup: lezai restore (docs/backup.md)",
            "stop the gateway, keep a copy of the folder, and see docs/runbook.md (Ledger broken)",
        ),
        Source::Database(address) => (
            address.shown(),
            "see docs/backup.md (PostgreSQL) before anything is restored",
            "stop the nodes, keep a copy of the database, and see docs/runbook.md (Ledger broken)",
        ),
    };
    let newest = source.look(|chains| {
        let last = chains.iter().map(|it| Ok(it.last_entry()?.map(|(_, at, _)| at)));
        let last = last.collect::<Result<Vec<_>, StoreError>>()?;
        Ok::<_, StoreError>(last.into_iter().flatten().max())
    });
    let newest = match newest {
        Ok(newest) => newest,
        Err(error) => return findings.fail("store", source.unreadable(&error), restore),
    };
    if let Some(at) = newest
        && at.as_secs() > clock::now().as_secs() + AHEAD_SECS
    {
        let found = format!(
            "the ledger's last entry is of {}, which is to come",
            lezai_wire::time::rfc3339(at)
        );
        findings.fail("clock", found, "set the clock before the gateway is started");
    }
    if quick {
        return findings.ok("store", name);
    }
    match ledger::check_source(source) {
        Ok(report) => {
            let found = format!("whole: {} entries, {} orders", report.entries, report.orders);
            findings.ok(SUBJECT, found);
        }
        Err(Failed::Broken(fault)) => findings.fail(SUBJECT, format!("broken: {fault}"), keep),
        Err(Failed::Unreadable(error)) => {
            findings.fail(SUBJECT, source.unreadable(&error), restore);
        }
    }
}

fn time(findings: &mut Findings) {
    const SUBJECT: &str = "clock";
    let synchronised =
        ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];
    if synchronised.iter().any(|it| Path::new(it).exists()) {
        return findings.ok(SUBJECT, "kept by a time service");
    }
    let advice = "run one (systemd-timesyncd, chrony): signatures are refused when a clock is 30 s ahead or 5 min late";
    findings.warn(SUBJECT, "no time service is seen", advice);
}

fn limits(findings: &mut Findings) {
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    if let Some(maps) = maps.and_then(|it| it.trim().parse::<u64>().ok()) {
        let found = format!("vm.max_map_count = {maps}");
        match maps < MAPS_MIN {
            true => findings.warn(
                "maps",
                found,
                format!("sysctl vm.max_map_count={MAPS_MIN}: plugins stand ready in memory maps"),
            ),
            false => findings.ok("maps", found),
        }
    }
    if let Ok((_, most)) = rlimit::Resource::NOFILE.get() {
        let found = format!("at most {most} open files");
        match most < FILES_MIN {
            true => findings.warn("files", found, "LimitNOFILE=65536 in the unit, or ulimit -Hn"),
            false => findings.ok("files", found),
        }
    }
}
