//! Why a file is not taken, and where in it that shows.

use std::fmt;

/// A file of which nothing counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: u64,
    /// The column's name, where one is at fault.
    pub column: Option<String>,
    /// The error.
    pub why: Why,
}

/// An error in a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Io(String),
    /// Nothing in it.
    #[error("the file is empty; a day without trades has a header and a summary of zeros")]
    Empty,
    /// No header of a known kind of bill among the first lines.
    #[error(
        "no header of a known bill stands in the first lines; is it another file, or another code page?"
    )]
    Foreign,
    /// A header of a known kind, with a column missing.
    #[error("the header of a {0} bill lacks this column")]
    MissingColumn(String),
    /// Two columns of one name.
    #[error("the header has this column twice")]
    ColumnTwice,
    /// A line is longer than any bill's.
    #[error("the line has more than {} bytes", crate::bounds::LINE_MAX)]
    LineTooLong,
    /// A row has more columns than any bill's.
    #[error("the row has more than {} columns", crate::bounds::COLUMNS_MAX)]
    TooManyColumns,
    /// The file has more bytes than are taken.
    #[error("the file is larger than the bound that was set for it")]
    FileTooLarge,
    /// So many rows are not understood that it is another kind of file.
    #[error("more than {} rows are not understood", crate::bounds::UNPARSED_MAX)]
    TooManyUnparsed,
    /// The summary that ends such a bill is not there.
    #[error("the summary at the end is missing: the file was cut")]
    Cut,
    /// The summary is followed by more.
    #[error("more stands behind the summary that ends such a bill")]
    BehindSummary,
    /// A figure of the summary is not a number.
    #[error("the summary's figure is not a number")]
    NotAFigure,
    /// A figure of the summary is not what the rows give.
    #[error("the summary says {said}, the rows give {found}")]
    Summary {
        /// The figure in the file.
        said: String,
        /// The figure that the rows give.
        found: String,
    },
    /// The running balance does not follow from the row.
    #[error("the balance is {said}, but the row before and this one give {found}")]
    Balance {
        /// The figure in the file.
        said: String,
        /// The figure that the rows give.
        found: String,
    },
    /// The sums are larger than is counted.
    #[error("the amounts add up to more than is counted")]
    TooMuchMoney,
}

impl Refused {
    pub(crate) fn at(line: u64, why: Why) -> Self {
        Self { line, column: None, why }
    }

    pub(crate) fn in_column(line: u64, column: &str, why: Why) -> Self {
        Self { line, column: Some(column.to_owned()), why }
    }

    /// Whether the bill contradicts itself: its rows do not give its totals or balances. The class
    /// `balance_break`.
    pub fn is_balance_break(&self) -> bool {
        matches!(self.why, Why::Summary { .. } | Why::Balance { .. })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}", self.line)?;
            if let Some(column) = &self.column {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.why)
    }
}

impl std::error::Error for Refused {}
