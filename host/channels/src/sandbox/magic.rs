//! The magic amounts: what the wallet does follows from the last three digits of an amount, in
//! minor units. A test of a merchant's picks its amount, and always meets the same.
//!
//! Prices end in 00 as a rule, and no magic amount does, so that nobody meets them by chance.
//! docs/sandbox.md has the same table in words, and a test holds the two together.

use lezai_core::money::Money;

/// How long "later" is, by the gateway's clock.
pub const LATE_SECS: i64 = 30;
/// How long a payment can be begun by a code: long enough to take a phone out, short enough that a
/// picture of it is soon worth nothing.
pub const CODE_SECS: i64 = 120;
/// How long by what a mini-program is given: as long as WeChat Pay takes a `prepay_id`.
pub const PREPAY_SECS: i64 = 2 * 3600;
/// How long by any of them that is soon over.
pub const CODE_SOON_SECS: i64 = 5;

/// The outcome of a payment, by the amount of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// All goes well.
    Usual,
    /// The wallet declines although the shopper agreed.
    Declined(&'static str),
    /// The first question after they agreed is not answered, but the money came.
    SilentPaid,
    /// The first question after they agreed is not answered, and no money came.
    SilentUnpaid,
    /// The money comes [`LATE_SECS`] after they agreed.
    Late,
    /// The wallet tells the gateway twice, at once.
    Twice,
    /// The money comes once the gateway calls the payment off.
    AfterClose,
    /// The wallet says nothing any more once they agreed.
    SilentForEver,
    /// The code is over after [`CODE_SOON_SECS`].
    CodeSoonOver,
    /// One minor unit too much comes.
    More,
    /// One minor unit too little comes.
    Less,
    /// A capture is refused.
    CaptureRefused,
    /// The first capture is done, but not answered.
    CaptureSilent,
    /// The money does not go back by a void.
    VoidRefused,
    /// The first void is done, but not answered.
    VoidSilent,
    /// It can be refunded whole, and not in part.
    WholeRefundsOnly,
    /// A debit is paid, and the payer's bank takes it back [`LATE_SECS`] later. Any other payment is usual.
    TakenBack(&'static str),
}

/// The outcome of a refund, by its own amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refund {
    /// The shopper has their money at once.
    Usual,
    /// They have it [`LATE_SECS`] later.
    Late,
    /// It fails.
    Failed(&'static str),
    /// It is done, but the first call is not answered.
    SilentDone,
    /// The first call gets lost.
    SilentLost,
    /// The wallet says nothing of it, ever.
    SilentForEver,
}

/// The last three digits of an order's amount, and what they do.
pub const PAYMENTS: &[(i64, Payment)] = &[
    (901, Payment::Declined("insufficient_funds")),
    (902, Payment::Declined("limit_exceeded")),
    (903, Payment::Declined("account_frozen")),
    (911, Payment::SilentPaid),
    (912, Payment::SilentUnpaid),
    (913, Payment::Late),
    (914, Payment::Twice),
    (915, Payment::AfterClose),
    (916, Payment::SilentForEver),
    (917, Payment::CodeSoonOver),
    (921, Payment::More),
    (922, Payment::Less),
    (931, Payment::CaptureRefused),
    (932, Payment::CaptureSilent),
    (941, Payment::VoidRefused),
    (942, Payment::VoidSilent),
    (951, Payment::WholeRefundsOnly),
    (952, Payment::TakenBack("payer_objected")),
    (953, Payment::TakenBack("account_closed")),
];

/// The last three digits of a refund's amount, and what they do.
pub const REFUNDS: &[(i64, Refund)] = &[
    (961, Refund::Late),
    (962, Refund::Failed("account_closed")),
    (963, Refund::SilentDone),
    (964, Refund::SilentLost),
    (965, Refund::SilentForEver),
];

/// The outcome of a payout, by its amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payout {
    /// The money arrives at once.
    Usual,
    /// It arrives [`LATE_SECS`] later.
    Late,
    /// It does not arrive.
    Failed(&'static str),
    /// It arrives, but the first call is not answered.
    SilentDone,
    /// The first call gets lost.
    SilentLost,
    /// The wallet says nothing of it, ever.
    SilentForEver,
    /// It arrives, and comes back [`LATE_SECS`] later.
    Returned(&'static str),
    /// One minor unit too little arrives.
    Less,
}

/// The last three digits of a payout's amount, and what they do.
pub const PAYOUTS: &[(i64, Payout)] = &[
    (971, Payout::Late),
    (972, Payout::Failed("account_closed")),
    (973, Payout::Failed("holder_mismatch")),
    (974, Payout::SilentDone),
    (975, Payout::SilentLost),
    (976, Payout::SilentForEver),
    (977, Payout::Returned("account_closed")),
    (978, Payout::Less),
];

/// The outcome of a mandate, by the most that may be debited at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mandate {
    /// All goes well.
    Usual,
    /// The wallet declines although the shopper agreed.
    Declined(&'static str),
    /// The first call is done, but not answered.
    Silent,
    /// The shopper takes it back [`LATE_SECS`] after they agreed.
    TakenBack,
}

/// The last three digits of the most that a mandate allows at once, and what they do.
pub const MANDATES: &[(i64, Mandate)] = &[
    (991, Mandate::Declined("account_not_eligible")),
    (992, Mandate::Silent),
    (993, Mandate::TakenBack),
];

/// The fault in the wallet's bill, by the amount of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bill {
    /// The payment is not in it.
    Lost,
    /// It is in it twice.
    Twice,
    /// It is there with one minor unit more.
    More,
    /// It is in the bills of the next day.
    NextDay,
    /// It is not in the bill of funds.
    FundsLost,
    /// It is in the bill of funds with one minor unit more.
    FundsMore,
    /// The wallet took a fee of one minor unit, which is in the bill of funds alone.
    FundsFee,
}

/// The last three digits of an order's amount, and what they do to the bills.
pub const BILLS: &[(i64, Bill)] = &[
    (981, Bill::Lost),
    (982, Bill::Twice),
    (983, Bill::More),
    (984, Bill::FundsLost),
    (985, Bill::FundsMore),
    (986, Bill::FundsFee),
    (987, Bill::NextDay),
];

/// The fault in the bills' row of a payment of this amount.
pub fn bill(amount: Money) -> Option<Bill> {
    pick(BILLS, amount)
}

/// The outcome of a mandate of at most this amount at once.
pub fn mandate(max_amount: Money) -> Mandate {
    pick(MANDATES, max_amount).unwrap_or(Mandate::Usual)
}

/// The outcome of a payout of this amount.
pub fn payout(amount: Money) -> Payout {
    pick(PAYOUTS, amount).unwrap_or(Payout::Usual)
}

/// The outcome of a payment of this amount.
pub fn payment(amount: Money) -> Payment {
    pick(PAYMENTS, amount).unwrap_or(Payment::Usual)
}

/// The outcome of a refund of this amount.
pub fn refund(amount: Money) -> Refund {
    pick(REFUNDS, amount).unwrap_or(Refund::Usual)
}

fn pick<T: Copy>(table: &[(i64, T)], amount: Money) -> Option<T> {
    table.iter().find(|(digits, _)| amount.minor() % 1000 == *digits).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_have_every_magic_amount_and_no_other() {
        let docs = include_str!("../../../../docs/sandbox.md");
        let rows = docs.lines().filter_map(|line| line.strip_prefix("| …")?.get(..3));
        let documented: Vec<i64> = rows.map(|digits| digits.parse().unwrap()).collect();
        let all = PAYMENTS.iter().map(|(digits, _)| *digits);
        let all = all.chain(REFUNDS.iter().map(|(digits, _)| *digits));
        let all = all.chain(PAYOUTS.iter().map(|(digits, _)| *digits));
        let all = all.chain(BILLS.iter().map(|(digits, _)| *digits));
        let all: Vec<i64> = all.chain(MANDATES.iter().map(|(digits, _)| *digits)).collect();
        assert_eq!(documented, all);
    }

    #[test]
    fn nobody_meets_them_by_chance() {
        let prices = include_str!("../../../../www/shop/static/products.json");
        let shelf: serde_json::Value = serde_json::from_str(prices).unwrap();
        for product in shelf["products"].as_array().unwrap() {
            for quantity in 1..=99 {
                let minor = product["price"].as_i64().unwrap() * quantity;
                let currency = product["currency"].as_str().unwrap().to_owned();
                let currency = lezai_core::money::Currency::from_code(&currency).unwrap();
                let amount = Money::new(minor, currency).unwrap();
                let met = (payment(amount), refund(amount));
                assert_eq!(met, (Payment::Usual, Refund::Usual), "{amount}");
                assert_eq!(bill(amount), None, "{amount}");
            }
        }
    }
}
