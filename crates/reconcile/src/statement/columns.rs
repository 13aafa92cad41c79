//! Which columns a statement has, and in which order.

use lezai_core::policy::answer::MAX_COLUMNS;

use super::Kind;

/// The prefix of a column of the merchant's plugin: no column of ours begins so.
const OWN: &str = "plugin.";
/// The columns that each statement has, named or not: without the last row nobody could tell that a file was cut.
const ALWAYS: [&str; 2] = ["record", "note"];

/// A statement's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// One of [`Kind::columns`], by its place there.
    Known(usize, &'static str),
    /// One of the merchant's plugin's.
    Own(String),
}

/// A name that cannot be a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadColumn {
    /// There is no such column.
    #[error("{name} is not a column of {kind}")]
    Unknown {
        /// The name.
        name: String,
        /// The statement's type.
        kind: &'static str,
    },
    /// It is named twice.
    #[error("{0} is named twice")]
    Twice(String),
    /// More of a plugin's than an answer of it can have.
    #[error("at most {MAX_COLUMNS} columns of a plugin can be named")]
    TooMany,
}

impl Columns {
    /// All of a type, in its own order.
    pub fn all(kind: Kind) -> Self {
        Self(kind.columns().iter().enumerate().map(|(at, name)| Column::Known(at, name)).collect())
    }

    /// Those that are named, in that order; `record` and `note` come last unless they are named. No name means all.
    ///
    /// # Errors
    ///
    /// [`BadColumn`].
    pub fn named<S: AsRef<str>>(kind: Kind, names: &[S]) -> Result<Self, BadColumn> {
        if names.is_empty() {
            return Ok(Self::all(kind));
        }
        let named = names.iter().map(AsRef::as_ref);
        let left = ALWAYS.into_iter().filter(|it| !names.iter().any(|name| name.as_ref() == *it));
        let mut columns: Vec<Column> = Vec::new();
        for name in named.chain(left) {
            let column = column(kind, name)?;
            if columns.contains(&column) {
                return Err(BadColumn::Twice(name.to_owned()));
            }
            columns.push(column);
        }
        let own = columns.iter().filter(|it| matches!(it, Column::Own(_)));
        if own.count() > MAX_COLUMNS { Err(BadColumn::TooMany) } else { Ok(Self(columns)) }
    }

    /// Whether any is of the merchant's plugin's.
    pub fn has_own(&self) -> bool {
        self.0.iter().any(|it| matches!(it, Column::Own(_)))
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Column> {
        self.0.iter()
    }
}

impl Column {
    /// Its name in the header and in JSON.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Known(_, name) => (*name).to_owned(),
            Self::Own(name) => format!("{OWN}{name}"),
        }
    }
}

fn column(kind: Kind, name: &str) -> Result<Column, BadColumn> {
    let known = kind.columns().iter().enumerate().find(|(_, it)| **it == name);
    if let Some((at, name)) = known {
        return Ok(Column::Known(at, name));
    }
    let own = name.strip_prefix(OWN).filter(|it| kind == Kind::Orders && is_word(it));
    let unknown = || BadColumn::Unknown { name: name.to_owned(), kind: kind.as_str() };
    own.map(|it| Column::Own(it.to_owned())).ok_or_else(unknown)
}

/// As a plugin's columns are named: `a-z`, `0-9` and `_`.
fn is_word(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
