//! How a call is made in several languages.

use serde_json::Value;

use super::{Operation, pretty, text};

/// How the methods of `@lezai/server` are called: by the call, and what stands before the body's place.
const NODE: &[(&str, &str, &str)] = &[
    ("post", "/v1/orders", "orders.create(BODY)"),
    ("get", "/v1/orders", "orders.list(QUERY)"),
    ("get", "/v1/orders/{id}", "orders.find(ID)"),
    ("post", "/v1/orders/{id}/close", "orders.close(ID)"),
    ("post", "/v1/orders/{id}/capture", "orders.capture(ID, BODY)"),
    ("post", "/v1/orders/{id}/void", "orders.void(ID)"),
    ("post", "/v1/orders/{id}/refunds", "orders.refund(ID, BODY)"),
    ("get", "/v1/orders/{id}/refunds", "orders.refunds(ID)"),
    ("get", "/v1/refunds", "refunds.findByNumber(\"R-1001\")"),
    ("get", "/v1/refunds/{id}", "refunds.find(ID)"),
    ("get", "/v1/events", "events.list(QUERY)"),
    ("get", "/v1/events/{id}", "events.find(ID)"),
    ("post", "/v1/events/{id}/redeliver", "events.redeliver(ID)"),
    ("post", "/v1/events/redeliver", "events.redeliverRange(BODY)"),
    ("post", "/v1/statements", "statements.create(BODY)"),
    ("get", "/v1/statements/{id}", "statements.find(ID)"),
    ("get", "/v1/statements/{id}/content", "statements.content(ID)"),
    ("put", "/v1/statement_plans/{name}", "statementPlans.put(\"monthly\", BODY)"),
    ("post", "/v1/events/test", "events.test(\"https://shop.example/callbacks\")"),
];

/// The signer of the call: a scheme of the document's, or nobody.
pub(super) fn scheme<'d>(it: &Operation<'d>) -> &'d str {
    let scheme = it.what["security"][0].as_object().and_then(|it| it.keys().next());
    scheme.map_or("", String::as_str)
}

/// The languages and the call in each; none if only a page makes it.
pub(super) fn of(it: &Operation<'_>) -> Vec<(&'static str, String)> {
    let body = &it.what["requestBody"]["content"]["application/json"]["example"];
    let query = query(it);
    let path = path(it.path);
    let target = format!(
        "{path}{}",
        query.map_or(String::new(), |(name, value)| format!("?{name}={value}"))
    );
    match scheme(it) {
        "page" => Vec::new(),
        "operator" => vec![
            (
                "curl",
                curl(
                    it.method,
                    &target,
                    body,
                    " \\\n  -H \"Authorization: Bearer $(cat .lezai/admin-token)\"",
                ),
            ),
            ("Python", requests(it.method, &target, body)),
        ],
        "merchant" => {
            let mut all = vec![
                ("lezai call", lezai_call(it.method, &target, body)),
                ("Python", python(it.method, &target, body)),
            ];
            all.extend(node(it, &path, query, body).map(|code| ("Node", code)));
            all
        }
        _ => vec![("curl", curl(it.method, &target, body, ""))],
    }
}

/// A path with something in place of its parameters.
fn path(path: &str) -> String {
    path.replace("/orders/{id}", "/orders/ord_…")
        .replace("/refunds/{id}", "/refunds/rfd_…")
        .replace("/events/{id}", "/events/evt_…")
        .replace("/statements/{id}", "/statements/stm_…")
        .replace("/statement_plans/{name}", "/statement_plans/monthly")
        .replace("/merchants/{id}", "/merchants/m_demo")
        .replace("{sequence}", "1")
        .replace("{keyid}", "demo-1")
        .replace("{attempt}", "att_…")
        .replace("{id}", "…")
}

/// The first parameter of the query that has an example.
fn query<'d>(it: &Operation<'d>) -> Option<(&'d str, &'d str)> {
    it.what["parameters"].as_array().into_iter().flatten().find_map(|parameter| {
        let value = parameter["example"].as_str().or(parameter["schema"]["example"].as_str())?;
        (parameter["in"] == "query").then(|| (text(&parameter["name"]), value))
    })
}

fn shell(json: &Value) -> String {
    pretty(json).replace('\'', "'\\''")
}

fn lezai_call(method: &str, target: &str, body: &Value) -> String {
    let line = format!("lezai call {} '{target}'", method.to_uppercase());
    if body.is_null() { line } else { format!("{line} --data '{}'", shell(body)) }
}

fn curl(method: &str, target: &str, body: &Value, token: &str) -> String {
    let method =
        if method == "get" { String::new() } else { format!(" -X {}", method.to_uppercase()) };
    let line = format!("curl{method} 'http://127.0.0.1:8080{target}'{token}");
    if body.is_null() {
        line
    } else {
        format!("{line} \\\n  -H 'Content-Type: application/json' -d '{}'", shell(body))
    }
}

fn python(method: &str, target: &str, body: &Value) -> String {
    let mut arguments = format!("\"{}\", \"{target}\"", method.to_uppercase());
    if !body.is_null() {
        arguments.push_str(&format!(", {}", literal(body, Language::Python, 0)));
    }
    if method == "post" {
        arguments.push_str(", idempotency_key=secrets.token_hex(16)");
    }
    format!("status, answer = call({arguments})")
}

fn requests(method: &str, target: &str, body: &Value) -> String {
    let mut code = format!(
        "token = pathlib.Path(\".lezai/admin-token\").read_text().strip()\nanswer = requests.request(\n    \"{}\", \"http://127.0.0.1:8080{target}\",\n    headers={{\"Authorization\": f\"Bearer {{token}}\"}},",
        method.to_uppercase()
    );
    if !body.is_null() {
        code.push_str(&format!("\n    json={},", literal(body, Language::Python, 4)));
    }
    code.push_str("\n)");
    code
}

fn node(
    it: &Operation<'_>,
    path: &str,
    query: Option<(&str, &str)>,
    body: &Value,
) -> Option<String> {
    let (.., call) =
        NODE.iter().find(|(method, path, _)| (*method, *path) == (it.method, it.path))?;
    let id = path.split('/').find(|it| it.ends_with('…')).unwrap_or_default();
    let query = query.map_or(String::new(), |(name, value)| format!("{{ {name}: \"{value}\" }}"));
    let body =
        if body.is_null() { "{}".to_owned() } else { literal(body, Language::JavaScript, 0) };
    let call =
        call.replace("ID", &format!("\"{id}\"")).replace("QUERY", &query).replace("BODY", &body);
    Some(format!("const answer = await lezai.{call};"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    JavaScript,
}

/// JSON as a literal. What is short stands on one line.
fn literal(value: &Value, language: Language, depth: usize) -> String {
    let is_plain = |name: &str| name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    let named = |name: &str, value: String| match language {
        Language::JavaScript if is_plain(name) => format!("{name}: {value}"),
        _ => format!("{}: {value}", Value::from(name)),
    };
    let step = if language == Language::Python { 4 } else { 2 };
    let inner = depth + step;
    let (open, close, parts): (_, _, Vec<String>) = match value {
        Value::Object(members) => {
            let members = members.iter();
            (
                "{",
                "}",
                members.map(|(name, it)| named(name, literal(it, language, inner))).collect(),
            )
        }
        Value::Array(items) => {
            ("[", "]", items.iter().map(|it| literal(it, language, inner)).collect())
        }
        Value::Bool(true) if language == Language::Python => return "True".to_owned(),
        Value::Bool(false) if language == Language::Python => return "False".to_owned(),
        Value::Null if language == Language::Python => return "None".to_owned(),
        other => return other.to_string(),
    };
    let line = parts.join(", ");
    if parts.is_empty() {
        return format!("{open}{close}");
    }
    if line.len() < 56 && !line.contains('\n') {
        let space = if open == "{" && language == Language::JavaScript { " " } else { "" };
        return format!("{open}{space}{line}{space}{close}");
    }
    let lines: String = parts.iter().map(|it| format!("\n{}{it},", " ".repeat(inner))).collect();
    format!("{open}{lines}\n{}{close}", " ".repeat(depth))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_literal_is_the_language_s_own() {
        let value = json!({ "a-b": [true, null], "c": { "d": "it's \"x\"" } });
        assert_eq!(
            literal(&value, Language::Python, 0),
            r#"{"a-b": [True, None], "c": {"d": "it's \"x\""}}"#
        );
        assert_eq!(
            literal(&value, Language::JavaScript, 0),
            r#"{ "a-b": [true, null], c: { d: "it's \"x\"" } }"#
        );
        let long = json!({ "description": "x".repeat(60) });
        assert!(literal(&long, Language::Python, 4).starts_with("{\n        \"description\""));
        assert_eq!(literal(&json!({}), Language::JavaScript, 0), "{}");
    }

    #[test]
    fn every_method_of_the_package_is_in_its_source() {
        let source = include_str!("../../../../www/server/src/lezai.ts");
        let document = crate::description::parsed();
        for (method, path, call) in NODE {
            assert!(document["paths"][path][method].is_object(), "{method} {path}");
            let name = call.split(['.', '(']).nth(1).unwrap();
            assert!(source.contains(&format!(" {name}(")), "{name}");
        }
    }
}
