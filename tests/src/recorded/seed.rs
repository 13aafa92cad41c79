//! Orders of a fixed seed: usual ones, and each bound of each field. The same each time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lezai_plugin::{Customer, Device, MerchantProfile, Money, Order, Tally, Velocity, Windows};

use super::{DEVICE_KINDS, IP_CLASSES, SCENES};

const ORDERS: usize = 300;
const SEED: u64 = 0x006c_657a_6169;

/// Amounts: none, the least, those beside the limits that the demo's rules have, the most.
const AMOUNTS: [u64; 11] = [
    0,
    1,
    2,
    9_999,
    50_000,
    50_001,
    500_000,
    500_001,
    2_000_001,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
];
const CURRENCIES: [&str; 5] = ["CNY", "JPY", "KWD", "USD", "EUR"];
const TIMES: [i64; 6] = [0, -1, 1_767_225_600_000, 1_767_204_000_000, i64::MIN, i64::MAX];
/// Texts that something could read otherwise than it should.
const TEXTS: [&str; 12] = [
    "",
    "a",
    "茶",
    "乐在 😀",
    "e\u{301}",
    "é",
    "\u{0}",
    "\"\\\n",
    "c-77",
    "ﬀ",
    "\u{10ffff}",
    "\u{202e}abc",
];
const METHODS: [&str; 5] = ["wallet_qr", "wallet_redirect", "mini_wechat", "counter_scan", "w"];
const COUNTRIES: [&str; 5] = ["CN", "HK", "US", "DE", "CM"];
const KEYS: [&str; 8] =
    ["goods", "device_age_days", "basket", "seller:tea", "seller:", "seller:cup:2", "coupon", "茶"];
const VALUES: [&str; 14] = [
    "gift_card",
    "tea",
    "6",
    "7",
    "-1",
    "+5",
    " 7",
    "4294967295",
    "4294967296",
    "9000",
    "18446744073709551615",
    "18446744073709551616",
    "0",
    "😀",
];
const COUNTS: [u32; 8] = [0, 1, 4, 5, 10, 11, 30, u32::MAX];
const SUMS: [u64; 4] = [0, 12_800, i64::MAX as u64, u64::MAX];

/// The orders.
pub fn orders() -> Vec<Order> {
    let mut dice = Dice(SEED);
    let mut orders: Vec<Order> = (0..ORDERS).map(|_| dice.order()).collect();
    orders.push(longest("茶", 200));
    orders.push(longest("\u{1f375}", 150));
    orders.push(Order { metadata: vec![], ..Order::example() });
    orders
}

/// Each text as long as the API takes it, of characters of several bytes each, keys that differ in
/// their last bytes alone.
fn longest(letter: &str, value: usize) -> Order {
    let text = |letters: usize| Some(letter.repeat(letters));
    let metadata = (10..30).map(|it| (format!("{}{it}", "k".repeat(38)), letter.repeat(value)));
    let merchant = windows(&mut |_| Tally { count: u32::MAX, sum: u64::MAX });
    let most = Some(merchant);
    Order {
        merchant_order_id: "A".repeat(64),
        amount: Money { minor: AMOUNTS[10], currency: "CNY".to_owned() },
        methods: (10..26).map(|it| format!("{}{it}", "m".repeat(30))).collect(),
        method: None,
        customer: Customer {
            reference: text(64),
            ip: Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".to_owned()),
            ip_class: Some(IP_CLASSES[4].1),
            country: Some("CN".to_owned()),
        },
        device: Device {
            id: text(64),
            kind: Some(DEVICE_KINDS[4].1),
            os: text(64),
            user_agent: text(256),
        },
        metadata: metadata.collect(),
        profile: MerchantProfile {
            country: Some("CN".to_owned()),
            category: Some(9999),
            tier: Some(9),
        },
        velocity: Velocity { merchant, customer: most, device: most, ip: most },
        ..Order::example()
    }
}

fn windows(tally: &mut dyn FnMut(usize) -> Tally) -> Windows {
    Windows { minute: tally(0), hour: tally(1), day: tally(2) }
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.number() % most as u64).unwrap()
    }

    fn one<Thing: Copy>(&mut self, of: &[Thing]) -> Thing {
        of[self.below(of.len())]
    }

    /// Two times of three.
    fn perhaps<Thing>(&mut self, make: impl FnOnce(&mut Self) -> Thing) -> Option<Thing> {
        if self.below(3) > 0 { Some(make(self)) } else { None }
    }

    fn text(&mut self) -> String {
        self.one(&TEXTS).to_owned()
    }

    fn order(&mut self) -> Order {
        let methods = self.methods();
        let (customer, device) = (self.customer(), self.device());
        Order {
            id: format!("ord_{:016x}{:016x}", self.number() >> 1, self.number()),
            merchant: "m_demo".to_owned(),
            merchant_order_id: format!("A-{}", self.below(1_000_000)),
            amount: self.amount(),
            scene: self.one(&SCENES).1,
            method: if methods.len() == 1 { methods.first().cloned() } else { None },
            methods,
            customer,
            device,
            metadata: self.metadata(),
            profile: MerchantProfile {
                country: self.perhaps(|it| it.one(&COUNTRIES).to_owned()),
                category: self.perhaps(|it| it.one(&[0, 5499, 9999])),
                tier: self.perhaps(|it| it.one(&[0, 3, 9])),
            },
            velocity: Velocity {
                merchant: self.windows(),
                customer: self.perhaps(Self::windows),
                device: self.perhaps(Self::windows),
                ip: self.perhaps(Self::windows),
            },
            at_ms: self.one(&TIMES),
        }
    }

    fn amount(&mut self) -> Money {
        let usual = self.number() % 1_000_000;
        let minor = self.perhaps(|it| it.one(&AMOUNTS)).unwrap_or(usual);
        // Half of them in yuan, for that is what the demo's rules are about.
        let currency = if self.below(2) == 0 { "CNY" } else { self.one(&CURRENCIES) };
        Money { minor, currency: currency.to_owned() }
    }

    fn methods(&mut self) -> Vec<String> {
        let most = 1 + self.below(3);
        let mut methods: Vec<String> = (0..most).map(|_| self.one(&METHODS).to_owned()).collect();
        methods.dedup();
        methods
    }

    fn customer(&mut self) -> Customer {
        let ip = self.perhaps(|it| {
            let bits = u128::from(it.number());
            let v4 = Ipv4Addr::from_bits(u32::try_from(bits & 0x3fff_ffff).unwrap());
            let address: IpAddr = match it.below(4) {
                0 => v4.into(),
                1 => Ipv4Addr::new(203, 0, 113, v4.octets()[3]).into(),
                2 => v4.to_ipv6_mapped().into(),
                _ => Ipv6Addr::from_bits(bits << 64 | bits >> 60).into(),
            };
            address.to_string()
        });
        Customer {
            reference: self.perhaps(Self::text),
            ip_class: ip.as_ref().map(|_| self.one(&IP_CLASSES).1),
            ip,
            country: self.perhaps(|it| it.one(&COUNTRIES).to_owned()),
        }
    }

    fn device(&mut self) -> Device {
        Device {
            id: self.perhaps(Self::text),
            kind: self.perhaps(|it| it.one(&DEVICE_KINDS).1),
            os: self.perhaps(Self::text),
            user_agent: self.perhaps(Self::text),
        }
    }

    fn metadata(&mut self) -> Vec<(String, String)> {
        let most = self.below(6);
        let mut members = BTreeMap::new();
        for _ in 0..most {
            members.insert(self.one(&KEYS).to_owned(), self.one(&VALUES).to_owned());
        }
        // A third of them are gift cards.
        if self.below(3) == 0 {
            members.insert("goods".to_owned(), "gift_card".to_owned());
        }
        members.into_iter().collect()
    }

    fn windows(&mut self) -> Windows {
        windows(&mut |_| Tally { count: self.one(&COUNTS), sum: self.one(&SUMS) })
    }
}
