//! Layers of settings, and reading one of them: the flag, else the variable, else the file, else the default.
//! A fault is noted, and reading goes on.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fault::Fault;
use crate::shown::{Setting, masked, quoted};

/// Where a setting's value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In a variable of the environment.
    Variable(String),
    /// After `--set`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "{name}"),
            Self::Flag(key) => write!(f, "--set {key}"),
        }
    }
}

/// Everything that a configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file's path and text.
    pub file: Option<(PathBuf, String)>,
    /// The environment; other programs' variables do no harm.
    pub environment: Vec<(String, String)>,
    /// Keys and values after `--set`; the last one of a key counts.
    pub flags: Vec<(String, String)>,
}

/// The variable that stands for a setting: `LEZAI_LISTEN_ADDRESS` for `listen.address`.
pub(crate) fn variable(key: &str) -> String {
    format!("LEZAI_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// The raw value of a setting: a text of the environment or of a flag, or a value of the file.
enum Found<'r> {
    Text(&'r str),
    Value(&'r DeValue<'r>),
}

/// Reads settings one after the other, and notes what is wrong and what is in force.
pub(crate) struct Reader<'r> {
    sources: &'r Sources,
    table: &'r DeTable<'r>,
    known: BTreeSet<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) settings: Vec<Setting>,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(sources: &'r Sources, table: &'r DeTable<'r>) -> Self {
        Self { sources, table, known: BTreeSet::new(), faults: Vec::new(), settings: Vec::new() }
    }

    /// A text of characters that can be seen.
    pub(crate) fn text(&mut self, key: &str, default: Option<&str>) -> Option<String> {
        self.read(
            key,
            default.map(str::to_owned),
            |text| quoted(text),
            "a text",
            |found| {
                let text = match found {
                    Found::Text(text) => Some(text),
                    Found::Value(value) => value.as_str(),
                };
                text.filter(|it| !it.is_empty() && !it.chars().any(char::is_control))
                    .map(str::to_owned)
            },
        )
    }

    /// A database of PostgreSQL's. It is shown without its password.
    pub(crate) fn database(&mut self, key: &str) -> Option<String> {
        let form = "the URL of a database, such as postgres://lezai@db.internal/lezai";
        self.read(
            key,
            None,
            |it| quoted(&masked(it)),
            form,
            |found| {
                let text = match found {
                    Found::Text(text) => Some(text),
                    Found::Value(value) => value.as_str(),
                };
                let is_one =
                    |it: &&str| it.starts_with("postgres://") || it.starts_with("postgresql://");
                text.filter(is_one).map(str::to_owned)
            },
        )
    }

    /// A path of a file or folder; one from the root on, for a service starts anywhere.
    pub(crate) fn path(&mut self, key: &str, default: Option<&str>) -> Option<PathBuf> {
        let form = "an absolute path, such as /etc/lezai/tls/fullchain.pem";
        self.read(
            key,
            default.map(PathBuf::from),
            |it| quoted(&it.to_string_lossy()),
            form,
            |found| {
                let text = match found {
                    Found::Text(text) => Some(text),
                    Found::Value(value) => value.as_str(),
                };
                text.map(PathBuf::from).filter(|it| it.is_absolute())
            },
        )
    }

    /// An address with its port.
    pub(crate) fn address(&mut self, key: &str, default: &str) -> Option<SocketAddr> {
        let form = "an address with its port, such as 0.0.0.0:8443 or [::]:8443";
        self.read(
            key,
            default.parse().ok(),
            |it| quoted(&it.to_string()),
            form,
            |found| {
                let text = match found {
                    Found::Text(text) => Some(text),
                    Found::Value(value) => value.as_str(),
                };
                text.and_then(|it| it.parse().ok())
            },
        )
    }

    /// A whole number in its bounds.
    pub(crate) fn number(
        &mut self,
        key: &str,
        default: u32,
        bounds: RangeInclusive<u32>,
    ) -> Option<u32> {
        let form = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.read(key, Some(default), ToString::to_string, &form, |found| {
            let number = match found {
                Found::Text(text) => text.parse().ok(),
                Found::Value(value) => {
                    let number = value.as_integer().filter(|it| it.radix() == 10);
                    number.and_then(|it| it.as_str().parse::<u32>().ok())
                }
            };
            number.filter(|it| bounds.contains(it))
        })
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, key: &str, words: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<String> = words.iter().map(|(word, _)| quoted(word)).collect();
        let form = format!("one of {}", names.join(", "));
        let read = self.read(
            key,
            words.first().copied(),
            |(word, _)| quoted(word),
            &form,
            |found| {
                let text = match found {
                    Found::Text(text) => Some(text),
                    Found::Value(value) => value.as_str(),
                };
                text.and_then(|text| words.iter().find(|(word, _)| *word == text).copied())
            },
        );
        read.map(|(_, value)| value)
    }

    /// Networks, or single addresses; separated by commas where they are text.
    pub(crate) fn networks(&mut self, key: &str) -> Option<Vec<IpNet>> {
        let form = r#"a list of addresses and networks, such as ["10.0.0.0/8", "2001:db8::1"]"#;
        let show = |nets: &Vec<IpNet>| {
            let nets: Vec<String> = nets.iter().map(|it| quoted(&it.to_string())).collect();
            format!("[{}]", nets.join(", "))
        };
        self.read(key, Some(Vec::new()), show, form, |found| match found {
            Found::Text("") => Some(Vec::new()),
            Found::Text(text) => text.split(',').map(|it| network(it.trim())).collect(),
            Found::Value(value) => {
                let array = value.as_array()?;
                array.iter().map(|it| network(it.get_ref().as_str()?)).collect()
            }
        })
    }

    /// A table of somebody else's settings, with the name of each; `own` are the names in `section` that
    /// are read here.
    pub(crate) fn tables(
        &mut self,
        section: &str,
    ) -> Vec<(&'r str, usize, &'r Spanned<DeValue<'r>>)> {
        self.known.insert(section.to_owned());
        let Some((_, found)) = self.entry(section) else { return Vec::new() };
        let Some(table) = found.get_ref().as_table() else {
            let line = self.line(found.span().start);
            self.fault(
                Some(line),
                section,
                "must be a table".to_owned(),
                format!("write [{section}.NAME]"),
            );
            return Vec::new();
        };
        table.iter().map(|(name, it)| (&**name.get_ref(), name.span().start, it)).collect()
    }

    fn read<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        show: impl Fn(&T) -> String,
        form: &str,
        parse: impl Fn(Found<'_>) -> Option<T>,
    ) -> Option<T> {
        self.known.insert(key.to_owned());
        let (origin, found) = match self.find(key) {
            Some((origin, found)) => (Some(origin), parse(found).ok_or(())),
            None => (None, default.ok_or(())),
        };
        if found.is_err() && origin.is_some() {
            self.fault(
                origin.clone(),
                key,
                format!("must be {form}"),
                "correct it, or leave it out".to_owned(),
            );
        }
        let value = found.ok();
        let shown = value.as_ref().map(show);
        self.settings.push(Setting { key: key.to_owned(), value: shown, origin, secret: false });
        value
    }

    fn find(&self, key: &str) -> Option<(Origin, Found<'r>)> {
        let sources = self.sources;
        if let Some((_, text)) = sources.flags.iter().rev().find(|(it, _)| it == key) {
            return Some((Origin::Flag(key.to_owned()), Found::Text(text)));
        }
        let variable = variable(key);
        if let Some((name, text)) = sources.environment.iter().find(|(it, _)| *it == variable) {
            return Some((Origin::Variable(name.clone()), Found::Text(text)));
        }
        let (at, value) = self.entry(key)?;
        Some((self.line(at), Found::Value(value.get_ref())))
    }

    /// The value at a dotted key, and where its name begins.
    fn entry(&self, key: &str) -> Option<(usize, &'r Spanned<DeValue<'r>>)> {
        let mut table = self.table;
        let mut parts = key.split('.').peekable();
        loop {
            let part = parts.next()?;
            let (name, value) = table.get_key_value(part)?;
            if parts.peek().is_none() {
                return Some((name.span().start, value));
            }
            table = value.get_ref().as_table()?;
        }
    }

    /// Where a setting's value stands, if it is not the default.
    pub(crate) fn origin(&self, key: &str) -> Option<Origin> {
        self.find(key).map(|(origin, _)| origin)
    }

    pub(crate) fn line(&self, at: usize) -> Origin {
        line(self.sources, at)
    }

    pub(crate) fn fault(&mut self, origin: Option<Origin>, key: &str, what: String, fix: String) {
        self.faults.push(Fault { origin, key: key.to_owned(), what, fix });
    }

    /// Notes every setting that was given and never read: most often a name with a letter wrong.
    pub(crate) fn finish(&mut self, sections: &[&str]) {
        let mut unknown = Vec::new();
        self.walk(self.table, "", sections, &mut unknown);
        for (key, origin) in unknown {
            let fix = self.advice(&key);
            self.fault(Some(origin), &key, "is not a setting".to_owned(), fix);
        }
        for (key, _) in &self.sources.flags {
            let foreign = sections.iter().any(|it| key.starts_with(&format!("{it}.")));
            if !self.known.contains(key) {
                let what = if foreign { "is set in the file alone" } else { "is not a setting" };
                let fix = self.advice(key);
                let origin = Some(Origin::Flag(key.clone()));
                self.faults.push(Fault { origin, key: key.clone(), what: what.to_owned(), fix });
            }
        }
    }

    fn walk(
        &self,
        table: &DeTable<'_>,
        prefix: &str,
        foreign: &[&str],
        unknown: &mut Vec<(String, Origin)>,
    ) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let inner = format!("{key}.");
            let is_section = self.known.iter().any(|it| it.starts_with(&inner));
            match value.get_ref().as_table() {
                _ if foreign.contains(&key.as_str()) => {}
                Some(table) if is_section => self.walk(table, &inner, foreign, unknown),
                _ if self.known.contains(&key) => {}
                _ => unknown.push((key, self.line(name.span().start))),
            }
        }
    }

    fn advice(&self, key: &str) -> String {
        let nearest = self.known.iter().map(|it| (distance(it, key), it)).min();
        match nearest {
            Some((letters, known)) if letters <= 3 => {
                format!("is {known} meant? Otherwise remove it")
            }
            _ => "remove it; `lezai config` lists the settings".to_owned(),
        }
    }
}

/// The line of the file at which a byte stands.
pub(crate) fn line(sources: &Sources, at: usize) -> Origin {
    let (path, text) = match &sources.file {
        Some((path, text)) => (path.clone(), text.as_str()),
        None => (PathBuf::new(), ""),
    };
    let before = text.as_bytes().iter().take(at);
    Origin::File { path, line: 1 + before.filter(|byte| **byte == b'\n').count() }
}

fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    // Host bits beside the mask are a mistake more often than a wish.
    text.parse::<IpNet>().ok().filter(|it| it.trunc() == *it).or_else(single)
}

/// How many letters have to be changed, put in or left out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, against) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *against);
            diagonal = row[m + 1];
            row[m + 1] = changed.min(row[m] + 1).min(row[m + 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (one, other, letters) in [
            ("", "", 0),
            ("a", "", 1),
            ("listen", "listne", 2),
            ("kitten", "sitting", 3),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
        }
    }

    #[test]
    fn network_accepts_addresses_and_masks_without_host_bits() {
        for (text, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("::1", Some("::1/128")),
            ("10.1.2.3/8", None),
            ("10.0.0.0/33", None),
            ("proxy.example", None),
            ("", None),
        ] {
            assert_eq!(network(text).map(|it| it.to_string()).as_deref(), expected, "{text}");
        }
    }
}
