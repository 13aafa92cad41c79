use std::path::PathBuf;

use super::*;

const GOOD: &str = r#"
public_url = "https://pay.example/"
[listen]
address = "0.0.0.0:8443"
certificate = "/etc/lezai/tls/fullchain.pem"
private_key = "/etc/lezai/tls/privkey.pem"
[channels.wechat]
merchant_id = "1900000001"
api_v3_key = "planted-secret"
private_key_file = "/etc/lezai/wechat.pem"
"#;

fn of(text: &str) -> Sources {
    Sources { file: Some((PathBuf::from("lezai.toml"), text.to_owned())), ..Sources::default() }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn faults(text: &str) -> Vec<String> {
    read(&of(text)).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_template_is_valid() {
    let config = read(&of(template())).unwrap();
    assert_eq!(config.public_url, "https://pay.example");
    assert_eq!(config.root_key_file.unwrap(), PathBuf::from("/etc/lezai/root.key"));
}

#[test]
fn a_small_file_has_defaults_for_the_rest() {
    let config = read(&of(GOOD)).unwrap();
    assert_eq!(config.public_url, "https://pay.example");
    assert_eq!(config.data_dir, PathBuf::from("/var/lib/lezai"));
    assert_eq!(config.operator.address.to_string(), "127.0.0.1:8090");
    assert_eq!(config.limits.merchant_per_second, 500);
    assert_eq!(config.proxies, Proxies { trusted: Vec::new(), protocol: ProxyProtocol::Forwarded });
    let tls = config.listen.tls.unwrap();
    assert_eq!(tls.certificate, PathBuf::from("/etc/lezai/tls/fullchain.pem"));
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let mut sources = of(GOOD);
    let port = |sources: &Sources| read(sources).unwrap().listen.address.port();
    assert_eq!(port(&sources), 8443);
    sources.environment =
        pairs(&[("LEZAI_LISTEN_ADDRESS", "0.0.0.0:1"), ("LEZAI_GATEWAY", "x"), ("PATH", "/bin")]);
    assert_eq!(port(&sources), 1);
    sources.flags = pairs(&[("listen.address", "0.0.0.0:2"), ("listen.address", "0.0.0.0:3")]);
    assert_eq!(port(&sources), 3);
    sources
        .flags
        .extend(pairs(&[("proxies.trusted", "10.0.0.2, ::1"), ("limits.page_per_second", "0")]));
    let config = read(&sources).unwrap();
    assert_eq!(config.proxies.trusted.len(), 2);
    assert_eq!(config.limits.page_per_second, 0);
    let shown = config.shown();
    assert!(shown.contains("address = \"0.0.0.0:3\"  # --set listen.address"), "{shown}");
    assert!(shown.contains("trusted = [\"10.0.0.2/32\", \"::1/128\"]"), "{shown}");
}

#[test]
fn everything_that_is_wrong_is_named_at_once_with_its_line() {
    let text = r#"publik_url = "https://pay.example"
public_url = "http://pay.example/x"
data_dir = "var/lib/lezai"
[listen]
address = "8443"
certificate = "/etc/lezai/tls/fullchain.pem"
[proxies]
trusted = ["10.1.2.3/8"]
protocol = "v1"
[operator]
address = "0.0.0.0:8090"
[limits]
page_per_second = -1
merchant_per_second = "many"
[log]
format = "xml"
[storage]
url = "x"
"#;
    let found = faults(text);
    for (line, words) in [
        (1, "publik_url is not a setting; is public_url meant?"),
        (2, "public_url must be https with a host, and no path"),
        (3, "data_dir must be an absolute path"),
        (5, "listen.address must be an address with its port"),
        (6, "listen.certificate is of no use without listen.private_key"),
        (8, "proxies.trusted must be a list of addresses and networks"),
        (9, "proxies.protocol must be one of \"x_forwarded\", \"proxy_v2\""),
        (11, "operator.address is not on this machine"),
        (13, "limits.page_per_second must be a whole number from 0 to 1000000"),
        (14, "limits.merchant_per_second must be"),
        (16, "log.format must be one of \"json\", \"text\""),
        (17, "storage is not a setting; remove it"),
    ] {
        let expected = format!("lezai.toml:{line}: {words}");
        assert!(found.iter().any(|it| it.starts_with(&expected)), "{expected}\n{found:#?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
}

#[test]
fn syntax_is_named_with_its_line() {
    let found = faults("public_url = \"https://pay.example\"\nlisten = [\n[log]\nfilter = info\n");
    assert!(found[0].starts_with("lezai.toml:"), "{found:?}");
    assert!(found.iter().all(|it| it.contains("is not TOML")), "{found:?}");
}

#[test]
fn what_is_missing_is_named_without_a_line() {
    let found = faults("");
    assert!(found.iter().any(|it| it.starts_with("public_url is missing")), "{found:?}");
    assert!(found.iter().any(|it| it.starts_with("listen speaks no TLS")), "{found:?}");
}

#[test]
fn rules_between_settings_hold() {
    let base = "public_url = \"https://pay.example\"\n";
    let behind = "[proxies]\ntrusted = [\"10.0.0.2\"]\n";
    assert!(read(&of(&format!("{base}{behind}"))).is_ok());
    let two = "[listen]\naddress = \"0.0.0.0:8090\"\n";
    let found = faults(&format!("{base}{two}{behind}"));
    assert!(found[0].starts_with("operator.address is the public listener's address"), "{found:?}");
    let found = faults(&format!("{base}[proxies]\nprotocol = \"proxy_v2\"\n"));
    assert!(
        found.iter().any(|it| it.contains("is of no use without proxies.trusted")),
        "{found:?}"
    );
    let open = "[operator]\naddress = \"[::]:8090\"\n";
    assert!(
        faults(&format!("{base}{open}{behind}"))[0].contains("would cross the network in clear")
    );
    let mut sources = of(&format!("{base}{behind}"));
    sources.flags = pairs(&[("log.filtre", "debug"), ("channels.wechat.merchant_id", "1")]);
    let found = read(&sources).unwrap_err().to_string();
    assert!(
        found.contains("is log.filter meant?") && found.contains("is set in the file alone"),
        "{found}"
    );
}

#[test]
fn a_channel_s_section_is_handed_on_with_its_lines_and_its_secrets_are_masked() {
    let config = read(&of(GOOD)).unwrap();
    let [section] = config.channels.as_slice() else { panic!("{:?}", config.channels) };
    assert_eq!(section.name, "wechat");
    assert_eq!(section.origin, Origin::File { path: PathBuf::from("lezai.toml"), line: 7 });
    let lines: Vec<&str> = section.toml.lines().map(str::trim).collect();
    assert_eq!(lines[7], "merchant_id = \"1900000001\"");
    assert_eq!(lines[8], "api_v3_key = \"planted-secret\"");
    assert!(lines[..7].iter().all(|it| it.is_empty()), "{lines:?}");
    let shown = config.shown();
    assert!(!shown.contains("planted-secret"), "{shown}");
    assert!(
        shown.contains("[channels.wechat]")
            && shown.contains("private_key_file = \"/etc/lezai/wechat.pem\"")
    );
    let nested = "[channels.x]\na = 1\n[channels.x.inner]\nb = [\n 2,\n]\n";
    let config = read(&of(&format!("{GOOD}{nested}"))).unwrap();
    let toml = &config.channels[1].toml;
    assert!(DeTableCheck::parses(toml), "{toml}");
}

struct DeTableCheck;

impl DeTableCheck {
    fn parses(text: &str) -> bool {
        let parsed = toml::de::DeTable::parse(text);
        parsed.is_ok_and(|it| it.get_ref().len() == 2)
    }
}

#[test]
fn a_collector_is_named_whole_or_not_at_all() {
    let with = |section: &str| format!("{GOOD}[telemetry]\n{section}\n");
    assert_eq!(read(&of(GOOD)).unwrap().telemetry, None);
    let telemetry = read(&of(&with("endpoint = \"http://127.0.0.1:4318/\""))).unwrap().telemetry;
    let (endpoint, sampled_percent) = ("http://127.0.0.1:4318".to_owned(), 100);
    assert_eq!(telemetry, Some(Telemetry { endpoint, sampled_percent }));
    for wrong in [
        "endpoint = \"127.0.0.1:4318\"",
        "endpoint = \"grpc://127.0.0.1:4317\"",
        "endpoint = \"http://user@127.0.0.1:4318\"",
        "endpoint = \"http://127.0.0.1:4318/?key=1\"",
        "sampled_percent = 10",
        "endpoint = \"http://127.0.0.1:4318\"\nsampled_percent = 101",
    ] {
        let found = faults(&with(wrong));
        assert!(found.len() == 1 && found[0].contains("telemetry."), "{wrong}: {found:?}");
    }
}

#[test]
fn routing_is_read_with_its_bounds() {
    let with = |section: &str| format!("{GOOD}[routing]\n{section}\n");
    let of_file = |text: &str| read(&of(text)).unwrap().routing;
    assert_eq!(of_file(GOOD), Routing { strategy: Strategy::Policy, premium_ppm: 0 });
    let cost = of_file(&with("strategy = \"cost\"\npremium_ppm = 100000"));
    assert_eq!(cost, Routing { strategy: Strategy::Cost, premium_ppm: 100_000 });
    assert_eq!(of_file(&with("strategy = \"latency\"")).strategy, Strategy::Latency);
    for wrong in [
        "strategy = \"cheap\"",
        "strategy = \"cost\"\npremium_ppm = 100001",
        "strategy = \"cost\"\npremium_ppm = -1",
        "strategy = \"cost\"\npremium_ppm = 0.5",
        "strategy = \"latency\"\npremium_ppm = 10",
        "premium_ppm = 10",
    ] {
        let found = faults(&with(wrong));
        assert!(found.len() == 1 && found[0].contains("routing."), "{wrong}: {found:?}");
    }
}

#[test]
fn costs_are_handed_on_and_shown_however_they_are_written() {
    let inline = "costs = [\n  { currency = \"CNY\", rate_ppm = 6000 },  # agreed in May\n]\n";
    let headers = "[[channels.wechat.costs]]\ncurrency = \"CNY\"\nrate_ppm = 6000\n";
    let two = format!("{headers}[[channels.wechat.costs]]\nmethod = \"x\"\ncurrency = \"USD\"\n");
    for (written, rows) in [(inline, 1), (headers, 1), (two.as_str(), 2)] {
        let config = read(&of(&format!("{GOOD}{written}"))).unwrap();
        let toml = &config.channels[0].toml;
        let section: toml::Table =
            toml::from_str(toml).unwrap_or_else(|error| panic!("{error}: {toml}"));
        let costs = section["costs"].as_array().unwrap();
        assert_eq!((costs.len(), section.len()), (rows, 4), "{toml}");
        assert_eq!(costs[0]["rate_ppm"].as_integer(), Some(6000));
        let shown = config.shown();
        assert!(shown.contains("costs = [") && shown.contains("rate_ppm = 6000"), "{shown}");
        assert!(toml::from_str::<toml::Table>(&shown).is_ok(), "{shown}");
    }
}
