//! The page at `/` of `lezai dev`: what runs and where its keys are, calls to begin with, and the last
//! requests as they come.
//!
//! It stands around the gateway's own routes and is composed here alone, so that a gateway which is started in
//! any other way has no such page. It tells where secrets are and never what they are, and the requests that
//! it lists are masked as in the log.

use lezai_wire::time::rfc3339;
use std::collections::VecDeque;
use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, header};
use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize};

use super::{KEYID, MERCHANT, PUBLISHER};
use lezai_base::clock;
use lezai_gateway::gateway::Gateway;
use lezai_http as gateway_http;
use lezai_http::request_id::{self, SCRAPED};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const STYLE: &str =
    concat!(include_str!("../../../assets/src/ground.css"), include_str!("home.css"));
const SCRIPT: &str = include_str!("home.js");
/// Requests that are kept: more than a screen shows. Each takes some 200 bytes.
const KEPT_MAX: usize = 100;
/// A path's characters that are kept; ours are shorter.
const PATH_MAX: usize = 120;
/// RFC 9110's methods are shorter, and a stranger's may be of any length.
const METHOD_MAX: usize = 8;

/// The page's values, and the requests that it has seen.
pub(super) struct Home {
    gateway: String,
    shop: String,
    folder: String,
    thumbprint: String,
    setup: String,
    requests: Mutex<Requests>,
}

struct Requests {
    last: u64,
    kept: VecDeque<Seen>,
}

/// A request that was answered.
#[derive(Clone, Debug, Serialize)]
struct Seen {
    number: u64,
    at: String,
    method: String,
    path: String,
    status: u16,
    ms: u64,
    request_id: String,
}

impl Home {
    /// The page of a gateway and a shop over a folder.
    pub(super) fn new(gateway: &Gateway, shop: &str, data: &Path) -> Self {
        let folder = data.canonicalize().unwrap_or_else(|_| data.to_owned()).display().to_string();
        let program = env::current_exe().ok();
        let program = program.as_deref().and_then(Path::parent).map(|it| it.display().to_string());
        let mut setup = String::from("export");
        if let Some(folder) = program {
            // Writing to a String cannot fail.
            let _ = write!(setup, " PATH={}:\"$PATH\"", quoted(&folder));
        }
        let _ = write!(
            setup,
            " LEZAI_DATA_DIR={} LEZAI_GATEWAY={}",
            quoted(&folder),
            quoted(&gateway.public_url)
        );
        // Numbers go on after a restart, so that an open page does too.
        let last = u64::try_from(clock::now().as_ms()).unwrap_or_default();
        Self {
            gateway: gateway.public_url.clone(),
            shop: shop.to_owned(),
            folder,
            thumbprint: gateway.keys.current().keyid.clone(),
            setup,
            requests: Mutex::new(Requests { last, kept: VecDeque::new() }),
        }
    }

    fn note(&self, seen: Seen) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.last += 1;
        let number = requests.last;
        if requests.kept.len() == KEPT_MAX {
            requests.kept.pop_front();
        }
        requests.kept.push_back(Seen { number, ..seen });
    }

    fn since(&self, number: u64) -> Vec<Seen> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.kept.iter().filter(|it| it.number > number).cloned().collect()
    }
}

/// The gateway's routes with the page before them.
pub(super) fn around(routes: Router, gateway: &Arc<Gateway>, home: Home) -> Router {
    let home = Arc::new(home);
    let recorded = routes.layer(middleware::from_fn_with_state(Arc::clone(&home), recorded));
    Router::new()
        .route("/", get(page))
        .route("/dev/home.css", get(style))
        .route("/dev/home.js", get(script))
        .route("/dev/requests", get(requests))
        .method_not_allowed_fallback(gateway_http::method_not_allowed)
        // A page of another site that was led here by DNS gets no further than the gateway lets it.
        .layer(middleware::from_fn_with_state(Arc::clone(gateway), gateway_http::addressed))
        .layer(middleware::from_fn(gateway_http::bounded))
        .with_state(home)
        .fallback_service(recorded)
}

async fn recorded(State(home): State<Arc<Home>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if SCRAPED.contains(&path) {
        return next.run(request).await;
    }
    let short = |text: &str, max: usize| text.chars().take(max).collect::<String>();
    let path = short(&request_id::masked(path), PATH_MAX);
    let method = short(request.method().as_str(), METHOD_MAX);
    let begun = Instant::now();
    let response = next.run(request).await;
    let id = response.headers().get(request_id::HEADER).and_then(|it| it.to_str().ok());
    home.note(Seen {
        number: 0,
        at: rfc3339(clock::now()),
        method,
        path,
        status: response.status().as_u16(),
        ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        request_id: id.unwrap_or_default().to_owned(),
    });
    response
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn requests(State(home): State<Arc<Home>>, Query(After { after }): Query<After>) -> Response {
    Json(home.since(after)).into_response()
}

async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response()
}

#[derive(Deserialize)]
struct Asked {
    lang: Option<String>,
}

async fn page(
    State(home): State<Arc<Home>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok());
    let wanted = asked.lang.as_deref().or(wanted).unwrap_or_default();
    let words = if wanted.starts_with("zh") { &CHINESE } else { &ENGLISH };
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::VARY, HeaderValue::from_static("accept-language")),
    ];
    (fields, render(&home, words).into_string()).into_response()
}

/// The page's texts in one language.
struct Words {
    lang: &'static str,
    title: &'static str,
    lead: &'static str,
    running: &'static str,
    gateway: &'static str,
    shop: &'static str,
    folder: &'static str,
    merchant: &'static str,
    signs: &'static str,
    gateway_key: &'static str,
    publisher: &'static str,
    operator: &'static str,
    begin: &'static str,
    setup: &'static str,
    create: &'static str,
    pay: &'static str,
    list: &'static str,
    copy: &'static str,
    copied: &'static str,
    on: &'static str,
    open_shop: &'static str,
    reference: &'static str,
    openapi: &'static str,
    wallet: &'static str,
    docs: &'static str,
    requests: &'static str,
    none_yet: &'static str,
    lost: &'static str,
    columns: [&'static str; 5],
    other: (&'static str, &'static str, &'static str),
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "Lezai is running",
    lead: "A gateway, a simulated wallet and a demo shop, on this machine. No money moves. This page is served by `lezai dev` only.",
    running: "What runs",
    gateway: "Gateway",
    shop: "Demo shop",
    folder: "Data folder",
    merchant: "Merchant",
    signs: "Its signing key",
    gateway_key: "Gateway's public key",
    publisher: "Plugin signing key",
    operator: "Operator's token",
    begin: "Three calls to begin with",
    setup: "Once in a terminal:",
    create: "1. Create an order. Open `checkout.url` of the response to pay it.",
    pay: "2. Create another one, pay it as the shopper, and see its callback delivered.",
    list: "3. List the newest orders.",
    copy: "Copy",
    copied: "Copied",
    on: "Where to go",
    open_shop: "Buy something in the demo shop",
    reference: "API reference",
    openapi: "OpenAPI 3.1",
    wallet: "The wallet opens from the link under a QR code. Magic amounts make it decline, time out or pay late:",
    docs: "Guides are in the source tree:",
    requests: "Requests",
    none_yet: "None yet. They appear here as they come.",
    lost: "The gateway does not answer.",
    columns: ["Time", "Request", "Status", "ms", "Request id"],
    other: ("zh", "zh-CN", "中文"),
};

const CHINESE: Words = Words {
    lang: "zh-CN",
    title: "乐在已启动",
    lead: "网关、模拟钱包和演示商店都在本机运行，不涉及真实资金。只有 `lezai dev` 提供本页。",
    running: "正在运行",
    gateway: "网关",
    shop: "演示商店",
    folder: "数据目录",
    merchant: "商户",
    signs: "商户签名私钥",
    gateway_key: "网关公钥",
    publisher: "插件签名私钥",
    operator: "运营方令牌",
    begin: "从这三个调用开始",
    setup: "在终端里先执行一次：",
    create: "1. 创建订单。打开应答里的 `checkout.url` 即可付款。",
    pay: "2. 再创建一笔，以付款人身份付款，并等到回调送达。",
    list: "3. 查询最新的订单。",
    copy: "复制",
    copied: "已复制",
    on: "接下来",
    open_shop: "到演示商店买点东西",
    reference: "接口参考",
    openapi: "OpenAPI 3.1",
    wallet: "钱包页从二维码下方的链接打开。用特定金额可以让它拒付、超时或延迟到账：",
    docs: "使用指南在源码目录里：",
    requests: "请求",
    none_yet: "还没有请求，有了会实时显示在这里。",
    lost: "网关没有应答。",
    columns: ["时间", "请求", "状态", "毫秒", "请求编号"],
    other: ("en", "en", "English"),
};

const CREATE: &str = r#"lezai call POST /v1/orders --data '{"merchant_order_id":"A-'$(date +%s)'","amount":12800,"currency":"CNY","description":"Jasmine tea"}'"#;
const PAY: &str = "lezai trigger order.paid";
const LIST: &str = "lezai call GET '/v1/orders?limit=3'";

fn render(home: &Home, words: &Words) -> Markup {
    let (lang, hreflang, name) = words.other;
    let in_folder = |file: &str| format!("{}/{file}", home.folder);
    html! {
        (DOCTYPE)
        html lang=(words.lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (words.title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/dev/home.css";
                script src="/dev/home.js" defer {}
            }
            body {
                header {
                    p.mark { "Lezai " span lang="zh-CN" { "乐在" } " " span.version { (env!("CARGO_PKG_VERSION")) } }
                    a href={ "?lang=" (lang) } lang=(hreflang) hreflang=(hreflang) { (name) }
                }
                main {
                    h1 { (words.title) }
                    p.lead { (prose(words.lead)) }
                    div.columns {
                        section {
                            h2 { (words.begin) }
                            p { (words.setup) }
                            (command(words, &home.setup))
                            p { (prose(words.create)) }
                            (command(words, CREATE))
                            p { (prose(words.pay)) }
                            (command(words, PAY))
                            p { (prose(words.list)) }
                            (command(words, LIST))
                        }
                        section {
                            h2 { (words.on) }
                            ul.links {
                                li { a href=(home.shop) { (words.open_shop) } }
                                li { a href="/reference" { (words.reference) } }
                                li { a href="/openapi.json" { (words.openapi) } }
                            }
                            p { (words.wallet) " " code { "docs/sandbox.md" } }
                            p { (words.docs) " " code { "docs/signing.md" } ", " code { "docs/callbacks.md" } ", " code { "docs/checkout.md" } }
                            h2 { (words.running) }
                            dl {
                                dt { (words.gateway) } dd { code { (home.gateway) } }
                                dt { (words.shop) } dd { a href=(home.shop) { code { (home.shop) } } }
                                dt { (words.merchant) } dd { code { (MERCHANT) } ", " code { (KEYID) } }
                                dt { (words.signs) } dd { code { (in_folder("demo-merchant.pem")) } }
                                dt { (words.gateway_key) } dd { code { (in_folder("gateway-public.pem")) } br; code.soft { (home.thumbprint) } }
                                dt { (words.publisher) } dd { code { (in_folder(&format!("{PUBLISHER}.pem"))) } }
                                dt { (words.operator) } dd { code { (in_folder("admin-token")) } }
                                dt { (words.folder) } dd { code { (home.folder) } }
                            }
                        }
                    }
                    section {
                        h2 { (words.requests) }
                        p #none role="status" data-lost=(words.lost) { (words.none_yet) }
                        div.scroll {
                            table #requests hidden {
                                thead { tr { @for column in words.columns { th scope="col" { (column) } } } }
                                tbody {}
                            }
                        }
                    }
                }
            }
        }
    }
}

fn command(words: &Words, text: &str) -> Markup {
    html! {
        div.command {
            pre tabindex="0" { code { (text) } }
            button type="button" data-copied=(words.copied) { (words.copy) }
        }
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

/// A word for a POSIX shell, as it is or in quotes.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-:~".contains(it);
    if word.chars().all(is_plain) && !word.starts_with('~') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Home {
        Home {
            gateway: "http://127.0.0.1:8080".to_owned(),
            shop: "http://127.0.0.1:8081".to_owned(),
            folder: "/tmp/<it's>".to_owned(),
            thumbprint: "thumb".to_owned(),
            setup: "export".to_owned(),
            requests: Mutex::new(Requests { last: 7, kept: VecDeque::new() }),
        }
    }

    fn seen(path: &str) -> Seen {
        Seen {
            number: 0,
            at: String::new(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            status: 200,
            ms: 0,
            request_id: String::new(),
        }
    }

    #[test]
    fn requests_are_kept_up_to_a_bound_and_read_on() {
        let home = home();
        for n in 0..KEPT_MAX + 5 {
            home.note(seen(&format!("/{n}")));
        }
        let all = home.since(0);
        assert_eq!((all.len(), &*all[0].path), (KEPT_MAX, "/5"));
        let last = all.last().unwrap().number;
        assert_eq!(last, 7 + KEPT_MAX as u64 + 5);
        assert!(home.since(last).is_empty());
        assert_eq!(home.since(last - 2).len(), 2);
    }

    #[test]
    fn the_page_is_the_same_in_both_languages_and_has_no_script_of_its_own() {
        let pages = [&ENGLISH, &CHINESE].map(|it| render(&home(), it).into_string());
        for page in &pages {
            assert!(page.contains("/tmp/&lt;it's&gt;/demo-merchant.pem"), "{page}");
            assert!(!page.contains("style=") && !page.contains("onclick"));
            assert_eq!(page.matches("<script").count(), 1);
            for command in [PAY, "GET '/v1/orders?limit=3'"] {
                assert!(page.contains(command), "{command}");
            }
        }
        assert_eq!(pages[0].matches('<').count(), pages[1].matches('<').count());
    }

    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        assert_eq!(quoted("/a/.lezai"), "/a/.lezai");
        assert_eq!(quoted("/a b/$x"), "'/a b/$x'");
        assert_eq!(quoted("/it's"), r"'/it'\''s'");
    }
}
