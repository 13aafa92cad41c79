//! Orders that are split later, in the simulation: what their merchant asks of them.

use lezai_core::id::{OrderId, SplitId};
use lezai_core::order::{Order, SplitTime};
use serde_json::json;

use super::merchant::What;
use super::plan::Op;
use super::world::World;

impl World<'_> {
    /// An order that waits to be split, seven times in eight; else any that is paid.
    fn order_to_split(&self, n: usize) -> Option<Order> {
        let all = self.orders.iter().filter_map(|it| self.read_order(&it.0));
        let all: Vec<Order> = all.collect();
        let waiting: Vec<&Order> = all.iter().filter(|it| it.waits_for_splits()).collect();
        if !n.is_multiple_of(8) && !waiting.is_empty() {
            return waiting.get(n % waiting.len()).copied().cloned();
        }
        let later: Vec<&Order> =
            all.iter().filter(|it| it.terms.split == SplitTime::Later).collect();
        later.get(n % later.len().max(1)).copied().cloned()
    }

    pub(super) fn begin_split(&mut self, op: Op) {
        let nth = self.requests.len();
        match op {
            Op::Split(n, percent, same_number) => {
                let Some(order) = self.order_to_split(n) else { return };
                // Some of what waits, for two, and sometimes more than there is.
                let whole = (order.unsplit().minor() * percent / 100).max(1);
                let part = whole * i64::try_from(n % 5).unwrap() / 5;
                let share =
                    |receiver: &str, amount: i64| json!({ "receiver": receiver, "amount": amount });
                let mut shares = vec![share("seller", whole - part)];
                if part > 0 {
                    shares.push(share(["courier", "guide"][n % 2], part));
                }
                let number = if same_number { "S-same".to_owned() } else { format!("S-{nth}") };
                let body = json!({
                    "merchant_split_id": number, "shares": shares, "finish": n.is_multiple_of(7),
                    "mode": if n.is_multiple_of(3) { "partial" } else { "all_or_nothing" },
                });
                self.request(What::Split(order.terms.id), &body);
            }
            Op::GiveBack(n, percent) => {
                let splits: Vec<(OrderId, SplitId, String, i64)> = self
                    .orders
                    .iter()
                    .filter_map(|it| self.read_order(&it.0))
                    .flat_map(|order| {
                        let shares = order.splits.iter().flat_map(|split| {
                            split.booked().map(|it| {
                                let (receiver, minor) = (it.receiver.clone(), it.amount.minor());
                                (order.terms.id.clone(), split.id.clone(), receiver, minor)
                            })
                        });
                        shares.collect::<Vec<_>>()
                    })
                    .collect();
                let Some((_, split, receiver, minor)) =
                    splits.get(n % splits.len().max(1)).cloned()
                else {
                    return;
                };
                let number =
                    if n.is_multiple_of(9) { "T-same".to_owned() } else { format!("T-{nth}") };
                let amount = (minor * percent / 100).max(1);
                let body =
                    json!({ "merchant_return_id": number, "receiver": receiver, "amount": amount });
                self.request(What::GiveBack(split), &body);
            }
            Op::FinishSplits(n) => {
                if let Some(order) = self.order_to_split(n) {
                    self.request(What::FinishSplits(order.terms.id), &json!({}));
                }
            }
            _ => {}
        }
    }
}
