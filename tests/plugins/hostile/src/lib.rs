//! Everything that a plugin should not do, one at a time, for the tests of what contains it.
//!
//! Settings say which: `risk=loop` or `pricing=more,routing=unknown`. A hook that is not named
//! answers as it should.

use std::hint::black_box;
use std::sync::atomic::{AtomicU16, Ordering};

use lezai_plugin::{
    Assessment, Column, Money, Order, Pricing, Reason, Risk, Routing, Share, Split, Statement,
    Verdict,
};

/// The plugin.
pub struct Hostile;

lezai_plugin::export!(Hostile: Risk, Pricing, Routing, Split, Statement);

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

impl Split for Hostile {
    fn divide(order: Order, fee: Money, settings: &[u8]) -> Result<Vec<Share>, String> {
        let share = |receiver: &str, minor| Share { receiver: receiver.to_owned(), minor };
        let net = order.amount.minor - fee.minor;
        Ok(match behaviour(settings, "split") {
            "all" => vec![share("a", net - 1), share("b", 1)],
            "more" => vec![share("a", net), share("b", 1)],
            "wrap" => vec![share("a", u64::MAX), share("b", u64::MAX), share("c", 2)],
            "most" => vec![share("a", u64::MAX)],
            "nothing" => vec![share("a", 0)],
            "twice" => vec![share("a", 1), share("a", 1)],
            "nobody" => vec![share("", 1)],
            "name" => vec![share("a b", 1)],
            "many" => (0..17).map(|it| share(&it.to_string(), 1)).collect(),
            "flood" => vec![Share { receiver: "a".repeat(1 << 20), minor: 1 }],
            other => {
                misbehave(other)?;
                vec![share("partner", 1)]
            }
        })
    }
}

impl Statement for Hostile {
    fn columns(_order: Order, settings: &[u8]) -> Result<Vec<Column>, String> {
        let column =
            |name: &str, value: &str| Column { name: name.to_owned(), value: value.to_owned() };
        Ok(match behaviour(settings, "statement") {
            "many" => (0..9).map(|it| column(&format!("c{it}"), "")).collect(),
            "twice" => vec![column("till", "1"), column("till", "2")],
            "name" => vec![column("Till", "1")],
            "control" => vec![column("till", "1\r\n2")],
            "long" => vec![column("till", &"x".repeat(201))],
            "flood" => vec![Column { name: "till".to_owned(), value: "x".repeat(1 << 20) }],
            other => {
                misbehave(other)?;
                vec![column("till", "7")]
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
