//! `/reference`: the document at `/openapi.json` for people. One page, made once. Without its script it is whole:
//! the script adds tabs, copying, search and the current section.

mod samples;

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::description;
use lezai_wire::problem::{Code, Retry};

const STYLE: &str =
    concat!(include_str!("../../assets/src/ground.css"), include_str!("reference.css"));
const SCRIPT: &str = include_str!("reference.js");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Sections that a merchant's developer reads; the calls of the others begin closed.
const OPEN: [&str; 4] = ["orders", "refunds", "events", "balances"];

static PAGE: LazyLock<String> = LazyLock::new(|| render(description::parsed()).into_string());

/// The page.
pub(super) async fn page() -> Response {
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (fields, PAGE.as_str()).into_response()
}

/// Its style sheet.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], STYLE)
        .into_response()
}

/// Its script.
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"))], SCRIPT)
        .into_response()
}

/// A call as the document has it.
struct Operation<'d> {
    method: &'d str,
    path: &'d str,
    what: &'d Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let path = self.path.trim_start_matches('/').replace(['/', '.'], "-");
        format!("{}-{}", self.method, path.replace(['{', '}'], ""))
    }

    /// Its name in two or three words, such as `Create order`, from its id in the document.
    fn name(&self) -> String {
        let (tag, id) = (text(&self.what["tags"][0]), text(&self.what["operationId"]));
        let words = id.strip_prefix(tag).unwrap_or(id).trim_start_matches('_').replace('_', " ");
        let object = match tag {
            "orders" | "refunds" | "events" if words == "list" => tag,
            "orders" | "refunds" | "events" => tag.trim_end_matches('s'),
            "balances" => "balances",
            "checkout" => "session",
            _ => "",
        };
        let named = if words.starts_with("of ") {
            format!("{tag} {words}")
        } else if words.contains(' ') {
            words
        } else {
            format!("{words} {object}")
        };
        capital(named.trim())
    }
}

fn render(document: &Value) -> Markup {
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_tag = |tag: &Value| -> Vec<Operation<'_>> {
        operations(document).into_iter().filter(|it| it.what["tags"][0] == tag["name"]).collect()
    };
    let schemas: Vec<_> =
        document["components"]["schemas"].as_object().into_iter().flatten().collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Lezai: API reference" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/reference.css";
                script src="/reference.js" defer {}
            }
            body {
                nav aria-label="Calls" {
                    div.head {
                        a.name href="#top" { "Lezai API" }
                        button #menu type="button" aria-expanded="false" aria-controls="list" hidden { "Menu" }
                    }
                    input #search type="search" placeholder="Search calls, fields, errors" aria-label="Search" autocomplete="off" spellcheck="false" hidden;
                    div #list {
                        p #nothing hidden { "Nothing is called that." }
                        @for tag in tags {
                            div.group {
                                h2 { a href={ "#" (text(&tag["name"])) } { (capital(text(&tag["name"]))) } }
                                ul { @for it in of_tag(tag) {
                                    li { a href={ "#" (it.anchor()) } { (method(it.method, true)) span { (it.name()) } } }
                                } }
                            }
                        }
                        div.group {
                            h2 { a href="#shapes" { "Shapes" } }
                            h2 { a href="#errors" { "Errors" } }
                        }
                    }
                }
                main #top {
                    div.text {
                        h1 { "API reference" }
                        p { (prose(text(&document["info"]["description"]))) " The same for machines: " a href="/openapi.json" { "openapi.json" } "." }
                        details #signing {
                            summary { h2 { "Signing" } }
                            p { (prose(text(&document["components"]["securitySchemes"]["merchant"]["description"]))) }
                        }
                        p { "In the examples, " code { "lezai call" } " signs and verifies by itself; the Python client is the one of docs/signing.md, and "
                            code { "@lezai/server" } " is the package for Node, Deno and Bun." }
                    }
                    @for tag in tags {
                        section {
                            div.text {
                                h2 #(text(&tag["name"])) { (capital(text(&tag["name"]))) }
                                p { (prose(text(&tag["description"]))) }
                            }
                            @for it in of_tag(tag) { (call(document, &it)) }
                        }
                    }
                    section {
                        h2 #shapes { "Shapes" }
                        div.grid { @for (name, schema) in schemas {
                            details #(format!("shape-{name}")) {
                                summary { (shape_name(name)) }
                                p { (prose(text(&schema["description"]))) }
                                (fields(schema))
                            }
                        } }
                    }
                    (errors())
                }
            }
        }
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.filter(|(_, what)| what.is_object()).map(move |(method, what)| Operation {
            method,
            path,
            what,
        })
    });
    all.collect()
}

fn method(method: &str, is_short: bool) -> Markup {
    let name = method.to_uppercase();
    let shown = if is_short && name == "DELETE" { "DEL" } else { &name };
    html! { span class={ "method " (method) } { (shown) } }
}

fn call(document: &Value, it: &Operation<'_>) -> Markup {
    let what = it.what;
    let parameters: Vec<_> = what["parameters"].as_array().into_iter().flatten().collect();
    // How a request is signed is said once, above.
    let parameters: Vec<_> = parameters.into_iter().filter(|it| it["in"] != "header").collect();
    let body = &what["requestBody"]["content"]["application/json"];
    let who = match samples::scheme(it) {
        "merchant" => "signed with the merchant's key",
        "page" => "signed with the page's key",
        "operator" => "operator's token",
        _ => "unsigned",
    };
    let is_open = OPEN.contains(&text(&what["tags"][0]));
    html! {
        article #(it.anchor()) {
            details.call open[is_open] {
                summary {
                    h3 { (it.name()) }
                    span.line { (method(it.method, false)) " " code { (it.path) } }
                }
                div.sides {
                    div.text {
                        p { (text(&what["summary"])) ". " span.who { (capital(who)) "." } }
                        @if what["description"].is_string() { p { (prose(text(&what["description"]))) } }
                        @if !parameters.is_empty() {
                            h4 { "Parameters" }
                            ul.fields { @for parameter in parameters {
                                (row(text(&parameter["name"]), parameter["required"] == true, &parameter["schema"], text(&parameter["description"])))
                            } }
                        }
                        @if let Some(schema) = resolve(document, &body["schema"]) {
                            h4 { "Body: " (kind(&body["schema"])) }
                            (fields(schema))
                        }
                    }
                    div.code {
                        (requests(it))
                        (responses(it))
                    }
                }
            }
        }
    }
}

/// The request in several languages, one behind the other.
fn requests(it: &Operation<'_>) -> Markup {
    let samples = samples::of(it);
    html! {
        @if samples.is_empty() {
            p.block.none { "The checkout element makes this call." }
        } @else {
            div.block data-tabs="language" {
                div.bar { @for (language, _) in &samples { span.tab { (language) } } }
                @for (language, code) in &samples {
                    pre tabindex="0" data-tab=(language) { code { (code) } }
                }
            }
        }
    }
}

/// An example for each good status, and all codes of the others.
fn responses(it: &Operation<'_>) -> Markup {
    let responses: Vec<_> = it.what["responses"].as_object().into_iter().flatten().collect();
    let (good, bad): (Vec<_>, Vec<_>) =
        responses.into_iter().partition(|(status, _)| status.starts_with('2'));
    let json = |answer: &'_ Value| answer["content"]["application/json"].clone();
    html! {
        div.block data-tabs="status" {
            div.bar {
                @for (status, _) in &good { span.tab { (status) } }
                @if !bad.is_empty() { span.tab { "Errors" } }
            }
            @for (status, answer) in &good {
                div data-tab=(status) {
                    p { (prose(text(&answer["description"])))
                        @if !json(answer)["schema"].is_null() { ": " (kind(&json(answer)["schema"])) }
                    }
                    @if !json(answer)["example"].is_null() { pre tabindex="0" { code { (pretty(&json(answer)["example"])) } } }
                }
            }
            @if !bad.is_empty() {
                dl.codes data-tab="Errors" { @for (status, answer) in bad {
                    dt { (status) }
                    dd { @for code in answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"].as_array().into_iter().flatten() {
                        a href={ "#" (text(code)) } { (text(code)) } " "
                    } }
                } }
            }
        }
    }
}

fn fields(schema: &Value) -> Markup {
    let is_required =
        |name: &str| schema["required"].as_array().into_iter().flatten().any(|it| it == name);
    let all = schema["properties"].as_object().into_iter().flatten();
    let (required, optional): (Vec<_>, Vec<_>) = all.partition(|(name, _)| is_required(name));
    let rows = |fields: &[(&String, &Value)], required: bool| {
        html! { ul.fields { @for (name, field) in fields { (row(name, required, field, text(&field["description"]))) } } }
    };
    html! {
        @if schema["enum"].is_array() { p { (kind(schema)) } }
        @if !required.is_empty() { (rows(&required, true)) }
        @if !optional.is_empty() {
            // A few are read at once; many would hide what must be there.
            @if optional.len() < 4 {
                (rows(&optional, false))
            } @else {
                details.more {
                    summary { (optional.len()) " optional fields" }
                    (rows(&optional, false))
                }
            }
        }
    }
}

fn row(name: &str, required: bool, schema: &Value, description: &str) -> Markup {
    html! {
        li {
            p { code.field { (name) } " " span.kind { (kind(schema)) }
                @if let Some(bounds) = bounds(schema) { " " span.bounds { (bounds) } }
                @if required { " " span.required { "required" } }
            }
            @if !description.is_empty() { p { (prose(description)) } }
        }
    }
}

/// The type of a field, with a link to its shape if that has a name.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return html! { a href={ "#shape-" (name) } { (shape_name(name)) } };
    }
    for several in ["oneOf", "allOf"] {
        if let Some(one) =
            schema[several].as_array().and_then(|it| it.iter().find(|it| it["type"] != "null"))
        {
            return kind(one);
        }
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).find(|it| *it != "null").unwrap_or_default(),
        other => text(other),
    };
    match name {
        "array" => html! { "array of " (kind(&schema["items"])) },
        "string" if schema["enum"].is_array() => html! {
            @for (n, word) in schema["enum"].as_array().into_iter().flatten().enumerate() { @if n > 0 { " or " } code { (text(word)) } }
        },
        other => html! { (other) },
    }
}

/// `1–64 chars`, `0–100`, `at most 20 items`.
fn bounds(schema: &Value) -> Option<String> {
    let ranges = [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " chars"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " members"),
    ];
    let said = ranges.iter().filter_map(|(least, most, unit)| {
        let bound = |name: &str| schema[name].as_number().map(ToString::to_string);
        match (bound(least), bound(most)) {
            (Some(least), Some(most)) if least == most => Some(format!("{least}{unit}")),
            (Some(least), Some(most)) => Some(format!("{least}–{most}{unit}")),
            (Some(least), None) => Some(format!("at least {least}{unit}")),
            (None, Some(most)) => Some(format!("at most {most}{unit}")),
            (None, None) => None,
        }
    });
    said.reduce(|one, other| format!("{one}, {other}"))
}

fn errors() -> Markup {
    html! {
        section {
            div.text {
                h2 #errors { "Errors" }
                p { "A refusal is a problem (RFC 9457): decide by " code { "code" } " and " code { "retry" } "." }
                ul { @for retry in Retry::ALL { li { code { (retry.as_str()) } " " (retry.meaning()) } } }
            }
            div.grid { @for code in Code::ALL {
                details #(code.as_str()) {
                    summary { code { (code.as_str()) } " " span.kind { (code.status().as_u16()) " " (code.retry().as_str()) } }
                    p { (code.title()) ". " (prose(code.advice())) }
                }
            } }
        }
    }
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> Option<&'d Value> {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(name.trim_start_matches('#')),
        None => schema.is_object().then_some(schema),
    }
}

/// The name without what only tells Rust's types apart.
fn shape_name(name: &str) -> String {
    let bare = |name: &str| name.strip_suffix("View").unwrap_or(name).to_owned();
    match name.strip_prefix("List_") {
        Some(of) => format!("List of {}", bare(of)),
        None => bare(name),
    }
}

/// Text in which what stands in backticks is code.
fn prose(text: &str) -> Markup {
    html! {
        @for (n, part) in text.split('`').enumerate() {
            @if n % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_has_every_call_and_every_code_and_no_broken_link() {
        let page = &*PAGE;
        for it in operations(description::parsed()) {
            assert!(page.contains(&format!("id=\"{}\"", it.anchor())), "{} {}", it.method, it.path);
        }
        for link in page.split("href=\"#").skip(1).filter_map(|it| it.split('"').next()) {
            assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
        }
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.as_str())));
        }
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains("<script src=\"/reference.js\" defer>") && !page.contains("style="));
    }

    #[test]
    fn names_in_the_menu_are_short_and_each_of_a_section_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for it in operations(description::parsed()) {
            let name = it.name();
            assert!((3..=24).contains(&name.len()), "{name}");
            let tag = text(&it.what["tags"][0]).to_owned();
            assert!(seen.insert((tag, name.clone())), "{name} is there twice");
        }
        assert!(seen.contains(&("orders".to_owned(), "Create order".to_owned())), "{seen:?}");
    }

    #[test]
    fn bounds_are_said_in_short() {
        for (schema, said) in [
            (json!({ "minLength": 1, "maxLength": 64 }), Some("1–64 chars")),
            (json!({ "maxLength": 512 }), Some("at most 512 chars")),
            (json!({ "minimum": 1 }), Some("at least 1")),
            (json!({ "minLength": 3, "maxLength": 3 }), Some("3 chars")),
            (json!({ "maxItems": 20 }), Some("at most 20 items")),
            (json!({ "type": "string" }), None),
        ] {
            assert_eq!(bounds(&schema).as_deref(), said, "{schema}");
        }
    }
}
