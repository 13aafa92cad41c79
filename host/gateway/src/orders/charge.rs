//! Payment at the counter: the till scanned the code that the shopper shows, and the merchant's server has it charged.
//!
//! The code is good once and kept nowhere. The attempt is committed before the channel hears of the code, and its id
//! follows from the request, so a request that is sent again goes on where the first one stopped: the channel knows the
//! payment by its number and charges once.

use lezai_channels::channel::{AttemptStatus, MethodKind, Prepared};
use lezai_core::id::{AttemptId, MerchantId, OrderId};
use lezai_core::order::{Attempt, Event, State};
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};
use sha2::{Digest as _, Sha256};

use super::collecting::{Chosen, choose_for_code, payment_request};
use crate::gateway::{self, Gateway, attempt_ref, not_found};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::views;

/// Charges a code. The answer is 200 once the payment is decided. Until then, such as while the shopper enters the
/// password, it is 202 and is not kept: the same request again asks the channel again. The worker asks meanwhile, too,
/// and what is not paid when the order expires is undone.
///
/// # Errors
///
/// `order_not_found`, `order_state`, `order_expired`, `too_many_attempts`, `method_unavailable`, `code_refused`.
pub async fn charge(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    code: String,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let order = OrderId::parse(id).map_err(|_| not_found())?;
    let record = gateway.record(order.clone()).await?;
    if record.order.terms.merchant != *merchant {
        return Err(not_found());
    }
    let chosen = channel_of_code(gateway, &record, &code)?;
    let candidate = &chosen.candidate;
    let attempt = Attempt {
        id: attempt_id(&record, &key),
        method: candidate.method.id.to_owned(),
        channel: candidate.channel.id().to_owned(),
        account: candidate.direct(),
        instalments: None,
        begun_at: None,
        by_code: true,
        routed: Some(chosen.routed.clone()),
    };
    let now = gateway.node.clock.now();
    let begun = {
        let (order, attempt) = (order.clone(), attempt.clone());
        key.start(&gateway.node, move |tx| {
            let record = tx.order(&order)?.ok_or_else(not_found)?;
            if record.order.attempt(&attempt.id).is_some() {
                return Ok(record);
            }
            gateway::apply(tx, &order, Event::MethodChosen(attempt), now)
        })
        .await?
    };
    let record = match begun {
        Outcome::Before(first) => return Ok(first),
        Outcome::Now(record) => record,
    };
    gateway.committed(&record);
    if is_open(&record, &attempt.id) {
        chosen.count(gateway);
        present(gateway, &record, &attempt, code).await?;
    }
    let record = gateway.record(order).await?;
    let view = views::order_with_checkout(&record, &gateway.public_url, None);
    if is_open(&record, &attempt.id) {
        return ApiResponse::json(202, &view);
    }
    if matches!(record.order.state, State::Created { .. } | State::Paying { .. }) {
        return Err(refused(&record, &attempt.id));
    }
    // A till hands the goods over at 200: an order that ended meanwhile must not look like one.
    if record.order.state.payment().is_none_or(|it| it.attempt != attempt.id) {
        let detail = "the order ended before the code was charged";
        return Err(Problem::new(Code::OrderState, detail));
    }
    key.finish(&gateway.node, ApiResponse::json(200, &view)?).await
}

/// Why a code will not pay its order. One that gave place to another is reversed, whoever pays by it.
fn refused(record: &OrderRecord, attempt: &AttemptId) -> Problem {
    let is_last = record.order.attempts.last().is_some_and(|it| it.id == *attempt);
    let reason = match &record.order.state {
        State::Created { declined: Some(declined) } if is_last => declined.code.as_str(),
        _ => "replaced",
    };
    let detail = match reason {
        "replaced" => "another try followed this code: what was paid by it goes back",
        _ => "have the shopper show a new code, and send it under a new key",
    };
    Problem::new(Code::CodeRefused, detail).with("reason", reason)
}

/// The channel that takes the code, and its method, which the order must name.
fn channel_of_code(gateway: &Gateway, record: &OrderRecord, code: &str) -> Result<Chosen, Problem> {
    choose_for_code(gateway, record, code).ok_or_else(|| {
        let detail = "no method of the order takes this code: name wechat_code, alipay_code or unionpay_code in its methods";
        Problem::new(Code::MethodUnavailable, detail).with("field", "code")
    })
}

/// The same for every repeat of the request. The merchant proved who it is, so the id need not be a secret.
fn attempt_id(record: &OrderRecord, key: &IdempotentRequest) -> AttemptId {
    let terms = &record.order.terms;
    let named = format!("charge {} {} {}", terms.id, key.key.key, key.fingerprint);
    let digest = Sha256::digest(named);
    AttemptId::new(terms.created_at, std::array::from_fn(|index| digest[index]))
}

fn is_open(record: &OrderRecord, attempt: &AttemptId) -> bool {
    matches!(&record.order.state, State::Paying { attempt: current, .. } if current == attempt)
}

/// Gives the channel the code, and applies what it says. Silence leaves the payment open: the worker asks on.
async fn present(
    gateway: &Gateway,
    record: &OrderRecord,
    attempt: &Attempt,
    code: String,
) -> Result<(), Problem> {
    let order = record.order.terms.id.clone();
    // Of the attempt as it was committed: a request that is sent again must not charge elsewhere.
    let channel = gateway.channel_of(record, &attempt.id)?;
    let account = gateway.account_of(record, &attempt.id);
    let mut request = payment_request(gateway, record, attempt, MethodKind::Code)?;
    request.code = Some(code);
    match gateway.prepare(&*channel, account.as_deref(), request).await {
        Ok(Prepared::Charging) => {}
        Ok(Prepared::Offer(_)) => {
            return Err(Problem::internal("a channel made an offer for a code"));
        }
        Ok(Prepared::Refused { code }) => {
            let refused = Event::Declined { attempt: attempt.id.clone(), code };
            return gateway.apply(order, refused).await.map(drop);
        }
        Err(error) => {
            tracing::warn!(%order, attempt = %attempt.id, %error, "a code's charge is not answered");
            return Ok(());
        }
    }
    match channel.query(&attempt_ref(record, &attempt.id)?).await {
        Ok(AttemptStatus::Unknown | AttemptStatus::Pending) => Ok(()),
        Ok(status) => gateway.apply_channel_status(order, attempt.id.clone(), status).await,
        Err(error) => {
            tracing::warn!(%order, attempt = %attempt.id, %error, "a code's charge is not known yet");
            Ok(())
        }
    }
}
