//! `lezai plugin publish`: a component goes to a gateway, signed on the way unless it is signed.

use std::path::PathBuf;

use base64ct::{Base64, Encoding as _};
use reqwest::Method;
use serde_json::json;

use super::at::{At, Failed, read};
use super::look;
use super::sign::{self, ReleaseFile, Says};

/// The arguments of `publish`.
#[derive(Debug, clap::Args)]
pub struct PublishArgs {
    /// The component, such as target/artifacts/plugins/demo_rules.wasm.
    file: PathBuf,
    /// Let it decide the next order, with no run in the shadow first.
    #[arg(long)]
    live: bool,
    /// The release that was signed for the component; then no key is needed here.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "keyid", "name", "plugin_version", "sequence", "memory", "fuel"])]
    release: Option<PathBuf>,
    /// How many of a hundred orders it may decide otherwise, once it decides some.
    #[arg(long, value_name = "PERCENT")]
    drift: Option<u8>,
    #[command(flatten)]
    says: Says,
    /// Whose, and where.
    #[command(flatten)]
    at: At,
}

pub(super) async fn run(args: PublishArgs) -> Result<String, Failed> {
    let component = read(&args.file)?;
    let ReleaseFile { manifest, signature } = match &args.release {
        Some(file) => serde_json::from_slice(&read(file)?)
            .map_err(|error| Failed::NotDone(format!("{}: {error}", file.display())))?,
        None => {
            sign::sign(
                &args.file,
                &component,
                &args.at.merchant,
                &args.says,
                &args.at.operator.data,
            )?
            .1
        }
    };
    let mut body = json!({
        "component": Base64::encode_string(&component), "manifest": manifest, "signature": signature,
        "stage": if args.live { "live" } else { "shadow" },
    });
    if let Some(settings) = &args.says.settings {
        body["settings"] = Base64::encode_string(&read(settings)?).into();
    }
    if let Some(drift) = args.drift {
        body["drift_percent"] = drift.into();
    }
    look::shown(&args.at, &args.at.ask(Method::POST, "/plugins", Some(body.to_string())).await?)
}
