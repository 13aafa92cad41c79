//! The charges of orders and payouts, against the contracts that they name, by `lezai ledger check`: fees, charges
//! and reserves are worked out again from the contract's row, volumes from the entries, and what is used of
//! promotions from the orders.

use std::collections::{BTreeMap, BTreeSet};

use lezai_core::funds::contract::Agreed;
use lezai_core::funds::month::Month;
use lezai_core::funds::payout::Payout;
use lezai_core::funds::pricing::{Used, Volume};
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::ledger::{Account, Kind};
use lezai_core::money::{Currency, MAX_MINOR};
use lezai_core::order::Order;
use lezai_core::time::Timestamp;
use lezai_gateway::schedule;
use lezai_store::{BookedEntry, StoreError};
use lezai_store_sqlite::{contracts, promotions, volumes};
use rusqlite::Connection;

use super::fault::{Failed, Fault};

/// For so long a node may go by a contract that another has taken the place of: many times as long as it takes to hear
/// of one.
const HEARD_SECS: i64 = 3600;

/// A merchant's currency.
type Of = (MerchantId, &'static str);

/// The contracts, and what was counted by them so far.
pub(super) struct Agreements {
    contracts: BTreeMap<MerchantId, Vec<Agreed>>,
    standard: Agreed,
    /// The volume of each month after each entry that changed it.
    volumes: BTreeMap<(Of, Month), Vec<(u64, i128)>>,
    /// The volume of each debit by its entries so far; none once it came back.
    debits: BTreeMap<OrderId, Option<i128>>,
    /// The part of each promotion that orders use.
    used: BTreeMap<(Of, String), Used>,
}

impl Agreements {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let mut of: BTreeMap<MerchantId, Vec<Agreed>> = BTreeMap::new();
        for (merchant, agreed) in contracts(connection)? {
            of.entry(merchant).or_default().push(agreed);
        }
        let standard = Agreed::standard();
        let (volumes, debits, used) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { contracts: of, standard, volumes, debits, used })
    }

    /// Counts an entry of an order for the month in which it was booked.
    pub(super) fn count_entry(
        &mut self,
        order: &Order,
        booked: &BookedEntry,
    ) -> Result<(), String> {
        let counts = |account: &Account| match booked.kind {
            Kind::Payment => matches!(account, Account::ChannelReceivable(_)),
            Kind::DirectPayment | Kind::DirectRefund | Kind::DirectVoid => {
                matches!(account, Account::DirectAtChannel(..))
            }
            Kind::RefundRequest | Kind::RefundFailure | Kind::VoidRequest | Kind::VoidFailure => {
                *account == Account::RefundsInFlight
            }
            _ => false,
        };
        let postings = booked.postings.iter().filter(|it| counts(&it.account));
        let mut minor: i128 = postings.map(|it| i128::from(it.minor)).sum();
        if order.terms.mandate.is_some() {
            minor = self.of_debit(order, booked.kind, minor);
        }
        if minor == 0 {
            return Ok(());
        }
        let merchant = &order.terms.merchant;
        let agreed = self.in_force(merchant, booked.at);
        let month = schedule::month(&agreed.contract, booked.at).map_err(|it| it.to_string())?;
        let of = (merchant.clone(), order.terms.amount.currency().code());
        let after = self.volumes.entry((of, month)).or_default();
        let before = after.last().map_or(0, |it| it.1);
        after.push((booked.number, before + minor));
        Ok(())
    }

    /// A debit that comes back takes all of its volume with it, and a refund that fails afterwards brings none.
    fn of_debit(&mut self, order: &Order, kind: Kind, minor: i128) -> i128 {
        let volume = self.debits.entry(order.terms.id.clone()).or_insert(Some(0));
        match (&mut *volume, kind) {
            (None, _) => 0,
            (Some(before), Kind::DebitReturn) => {
                let all = *before;
                *volume = None;
                -all
            }
            (Some(before), _) => {
                *before += minor;
                minor
            }
        }
    }

    /// Whether an order has the fee, the charges and the reserve of the contract that it names. Counts what it uses of a
    /// promotion.
    pub(super) fn order_holds(&mut self, order: &Order) -> Result<(), String> {
        let (terms, basis) = (&order.terms, &order.terms.fee_basis);
        let (merchant, currency) = (&terms.merchant, terms.amount.currency());
        let agreed = self.named(merchant, terms.contract, terms.created_at)?;
        let number = agreed.number;
        let contract = &agreed.contract;
        // Agreed in the order's currency, and taken in the settled one.
        let fee = contract.fee_by(terms.amount, basis).map_err(|error| error.to_string())?;
        if fee.is_some_and(|it| terms.value(it) != Some(terms.fee)) {
            return Err(format!("its fee is not what contract {number} says"));
        }
        if terms.charges != contract.charges(terms.settled_currency()) {
            return Err(format!("its charges are not those of contract {number}"));
        }
        if terms.reserve != contract.reserve() {
            return Err(format!("its reserve is not that of contract {number}"));
        }
        if let Some(volume) = &basis.volume {
            let month = schedule::month(contract, terms.created_at).map_err(|it| it.to_string())?;
            let stood = self.stood(merchant, currency, volume);
            if volume.month != month.before() || i128::from(volume.minor) != stood {
                return Err("its tier is not that of the volume of the month before".to_owned());
            }
        }
        if let Some(promoted) = &basis.promotion {
            let on = contract.check_promoted(currency, promoted, terms.created_at);
            on.map_err(|error| error.to_string())?;
        }
        if let Some(promoted) = order.promoted() {
            let of = ((merchant.clone(), currency.code()), promoted.name.clone());
            let used = self.used.entry(of).or_default();
            used.payments += 1;
            used.minor = used.minor.saturating_add(promoted.minor);
        }
        Ok(())
    }

    /// Whether a payout has the fee of the contract that it names.
    pub(super) fn payout_holds(&self, payout: &Payout) -> Result<(), String> {
        let terms = &payout.terms;
        let agreed = self.named(&terms.merchant, terms.contract, terms.created_at)?;
        let (number, contract) = (agreed.number, &agreed.contract);
        if terms.fee != contract.payout_fee(terms.amount) {
            return Err(format!("its fee is not what contract {number} says"));
        }
        if terms.fee_returned != contract.payout_fee_returned() {
            return Err(format!("whether its fee goes back is not what contract {number} says"));
        }
        Ok(())
    }

    /// Whether the sums that are kept are those that were counted, and no promotion covers more than it has.
    pub(super) fn sums_hold(&self, connection: &Connection) -> Result<(), Failed> {
        let broken = |what: String| Failed::Broken(Fault::File(what));
        let read = |error| super::fault::Stop::from(error).at(Fault::File);
        let mut kept = BTreeMap::new();
        for (merchant, currency, month, minor) in volumes(connection).map_err(read)? {
            kept.insert(((merchant, currency.code()), month), i128::from(minor));
        }
        let booked = self.volumes.iter().map(|(of, after)| (of, after.last().map_or(0, |it| it.1)));
        let booked: BTreeMap<_, _> = booked.collect();
        let months: BTreeSet<_> = kept.keys().chain(booked.keys().copied()).collect();
        for of in months {
            let sums = [kept.get(of), booked.get(of)].map(|it| it.copied().unwrap_or_default());
            if sums[0] != sums[1] {
                let ((merchant, currency), month) = of;
                return Err(broken(format!(
                    "the volume kept of {merchant} in {currency} for {month} is {}, and its entries make {}",
                    sums[0], sums[1]
                )));
            }
        }
        let mut kept = BTreeMap::new();
        for (merchant, currency, name, used) in promotions(connection).map_err(read)? {
            kept.insert(((merchant, currency.code()), name), used);
        }
        let promotions: BTreeSet<_> = kept.keys().chain(self.used.keys()).collect();
        for of in promotions {
            let ((merchant, currency), name) = of;
            let uses = [kept.get(of), self.used.get(of)].map(|it| it.copied().unwrap_or_default());
            if uses[0] != uses[1] {
                return Err(broken(format!(
                    "what is kept as used of the promotion {name} of {merchant} in {currency} is not what its orders use"
                )));
            }
            if !self.promotion_holds(merchant, currency, name, uses[0]) {
                return Err(broken(format!(
                    "the promotion {name} of {merchant} in {currency} covers more than its quota"
                )));
            }
        }
        Ok(())
    }

    /// A later contract may leave less of a promotion than was used by then, so the largest of its quotas counts.
    fn promotion_holds(&self, merchant: &MerchantId, code: &str, name: &str, used: Used) -> bool {
        let Ok(currency) = Currency::from_code(code) else { return false };
        let of = self.contracts.get(merchant).into_iter().flatten();
        let mut holds = of.filter_map(|it| it.contract.promotion_holds(currency, name, used));
        used == Used::default() || holds.any(|it| it)
    }

    /// The volume of a month as it stood after an entry, as a tier counts it.
    fn stood(&self, merchant: &MerchantId, currency: Currency, volume: &Volume) -> i128 {
        let of = ((merchant.clone(), currency.code()), volume.month);
        let after = self.volumes.get(&of).map(Vec::as_slice).unwrap_or_default();
        let count = after.partition_point(|it| it.0 <= volume.as_of);
        let stood = count.checked_sub(1).map_or(0, |last| after[last].1);
        stood.clamp(0, MAX_MINOR.into())
    }

    fn in_force(&self, merchant: &MerchantId, at: Timestamp) -> &Agreed {
        let of = self.contracts.get(merchant).map(Vec::as_slice).unwrap_or_default();
        Agreed::in_force(of, at).unwrap_or(&self.standard)
    }

    /// The contract that something of then names.
    fn named(&self, merchant: &MerchantId, number: u32, at: Timestamp) -> Result<&Agreed, String> {
        let of = self.contracts.get(merchant).map(Vec::as_slice).unwrap_or_default();
        let named = match number {
            0 => Some(&self.standard),
            _ => of.iter().find(|it| it.number == number),
        };
        let named = named.ok_or_else(|| format!("its contract {number} is not there"))?;
        if named.in_force_from > at {
            return Err(format!("its contract {number} was not in force yet"));
        }
        let since = self.in_force(merchant, at.plus_secs(-HEARD_SECS)).number;
        if since > number {
            return Err(format!("its contract {number} was in force no more"));
        }
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::funds::contract::Contract;
    use lezai_core::funds::payout::{Destination, PayoutState, PayoutTerms};
    use lezai_core::funds::pricing::{FeeBasis, Promoted};
    use lezai_core::id::PayoutId;
    use lezai_core::order::Terms;
    use lezai_store::Task;
    use rusqlite::params;

    use super::super::check::check;
    use super::super::check::tests::{Fixture, cny};
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_795_000_000);

    const CONTRACT: &str = r#"{
        "fees": {
            "payment": [{ "currency": "CNY", "rate_ppm": 10000, "rounding": "half_up",
                "tiers": { "mode": "volume", "steps": [{ "from": 9500, "rate_ppm": 5000 }] },
                "promotion": { "name": "spring", "rate_ppm": 1000, "quota": { "payments": 1 } } }],
            "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 20, "rounding": "down" }]
        },
        "reserve": { "rate_ppm": 100000, "days": 30 },
        "cycle": { "kind": "days", "days": 1 }, "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" }
    }"#;

    fn demo() -> MerchantId {
        MerchantId::parse("m_demo").unwrap()
    }

    fn agreed() -> Agreed {
        let contract = Contract::from_json(CONTRACT.as_bytes()).unwrap();
        Agreed { number: 1, contract, in_force_from: START, announced_at: START }
    }

    /// An order of December by that contract. Those of the fixture are of November, and 9500 are left of them.
    fn order(n: u8) -> Order {
        let created_at = START.plus_secs(20 * 86_400);
        let contract = agreed().contract;
        let volume = Volume { month: Month::parse("2026-11").unwrap(), minor: 9500, as_of: 7 };
        let promotion = Some(Promoted { name: "spring".to_owned(), minor: 7000 });
        let fee_basis = FeeBasis { volume: Some(volume), category: None, promotion };
        let terms = Terms {
            id: OrderId::new(created_at, [n; 10]),
            amount: cny(7000),
            fee: cny(7),
            fee_basis,
            contract: 1,
            charges: contract.charges(cny(0).currency()),
            reserve: contract.reserve(),
            created_at,
            ..Fixture::terms(n, false)
        };
        Order::create(terms).unwrap().order
    }

    /// The fixture with that contract, and so many orders by it.
    fn fixture(orders: u8) -> Fixture {
        let mut fixture = Fixture::new();
        let row = params![serde_json::to_string(&agreed()).unwrap()];
        fixture.run("INSERT INTO contracts (merchant, number, data) VALUES ('m_demo', 1, ?1)", row);
        let close = Task::CloseBatches { merchant: demo(), contract: 1, cut_off: START };
        fixture.run(
            "INSERT INTO tasks (lane, task, due_ms) VALUES ('orders', ?1, 0)",
            params![serde_json::to_string(&close).unwrap()],
        );
        for n in 0..orders {
            let expire = vec![lezai_core::order::Effect::Expire];
            fixture.keep(&order(7 + n), &[], expire);
        }
        fixture.run(
            "INSERT INTO promotions VALUES ('m_demo', 'CNY', 'spring', ?1, ?1 * 7000)",
            params![orders],
        );
        fixture
    }

    #[test]
    fn what_was_charged_is_what_the_contract_says() {
        check(&fixture(1).data).unwrap();
        let of_order = |from: &str, to: &str| {
            format!(
                "UPDATE orders SET data = replace(data, '{from}', '{to}') WHERE data LIKE '%spring%'"
            )
        };
        let of_contract = |from: &str, to: &str| {
            format!(
                "DROP TRIGGER contracts_stay; UPDATE contracts SET data = replace(data, '{from}', '{to}')"
            )
        };
        let its_fee = "its fee is not what contract 1 says";
        let its_tier = "its tier is not that of the volume of the month before";
        for (sql, expected) in [
            (of_order("\"fee\":{\"minor\":7,", "\"fee\":{\"minor\":8,"), its_fee),
            (of_order("\"minor\":9500", "\"minor\":9501"), its_tier),
            (of_order("2026-11", "2026-10"), its_tier),
            // As of the entry before, nothing was refunded.
            (of_order("\"as_of\":7", "\"as_of\":6"), its_tier),
            (of_order("spring", "summer"), "a promotion that it does not have"),
            (of_order("\"contract\":1,", "\"contract\":2,"), "its contract 2 is not there"),
            (of_order("\"contract\":1,", ""), "its contract 0 was in force no more"),
            (of_order("\"days\":30", "\"days\":1"), "its reserve is not that of contract 1"),
            (
                of_order(
                    "\"contract\":1,",
                    "\"contract\":1,\"charges\":{\"keeps_payment_fee\":true},",
                ),
                "its charges are not those of contract 1",
            ),
            (of_contract("\"rate_ppm\":1000,", "\"rate_ppm\":2000,"), its_fee),
            (
                of_contract("\"in_force_from\":1795", "\"in_force_from\":1797"),
                "its contract 1 was not in force yet",
            ),
            (
                "UPDATE volumes SET minor = minor + 1".to_owned(),
                "the volume kept of m_demo in CNY for 2026-11 is 9501",
            ),
            ("DELETE FROM volumes".to_owned(), "for 2026-11 is 0, and its entries make 9500"),
            (
                "INSERT INTO volumes VALUES ('m_demo', 'CNY', '2026-09', 1)".to_owned(),
                "for 2026-09 is 1",
            ),
            ("UPDATE promotions SET payments = 2".to_owned(), "is not what its orders use"),
            ("DELETE FROM promotions".to_owned(), "is not what its orders use"),
        ] {
            let fixture = fixture(1);
            fixture.tamper(&sql);
            let fault = fixture.fault();
            assert!(fault.contains(expected), "{sql}: {fault} / {expected}");
        }
        let fault = fixture(2).fault();
        assert!(fault.contains("covers more than its quota"), "{fault}");
    }

    #[test]
    fn what_a_payout_was_charged_is_what_the_contract_says() {
        let at = START.plus_secs(60);
        let payout = |fee: i64, contract: u32, created_at: Timestamp| Payout {
            terms: PayoutTerms {
                id: PayoutId::new(at, [1; 10]),
                merchant: demo(),
                merchant_payout_id: "P-1".to_owned(),
                receiver: None,
                amount: cny(100),
                fee: cny(fee),
                fee_returned: false,
                channel: "sandbox".to_owned(),
                destination: Destination {
                    kind: "wallet".to_owned(),
                    account: "courier-7".to_owned(),
                    holder: None,
                },
                description: None,
                contract,
                settlement: None,
                batch: None,
                created_at,
                not_before: at,
            },
            state: PayoutState::Queued,
            approval: None,
            attention: Vec::new(),
            version: 1,
            notices: 0,
        };
        let agreements = Agreements {
            contracts: [(demo(), vec![agreed()])].into(),
            standard: Agreed::standard(),
            volumes: BTreeMap::new(),
            debits: BTreeMap::new(),
            used: BTreeMap::new(),
        };
        let heard = START.plus_secs(HEARD_SECS);
        for (fee, contract, at, holds) in [
            (20, 1, at, true),
            (19, 1, at, false),
            (0, 0, START.plus_ms(-1), true),
            (20, 1, START.plus_ms(-1), false),
            // A node that did not hear of the new contract yet.
            (0, 0, heard.plus_ms(-1), true),
            (0, 0, heard, false),
            (20, 2, at, false),
        ] {
            let found = agreements.payout_holds(&payout(fee, contract, at));
            assert_eq!(found.is_ok(), holds, "{fee} by {contract}: {found:?}");
        }
    }
}
