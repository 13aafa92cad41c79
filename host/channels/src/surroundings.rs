//! Time and randomness, given from outside.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};

/// The time that signatures carry, and random bytes for nonces.
pub trait Surroundings: Send + Sync {
    /// Seconds since the epoch.
    fn now(&self) -> i64;

    /// Sixteen random bytes.
    ///
    /// # Errors
    ///
    /// The system has no randomness.
    fn random(&self) -> Result<[u8; 16], NoRandomness>;
}

/// The system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no randomness")]
pub struct NoRandomness;

/// The machine's clock and random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Surroundings for Machine {
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    fn random(&self) -> Result<[u8; 16], NoRandomness> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(bytes)
    }
}

/// Random bytes as a nonce: 32 hexadecimal digits.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn nonce(surroundings: &dyn Surroundings) -> Result<String, NoRandomness> {
    surroundings.random().map(|bytes| hex(&bytes))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
