//! The files in `deploy/` fit the binary: every metric that an alert or a dashboard names is served, and every
//! alert is in the runbook, in both languages. What `promtool` can tell, `make check-deploy` asks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Live, Merchant, Request, TempDir, random_hex};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The metrics that a text names, without the endings that a histogram's and a counter's samples have.
fn named(text: &str) -> BTreeSet<String> {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !is_letter(c)).filter(|it| it.starts_with("lezai_"));
    words.map(|it| family(it).to_owned()).collect()
}

fn family(sample: &str) -> &str {
    let ends = ["_total", "_bucket", "_count", "_sum"];
    ends.iter().find_map(|end| sample.strip_suffix(end)).unwrap_or(sample)
}

fn families(metrics: &str) -> BTreeSet<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| family(line.split(' ').next().unwrap()).to_owned()).collect()
}

/// The metrics of a gateway once an order was paid and its merchant told.
fn after_a_payment() -> String {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let order = Merchant::order(&random_hex());
    let order = merchant.create(&random_hex(), order.to_string()).unwrap().json();
    let target = format!("/sandbox/orders/{}/pay", order["id"].as_str().unwrap());
    let paid = Request::new("POST", &target, "").send(&gateway.authority).unwrap();
    assert_eq!(paid.status, 200, "{}", paid.json());
    let begun = Instant::now();
    loop {
        let metrics = Request::new("GET", "/metrics", "").send(&gateway.authority).unwrap();
        let metrics = String::from_utf8(metrics.body).unwrap();
        if metrics.contains("# TYPE lezai_callbacks ") && metrics.contains("# TYPE lezai_tasks ") {
            return metrics;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{metrics}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_metric_that_is_looked_at_is_served() {
    let folder = TempDir::new();
    let live = Live::start(folder.path());
    let metrics = String::from_utf8(live.operate("GET", "/metrics", "").body).unwrap();
    let mut served = families(&metrics);
    assert!(served.contains("lezai_tls_certificate_end_timestamp_seconds"), "{metrics}");
    // A family without a sample is not written: an order that is paid and told of has one of each.
    served.extend(families(&after_a_payment()));
    for file in ["deploy/prometheus/lezai.rules.yml", "deploy/grafana/lezai.json"] {
        // Two of a kind, one of which the operator's listener has: a pattern names both.
        let text = read(file).replace("lezai_(operator_)?tls", "lezai_tls");
        let looked_at = named(&text);
        assert!(looked_at.len() > 5, "{file}: {looked_at:?}");
        let unknown: Vec<&String> = looked_at.iter().filter(|it| !served.contains(*it)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?} are not among {served:?}");
    }
}

#[test]
fn every_alert_is_in_the_runbook() {
    let rules = read("deploy/prometheus/lezai.rules.yml");
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: Vec<&str> = alerts.collect();
    assert!(alerts.len() > 5);
    for guide in ["docs/runbook.md", "docs/runbook.zh-CN.md"] {
        let text = read(guide);
        for alert in &alerts {
            assert!(text.contains(&format!("\n## {alert}\n")), "{guide} has no section {alert}");
        }
    }
}
