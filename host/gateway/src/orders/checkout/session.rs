//! A checkout session as its page sees it: what it may pay, how, and the gateway's signed word on that.

use lezai_core::grant::{Confirmation, Grant, MAX_LIFE_SECS};
use lezai_core::key::VerifyingKey;
use lezai_core::order::{Credential, Offer, Order, State};
use lezai_core::time::Timestamp;
use serde_json::json;

use crate::gateway::Gateway;
use crate::keys::GatewayKey;
use crate::orders::collecting;
use crate::views;
use lezai_channels::channel::{Method, MethodKind};
use lezai_store::{Claim, MerchantRecord, OrderRecord};
use lezai_wire::problem::Problem;
use lezai_wire::time::rfc3339;
use lezai_wire::views::{
    AccentView, CredentialView, LogoView, MerchantView, MethodView, SessionView,
};

/// A session for the page with this claim.
///
/// # Errors
///
/// [`Problem`] with code `internal`, should the page's key or the grant not encode.
pub(super) fn view(
    gateway: &Gateway,
    record: &OrderRecord,
    claim: &Claim,
    key: &GatewayKey,
    now: Timestamp,
) -> Result<SessionView, Problem> {
    let OrderRecord { order, details, session } = record;
    let terms = &order.terms;
    let merchants = gateway.merchants.current();
    let merchant = merchants
        .get(&terms.merchant)
        .ok_or_else(|| Problem::internal("the order's merchant is gone"))?;
    let grant = grant(gateway, record, claim, now)?;
    Ok(SessionView {
        object: "checkout.session",
        session: session.to_string(),
        version: order.version,
        server_time: rfc3339(now),
        now: rfc3339(gateway.node.clock.now()),
        claimed: true,
        status: views::page_status(&order.state),
        amount: terms.amount.minor(),
        currency: terms.amount.currency().code(),
        exponent: terms.amount.currency().exponent(),
        description: terms.description.clone(),
        merchant: shown_merchant(&merchant.record),
        merchant_order_id: terms.merchant_order_id.clone(),
        expires_at: rfc3339(terms.expires_at),
        return_url: details.return_url.clone(),
        methods: methods(gateway, record),
        payment: payment(order),
        declined: views::decline(&order.state),
        close_reason: views::close_reason(&order.state),
        paid_at: views::paid_at(&order.state),
        grant: grant.sign(&key.native).map_err(Problem::internal)?,
        gateway_key: key.jwk.clone(),
    })
}

/// The gateway's word on what the page with this claim may pay, and where it stands.
fn grant(
    gateway: &Gateway,
    OrderRecord { order, session, .. }: &OrderRecord,
    claim: &Claim,
    now: Timestamp,
) -> Result<Grant, Problem> {
    let terms = &order.terms;
    let page_key = VerifyingKey::from_jwk(&claim.key).map_err(Problem::internal)?;
    Ok(Grant {
        iss: gateway.public_url.clone(),
        session: session.clone(),
        order: terms.id.clone(),
        merchant: terms.merchant.clone(),
        amount: terms.amount.minor(),
        currency: terms.amount.currency(),
        methods: terms.methods.clone(),
        origin: claim.origin.clone(),
        cnf: Confirmation { jkt: page_key.thumbprint() },
        iat: now.as_secs(),
        exp: now.as_secs() + MAX_LIFE_SECS,
    })
}

/// The methods that a page may offer now. A till's method is no choice of a page's, and a channel that is down is
/// not offered, unless there is no other.
fn methods(gateway: &Gateway, record: &OrderRecord) -> Vec<MethodView> {
    let terms = &record.order.terms;
    let known = terms.methods.iter().filter_map(|id| gateway.method(&terms.merchant, id));
    let open = known.filter(|it| it.kind != MethodKind::Code).filter_map(|it| {
        // One that the merchant was closed since, or that nothing takes any more, is not shown.
        Some((it, collecting::is_up(gateway, record, it.id)?))
    });
    let open: Vec<_> = open.collect();
    let all: Vec<_> = open.iter().map(|(it, _)| *it).collect();
    let up: Vec<_> = open.iter().filter(|(_, is_up)| *is_up).map(|(it, _)| *it).collect();
    let offered = if up.is_empty() { all } else { up };
    let view = |method: &Method| MethodView {
        id: method.id.to_owned(),
        kind: method.kind.as_str(),
        instalments: match method.instalments {
            true => views::plans(&terms.instalments, terms.amount),
            false => Vec::new(),
        },
    };
    offered.into_iter().map(view).collect()
}

/// The payment that is under way, with what its page needs to let the shopper pay.
fn payment(order: &Order) -> Option<CredentialView> {
    let State::Paying { attempt, offer } = &order.state else { return None };
    let attempt = order.attempt(attempt)?;
    let (credential, end) = match offer.clone() {
        Some(Offer { credential, expires_at }) => (Some(credential), expires_at),
        None => (None, None),
    };
    let mut view = CredentialView {
        method: attempt.method.clone(),
        kind: credential.as_ref().map(|it| MethodKind::of(it).as_str()),
        qr: None,
        redirect_url: None,
        parameters: None,
        instalments: views::instalments(attempt.instalments, order.terms.amount),
        expires_at: rfc3339(end.unwrap_or(order.terms.expires_at)),
    };
    match credential {
        Some(Credential::Qr { qr }) => view.qr = Some(qr),
        Some(Credential::Redirect { redirect_url }) => view.redirect_url = Some(redirect_url),
        Some(app) => view.parameters = parameters(app),
        None => {}
    }
    Some(view)
}

/// The parameters that open a platform's own cashier, in that platform's words.
fn parameters(credential: Credential) -> Option<serde_json::Value> {
    match credential {
        Credential::WechatJsapi { app_id, time_stamp, nonce_str, package, sign_type, pay_sign } => {
            Some(json!({
                "appId": app_id, "timeStamp": time_stamp, "nonceStr": nonce_str, "package": package,
                "signType": sign_type, "paySign": pay_sign,
            }))
        }
        Credential::AlipayMini { trade_no } => Some(json!({ "tradeNO": trade_no })),
        Credential::DouyinMini { order_id, order_token } => {
            let order = json!({ "order_id": order_id, "order_token": order_token });
            // 5 is the platform's own cashier.
            Some(json!({ "orderInfo": order, "service": 5 }))
        }
        Credential::Qr { .. } | Credential::Redirect { .. } => None,
    }
}

fn shown_merchant(MerchantRecord { id, name, brand, .. }: &MerchantRecord) -> MerchantView {
    MerchantView {
        id: id.to_string(),
        name: name.clone(),
        logo: brand.logo.as_ref().map(|logo| LogoView {
            path: format!("/checkout/v1/{}", logo.file_name(id)),
            integrity: logo.integrity(),
        }),
        accent: brand.accent.map(|accent| AccentView {
            light: accent.on_light().to_string(),
            dark: accent.on_dark().to_string(),
        }),
        support: brand.support.clone(),
    }
}
