//! The settings in force, as they are shown: TOML again, with the origin of each, and without secrets.

use std::fmt::Write as _;

use crate::origin::Origin;

/// The text in the place of a secret.
const MASK: &str = "\"********\"";

/// A setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name with its section, such as `listen.address`.
    pub key: String,
    /// Its value as TOML; none if it is unset.
    pub value: Option<String>,
    /// Where the value stands; none for a default.
    pub origin: Option<Origin>,
    /// Whether the value is never shown.
    pub secret: bool,
}

impl Setting {
    fn line(&self) -> String {
        let name = self.key.rsplit('.').next().unwrap_or_default();
        let origin = self.origin.as_ref().map_or("default".to_owned(), ToString::to_string);
        match &self.value {
            Some(_) if self.secret => format!("{name} = {MASK}  # {origin}"),
            Some(value) => format!("{name} = {value}  # {origin}"),
            None => format!("# {name} is not set"),
        }
    }

    fn section(&self) -> &str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }
}

/// All settings as a TOML file.
pub(crate) fn toml(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in settings {
        if setting.section() != section {
            section = setting.section();
            let _ = write!(text, "\n[{section}]\n");
        }
        text.push_str(&setting.line());
        text.push('\n');
    }
    text
}

/// A text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A URL with its password masked.
pub(crate) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".to_owned() };
    let (before, after) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = match before.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:…@{host}"),
            None => before.to_owned(),
        },
        None => before.to_owned(),
    };
    // A password can be a parameter, too.
    let after = match after.split_once('?') {
        Some((path, query)) => {
            let query: Vec<&str> =
                query.split('&').filter(|it| !it.starts_with("password=")).collect();
            format!("{path}?{}", query.join("&"))
        }
        None => after.to_owned(),
    };
    format!("{scheme}://{authority}{after}")
}

/// Whether a channel's setting may be shown: what is not known to be harmless is not.
pub(crate) fn is_harmless(name: &str) -> bool {
    const ENDS: [&str; 8] = ["_file", "_url", "_id", "_mode", "_secs", "_ms", "_serial", "_type"];
    const NAMES: [&str; 9] = [
        "costs",
        "download_certificates",
        "enabled",
        "environment",
        "merchant",
        "methods",
        "mode",
        "region",
        "url",
    ];
    NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("postgres://lezai:planted@db:1/lezai", "postgres://lezai:…@db:1/lezai"),
            (
                "postgres://lezai@db/lezai?sslmode=require",
                "postgres://lezai@db/lezai?sslmode=require",
            ),
            ("postgres://db/lezai?password=planted&a=b", "postgres://db/lezai?a=b"),
            ("postgres:///lezai", "postgres:///lezai"),
            ("planted", "…"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
