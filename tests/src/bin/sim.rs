//! `make sim SEEDS=10000`, or `make sim SEED=17` to see one.

use std::process::ExitCode;
use std::time::Instant;

use lezai_tests::sim::{self, Planted};

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let (first, seeds) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("SEEDS").unwrap_or(1_000)),
    };
    let planted = std::env::var("PLANTED").ok();
    let planted =
        planted.and_then(|name| Planted::ALL.into_iter().find(|it| format!("{it:?}") == name));
    let begun = Instant::now();
    match sim::run(first, seeds, planted.unwrap_or(Planted::Nothing)) {
        Ok(counts) => {
            let took = begun.elapsed();
            print!("{}", counts.text());
            println!("{seeds} seeds from {first} held, in {} ms", took.as_millis());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print!("{failure}");
            ExitCode::from(1)
        }
    }
}
