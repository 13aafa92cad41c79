//! A marketplace's plugin: what its sellers get, what its books say, and whom it stops.
//!
//! One basket has goods of several sellers. The marketplace's server names them in the order's
//! `metadata`, each with what its goods cost: `seller:tea-house` = `9000`. A seller gets that, less
//! the marketplace's commission; the rest stays with the marketplace, which also pays the fee.
//!
//! Settings are text, uploaded with the plugin: the commission in parts per million of what the
//! goods cost, such as `50000` for 5 %. Without settings there is none.

use lezai_plugin::{
    Assessment, Column, Money, Order, Reason, Risk, Share, Split, Statement, Verdict,
};

/// Orders of one customer in an hour before somebody looks at the next one.
const MANY_ORDERS: u32 = 5;
/// The prefix of a seller's key in the metadata.
const SELLER: &str = "seller:";

/// The plugin.
pub struct Marketplace;

lezai_plugin::export!(Marketplace: Risk, Split, Statement);

impl Risk for Marketplace {
    /// Looks at who orders again and again: a stolen card is tried until it is blocked.
    fn assess(order: Order, _settings: &[u8]) -> Result<Assessment, String> {
        let orders = order.velocity.customer.map_or(0, |it| it.hour.count);
        if orders < MANY_ORDERS {
            return Ok(Assessment { verdict: Verdict::Accept, score: 0, reasons: vec![] });
        }
        let reason = Reason {
            code: "many_orders".to_owned(),
            message: format!("The customer ordered {orders} times within an hour"),
        };
        Ok(Assessment { verdict: Verdict::Review, score: 500, reasons: vec![reason] })
    }
}

impl Split for Marketplace {
    fn divide(order: Order, _fee: Money, settings: &[u8]) -> Result<Vec<Share>, String> {
        let commission = commission(settings)?;
        let mut shares = Vec::new();
        for (seller, cost) in sellers(&order) {
            let cost: u64 = cost.parse().map_err(|_| format!("{cost} is no amount"))?;
            let part = u64::try_from(u128::from(cost) * u128::from(commission) / 1_000_000);
            let minor = cost - part.unwrap_or(cost).min(cost);
            if minor > 0 {
                shares.push(Share { receiver: seller.to_owned(), minor });
            }
        }
        Ok(shares)
    }
}

impl Statement for Marketplace {
    fn columns(order: Order, _settings: &[u8]) -> Result<Vec<Column>, String> {
        let sellers = sellers(&order).count().to_string();
        let column =
            |name: &str, value: &str| Column { name: name.to_owned(), value: value.to_owned() };
        let mut columns = vec![column("sellers", &sellers)];
        columns.extend(order.metadata("basket").map(|it| column("basket", it)));
        Ok(columns)
    }
}

/// The sellers' names, and what their goods cost, as text.
fn sellers(order: &Order) -> impl Iterator<Item = (&str, &str)> {
    order.metadata.iter().filter_map(|(key, cost)| Some((key.strip_prefix(SELLER)?, &**cost)))
}

fn commission(settings: &[u8]) -> Result<u32, String> {
    if settings.is_empty() {
        return Ok(0);
    }
    let text = std::str::from_utf8(settings).unwrap_or_default().trim();
    let ppm = text.parse().ok().filter(|ppm| *ppm <= 1_000_000);
    ppm.ok_or_else(|| "settings are no number of 0 to 1000000".to_owned())
}

#[cfg(test)]
mod tests {
    use lezai_plugin::{Tally, Windows};

    use super::*;

    fn order(metadata: &[(&str, &str)]) -> Order {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Order { metadata: metadata.iter().map(owned).collect(), ..Order::example() }
    }

    fn shares(metadata: &[(&str, &str)], settings: &str) -> Result<Vec<(String, u64)>, String> {
        let fee = Money { minor: 77, currency: "CNY".to_owned() };
        let shares = Marketplace::divide(order(metadata), fee, settings.as_bytes())?;
        Ok(shares.into_iter().map(|it| (it.receiver, it.minor)).collect())
    }

    #[test]
    fn sellers_get_what_their_goods_cost_less_the_commission() {
        let two = [("basket", "b-9"), ("seller:cup", "101"), ("seller:tea", "9000")];
        let expect = |rows: &[(&str, u64)]| {
            Ok(rows.iter().map(|(name, minor)| ((*name).to_owned(), *minor)).collect())
        };
        assert_eq!(shares(&two, ""), expect(&[("cup", 101), ("tea", 9000)]));
        assert_eq!(shares(&two, "50000"), expect(&[("cup", 96), ("tea", 8550)]));
        assert_eq!(shares(&two, "1000000"), expect(&[]));
        assert_eq!(shares(&[("basket", "b-9")], "50000"), expect(&[]));
        let most = u64::MAX.to_string();
        assert_eq!(shares(&[("seller:all", &most)], ""), expect(&[("all", u64::MAX)]));
        assert!(shares(&[("seller:tea", "-1")], "").is_err());
        assert!(shares(&two, "1000001").is_err());
    }

    #[test]
    fn who_orders_again_and_again_is_looked_at() {
        for (orders, verdict) in [(4, Verdict::Accept), (5, Verdict::Review)] {
            let mut order = Order::example();
            let hour = Tally { count: orders, sum: 0 };
            order.velocity.customer = Some(Windows { hour, ..Windows::NONE });
            assert_eq!(Marketplace::assess(order, b"").unwrap().verdict, verdict, "{orders}");
        }
        assert_eq!(Marketplace::assess(Order::example(), b"").unwrap().verdict, Verdict::Accept);
    }

    #[test]
    fn the_books_say_how_many_sellers_there_were() {
        let columns = |metadata: &[(&str, &str)]| {
            let columns = Marketplace::columns(order(metadata), b"").unwrap();
            columns.into_iter().map(|it| format!("{}={}", it.name, it.value)).collect::<Vec<_>>()
        };
        assert_eq!(columns(&[]), ["sellers=0"]);
        assert_eq!(columns(&[("basket", "b"), ("seller:a", "1")]), ["sellers=1", "basket=b"]);
    }
}
