//! Randomness from the operating system. The core takes it as an argument; here it comes from.

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
