//! Checks of differences by `lezai ledger check`: what their resolutions booked, and what they had booked on orders.

use std::collections::{BTreeMap, BTreeSet};

use lezai_core::digest::sha256_hex;
use lezai_core::funds::difference::{Act, Difference, DifferenceState};
use lezai_core::id::DifferenceId;
use lezai_core::order::Order;
use lezai_store::Task;
use lezai_store::bills::DifferenceRecord;
use lezai_store_sqlite::{difference_with_entries, for_each_difference, tasks};
use rusqlite::Connection;

use super::fault::{Failed, Fault, Stop, is};

/// Every difference is the one that its evidence names, has the entries of its resolution, and goes on. How many there
/// are, resolved or not.
pub(super) fn hold(connection: &Connection, late: &mut Late) -> Result<u64, Failed> {
    let tasks = tasks(connection).map_err(|error| Stop::from(error).at(Fault::File))?;
    let mut count = 0;
    let walked = for_each_difference(connection, |record| {
        count += 1;
        late.add_difference(&record);
        let DifferenceRecord { difference, found, evidence, .. } = &record;
        let id = &difference.id;
        let fault = |what: &str| Err(Stop::Fault(Fault::File(format!("{id} {what}"))));
        if sha256_hex(found.to_string().as_bytes()) != *evidence {
            return fault("says otherwise than its evidence: it was changed");
        }
        let returning = Task::ReturnPayment { difference: id.clone() };
        let is_returning = matches!(difference.state, DifferenceState::Returning { .. });
        if is_returning && !tasks.contains(&returning) {
            return fault("is to be given back, and nothing waits to ask the channel");
        }
        let wanted = difference.entries();
        if wanted.is_empty() {
            return Ok(());
        }
        let (_, booked) = difference_with_entries(connection, id, u64::MAX)?;
        let is_booked = |it| booked.iter().any(|booked| is(it, booked));
        if booked.len() == wanted.len() && wanted.iter().all(is_booked) {
            return Ok(());
        }
        fault(&format!("has {} entries, which are not those of its resolution", booked.len()))
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    Ok(count)
}

/// Payments that orders learned of by a bill's line: order and difference name each other, and may be in different
/// books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Late {
    /// By the orders: each line's hash, and the digits of the payment's number.
    orders: BTreeMap<DifferenceId, (String, String)>,
    /// Differences about such payments: the hash, the number, and whether it was resolved by booking it; none if it is
    /// not resolved.
    differences: BTreeMap<DifferenceId, (String, String, Option<bool>)>,
    twice: Option<DifferenceId>,
}

impl Late {
    pub(super) fn add_order(&mut self, order: &Order) {
        for line in &order.evidence {
            let number = lezai_channels::number::of_attempt(&line.attempt);
            let former = self.orders.insert(line.difference.clone(), (line.line.clone(), number));
            if former.is_some() {
                self.twice = Some(line.difference.clone());
            }
        }
    }

    fn add_difference(&mut self, record: &DifferenceRecord) {
        let Difference { id, payment: Some(number), state, .. } = &record.difference else {
            return;
        };
        let is_booked = match state {
            DifferenceState::Resolved { resolution, .. } => Some(resolution.act == Act::BookLate),
            _ => None,
        };
        let told = (record.evidence.clone(), number.clone(), is_booked);
        self.differences.insert(id.clone(), told);
    }

    /// Adds those of another book.
    pub(super) fn add(&mut self, other: Self) {
        for (id, told) in other.orders {
            if self.orders.insert(id.clone(), told).is_some() {
                self.twice = Some(id);
            }
        }
        self.differences.extend(other.differences);
        self.twice = self.twice.take().or(other.twice);
    }

    /// Whether each side has the other.
    pub(super) fn holds(&self) -> Result<(), Failed> {
        let broken = |what: String| Err(Failed::Broken(Fault::File(what)));
        if let Some(id) = &self.twice {
            return broken(format!("two payments were booked by the line of {id}"));
        }
        for (id, (line, number)) in &self.orders {
            let named = self.differences.get(id);
            if named.is_none_or(|it| (&it.0, &it.1) != (line, number)) {
                return broken(format!(
                    "a payment was booked by the line of {id}, which is not of it"
                ));
            }
        }
        // By the line and not by the difference: a new run makes the difference anew from the same line.
        let booked: BTreeSet<_> = self.orders.values().collect();
        for (id, (line, number, resolved)) in &self.differences {
            let is_on_an_order = booked.contains(&(line.clone(), number.clone()));
            match resolved {
                Some(true) if !is_on_an_order => {
                    return broken(format!("{id} is booked late, and no order has its payment"));
                }
                Some(false) if is_on_an_order => {
                    return broken(format!(
                        "{id} is resolved twice: an order has its payment, too"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> DifferenceId {
        DifferenceId::new(lezai_core::time::Timestamp::from_secs(1_795_000_000), [n; 10])
    }

    #[test]
    fn order_and_difference_name_each_other() {
        let of = |line: &str| (line.to_owned(), "77".to_owned());
        let told = |line: &str, number: &str, booked| (line.to_owned(), number.to_owned(), booked);
        type Orders = Vec<(DifferenceId, (String, String))>;
        type Differences = Vec<(DifferenceId, (String, String, Option<bool>))>;
        let (late, open, otherwise) = (Some(true), None, Some(false));
        let rows: [(Orders, Differences, &str); 9] = [
            (vec![], vec![], ""),
            (vec![(id(1), of("ab"))], vec![(id(1), told("ab", "77", late))], ""),
            // Died between the two commits.
            (vec![(id(1), of("ab"))], vec![(id(1), told("ab", "77", open))], ""),
            // A new run made the difference anew, and that one was resolved.
            (
                vec![(id(1), of("ab"))],
                vec![(id(1), told("ab", "77", open)), (id(2), told("ab", "77", late))],
                "",
            ),
            (vec![(id(1), of("ab"))], vec![(id(1), told("ab", "77", otherwise))], "resolved twice"),
            (vec![(id(1), of("ab"))], vec![(id(1), told("cd", "77", late))], "which is not of it"),
            (vec![(id(1), of("ab"))], vec![(id(1), told("ab", "78", late))], "which is not of it"),
            (vec![(id(1), of("ab"))], vec![(id(2), told("ab", "77", open))], "which is not of it"),
            (vec![], vec![(id(1), told("ab", "77", late))], "no order has its payment"),
        ];
        for (orders, differences, fault) in rows {
            // Each side from a book of its own.
            let mut late = Late { orders: orders.into_iter().collect(), ..Late::default() };
            let differences = differences.into_iter().collect();
            late.add(Late { differences, ..Late::default() });
            let found = late.holds().map_or_else(|error| error.to_string(), |()| String::new());
            assert!(found.contains(fault) && found.is_empty() == fault.is_empty(), "{found}");
        }
        let mut late = Late { orders: [(id(1), of("ab"))].into(), ..Late::default() };
        late.add(late.clone());
        assert!(late.holds().unwrap_err().to_string().contains("two payments"));
    }
}
