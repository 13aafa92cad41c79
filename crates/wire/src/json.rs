//! Reads a stranger's JSON: bounded in depth, no member twice, every member accounted for, and
//! each complaint with the path of the field at fault.

use std::fmt;

use lezai_core::mask;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::legible;

/// The call that makes a merchant, with a policy in it, nests nine deep, and no other comes near;
/// the bound keeps the stack small.
pub const MAX_DEPTH: usize = 10;

/// An error in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The kind of complaint.
    pub kind: Kind,
    /// The path of the field, such as `customer.country`; empty for the whole body.
    pub field: String,
    /// The form that would be right.
    pub detail: String,
}

/// The kinds of complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bytes are no JSON object.
    NotJson,
    /// It nests deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A member that the call does not have.
    UnknownField,
    /// A member that the call needs.
    MissingField,
    /// A member whose value is not what the call takes.
    InvalidField,
}

/// A JSON object whose members are taken one by one.
pub struct Object {
    path: String,
    members: Map<String, Value>,
}

impl Object {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Kind::NotJson`], [`Kind::TooDeep`].
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let whole = |kind, detail: String| Invalid { kind, field: String::new(), detail };
        if depth(body) > MAX_DEPTH {
            return Err(whole(Kind::TooDeep, format!("the body nests deeper than {MAX_DEPTH}")));
        }
        if let Some(mark) = byte_order_mark(body) {
            return Err(whole(Kind::NotJson, mark.to_owned()));
        }
        match serde_json::from_slice(body) {
            Ok(Unique(Value::Object(members))) => Ok(Self { path: String::new(), members }),
            Ok(_) => Err(whole(Kind::NotJson, "the body must be a JSON object".to_owned())),
            Err(error) => Err(whole(Kind::NotJson, format!("the body is not JSON: {error}"))),
        }
    }

    /// Whether the member is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// The member's value, if it is there and not null.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Field) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Invalid> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(Field { path: self.path_of(name), value }).map(Some),
        }
    }

    /// The member's value.
    ///
    /// # Errors
    ///
    /// [`Kind::MissingField`] if it is not there.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Field) -> Result<T, Invalid>,
    ) -> Result<T, Invalid> {
        let path = self.path_of(name);
        self.optional(name, read)?.ok_or_else(|| Invalid {
            kind: Kind::MissingField,
            detail: format!("{path} is required"),
            field: path,
        })
    }

    /// The end: what was not taken is unknown.
    ///
    /// # Errors
    ///
    /// [`Kind::UnknownField`].
    pub fn finish(self) -> Result<(), Invalid> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => {
                let path = self.path_of(&strange(name));
                Err(Invalid {
                    kind: Kind::UnknownField,
                    detail: format!("there is no field {path}"),
                    field: path,
                })
            }
        }
    }

    /// Takes every member that is left, as name and value.
    pub fn drain(&mut self) -> Vec<(String, Field)> {
        let members = std::mem::take(&mut self.members);
        members
            .into_iter()
            .map(|(name, value)| {
                let path = self.path_of(&strange(&name));
                (name, Field { path, value })
            })
            .collect()
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// A stranger's name for a member, as a complaint may say it: shortened, its control characters escaped, and
/// nobody's address or number in it.
fn strange(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    mask::text(&name).escape_debug().to_string()
}

/// A value and where it stood.
pub struct Field {
    path: String,
    value: Value,
}

impl Field {
    /// A complaint about this field.
    pub fn invalid(&self, detail: impl fmt::Display) -> Invalid {
        let path: String =
            self.path.chars().take(128).collect::<String>().escape_debug().to_string();
        Invalid { kind: Kind::InvalidField, detail: format!("{path} {detail}"), field: path }
    }

    /// A text of `length` characters, none of them a control character.
    pub fn text(self, length: std::ops::RangeInclusive<usize>) -> Result<String, Invalid> {
        let Value::String(text) = &self.value else { return Err(self.invalid("must be a string")) };
        if !length.contains(&text.chars().count()) {
            return Err(self.invalid(format_args!(
                "must have {} to {} characters",
                length.start(),
                length.end()
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(self.invalid("must not contain control characters"));
        }
        Ok(text.clone())
    }

    /// A text that people read: as [`Field::text`], and each character of it shows, or joins or
    /// varies one that does.
    pub fn shown(self, length: std::ops::RangeInclusive<usize>) -> Result<String, Invalid> {
        let path = Self { path: self.path.clone(), value: Value::Null };
        let text = self.text(length)?;
        legible::check(&text).map_err(|why| path.invalid(why))?;
        Ok(text)
    }

    /// A text that may have line ends too.
    pub fn lines(self, length: std::ops::RangeInclusive<usize>) -> Result<String, Invalid> {
        let Value::String(text) = &self.value else { return Err(self.invalid("must be a string")) };
        let is_line_end = |c: char| matches!(c, '\n' | '\r');
        if !length.contains(&text.chars().count())
            || text.chars().any(|c| c.is_control() && !is_line_end(c))
        {
            return Err(self.invalid(format_args!(
                "must have {} to {} characters",
                length.start(),
                length.end()
            )));
        }
        Ok(text.clone())
    }

    /// The value as it came, for a reader of its own.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// A text that `parse` takes.
    pub fn parsed<T, E: fmt::Display>(
        self,
        length: std::ops::RangeInclusive<usize>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Invalid> {
        let path = Self { path: self.path.clone(), value: Value::Null };
        let text = self.text(length)?;
        parse(&text).map_err(|error| path.invalid(format_args!("is {error}")))
    }

    /// A whole number in the range; `12.0` and `1e3` are none.
    pub fn integer(self, range: std::ops::RangeInclusive<i64>) -> Result<i64, Invalid> {
        let Value::Number(number) = &self.value else {
            return Err(self.invalid("must be a whole number, not a string or anything else"));
        };
        match number.as_i64() {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(self.invalid(format_args!(
                "must be a whole number from {} to {}",
                range.start(),
                range.end()
            ))),
        }
    }

    /// A list of at most `most` values.
    pub fn list(self, most: usize) -> Result<Vec<Self>, Invalid> {
        let Value::Array(values) = self.value else { return Err(self.invalid("must be a list")) };
        if values.len() > most {
            return Err(Self { path: self.path, value: Value::Null }
                .invalid(format_args!("must have at most {most} members")));
        }
        let path = self.path;
        Ok(values
            .into_iter()
            .enumerate()
            .map(|(n, value)| Self { path: format!("{path}[{n}]"), value })
            .collect())
    }

    /// An object.
    pub fn object(self) -> Result<Object, Invalid> {
        match self.value {
            Value::Object(members) => Ok(Object { path: self.path, members }),
            _ => Err(self.invalid("must be an object")),
        }
    }

    /// One of the words.
    pub fn one_of<T: Copy>(self, words: &[(&str, T)]) -> Result<T, Invalid> {
        let found = words.iter().find(|(word, _)| self.value.as_str() == Some(word));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.invalid(format_args!("must be one of {}", words.join(", ")))
        })
    }
}

/// The error for a body that begins with a byte order mark (RFC 8259, section 8.1).
fn byte_order_mark(body: &[u8]) -> Option<&'static str> {
    match body {
        [0xef, 0xbb, 0xbf, ..] => {
            Some("the body begins with a byte order mark (BOM): send UTF-8 without it")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("the body begins with a byte order mark (BOM) of UTF-16: send UTF-8 without one")
        }
        _ => None,
    }
}

/// How deep brackets nest, whether or not the text is JSON.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A value in which no object has a member twice: two readers that pick different ones would
/// otherwise disagree on what was signed.
struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Number::from_f64(it).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(Value::String(it.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = map.next_entry::<String, Unique>()? {
            if members.contains_key(&name) {
                let name = strange(&name);
                return Err(de::Error::custom(format_args!(
                    "the member \"{name}\" is there twice"
                )));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, kind: Kind, field: &str) {
        let read = |body: &str| {
            let mut object = Object::parse(body.as_bytes())?;
            object.required("n", |field| field.integer(1..=9))?;
            object.optional("t", |field| field.text(1..=3))?;
            object.optional("l", |field| {
                field
                    .list(1)?
                    .into_iter()
                    .map(|it| it.integer(0..=1))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            object.finish()
        };
        let error = read(body).unwrap_err();
        assert_eq!((error.kind, error.field.as_str()), (kind, field), "{body}: {}", error.detail);
    }

    #[test]
    fn complaints_name_the_field() {
        for body in ["", "[]", "1", "{", "{}x", r#"{"n":1,"n":2}"#, r#"{"n":1,"x":{"a":1,"a":1}}"#]
        {
            check(body, Kind::NotJson, "");
        }
        check(
            &format!("{}1{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1)),
            Kind::TooDeep,
            "",
        );
        check(&"{\"a\":".repeat(100_000), Kind::TooDeep, "");
        check("{}", Kind::MissingField, "n");
        check(r#"{"n":null}"#, Kind::MissingField, "n");
        check(r#"{"n":1,"m":2}"#, Kind::UnknownField, "m");
        check("{\"n\":1,\"\\u0007\":2}", Kind::UnknownField, "\\u{7}");
        for value in
            ["0", "10", "-1", "1.5", "1.0", "1e0", "\"1\"", "true", "9223372036854775808", "1e400"]
        {
            let kind = if value == "1e400" { Kind::NotJson } else { Kind::InvalidField };
            check(&format!(r#"{{"n":{value}}}"#), kind, if value == "1e400" { "" } else { "n" });
        }
        for text in ["", "abcd", "a\\u0000", "a\\n", "\\u0085"] {
            check(&format!(r#"{{"n":1,"t":"{text}"}}"#), Kind::InvalidField, "t");
        }
        check(r#"{"n":1,"l":[0,0]}"#, Kind::InvalidField, "l");
        check(r#"{"n":1,"l":[2]}"#, Kind::InvalidField, "l[0]");
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(depth(br#"{"a":"[[[[\"[[[["}"#), 1);
    }
}
