//! The resources that one plugin may use.

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
    /// Fuel for one question: one unit for most instructions and more for those that take long, and one
    /// for each byte that an instruction copies or fills. To start an instance has as much once more.
    pub fuel: u64,
    /// Processor time for one question, in milliseconds: the last resort, for what fuel cannot stop.
    /// It is the engine's, whatever limits a plugin has of its own, and lies far above what all the
    /// fuel takes on the slowest machine worth supporting: what the clock ends would end otherwise
    /// on another machine. [`Engine::pace`](crate::Engine::pace) measures how far.
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
            deadline_ms: 1_000,
        }
    }
}
