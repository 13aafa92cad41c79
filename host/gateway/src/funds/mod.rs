//! What is owed to merchants, and how it is shown.

pub mod balances;
