//! Claims: which page may pay in a checkout session.
//!
//! To look at a session claims nothing: mail scanners, link previews and second windows look, too.
//! A page claims it with its first choice of a method, by proving the client secret, and from then
//! on the session answers to that page's key. A browser may lose its key, so whoever proves the
//! secret may claim anew while nobody is paying, and never while somebody is.

use crate::key::Jwk;
use crate::order::{Order, State};
use crate::time::Timestamp;

/// How many claims one session may have: as many as a shopper needs who reloads a page whose
/// browser keeps nothing. Two who press in turn reach it soon, and the last of them keeps it.
pub const MAX_CLAIMS: u32 = 10;
/// How many sessions one order may have, the first one included.
pub const MAX_SESSIONS: u32 = 20;

/// The outcome of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The page has the session already.
    Before,
    /// The page gets it: it is the first, or the one before is not paying.
    Now,
}

/// Why a page cannot claim a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Taken {
    /// The page that has it may be paying, or has paid.
    #[error("another page has the session, and the payment that it began may still succeed")]
    UnderWay,
    /// [`MAX_CLAIMS`] is reached.
    #[error("the session was claimed too many times")]
    TooOften,
}

/// Decides on a claim by a page that proved the client secret. `holder` is the key of the page that
/// has the session, and `claims` is how many claims there were.
///
/// # Errors
///
/// See [`Taken`].
pub fn claim(
    holder: Option<&Jwk>,
    page: &Jwk,
    claims: u32,
    order: &Order,
    now: Timestamp,
) -> Result<Claimed, Taken> {
    match holder {
        None => Ok(Claimed::Now),
        Some(holder) if holder == page => Ok(Claimed::Before),
        Some(_) if !order.is_idle(now) => Err(Taken::UnderWay),
        Some(_) if claims >= MAX_CLAIMS => Err(Taken::TooOften),
        Some(_) => Ok(Claimed::Now),
    }
}

/// Decides whether a page that proved the client secret may see the session, without claiming it: a
/// page that may claim it may, and everybody may see how it ended. What a shopper pays by is shown to
/// the page alone that asked for it.
///
/// # Errors
///
/// See [`Taken`].
pub fn look(
    holder: Option<&Jwk>,
    page: &Jwk,
    claims: u32,
    order: &Order,
    now: Timestamp,
) -> Result<(), Taken> {
    match order.state {
        State::Created { .. } | State::Paying { .. } => {
            claim(holder, page, claims, order, now).map(drop)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AttemptId, MerchantId, OrderId};
    use crate::key::SigningKey;
    use crate::money::{Currency, Money};
    use crate::order::{
        Attempt, Capture, CloseReason, Credential, Event, Offer, Payment, Terms, step,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn jwk(seed: u8) -> Jwk {
        let entropy = std::array::from_fn(|at| u8::try_from(at).unwrap() + seed);
        SigningKey::from_entropy(&entropy).unwrap().verifying_key().to_jwk()
    }

    fn created() -> Order {
        let yuan = Currency::from_code("CNY").unwrap();
        let terms = Terms {
            id: OrderId::new(NOW, [1; 10]),
            merchant: MerchantId::parse("m_demo").unwrap(),
            merchant_order_id: "A-1".to_owned(),
            amount: Money::new(12_800, yuan).unwrap(),
            fee: Money::zero(yuan),
            fee_basis: crate::funds::pricing::FeeBasis::default(),
            shares: Vec::new(),
            held: false,
            capture: Capture::Automatic,
            split: Default::default(),
            refund_bearer: Default::default(),
            charges: Default::default(),
            reserve: None,
            fx: None,
            mandate: None,
            contract: 0,
            description: "Jasmine tea".to_owned(),
            methods: vec!["wallet_qr".to_owned()],
            instalments: Vec::new(),
            created_at: NOW,
            expires_at: NOW.plus_secs(900),
        };
        Order::create(terms).unwrap().order
    }

    fn attempt() -> AttemptId {
        AttemptId::new(NOW, [2; 10])
    }

    fn after(events: impl IntoIterator<Item = Event>) -> Order {
        let attempt = Attempt {
            id: attempt(),
            method: "wallet_qr".to_owned(),
            channel: "sandbox".to_owned(),
            instalments: None,
            account: None,
            begun_at: None,
            by_code: false,
            routed: None,
        };
        let events = std::iter::once(Event::MethodChosen(attempt)).chain(events);
        events.fold(created(), |order, event| step(order, event, NOW).unwrap().order)
    }

    fn offer(expires_at: Option<Timestamp>) -> Event {
        let credential = Credential::Qr { qr: "https://pay.example".to_owned() };
        Event::Prepared(attempt(), Offer { credential, expires_at })
    }

    fn paid() -> Event {
        let amount = created().terms.amount;
        Event::Paid { attempt: attempt(), amount, channel_ref: "c".to_owned() }
    }

    #[test]
    fn a_session_changes_hands_while_nobody_pays() {
        let code_over = NOW.plus_secs(120);
        let declined = Event::Declined { attempt: attempt(), code: "other".to_owned() };
        let closed = step(created(), Event::CloseRequested, NOW).unwrap().order;
        let payment = Payment { attempt: attempt(), channel_ref: "c".to_owned(), at: NOW };
        let authorized = Order { state: State::Authorized { payment }, ..created() };
        assert!(matches!(closed.state, State::Closed { reason: CloseReason::Merchant, .. }));
        // The order, when, whether another page may claim it, and whether it may look.
        for (what, order, now, claims, looks) in [
            ("created", created(), NOW, true, true),
            ("asked for a code", after([]), NOW, false, false),
            ("a code that lasts", after([offer(None)]), NOW.plus_secs(899), false, false),
            ("a code", after([offer(Some(code_over))]), code_over.plus_ms(-1), false, false),
            ("a code that is over", after([offer(Some(code_over))]), code_over, true, true),
            ("declined", after([offer(None), declined]), NOW, true, true),
            ("called off", after([offer(None), Event::Cancelled(attempt())]), NOW, true, true),
            ("paid", after([offer(None), paid()]), NOW, false, true),
            ("authorised", authorized, NOW, false, true),
            ("closed", closed, NOW, false, true),
        ] {
            let (holder, other) = (jwk(1), jwk(7));
            let claimed = |holder, page, claims| claim(holder, page, claims, &order, now);
            assert_eq!(claimed(None, &other, 0), Ok(Claimed::Now), "{what}");
            assert_eq!(claimed(Some(&holder), &holder, MAX_CLAIMS), Ok(Claimed::Before), "{what}");
            let anew = if claims { Ok(Claimed::Now) } else { Err(Taken::UnderWay) };
            assert_eq!(claimed(Some(&holder), &other, MAX_CLAIMS - 1), anew, "{what}");
            let often = if claims { Taken::TooOften } else { Taken::UnderWay };
            assert_eq!(claimed(Some(&holder), &other, MAX_CLAIMS), Err(often), "{what}");
            let seen = |holder, page| look(holder, page, 1, &order, now).is_ok();
            assert_eq!(seen(Some(&holder), &other), looks, "{what}");
            assert!(seen(Some(&holder), &holder) && seen(None, &other), "{what}");
        }
    }

    #[test]
    fn who_waits_to_be_paid_may_have_a_new_session() {
        use crate::order::Refusal;
        let unpaid = |order: &Order, now| order.check_unpaid(now);
        assert_eq!(unpaid(&created(), NOW.plus_secs(899)), Ok(()));
        assert_eq!(unpaid(&after([offer(None)]), NOW), Ok(()));
        assert_eq!(unpaid(&created(), NOW.plus_secs(900)), Err(Refusal::Expired));
        let paid = after([offer(None), paid()]);
        assert_eq!(unpaid(&paid, NOW), Err(Refusal::State { status: "paid" }));
        let closed = step(created(), Event::CloseRequested, NOW).unwrap().order;
        assert_eq!(unpaid(&closed, NOW), Err(Refusal::State { status: "closed" }));
    }
}
