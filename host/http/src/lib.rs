//! The gateway over HTTP. Every route stands here; a handler reads, asks, and answers.

#![forbid(unsafe_code)]

mod admin;
mod balances;
mod bills;
mod channels;
mod checkout;
mod description;
mod document;
mod events;
mod extract;
pub mod live;
mod openapi;
mod operations;
mod operator;
mod orders;
pub mod pages;
mod payouts;
mod plugins;
mod reference;
mod refunds;
mod reply;
pub mod request_id;
mod reviews;
mod sandbox;
mod settlements;
pub mod signed;
mod wallet;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{Any, CorsLayer};

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

/// Merchants' signed calls.
fn merchants() -> Routes {
    Router::new()
        .route("/v1/orders", post(orders::create).get(orders::list))
        .route("/v1/orders/{id}", get(orders::find))
        .route("/v1/orders/{id}/close", post(orders::close))
        .route("/v1/orders/{id}/capture", post(orders::capture))
        .route("/v1/orders/{id}/void", post(orders::void))
        .route("/v1/orders/{id}/session", post(orders::renew_session))
        .route("/v1/orders/{id}/refunds", post(refunds::create).get(refunds::of_order))
        .route("/v1/refunds", get(refunds::list))
        .route("/v1/refunds/{id}", get(refunds::find))
        .route("/v1/balances", get(balances::find))
        .route("/v1/events", get(events::list))
        .route("/v1/events/{id}", get(events::find))
        .route("/v1/events/{id}/redeliver", post(events::redeliver))
        .route("/v1/events/redeliver", post(events::redeliver_range))
        .route("/v1/events/test", post(events::test))
        .route("/v1/payouts", post(payouts::create).get(payouts::list))
        .route("/v1/payouts/{id}", get(payouts::find))
        .route("/v1/payouts/{id}/cancel", post(payouts::cancel))
        .route("/v1/settlements", get(settlements::list))
        .route("/v1/settlements/open", get(settlements::open))
        .route("/v1/settlements/{id}", get(settlements::find))
        .route("/v1/settlements/{id}/lines", get(settlements::lines))
        .route("/v1/contracts", get(settlements::contracts_of_merchant))
        .method_not_allowed_fallback(method_not_allowed)
}

/// The calls of checkout pages.
fn pages() -> Routes {
    let calls = Router::new()
        .route("/v1/checkout/sessions/{id}/open", post(checkout::open))
        .route("/v1/checkout/sessions/{id}/claim", post(checkout::claim))
        .route("/v1/checkout/sessions/{id}", get(checkout::view))
        .route("/v1/checkout/sessions/{id}/pay", post(checkout::pay))
        .route("/v1/checkout/sessions/{id}/events", get(checkout::events))
        // Before the layers, so that they go around it: a preflight (OPTIONS) is the layer's to answer.
        .method_not_allowed_fallback(method_not_allowed);
    calls.layer(cors()).layer(map_response(answers_once))
}

/// The operator's calls.
fn operator() -> Routes {
    Router::new()
        .route("/admin/v1/merchants/{id}", put(admin::put_merchant).get(admin::merchant))
        .route(
            "/admin/v1/merchants/{id}/keys/{keyid}",
            put(admin::put_key).delete(admin::remove_key),
        )
        .route("/admin/v1/merchants/{id}/webhook-secret", post(admin::rotate_secret))
        .route("/admin/v1/merchants/{id}/policy", put(admin::put_policy).get(admin::policy))
        .route(
            "/admin/v1/merchants/{id}/plugin",
            get(plugins::plugin).delete(plugins::remove_plugin),
        )
        .route("/admin/v1/merchants/{id}/plugins", post(plugins::publish).get(plugins::releases))
        .route("/admin/v1/merchants/{id}/plugins/{sequence}/promote", post(plugins::promote))
        .route("/admin/v1/merchants/{id}/plugins/{sequence}/pause", post(plugins::pause))
        .route("/admin/v1/merchants/{id}/plugins/{sequence}/rollback", post(plugins::rollback))
        .route("/admin/v1/merchants/{id}/plugins/{sequence}/differences", get(plugins::differences))
        .route(
            "/admin/v1/merchants/{id}/plugin-keys/{keyid}",
            put(plugins::put_plugin_key).delete(plugins::remove_plugin_key),
        )
        .route("/admin/v1/merchants/{id}/decisions", get(plugins::decisions))
        .route("/admin/v1/merchants/{id}/contracts", get(settlements::contracts))
        .route(
            "/admin/v1/merchants/{id}/contracts/{number}",
            put(settlements::put_contract).get(settlements::contract),
        )
        .route("/admin/v1/merchants/{id}/fees/simulate", post(settlements::simulate))
        .route("/admin/v1/merchants/{id}/settlements/open", get(settlements::open_of_merchant))
        .route("/admin/v1/merchants/{id}/settlements/close", post(settlements::close_of_merchant))
        .route(
            "/admin/v1/calendars/{name}",
            put(settlements::put_calendar).get(settlements::calendar),
        )
        .route("/admin/v1/payouts", get(payouts::of_status))
        .route("/admin/v1/payouts/{id}/decision", post(payouts::decide_payout))
        .route("/admin/v1/payouts/{id}/resume", post(payouts::resume_payout))
        .route("/admin/v1/bills", get(bills::list_bills))
        .route("/admin/v1/bills/{channel}/{date}", put(bills::put_bill))
        .route("/admin/v1/reconciliations", post(bills::reconcile).get(bills::list_reconciliations))
        .route("/admin/v1/reconciliations/{id}", get(bills::find_reconciliation))
        .route("/admin/v1/differences", get(bills::list_differences))
        .route("/admin/v1/differences/{id}", get(bills::find_difference))
        .route("/admin/v1/differences/{id}/owner", post(bills::assign_difference))
        .route("/admin/v1/differences/{id}/resolution", post(bills::resolve_difference))
        .route("/admin/v1/differences/{id}/approval", post(bills::approve_difference))
        .route("/admin/v1/reviews", get(reviews::list))
        .route("/admin/v1/orders/{id}/review", post(reviews::decide))
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
    Router::new()
        .route("/sandbox/clock", get(sandbox::clock).post(sandbox::advance_clock))
        .route("/sandbox/orders/{id}/pay", post(sandbox::pay))
        .route("/sandbox/orders/{id}/decline", post(sandbox::decline))
        .route("/sandbox/wallet/{attempt}", get(sandbox::wallet))
        .route("/sandbox/wallet/{attempt}/approve", post(sandbox::approve))
        .route("/sandbox/wallet/{attempt}/decline", post(sandbox::refuse))
        .route("/sandbox/wallet/{attempt}/simulate/{outcome}", post(sandbox::simulate))
        .route("/sandbox/wallet.css", get(sandbox::style))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(gateway), at_home))
}

/// What payment channels tell us: signed by the provider, in its own way.
fn channel_notices() -> Routes {
    Router::new()
        .route("/channels/{channel}/notify", post(channels::notify))
        .method_not_allowed_fallback(method_not_allowed)
}

/// What any website may fetch.
fn public() -> Routes {
    let files = Router::new()
        .route("/checkout/v1/", get(pages::release))
        .route("/checkout/v1/{file}", get(pages::checkout_file))
        .route("/.well-known/jwks.json", get(operations::jwks))
        .method_not_allowed_fallback(method_not_allowed);
    files.layer(cors())
}

/// What the operator's machines ask.
fn operations() -> Routes {
    Router::new()
        .route("/healthz", get(operations::alive))
        .route("/readyz", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(description::document))
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
        // Whoever asks a machine whether it lives does not know its public name.
        .merge(unguarded.method_not_allowed_fallback(method_not_allowed))
        .layer(middleware::from_fn(to_the_end))
        .layer(middleware::from_fn(told_of_rates))
        .layer(middleware::from_fn(bounded))
        .layer(middleware::from_fn_with_state(Arc::clone(gateway), signed::answers))
        .layer(middleware::from_fn_with_state(Arc::clone(gateway), measured))
        .layer(middleware::from_fn(request_id::layer))
        .with_state(Arc::clone(gateway))
}

/// Routes that answer to the gateway's own name alone.
fn at_its_address(routes: Routes, gateway: &Arc<Gateway>) -> Routes {
    routes.layer(middleware::from_fn_with_state(Arc::clone(gateway), addressed))
}

/// What was begun goes on to its end though the caller hang up, for what follows a commit must not depend on who
/// still listens.
async fn to_the_end(request: Request, next: Next) -> Response {
    let ended = request_id::as_task(request, next).await;
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

/// What changes something and is not signed is refused to the pages of other websites.
async fn at_home(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    if !request.method().is_safe() && is_foreign(&request, gateway.default_port()) {
        let detail = "a page of another website asks for this; only programs and the gateway's own pages may";
        return Reply::from(Problem::new(Code::CrossSite, detail)).into_response();
    }
    next.run(request).await
}

/// Bounds a request's header, and gives each response the fields that all of them have.
pub async fn bounded(request: Request, next: Next) -> Response {
    let fields =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let target = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    if fields.sum::<usize>() + target > MAX_HEADER {
        let detail = format!("at most {MAX_HEADER} bytes are taken");
        return Reply::from(Problem::new(Code::HeaderTooLarge, detail)).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(fixed("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(fixed("no-store"));
    response
}

async fn measured(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let begun = std::time::Instant::now();
    // A stranger's path is no label: there is no end to them.
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or("none", |it| it.as_str())
        .to_owned();
    let response = next.run(request).await;
    gateway.node.metrics.answered(route, response.status().as_u16(), begun.elapsed().as_secs_f64());
    response
}

/// Tells every caller that was counted how much is left.
async fn told_of_rates(mut request: Request, next: Next) -> Response {
    let meter = Meter::default();
    request.extensions_mut().insert(meter.clone());
    let mut response = next.run(request).await;
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

/// What a path is answered that has no such method.
pub async fn method_not_allowed() -> Reply {
    Problem::new(Code::MethodNotAllowed, "the field Allow names the methods that the path has")
        .into()
}
