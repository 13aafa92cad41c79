//! The components of a message that a signature covers, and the base that they make (RFC 9421, section 2).

use std::fmt::Write as _;

use sfv::{BareItem, key_ref};

use crate::structured::{self, Dictionary, InnerList, Item, Parameters};

use super::{Fields, Message, PARTIAL_CONTENT, SignatureError, Tag};

impl<'a> Message<'a> {
    pub(super) fn fields(&self) -> Fields<'a> {
        match self {
            Self::Request(request) => request.fields,
            Self::Answer(answer) => answer.fields,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component<'a> {
    pub(super) name: &'a str,
    of_request: bool,
}

impl<'a> Component<'a> {
    pub(super) fn into_item(self) -> Result<Item, SignatureError> {
        let mut item = Item { value: text_item(self.name)?, parameters: Parameters::default() };
        if self.of_request {
            item.parameters.insert(key_ref("req"), BareItem::Boolean(true));
        }
        Ok(item)
    }

    pub(super) fn from_item(item: &'a Item) -> Result<Self, SignatureError> {
        let name = item
            .value
            .as_string()
            .ok_or_else(|| malformed("a component identifier is no string"))?
            .as_str();
        let mut of_request = false;
        for (param, value) in item.parameters.iter() {
            match (param.as_str(), value) {
                ("req", BareItem::Boolean(true)) => of_request = true,
                _ => {
                    return Err(malformed(&format!(
                        "the parameter {param} of the component {name} is not taken here"
                    )));
                }
            }
        }
        Ok(Self { name, of_request })
    }
}

impl std::fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"{}", self.name, if self.of_request { ";req" } else { "" })
    }
}

/// The components that a signature must cover: enough that it fits this one message and no other.
pub(super) fn required(message: &Message<'_>, has_body: bool, tag: Tag) -> Vec<Component<'static>> {
    let mut names = match message {
        Message::Request(request) => {
            let mut names = vec![
                ("@method", false),
                ("@authority", false),
                ("@path", false),
                ("@query", false),
            ];
            if request.method == "POST" && tag != Tag::Callback {
                names.push(("idempotency-key", false));
            }
            names
        }
        Message::Answer(answer) => {
            let mut names = vec![("@status", false)];
            if answer.request.is_some_and(|it| field(it.fields, "signature").is_some()) {
                names.extend([("@method", true), ("@path", true), ("signature", true)]);
            }
            // A part says where it belongs there alone (RFC 9110, section 15.3.7).
            if answer.status == PARTIAL_CONTENT {
                names.push(("content-range", false));
            }
            names
        }
    };
    if has_body {
        names.extend([("content-digest", false), ("content-type", false)]);
    }
    names.into_iter().map(|(name, of_request)| Component { name, of_request }).collect()
}

pub(super) fn base(
    list: &InnerList,
    serialized: &str,
    message: &Message<'_>,
) -> Result<String, SignatureError> {
    let mut base = String::with_capacity(512);
    for (index, item) in list.items.iter().enumerate() {
        let component = Component::from_item(item)?;
        if list.items[..index]
            .iter()
            .any(|it| Component::from_item(it).is_ok_and(|it| it == component))
        {
            return Err(malformed(&format!("the component {component} is listed twice")));
        }
        let value = value(&component, message)?;
        // Writing to a String cannot fail.
        let _ = writeln!(base, "{}: {value}", item.serialize());
    }
    let _ = write!(base, "\"@signature-params\": {serialized}");
    Ok(base)
}

fn value(component: &Component<'_>, message: &Message<'_>) -> Result<String, SignatureError> {
    let absent = || malformed(&format!("the covered component {component} is not in the message"));
    let request = match (message, component.of_request) {
        (Message::Request(request), false) => Some(request),
        (Message::Answer(answer), true) => Some(answer.request.as_ref().ok_or_else(absent)?),
        (Message::Answer(_), false) => None,
        (Message::Request(_), true) => return Err(absent()),
    };
    let fields = request.map_or(message.fields(), |request| request.fields);
    let Some(derived) = component.name.strip_prefix('@') else {
        return field(fields, component.name).ok_or_else(absent);
    };
    let Some(request) = request else {
        return match (derived, message) {
            ("status", Message::Answer(answer)) => Ok(answer.status.to_string()),
            _ => Err(absent()),
        };
    };
    let path = if request.path.is_empty() { "/" } else { request.path };
    let query =
        if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    match derived {
        "method" => Ok(request.method.to_owned()),
        "scheme" => Ok(request.scheme.to_owned()),
        "authority" => Ok(request.authority.to_owned()),
        "path" => Ok(path.to_owned()),
        "query" => Ok(format!("?{}", request.query)),
        "request-target" => Ok(format!("{path}{query}")),
        "target-uri" => Ok(format!("{}://{}{path}{query}", request.scheme, request.authority)),
        _ => Err(malformed(&format!("the component {component} is not taken here"))),
    }
}

/// A field's value as RFC 9421, section 2.1 has it: lines trimmed and joined.
pub(super) fn field(fields: Fields<'_>, name: &str) -> Option<String> {
    let mut lines = fields
        .iter()
        .filter(|(it, _)| *it == name)
        .map(|(_, value)| value.trim_matches([' ', '\t']));
    let mut joined = lines.next()?.to_owned();
    for line in lines {
        joined.push_str(", ");
        joined.push_str(line);
    }
    Some(joined)
}

pub(super) fn dictionary(
    fields: Fields<'_>,
    name: &str,
) -> Result<Option<Dictionary>, SignatureError> {
    let Some(text) = field(fields, name) else { return Ok(None) };
    let parsed = structured::dictionary(&text);
    parsed.map(Some).map_err(|error| {
        malformed(&format!("{name} is no structured dictionary (RFC 9651): {error}"))
    })
}

pub(super) fn text_item(text: &str) -> Result<BareItem, SignatureError> {
    match sfv::StringRef::from_str(text) {
        Ok(text) => Ok(BareItem::String(text.to_owned())),
        Err(_) => Err(malformed("a parameter has characters that are not visible ASCII")),
    }
}

pub(super) fn malformed(why: &str) -> SignatureError {
    SignatureError::Malformed(why.to_owned())
}
