//! Rates of the market, put by the operator, and merchants' quotes by them.
//!
//! A quote is used by the order that names it, in the commit that makes that: `orders::fx`.

use lezai_core::funds::fx::{BadMarketRate, FxRefusal, Lock, MarketRate, Quote, Rate, Spreads};
use lezai_core::id::{FxQuoteId, MerchantId};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use lezai_store as store;
use lezai_store::{Page, Scope, StoreError, Tx};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;

/// How long a quote is kept that nobody used, once it is over: a week, for questions about it.
pub const KEPT_SECS: i64 = 7 * 86_400;

/// A merchant's wish for a quote.
#[derive(Clone, Copy, Debug)]
pub struct NewQuote {
    /// The currency that the shopper pays.
    pub from: Currency,
    /// The currency that is settled.
    pub to: Currency,
    /// How long its rate is fixed.
    pub lock: Lock,
}

impl NewQuote {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let quote = Self {
            from: body.required("from_currency", currency)?,
            to: body.required("to_currency", currency)?,
            lock: body.required("lock_duration", |field| field.one_of(&Lock::ALL))?,
        };
        body.finish()?;
        Ok(quote)
    }
}

/// A rate as the operator puts it.
#[derive(Clone, Debug)]
pub struct NewRate {
    /// As many of the settled currency for one that is paid.
    pub rate: Rate,
    /// The spread of each lock that is offered.
    pub spreads: Spreads,
    /// How long it is good, in seconds.
    pub valid_secs: i64,
    /// Where it is from.
    pub source: String,
}

impl NewRate {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let rate = Self {
            rate: body.required("rate", |field| field.parsed(1..=16, Rate::parse))?,
            spreads: body.required("spread_ppm", spreads)?,
            valid_secs: body.required("valid_for", |field| {
                field.integer(1..=lezai_core::funds::fx::MAX_RATE_SECS)
            })?,
            source: body
                .optional("source", |field| field.text(1..=64))?
                .unwrap_or_else(|| "operator".to_owned()),
        };
        body.finish()?;
        Ok(rate)
    }
}

fn currency(field: Field) -> Result<Currency, Invalid> {
    field.parsed(3..=3, Currency::from_code)
}

fn spreads(field: Field) -> Result<Spreads, Invalid> {
    let mut it = field.object()?;
    let ppm = |field: Field| {
        let ppm = field.integer(0..=lezai_core::funds::fx::MAX_SPREAD_PPM.into())?;
        Ok(u32::try_from(ppm).unwrap_or_default())
    };
    let spreads = Spreads {
        five_minutes: it.optional("five_minutes", ppm)?,
        hour: it.optional("hour", ppm)?,
        day: it.optional("day", ppm)?,
    };
    it.finish()?;
    Ok(spreads)
}

/// A quote.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FxQuoteView {
    /// `fxq_…`
    pub id: String,
    /// Always `fx_quote`.
    pub object: &'static str,
    /// `active`, `used` by an order, or `expired`.
    pub status: &'static str,
    /// The currency that the shopper pays. ISO 4217.
    pub from_currency: &'static str,
    /// The currency that is settled. ISO 4217.
    pub to_currency: &'static str,
    /// How long the rate is fixed: `five_minutes`, `hour` or `day`.
    pub lock_duration: &'static str,
    /// As many of `to_currency` as the merchant gets for one of `from_currency`: an exact decimal.
    pub exchange_rate: String,
    /// The market's rate: an exact decimal.
    pub base_rate: String,
    /// The gateway's part of that, in parts per million.
    pub spread_ppm: u32,
    /// Where the market's rate is from.
    pub rate_source: String,
    /// When that was put. RFC 3339.
    pub rate_at: String,
    /// RFC 3339.
    pub created_at: String,
    /// Until when an order can use it. RFC 3339.
    pub expires_at: String,
    /// The order that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub order_id: Option<String>,
}

/// The view of a quote.
pub fn view(quote: &Quote, now: Timestamp) -> FxQuoteView {
    FxQuoteView {
        id: quote.id.to_string(),
        object: "fx_quote",
        status: quote.status(now),
        from_currency: quote.from.code(),
        to_currency: quote.to.code(),
        lock_duration: quote.lock.as_str(),
        exchange_rate: quote.rate().to_string(),
        base_rate: quote.base_rate.to_string(),
        spread_ppm: quote.spread_ppm,
        rate_source: quote.source.clone(),
        rate_at: rfc3339(quote.rate_at),
        created_at: rfc3339(quote.created_at),
        expires_at: rfc3339(quote.expires_at),
        order_id: quote.used.as_ref().map(|it| it.order.to_string()),
    }
}

/// The spread of each lock that is offered, in parts per million.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SpreadsView {
    /// Of five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub five_minutes: Option<u32>,
    /// Of an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub hour: Option<u32>,
    /// Of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub day: Option<u32>,
}

/// A rate of the market.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FxRateView {
    /// Always `fx_rate`.
    pub object: &'static str,
    /// The currency that shoppers pay. ISO 4217.
    pub from_currency: &'static str,
    /// The currency that is settled. ISO 4217.
    pub to_currency: &'static str,
    /// As many of `to_currency` for one of `from_currency`: an exact decimal.
    pub rate: String,
    /// The spread of each lock that is offered.
    pub spread_ppm: SpreadsView,
    /// Where it is from.
    pub source: String,
    /// When it was put. RFC 3339.
    pub put_at: String,
    /// From when on it is stale. RFC 3339.
    pub valid_until: String,
    /// Whether it is.
    pub stale: bool,
}

fn rate_view(it: &MarketRate, now: Timestamp) -> FxRateView {
    let Spreads { five_minutes, hour, day } = it.spreads;
    FxRateView {
        object: "fx_rate",
        from_currency: it.from.code(),
        to_currency: it.to.code(),
        rate: it.rate.to_string(),
        spread_ppm: SpreadsView { five_minutes, hour, day },
        source: it.source.clone(),
        put_at: rfc3339(it.at),
        valid_until: rfc3339(it.valid_until),
        stale: now >= it.valid_until,
    }
}

/// Fixes a rate for a merchant, once for its idempotency key.
///
/// # Errors
///
/// `fx_rate_missing`, `fx_rate_stale`, `fx_lock_not_offered`.
pub async fn quote(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewQuote,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let now = gateway.node.clock.now();
    let id = FxQuoteId::new(now, gateway.node.entropy.bytes());
    let merchant = merchant.clone();
    let NewQuote { from, to, lock } = new;
    let of_source = gateway.rate_source.as_ref().and_then(|it| it.rate(from, to, now));
    let done = key.commit(&gateway.node, move |tx| {
        let market = rate(tx, (from, to), of_source, now)?;
        let quote = Quote::offer(id, merchant, &market, lock, now)?;
        tx.insert_fx_quote(&quote)?;
        Ok((ApiResponse::json(201, &view(&quote, now))?, ()))
    });
    match done.await? {
        Outcome::Before(first) | Outcome::Now((first, ())) => Ok(first),
    }
}

/// The rate to quote by. What the operator put goes before a source's, as long as it is good.
fn rate(
    tx: &dyn Tx,
    (from, to): (Currency, Currency),
    of_source: Option<MarketRate>,
    now: Timestamp,
) -> Result<MarketRate, Problem> {
    let put = tx.fx_rate(from, to)?;
    match (put, of_source) {
        (Some(put), Some(source)) => Ok(if now < put.valid_until { put } else { source }),
        (Some(it), None) | (None, Some(it)) => Ok(it),
        (None, None) => Err(FxRefusal::NoRate { from, to }.into()),
    }
}

/// The merchant's quote with this id.
///
/// # Errors
///
/// `fx_quote_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<FxQuoteView, Problem> {
    let unknown = || {
        let detail = "there is no such quote among the merchant's";
        Problem::new(Code::FxQuoteNotFound, detail)
    };
    let id = FxQuoteId::parse(id).map_err(|_| unknown())?;
    let found = store::read_of(&gateway.node.store, merchant, move |view| view.fx_quote(&id));
    let quote = found.await?.filter(|it| it.merchant == *merchant).ok_or_else(unknown)?;
    Ok(view(&quote, gateway.node.clock.now()))
}

/// A page of the merchant's quotes.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    page: Page<FxQuoteId>,
) -> Result<List<FxQuoteView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (limit, now, of) = (page.limit, gateway.node.clock.now(), merchant.clone());
    let found =
        store::read_of(&gateway.node.store, merchant, move |view| view.fx_quotes(&of, &page));
    let found = found.await?.iter().map(|it| view(it, now)).collect();
    Ok(List::new(found, limit, |it: &FxQuoteView| it.id.clone()))
}

/// Puts a rate of the market; it takes the place of the one before. The same once more is good for as long again.
///
/// # Errors
///
/// `invalid_field` for what is no rate.
pub async fn put_rate(
    gateway: &Gateway,
    (from, to): (Currency, Currency),
    new: NewRate,
) -> Result<FxRateView, Problem> {
    let now = gateway.node.clock.now();
    let NewRate { rate, spreads, valid_secs, source } = new;
    let valid_until = now.plus_secs(valid_secs);
    let put = MarketRate { from, to, rate, spreads, source, at: now, valid_until };
    put.check().map_err(|bad| {
        let field = match bad {
            BadMarketRate::SameCurrency => "to",
            BadMarketRate::NoLock | BadMarketRate::Spread => "spread_ppm",
            BadMarketRate::Life => "valid_for",
        };
        Problem::new(Code::InvalidField, bad.to_string()).with("field", field)
    })?;
    let view = rate_view(&put, now);
    let written = store::write(&gateway.node.store, Scope::Gateway, move |tx| tx.put_fx_rate(&put));
    written.await.map_err(|error: StoreError| Problem::from(error))?;
    Ok(view)
}

/// Every rate that the operator put, by the currencies' codes.
///
/// # Errors
///
/// `internal`.
pub async fn rates(gateway: &Gateway) -> Result<List<FxRateView>, Problem> {
    let now = gateway.node.clock.now();
    let found = store::read(&gateway.node.store, |view| view.fx_rates()).await?;
    Ok(List::whole(found.iter().map(|it| rate_view(it, now)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_for_a_quote_is_read_strictly() {
        let read = |body: &str| match NewQuote::parse(body.as_bytes()) {
            Ok(it) => format!("{} {} {}", it.from, it.to, it.lock.as_str()),
            Err(invalid) => format!("{}: {}", invalid.field, invalid.detail),
        };
        for (body, expected) in [
            (
                r#"{"from_currency":"USD","to_currency":"CNY","lock_duration":"hour"}"#,
                "USD CNY hour",
            ),
            (
                r#"{"from_currency":"USD","to_currency":"CNY","lock_duration":"week"}"#,
                "lock_duration: lock_duration must be one of five_minutes, hour, day",
            ),
            (
                r#"{"from_currency":"USD","to_currency":"CNY"}"#,
                "lock_duration: lock_duration is required",
            ),
            (
                r#"{"from_currency":"USD","lock_duration":"hour"}"#,
                "to_currency: to_currency is required",
            ),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }

    #[test]
    fn a_rate_is_read_strictly_and_is_no_number() {
        let read = |body: &str| match NewRate::parse(body.as_bytes()) {
            Ok(it) => format!("{} {:?} {} {}", it.rate, it.spreads.hour, it.valid_secs, it.source),
            Err(invalid) => invalid.field,
        };
        for (body, expected) in [
            (
                r#"{"rate":"7.10","spread_ppm":{"hour":3000},"valid_for":60}"#,
                "7.1 Some(3000) 60 operator",
            ),
            (
                r#"{"rate":"7.1","spread_ppm":{},"valid_for":60,"source":"desk"}"#,
                "7.1 None 60 desk",
            ),
            (r#"{"rate":7.1,"spread_ppm":{"hour":3000},"valid_for":60}"#, "rate"),
            (r#"{"rate":"1e1","spread_ppm":{"hour":3000},"valid_for":60}"#, "rate"),
            (r#"{"rate":"7.1","spread_ppm":{"hour":100001},"valid_for":60}"#, "spread_ppm.hour"),
            (r#"{"rate":"7.1","spread_ppm":{"week":1},"valid_for":60}"#, "spread_ppm.week"),
            (r#"{"rate":"7.1","spread_ppm":{"hour":3000},"valid_for":0}"#, "valid_for"),
            (r#"{"rate":"7.1","spread_ppm":{"hour":3000},"valid_for":604801}"#, "valid_for"),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }
}
