//! What stands in `deploy/` fits the binary: every metric that an alert or a dashboard names is served, and every
//! alert is in the runbook, in both languages. What `promtool` can tell, `make check-deploy` asks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lezai_tests::{Live, TempDir};

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

#[test]
fn every_metric_that_is_looked_at_is_served() {
    let folder = TempDir::new();
    let live = Live::start(folder.path());
    let metrics = String::from_utf8(live.operate("GET", "/metrics", "").body).unwrap();
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeSet<String> =
        types.map(|line| family(line.split(' ').next().unwrap()).to_owned()).collect();
    assert!(served.contains("lezai_tls_certificate_end_timestamp_seconds"), "{metrics}");
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
