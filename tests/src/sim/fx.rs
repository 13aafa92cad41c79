//! Quotes in the simulation, orders that are settled by them, and what must hold of those.

use std::sync::Arc;

use lezai_core::money::{Currency, Money};
use lezai_core::order::{Order, RefundState};
use lezai_gateway::funds::fx::{self, NewRate};
use serde_json::{Value, json};

use super::bank::CHANNEL;
use super::merchant::What;
use super::plan::Op;
use super::random::Random;
use super::world::{Checked, Heard, World, fail};

/// The currency that everything is settled in.
pub(super) const SETTLED: &str = "CNY";
/// Those that orders are priced in, with 2, 0 and 3 decimals.
const PRICED: [&str; 3] = ["USD", "JPY", "KWD"];

/// In every third seed some orders are priced in another currency, and several want one quote. By a dice of its own:
/// what else happens is what happens without.
pub(super) fn price_elsewhere(seed: u64, ops: &mut Vec<Op>) {
    let mut random = Random::new(seed ^ 0x0066_7800);
    if !random.once_in(3) {
        return;
    }
    let mut nth = 0;
    while nth < ops.len() {
        if let Op::Create { fx, .. } = &mut ops[nth]
            && random.once_in(2)
        {
            *fx = Some(random.below(64));
            let same = ops[nth];
            if random.once_in(3) {
                ops.insert(nth + 1, same);
                nth += 1;
            }
            ops.insert(nth, Op::Quote(random.below(64)));
            nth += 1;
        }
        nth += 1;
    }
    for _ in 0..random.between(1, 4) {
        ops.insert(0, Op::Quote(random.below(64)));
    }
}

impl World<'_> {
    /// The operator puts a rate now and then, and the merchant asks for a quote.
    pub(super) fn begin_quote(&mut self, n: usize) {
        let from = PRICED[n % 3];
        if !n.is_multiple_of(5) {
            let market = match n % 3 {
                0 => self.random.between(60_000, 80_000),
                1 => self.random.between(400, 600),
                _ => self.random.between(200_000, 250_000),
            };
            // A rate may be for quite other currencies: what is nothing in one is much in another.
            let market = if n.is_multiple_of(16) { 1 + market / 100 } else { market };
            let rate = json!({
                "rate": format!("{}.{:04}", market / 10_000, market % 10_000),
                "spread_ppm": { "five_minutes": self.random.between(0, 20_000), "day": self.random.between(0, 100_000) },
                "valid_for": self.random.between(1, 604_800),
            });
            let gateway = Arc::clone(&self.gateway);
            let pair = (Currency::from_code(from).unwrap(), Currency::from_code(SETTLED).unwrap());
            self.spawn(async move {
                let new = NewRate::parse(rate.to_string().as_bytes()).unwrap();
                let _ = fx::put_rate(&gateway, pair, new).await;
                Heard::Nothing
            });
        }
        let lock = ["five_minutes", "day", "day", "hour"][n / 3 % 4];
        let body = json!({ "from_currency": from, "to_currency": SETTLED, "lock_duration": lock });
        self.request(What::Quote, &body);
    }

    /// The quote of an order, three times in four the last one: its id, and the currency that it is for.
    pub(super) fn quote_of(&self, n: usize) -> Option<(String, String)> {
        match n.is_multiple_of(4) {
            true => self.quotes.get(n % self.quotes.len().max(1)).cloned(),
            false => self.quotes.last().cloned(),
        }
    }

    pub(super) fn hear_quote(&mut self, quote: &Value) {
        let text = |name: &str| quote[name].as_str().unwrap_or_default().to_owned();
        let quote = (text("id"), text("from_currency"));
        if !self.quotes.contains(&quote) {
            self.quotes.push(quote);
        }
    }

    /// At the end: what is open of the position in a currency that is not settled lies at the bank.
    pub(super) fn position_is_at_the_bank(&self, balances: &lezai::ledger::Balances) -> Checked {
        for code in PRICED {
            let booked = |account: &str| {
                balances.get(&(account.to_owned(), code)).copied().unwrap_or_default()
            };
            let (position, bank) =
                (booked("fx_position"), booked(&format!("channel_receivable:{CHANNEL}")));
            if position + bank != 0 {
                return fail(format!("the bank has {bank} {code}, the position is {position}"));
            }
        }
        Ok(())
    }
}

/// The invariants of an order that is settled in another currency.
pub(super) fn holds(order: &Order) -> Checked {
    let (Some(fx), captured) = (&order.terms.fx, order.captured()) else { return Ok(()) };
    let (Some(value), Some(spread)) = (fx.value(captured), fx.spread(captured)) else {
        return fail(format!("{}: no number holds its value", order.terms.id));
    };
    let is_failed = |state: &RefundState| matches!(state, RefundState::Failed { .. });
    let counted = || order.refunds.iter().filter(|it| !is_failed(&it.state));
    let back: i64 = counted().map(|it| it.amount.minor()).sum();
    let taken = counted().filter_map(|it| it.converted);
    let (of_value, of_spread) = taken
        .fold((0, 0), |(value, spread), it| (value + it.value.minor(), spread + it.spread.minor()));
    // Refunds that failed took their parts of units along, so that the rest may be off by some.
    let is_exact = order.refunds.iter().all(|it| !is_failed(&it.state)) || back == captured.minor();
    let part = |whole: Money| {
        let back = Money::new(back, captured.currency()).ok()?;
        Some(whole.in_ratio(back, captured)?.minor())
    };
    let exact = (part(value), part(spread));
    let is_over = of_value > value.minor() || of_spread > spread.minor();
    if is_over || is_exact && back > 0 && exact != (Some(of_value), Some(of_spread)) {
        return fail(format!(
            "{}: {of_value} and a spread of {of_spread} were taken back for {back} of {captured}, which brought {value} and {spread}",
            order.terms.id
        ));
    }
    Ok(())
}
