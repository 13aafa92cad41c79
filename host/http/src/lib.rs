//! The gateway over HTTP. Each file has the calls of one subject, with route, shapes, codes and handler
//! together; here they are put together. A handler reads, asks, and answers.

#![forbid(unsafe_code)]

mod accounts;
mod admin;
mod attempts;
mod balances;
mod bill_layouts;
mod bills;
mod channel_page;
mod channels;
mod checkout;
mod description;
mod document;
mod events;
mod extract;
mod fx;
mod fx_shapes;
pub mod live;
mod mandate_shapes;
mod mandates;
mod openapi;
mod operations;
mod operator;
mod orders;
pub mod pages;
mod part;
mod payout_batches;
mod payout_shapes;
mod payouts;
mod plugins;
mod receivers;
mod reference;
mod refunds;
mod reply;
pub mod request_id;
mod reviews;
mod sandbox;
mod sandbox_mandates;
mod settlements;
pub mod signed;
mod split_shapes;
mod splits;
mod statements;
mod traces;
mod wallet;
mod wallet_mandate;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{Any, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

use lezai_connections::origin::{authority, is_foreign};
use lezai_gateway::cluster::rate::Meter;
use lezai_gateway::gateway::Gateway;
use lezai_wire::problem::{Code, Problem};

pub use description::text as description;
pub use reply::Reply;

/// Past this a header is refused: the longest request of ours takes a fifth of it.
pub const MAX_HEADER: usize = 16 * 1024;

/// Everything the gateway answers to, on one listener.
pub fn router(gateway: &Arc<Gateway>) -> Router {
    let addressed_routes = Router::new()
        .merge(merchants())
        .merge(pages())
        .merge(operator())
        .merge(shopper())
        .merge(reference_pages())
        .merge(sandbox_calls(gateway))
        .merge(channel_notices())
        .merge(public());
    dressed(addressed_routes, operations(), gateway, |routes| at_its_address(routes, gateway))
}

type Routes = Router<Arc<Gateway>>;
/// Calls of the API: a route, and what the document says of it, in one.
type Calls = OpenApiRouter<Arc<Gateway>>;

/// Every call of the API, for its document.
fn calls() -> Calls {
    merchant_calls()
        .merge(checkout::calls())
        .merge(operator_calls())
        .merge(sandbox::calls())
        .merge(sandbox_mandates::calls())
        .merge(operations::calls())
        .merge(operations::public_calls())
}

fn merchant_calls() -> Calls {
    orders::calls()
        .merge(refunds::calls())
        .merge(balances::calls())
        .merge(events::calls())
        .merge(fx::calls())
        .merge(receivers::calls())
        .merge(splits::calls())
        .merge(mandates::calls())
        .merge(payouts::calls())
        .merge(payout_batches::calls())
        .merge(settlements::calls())
        .merge(statements::calls())
}

fn operator_calls() -> Calls {
    admin::calls()
        .merge(accounts::calls())
        .merge(plugins::calls())
        .merge(settlements::operator_calls())
        .merge(fx::operator_calls())
        .merge(payouts::operator_calls())
        .merge(payout_batches::operator_calls())
        .merge(bills::calls())
        .merge(bill_layouts::calls())
        .merge(reviews::calls())
        .merge(attempts::calls())
}

/// Merchants' signed calls.
fn merchants() -> Routes {
    Router::from(merchant_calls()).method_not_allowed_fallback(method_not_allowed)
}

/// The calls of checkout pages.
fn pages() -> Routes {
    // Before the layers, so that they go around it: a preflight (OPTIONS) is the layer's to answer.
    let calls = Router::from(checkout::calls()).method_not_allowed_fallback(method_not_allowed);
    calls.layer(cors()).layer(map_response(answers_once))
}

/// The operator's calls.
fn operator() -> Routes {
    operator_calls().into()
}

/// The hosted page.
fn shopper() -> Routes {
    Router::new().route("/pay/{session}", get(pages::hosted))
}

/// The description of the API for people.
fn reference_pages() -> Routes {
    Router::new()
        .route("/reference", get(reference::page))
        .route("/reference.css", get(reference::style))
        .route("/reference.js", get(reference::script))
}

/// The sandbox's calls: unsigned, so done for programs and our own pages alone.
fn sandbox_calls(gateway: &Arc<Gateway>) -> Routes {
    Router::from(sandbox::calls().merge(sandbox_mandates::calls()))
        .route("/sandbox/mandates/{mandate}", get(sandbox_mandates::page))
        .route("/sandbox/mandates/{mandate}/page/{act}", post(sandbox_mandates::by_page))
        .route("/sandbox/wallet/{attempt}", get(sandbox::wallet))
        .route("/sandbox/wallet/{attempt}/approve", post(sandbox::approve))
        .route("/sandbox/wallet/{attempt}/decline", post(sandbox::refuse))
        .route("/sandbox/wallet/{attempt}/simulate/{outcome}", post(sandbox::simulate))
        .route("/sandbox/wallet.css", get(sandbox::style))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(gateway), at_home))
}

/// The routes for payment channels' callbacks, signed by the provider in its own way, and to its page and back.
fn channel_notices() -> Routes {
    Router::new()
        .route("/channels/{channel}/notify", post(channels::notify))
        .route("/channels/{channel}/notify/{merchant}/{version}", post(channels::notify_account))
        .route("/channels/{channel}/page", get(channel_page::leave))
        .route("/channels/{channel}/page/{merchant}/{version}", get(channel_page::leave_account))
        .route("/channels/{channel}/return", post(channel_page::come_back))
        .route(
            "/channels/{channel}/return/{merchant}/{version}",
            post(channel_page::come_back_account),
        )
        .method_not_allowed_fallback(method_not_allowed)
}

/// The routes that any website may fetch.
fn public() -> Routes {
    let files = Router::from(operations::public_calls())
        .route("/checkout/v1/", get(pages::release))
        .route("/checkout/v1/{file}", get(pages::checkout_file))
        .method_not_allowed_fallback(method_not_allowed);
    files.layer(cors())
}

/// The routes for the operator's machines.
fn operations() -> Routes {
    Router::from(operations::calls()).route("/openapi.json", get(description::document))
}

/// Routes with what goes around all of them. `guard` goes around the first, and around what is answered where
/// there is no route; `unguarded` are the others.
fn dressed(
    guarded: Routes,
    unguarded: Routes,
    gateway: &Arc<Gateway>,
    guard: impl FnOnce(Routes) -> Routes,
) -> Router {
    let routes = guarded.method_not_allowed_fallback(method_not_allowed).fallback(nothing_here);
    guard(routes)
        // A probe that asks whether a machine lives does not know its public name.
        .merge(unguarded.method_not_allowed_fallback(method_not_allowed))
        .layer(middleware::from_fn_with_state(Arc::clone(gateway), around))
        .with_state(Arc::clone(gateway))
}

/// Routes that answer to the gateway's own name alone.
fn at_its_address(routes: Routes, gateway: &Arc<Gateway>) -> Routes {
    routes.layer(middleware::from_fn_with_state(Arc::clone(gateway), addressed))
}

/// The functions around every route, from the outside in, as one layer: each layer of a router costs a copy of the
/// routes in it and a future in a box.
async fn around(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let (traced_by, gateway) = (Arc::clone(&gateway), &*gateway);
    let mut response = request_id::named(request, |request| {
        measured(gateway, request, |request| {
            signed::answers(gateway, request, |request| {
                within_bounds(request, |request| {
                    told_of_rates(request, |request| {
                        to_the_end(traces::traced(traced_by, request, next))
                    })
                })
            })
        })
    })
    .await;
    if gateway.readiness.is_draining() {
        // A proxy that keeps its connections would send the next request as this one is closed.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Runs a request to its end even if the caller hangs up, for what follows a commit must not depend on who
/// still listens.
async fn to_the_end(work: impl Future<Output = Response> + Send + 'static) -> Response {
    let ended = request_id::as_task(work).await;
    ended.unwrap_or_else(|| Reply::from(Problem::internal("a handler panicked")).into_response())
}

/// Any website may embed the checkout: what its calls may do hangs on the page's key, and no
/// cookie is ever sent.
fn cors() -> CorsLayer {
    let field = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            field("content-digest"),
            field("idempotency-key"),
            field("signature"),
            field("signature-input"),
        ])
        .expose_headers([
            field("content-digest"),
            field("idempotency-hit"),
            field("ratelimit"),
            field("ratelimit-policy"),
            field("request-id"),
            field("signature"),
            field("signature-input"),
            header::RETRY_AFTER,
        ])
        .max_age(Duration::from_secs(7200))
}

/// An answer is for the request that it answers, by its signature. `no-store` says so to caches, but not
/// to a service worker's: that one does not keep, or never gives back, what varies by everything.
async fn answers_once(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("*"));
    response
}

/// A request for another host is not for us: neither a signature made for another gateway nor a
/// page that was led here by DNS (rebinding) gets further.
pub async fn addressed(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    match authority(&request, gateway.default_port()) {
        Some(authority) if gateway.authorities.contains(&authority) => next.run(request).await,
        _ => {
            let detail = format!("this gateway is {}", gateway.public_url);
            Reply::from(Problem::new(Code::Misdirected, detail)).into_response()
        }
    }
}

/// A change that is not signed is refused to the pages of other websites.
async fn at_home(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    if !request.method().is_safe() && is_foreign(&request, gateway.default_port()) {
        let detail = "a page of another website asks for this; only programs and the gateway's own pages may";
        return Reply::from(Problem::new(Code::CrossSite, detail)).into_response();
    }
    next.run(request).await
}

/// Bounds a request's header, and gives each response the fields that all of them have.
pub async fn bounded(request: Request, next: Next) -> Response {
    within_bounds(request, |request| next.run(request)).await
}

async fn within_bounds<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let fields =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let target = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    if fields.sum::<usize>() + target > MAX_HEADER {
        let detail = format!("at most {MAX_HEADER} bytes are taken");
        return Reply::from(Problem::new(Code::HeaderTooLarge, detail)).into_response();
    }
    let mut response = next(request).await;
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(fixed("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(fixed("no-store"));
    response
}

async fn measured<F: Future<Output = Response>>(
    gateway: &Gateway,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let begun = std::time::Instant::now();
    // A stranger's path is no label: there is no end to them.
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or("none", |it| it.as_str())
        .to_owned();
    let response = next(request).await;
    let trace = response.extensions().get::<traces::TraceId>().map(|it| it.0.clone());
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    gateway.node.metrics.answered(route, status, seconds, trace);
    response
}

/// Tells every caller that was counted how much is left.
async fn told_of_rates<F: Future<Output = Response>>(
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let meter = Meter::default();
    request.extensions_mut().insert(meter.clone());
    let mut response = next(request).await;
    for (name, value) in meter.fields().into_iter().flatten() {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn nothing_here() -> Reply {
    Problem::new(Code::NotFound, "see /openapi.json for what there is").into()
}

/// The response of a path that has no such method.
pub async fn method_not_allowed() -> Reply {
    Problem::new(Code::MethodNotAllowed, "the field Allow names the methods that the path has")
        .into()
}
