//! Faults of a configuration.

use std::fmt;

use crate::reader::Origin;

/// Something that is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands; none if it is about something that is missing.
    pub origin: Option<Origin>,
    /// The setting, such as `listen.address`; empty if the file as a whole is meant.
    pub key: String,
    /// The fault, in words.
    pub what: String,
    /// The way to mend it.
    pub fix: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        match self.key.as_str() {
            "" => write!(f, "{}; {}", self.what, self.fix),
            key => write!(f, "{key} {}; {}", self.what, self.fix),
        }
    }
}

/// Everything that is wrong; at least one thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
