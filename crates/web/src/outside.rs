//! A verdict on a signature that was reached outside of this module.

use lezai_core::key::{KeyError, Verify};

/// WebCrypto's result for the one signature that it was handed.
pub(crate) struct Outside {
    pub(crate) holds: bool,
}

impl Verify for Outside {
    fn verify(&self, _message: &[u8], _signature: &[u8]) -> Result<(), KeyError> {
        if self.holds { Ok(()) } else { Err(KeyError::Signature) }
    }
}
