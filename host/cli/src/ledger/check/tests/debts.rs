//! Debts and shares that are split later, in the books.

use super::super::entries::summed;
use super::*;

/// Order 6 of 5,000 with a fee of 6 and a share of 4,000, settled and refunded whole by its merchant,
/// who had 994 of it: booked with or without debts.
fn refunded_whole(fixture: &mut Fixture, with_debts: bool) {
    let share = Share { receiver: "tea".to_owned(), amount: cny(4000) };
    let mut terms = Fixture::terms(6, false);
    terms.amount = cny(5000);
    terms.shares = vec![share];
    let Step { mut order, mut effects, .. } = Order::create(terms).unwrap();
    let refund = RefundId::new(START, [6; 10]);
    let a_day_later = START.plus_secs(lezai_core::order::SETTLEMENT_SECS);
    let events = [
        Event::MethodChosen(Attempt {
            id: attempt(5),
            method: "wallet_qr".to_owned(),
            channel: "sandbox".to_owned(),
            instalments: None,
            account: None,
            begun_at: None,
            by_code: false,
            routed: None,
        }),
        Event::Paid { attempt: attempt(5), amount: cny(5000), channel_ref: "c".to_owned() },
        Event::SettlementDue,
        Event::RefundRequested {
            id: refund.clone(),
            merchant_refund_id: "R-6".to_owned(),
            amount: cny(5000),
            reason: None,
        },
        Event::RefundFailed { refund, code: "no".to_owned() },
    ];
    let (mut entries, mut stands) = (Vec::new(), Balances::new());
    for (nth, event) in events.into_iter().enumerate() {
        let now = if nth < 2 { START } else { a_day_later };
        let Step { order: after, entry, effects: called } = step(order, event, now).unwrap();
        order = after;
        effects.extend(called);
        let Some(mut entry) = entry else { continue };
        if order.refunds.is_empty() || with_debts {
            entry = entry
                .with_debts(|account, currency| {
                    let stands = stands.get(&(account.to_string(), currency.code()));
                    i64::try_from(stands.copied().unwrap_or_default()).unwrap()
                })
                .unwrap();
        }
        for (account, minor) in summed(entry.postings()) {
            *stands.entry(account).or_default() += minor;
        }
        entries.push(entry);
    }
    fixture.keep(&order, &entries, effects);
}

#[test]
fn a_debt_is_what_was_not_available_and_is_repaid_first() {
    let mut fixture = Fixture::new();
    refunded_whole(&mut fixture, true);
    let report = check(&fixture.data).unwrap();
    let stands = |account: &str| report.balances[&(account.to_owned(), "CNY")];
    assert_eq!((stands("merchant_available:m_demo"), stands("merchant_owes:m_demo")), (-994, 0));

    // Overdrawn, though each entry balances, the chain holds and the order calls for it.
    let mut fixture = Fixture::new();
    refunded_whole(&mut fixture, false);
    let fault = fixture.fault();
    assert!(fault.starts_with("entry 10: what it takes from available accounts"), "{fault}");
}

/// Order 6 of 6,000 with a fee of 6, of which 4,000 were split and 500 of that given back.
fn split_later(fixture: &mut Fixture) {
    let terms = Terms { split: SplitTime::Later, ..Fixture::terms(6, false) };
    let Step { mut order, mut effects, .. } = Order::create(terms).unwrap();
    let id = SplitId::new(START, [6; 10]);
    let tea = Share { receiver: "tea".to_owned(), amount: cny(4000) };
    let method = Attempt {
        id: attempt(5),
        method: "wallet_qr".to_owned(),
        channel: "sandbox".to_owned(),
        instalments: None,
        account: None,
        begun_at: None,
        by_code: false,
        routed: None,
    };
    let events = [
        Event::MethodChosen(method),
        Event::Paid { attempt: attempt(5), amount: cny(6000), channel_ref: "c".to_owned() },
        Event::SettlementDue,
        Event::SplitRequested(NewSplit {
            id: id.clone(),
            merchant_split_id: "S-6".to_owned(),
            mode: SplitMode::AllOrNothing,
            shares: vec![tea],
            removed: Vec::new(),
        }),
        Event::SplitReturnRequested(NewSplitReturn {
            id: SplitReturnId::new(START, [6; 10]),
            split: id,
            merchant_return_id: "T-6".to_owned(),
            receiver: "tea".to_owned(),
            amount: cny(500),
            available: cny(4000),
        }),
    ];
    let mut entries = Vec::new();
    for (nth, event) in events.into_iter().enumerate() {
        let later = if nth < 2 { 0 } else { lezai_core::order::SETTLEMENT_SECS };
        let after = step(order, event, START.plus_secs(later)).unwrap();
        order = after.order;
        entries.extend(after.entry);
        effects.extend(after.effects);
    }
    fixture.keep(&order, &entries, effects);
}

#[test]
fn what_is_split_later_has_its_entries_its_rows_and_its_end() {
    let mut fixture = Fixture::new();
    split_later(&mut fixture);
    let report = check(&fixture.data).unwrap();
    let stands = |account: &str| report.balances[&(account.to_owned(), "CNY")];
    let (frozen, tea) = (stands("merchant_frozen:m_demo"), stands("receiver_available:m_demo:tea"));
    assert_eq!((frozen, tea), (-2494, -3500));
    for (sql, expected) in [
        ("DELETE FROM splits", "its split spl_"),
        ("DELETE FROM split_returns", "its return spr_"),
        ("UPDATE splits SET merchant_split_id = 'X'", "its split spl_"),
        (
            "DELETE FROM tasks WHERE task LIKE '%finish_splits%'",
            "nothing waits to finish its splitting",
        ),
        (
            "UPDATE orders SET data = replace(data, '4000', '3900') WHERE data LIKE '%spl_%'",
            "does not call for this split",
        ),
        (
            "UPDATE orders SET data = replace(data, '\"minor\":500', '\"minor\":501') WHERE data LIKE '%spl_%'",
            "does not call for this split_return",
        ),
        (
            "INSERT INTO split_returns VALUES ('spr_x', 'spl_x', 'm_demo', 'X')",
            "1 splits and 1 returns belong to orders",
        ),
    ] {
        let mut fixture = Fixture::new();
        split_later(&mut fixture);
        fixture.tamper(sql);
        let fault = fixture.fault();
        assert!(fault.contains(expected), "{sql}: {fault} / {expected}");
    }
}
