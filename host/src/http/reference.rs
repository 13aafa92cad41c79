//! `/reference`: the document at `/openapi.json` for people. One page, no script, made once.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::openapi;
use crate::problem::{Code, Retry};

const STYLE: &str = include_str!("reference.css");
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static PAGE: LazyLock<String> = LazyLock::new(|| render(openapi::parsed()).into_string());

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
                link rel="stylesheet" href="/reference.css";
            }
            body {
                nav aria-label="Calls" {
                    a.name href="#top" { "Lezai API" }
                    @for tag in tags {
                        h2 { a href={ "#" (text(&tag["name"])) } { (text(&tag["name"])) } }
                        ul { @for it in of_tag(tag) {
                            li { a href={ "#" (it.anchor()) } { (text(&it.what["summary"])) } }
                        } }
                    }
                    h2 { a href="#shapes" { "Shapes" } }
                    h2 { a href="#errors" { "Errors" } }
                }
                main #top {
                    h1 { "API reference" }
                    p { (prose(text(&document["info"]["description"]))) " The same for machines: " a href="/openapi.json" { "openapi.json" } "." }
                    h2 #signing { "Signing" }
                    p { (prose(text(&document["components"]["securitySchemes"]["merchant"]["description"]))) }
                    p { "The examples below use " code { "lezai call" } ", which signs and checks the answer." }
                    @for tag in tags {
                        section {
                            h2 #(text(&tag["name"])) { (text(&tag["name"])) }
                            p { (prose(text(&tag["description"]))) }
                            @for it in of_tag(tag) { (call(document, &it)) }
                        }
                    }
                    section {
                        h2 #shapes { "Shapes" }
                        p { "Fields in " b { "bold" } " are always there." }
                        @for (name, schema) in schemas {
                            h3 #(format!("shape-{name}")) { (shape_name(name)) }
                            p { (prose(text(&schema["description"]))) }
                            (fields(schema))
                        }
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

fn call(document: &Value, it: &Operation<'_>) -> Markup {
    let what = it.what;
    let parameters: Vec<_> = what["parameters"].as_array().into_iter().flatten().collect();
    // How a request is signed is said once, above.
    let parameters: Vec<_> = parameters.into_iter().filter(|it| it["in"] != "header").collect();
    let body = &what["requestBody"]["content"]["application/json"];
    let scheme = what["security"][0].as_object().and_then(|it| it.keys().next());
    let who = match scheme.map_or("", String::as_str) {
        "merchant" => "signed with the merchant's key",
        "page" => "signed with the page's key",
        "operator" => "operator's token",
        _ => "unsigned",
    };
    let responses: Vec<_> = what["responses"].as_object().into_iter().flatten().collect();
    let (good, bad): (Vec<_>, Vec<_>) =
        responses.into_iter().partition(|(status, _)| status.starts_with('2'));
    html! {
        article #(it.anchor()) {
            h3 { (text(&what["summary"])) }
            p.line { span.method { (it.method.to_uppercase()) } " " code { (it.path) } " " span.who { (who) } }
            @if what["description"].is_string() { p { (prose(text(&what["description"]))) } }
            @if !parameters.is_empty() {
                h4 { "Parameters" }
                table { tbody { @for parameter in parameters { (row(text(&parameter["name"]), parameter["required"] == true, &parameter["schema"], text(&parameter["description"]))) } } }
            }
            @if let Some(schema) = resolve(document, &body["schema"]) {
                h4 { "Body: " (kind(&body["schema"])) }
                (fields(schema))
            }
            @if it.path.starts_with("/v1/") && !it.path.starts_with("/v1/checkout") {
                h4 { "Example" }
                pre { code { (example(it, &body["example"])) } }
            }
            h4 { "Answers" }
            ul { @for (status, answer) in good {
                li { code { (status) } " " (prose(text(&answer["description"])))
                    @if !answer["content"]["application/json"]["schema"].is_null() { ": " (kind(&answer["content"]["application/json"]["schema"])) }
                    @if !answer["content"]["application/json"]["example"].is_null() {
                        details { summary { "Example" } pre { code { (pretty(&answer["content"]["application/json"]["example"])) } } }
                    }
                }
            } }
            details { summary { "Errors" } ul.errors { @for (status, answer) in bad {
                li { code { (status) } " "
                    @for code in answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"].as_array().into_iter().flatten() {
                        a href={ "#" (text(code)) } { (text(code)) } " "
                    }
                }
            } } }
        }
    }
}

fn example(it: &Operation<'_>, body: &Value) -> String {
    let path =
        it.path.replace("/orders/{id}", "/orders/ord_…").replace("/refunds/{id}", "/refunds/rfd_…");
    let mut asked = it.what["parameters"].as_array().into_iter().flatten();
    let query = asked.find_map(|parameter| {
        let value = parameter["example"].as_str().or(parameter["schema"]["example"].as_str())?;
        Some(format!("?{}={value}", text(&parameter["name"])))
    });
    let query = query.unwrap_or_default();
    let line = format!("lezai call {} '{path}{query}'", it.method.to_uppercase());
    if body.is_null() {
        line
    } else {
        format!("{line} --data '{}'", pretty(body).replace('\'', "'\\''"))
    }
}

fn fields(schema: &Value) -> Markup {
    let required =
        |name: &str| schema["required"].as_array().into_iter().flatten().any(|it| it == name);
    let mut properties: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    // What must be there is read first.
    properties.sort_by_key(|(name, _)| !required(name));
    html! {
        @if properties.is_empty() {
            @if schema["enum"].is_array() { p { (kind(schema)) } }
        } @else {
            table { tbody { @for (name, field) in properties { (row(name, required(name), field, text(&field["description"]))) } } }
        }
    }
}

fn row(name: &str, required: bool, schema: &Value, description: &str) -> Markup {
    html! {
        tr {
            td { @if required { b { code { (name) } } } @else { code { (name) } } }
            td.kind { (kind(schema)) }
            td { (prose(description)) (bounds(schema)) }
        }
    }
}

/// What a field holds, with a link to its shape if that has a name.
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
        "array" => html! { "list of " (kind(&schema["items"])) },
        "string" if schema["enum"].is_array() => html! {
            @for (n, word) in schema["enum"].as_array().into_iter().flatten().enumerate() { @if n > 0 { ", " } code { (text(word)) } }
        },
        "integer" => html! { "whole number" },
        "string" => html! { "text" },
        other => html! { (other) },
    }
}

fn bounds(schema: &Value) -> Markup {
    let said: Vec<String> = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters: at least"),
        ("maxLength", "characters: at most"),
        ("maxItems", "entries: at most"),
    ]
    .into_iter()
    .filter_map(|(name, words)| schema[name].as_f64().map(|_| format!("{words} {}", schema[name])))
    .collect();
    html! { @if !said.is_empty() { " " span.bounds { "(" (said.join("; ")) ")" } } }
}

fn errors() -> Markup {
    html! {
        section {
            h2 #errors { "Errors" }
            p { "A refusal is a problem (RFC 9457): decide by " code { "code" } " and " code { "retry" } "." }
            ul { @for retry in Retry::ALL { li { code { (retry.as_str()) } " " (retry.meaning()) } } }
            table { tbody { @for code in Code::ALL {
                tr #(code.as_str()) {
                    td { code { (code.as_str()) } }
                    td.kind { (code.status().as_u16()) " " code { (code.retry().as_str()) } }
                    td { (code.title()) ". " (prose(code.advice())) }
                }
            } } }
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

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_call_and_every_code_and_no_broken_link() {
        let page = &*PAGE;
        for it in operations(openapi::parsed()) {
            assert!(page.contains(&format!("id=\"{}\"", it.anchor())), "{} {}", it.method, it.path);
        }
        for link in page.split("href=\"#").skip(1).filter_map(|it| it.split('"').next()) {
            assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
        }
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.as_str())));
        }
        assert!(!page.contains("<script") && !page.contains("style="));
    }
}
