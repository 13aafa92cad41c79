//! Bounds of a bill: a file past them is another kind of file, or an attack.

/// The longest line: a row of a bill has some 300 bytes, and a description of goods up to 128 characters.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// The most columns of a row: bills have up to 40.
pub(crate) const COLUMNS_MAX: usize = 256;

/// More rows than these not understood, and the file is another kind of file.
pub const UNPARSED_MAX: usize = 1000;
