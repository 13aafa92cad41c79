//! Payouts, contracts and settlement batches as callers read them.

use lezai_core::funds::contract::{Agreed, Contract, Difference};
use lezai_core::funds::payout::{Approval, Payout, PayoutAttention, PayoutState};
use lezai_core::funds::payout_batch::{PayoutBatch, Tally};
use lezai_core::funds::settlement::{Batch, Outcome};
use lezai_core::mask;
use serde::Serialize;
use utoipa::ToSchema;

use lezai_store::funds::Movement;
use lezai_wire::time::rfc3339;

/// A payout.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PayoutView {
    /// `po_…`
    pub id: String,
    /// Always `payout`.
    pub object: &'static str,
    /// The merchant's own number.
    pub merchant_payout_id: String,
    /// `needs_approval`, `accepted`, `queued`, `sent`, `unknown`, `paid`, `failed`, `returned` or `cancelled`.
    pub status: &'static str,
    /// The amount that arrives, in minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// The fee on top of the amount, in minor units.
    pub fee: i64,
    /// Whose available balance it is taken from, if not the merchant's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub receiver: Option<String>,
    /// Where to.
    pub destination: DestinationView,
    /// The text that the recipient reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub description: Option<String>,
    /// The number of the contract that its fee and limits come from; 0 is the standard.
    pub contract: u32,
    /// The settlement batch that it pays, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub settlement_id: Option<String>,
    /// The batch that it was accepted with, if one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub payout_batch_id: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339: it is not sent before.
    pub not_before: String,
    /// RFC 3339: when the channel was first asked. From then on it cannot be called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub sent_at: Option<String>,
    /// RFC 3339: when the channel said that it arrived. It may still be `returned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub paid_at: Option<String>,
    /// The channel's own number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub channel_ref: Option<String>,
    /// Why it failed, came back or was called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub failure: Option<PayoutFailureView>,
    /// The second person's decision, if one was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub approval: Option<ApprovalView>,
    /// Items that a person must look at: `silence`, `amount` or `contradiction`; empty but for rare trouble.
    pub attention: Vec<&'static str>,
}

/// Where a payout goes to: no more of it than tells two apart.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DestinationView {
    /// `wallet` or `bank_account`.
    pub kind: String,
    /// The end of the account's number or name.
    pub account: String,
}

/// Why a payout failed, came back or was called off.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PayoutFailureView {
    /// A stable word, such as `account_closed`, or `cancelled_by_merchant`.
    pub code: String,
    /// RFC 3339.
    pub at: String,
}

/// A second person's decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApprovalView {
    /// `approved` or `refused`.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
    /// RFC 3339.
    pub at: String,
}

/// A payout as its merchant reads it.
pub fn payout(payout: &Payout) -> PayoutView {
    let terms = &payout.terms;
    let (mut sent_at, mut paid_at, mut reference, mut failure) = (None, None, None, None);
    let fail = |code: &str, at| Some(PayoutFailureView { code: code.to_owned(), at: rfc3339(at) });
    match &payout.state {
        PayoutState::NeedsApproval | PayoutState::Accepted | PayoutState::Queued => {}
        PayoutState::Sent { at } | PayoutState::Unknown { at } => sent_at = Some(rfc3339(*at)),
        PayoutState::Paid { channel_ref, at } => {
            (paid_at, reference) = (Some(rfc3339(*at)), Some(channel_ref.clone()));
        }
        PayoutState::Failed { code, at } => failure = fail(code, *at),
        PayoutState::Returned { code, paid_at: paid, at } => {
            (paid_at, failure) = (paid.map(rfc3339), fail(code, *at));
        }
        PayoutState::Cancelled { by, at } => {
            failure = fail(&format!("cancelled_by_{}", by.as_str()), *at);
        }
    }
    let approval = payout.approval.as_ref().map(approval);
    let attention = payout.attention.iter().map(|it| match it {
        PayoutAttention::Silence => "silence",
        PayoutAttention::Amount { .. } => "amount",
        PayoutAttention::Contradiction => "contradiction",
    });
    PayoutView {
        id: terms.id.to_string(),
        object: "payout",
        merchant_payout_id: terms.merchant_payout_id.clone(),
        status: payout.state.status(),
        amount: terms.amount.minor(),
        currency: terms.amount.currency().code(),
        fee: terms.fee.minor(),
        receiver: terms.receiver.clone(),
        destination: DestinationView {
            kind: terms.destination.kind.clone(),
            account: mask::account(&terms.destination.account),
        },
        description: terms.description.clone(),
        contract: terms.contract,
        settlement_id: terms.settlement.as_ref().map(ToString::to_string),
        payout_batch_id: terms.batch.as_ref().map(ToString::to_string),
        created_at: rfc3339(terms.created_at),
        not_before: rfc3339(terms.not_before),
        sent_at,
        paid_at,
        channel_ref: reference,
        failure,
        approval,
        attention: attention.collect(),
    }
}

fn approval(of: &Approval) -> ApprovalView {
    ApprovalView {
        verdict: if of.approved { "approved" } else { "refused" },
        reason: of.reason.clone(),
        at: rfc3339(of.at),
    }
}

/// A batch of payouts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PayoutBatchView {
    /// `pob_…`
    pub id: String,
    /// Always `payout_batch`.
    pub object: &'static str,
    /// The merchant's own number.
    pub merchant_payout_batch_id: String,
    /// `needs_approval`, `open`, or `closed` once every payout of it has ended.
    pub status: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
    /// The sum of the amounts of its payouts, in minor units.
    pub total_amount: i64,
    /// How many they are.
    pub total_count: u32,
    /// The sum of their fees, in minor units.
    pub fee: i64,
    /// Count and sum of each state that a payout of it is in now. A payout that came back after the batch
    /// was closed is `returned` here.
    pub by_status: Vec<TallyView>,
    /// The number of the contract that fees and limits come from; 0 is the standard.
    pub contract: u32,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339: when the last of its payouts ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub closed_at: Option<String>,
    /// The second person's decision, if one was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub approval: Option<ApprovalView>,
}

/// The part of a batch that is in one state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TallyView {
    /// The state of the payouts.
    pub status: &'static str,
    /// How many they are.
    pub count: u32,
    /// The sum of their amounts, in minor units.
    pub amount: i64,
}

/// A batch as its merchant reads it.
pub fn payout_batch(batch: &PayoutBatch, tally: &[Tally]) -> PayoutBatchView {
    let terms = &batch.terms;
    let of_status = |status: &&'static str| tally.iter().find(|it| it.status == *status);
    let by_status = PayoutState::STATUSES.iter().filter_map(of_status).map(|it| TallyView {
        status: it.status,
        count: it.count,
        amount: it.amount.minor(),
    });
    let status = match batch.closed_at {
        Some(_) => "closed",
        None if batch.waits() => "needs_approval",
        None => "open",
    };
    PayoutBatchView {
        id: terms.id.to_string(),
        object: "payout_batch",
        merchant_payout_batch_id: terms.merchant_payout_batch_id.clone(),
        status,
        currency: terms.total.currency().code(),
        total_amount: terms.total.minor(),
        total_count: terms.count,
        fee: terms.fee.minor(),
        by_status: by_status.collect(),
        contract: terms.contract,
        created_at: rfc3339(terms.created_at),
        closed_at: batch.closed_at.map(rfc3339),
        approval: batch.approval.as_ref().map(approval),
    }
}

/// A contract with its number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContractView {
    /// Always `contract`.
    pub object: &'static str,
    /// Whose it is.
    pub merchant: String,
    /// 1 for the merchant's first; 0 is the standard.
    pub number: u32,
    /// `announced`, `in_force` or `former`.
    pub status: &'static str,
    /// RFC 3339.
    pub in_force_from: String,
    /// RFC 3339.
    pub announced_at: String,
    /// Where it is not as the one before it.
    pub differences: Vec<DifferenceView>,
    /// The terms agreed.
    #[schema(value_type = Object)]
    pub contract: Contract,
}

/// Where a contract is not as the one before it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DifferenceView {
    /// Where, such as `fees.payout.CNY.fixed`.
    pub path: String,
    /// The old value; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub old: Option<String>,
    /// The new value; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub new: Option<String>,
    /// Whether it may be worse for the merchant in some case.
    pub worse: bool,
}

/// A contract as its merchant and the operator read it, after the one `before`.
pub fn contract(merchant: &str, agreed: &Agreed, before: &Contract, in_force: u32) -> ContractView {
    let difference = |it: Difference| DifferenceView {
        path: it.path,
        old: it.old,
        new: it.new,
        worse: it.worse,
    };
    ContractView {
        object: "contract",
        merchant: merchant.to_owned(),
        number: agreed.number,
        status: match agreed.number.cmp(&in_force) {
            std::cmp::Ordering::Less => "former",
            std::cmp::Ordering::Equal => "in_force",
            std::cmp::Ordering::Greater => "announced",
        },
        in_force_from: rfc3339(agreed.in_force_from),
        announced_at: rfc3339(agreed.announced_at),
        differences: before
            .differences(&agreed.contract, agreed.announced_at)
            .into_iter()
            .map(difference)
            .collect(),
        contract: agreed.contract.clone(),
    }
}

/// A settlement batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettlementView {
    /// `stl_…`
    pub id: String,
    /// Always `settlement`.
    pub object: &'static str,
    /// `paid`: a payout of it was accepted, whose own status says whether it arrived; or `carried` into
    /// the next.
    pub status: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
    /// The day that its cut-off ends, such as `2026-11-18`.
    pub day: String,
    /// RFC 3339.
    pub cut_off: String,
    /// RFC 3339.
    pub closed_at: String,
    /// It was closed more than an hour after its cut-off.
    pub late: bool,
    /// It has the ledger's entries after this one.
    pub after_entry: u64,
    /// And up to this one.
    pub to_entry: u64,
    /// How many of them touch the balance.
    pub lines: u64,
    /// The merchant's balance before, in minor units; less than zero if it owed.
    pub opening: i64,
    /// The sum of the lines.
    pub net: i64,
    /// The merchant's balance after.
    pub closing: i64,
    /// The amount paid out of it.
    pub paid: i64,
    /// The fee of that payout.
    pub fee: i64,
    /// The amount carried into the next: `closing` less `paid` and `fee`.
    pub carried: i64,
    /// The payout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub payout_id: Option<String>,
    /// Why nothing is paid: `manual`, `nothing_available`, `below_minimum` or `limits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub carried_because: Option<&'static str>,
    /// The contract by which it was closed.
    pub contract: u32,
    /// The digest of the calendar that it was closed by, if one counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub calendar: Option<String>,
}

/// A batch as its merchant reads it.
pub fn settlement(batch: &Batch) -> SettlementView {
    let (status, paid, fee, payout, why) = match &batch.outcome {
        Outcome::Paid { payout, amount, fee } => {
            ("paid", amount.minor(), fee.minor(), Some(payout.to_string()), None)
        }
        Outcome::Carried { why } => ("carried", 0, 0, None, Some(why.as_str())),
    };
    SettlementView {
        id: batch.id.to_string(),
        object: "settlement",
        status,
        currency: batch.currency.code(),
        day: batch.day.to_string(),
        cut_off: rfc3339(batch.cut_off),
        closed_at: rfc3339(batch.closed_at),
        late: batch.late,
        after_entry: batch.after_entry,
        to_entry: batch.to_entry,
        lines: batch.lines,
        opening: batch.opening,
        net: batch.net(),
        closing: batch.closing,
        paid,
        fee,
        carried: batch.carried(),
        payout_id: payout,
        carried_because: why,
        contract: batch.contract,
        calendar: batch.calendar.clone(),
    }
}

/// A line of a settlement batch: an entry of the ledger that touches the balance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettlementLine {
    /// The entry's number.
    pub entry: u64,
    /// RFC 3339.
    pub booked_at: String,
    /// The kind of entry, such as `settlement`, `refund_request` or `payout_request`.
    pub kind: &'static str,
    /// The order or payout that it belongs to.
    pub subject: String,
    /// In minor units: more than zero if the balance rose.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
}

/// A line as the merchant reads it: the ledger's numbers are debits.
pub fn line(movement: &Movement, currency: &'static str) -> SettlementLine {
    SettlementLine {
        entry: movement.number,
        booked_at: rfc3339(movement.at),
        kind: movement.kind.as_str(),
        subject: movement.subject.to_string(),
        amount: movement.minor.saturating_neg(),
        currency,
    }
}
