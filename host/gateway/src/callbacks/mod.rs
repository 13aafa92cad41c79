//! Callbacks: signed, sent where they may go, and tried again.

pub mod egress;
mod in_flight;
pub mod receiver_test;
pub mod sender;
pub mod transport;

use std::sync::Arc;

use lezai_base::url::as_sent;
use lezai_wire::problem::{Code, Problem};
use reqwest::Url;

use crate::keys::Keys;
use crate::merchants::{Merchant, Registry};
use crate::node::Node;
use egress::EgressPolicy;
use in_flight::InFlight;
use transport::Transport;

/// Carries callbacks to merchants.
pub struct Callbacks {
    node: Arc<Node>,
    keys: Arc<Keys>,
    merchants: Arc<Registry>,
    /// Where callbacks may go.
    reach: EgressPolicy,
    transport: Box<dyn Transport>,
    in_flight: InFlight,
}

impl Callbacks {
    /// Callbacks of a node's merchants, signed with the gateway's key, over a transport.
    pub fn new(
        node: &Arc<Node>,
        keys: &Arc<Keys>,
        merchants: &Arc<Registry>,
        reach: EgressPolicy,
        transport: Box<dyn Transport>,
    ) -> Self {
        let (node, keys, merchants) = (Arc::clone(node), Arc::clone(keys), Arc::clone(merchants));
        Self { node, keys, merchants, reach, transport, in_flight: InFlight::default() }
    }

    /// An address for a merchant's callbacks, as it is sent and signed.
    ///
    /// # Errors
    ///
    /// `notify_url_refused`, and why.
    pub fn address(&self, merchant: &Merchant, url: &str) -> Result<Url, Problem> {
        let refused =
            |why: String| Problem::new(Code::NotifyUrlRefused, why).with("field", "notify_url");
        let parsed = Url::parse(url).map_err(|error| refused(error.to_string()))?;
        self.reach.judge(&parsed, merchant.hosts()).map_err(|unfit| refused(unfit.to_string()))?;
        as_sent(url, parsed).map_err(|why| refused(format!("notify_url {why}")))
    }
}
