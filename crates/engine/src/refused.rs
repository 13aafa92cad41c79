//! Why a component is not taken.

/// Why a component was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`Limits::component`](crate::Limits::component).
    #[error("the component has {found} bytes, at most {most} are taken")]
    TooLarge {
        /// Its bytes.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Not WebAssembly, or not valid, or of a feature that plugins do not have.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// More of something than is given to the compiler; it takes what a usual plugin has three
    /// times over.
    #[error("not a valid component: {found} {what}, at most {most} are taken")]
    TooMany {
        /// The items that there are too many of.
        what: &'static str,
        /// How many were counted; there may be more.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A nested component has modules, components or instances of its own.
    #[error("not a valid component: a nested component has a {0} of its own")]
    Nested(&'static str),
    /// It has functions that only parts need which call each other.
    #[error("not a valid component: it has a function that is not lifted from a core module")]
    Glue,
    /// A core module.
    #[error("a core module and not a component: `lezai plugin build` makes one of it")]
    CoreModule,
    /// It wants something from outside.
    #[error("it imports {0}: a plugin imports nothing")]
    Import(String),
    /// It exports no hook, or not as the contract has it.
    #[error("it does not follow the contract: {0}")]
    Contract(String),
    /// The compiler did not come to an end within its own limits on time and memory.
    #[error("the compiler gave it up: {0}")]
    Compiler(String),
    /// It could not be instantiated within the limits.
    #[error("it cannot be started: {0}")]
    Start(String),
}
