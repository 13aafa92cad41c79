//! `make sim SEEDS=10000`, or `make sim SEED=17` to see one. With `CRASH=1` each seed runs once for each
//! of its commits, and dies there. With `LEZAI_TEST_POSTGRES` it is over that server: `make sim STORE=postgres`. With `SHRINK=0` a seed that fails is shown as it ran, and not narrowed down.

use std::process::ExitCode;
use std::time::Instant;

use lezai_tests::sim::{self, Planted};

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let (first, seeds) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("SEEDS").unwrap_or(1_000)),
    };
    if let Ok(server) = std::env::var("LEZAI_TEST_POSTGRES") {
        sim::over(&server);
    }
    let planted = std::env::var("PLANTED").ok();
    let planted =
        planted.and_then(|name| Planted::ALL.into_iter().find(|it| format!("{it:?}") == name));
    let begun = Instant::now();
    if number("CRASH").is_some() {
        let runs = (first..first + seeds)
            .try_fold(0, |runs, seed| sim::crash_everywhere(seed).map(|more| runs + more));
        return match runs {
            Ok(runs) => {
                println!("{runs} runs held, in {} ms", begun.elapsed().as_millis());
                ExitCode::SUCCESS
            }
            Err(failure) => {
                print!("{failure}");
                ExitCode::from(1)
            }
        };
    }
    let run = if number("SHRINK") == Some(0) { sim::run_untouched } else { sim::run };
    match run(first, seeds, planted.unwrap_or(Planted::Nothing)) {
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
