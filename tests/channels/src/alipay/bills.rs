//! The file of a bill.

use crate::fault::What;
use crate::server::{Incoming, Outgoing};
use crate::{Simulators, bill, locked, time};

use super::{Books, PROVIDER};

/// The file of a bill.
pub fn download(simulators: &Simulators, request: &Incoming) -> Outgoing {
    let path = request.path().trim_start_matches("/_bills/").trim_end_matches(".zip");
    let (kind, day) = path.split_once('/').unwrap_or_default();
    let mut lines = lines_of(&locked(&simulators.alipay.books), day);
    let cut = match simulators.faults.take(PROVIDER, "bill_file") {
        Some(What::CutBefore) => return Outgoing::Cut,
        Some(What::Garbage) => return Outgoing::text(200, "text/html", "<html>502</html>"),
        Some(What::Refused) => return Outgoing::text(403, "text/html", "<html>403</html>"),
        Some(What::Never) => return Outgoing::Never,
        Some(What::Truncated) => Some(bill::Cut::Zip),
        Some(What::TruncatedInside) => Some(bill::Cut::Text),
        Some(What::WrongDay) => {
            lines.iter_mut().for_each(|line| line.move_by(-2 * 86_400));
            None
        }
        _ => None,
    };
    let bill = match kind {
        "signcustomer" => bill::alipay_funds(day, &lines, cut),
        _ => bill::alipay(day, &lines, cut),
    };
    Outgoing::text(200, "application/zip", bill)
}

/// All that moved on a day, in Beijing.
pub(super) fn lines_of(books: &Books, day: &str) -> Vec<bill::Line> {
    let is_of = |at: Option<i64>| at.map(time::day).as_deref() == Some(day);
    let paid = books
        .trades
        .values()
        .filter(|it| is_of(it.paid_at))
        .map(|it| bill::Line::payment(it.paid_at, &it.number, Some(&it.trade_no), it.total));
    let refunded = books.refunds.values().filter(|it| is_of(it.done_at)).filter_map(|it| {
        let trade = books.trades.get(&it.trade)?;
        Some(bill::Line::refund(
            it.done_at,
            &trade.number,
            Some(&trade.trade_no),
            trade.total,
            &it.number,
            &it.number,
            it.amount,
        ))
    });
    paid.chain(refunded).collect()
}
