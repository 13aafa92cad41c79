//! The quote of an order that is settled in another currency: found before anybody decides on the order, and used in
//! the commit that makes it.
//!
//! The core says what it is worth, and whether it can be used. That it is used once is the commit's to hold.

use lezai_core::funds::fx::{FxRefusal, Quote};
use lezai_core::id::MerchantId;
use lezai_core::order::Terms;
use lezai_core::time::Timestamp;

use crate::gateway::Gateway;
use lezai_store as store;
use lezai_store::Tx;
use lezai_wire::order_request::NewOrder;
use lezai_wire::problem::{Code, Problem};

/// The quote that an order names, if it can be used for it now.
///
/// # Errors
///
/// `fx_quote_not_found`, `fx_quote_used`, `fx_quote_expired`, `fx_amount_out_of_range`; `currency_mismatch` if the
/// order is in another currency.
pub(super) async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: &NewOrder,
    now: Timestamp,
) -> Result<Option<Quote>, Problem> {
    let Some(id) = new.fx_quote.clone() else { return Ok(None) };
    let found = store::read_of(&gateway.node.store, merchant, move |view| view.fx_quote(&id));
    let quote = found.await?.filter(|it| it.merchant == *merchant).ok_or_else(unknown)?;
    quote.check(new.amount, now).map_err(at_fault)?;
    Ok(Some(quote))
}

/// The terms of an order that is settled by a quote, and the quote, used by it. Who began to pay while the rate was
/// fixed may finish; nobody begins after.
///
/// # Errors
///
/// `fx_amount_out_of_range`, and what the quote refuses.
pub(super) fn agree(terms: Terms, quote: Option<Quote>) -> Result<(Terms, Option<Quote>), Problem> {
    let Some(quote) = quote else { return Ok((terms, None)) };
    let expires_at = terms.expires_at.min(quote.expires_at);
    let too_much = || at_fault(FxRefusal::Amount { to: quote.to });
    let terms = terms.settled_by(quote.conversion()).ok_or_else(too_much)?;
    let used = quote.used_by(terms.id.clone(), terms.created_at).map_err(at_fault)?;
    Ok((Terms { expires_at, ..terms }, Some(used)))
}

/// Uses the quote, in the commit that makes its order.
///
/// # Errors
///
/// `fx_quote_used` if another order was faster.
pub(super) fn take(tx: &dyn Tx, quote: &Quote) -> Result<(), Problem> {
    if tx.use_fx_quote(quote)? {
        return Ok(());
    }
    let found = tx.fx_quote(&quote.id)?.and_then(|it| it.used).ok_or_else(unknown)?;
    Err(at_fault(FxRefusal::Used { order: found.order }))
}

/// Names the field, but where the order's own are at fault.
fn at_fault(refusal: FxRefusal) -> Problem {
    let is_of_quote = matches!(refusal, FxRefusal::Used { .. } | FxRefusal::Expired);
    let problem = Problem::from(refusal);
    if is_of_quote { problem.with("field", "fx_quote") } else { problem }
}

fn unknown() -> Problem {
    let detail = "there is no such quote among the merchant's";
    Problem::new(Code::FxQuoteNotFound, detail).with("field", "fx_quote")
}
