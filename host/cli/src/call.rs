//! `lezai call`: signs any request to the API, sends it, and prints the answer.
//!
//! The answer's body goes to standard output and nothing else does, so that a program can read it; the
//! status, and what is said about the answer, goes to standard error.

use std::env;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Read, Write as _};
use std::process::ExitCode;

use crate::caller;
use crate::caller::CallerArgs;
use lezai_base::entropy;
use lezai_client::{Answer, Trust};

/// Far beyond what the gateway takes, so that its own bound can be tried out.
const MAX_BODY: u64 = 4 << 20;

/// The call, and the caller.
#[derive(Debug, clap::Args)]
pub struct CallArgs {
    /// Such as GET or POST.
    method: String,
    /// Such as /v1/orders?merchant_order_id=A-1001.
    path: String,
    /// The body: JSON, or a file's, or standard input's.
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    data: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
    /// The same key for a repeat of the same request [default: a new one for each POST].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print the status and the header before the body, on standard output.
    #[arg(short, long)]
    include: bool,
    /// Print what is signed (RFC 9421, section 2.5).
    #[arg(long)]
    show_base: bool,
}

/// Calls and prints. The exit code is 0 for a success, 1 for a problem that the gateway answered
/// with, 2 if there is no answer or none that can be believed.
pub async fn run(args: CallArgs) -> ExitCode {
    match call(&args).await {
        Ok(answer) => {
            print(&answer, args.include);
            judge(&answer)
        }
        Err(why) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

async fn call(args: &CallArgs) -> Result<Answer, String> {
    let method = args.method.to_uppercase();
    let client = args.caller.client().await?;
    let idempotency_key = match (&args.idempotency_key, method.as_str()) {
        (Some(key), _) => Some(key.clone()),
        (None, "POST") => {
            let key = entropy::bytes::<16>().map(|byte| format!("{byte:02x}")).concat();
            eprintln!("to repeat the same request: --idempotency-key {key}");
            Some(key)
        }
        (None, _) => None,
    };
    let body = args.data.as_deref().map(read_body).transpose()?;
    let request = client
        .sign(&method, &args.path, body, idempotency_key.as_deref())
        .map_err(|error| error.to_string())?;
    if args.show_base {
        eprintln!("signed, line by line:\n{}", request.base());
    }
    client.send(&request).await.map_err(|error| caller::unanswered(&args.caller.gateway, &error))
}

fn judge(answer: &Answer) -> ExitCode {
    match &answer.trust {
        Trust::Verified => eprintln!("the answer's signature verifies"),
        Trust::Unchecked => eprintln!(
            "the answer's signature was not checked: no key of the gateway's is known (--gateway-key)"
        ),
        Trust::Refused(why) => {
            eprintln!("the answer is not to be believed: {why}");
            return ExitCode::from(2);
        }
    }
    if answer.is_success() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn print(answer: &Answer, include: bool) {
    let reason = http::StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let status = format!("{} {reason}", answer.status);
    let mut text = String::new();
    if include {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{status}");
        for (name, value) in &answer.fields {
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
    } else {
        eprintln!("{}", status.trim_end());
    }
    match std::str::from_utf8(&answer.body) {
        Ok(body) if serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok() => {
            let body = visible(&indented(body));
            text.push_str(&if takes_colours() { coloured(&body) } else { body });
        }
        _ => text.push_str(&visible(&String::from_utf8_lossy(&answer.body))),
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    // The reader may have seen enough and gone.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Whether a person looks, on a terminal that has colours, and did not ask for none (<https://no-color.org>).
fn takes_colours() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|it| !it.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|it| it == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// Laid-out JSON with its names, texts and other values in colours (ECMA-48, section 8.3.117).
fn coloured(json: &str) -> String {
    const NAME: &str = "\u{1b}[34m";
    const TEXT: &str = "\u{1b}[32m";
    const OTHER: &str = "\u{1b}[33m";
    const END: &str = "\u{1b}[0m";
    let mut text = String::with_capacity(json.len() * 2);
    for line in json.split_inclusive('\n') {
        let value = line.trim_start();
        text.push_str(&line[..line.len() - value.len()]);
        // A name is followed by a colon and a space, which no text has outside of its quotes.
        let (name, value) = match string_end(value).map(|end| value.split_at(end)) {
            Some((name, rest)) if rest.starts_with(": ") => (name, rest),
            _ => ("", value),
        };
        if !name.is_empty() {
            let _ = write!(text, "{NAME}{name}{END}: ");
        }
        let value = value.strip_prefix(": ").filter(|_| !name.is_empty()).unwrap_or(value);
        let bare = value.trim_end_matches([',', '\n']);
        let colour = match bare.as_bytes().first() {
            Some(b'"') => TEXT,
            None | Some(b'{' | b'[' | b'}' | b']') => "",
            Some(_) => OTHER,
        };
        let end = if colour.is_empty() { "" } else { END };
        let _ = write!(text, "{colour}{bare}{end}{}", &value[bare.len()..]);
    }
    text
}

/// Where the string ends that `json` begins with.
fn string_end(json: &str) -> Option<usize> {
    let mut escaped = false;
    let inside = json.strip_prefix('"')?;
    let end = inside.find(|it| {
        let is_end = it == '"' && !escaped;
        escaped = it == '\\' && !escaped;
        is_end
    });
    end.map(|end| end + 2)
}

/// JSON with one member a line. Only white space is changed: members keep their order, and numbers
/// their digits.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    for it in json.chars() {
        match it {
            _ if in_string => {
                text.push(it);
                in_string = escaped || it != '"';
                escaped = !escaped && it == '\\';
            }
            ' ' | '\t' | '\r' | '\n' => {}
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !text.ends_with(['{', '[']) {
                    text.push_str(&line(depth));
                }
                text.push(it);
            }
            _ => {
                if text.ends_with(['{', '[', ',']) {
                    text.push_str(&line(depth));
                }
                text.push(it);
                depth += usize::from(it == '{' || it == '[');
                in_string = it == '"';
                if it == ':' {
                    text.push(' ');
                }
            }
        }
    }
    text
}

/// A stranger's text on a terminal: control characters are written out, not obeyed.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '\n' => visible.push(it),
            _ if it.is_control() => visible.extend(it.escape_debug()),
            _ => visible.push(it),
        }
    }
    visible
}

fn read_body(data: &str) -> Result<Vec<u8>, String> {
    let source: Box<dyn Read> = match (data, data.strip_prefix('@')) {
        ("-", _) => Box::new(std::io::stdin()),
        (_, Some(file)) => {
            Box::new(std::fs::File::open(file).map_err(|error| format!("{file}: {error}"))?)
        }
        (json, None) => return Ok(json.as_bytes().to_vec()),
    };
    let mut body = Vec::new();
    source.take(MAX_BODY + 1).read_to_end(&mut body).map_err(|error| format!("{data}: {error}"))?;
    let fits = u64::try_from(body.len()).is_ok_and(|length| length <= MAX_BODY);
    if fits { Ok(body) } else { Err(format!("{data} has more than {MAX_BODY} bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_not_changed() {
        for (json, expected) in [
            ("{}", "{}"),
            ("[ ]", "[]"),
            ("1.50", "1.50"),
            (r#""{[,:\"}""#, r#""{[,:\"}""#),
            (
                r#"{"b":9007199254740993,"a":[1,{"c":[]}]}"#,
                "{\n  \"b\": 9007199254740993,\n  \"a\": [\n    1,\n    {\n      \"c\": []\n    }\n  ]\n}",
            ),
            (r#"{"a": "x\\","b":"y, z"}"#, "{\n  \"a\": \"x\\\\\",\n  \"b\": \"y, z\"\n}"),
        ] {
            assert_eq!(indented(json), expected, "{json}");
            if !json.starts_with('"') {
                let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
                assert_eq!(read(&indented(json)), read(json));
            }
        }
    }

    #[test]
    fn colours_add_nothing_but_themselves() {
        let json = indented(r#"{"a":"x\\\"y: ","b":[1,{"c":null,"d: ":[]}],"e":{},"f":true}"#);
        let text = coloured(&json);
        assert!(text.contains("\u{1b}[34m\"d: \"\u{1b}[0m: []"), "{text}");
        assert!(text.contains("\u{1b}[33mnull\u{1b}[0m,"), "{text}");
        assert!(text.contains("\u{1b}[32m\"x\\\\\\\"y: \"\u{1b}[0m,"), "{text}");
        let bare = ["\u{1b}[34m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"];
        assert_eq!(bare.iter().fold(text, |text, it| text.replace(it, "")), json);
        for scalar in ["1.50", "\"x\"", "{}", ""] {
            let text = bare.iter().fold(coloured(scalar), |text, it| text.replace(it, ""));
            assert_eq!(text, scalar);
        }
    }

    #[test]
    fn a_stranger_s_text_moves_no_cursor() {
        assert_eq!(visible("a\u{1b}[2Jb\n\u{9b}c"), "a\\u{1b}[2Jb\n\\u{9b}c");
    }
}
