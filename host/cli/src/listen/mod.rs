//! `lezai listen`: a receiver of callbacks for whoever builds one. It verifies both signatures, as
//! a merchant's server must, prints what came, passes it on to a server on this machine, and
//! notices when it is cut off from what it listens for.

mod forward;
mod line;
mod watch;

use std::collections::HashSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{StatusCode, header};
use lezai_core::webhook::Secret;
use tokio::net::TcpListener;
use tokio::sync::watch as signal;

use crate::caller::CallerArgs;
use crate::data_dir;
use lezai_base::clock;
use lezai_client::callback::{Callback, Forged, MAX_BODY, Receiver};
use lezai_connections::server;

use forward::Forward;
use watch::Watch;

/// Events that are remembered as having come; past this the memory begins anew.
const REMEMBERED: usize = 100_000;

/// Where to listen, and what to check with.
#[derive(Debug, clap::Args)]
pub struct ListenArgs {
    /// Where callbacks come in, on any path; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Pass each callback on to a server of yours, and its answer back to the gateway.
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// The merchant's webhook secret [default: demo-webhook-secret in the folder].
    #[arg(long, value_name = "FILE")]
    webhook_secret: Option<PathBuf>,
    /// Print each callback whole, as one line of JSON with personal data masked.
    #[arg(long)]
    json: bool,
    /// Do not look whether the gateway is there and what it could not deliver.
    #[arg(long)]
    no_watch: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

struct Listener {
    receiver: Receiver,
    forward: Option<Forward>,
    arrived: Arc<Arrived>,
    json: bool,
}

/// The ids of events that came.
#[derive(Default)]
struct Arrived(Mutex<HashSet<String>>);

impl Arrived {
    fn note(&self, id: &str) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= REMEMBERED {
            ids.clear();
        }
        ids.insert(id.to_owned());
    }

    fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
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
    let ListenArgs { listen, forward, webhook_secret, json, no_watch, caller } = args;
    let gateway_key = caller.gateway_key().await?;
    let secret_file = webhook_secret.unwrap_or_else(|| caller.data_dir.join("demo-webhook-secret"));
    let receiver = Receiver {
        gateway_key: gateway_key.ok_or_else(|| {
            let file = caller.data_dir.join("gateway-public.pem");
            data_dir::unreadable(&file, "name the gateway's key with --gateway-key")
        })?,
        secret: secret(&secret_file)?,
    };
    let forward = forward.as_deref().map(Forward::to).transpose()?;
    let bound =
        TcpListener::bind(listen).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(|error| {
        format!("cannot listen on {listen}: {error}; --listen 127.0.0.1:0 takes a free port")
    })?;
    let then = forward.as_ref().map(|it| format!(", passed on to {}", it.shown()));
    let then = then.unwrap_or_default();
    eprintln!("callbacks to http://{address}/ are verified and printed{then}; Ctrl-C ends");

    let arrived = Arc::new(Arrived::default());
    if !no_watch {
        // Without a key it sees whether the gateway is there, and not what it could not deliver.
        let client = if caller.can_sign() { Some(caller.client().await?) } else { None };
        let watch = Watch::of(&caller.gateway, client, Arc::clone(&arrived))?;
        tokio::spawn(watch.run());
    }
    let app = Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(Listener { receiver, forward, arrived, json }));
    let (stop, stopped) = signal::channel(false);
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = stop.send(true);
    });
    server::serve(listener, app, stopped).await;
    Ok(())
}

async fn receive(State(listener): State<Arc<Listener>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => body,
        Err(error) => {
            eprintln!("refused: {}", error.body_text());
            return error.status().into_response();
        }
    };
    let verified = listener.verify(&parts, &body);
    match &verified {
        Ok(callback) => {
            listener.arrived.note(&callback.id);
            let line = if listener.json { line::whole(&body) } else { line::short(callback) };
            // The reader may have gone; the callback was received all the same.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        Err(why) => eprintln!("refused: {why}"),
    }
    match &listener.forward {
        None if verified.is_ok() => StatusCode::NO_CONTENT.into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
        // A callback that does not verify is passed on, too: that server must refuse it by itself.
        Some(forward) => forward.pass(&parts, body, verified.is_ok()).await,
    }
}

impl Listener {
    fn verify(&self, parts: &Parts, body: &[u8]) -> Result<Callback, Forged> {
        // Any name that this machine was called by is taken: a real receiver knows its own.
        let host = parts.headers.get(header::HOST);
        let authority = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let verified = self.receiver.verify(parts, authority, body, clock::now())?;
        Ok(verified.into_content())
    }
}

fn secret(file: &Path) -> Result<Secret, String> {
    Secret::parse(&data_dir::text(file)?).map_err(|error| format!("{}: {error}", file.display()))
}
