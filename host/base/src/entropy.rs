//! Randomness from the operating system. The core takes it as an argument; here it comes from.

use std::sync::{Mutex, PoisonError};

/// `N` random bytes.
///
/// # Panics
///
/// If the operating system has none: nothing here could go on safely without.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .unwrap_or_else(|error| panic!("the operating system gives no randomness: {error}"));
    bytes
}

/// Where a gateway takes its randomness from.
#[derive(Debug, Default)]
pub enum Entropy {
    /// The operating system.
    #[default]
    Os,
    /// A seed: the same numbers in each run, for the simulator alone.
    Seeded(Mutex<u64>),
}

impl Entropy {
    /// Numbers that anyone who knows the seed can foretell.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Mutex::new(seed))
    }

    /// `N` bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        match self {
            Self::Os => bytes(),
            Self::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let mut bytes = [0; N];
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&next(&mut state).to_le_bytes()[..chunk.len()]);
                }
                bytes
            }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
