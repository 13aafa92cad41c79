//! Everything that a plugin should not do, one at a time, for the tests of what contains it.
//!
//! Settings say which: `risk=loop` or `pricing=more,routing=unknown`. A hook that is not named
//! answers as it should.

use std::hint::black_box;
use std::sync::atomic::{AtomicU16, Ordering};

use lezai_plugin::{Assessment, Money, Order, Pricing, Reason, Risk, Routing, Verdict};

/// The plugin.
pub struct Hostile;

lezai_plugin::export!(Hostile: Risk, Pricing, Routing);

/// How many questions this instance was asked; if it outlived an order, the score would tell.
static ASKED: AtomicU16 = AtomicU16::new(0);

impl Risk for Hostile {
    fn assess(order: Order, settings: &[u8]) -> Result<Assessment, String> {
        let good =
            Reason { code: "hostile".to_owned(), message: "Says the hostile plugin".to_owned() };
        let answer = |verdict, score, reasons| Ok(Assessment { verdict, score, reasons });
        match behaviour(settings, "risk") {
            "score" => answer(Verdict::Accept, 1001, vec![]),
            "unexplained" => answer(Verdict::Deny, 1000, vec![]),
            "many" => answer(Verdict::Review, 500, vec![good; 9]),
            "code" => {
                answer(Verdict::Review, 500, vec![Reason { code: "Not A Code".to_owned(), ..good }])
            }
            "control" => answer(
                Verdict::Review,
                500,
                vec![Reason { message: "a\u{1b}[31m".to_owned(), ..good }],
            ),
            "long" => {
                answer(Verdict::Review, 500, vec![Reason { message: "x".repeat(201), ..good }])
            }
            "flood" => {
                answer(Verdict::Review, 500, vec![Reason { message: "x".repeat(1 << 20), ..good }])
            }
            "crowd" => answer(Verdict::Review, 500, vec![good; 1000]),
            "memory" => {
                let asked = ASKED.fetch_add(1, Ordering::Relaxed);
                answer(Verdict::Accept, asked, vec![])
            }
            "echo" => {
                answer(Verdict::Accept, u16::try_from(order.metadata.len()).unwrap_or(0), vec![])
            }
            other => {
                misbehave(other)?;
                answer(Verdict::Review, 500, vec![good])
            }
        }
    }
}

impl Pricing for Hostile {
    fn fee(order: Order, settings: &[u8]) -> Result<Money, String> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let currency = order.amount.currency;
        Ok(match behaviour(settings, "pricing") {
            "more" => Money { minor: order.amount.minor + 1, currency },
            "most" => Money { minor: u64::MAX, currency },
            "currency" => Money { minor: 1, currency: "USD".to_owned() },
            "flood" => Money { minor: 1, currency: "C".repeat(1 << 20) },
            other => {
                misbehave(other)?;
                Money { minor: 1, currency }
            }
        })
    }
}

impl Routing for Hostile {
    fn route(_order: Order, settings: &[u8]) -> Result<Vec<String>, String> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let sandbox = "sandbox".to_owned();
        Ok(match behaviour(settings, "routing") {
            "unknown" => vec![sandbox, "my_own_pocket".to_owned()],
            "twice" => vec![sandbox.clone(), sandbox],
            "many" => vec![sandbox; 17],
            "flood" => vec![String::new(); 10_000],
            other => {
                misbehave(other)?;
                vec![sandbox]
            }
        })
    }
}

fn behaviour<'a>(settings: &'a [u8], hook: &str) -> &'a str {
    let settings = std::str::from_utf8(settings).unwrap_or_default();
    let mut entries = settings.split(',').filter_map(|it| it.split_once('='));
    entries.find(|(it, _)| *it == hook).map_or("", |(_, behaviour)| behaviour)
}

fn misbehave(how: &str) -> Result<(), String> {
    match how {
        "loop" => loop {
            black_box(());
        },
        "trap" => panic!("on purpose"),
        "grow" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 64 * 1024]);
            }
        }
        "recurse" => {
            black_box(recurse(0));
            Ok(())
        }
        // One instruction fills a megabyte: fuel has to count bytes, not instructions.
        "fill" => {
            let mut bytes = vec![0_u8; 1 << 20];
            for byte in 0..1_000_000_u32 {
                bytes.fill(byte.to_le_bytes()[0]);
                black_box(&bytes);
            }
            Ok(())
        }
        "refuse" => Err("I would rather not".to_owned()),
        "rant" => Err("no ".repeat(100_000)),
        _ => Ok(()),
    }
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "on purpose")]
fn recurse(depth: u32) -> u32 {
    let frame = black_box([depth; 16]);
    recurse(depth + 1) + frame[0]
}
