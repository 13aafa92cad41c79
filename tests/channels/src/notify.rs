//! Sends callbacks, and again while they are not taken.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::locked;

/// The pauses between tries. The providers' are minutes and hours.
const PAUSES_MS: [u64; 5] = [50, 200, 800, 2_000, 4_000];

/// A callback, ready.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Where to.
    pub url: String,
    /// The header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The outcome of a callback.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Where it went.
    pub url: String,
    /// The status of each try; 0 for none.
    pub statuses: Vec<u16>,
    /// Whether it was taken.
    pub taken: bool,
}

/// Sends callbacks.
#[derive(Clone, Debug)]
pub struct Notifier {
    client: Option<reqwest::Client>,
    sent: Arc<Mutex<Vec<Delivered>>>,
}

impl Notifier {
    pub(crate) fn new() -> Self {
        // The TLS library wants to be told its cryptography even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
        Self { client: client.ok(), sent: Arc::default() }
    }

    /// The callbacks sent so far.
    pub fn sent(&self) -> Vec<Delivered> {
        locked(&self.sent).clone()
    }

    /// Sends a callback until it is taken: `make` makes each try anew, so that a wrong signature is
    /// followed by a right one. `is_taken` reads the status and the body.
    pub fn send(
        &self,
        make: impl Fn(usize) -> Callback + Send + 'static,
        is_taken: fn(u16, &[u8]) -> bool,
    ) {
        let Some(client) = self.client.clone() else { return };
        let sent = Arc::clone(&self.sent);
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            let mut taken = false;
            let mut url = String::new();
            for (number, pause) in PAUSES_MS.iter().enumerate() {
                let Callback { url: to, headers, body } = make(number);
                let mut request = client.post(&to).body(body);
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                url = to;
                let answer = request.send().await;
                match answer {
                    Ok(answer) => {
                        let status = answer.status().as_u16();
                        statuses.push(status);
                        taken = is_taken(status, &answer.bytes().await.unwrap_or_default());
                    }
                    Err(_) => statuses.push(0),
                }
                if taken {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(*pause)).await;
            }
            locked(&sent).push(Delivered { url, statuses, taken });
        });
    }
}
