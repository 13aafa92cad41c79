//! The sections of payment channels: whose settings they are is said elsewhere, here they are taken out of the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::origin::Origin;
use crate::reader::Reader;
use crate::shown::{self, Setting, quoted};

/// The payment channels' sections.
pub type Channels = Vec<Section>;

/// A section whose settings belong to a payment channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The channel's name: `wechat` for `[channels.wechat]`.
    pub name: String,
    /// Where it begins.
    pub origin: Origin,
    /// The section as a TOML document of its own, each setting on the line that it has in the file, so that
    /// whoever reads it names the same lines.
    pub toml: String,
}

/// Reads the sections `[channels.…]`.
pub(crate) fn channels(reader: &mut Reader<'_>, text: &str) -> Channels {
    let mut sections = Vec::new();
    for (name, at, value) in reader.tables("channels") {
        let origin = reader.line(at);
        let key = format!("channels.{name}");
        let Some(table) = value.get_ref().as_table() else {
            let fix = format!("write [{key}]");
            reader.fault(Some(origin), &key, "must be a table".to_owned(), fix);
            continue;
        };
        for (setting, value) in table {
            let origin = Some(reader.line(setting.span().start));
            reader.settings.push(Setting {
                key: format!("{key}.{}", setting.get_ref()),
                value: written(text, setting.span().start, value),
                origin,
                secret: !shown::is_harmless(setting.get_ref()),
            });
        }
        sections.push(Section { name: name.to_owned(), origin, toml: alone_in_file(text, table) });
    }
    sections
}

/// A section as a document of its own: each setting's bytes at the place that they have in the file, and
/// nothing else but line ends.
fn alone_in_file(text: &str, table: &DeTable<'_>) -> String {
    let mut alone: Vec<u8> =
        text.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect();
    let mut entries: Vec<(&str, usize, &Spanned<DeValue<'_>>)> =
        table.iter().map(|(name, value)| (&**name.get_ref(), name.span().start, value)).collect();
    entries.sort_by_key(|(_, at, _)| *at);
    let mut nested = String::new();
    for (name, at, value) in entries {
        if has_headers(text, at) && value.get_ref().is_array() {
            // So does a list of tables, each with its own header.
            for table in rows(text, value) {
                let members: String =
                    table.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
                nested.push_str(&format!("\n[[{}]]\n{members}", quoted(name)));
            }
            continue;
        }
        if value.get_ref().is_table() && text.as_bytes().get(value.span().start) != Some(&b'{') {
            // A table of its own header comes last, at whatever line.
            nested.push_str(&format!("\n[{}]\n", quoted(name)));
            if let Some(inner) = value.get_ref().as_table() {
                for (name, value) in inner {
                    let value = text.get(value.span()).unwrap_or_default();
                    nested.push_str(&format!("{} = {value}\n", quoted(name.get_ref())));
                }
            }
            continue;
        }
        let entry = at..value.span().end;
        if let (Some(to), Some(from)) = (alone.get_mut(entry.clone()), text.as_bytes().get(entry)) {
            to.copy_from_slice(from);
        }
    }
    let mut alone = String::from_utf8(alone).unwrap_or_default();
    alone.push_str(&nested);
    alone
}

/// A setting's value as TOML: as it stands in the file, or in one line if it is a list of tables with headers.
fn written(text: &str, at: usize, value: &Spanned<DeValue<'_>>) -> Option<String> {
    if !has_headers(text, at) || !value.get_ref().is_array() {
        return text.get(value.span()).map(str::to_owned);
    }
    let row = |members: Vec<(String, &str)>| {
        let members = members.iter().map(|(name, value)| format!("{name} = {value}"));
        format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<String> = rows(text, value).into_iter().map(row).collect();
    Some(format!("[{}]", rows.join(", ")))
}

/// Whether the name at this place stands in a header of a list of tables, `[[…]]`.
fn has_headers(text: &str, at: usize) -> bool {
    let line = text.get(..at).and_then(|it| it.rsplit('\n').next()).unwrap_or_default();
    line.trim_start().starts_with("[[")
}

/// The members of each table of a list, with their values as they stand in the file.
fn rows<'t>(text: &'t str, value: &Spanned<DeValue<'_>>) -> Vec<Vec<(String, &'t str)>> {
    let tables = value.get_ref().as_array().into_iter().flat_map(|it| it.iter());
    let row = |table: &DeTable<'_>| {
        let member =
            |(name, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
                (key(name.get_ref()), text.get(value.span()).unwrap_or_default())
            };
        table.iter().map(member).collect()
    };
    tables.filter_map(|it| it.get_ref().as_table()).map(row).collect()
}

/// A name as TOML: bare where it can be.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}
