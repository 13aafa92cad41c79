//! The questions that the contract knows, and what a component exports to answer one.

use std::fmt;

use crate::refused::Refused;

/// The contract's types.
pub(crate) const TYPES: &str = "lezai:plugin/types@1.0.0";
const RISK: &str = "lezai:plugin/risk@1.0.0";
const PRICING: &str = "lezai:plugin/pricing@1.0.0";
const ROUTING: &str = "lezai:plugin/routing@1.0.0";
const SPLIT: &str = "lezai:plugin/split@1.0.0";
const STATEMENT: &str = "lezai:plugin/statement@1.0.0";

/// A question that the contract lets a plugin answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// The risk of the order.
    Risk,
    /// The fee that the merchant pays for it.
    Pricing,
    /// The channels to try, in order.
    Routing,
    /// The parties that get a part of it.
    Split,
    /// The columns that it has in the merchant's books.
    Statement,
}

impl Hook {
    /// All, in the order in which they are asked.
    pub const ALL: [Self; 5] =
        [Self::Risk, Self::Pricing, Self::Routing, Self::Split, Self::Statement];

    /// Those that every order is asked: the standard plugin answers them.
    pub const STANDARD: [Self; 3] = [Self::Risk, Self::Pricing, Self::Routing];

    /// The hook's word in the contract.
    pub fn label(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Pricing => "pricing",
            Self::Routing => "routing",
            Self::Split => "split",
            Self::Statement => "statement",
        }
    }

    /// Its place in [`Hook::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Risk => 0,
            Self::Pricing => 1,
            Self::Routing => 2,
            Self::Split => 3,
            Self::Statement => 4,
        }
    }

    /// The interface and the function in it.
    pub(crate) fn export(self) -> (&'static str, &'static str) {
        match self {
            Self::Risk => (RISK, "assess"),
            Self::Pricing => (PRICING, "fee"),
            Self::Routing => (ROUTING, "route"),
            Self::Split => (SPLIT, "divide"),
            Self::Statement => (STATEMENT, "columns"),
        }
    }
}

/// Refuses an interface of the contract's package that is not known here, such as one of another version or
/// with a typing error in its name: the standard plugin would answer in its place without a word. Whatever reads
/// what a plugin exports asks here.
///
/// # Errors
///
/// [`Refused::Contract`].
pub fn known_interface(name: &str) -> Result<(), Refused> {
    let is_known = name == TYPES || Hook::ALL.iter().any(|hook| hook.export().0 == name);
    if is_known || !name.starts_with("lezai:") {
        Ok(())
    } else {
        Err(Refused::Contract(format!("it exports {name}, which is not known here")))
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
