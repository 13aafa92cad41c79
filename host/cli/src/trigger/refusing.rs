//! A server on this machine that refuses callbacks, until it is told to take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use http::StatusCode;
use tokio::net::TcpListener;

/// The server, for as long as the program runs.
pub(super) struct Refusing {
    /// Where it is.
    pub(super) url: String,
    takes: Arc<AtomicBool>,
}

impl Refusing {
    pub(super) async fn start() -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let takes = Arc::new(AtomicBool::new(false));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&takes));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url: format!("http://{address}/callbacks"), takes })
    }

    pub(super) fn take(&self) {
        self.takes.store(true, Ordering::SeqCst);
    }
}

async fn answer(State(takes): State<Arc<AtomicBool>>) -> StatusCode {
    if takes.load(Ordering::SeqCst) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}
