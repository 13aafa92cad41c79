//! The events that may happen to an order, and the result of each.

use super::charges::OF_REVIEW;
use super::debit;
use super::reserve;
use super::split;
use super::{
    AUTHORIZATION_SECS, Attempt, Attention, Capture, Captured, CloseReason, Decline, Effect, Event,
    Evidence, MAX_ATTEMPTS, MAX_FAILED_VOIDS, MAX_REFUNDS, Moment, Notice, Offer, Order, Payment,
    Refund, RefundState, Refusal, Released, Return, Review, ReviewVerdict, Settled, Settles, State,
    Step,
};
use crate::id::{AttemptId, RefundId};
use crate::ledger::{Account, Kind};
use crate::money::Money;
use crate::time::Timestamp;

/// Applies what happened to an order. Told the same thing twice, it changes nothing the second
/// time: such a step has the version it came with.
///
/// # Errors
///
/// See [`Refusal`].
pub fn step(order: Order, event: Event, at: impl Into<Moment>) -> Result<Step, Refusal> {
    let before = order.under_review();
    let mut step = happen(order, event, at.into())?;
    let notice = match (before, step.order.under_review()) {
        (false, true) => Notice::ReviewOpened,
        (true, false) => Notice::ReviewClosed,
        _ => return Ok(step),
    };
    step.order.notices += 1;
    step.effects.push(Effect::Notify(notice));
    Ok(step)
}

/// As [`step()`], but for what is told of a review.
fn happen(order: Order, event: Event, at: Moment) -> Result<Step, Refusal> {
    let now = at.now;
    let state = order.state.clone();
    let refuse = Err(Refusal::State { status: state.status() });
    match (state, event) {
        // The shopper.
        (State::Created { .. } | State::Paying { .. }, Event::MethodChosen(attempt)) => {
            choose(order, attempt, now)
        }
        (_, Event::MethodChosen(_)) => refuse,
        (State::Paying { attempt, offer: None }, Event::Prepared(prepared, offer))
            if attempt == prepared =>
        {
            // An offer that would outlive the order ends with it.
            let expires_at = offer.expires_at.filter(|end| *end < order.terms.expires_at);
            let offer = Some(Offer { expires_at, ..offer });
            Ok(order.moved(State::Paying { attempt, offer }).step())
        }
        // Prepared before, or given up while the channel was asked.
        (_, Event::Prepared(..)) => Ok(order.step()),

        // The channel, on an attempt.
        (
            State::Created { .. } | State::Paying { .. },
            Event::Authorized { attempt, amount, channel_ref },
        ) => authorize(order, attempt, amount, channel_ref, now),
        // Heard before, or of an attempt that was given up, which the channel is told.
        (_, Event::Authorized { attempt, .. }) => order.known(&attempt).map(Order::step),

        (
            State::Created { .. } | State::Paying { .. },
            Event::Paid { attempt, amount, channel_ref },
        ) => pay(order, attempt, amount, channel_ref, at),
        (
            State::Authorized { payment } | State::Capturing { payment, .. },
            Event::Paid { attempt, amount, .. },
        ) if payment.attempt == attempt => capture(order, payment, amount, at),
        (
            State::Paid { payment, .. } | State::Voiding { payment, captured: Some(_) },
            Event::Paid { attempt, .. },
        ) if payment.attempt == attempt => Ok(order.step()),
        (State::Voided { payment, captured: Some(_), .. }, Event::Paid { attempt, .. })
            if payment.attempt == attempt =>
        {
            Ok(order.step())
        }
        (_, Event::Paid { attempt, amount, .. }) => owe_back(order, attempt, amount, now),
        (_, Event::PaidByBill { evidence: line, amount, channel_ref }) => {
            pay_by_bill(order, line, amount, channel_ref, at)
        }

        // Nobody is there to try another way.
        (State::Paying { attempt, .. }, Event::Declined { attempt: declined, code })
            if attempt == declined && order.terms.mandate.is_some() =>
        {
            Ok(debit::declined(order, code, now))
        }
        (State::Paying { attempt, .. }, Event::Cancelled(cancelled))
            if attempt == cancelled && order.terms.mandate.is_some() =>
        {
            Ok(debit::declined(order, "cancelled".to_owned(), now))
        }
        (State::Paying { attempt, .. }, Event::Declined { attempt: declined, code })
            if attempt == declined =>
        {
            Ok(order.reopened(code, now).notified(Notice::Declined))
        }
        (State::Paying { attempt, .. }, Event::Cancelled(cancelled)) if attempt == cancelled => {
            Ok(order.reopened("cancelled".to_owned(), now).notified(Notice::Declined))
        }
        // The amount is no longer set aside: the channel released it.
        (
            State::Authorized { payment }
            | State::Capturing { payment, .. }
            | State::Voiding { payment, captured: None },
            Event::Declined { attempt, .. } | Event::Cancelled(attempt),
        ) if payment.attempt == attempt => Ok(void(order, payment, None, now)),
        // Heard before, or given up for another try.
        (_, Event::Declined { attempt, .. } | Event::Cancelled(attempt)) => {
            order.known(&attempt).map(Order::step)
        }

        (State::Voiding { payment, captured }, Event::Returned(attempt))
            if payment.attempt == attempt =>
        {
            Ok(void(order, payment, captured, now))
        }
        (State::Voided { payment, .. }, Event::Returned(attempt))
            if payment.attempt == attempt && order.owed_back(&attempt).is_none() =>
        {
            Ok(order.step())
        }
        (_, Event::Returned(attempt)) => finish_return(order, &attempt),
        (State::Paid { payment, captured, .. }, Event::DebitReturned { attempt, amount, code })
            if payment.attempt == attempt =>
        {
            debit::returned(order, captured, amount, code, now)
        }
        // The order could not take it, so it was to go back anyway.
        (_, Event::DebitReturned { attempt, .. }) => finish_return(order, &attempt),

        // An order that is not paid.
        (State::Created { .. } | State::Paying { .. }, Event::CloseRequested) => {
            Ok(close(order, CloseReason::Merchant, now))
        }
        (State::Closed { .. }, Event::CloseRequested) => Ok(order.step()),
        (_, Event::CloseRequested) => refuse,
        (State::Created { .. } | State::Paying { .. }, Event::Expired) => {
            if now < order.terms.expires_at {
                return Err(Refusal::TooEarly);
            }
            Ok(close(order, CloseReason::Expired, now))
        }
        (_, Event::Expired) => Ok(order.step()),

        // An amount that is set aside.
        (State::Authorized { payment }, Event::CaptureRequested(amount)) => {
            ask_for(order, payment, amount)
        }
        (_, Event::CaptureRequested(_)) => refuse,
        (State::Capturing { payment, .. }, Event::CaptureFailed { request, .. })
            if request == order.channel_requests =>
        {
            let order = order.attended(|it| !matches!(it, Attention::Capture { .. }));
            let mut step =
                order.moved(State::Authorized { payment }).notified(Notice::CaptureFailed);
            // The time to release it may have come while the capture was under way.
            step.effects.push(Effect::Release);
            Ok(step)
        }
        // Heard before, or of a request that another one followed.
        (_, Event::CaptureFailed { .. }) => Ok(order.step()),
        (State::Authorized { payment }, Event::ReleaseDue) => {
            if now < payment.at.plus_secs(AUTHORIZATION_SECS) {
                return Err(Refusal::TooEarly);
            }
            Ok(begin_void(order, payment, None, now))
        }
        (_, Event::ReleaseDue) => Ok(order.step()),

        // A void.
        (State::Authorized { payment }, Event::VoidRequested) => {
            Ok(begin_void(order, payment, None, now))
        }
        (State::Paid { .. }, Event::VoidRequested) if order.terms.mandate.is_some() => {
            Err(Refusal::Debit)
        }
        (State::Paid { payment, captured, settled }, Event::VoidRequested) => {
            if settled.is_some() || captured.is_settled_at(now) {
                return Err(Refusal::Settled);
            }
            if order.refunds.iter().any(|it| !matches!(it.state, RefundState::Failed { .. })) {
                return Err(Refusal::Refunded);
            }
            if order.failed_voids == MAX_FAILED_VOIDS {
                return Err(Refusal::TooManyVoids);
            }
            Ok(begin_void(order, payment, Some(captured), now))
        }
        (State::Voiding { .. } | State::Voided { .. }, Event::VoidRequested) => Ok(order.step()),
        (_, Event::VoidRequested) => refuse,
        (State::Voiding { payment, captured }, Event::VoidFailed { request, .. })
            if request == order.channel_requests =>
        {
            Ok(keep(order, payment, captured))
        }
        (_, Event::VoidFailed { .. }) => Ok(order.step()),

        // Refunds.
        (
            State::Paid { captured, .. },
            Event::RefundRequested { id, merchant_refund_id, amount, reason },
        ) => {
            let refund = Refund {
                id,
                merchant_refund_id,
                amount,
                fee: Money::zero(amount.currency()),
                reason,
                from: order.owed(),
                shares: Vec::new(),
                beyond: None,
                reserve: None,
                charge: None,
                converted: None,
                state: RefundState::Pending,
                requested_at: now,
            };
            begin_refund(order, captured.amount, refund)
        }
        (_, Event::RefundRequested { id, .. }) => {
            if order.refund(&id).is_some() {
                Ok(order.step())
            } else {
                refuse
            }
        }
        (_, Event::RefundSucceeded(refund)) => refunded(order, &refund, now),
        (_, Event::RefundFailed { refund, code }) => refund_failed(order, &refund, code, now),

        // Splits.
        (_, Event::SplitRequested(new)) => split::split(order, new, now),
        (_, Event::SplitFinishRequested { after }) => {
            split::finish(order, after.as_ref(), true, now)
        }
        (_, Event::SplitTimeOver) => split::finish(order, None, false, now),
        (_, Event::ReserveDue) => reserve::release(order, now),
        (_, Event::SplitReturnRequested(new)) => split::give_back(order, new, now),

        // The clock, and people.
        (State::Paid { payment, captured, settled: None }, Event::SettlementDue) => {
            settle(order, payment, captured, at)
        }
        (_, Event::SettlementDue) => Ok(order.step()),
        (_, Event::Reviewed { .. }) if !order.terms.held => Err(Refusal::NotHeld),
        (
            State::Authorized { .. } | State::Capturing { .. } | State::Paid { .. },
            Event::Reviewed { verdict, reason, by, refund },
        ) if order.under_review() => {
            let review = Review { verdict, reason, by, at: now, released: None };
            match verdict {
                ReviewVerdict::Approved => Ok(approve(order, review)),
                ReviewVerdict::Refused => refuse_held(order, review, refund, now),
            }
        }
        (state, Event::Reviewed { verdict, .. }) => match order.reviews.last() {
            Some(last) if last.verdict == verdict => Ok(order.step()),
            Some(last) => Err(Refusal::Reviewed { verdict: last.verdict }),
            None if matches!(state, State::Paid { .. }) => Err(Refusal::NotHeld),
            None => refuse,
        },
        (_, Event::Unresolved(what)) => {
            Ok(if order.is_open(&what) { order.unresolved(what) } else { order.step() })
        }
        (_, Event::Resumed) => Ok(resume(order)),
    }
}

fn choose(mut order: Order, attempt: Attempt, now: Timestamp) -> Result<Step, Refusal> {
    if now >= order.terms.expires_at {
        return Err(Refusal::Expired);
    }
    if !order.terms.methods.contains(&attempt.method) {
        return Err(Refusal::MethodNotOffered);
    }
    if attempt.instalments.is_some_and(|plan| !order.terms.instalments.contains(&plan)) {
        return Err(Refusal::PlanNotOffered);
    }
    if order.attempt(&attempt.id).is_some() {
        return Ok(order.step());
    }
    if attempt.account.is_some() && !order.may_be_direct() {
        return Err(Refusal::NotDirect);
    }
    if order.attempts.len() == MAX_ATTEMPTS {
        return Err(Refusal::TooManyAttempts);
    }
    let mut effects = vec![Effect::Query(attempt.id.clone())];
    effects.extend(order.given_up());
    effects.extend(order.terms.mandate.iter().map(|_| Effect::Debit(attempt.id.clone())));
    let state = State::Paying { attempt: attempt.id.clone(), offer: None };
    order.attempts.push(Attempt { begun_at: Some(now), ..attempt });
    Ok(Step { effects, ..order.moved(state).step() })
}

fn authorize(
    order: Order,
    attempt: AttemptId,
    amount: Money,
    channel_ref: String,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let order = order.known(&attempt)?;
    if order.terms.capture == Capture::Automatic || order.is_reversed(&attempt) {
        // The channel does in two steps what was asked of it in one, and the second will be heard of; or it is told to
        // let go.
        return Ok(order.step());
    }
    if amount != order.terms.amount {
        let what = Attention::Amount { attempt: attempt.clone(), received: amount };
        if order.attention.contains(&what) {
            return Ok(order.step());
        }
        let current = matches!(&order.state, State::Paying { attempt: it, .. } if *it == attempt);
        let mut step = order.unresolved(what);
        if current {
            let declined = Some(Decline { code: "amount_mismatch".to_owned(), at: now });
            step.order.state = State::Created { declined };
            step.order.notices += 1;
            step.effects.push(Effect::Notify(Notice::Declined));
        }
        step.effects.push(Effect::Cancel(attempt));
        return Ok(step);
    }
    let other = order.given_up_for(&attempt);
    let order = order.attended(|it| !concerns(it, &attempt));
    let payment = Payment { attempt, channel_ref, at: now };
    let mut step = order.moved(State::Authorized { payment }).notified(Notice::Authorized);
    step.effects.push(Effect::Release);
    step.effects.extend(other);
    Ok(step)
}

fn pay(
    order: Order,
    attempt: AttemptId,
    amount: Money,
    channel_ref: String,
    at: Moment,
) -> Result<Step, Refusal> {
    let order = order.known(&attempt)?;
    if amount != order.terms.amount {
        return owe_another_amount(order, attempt, amount, at.now);
    }
    if order.is_reversed(&attempt) {
        return owe_back(order, attempt, amount, at.now);
    }
    let other = order.given_up_for(&attempt);
    let order = order.attended(|it| !concerns(it, &attempt));
    let payment = Payment { attempt, channel_ref, at: at.now };
    let mut step = become_paid(order, payment, amount, at);
    step.effects.extend(other);
    Ok(step)
}

fn capture(order: Order, payment: Payment, amount: Money, at: Moment) -> Result<Step, Refusal> {
    let attempt = payment.attempt.clone();
    if amount.minor() == 0 || order.terms.amount.checked_sub(amount).is_none() {
        // More than was set aside is not ours to take.
        return owe_another_amount(order, attempt, amount, at.now);
    }
    let asked = match &order.state {
        State::Capturing { amount, .. } => *amount,
        _ => order.terms.amount,
    };
    let order = order.attended(|it| !concerns(it, &attempt));
    let mut step = become_paid(order, payment, amount, at);
    if amount != asked {
        // The amount captured is booked as it is; a person must see that another was asked for.
        step.order.attention.push(Attention::Amount { attempt, received: amount });
        step.order.notices += 1;
        step.effects.push(Effect::Notify(Notice::NeedsAttention));
    }
    Ok(step)
}

fn become_paid(order: Order, payment: Payment, amount: Money, at: Moment) -> Step {
    let captured = Captured { amount, at: at.now, settles: at.settles };
    let order = order.moved(State::Paid { payment, captured, settled: None });
    let entry = order.payment(&captured);
    let mut step = order.notified(Notice::Paid);
    step.entry = entry;
    step.effects.extend(step.order.settles());
    step.effects.extend(step.order.watches());
    step
}

/// The channel speaks of another amount than the order's. What came goes back whole, the order can
/// be tried again while its time lasts, and a person is told.
fn owe_another_amount(
    order: Order,
    attempt: AttemptId,
    amount: Money,
    now: Timestamp,
) -> Result<Step, Refusal> {
    if order.owed_back(&attempt).is_some() {
        return Ok(order.step());
    }
    let current = match &order.state {
        State::Paying { attempt: it, .. } => *it == attempt,
        State::Authorized { .. } | State::Capturing { .. } => true,
        _ => false,
    };
    let mut step = owe_back(order, attempt.clone(), amount, now)?;
    if current {
        let declined = Some(Decline { code: "amount_mismatch".to_owned(), at: now });
        step.order.state = State::Created { declined };
        step.order.notices += 1;
        step.effects.extend([Effect::Notify(Notice::Declined), Effect::Expire]);
    }
    step.order.attention.push(Attention::Amount { attempt, received: amount });
    step.order.notices += 1;
    step.effects.push(Effect::Notify(Notice::NeedsAttention));
    Ok(step)
}

/// A payment that a bill's line tells of, and that the channel confirms: as any other, and the line is kept if it is
/// this that books it.
fn pay_by_bill(
    order: Order,
    evidence: Evidence,
    amount: Money,
    channel_ref: String,
    at: Moment,
) -> Result<Step, Refusal> {
    let attempt = evidence.attempt.clone();
    let mut step = happen(order, Event::Paid { attempt, amount, channel_ref }, at)?;
    if step.entry.is_some() {
        step.order.evidence.push(evidence);
    }
    Ok(step)
}

/// Money that the order cannot take goes back whole, whatever the amount.
fn owe_back(
    order: Order,
    attempt: AttemptId,
    amount: Money,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let mut order = order.known(&attempt)?;
    if order.owed_back(&attempt).is_some() {
        return Ok(order.step());
    }
    let owed = Return { attempt: attempt.clone(), amount, done: false, since: Some(now) };
    let entry = order.unexpected(&owed);
    order.returns.push(owed);
    Ok(Step { entry, effects: vec![Effect::Return(attempt)], ..order.changed().step() })
}

fn finish_return(mut order: Order, attempt: &AttemptId) -> Result<Step, Refusal> {
    let Some(owed) = order.returns.iter_mut().find(|it| it.attempt == *attempt) else {
        return Err(Refusal::UnknownAttempt);
    };
    if owed.done {
        return Ok(order.step());
    }
    owed.done = true;
    let owed = owed.clone();
    let entry = order.returned(&owed);
    let order =
        order.attended(|it| !matches!(it, Attention::Return { attempt: it } if it == attempt));
    Ok(Step { entry, ..order.changed().notified(Notice::Returned) })
}

fn close(order: Order, reason: CloseReason, now: Timestamp) -> Step {
    let former = order.given_up();
    let closed = State::Closed { reason, closed_at: now, declined: None };
    let mut step = order.moved(closed).notified(Notice::Closed);
    step.effects.extend(former);
    step
}

fn ask_for(mut order: Order, payment: Payment, amount: Option<Money>) -> Result<Step, Refusal> {
    let available = order.terms.amount;
    let amount = amount.unwrap_or(available);
    check_currency(amount, available)?;
    if available.checked_sub(amount).is_none() {
        return Err(Refusal::CaptureTooLarge { available });
    }
    let attempt = payment.attempt.clone();
    order.channel_requests += 1;
    let mut step = order.moved(State::Capturing { payment, amount }).step();
    step.effects.push(Effect::Capture(attempt));
    Ok(step)
}

fn begin_void(
    mut order: Order,
    payment: Payment,
    captured: Option<Captured>,
    now: Timestamp,
) -> Step {
    let attempt = payment.attempt.clone();
    order.channel_requests += 1;
    order.void_requested_at = Some(now);
    let order = order.moved(State::Voiding { payment, captured });
    let nth = order.failed_voids;
    let entry = captured.and_then(|captured| order.void(Kind::VoidRequest, &captured, nth));
    Step { entry, effects: vec![Effect::Void(attempt)], ..order.step() }
}

fn void(order: Order, payment: Payment, captured: Option<Captured>, now: Timestamp) -> Step {
    let order =
        order.attended(|it| !matches!(it, Attention::Void { .. } | Attention::Capture { .. }));
    let order = order.moved(State::Voided { payment, captured, voided_at: now });
    let nth = order.failed_voids;
    let entry = captured.and_then(|captured| order.void(Kind::Void, &captured, nth));
    Step { entry, ..order.notified(Notice::Voided) }
}

/// A void that was refused leaves the payment as it was.
fn keep(order: Order, payment: Payment, captured: Option<Captured>) -> Step {
    let nth = order.failed_voids;
    let entry = captured.and_then(|captured| order.void(Kind::VoidFailure, &captured, nth));
    let mut order = order.attended(|it| !matches!(it, Attention::Void { .. }));
    // While the void was under way the order's own time may have come, and gone unheard.
    let (state, again) = match captured {
        Some(captured) => {
            order.failed_voids += 1;
            (State::Paid { payment, captured, settled: None }, order.settles())
        }
        None => (State::Authorized { payment }, Some(Effect::Release)),
    };
    let mut step = order.moved(state).notified(Notice::VoidFailed);
    step.entry = entry;
    step.effects.extend(again);
    step
}

fn begin_refund(mut order: Order, captured: Money, refund: Refund) -> Result<Step, Refusal> {
    if order.refund(&refund.id).is_some() {
        return Ok(order.step());
    }
    if order.debit_return.is_some() {
        return Err(Refusal::DebitReturned);
    }
    check_currency(refund.amount, captured)?;
    let available = order.refundable();
    if available.checked_sub(refund.amount).is_none() {
        return Err(Refusal::RefundTooLarge { available });
    }
    if order.refunds.len() == MAX_REFUNDS {
        return Err(Refusal::TooManyRefunds);
    }
    let mut refund = Refund { converted: order.converted_back(captured, refund.amount), ..refund };
    refund.fee = order.fee_given_back(captured, &refund).unwrap_or(order.terms.nothing());
    let net = refund.value().checked_sub(refund.fee);
    refund.shares = net.and_then(|net| order.borne_by_others(net)).unwrap_or_default();
    refund.reserve = order.reserve_for(&refund);
    if matches!(refund.from, Account::MerchantFrozen(_)) {
        let left = refund.taken_where_it_lay();
        let beyond = left.and_then(|left| left.checked_sub(order.unsplit()));
        refund.beyond = beyond.filter(|it| it.minor() > 0);
    }
    refund.charge = order.refund_charge(&refund);
    let entry = order.refund_entry(Kind::RefundRequest, &refund);
    // Never absent of a payment that came to us, as `sums.rs` holds; should it be, no money moves without it.
    if entry.is_none() && order.direct().is_none() {
        return Err(Refusal::RefundTooLarge { available });
    }
    let effects = vec![Effect::Refund(refund.id.clone())];
    order.refunds.push(refund);
    Ok(Step { entry, effects, ..order.changed().step() })
}

fn refunded(mut order: Order, id: &RefundId, now: Timestamp) -> Result<Step, Refusal> {
    let refund = order.refund_mut(id)?;
    match refund.state {
        RefundState::Pending => {}
        RefundState::Succeeded { .. } => return Ok(order.step()),
        RefundState::Failed { .. } => {
            return Ok(order.unresolved(Attention::Contradiction { refund: id.clone() }));
        }
    }
    refund.state = RefundState::Succeeded { at: now };
    let refund = refund.clone();
    let entry = order.refund_entry(Kind::Refund, &refund);
    let order = order.attended(|it| !matches!(it, Attention::Refund { refund } if refund == id));
    Ok(Step { entry, ..order.changed().notified(Notice::RefundSucceeded(id.clone())) })
}

fn refund_failed(
    mut order: Order,
    id: &RefundId,
    code: String,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let to = order.owed();
    let refund = order.refund(id).ok_or(Refusal::UnknownRefund)?;
    if refund.state != RefundState::Pending {
        return Ok(order.step());
    }
    let kept = order.kept_of(refund).filter(|_| order.waits_for_reserve());
    // Another node's clock, or a turn that was waited for: it did not fail before what was committed before.
    let at = order.not_before_reserve(now);
    let refund = order.refund_mut(id)?;
    refund.state = RefundState::Failed { code, at, to, kept };
    let refund = refund.clone();
    let entry = order.refund_entry(Kind::RefundFailure, &refund);
    let order = order.attended(|it| !matches!(it, Attention::Refund { refund } if refund == id));
    Ok(Step { entry, ..order.changed().notified(Notice::RefundFailed(id.clone())) })
}

fn settle(order: Order, payment: Payment, captured: Captured, at: Moment) -> Result<Step, Refusal> {
    if order.direct().is_some() || order.debit_return.is_some() {
        return Ok(order.step());
    }
    let Some(settles_at) = captured.settles_at() else {
        return Ok(learn_when_it_settles(order, payment, captured, at.settles));
    };
    let now = at.now;
    if now < settles_at {
        return Err(Refusal::TooEarly);
    }
    // A held payment stays held until a person has looked.
    let held = order.terms.held && order.approved().is_none();
    let net = order.net(captured.amount).filter(|_| !held);
    let Some((amount, shares)) = net.and_then(|net| order.divided(net)) else {
        return Ok(order.step());
    };
    let mut settled = Settled { amount, shares, charge: None, at: now };
    settled.charge = order.charge_of_settlement(&settled);
    let mut order = order;
    let kept = order.keep_back(&settled);
    let entry = order.settlement(&settled);
    let state = State::Paid { payment, captured, settled: Some(settled) };
    let order = order.moved(state);
    let mut effects = split::effects_of_settlement(&order);
    effects.extend(kept);
    Ok(Step { entry, effects, ..order.step() })
}

/// Nobody could say at the capture when it is settled. By now somebody may: it is then tried anew.
fn learn_when_it_settles(
    order: Order,
    payment: Payment,
    captured: Captured,
    settles: Settles,
) -> Step {
    if settles == Settles::NotKnown {
        return order.step();
    }
    let captured = Captured { settles, ..captured };
    let order = order.moved(State::Paid { payment, captured, settled: None });
    Step { effects: vec![Effect::Settle], ..order.step() }
}

/// The held amount is owed like any other payment, and settles like any other.
fn approve(mut order: Order, review: Review) -> Step {
    let State::Paid { captured, .. } = &order.state else {
        // Nothing came yet; what comes is not held.
        order.reviews.push(review);
        return order.changed().step();
    };
    // The net of a paid order is never absent, as `sums.rs` holds.
    let amount = order.net(captured.amount).unwrap_or(order.terms.nothing());
    let released = Some(Released { amount, failed_voids: order.failed_voids });
    let entry = order.hold_release(amount);
    order.reviews.push(Review { released, ..review });
    let effects = order.settles().into_iter().collect();
    Step { entry, effects, ..order.changed().step() }
}

/// The held amount goes back to the shopper: by a void while there can be one, and then by a refund
/// of all that is left, under a number of its own.
fn refuse_held(
    mut order: Order,
    review: Review,
    refund: RefundId,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let reason = review.reason.clone();
    match order.state.clone() {
        State::Authorized { payment } => {
            // A void of what was never captured is not counted; what was decided of it is kept.
            if order.reviews.len() >= MAX_FAILED_VOIDS as usize {
                return Err(Refusal::TooManyVoids);
            }
            order.reviews.push(review);
            Ok(begin_void(order, payment, None, now))
        }
        // Heard before.
        State::Paid { .. } if order.refund(&refund).is_some() => Ok(order.step()),
        State::Paid { payment, captured, .. } => {
            let counts = |it: &Refund| !matches!(it.state, RefundState::Failed { .. });
            order.reviews.push(review);
            if order.terms.mandate.is_none()
                && !captured.is_settled_at(now)
                && order.failed_voids < MAX_FAILED_VOIDS
                && !order.refunds.iter().any(counts)
            {
                return Ok(begin_void(order, payment, Some(captured), now));
            }
            let amount = order.refundable();
            let refund = Refund {
                merchant_refund_id: format!("{OF_REVIEW}{refund}"),
                id: refund,
                amount,
                fee: Money::zero(amount.currency()),
                reason: Some(reason),
                from: order.owed(),
                shares: Vec::new(),
                beyond: None,
                reserve: None,
                charge: None,
                converted: None,
                state: RefundState::Pending,
                requested_at: now,
            };
            begin_refund(order, captured.amount, refund)
        }
        // A capture is under way: how much is held is not known yet.
        state => Err(Refusal::State { status: state.status() }),
    }
}

/// Tries every operation still open again from the start; drops the items about the past.
fn resume(order: Order) -> Step {
    // A debit may never have been heard of: the same number keeps it from being a second one.
    let debits = order.attention.iter().filter_map(|it| match (it, &order.state) {
        (Attention::Payment { attempt }, State::Paying { attempt: current, .. })
            if order.terms.mandate.is_some() && attempt == current =>
        {
            Some(Effect::Debit(attempt.clone()))
        }
        _ => None,
    });
    let again = order.attention.iter().filter_map(|it| match it {
        Attention::Payment { attempt } => Some(Effect::Query(attempt.clone())),
        Attention::Return { attempt } => Some(Effect::Return(attempt.clone())),
        Attention::Capture { attempt } => Some(Effect::Capture(attempt.clone())),
        Attention::Void { attempt } => Some(Effect::Void(attempt.clone())),
        Attention::Refund { refund } => Some(Effect::Refund(refund.clone())),
        Attention::Amount { .. } | Attention::Contradiction { .. } => None,
    });
    let effects: Vec<Effect> = debits.chain(again).collect();
    if order.attention.is_empty() {
        return order.step();
    }
    Step { effects, ..order.attended(|_| false).changed().step() }
}

fn check_currency(amount: Money, expected: Money) -> Result<(), Refusal> {
    if amount.currency() != expected.currency() {
        return Err(Refusal::Currency { expected: expected.currency().code() });
    }
    if amount.minor() == 0 {
        return Err(Refusal::Nothing);
    }
    Ok(())
}

/// Whether the channel's silence on this attempt is what a person was to look at.
fn concerns(attention: &Attention, attempt: &AttemptId) -> bool {
    matches!(
        attention,
        Attention::Payment { attempt: it } | Attention::Capture { attempt: it } if it == attempt
    )
}

impl Order {
    pub(super) fn changed(mut self) -> Self {
        self.version += 1;
        self
    }

    pub(super) fn moved(self, state: State) -> Self {
        Self { state, ..self.changed() }
    }

    pub(super) fn step(self) -> Step {
        Step { order: self, entry: None, effects: Vec::new() }
    }

    pub(super) fn notified(mut self, notice: Notice) -> Step {
        self.notices += 1;
        Step { order: self, entry: None, effects: vec![Effect::Notify(notice)] }
    }

    fn known(self, attempt: &AttemptId) -> Result<Self, Refusal> {
        if self.attempt(attempt).is_some() { Ok(self) } else { Err(Refusal::UnknownAttempt) }
    }

    fn refund_mut(&mut self, id: &RefundId) -> Result<&mut Refund, Refusal> {
        self.refunds.iter_mut().find(|it| it.id == *id).ok_or(Refusal::UnknownRefund)
    }

    fn owed_back(&self, attempt: &AttemptId) -> Option<&Return> {
        self.returns.iter().find(|it| it.attempt == *attempt)
    }

    /// A payment is settled at its time, unless it came to the merchant's own account.
    fn settles(&self) -> Option<Effect> {
        self.direct().is_none().then_some(Effect::Settle)
    }

    /// The try under way is over, another may follow.
    fn reopened(self, code: String, now: Timestamp) -> Self {
        self.moved(State::Created { declined: Some(Decline { code, at: now }) })
    }

    /// The try under way is called off.
    fn given_up(&self) -> Option<Effect> {
        match &self.state {
            State::Paying { attempt, .. } => Some(Effect::Cancel(attempt.clone())),
            _ => None,
        }
    }

    /// Whether the channel was told to undo this attempt, or will be: one by a code that is not under way any more.
    fn is_reversed(&self, attempt: &AttemptId) -> bool {
        let current = matches!(&self.state, State::Paying { attempt: it, .. } if it == attempt);
        !current && self.attempt(attempt).is_some_and(|it| it.by_code)
    }

    /// As [`Order::given_up`], unless it is this one.
    fn given_up_for(&self, attempt: &AttemptId) -> Option<Effect> {
        self.given_up().filter(|it| *it != Effect::Cancel(attempt.clone()))
    }

    pub(super) fn attended(mut self, open: impl FnMut(&Attention) -> bool) -> Self {
        self.attention.retain(open);
        self
    }

    /// Whether what a channel was asked about still waits for its word.
    fn is_open(&self, what: &Attention) -> bool {
        match what {
            Attention::Payment { attempt } => {
                self.state.payment().is_none_or(|payment| payment.attempt != *attempt)
                    && self.owed_back(attempt).is_none()
            }
            Attention::Return { attempt } => self.owed_back(attempt).is_some_and(|it| !it.done),
            Attention::Capture { .. } => matches!(self.state, State::Capturing { .. }),
            Attention::Void { .. } => matches!(self.state, State::Voiding { .. }),
            Attention::Refund { refund } => {
                self.refund(refund).is_some_and(|it| it.state == RefundState::Pending)
            }
            Attention::Amount { .. } | Attention::Contradiction { .. } => true,
        }
    }

    /// Something that a person must look at, once.
    pub(super) fn unresolved(mut self, what: Attention) -> Step {
        if self.attention.contains(&what) {
            return self.step();
        }
        self.attention.push(what);
        self.changed().notified(Notice::NeedsAttention)
    }
}
