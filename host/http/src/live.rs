//! The routes of a production gateway, on two listeners: one for shoppers and merchants, one for the operator.
//! Neither has the sandbox's calls. Before a request of the public is worked on, it is looked at whether it came
//! by TLS, whether its address was refused too often of late, and whether there is room for it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use lezai_core::time::Timestamp;
use tokio::sync::Semaphore;

use lezai_connections::server::{Arrival, Peer};
use lezai_gateway::cluster::rate::{Limit, Limiter, Meter};
use lezai_gateway::gateway::Gateway;
use lezai_wire::problem::{Code, Problem};

use super::{
    Reply, at_its_address, channel_notices, dressed, merchants, operations, operator, pages,
    public, reference_pages, shopper,
};

/// Browsers reach the gateway by TLS alone for a year after each visit (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// An address may be refused so many times its rate at once: a network of an office has many people.
const REFUSED_BURST: u32 = 10;

/// The bounds that the public listener holds callers to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Whether TLS ends at the listener; otherwise a trusted proxy ends it.
    pub ends_tls: bool,
    /// Requests that are worked on at once.
    pub in_flight: usize,
    /// Refused requests per second of one address; 0 for any number.
    pub refused_per_second: u32,
}

/// The router for shoppers and merchants.
pub fn public_router(gateway: &Arc<Gateway>, bounds: Bounds) -> Router {
    let per_second = bounds.refused_per_second;
    let burst = per_second.saturating_mul(REFUSED_BURST);
    let limit = (per_second > 0).then_some(Limit { per_second, burst });
    let guard = Arc::new(Guard {
        gateway: Arc::clone(gateway),
        ends_tls: bounds.ends_tls,
        in_flight: Semaphore::new(bounds.in_flight),
        refused: Limiter::new("refused", limit),
    });
    // The pages that a problem's `type` names are there too.
    let routes = merchants()
        .merge(pages())
        .merge(shopper())
        .merge(channel_notices())
        .merge(public())
        .merge(reference_pages());
    dressed(routes, Router::new(), gateway, |routes| {
        at_its_address(routes, gateway).layer(middleware::from_fn_with_state(guard, guarded))
    })
}

/// The router for the operator and its machines. It answers to any `Host`: who may come is a matter of the
/// listener's address and of the operator's token.
pub fn operator_router(gateway: &Arc<Gateway>) -> Router {
    let routes = operator().merge(reference_pages()).merge(operations());
    dressed(routes, Router::new(), gateway, |routes| routes)
}

struct Guard {
    gateway: Arc<Gateway>,
    ends_tls: bool,
    in_flight: Semaphore,
    refused: Limiter,
}

impl Guard {
    /// Whether a request may be worked on.
    fn admit(
        &self,
        arrival: Option<Arrival>,
        network: u128,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let by_tls = arrival.is_some_and(|it| !it.in_clear && (self.ends_tls || it.by_proxy));
        if !by_tls {
            let detail = format!(
                "this gateway is {}: TLS is ended by a proxy that it trusts, and this request came past it or without TLS",
                self.gateway.public_url
            );
            return Err(Problem::new(Code::Misdirected, detail));
        }
        match self.refused.status(network, now) {
            Some(standing) => standing.allowed(),
            None => Ok(()),
        }
    }
}

async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let arrival = request.extensions().get::<Arrival>().copied();
    let network = request.extensions().get().map_or(0, |Peer(ip)| lezai_core::ip::network(*ip));
    let meter = request.extensions().get::<Meter>().cloned().unwrap_or_default();
    if let Err(problem) = guard.admit(arrival, network, guard.gateway.node.clock.wall()) {
        return Reply::from(problem).into_response();
    }
    let Ok(_room) = guard.in_flight.try_acquire() else {
        let detail = "as many requests as there is room for are worked on";
        return Reply::from(Problem::new(Code::Overloaded, detail)).into_response();
    };
    let mut response = next.run(request).await;
    if response.status().is_client_error() && !meter.is_counted() {
        // A caller that proved who it is was counted under that.
        guard.refused.take(network, guard.gateway.node.clock.wall());
    }
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    response
}
