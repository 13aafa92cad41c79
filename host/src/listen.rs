//! `lezai listen`: a receiver of callbacks for whoever builds one. It verifies both signatures, as
//! a merchant's server must, and prints what came.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use http::{StatusCode, header};
use lezai_core::key::VerifyingKey;
use lezai_core::mask;
use lezai_core::webhook::Secret;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client::callback::{Callback, MAX_BODY, Receiver};
use crate::clock;
use crate::http::server;

/// Where to listen, and what to check with.
#[derive(Debug, clap::Args)]
pub struct ListenArgs {
    /// Where callbacks come in, on any path; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The gateway's folder, where the keys are looked for.
    #[arg(long, default_value = ".lezai", value_name = "DIR")]
    data_dir: PathBuf,
    /// The gateway's public key [default: gateway-public.pem in the folder].
    #[arg(long, value_name = "FILE")]
    gateway_key: Option<PathBuf>,
    /// The merchant's webhook secret [default: demo-webhook-secret in the folder].
    #[arg(long, value_name = "FILE")]
    webhook_secret: Option<PathBuf>,
    /// Print each callback whole, as one line of JSON with personal data masked.
    #[arg(long)]
    json: bool,
}

struct Listener {
    receiver: Receiver,
    json: bool,
}

/// Receives until it is told to stop (Ctrl-C). The exit code is 2 if it cannot begin.
pub async fn run(args: ListenArgs) -> ExitCode {
    match listen(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

async fn listen(args: ListenArgs) -> Result<(), String> {
    let ListenArgs { listen, data_dir, gateway_key, webhook_secret, json } = args;
    let key_file = gateway_key.unwrap_or_else(|| data_dir.join("gateway-public.pem"));
    let secret_file = webhook_secret.unwrap_or_else(|| data_dir.join("demo-webhook-secret"));
    let receiver = Receiver {
        gateway_key: read(&key_file, VerifyingKey::from_spki_pem)?,
        secret: read(&secret_file, Secret::parse)?,
    };
    let bound =
        TcpListener::bind(listen).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) =
        bound.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    eprintln!("callbacks to http://{address}/ are verified and printed; Ctrl-C ends");

    let app = Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(Listener { receiver, json }));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = stop.send(true);
    });
    server::serve(listener, app, stopped).await;
    Ok(())
}

async fn receive(State(listener): State<Arc<Listener>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => body,
        Err(error) => {
            eprintln!("refused: {}", error.body_text());
            return error.status();
        }
    };
    // Whatever name this machine was called by is taken: a real receiver knows its own.
    let authority =
        parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match listener.receiver.verify(&parts, authority, &body, clock::now()) {
        Ok(verified) => {
            let line = if listener.json { whole(&body) } else { short(verified.content()) };
            // Whoever reads may have gone; the callback was received all the same.
            let _ = writeln!(std::io::stdout(), "{line}");
            StatusCode::NO_CONTENT
        }
        Err(why) => {
            eprintln!("refused: {why}");
            StatusCode::UNAUTHORIZED
        }
    }
}

fn short(callback: &Callback) -> String {
    let Callback { id, event_type, sequence, data } = callback;
    let now = clock::rfc3339(clock::now());
    let Some(order) = &data.order else { return format!("{now} {event_type:<16} ({id})") };
    format!(
        "{now} {event_type:<16} {} {} {} {} {} (#{sequence} {id})",
        order.id, order.merchant_order_id, order.amount, order.currency, order.status
    )
}

/// The callback's own JSON in one line, with what may tell of a person masked.
fn whole(body: &[u8]) -> String {
    let mut callback: Value = serde_json::from_slice(body).unwrap_or_default();
    let order = &mut callback["data"]["order"];
    for personal in ["metadata", "customer"] {
        mask_all(&mut order[personal]);
    }
    // A query may carry a token.
    if let Some(Value::String(url)) = order.get_mut("return_url")
        && let Some((address, _)) = url.split_once('?')
    {
        *url = format!("{address}?…");
    }
    callback.to_string()
}

fn mask_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask::name(text),
        Value::Array(values) => values.iter_mut().for_each(mask_all),
        Value::Object(members) => members.values_mut().for_each(mask_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn read<T, E: std::fmt::Display>(
    file: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    parse(text.trim()).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","type":"order.paid","sequence":1,"data":{"order":{"id":"ord_1","merchant_order_id":"A-1",
        "status":"paid","amount":12800,"currency":"CNY","metadata":{"table":"张小三"},"return_url":"https://shop.example/?t=secret"}}}"#;

    #[test]
    fn what_may_tell_of_a_person_is_masked() {
        let line = whole(BODY.as_bytes());
        assert!(
            line.contains("张*三")
                && line.contains("https://shop.example/?…")
                && line.contains("12800"),
            "{line}"
        );
        assert!(
            !line.contains("张小三") && !line.contains("secret") && !line.contains('\n'),
            "{line}"
        );
    }

    #[test]
    fn a_line_says_what_happened() {
        let line = short(&serde_json::from_str(BODY).unwrap());
        assert!(line.ends_with("order.paid       ord_1 A-1 12800 CNY paid (#1 evt_1)"), "{line}");
    }
}
