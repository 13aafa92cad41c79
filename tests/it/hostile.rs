//! Requests of a stranger, or a careless merchant: each is answered with a problem that says
//! what is wrong, none with a failure of ours, and nothing of it is stored.

use std::time::Duration;

use lezai_core::key::SigningKey;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, lezai, random_hex, send_raw};
use serde_json::{Value, json};

/// The largest body that is taken (host/http/src/signed.rs).
const MAX_BODY: usize = 64 * 1024;
/// The largest header that is taken (host/http/src/lib.rs).
const MAX_HEADER: usize = 16 * 1024;

/// A gateway, its demo merchant, and what both leave behind.
struct Scene {
    merchant: Merchant,
    gateway: Gateway,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        Self { merchant: Merchant::demo(&gateway), gateway, folder }
    }

    fn send(&self, request: &Request) -> Answer {
        request
            .send(&self.gateway.authority)
            .unwrap_or_else(|error| panic!("{}: {error}", request.target))
    }

    /// A signed body for `POST /v1/orders` that must be refused so, and leave nothing.
    fn refuses(&self, body: impl Into<Vec<u8>>, code: &str, field: &str) {
        let (body, key) = (body.into(), random_hex());
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer = self.merchant.create(&key, body).unwrap();
        assert_problem(&answer, code, &shown);
        assert_eq!(
            answer.json()["field"].as_str().unwrap_or_default(),
            field,
            "{shown}: {}",
            answer.json()
        );
        // The key is still free: what is refused is no first answer.
        let good = Merchant::order(&format!("after-{key}")).to_string();
        let answer = self.merchant.create(&key, good).unwrap();
        assert_eq!(
            answer.status,
            201,
            "{shown}, then a good order with the same key: {}",
            answer.json()
        );
    }

    fn stored(&self, merchant_order_id: &str) -> usize {
        self.merchant.find(merchant_order_id).len()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let data = self.folder.path().join("data");
        let check = lezai(&["ledger", "check", "--data", &data.display().to_string()]);
        assert!(check.status.success(), "the ledger does not add up: {check:?}");
        let log = self.gateway.log();
        assert!(!log.contains("panicked") && !log.contains("internal failure"), "{log}");
    }
}

fn assert_problem(answer: &Answer, code: &str, what: &str) {
    assert_eq!(
        answer.code(),
        code,
        "{what}: {} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{what}");
    for member in ["type", "title", "detail", "retry", "request_id"] {
        assert!(
            problem[member].as_str().is_some_and(|it| !it.is_empty()),
            "{what}: no {member} in {problem}"
        );
    }
    // Whether it verifies, `Merchant::check` says; that there is one, every problem must.
    for field in ["signature", "signature-input", "content-digest"] {
        assert!(answer.field(field).is_some(), "{what}: no {field}");
    }
    let printable = |text: &str| !text.chars().any(char::is_control);
    assert!(printable(problem["detail"].as_str().unwrap()), "{what}: {problem}");
}

#[test]
fn what_is_no_order_is_refused_with_its_field() {
    let scene = Scene::new();
    let number = "H-0001";
    let good = json!({
        "merchant_order_id": number, "amount": 12800, "currency": "CNY", "description": "Jasmine tea",
        "notify_url": "http://127.0.0.1:9/cb", "return_url": "https://shop.example/", "methods": ["wallet_qr"],
        "expires_in": 900, "scene": "ecommerce", "customer": {"ref": "c-1", "ip": "198.51.100.7", "country": "CN"},
        "device": {"id": "d-1", "kind": "phone", "os": "iOS", "user_agent": "UA"}, "metadata": {"table": "7"},
    })
    .to_string();

    // Each row writes another value in the place of one that stands in the good order.
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let many = |length: usize| format!("[{}]", vec!["\"wallet_qr\""; length].join(","));
    let members: Vec<String> = (0..21).map(|n| format!("\"k{n}\":\"v\"")).collect();
    let members = format!("{{{}}}", members.join(","));
    let rows: Vec<(&str, &str, String, &str)> = [
        (
            "amount",
            "12800",
            "amount",
            &[
                "-1",
                "0",
                "-0",
                "1.5",
                "12800.0",
                "1e2",
                "0.1",
                "9007199254740992",
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775809",
                "18446744073709551615",
                "99999999999999999999999999",
                "\"12800\"",
                "true",
                "[1]",
                "{}",
            ][..],
        ),
        (
            "currency",
            "\"CNY\"",
            "currency",
            &[
                "\"RMB\"",
                "\"cny\"",
                "\"XXX\"",
                "\"XAU\"",
                "\"\"",
                "\"CNYY\"",
                "\"C\\u0000Y\"",
                "156",
                "[]",
            ],
        ),
        (
            "merchant_order_id",
            "\"H-0001\"",
            "merchant_order_id",
            &[
                "\"\"",
                "\"a b\"",
                "\"a\\u0000\"",
                "\"a\\n\"",
                "\"a\\u007f\"",
                "\"茶\"",
                "\"../x\"",
                "\"a'--\"",
                "\"a\\u202e\"",
                "42",
                "{}",
                &long(65),
            ],
        ),
        (
            "description",
            "\"Jasmine tea\"",
            "description",
            &[
                "\"\"",
                "\"a\\u0007b\"",
                "\"a\\u0085b\"",
                "\"\\r\\n\"",
                "\"   \"",
                "\"\\u200b\"",
                "\"\\u3164\"",
                "\"\\u00ad\"",
                "\"tea \\u202e00.1\"",
                "12",
                &long(201),
            ],
        ),
        (
            "notify_url",
            "\"http://127.0.0.1:9/cb\"",
            "notify_url",
            &[
                "\"\"",
                "\"/cb\"",
                "\"ftp://shop.example/\"",
                "\"http://\"",
                "\"http://u:p@shop.example/\"",
                "\"http://u@shop.example/\"",
                "\"http://shop.example\\\\@other.example/\"",
                "\"http://[::1\"",
                "\"http://a\\u0000b/\"",
                "\"http://a\\n/\"",
                "\"file:///etc/passwd\"",
                "7",
                &long(513),
            ],
        ),
        (
            "return_url",
            "\"https://shop.example/\"",
            "return_url",
            &[
                "\"javascript:alert(1)\"",
                "\"data:text/html,x\"",
                "\"//shop.example\"",
                "\"https://shop.example\\\\@other.example/\"",
                "\"https://u:p@shop.example/\"",
                "[]",
            ],
        ),
        ("methods", "[\"wallet_qr\"]", "methods", &["\"wallet_qr\"", "{}", "1", &many(17)]),
        (
            "methods",
            "[\"wallet_qr\"]",
            "methods[0]",
            &["[\"Wallet\"]", "[\"\"]", "[1]", "[null]", "[[\"wallet_qr\"]]", "[\"wallet qr\"]"],
        ),
        (
            "expires_in",
            "900",
            "expires_in",
            &["59", "86401", "-1", "0", "1e3", "900.0", "\"900\"", "9223372036854775808"],
        ),
        ("scene", "\"ecommerce\"", "scene", &["\"ECOMMERCE\"", "\"\"", "1", "[]"]),
        ("customer", "\"c-1\"", "customer.ref", &["\"\"", "\"\\u0000\"", "1", &long(65)]),
        (
            "customer",
            "\"198.51.100.7\"",
            "customer.ip",
            &["\"203.0.113.777\"", "\"::g\"", "\"localhost\"", "1"],
        ),
        ("customer", "\"CN\"", "customer.country", &["\"cn\"", "\"CHN\"", "\"C1\"", "86"]),
        ("device", "\"phone\"", "device.kind", &["\"fridge\"", "1"]),
        ("device", "\"UA\"", "device.user_agent", &["\"a\\u001b[31m\"", &long(257)]),
        ("metadata", "\"7\"", "metadata.table", &["7", "{}", "\"a\\u0000\"", &long(201)]),
        (
            "metadata",
            "{\"table\":\"7\"}",
            "metadata",
            &["[]", "\"x\"", "{\"\":\"x\"}", "{\"a b\":\"x\"}", "{\"a\\u0000\":\"x\"}", &members],
        ),
    ]
    .into_iter()
    .flat_map(|(member, from, field, values)| {
        values.iter().map(move |to| (member, from, (*to).to_owned(), field))
    })
    .collect();
    for (member, from, to, field) in &rows {
        let at = good.find(&format!("\"{member}\":")).unwrap();
        let start = at + good[at..].find(from).unwrap();
        let body = format!("{}{to}{}", &good[..start], &good[start + from.len()..]);
        scene.refuses(body, "invalid_field", field);
    }
    assert!(rows.len() > 90, "{} rows", rows.len());

    for member in ["merchant_order_id", "amount", "currency", "description"] {
        let mut without: Value = serde_json::from_str(&good).unwrap();
        without.as_object_mut().unwrap().remove(member);
        scene.refuses(without.to_string(), "missing_field", member);
        without[member] = Value::Null;
        scene.refuses(without.to_string(), "missing_field", member);
    }

    let with = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    for (member, field) in [
        ("\"amount_minor\":1", "amount_minor"),
        ("\"Amount\":1", "Amount"),
        ("\"__proto__\":{}", "__proto__"),
        ("\"\":1", ""),
        ("\"a\\u0000\":1", "a\\0"),
    ] {
        scene.refuses(with(member), "unknown_field", field);
    }
    scene.refuses(good.replacen("\"ref\"", "\"name\"", 1), "unknown_field", "customer.name");
    scene.refuses(good.replacen("\"os\"", "\"OS\"", 1), "unknown_field", "device.OS");
    // As long as no name of ours is, so it may be anything of anybody's: it is shortened and masked.
    scene.refuses(with(&format!("\"{}\":1", "u".repeat(40_000))), "unknown_field", "u********u");
    scene.refuses(
        good.replacen("[\"wallet_qr\"]", "[\"no_such_method\"]", 1),
        "method_unavailable",
        "methods",
    );

    for (from, to) in [("12800", "5000001"), ("12800", "9007199254740991"), ("\"CNY\"", "\"KWD\"")]
    {
        scene.refuses(good.replacen(from, to, 1), "limit_exceeded", "amount");
    }

    assert_eq!(scene.stored(number), 0);
    let answer = scene.merchant.create(&random_hex(), good).unwrap();
    assert_eq!(
        answer.status,
        201,
        "the good order of which all these were bad copies: {}",
        answer.json()
    );
    assert_eq!(scene.stored(number), 1);
}

#[test]
fn what_is_no_json_is_refused() {
    let scene = Scene::new();
    let order = Merchant::order("H-0002").to_string();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (b"{".to_vec(), "not_json"),
        (b"null".to_vec(), "not_json"),
        (b"[]".to_vec(), "not_json"),
        (b"12800".to_vec(), "not_json"),
        (b"\"x\"".to_vec(), "not_json"),
        (b" ".to_vec(), "not_json"),
        (b"\0".to_vec(), "not_json"),
        (b"merchant_order_id=H-0002&amount=1".to_vec(), "not_json"),
        (b"<order/>".to_vec(), "not_json"),
        (b"\xff\xfe{\0}\0".to_vec(), "not_json"),
        ([b"\xef\xbb\xbf", order.as_bytes()].concat(), "not_json"),
        (format!("{order}x").into_bytes(), "not_json"),
        (format!("{order}{order}").into_bytes(), "not_json"),
        (order.replace("H-0002", "\u{1}").into_bytes(), "not_json"),
        (order.replace("H-0002", "\\ud800").into_bytes(), "not_json"),
        (order.replace("H-0002", "\\x41").into_bytes(), "not_json"),
        (order.replace("12800", "1e400").into_bytes(), "not_json"),
        (order.replace("12800", "NaN").into_bytes(), "not_json"),
        (order.replace("12800", "012800").into_bytes(), "not_json"),
        (order.replace("12800", "0x10").into_bytes(), "not_json"),
        (order.replace("12800", "+1").into_bytes(), "not_json"),
        (order.replace('}', ",}").into_bytes(), "not_json"),
        (order.replace('"', "'").into_bytes(), "not_json"),
        (order.replace('}', ",\"amount\":1}").into_bytes(), "not_json"),
        (order.replace('}', ",\"\\u0061mount\":1}").into_bytes(), "not_json"),
        (order.replace('}', ",\"metadata\":{\"a\":\"1\",\"a\":\"2\"}}").into_bytes(), "not_json"),
        ([order.replace("H-0002", "H-").as_bytes(), b"\xc3\x28"].concat(), "not_json"),
        (order.replace("12800", "[[[[[[[[[[1]]]]]]]]]]").into_bytes(), "too_deep"),
        ("[".repeat(MAX_BODY).into_bytes(), "too_deep"),
        ("{\"a\":".repeat(MAX_BODY / 5).into_bytes(), "too_deep"),
    ];
    for (body, code) in rows {
        scene.refuses(body, code, "");
    }
    // A body of no bytes is one that lacks everything, or no JSON: never an order.
    let answer = scene.merchant.create(&random_hex(), "").unwrap();
    assert_problem(&answer, "not_json", "no body");
    assert_eq!(scene.stored("H-0002"), 0);
}

#[test]
fn bodies_are_bounded() {
    let scene = Scene::new();
    let padded = |number: &str, length: usize| {
        let mut body = Merchant::order(number).to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let answer = scene.merchant.create(&random_hex(), padded("H-0003", MAX_BODY)).unwrap();
    assert_eq!(answer.status, 201, "a body of exactly the bound: {}", answer.json());

    let answer = scene.merchant.create(&random_hex(), padded("H-0004", MAX_BODY + 1)).unwrap();
    assert_problem(&answer, "body_too_large", "a byte more than the bound");

    // The same without a length, in chunks: the count is of what arrives.
    let body = padded("H-0004", MAX_BODY + 1);
    let mut request = scene
        .merchant
        .post("/v1/orders", &random_hex(), body.as_bytes())
        .with("transfer-encoding", "chunked");
    request.body = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes();
    assert_problem(&scene.send(&request), "body_too_large", "a byte more than the bound, chunked");

    // A length that is a lie is believed where it is too long, and waited for where it is not.
    let mut request =
        Request::new("POST", "/v1/orders", "").with("content-type", "application/json");
    request = request.with("content-length", "10737418240");
    assert_problem(&scene.send(&request), "body_too_large", "ten gigabytes announced");

    // One that goes on sending reads the answer all the same.
    let upload = vec![b' '; 16 * 1024 * 1024];
    for chunked in [false, true] {
        let mut request =
            Request::new("POST", "/v1/orders", "").with("content-type", "application/json");
        request.body = upload.clone();
        if chunked {
            request = request.with("transfer-encoding", "chunked");
            let head = format!("{:x}\r\n", upload.len());
            request.body = [head.as_bytes(), &upload, b"\r\n0\r\n\r\n"].concat();
        }
        assert_problem(&scene.send(&request), "body_too_large", "sixteen megabytes sent");
    }

    assert_eq!((scene.stored("H-0003"), scene.stored("H-0004")), (1, 0));
}

#[test]
fn bodies_are_framed_and_written_as_they_must_be() {
    let scene = Scene::new();
    let order = Merchant::order("H-0012").to_string();
    let key = random_hex();
    let mut broken = scene
        .merchant
        .post("/v1/orders", &key, order.as_bytes())
        .with("transfer-encoding", "chunked");
    broken.body = format!("zz\r\n{order}\r\n0\r\n\r\n").into_bytes();
    let answer = scene.send(&broken);
    assert_problem(&answer, "body_broken", "a chunk without a length");
    assert_eq!(answer.status, 400);

    let encoded = Request::new("POST", "/v1/orders", order.as_bytes())
        .with("content-type", "application/json")
        .with("content-encoding", "gzip")
        .with("idempotency-key", "\"k\"");
    let answer = scene.send(&scene.merchant.sign(encoded));
    assert_problem(&answer, "unsupported_content_encoding", "gzip");
    assert_eq!((answer.status, answer.field("accept-encoding")), (415, Some("identity")));

    for (kind, told) in [
        ("application/json; charset=gbk", "UTF-8"),
        ("application/json; charset=\"iso-8859-1\"", "UTF-8"),
        ("application/json; Charset = utf-16", "UTF-8"),
        ("application/jsön", "not visible ASCII"),
    ] {
        let request = Request::new("POST", "/v1/orders", order.as_bytes())
            .with("content-type", kind)
            .with("idempotency-key", "\"k\"");
        let answer = scene.send(&request);
        assert_problem(&answer, "unsupported_media_type", kind);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{kind}: {detail}");
    }
    let with_mark = [b"\xef\xbb\xbf", order.as_bytes()].concat();
    let answer = scene.merchant.create(&key, with_mark).unwrap();
    assert!(answer.json()["detail"].as_str().unwrap().contains("BOM"), "{}", answer.json());
    assert_eq!(scene.stored("H-0012"), 0);
}

#[test]
fn a_field_that_says_nothing_is_not_called_missing() {
    let scene = Scene::new();
    let order = Merchant::order("H-0013").to_string();
    let post = || Request::new("POST", "/v1/orders", order.as_bytes());
    let json = |request: Request| request.with("content-type", "application/json");
    let signed = scene.merchant.post("/v1/orders", "k", order.as_bytes());
    for (request, code, told) in [
        (
            json(post()).with("idempotency-key", "\"a\"").with("idempotency-key", "\"b\""),
            "signature_missing",
            "",
        ),
        (
            scene.merchant.sign(
                json(post()).with("idempotency-key", "\"a\"").with("idempotency-key", "\"b\""),
            ),
            "idempotency_key_invalid",
            "is there twice",
        ),
        (
            scene.merchant.sign(json(post()).with("idempotency-key", "\"é\"")),
            "idempotency_key_invalid",
            "not visible ASCII",
        ),
        (
            post().with("content-type", "application/json").with("content-type", "text/plain"),
            "unsupported_media_type",
            "is there twice",
        ),
        (signed.clone().with("signature-input", "é"), "signature_malformed", "not visible ASCII"),
        (signed.clone().with("content-digest", "é"), "signature_malformed", "not visible ASCII"),
    ] {
        let answer = scene.send(&request);
        assert_problem(&answer, code, &format!("{request:?}"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{detail}");
    }
    assert_eq!(scene.stored("H-0013"), 0);
}

#[test]
fn another_website_moves_no_clock_and_pays_no_order() {
    let scene = Scene::new();
    let created = scene.merchant.create(&random_hex(), Merchant::order("H-0014").to_string());
    let order = created.unwrap().json()["id"].as_str().unwrap().to_owned();
    let own = format!("http://{}", scene.gateway.authority);
    let pay = format!("/sandbox/orders/{order}/pay");
    let decline = format!("/sandbox/orders/{order}/decline");
    let approve = "/sandbox/wallet/att_00000000000000000000000000000001/approve";
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for target in ["/sandbox/clock", &pay, &decline, approve] {
            let request = Request::new("POST", target, r#"{"advance_secs":60}"#).with(name, value);
            let answer = scene.send(&request);
            assert_problem(&answer, "cross_site", &format!("{target} {name}: {value}"));
            assert_eq!(answer.status, 403);
        }
    }
    let clock = scene.send(&Request::new("GET", "/sandbox/clock", "")).json();
    assert_eq!(clock["ahead_secs"], 0);
    assert_eq!(scene.merchant.find("H-0014")[0]["status"], "created");
    // A program, and our own page.
    let advance = Request::new("POST", "/sandbox/clock", r#"{"advance_secs":60}"#);
    assert_eq!(scene.send(&advance).status, 200);
    assert_eq!(scene.send(&advance.with("origin", &own)).status, 200);
    assert_eq!(scene.send(&Request::new("POST", &pay, "")).status, 200);
    let long = Request::new("POST", "/sandbox/clock", " ".repeat(2_000));
    assert_problem(&scene.send(&long), "body_too_large", "a long body for the clock");
}

#[test]
fn a_slow_body_is_given_up() {
    let scene = Scene::new();
    let bytes = scene
        .merchant
        .post("/v1/orders", &random_hex(), Merchant::order("H-0005").to_string())
        .bytes(&scene.gateway.authority);
    let (head, rest) = bytes.split_at(bytes.len() - 10);
    // It is answered, while the other side goes on to wait: that is to give it up.
    let answer = send_raw(&scene.gateway.authority, &[head], Duration::ZERO).unwrap();
    assert_problem(&answer, "body_too_slow", "ten bytes missing");

    // One that arrives in pieces, but in time, is an order.
    let answer =
        send_raw(&scene.gateway.authority, &[head, rest], Duration::from_millis(100)).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    assert_eq!(scene.stored("H-0005"), 1);
}

#[test]
fn headers_are_bounded() {
    let scene = Scene::new();
    let with = |length: usize| {
        scene
            .merchant
            .sign(Request::new("GET", "/v1/orders?merchant_order_id=H-0006", ""))
            .with("x-long", &"x".repeat(length))
    };
    assert_eq!(scene.send(&with(MAX_HEADER - 2048)).status, 200);
    assert_problem(&scene.send(&with(MAX_HEADER)), "header_too_large", "a long field");

    let mut many = Request::new("GET", "/v1/orders", "");
    for n in 0..90 {
        many = many.with(&format!("x-{n}"), &"x".repeat(200));
    }
    assert_problem(&scene.send(&many), "header_too_large", "many fields");

    let long = format!("/v1/orders?merchant_order_id={}", "x".repeat(MAX_HEADER));
    assert_problem(
        &scene.send(&Request::new("GET", &long, "")),
        "header_too_large",
        "a long query",
    );

    // Past what the server reads at all, the answer is a bare one; it is no failure of ours.
    let enormous = Request::new("GET", "/v1/orders", "").with("x-long", &"x".repeat(1024 * 1024));
    let answer = scene.send(&enormous);
    assert_eq!(answer.status, 431, "{answer:?}");
}

#[test]
fn types_paths_and_methods_are_named() {
    let scene = Scene::new();
    let order = Merchant::order("H-0007").to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/jsonx",
        "multipart/form-data",
        "",
    ] {
        let request = Request::new("POST", "/v1/orders", order.as_bytes())
            .with("content-type", kind)
            .with("idempotency-key", "\"k\"");
        let answer = scene.merchant.send(&scene.merchant.sign(request)).unwrap();
        assert_problem(&answer, "unsupported_media_type", kind);
    }
    let twice = Request::new("POST", "/v1/orders", order.as_bytes())
        .with("content-type", "text/plain")
        .with("content-type", "application/json")
        .with("idempotency-key", "\"k\"");
    assert_problem(
        &scene.send(&scene.merchant.sign(twice)),
        "unsupported_media_type",
        "two content types",
    );
    let charset = Request::new("POST", "/v1/orders", Merchant::order("H-0008").to_string())
        .with("content-type", "application/json; charset=utf-8")
        .with("idempotency-key", "\"charset\"");
    assert_eq!(scene.merchant.send(&scene.merchant.sign(charset)).unwrap().status, 201);

    let unknown = "/v1/orders/ord_000000000000000000000000000000ff";
    for (method, target, code) in [
        ("GET", unknown, "order_not_found"),
        ("GET", "/v1/orders/ord_000000000000000000000000000000FF", "order_not_found"),
        ("GET", "/v1/orders/ord_", "order_not_found"),
        ("GET", "/v1/orders/%00", "order_not_found"),
        ("GET", "/v1/orders/ord_%0a00000000000000000000000000000ff", "order_not_found"),
        ("GET", "/v1/orders/..%2f..%2fetc%2fpasswd", "order_not_found"),
        ("GET", "/v1/orders/%ff", "not_found"),
        ("GET", "/v1/orders?merchant_order_id=%ff%fe", "invalid_field"),
        ("GET", "/v1/orders?merchant_order_id=%00", "invalid_field"),
        ("GET", "/v1/orders?merchant_order_id=%zz", "invalid_field"),
        ("GET", "/v1/orders?merchant_order_id=", "invalid_field"),
        ("GET", "/v1/orders?merchant_order_id=a&merchant_order_id=b", "invalid_field"),
        ("GET", "/v1/orders?merchant_order_id=a&limit=1", "unknown_field"),
        ("GET", "/v1/orders?limit=1000000", "invalid_field"),
        ("GET", "/v1/orders?limit=101", "invalid_field"),
        ("GET", "/v1/orders?limit=0", "invalid_field"),
        ("GET", "/v1/orders?limit=1&limit=1", "invalid_field"),
        ("GET", "/v1/orders?after=ord_1", "invalid_field"),
        ("GET", "/v1/orders?status=lost", "invalid_field"),
        ("GET", "/v1/orders?created_from=yesterday", "invalid_field"),
        ("GET", "/v1/orders?page=2", "unknown_field"),
        ("GET", "/v1/refunds", "missing_field"),
    ] {
        let answer =
            scene.merchant.send(&scene.merchant.sign(Request::new(method, target, ""))).unwrap();
        assert_problem(&answer, code, target);
    }
    for (method, target, code) in [
        ("GET", "/nothing", "not_found"),
        ("GET", "/v1", "not_found"),
        ("GET", "/v1/nothing", "not_found"),
        ("GET", "/v2/orders", "not_found"),
        ("GET", "/v1/orders/", "not_found"),
        ("POST", "//v1/orders", "not_found"),
        ("GET", "/v1/orders/a/b/c", "not_found"),
        ("GET", "/.env", "not_found"),
        ("GET", "/checkout/v1/..%2f..%2fgateway.pem", "not_found"),
        ("GET", "/checkout/v1/nothing.js", "not_found"),
        ("PUT", "/v1/orders", "method_not_allowed"),
        ("DELETE", unknown, "method_not_allowed"),
        ("PATCH", unknown, "method_not_allowed"),
        ("TRACE", "/v1/orders", "method_not_allowed"),
        ("BREW", "/v1/orders", "method_not_allowed"),
        ("POST", "/healthz", "method_not_allowed"),
    ] {
        assert_problem(
            &scene.send(&Request::new(method, target, "")),
            code,
            &format!("{method} {target}"),
        );
    }
    assert_eq!((scene.stored("H-0007"), scene.stored("H-0008")), (0, 1));
}

#[test]
fn what_is_no_http_is_closed() {
    let scene = Scene::new();
    let authority = scene.gateway.authority.clone();
    let raw = [
        "GARBAGE\r\n\r\n".to_owned(),
        "GET /healthz HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /v1/or ders HTTP/1.1\r\nhost: {authority}\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: {authority}\r\nbad name: x\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: {authority}\r\nx: a\0b\r\n\r\n"),
        format!("POST /v1/orders HTTP/1.1\r\nhost: {authority}\r\ncontent-length: -1\r\n\r\n"),
        format!(
            "POST /v1/orders HTTP/1.1\r\nhost: {authority}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
        ),
        format!(
            "POST /v1/orders HTTP/1.1\r\nhost: {authority}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n"
        ),
        format!(
            "POST /v1/orders HTTP/1.1\r\nhost: {authority}\r\ntransfer-encoding: gzip\r\nconnection: close\r\n\r\n"
        ),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(),
    ];
    for text in raw {
        // Closed without a word, or told so: a 4xx either way.
        if let Ok(answer) = send_raw(&authority, &[text.as_bytes()], Duration::ZERO) {
            assert!((400..500).contains(&answer.status), "{text:?}: {answer:?}");
        }
    }
    // A request within another (RFC 9112, section 6.3): the second must never be answered as one.
    let inner = format!("GET /healthz HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    let smuggled = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        5 + inner.len()
    );
    if let Ok(answer) = send_raw(&authority, &[smuggled.as_bytes()], Duration::ZERO) {
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert!(!answer.body.windows(8).any(|it| it == b"HTTP/1.1"), "{answer:?}");
    }
    assert_eq!(scene.send(&Request::new("GET", "/healthz", "")).status, 200);
}

#[test]
fn a_request_for_another_host_is_refused() {
    let scene = Scene::new();
    let twice = format!("{}:80", scene.gateway.authority);
    let other = format!("{}:443", scene.gateway.authority);
    for host in
        ["evil.example", "127.0.0.1", "localhost:1", "", "a b", "[::1", twice.as_str(), &other]
    {
        let request = Request::new("GET", "/v1/orders", "").with("host", host);
        let answer = scene.send(&request);
        assert!((400..500).contains(&answer.status), "{host:?}: {answer:?}");
    }
}

#[test]
fn idempotency_keys_are_read_as_the_rows_say() {
    let scene = Scene::new();
    let file: Value =
        serde_json::from_str(include_str!("../vectors/structured-fields.json")).unwrap();
    let rows = file["idempotency-key"].as_array().unwrap();
    for (n, row) in rows.iter().enumerate() {
        let number = format!("K-{n}");
        let body = Merchant::order(&number).to_string();
        let field = row["field"].as_str().unwrap();
        let request = Request::new("POST", "/v1/orders", body)
            .with("content-type", "application/json")
            .with("idempotency-key", field);
        let answer = scene.merchant.send(&scene.merchant.sign(request)).unwrap();
        match row["key"].as_str() {
            Some(_) => assert_eq!(answer.status, 201, "{row}: {}", answer.json()),
            None => assert_problem(&answer, "idempotency_key_invalid", &row.to_string()),
        }
        assert_eq!(scene.stored(&number), usize::from(row["key"].is_string()));
    }
    let mut none = scene.merchant.post("/v1/orders", "k", "{}");
    none.fields.retain(|(name, _)| name != "idempotency-key");
    assert_problem(&scene.merchant.send(&none).unwrap(), "idempotency_key_missing", "no key");
}

#[test]
fn nobody_reaches_another_s_order() {
    let scene = Scene::new();
    let token = std::fs::read_to_string(scene.gateway.data.join("admin-token")).unwrap();
    let operator = |method: &str, target: &str, body: Value| {
        let request = Request::new(method, target, body.to_string())
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", token.trim()));
        scene.send(&request)
    };
    let key =
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 7)).unwrap();
    let pem = key.verifying_key().to_spki_pem().unwrap();
    let policy = operator("GET", "/admin/v1/merchants/m_demo/policy", Value::Null).json();
    let answer =
        operator("PUT", "/admin/v1/merchants/m_other", json!({"name": "Other", "policy": policy}));
    assert!(answer.status < 300, "{}", String::from_utf8_lossy(&answer.body));
    let answer =
        operator("PUT", "/admin/v1/merchants/m_other/keys/other-1", json!({"public_key": pem}));
    assert!(answer.status < 300, "{}", String::from_utf8_lossy(&answer.body));
    let other = Merchant::new(&scene.gateway, key.clone(), "other-1");

    let order =
        scene.merchant.create(&random_hex(), Merchant::order("H-0009").to_string()).unwrap().json();
    let id = order["id"].as_str().unwrap();
    assert_problem(&other.get(&format!("/v1/orders/{id}")), "order_not_found", "another's order");
    assert_eq!(other.find("H-0009").len(), 0);
    let close = other.send(&other.post(&format!("/v1/orders/{id}/close"), "k", "{}")).unwrap();
    assert_problem(&close, "order_not_found", "another's order, closed");
    // The same number and the same idempotency key are another merchant's own.
    let own = other.create("k", Merchant::order("H-0009").to_string()).unwrap();
    assert_eq!(own.status, 201, "{}", own.json());

    // A keyid names one key: the demo merchant's signature by another key is none.
    let forger = Merchant::new(&scene.gateway, key, "demo-1");
    assert_problem(&forger.get(&format!("/v1/orders/{id}")), "signature_invalid", "a forged keyid");

    for authorization in
        ["", "Bearer ", "Bearer x", "Basic eDp4", &format!("Bearer {}x", token.trim())]
    {
        let request = Request::new("GET", "/admin/v1/merchants/m_demo", "")
            .with("authorization", authorization);
        assert_problem(&scene.send(&request), "token_invalid", authorization);
    }
    let answer =
        operator("PUT", "/admin/v1/merchants/m_evil/keys/demo-1", json!({"public_key": pem}));
    assert!((400..500).contains(&answer.status), "a key for a merchant that is none: {answer:?}");
    assert_eq!(scene.merchant.find("H-0009").len(), 1);
}

#[test]
fn a_policy_that_is_none_changes_nothing() {
    let scene = Scene::new();
    let token = std::fs::read_to_string(scene.gateway.data.join("admin-token")).unwrap();
    let target = "/admin/v1/merchants/m_demo/policy";
    let operator = |method: &str, body: Vec<u8>| {
        let request = Request::new(method, target, body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", token.trim()));
        scene.send(&request)
    };
    let before = operator("GET", Vec::new()).json();
    let rows: [(&str, Value, &str); 15] = [
        ("/version", json!(2), "version"),
        ("/limits", json!([]), "limits"),
        ("/limits/0/min", json!(-1), "limits[0].min"),
        ("/limits/0/max", json!(0), "limits[0].max"),
        ("/limits/0/max", json!(1.5), "limits[0].max"),
        ("/limits/0/currency", json!("XXX"), "limits[0].currency"),
        ("/risk/deny_at", json!(1), "risk.deny_at"),
        ("/risk/rules/0/score", json!(70_000), "risk.rules[0].score"),
        ("/risk/rules/0/code", json!("A b"), "risk.rules[0].code"),
        ("/risk/rules/0/when", json!([{"moon_full": true}]), "risk.rules[0].when[0]"),
        ("/fees/0/rate_ppm", json!(1_000_001), "fees[0].rate_ppm"),
        ("/fees/0/min", json!(-1), "fees[0].min"),
        ("/fees/0/rounding", json!("away"), "fees[0].rounding"),
        ("/routes", json!([]), "routes"),
        ("/routes/0/channel", json!("a b"), "routes[0].channel"),
    ];
    for (at, value, field) in rows {
        let mut policy = before.clone();
        *policy.pointer_mut(at).unwrap() = value.clone();
        let answer = operator("PUT", policy.to_string().into_bytes());
        assert_problem(&answer, "invalid_field", &format!("{at} {value}"));
        let named = answer.json()["field"].as_str().unwrap_or_default().to_owned();
        assert!(named.starts_with(field), "{at} {value}: {named}");
    }
    let mut more = before.clone();
    more["script"] = json!("1 + 1");
    assert_problem(&operator("PUT", more.to_string().into_bytes()), "invalid_field", "a script");
    for body in ["", "{", "[]", "null", "{\"version\":1,\"version\":1}"] {
        let answer = operator("PUT", body.as_bytes().to_vec());
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
    }
    assert_eq!(operator("GET", Vec::new()).json(), before);
    assert_eq!(operator("PUT", before.to_string().into_bytes()).status, 204);
}

#[test]
fn who_knows_a_session_s_id_alone_keeps_nobody_out() {
    let folder = TempDir::new();
    let gateway = Gateway::start_with(folder.path(), &["--page-rate", "1"]);
    let merchant = Merchant::demo(&gateway);
    let created = merchant.create(&random_hex(), Merchant::order("H-0011").to_string()).unwrap();
    let order = created.json();
    let mut thief = order.clone();
    thief["checkout"]["client_secret"] = json!(format!(
        "{}.{}",
        "A".repeat(43),
        lezai_tests::page::Page::of(&gateway.authority, &order).pinned()
    ));
    let thief = lezai_tests::page::Page::of(&gateway.authority, &thief);
    let codes: Vec<_> = (0..40).map(|_| thief.claim()["code"].clone()).collect();
    assert_eq!(codes[0], "client_secret_invalid");
    assert!(codes.iter().any(|it| it == "rate_limited"), "{codes:?}");
    // The shopper, from the very same address, at the very same time.
    let claimed = lezai_tests::page::Page::of(&gateway.authority, &order).claim();
    assert_eq!(claimed["session"], order["checkout"]["session"], "{claimed}");
    // A name that is no session's is refused before anything is kept of it.
    let long = format!("/v1/checkout/sessions/{}/claim", "c".repeat(12_000));
    let answer = Request::new("POST", &long, "{}")
        .with("content-type", "application/json")
        .send(&gateway.authority)
        .unwrap();
    assert_problem(&answer, "missing_field", "a long name");
}

#[test]
fn a_session_is_opened_by_its_secret_alone() {
    let scene = Scene::new();
    let order =
        scene.merchant.create(&random_hex(), Merchant::order("H-0010").to_string()).unwrap().json();
    let session = order["checkout"]["session"].as_str().unwrap();
    let target = format!("/v1/checkout/sessions/{session}/claim");
    let key =
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 9)).unwrap();
    let jwk = serde_json::to_value(key.verifying_key().to_jwk()).unwrap();
    let unsigned = |body: Value| {
        let request = Request::new("POST", &target, body.to_string())
            .with("content-type", "application/json")
            .with("idempotency-key", "\"k\"");
        scene.send(&request)
    };
    for (body, code, field) in [
        (json!({}), "missing_field", "client_secret"),
        (json!({"client_secret": "x"}), "missing_field", "key"),
        (json!({"client_secret": 1, "key": jwk}), "invalid_field", "client_secret"),
        (json!({"client_secret": "x", "key": "pem"}), "invalid_field", "key"),
        (
            json!({"client_secret": "x", "key": jwk, "method": "wallet_qr"}),
            "unknown_field",
            "method",
        ),
        (
            json!({"client_secret": "x", "key": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}),
            "invalid_field",
            "key",
        ),
        (json!({"client_secret": "x", "key": jwk}), "signature_missing", ""),
    ] {
        let answer = unsigned(body.clone());
        assert_problem(&answer, code, &body.to_string());
        assert_eq!(answer.json()["field"].as_str().unwrap_or_default(), field, "{body}");
    }
    for target in [
        format!("/v1/checkout/sessions/{session}"),
        format!("/v1/checkout/sessions/{session}/events"),
    ] {
        assert_problem(
            &scene.send(&Request::new("GET", &target, "")),
            "session_unclaimed",
            &target,
        );
    }
    for path in ["cs_x", "cs_000000000000000000000000000000ff", "%00"] {
        let answer = scene.send(&Request::new("GET", &format!("/v1/checkout/sessions/{path}"), ""));
        assert_problem(&answer, "session_not_found", path);
    }

    // The secrets that the logs must not show, after all this.
    let secret = order["checkout"]["client_secret"].as_str().unwrap();
    let log = scene.gateway.log();
    for file in ["admin-token", "demo-webhook-secret"] {
        let text = std::fs::read_to_string(scene.gateway.data.join(file)).unwrap();
        assert!(!log.contains(text.trim()), "the log says what is in {file}");
    }
    assert!(!log.contains(secret) && !log.contains("PRIVATE KEY"), "the log tells secrets");
}
