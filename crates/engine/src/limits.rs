//! What one plugin may use.

/// The bounds of a plugin, its calls and its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The longest component, in bytes. The standard plugin has 100 KiB.
    pub component: usize,
    /// The most linear memory of an instance, in bytes; a multiple of 64 KiB.
    pub memory: usize,
    /// The longest order and settings together, in bytes. The longest order that the API takes has
    /// 19 KiB, the longest policy 12 KiB.
    pub input: usize,
    /// The longest answer, in bytes.
    pub output: usize,
    /// Fuel for one question: about one unit for each instruction, and for each byte that an
    /// instruction copies or fills. To start an instance has as much once more.
    pub fuel: u64,
    /// Processor time for one question, in milliseconds; it is looked at once in a millisecond.
    /// Fuel runs out earlier, unless instructions take very long.
    pub deadline_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component: 256 * 1024,
            memory: 2 * 1024 * 1024,
            input: 32 * 1024,
            output: 8 * 1024,
            fuel: 2_000_000,
            deadline_ms: 5,
        }
    }
}
