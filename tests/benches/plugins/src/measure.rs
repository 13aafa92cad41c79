//! Rows that take turns, and how they are printed.

use std::ops::Range;
use std::time::Duration;

use cpu_time::ThreadTime;

/// To ask for the time takes longer than some of what is measured, so it is asked for once a batch.
pub const BATCH: usize = 20;

/// Something that answers orders of a batch, and says what processor time it took.
pub struct Row<'a> {
    pub name: &'static str,
    /// It takes part in every so many rounds: slow ones in fewer.
    pub every: usize,
    pub batch: Box<dyn FnMut(Range<usize>) -> Duration + 'a>,
}

impl<'a> Row<'a> {
    /// One that runs on this thread.
    pub fn here(name: &'static str, every: usize, mut ask: impl FnMut(usize) + 'a) -> Self {
        let batch = move |orders: Range<usize>| {
            let begun = ThreadTime::now();
            orders.for_each(&mut ask);
            begun.elapsed()
        };
        Self { name, every, batch: Box::new(batch) }
    }
}

/// Nanoseconds for one question: of each batch the mean.
pub struct Times(Vec<u64>);

impl Times {
    pub fn new(nanos: Vec<u64>) -> Self {
        Self(nanos)
    }

    pub fn median(&self) -> u64 {
        self.quantile(50)
    }

    pub fn p99(&self) -> u64 {
        self.quantile(99)
    }

    pub fn most(&self) -> u64 {
        self.0.iter().copied().max().unwrap_or_default()
    }

    fn quantile(&self, percent: usize) -> u64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
    }

    /// The median of what this took more than the other, round by round. Both ran in every round.
    pub fn over(&self, other: &Self) -> i64 {
        let mut more: Vec<i64> =
            self.0.iter().zip(&other.0).map(|(a, b)| signed(*a) - signed(*b)).collect();
        more.sort_unstable();
        more.get(more.len() / 2).copied().unwrap_or_default()
    }
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// Runs all rows, batch by batch in turn, over `orders` orders again and again.
pub fn take_turns(rows: &mut [Row<'_>], orders: usize, rounds: usize) -> Vec<Times> {
    let mut found: Vec<Vec<u64>> = rows.iter().map(|_| Vec::new()).collect();
    let batches = orders / BATCH;
    for round in 0..rounds + rounds / 10 {
        let first = round % batches * BATCH;
        for (row, times) in rows.iter_mut().zip(&mut found) {
            if round % row.every != 0 {
                continue;
            }
            let time = (row.batch)(first..first + BATCH);
            // The first rounds warm everything up.
            if round >= rounds / 10 {
                times.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) / BATCH as u64);
            }
        }
    }
    found.into_iter().map(Times).collect()
}

/// The goals: what was wanted, and what was found.
#[derive(Default)]
pub struct Goals(Vec<(String, String, String, bool)>);

impl Goals {
    /// A time that should be at most another.
    pub fn time(&mut self, what: &str, nanos: i64, most: i64) {
        let unit = |nanos: i64| match nanos.abs() {
            0..1_000_000 => format!("{:.2} µs", nanos as f64 / 1e3),
            _ => format!("{:.2} ms", nanos as f64 / 1e6),
        };
        self.any(what, unit(nanos), format!("at most {}", unit(most)), nanos <= most);
    }

    pub fn any(&mut self, what: &str, found: String, wanted: String, met: bool) {
        self.0.push((what.to_owned(), found, wanted, met));
    }

    pub fn print(&self) {
        println!("\n| goal | wanted | measured | |\n|---|---|---|---|");
        for (what, found, wanted, met) in &self.0 {
            println!("| {what} | {wanted} | {found} | {} |", if *met { "met" } else { "MISSED" });
        }
    }
}

/// Rows as a table of Markdown.
pub fn print(rows: &[Row<'_>], found: &[Times]) {
    println!("\n| processor time of one question | median, µs | p99, µs |\n|---|---:|---:|");
    for (row, times) in rows.iter().zip(found) {
        let micros = |nanos: u64| format!("{:.2}", nanos as f64 / 1e3);
        println!("| {} | {} | {} |", row.name, micros(times.median()), micros(times.p99()));
    }
}
