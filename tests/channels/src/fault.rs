//! Faults, by switch: `POST /_sim/faults` with a provider, a call, what, and how often.

use std::sync::Mutex;

use serde::Deserialize;

use crate::locked;

/// A fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The connection ends without an answer, and nothing was done.
    CutBefore,
    /// It was done, and the connection ends without an answer.
    CutAfter,
    /// A system's error, and nothing was done.
    ErrorBefore,
    /// It was done, and answered by a system's error.
    ErrorAfter,
    /// The rate is limited; nothing was done.
    Busy,
    /// Refused for good: the merchant may not use it.
    Refused,
    /// The answer, or the callback, is signed with another key.
    WrongSignature,
    /// The signature begins `WECHATPAY/SIGNTEST/`.
    SignTest,
    /// There is no signature.
    Unsigned,
    /// It is signed an hour ago.
    Stale,
    /// It names a key that nobody knows.
    UnknownKey,
    /// A repeat is refused for the state of the code or the payment, and not for its number.
    StateFirst,
    /// A query does not find what was done, for now.
    NotFound,
    /// The amount is another by one fen.
    WrongAmount,
    /// The number is another order's.
    WrongNumber,
    /// The merchant is another.
    WrongMerchant,
    /// The answer is a page of HTML, with status 200.
    Garbage,
    /// A refund is refused: the merchant's balance is too small.
    NotEnough,
    /// A refund is taken and not done yet.
    Processing,
    /// A refund comes back from the shopper's bank.
    Abnormal,
    /// A callback is sent three times at once.
    Duplicate,
    /// A callback is never sent.
    Lost,
    /// A callback is about another amount than what was paid.
    Lie,
    /// A bill is not made yet.
    NotYet,
    /// A bill's file ends too early.
    Truncated,
    /// A bill's file is whole, and the text in it ends too early.
    TruncatedInside,
    /// A bill's file has the rows of another day.
    WrongDay,
    /// The answer never comes.
    Never,
}

/// A fault that waits for its call.
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    /// `wechat`, `alipay` or `unionpay`.
    pub provider: String,
    /// The call: `prepay`, `codepay`, `query`, `close`, `reverse`, `refund`, `query_refund`,
    /// `certificates`, `bill`, `bill_file`, `callback`, or `*` for any.
    pub call: String,
    /// The fault.
    pub what: What,
    /// How often.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// The faults that wait.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// One more.
    pub fn add(&self, fault: Fault) {
        locked(&self.0).push(fault);
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        locked(&self.0).is_empty()
    }

    /// None any more.
    pub fn clear(&self) {
        locked(&self.0).clear();
    }

    /// The fault of this call, if one waits for it.
    pub fn take(&self, provider: &str, call: &str) -> Option<What> {
        let mut faults = locked(&self.0);
        let meant = |fault: &Fault| {
            fault.provider == provider
                && (fault.call == call || (fault.call == "*" && call != "callback"))
        };
        let at = faults.iter().position(meant)?;
        let fault = faults.get_mut(at)?;
        let what = fault.what;
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            faults.remove(at);
        }
        Some(what)
    }
}
