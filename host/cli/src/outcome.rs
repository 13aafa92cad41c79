//! How a command that asks a gateway ends: the text that it prints, and its exit code.

use std::process::ExitCode;

use lezai_base::entropy;
use serde_json::Value;

/// Why it was not done.
pub enum Failed {
    /// The gateway says no.
    Refused(String),
    /// It was not asked, or did not answer.
    NotDone(String),
}

/// Which page of a list, and in which form.
#[derive(Debug, clap::Args)]
pub struct PageArgs {
    /// At most so many.
    #[arg(long, default_value_t = 20, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Only what comes behind this one: the `next` of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Print the response as JSON.
    #[arg(long)]
    json: bool,
}

impl PageArgs {
    /// The parameters of the query, without a mark in front.
    pub fn query(&self) -> String {
        let after = self.after.as_ref().map(|it| format!("&after={it}")).unwrap_or_default();
        format!("limit={}{after}", self.limit)
    }

    /// A page as it was asked for: as JSON, or a line for each member.
    pub fn show(&self, found: &Value, line: impl Fn(&Value) -> String, none: &str) -> String {
        if self.json { found.to_string() } else { page(found, line, none) }
    }
}

/// Prints what a command came to. The exit code is 1 if the gateway refuses, and 2 if it could not be
/// asked.
pub fn finish(done: Result<String, Failed>) -> ExitCode {
    match done {
        Ok(text) => {
            say!("{text}");
            ExitCode::SUCCESS
        }
        Err(Failed::Refused(why)) => {
            eprintln!("lezai: {why}");
            ExitCode::from(1)
        }
        Err(Failed::NotDone(why)) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

/// A response's JSON.
///
/// # Errors
///
/// [`Failed::NotDone`].
pub fn parse(body: &[u8]) -> Result<Value, Failed> {
    serde_json::from_slice(body)
        .map_err(|error| Failed::NotDone(format!("the gateway's response is not JSON: {error}")))
}

/// The idempotency key that was named, or a random one.
pub fn key_or_random(named: Option<&String>) -> String {
    let random = || entropy::bytes::<16>().map(|byte| format!("{byte:02x}")).concat();
    named.cloned().unwrap_or_else(random)
}

/// A member's text; `-` if it has none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// A member's count or number; 0 if it has none. Unlike a value it can be printed in a column.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The members of a page as a line each, or what to say if there are none, and how to read on.
pub fn page(page: &Value, line: impl Fn(&Value) -> String, none: &str) -> String {
    let mut lines: Vec<String> = page["data"].as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() {
        lines.push(none.to_owned());
    }
    if let Some(next) = page["next"].as_str() {
        lines.push(format!("more     --after {next}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn page_has_a_line_for_each_member_and_names_the_next() {
        let line = |it: &Value| text(&it["id"]).to_owned();
        let full = json!({ "data": [{ "id": "a" }, {}], "next": "a" });
        assert_eq!(page(&full, line, "nothing"), "a\n-\nmore     --after a");
        assert_eq!(page(&json!({ "data": [], "next": null }), line, "nothing"), "nothing");
    }
}
