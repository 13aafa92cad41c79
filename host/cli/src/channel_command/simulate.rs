//! `lezai channel simulate`: WeChat Pay, Alipay and UnionPay on this machine, and a configuration for them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lezai_channel_simulators::{Simulators, alipay, keys, unionpay, wechat};
use tokio::net::TcpListener;

use super::Failed;

/// Where.
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// The address to listen on. Only this machine's own are taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: std::net::SocketAddr,
    /// The folder that keys and lezai.toml are written to. They protect nothing.
    #[arg(long, value_name = "FOLDER", default_value = "simulated-channels")]
    folder: PathBuf,
}

pub(super) async fn run(args: &SimulateArgs) -> Result<(), Failed> {
    let not_done = |what: &dyn std::fmt::Display, error: std::io::Error| {
        Failed::NotDone(format!("{what}: {error}"))
    };
    if !args.listen.ip().is_loopback() {
        let why = "the simulators believe whoever asks: --listen must be an address of this machine alone";
        return Err(Failed::NotDone(why.to_owned()));
    }
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.map_err(|error| not_done(&args.listen, error))?;
    let simulators = Arc::new(Simulators::new());
    let address = simulators.serve(listener).map_err(|error| not_done(&args.listen, error))?;
    let folder = args.folder.display();
    fs::create_dir_all(&args.folder).map_err(|error| not_done(&folder, error))?;
    for (name, content) in keys::FILES {
        fs::write(args.folder.join(name), content).map_err(|error| not_done(&folder, error))?;
    }
    let config = config(&format!("http://{address}"));
    let path = args.folder.join("lezai.toml");
    fs::write(&path, config).map_err(|error| not_done(&path.display(), error))?;
    say!(
        "WeChat Pay (/v3/), Alipay (/gateway.do) and UnionPay (/gateway/api/) are simulated at http://{address}"
    );
    say!("");
    say!("  lezai channel check --config {}", path.display());
    say!("  lezai channel call wechat --config {} qr 2026112900000001 0.01", path.display());
    say!("  curl -X POST http://{address}/_sim/wechat/2026112900000001/pay");
    say!(
        "  curl -X POST http://{address}/_sim/faults -d '{{\"provider\":\"wechat\",\"call\":\"query\",\"what\":\"wrong_signature\"}}'"
    );
    say!("");
    say!("They protect nothing and keep nothing. Ctrl-C ends them.");
    tokio::signal::ctrl_c().await.map_err(|error| not_done(&"Ctrl-C", error))
}

fn config(url: &str) -> String {
    let mut text = String::new();
    let (merchant, app, serial, id) =
        (wechat::MERCHANT, wechat::APP_ID, keys::MERCHANT_SERIAL, keys::PUBLIC_KEY_ID);
    let _ = write!(
        text,
        r#"[channels.wechat]
merchant = "{merchant}"
app_id = "{app}"
certificate_serial = "{serial}"
private_key_file = "wechat_merchant.pem"
api_v3_key_file = "wechat_api_v3_key"
public_key_id = "{id}"
public_key_file = "wechat_public.pub"
base_url = "{url}"

"#
    );
    let (app, seller) = (alipay::APP_ID, alipay::SELLER);
    let _ = write!(
        text,
        r#"[channels.alipay]
app_id = "{app}"
seller_id = "{seller}"
private_key_file = "alipay_app.pem"
alipay_public_key_file = "alipay_platform.pub"
gateway_url = "{url}/gateway.do"

"#
    );
    let merchant = unionpay::MERCHANT;
    let _ = write!(
        text,
        r#"[channels.unionpay]
merchant = "{merchant}"
private_key_file = "unionpay_merchant.pem"
certificate_file = "unionpay_merchant.crt"
middle_certificate_files = ["unionpay_middle.crt"]
root_certificate_file = "unionpay_root.crt"
base_url = "{url}"
file_url = "{url}/file"
"#
    );
    text
}

#[cfg(test)]
mod tests {
    use lezai_channels::configured::Configured;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in keys::FILES {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let file: toml::Table = toml::from_str(&config("http://127.0.0.1:1")).unwrap();
        for name in Configured::NAMES {
            let section = toml::to_string(&file["channels"][name]).unwrap();
            match Configured::parse(name, &section).unwrap() {
                Configured::Wechat(config) => drop(config.load(folder.path()).unwrap()),
                Configured::Alipay(config) => drop(config.load(folder.path()).unwrap()),
                Configured::Unionpay(config) => drop(config.load(folder.path()).unwrap()),
            }
        }
    }
}
