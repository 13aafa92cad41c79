//! `lezai trigger`: makes an event happen for real. Nothing is faked: an order is made and paid, voided
//! or refunded, and money is paid out, over the public API; the sandbox's magic amounts make go wrong
//! what must, and its clock is moved where something takes time.

mod funds;
mod mandates;
mod play;
mod refusing;

use std::process::ExitCode;

use lezai_gateway::statements::making;

use crate::caller::CallerArgs;
use crate::operator::OperatorArgs;

use mandates::Fate;
use play::Play;

/// The event to cause, and the merchant that is notified.
#[derive(Debug, clap::Args)]
pub struct TriggerArgs {
    /// The event's type, such as order.paid.
    #[arg(required_unless_present = "list")]
    event: Option<String>,
    /// Print what can be made to happen, and how.
    #[arg(long, exclusive = true)]
    list: bool,
    /// Where the callback goes [default: the merchant's own address, which alone is told of payouts,
    /// mandates, settlements, statements and contracts].
    #[arg(long, value_name = "URL")]
    notify_url: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// A kind of event and what leads to it.
struct Kind {
    event: &'static str,
    what: &'static str,
    plot: Plot,
}

/// The way to an event.
#[derive(Clone, Copy)]
enum Plot {
    /// An order of an amount, and what is done with it.
    Order { amount: i64, capture: &'static str, held: bool, acts: &'static [Act] },
    /// Orders whose callbacks go to a server that refuses them, and takes them at last or not.
    Endpoint { recovers: bool },
    /// The merchant's receiver is tried out.
    Test,
    /// A payout of an amount, called off or not.
    Payout { amount: i64, cancelled: bool },
    /// A batch of two payouts.
    PayoutBatch,
    /// An order that is split later, finished or given back of.
    Split { returned: bool },
    /// A mandate, and what becomes of it.
    Mandate(Fate),
    /// Days pass until a settlement batch is closed.
    Settlement,
    /// The merchant's next contract, with the terms of the last.
    Contract,
    /// A statement of the last hour.
    Statement,
}

/// An act on an order.
#[derive(Clone, Copy, Debug)]
enum Act {
    Pay,
    Close,
    Capture,
    Void,
    Refund(i64),
    /// The operator's.
    Approve,
}

const fn order(
    event: &'static str,
    what: &'static str,
    amount: i64,
    capture: &'static str,
    acts: &'static [Act],
) -> Kind {
    Kind { event, what, plot: Plot::Order { amount, capture, held: false, acts } }
}

/// An order that the demo merchant's plugin holds: a large gift card on a new device.
const fn held(event: &'static str, what: &'static str, acts: &'static [Act]) -> Kind {
    let plot = Plot::Order { amount: 60_800, capture: "automatic", held: true, acts };
    Kind { event, what, plot }
}

const fn mandate(event: &'static str, what: &'static str, fate: Fate) -> Kind {
    Kind { event, what, plot: Plot::Mandate(fate) }
}

const fn payout(event: &'static str, what: &'static str, amount: i64) -> Kind {
    Kind { event, what, plot: Plot::Payout { amount, cancelled: false } }
}

/// Every kind. Amounts are those of docs/sandbox.md.
const KINDS: &[Kind] = {
    use Act::{Approve, Capture, Close, Pay, Refund, Void};
    &[
        order(
            "order.authorized",
            "pays an order that is captured by hand",
            12800,
            "manual",
            &[Pay],
        ),
        order("order.paid", "pays an order", 12800, "automatic", &[Pay]),
        order("order.closed", "closes an order that nobody paid", 12800, "automatic", &[Close]),
        order("order.voided", "pays an order and voids it", 12800, "automatic", &[Pay, Void]),
        order(
            "order.void_failed",
            "voids what the wallet does not (…941)",
            10941,
            "automatic",
            &[Pay, Void],
        ),
        order(
            "order.capture_failed",
            "captures what the wallet declines (…931)",
            10931,
            "manual",
            &[Pay, Capture],
        ),
        order(
            "order.needs_attention",
            "pays, and the wallet reports too much (…921)",
            10921,
            "automatic",
            &[Pay],
        ),
        order(
            "payment.declined",
            "pays, and the wallet declines (…901)",
            10901,
            "automatic",
            &[Pay],
        ),
        order(
            "payment.returned",
            "closes an order that the wallet pays afterwards (…915)",
            10915,
            "automatic",
            &[Pay, Close],
        ),
        order(
            "refund.succeeded",
            "pays and refunds in part",
            12800,
            "automatic",
            &[Pay, Refund(5000)],
        ),
        order(
            "refund.failed",
            "pays, and refunds to an account that is closed (…962)",
            12800,
            "automatic",
            &[Pay, Refund(5962)],
        ),
        held("review.opened", "pays an order that is held, a large gift card", &[Pay]),
        held("review.closed", "pays such an order, and the operator approves it", &[Pay, Approve]),
        Kind {
            event: "endpoint.failing",
            what: "pays five orders whose callbacks a server on this machine refuses",
            plot: Plot::Endpoint { recovers: false },
        },
        Kind {
            event: "endpoint.recovered",
            what: "the same, and then the server takes one",
            plot: Plot::Endpoint { recovers: true },
        },
        Kind {
            event: "endpoint.test",
            what: "tries the receiver out: one good callback, one forged, one duplicate",
            plot: Plot::Test,
        },
        payout("payout.paid", "pays out what a day has made available", 10_000),
        payout("payout.failed", "pays out to an account that is closed (…972)", 10_972),
        payout("payout.returned", "pays out, and the bank sends it back (…977)", 10_977),
        payout("payout.needs_attention", "pays out, and too little arrives (…978)", 10_978),
        Kind {
            event: "payout.cancelled",
            what: "plans a payout and calls it off",
            plot: Plot::Payout { amount: 10_000, cancelled: true },
        },
        Kind {
            event: "payout_batch.closed",
            what: "pays out a batch of two, one of which the bank refuses",
            plot: Plot::PayoutBatch,
        },
        Kind {
            event: "split.finished",
            what: "splits an order once it is settled, and finishes it",
            plot: Plot::Split { returned: false },
        },
        Kind {
            event: "split.returned",
            what: "splits an order once it is settled, and takes a share back",
            plot: Plot::Split { returned: true },
        },
        mandate("mandate.activated", "has a shopper agree to be debited", Fate::Agreed),
        mandate("mandate.declined", "the same, and the shopper does not", Fate::Declined),
        mandate("mandate.revoked", "the same, and the merchant takes it back", Fate::Revoked),
        mandate("mandate.expired", "the same, and nobody decides for a day", Fate::Expired),
        mandate(
            "debit.returned",
            "debits, and the payer has the bank take it back (…952)",
            Fate::Debited(10_952),
        ),
        Kind {
            event: "settlement.closed",
            what: "pays an order and lets days pass, to the cut-off of the merchant's contract",
            plot: Plot::Settlement,
        },
        Kind {
            event: "contract.announced",
            what: "agrees on the merchant's next contract, with the terms of the last",
            plot: Plot::Contract,
        },
        Kind {
            event: making::READY,
            what: "pays an order and asks for a statement of the last hour",
            plot: Plot::Statement,
        },
    ]
};

/// Types of events that take more than an order, and what they take.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "plugin.rolled_back",
        "publish a plugin that fails and send it orders; docs/plugin-rollout.md says how",
    ),
    (
        making::FAILED,
        "ask for a statement of more than a million lines; docs/statements.md has the bounds",
    ),
    ("plugin.failing", "publish a plugin that fails with --live, as the first, and send it orders"),
];

/// Makes it happen. The exit code is 0 if it did and the callback was taken (where one is sent), 1
/// if the callback was not, and 2 if it could not be made to happen.
pub async fn run(args: TriggerArgs) -> ExitCode {
    let Some(event) = args.event.filter(|_| !args.list) else {
        for Kind { event, what, .. } in KINDS {
            say!("{event:<22} {what}");
        }
        return ExitCode::SUCCESS;
    };
    let Some(kind) = KINDS.iter().find(|it| it.event == event) else {
        match ELSEWHERE.iter().find(|(other, _)| *other == event) {
            Some((_, how)) => eprintln!("lezai: {event} is not made to happen here: {how}"),
            None => eprintln!(
                "lezai: there is no event {event}; `lezai trigger --list` names those that there are"
            ),
        }
        return ExitCode::from(2);
    };
    let played = async {
        let client = args.caller.client().await?;
        let operator = OperatorArgs {
            gateway: args.caller.gateway.clone(),
            data: args.caller.data_dir.clone().into(),
            admin_token_file: None,
        };
        Play::new(client, operator, args.notify_url)?.of(kind).await
    };
    match played.await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("lezai: {event}: {why}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::funds::mandate::MandateNotice;
    use lezai_core::funds::payout::PayoutNotice;
    use lezai_core::order::Notice;
    use lezai_gateway::funds::{batches, closing, contracts};

    use super::*;

    #[test]
    fn every_kind_can_be_made_to_happen() {
        let mut kinds: Vec<_> = KINDS.iter().map(|it| it.event).collect();
        let endpoint = ["endpoint.test", "endpoint.failing", "endpoint.recovered"];
        let mut expected: Vec<_> = Notice::EVENT_TYPES.into_iter().chain(endpoint).collect();
        expected.extend(PayoutNotice::EVENT_TYPES);
        expected.extend(MandateNotice::EVENT_TYPES);
        expected.extend([batches::CLOSED, closing::CLOSED, contracts::ANNOUNCED, making::READY]);
        kinds.sort_unstable();
        expected.sort_unstable();
        assert_eq!(kinds, expected);
        kinds.extend(ELSEWHERE.iter().map(|(event, _)| *event));
        for (guide, docs) in [
            ("callbacks.md", include_str!("../../../../docs/callbacks.md")),
            ("callbacks.zh-CN.md", include_str!("../../../../docs/callbacks.zh-CN.md")),
        ] {
            for kind in &kinds {
                assert!(docs.contains(&format!("`{kind}`")), "{kind} is not in {guide}");
            }
        }
    }
}
