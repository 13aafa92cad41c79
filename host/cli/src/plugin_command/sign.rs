//! `lezai plugin sign`: makes a release of a component where the publisher's key is, which need not
//! be where the gateway is.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::key::SigningKey;
use lezai_core::release::{CONTRACT, Envelope, Limits, Manifest};
use serde::{Deserialize, Serialize};

use super::at::{Failed, read, text};
use crate::data_dir::DataDir;
use lezai_base::clock;

/// A release's parts beside the component.
#[derive(Debug, clap::Args)]
pub(super) struct Says {
    /// The settings that the plugin is given with each order.
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
    /// The publisher's private key, as PKCS#8 PEM [default: demo-plugins.pem in the gateway's folder].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The name that the operator registered the key under; the file's name if left out.
    #[arg(long, value_name = "NAME")]
    keyid: Option<String>,
    /// The plugin's name; the component's file name if left out.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The plugin's version.
    #[arg(long, default_value = "0.0.0", value_name = "VERSION")]
    plugin_version: String,
    /// The release's number, above that of the last one; milliseconds since 1970 if left out.
    #[arg(long, value_name = "NUMBER")]
    sequence: Option<u64>,
    /// The most memory that it may use, in bytes.
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// The most fuel for a question.
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
}

/// The arguments of `sign`.
#[derive(Debug, clap::Args)]
pub struct SignArgs {
    /// The component, such as target/artifacts/plugins/demo_rules.wasm.
    file: PathBuf,
    /// Whose it is to be.
    #[arg(long, value_name = "ID")]
    merchant: String,
    #[command(flatten)]
    says: Says,
    #[command(flatten)]
    data: DataDir,
    /// Where the release goes; FILE.release.json if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A release in a file: a manifest's bytes and the signature over them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseFile {
    pub(super) manifest: String,
    pub(super) signature: String,
}

pub(super) fn run(args: &SignArgs) -> Result<String, Failed> {
    let component = read(&args.file)?;
    let (manifest, release) = sign(&args.file, &component, &args.merchant, &args.says, &args.data)?;
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("release.json"));
    let json = serde_json::to_string_pretty(&release).unwrap_or_default();
    std::fs::write(&out, json + "\n")
        .map_err(|error| Failed::NotDone(format!("{}: {error}", out.display())))?;
    let Manifest { plugin, version, sequence, digest, .. } = manifest;
    Ok(format!(
        "release    {}\nplugin     {plugin} {version}\nsequence   {sequence}\ndigest     {digest}",
        out.display()
    ))
}

/// Signs a component as a release.
pub(super) fn sign(
    file: &Path,
    component: &[u8],
    merchant: &str,
    says: &Says,
    data: &Path,
) -> Result<(Manifest, ReleaseFile), Failed> {
    let failed = |error: &dyn std::fmt::Display| Failed::NotDone(error.to_string());
    let most = lezai_engine::Limits::default();
    let hooks = lezai_engine::hooks(component, &most)
        .map_err(|refused| Failed::Refused(format!("plugin_refused: {refused}")))?;
    let file_of_key = says.key.clone().unwrap_or_else(|| data.join("demo-plugins.pem"));
    let key = SigningKey::from_pkcs8_pem(&text(&file_of_key)?)
        .map_err(|error| Failed::NotDone(format!("{}: {error}", file_of_key.display())))?;
    let settings = says.settings.as_deref().map_or(Ok(Vec::new()), read)?;
    let now = clock::now();
    let manifest = Manifest {
        plugin: says.name.clone().unwrap_or_else(|| stem(file)),
        version: says.plugin_version.clone(),
        digest: sha256_hex(component),
        settings_digest: sha256_hex(&settings),
        contract: CONTRACT.to_owned(),
        hooks: hooks.iter().map(|hook| hook.label().to_owned()).collect(),
        limits: Limits {
            memory: says.memory.unwrap_or(most.memory as u64),
            fuel: says.fuel.unwrap_or(most.fuel),
            deadline_ms: most.deadline_ms,
        },
        merchant: MerchantId::parse(merchant).map_err(|error| failed(&error))?,
        sequence: says.sequence.unwrap_or(u64::try_from(now.as_ms()).unwrap_or(1)),
        keyid: says.keyid.clone().unwrap_or_else(|| stem(&file_of_key)),
        created_at: now,
    };
    let envelope = Envelope::seal(&manifest, &key).map_err(|error| failed(&error))?;
    let release = ReleaseFile {
        manifest: Base64::encode_string(&envelope.manifest),
        signature: Base64::encode_string(&envelope.signature),
    };
    Ok((manifest, release))
}

/// `night_owls` of `path/night_owls.wasm`.
fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
