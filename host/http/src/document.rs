//! The parts of `/openapi.json` that no handler states: how a call is signed, which codes any call of its
//! kind may answer with, and examples.

use serde_json::{Map, Value, json};

use lezai_wire::problem::{Code, Retry};

use Code::*;

/// The callers that may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// A merchant's server, signed with its key.
    Merchant,
    /// A page that claimed a session, signed with its own key.
    Page,
    /// The operator, with the token.
    Operator,
    /// Anybody.
    Anybody,
}

/// The body that a request may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Nothing.
    None,
    /// Nothing, or an empty object.
    Empty,
    /// An object with fields.
    Fields,
}

impl Who {
    /// The caller of a tag's calls.
    fn of(tag: &str) -> Self {
        match tag {
            "checkout" => Self::Page,
            "operator" => Self::Operator,
            "sandbox" | "operations" => Self::Anybody,
            _ => Self::Merchant,
        }
    }
}

/// Where a handler names what its call may answer beside what any of its kind may. It is taken out of the
/// document once the answers are made of it.
const CODES: &str = "x-codes";

/// The codes of a call, as its handler names them.
pub(super) fn codes(codes: &[Code]) -> Vec<&'static str> {
    codes.iter().map(|code| code.as_str()).collect()
}

/// The codes that a call about a difference may answer.
pub(super) const RESOLVING: &[Code] = &[
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInProgress,
    DifferenceState,
    ApproverIsResolver,
    DifferenceWithoutAmount,
    OrderNotFound,
    ChannelUnavailable,
    ChannelDisagrees,
];

/// The header fields that any answer to a call may carry.
const HEADERS: &[(&str, &str)] = &[
    ("Request-Id", "The request's id, for support."),
    (
        "Signature",
        "The gateway's signature (RFC 9421), with `Signature-Input` and `Content-Digest` beside it.",
    ),
    ("Idempotency-Hit", "`true` if this is the first response to the key once more."),
    (
        "RateLimit",
        "How many requests are left at once, `r`, and in how many seconds all are back, `t`.",
    ),
    (
        "RateLimit-Policy",
        "How many requests are taken at once, `q`, and in how many seconds so many come back, `w`.",
    ),
    ("Retry-After", "Seconds to wait, on 429 and 503."),
];

const SIGNING: &str = "RFC 9421 with `ecdsa-p256-sha256` (r and s, 32 bytes each). Covered: `@method`, `@authority`, `@path`, `@query`; \
    with a body `content-digest` (RFC 9530, sha-256) and `content-type`; on a POST `idempotency-key`. Parameters: `created` (good for five \
    minutes), `nonce` (good once), `keyid`, `alg` and `tag`. docs/signing.md goes through it byte by byte.";

/// Completes the document that the handlers make.
pub(super) fn complete(document: &mut Value) {
    let components = &mut document["components"];
    let schemes = [
        (
            "merchant",
            json!({ "type": "http", "scheme": "signature",
            "description": format!("{SIGNING} The tag is `lezai-merchant`, the keyid the one that the operator registered.") }),
        ),
        (
            "page",
            json!({ "type": "http", "scheme": "signature",
            "description": format!("{SIGNING} The tag is `lezai-checkout`, the keyid the thumbprint (RFC 7638) of the page's own key.") }),
        ),
    ];
    for (name, scheme) in schemes {
        components["securitySchemes"][name] = scheme;
    }
    for (name, description) in HEADERS {
        components["headers"][*name] =
            json!({ "description": description, "schema": { "type": "string" } });
    }
    for code in Code::ALL {
        let value = json!({
            "type": code.type_uri(), "title": code.title(), "status": code.status().as_u16(), "detail": code.advice(),
            "code": code.as_str(), "retry": code.retry().as_str(), "request_id": "req_019ab5c0de000123456789abcdef0123",
        });
        components["examples"][code.as_str()] = json!({ "summary": code.title(), "value": value });
    }
    let problem = &mut components["schemas"]["ProblemView"]["properties"];
    problem["code"]["enum"] = Code::ALL.iter().map(|code| code.as_str()).collect();
    problem["retry"]["enum"] = Retry::ALL.iter().map(|retry| retry.as_str()).collect();

    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if operation.is_object() {
                answer(method, operation);
                name(operation);
                exemplify(operation);
            }
        }
    }
}

/// Says how a call is signed, and which codes it may answer with.
fn answer(method: &str, operation: &mut Value) {
    let who = Who::of(operation["tags"][0].as_str().unwrap_or_default());
    let named = operation.as_object_mut().and_then(|it| it.remove(CODES));
    if who == Who::Anybody && named.is_none() {
        return;
    }
    let body = match (method, who) {
        _ if operation.pointer("/requestBody/content/application~1json").is_some() => Body::Fields,
        (_, Who::Anybody) => Body::None,
        ("post", _) => Body::Empty,
        _ => Body::None,
    };
    let scheme = match who {
        Who::Merchant => Some("merchant"),
        Who::Page => Some("page"),
        Who::Operator => Some("operator"),
        Who::Anybody => None,
    };
    if let Some(scheme) = scheme {
        operation["security"] = json!([{ scheme: [] }]);
    }
    let named = named.as_ref().and_then(Value::as_array).into_iter().flatten();
    let named = named.filter_map(|name| {
        Code::ALL.iter().copied().find(|code| Some(code.as_str()) == name.as_str())
    });
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    responses.remove("4XX");
    responses.remove("5XX");
    refuse(responses, of_its_kind(method, who, body).into_iter().chain(named));
}

/// Handlers of two modules may have one name, and a document's operations may not.
fn name(operation: &mut Value) {
    let (Some(tag), Some(id)) = (operation["tags"][0].as_str(), operation["operationId"].as_str())
    else {
        return;
    };
    if !id.starts_with(tag) {
        operation["operationId"] = format!("{tag}_{id}").into();
    }
}

/// The codes that any call of a kind may answer.
fn of_its_kind(method: &str, who: Who, body: Body) -> Vec<Code> {
    let mut codes = vec![Misdirected, HeaderTooLarge, Internal, Overloaded];
    if who != Who::Anybody {
        codes.extend([BodyTooLarge, BodyTooSlow, BodyBroken, UnsupportedContentEncoding, NotFound]);
    }
    match who {
        Who::Merchant | Who::Page => {
            codes.extend([
                SignatureMissing,
                SignatureMalformed,
                SignatureInvalid,
                SignatureExpired,
                ComponentMissing,
                DigestMissing,
                DigestMismatch,
                KeyUnknown,
                NonceReused,
                UnsupportedMediaType,
                RateLimited,
            ]);
            if method == "post" {
                codes.extend([
                    IdempotencyKeyMissing,
                    IdempotencyKeyInvalid,
                    IdempotencyKeyReused,
                    RequestInProgress,
                ]);
            }
        }
        Who::Operator => codes.extend([TokenInvalid, InvalidField]),
        Who::Anybody => {}
    }
    match body {
        Body::None => {}
        Body::Empty => codes.extend([NotJson, TooDeep, UnknownField]),
        Body::Fields => codes.extend([NotJson, TooDeep, UnknownField, MissingField, InvalidField]),
    }
    codes
}

/// One answer for each status, with its codes.
fn refuse(responses: &mut Map<String, Value>, codes: impl Iterator<Item = Code>) {
    let mut codes: Vec<Code> = codes.collect();
    codes.sort_by_key(|code| (code.status().as_u16(), code.as_str()));
    codes.dedup();
    for of_status in codes.chunk_by(|one, other| one.status() == other.status()) {
        let described: Vec<String> =
            of_status.iter().map(|it| format!("`{}`: {}.", it.as_str(), it.title())).collect();
        let names: Vec<&str> = of_status.iter().map(|it| it.as_str()).collect();
        let examples: Map<String, Value> = names
            .iter()
            .map(|name| {
                ((*name).to_owned(), json!({ "$ref": format!("#/components/examples/{name}") }))
            })
            .collect();
        let schema = json!({ "allOf": [
            { "$ref": "#/components/schemas/ProblemView" }, { "properties": { "code": { "enum": names } } },
        ] });
        let answer = json!({
            "description": described.join(" "),
            "headers": header_refs(&["Request-Id", "Signature", "RateLimit", "RateLimit-Policy", "Retry-After"]),
            "content": { "application/problem+json": { "schema": schema, "examples": examples } },
        });
        responses.insert(of_status[0].status().as_u16().to_string(), answer);
    }
}

/// Puts an example beside each schema that has one.
fn exemplify(operation: &mut Value) {
    let (mut contents, signed) = (Vec::new(), operation["security"].to_string().contains("[]"));
    let Some(operation) = operation.as_object_mut() else { return };
    for (name, part) in operation {
        match name.as_str() {
            "requestBody" => contents.extend(json_of(part)),
            "responses" => {
                for (status, answer) in part.as_object_mut().into_iter().flatten() {
                    if status.starts_with('2') {
                        if signed {
                            answer["headers"] = header_refs(&[
                                "Request-Id",
                                "Signature",
                                "Idempotency-Hit",
                                "RateLimit",
                                "RateLimit-Policy",
                            ]);
                        }
                        contents.extend(json_of(answer));
                    }
                }
            }
            _ => {}
        }
    }
    for content in contents {
        let name = content["schema"]["$ref"].as_str().and_then(|it| it.rsplit('/').next());
        let found = name.and_then(example);
        if let Some(found) = found {
            content["example"] = found;
        }
    }
}

fn json_of(part: &mut Value) -> Option<&mut Value> {
    part.get_mut("content")?.get_mut("application/json")
}

fn header_refs(names: &[&str]) -> Value {
    let refs = names.iter().map(|name| {
        ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))
    });
    Value::Object(refs.collect())
}

/// An example of a schema.
pub(super) fn example(schema: &str) -> Option<Value> {
    Some(match schema {
        "NewOrder" => json!({
            "merchant_order_id": "A-1001", "amount": 12800, "currency": "CNY", "description": "Jasmine tea, 100 g",
            "notify_url": "https://shop.example/callbacks", "return_url": "https://shop.example/thanks", "methods": ["wallet_qr"],
            "expires_in": 900, "capture": "automatic", "scene": "ecommerce",
            "customer": { "ref": "c-77", "ip": "198.51.100.7", "country": "CN" },
            "device": { "id": "d-3", "kind": "phone", "os": "Android 16" }, "metadata": { "basket": "b-9" },
        }),
        "NewRefund" => {
            json!({ "merchant_refund_id": "R-1", "amount": 6000, "currency": "CNY", "reason": "One tin was dented" })
        }
        "NewPayout" => json!({
            "merchant_payout_id": "P-1", "amount": 10000, "currency": "CNY", "description": "Jasmine leaves, March",
            "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Tea House Ltd" },
        }),
        "PayoutView" => payout(),
        "List_PayoutView" => json!({ "object": "list", "data": [payout()], "has_more": false }),
        "OperatorPayout" => {
            json!({ "merchant": "m_tea", "channel": "sandbox", "payout": payout() })
        }
        "List_OperatorPayout" => json!({
            "object": "list", "data": [{ "merchant": "m_tea", "channel": "sandbox", "payout": payout() }], "has_more": false,
        }),
        "SettlementView" => settlement(),
        "List_SettlementView" => {
            json!({ "object": "list", "data": [settlement()], "has_more": false })
        }
        "List_SettlementLine" => json!({
            "object": "list", "has_more": true, "next": "4711",
            "data": [{ "entry": 4711, "booked_at": "2026-11-18T08:00:01.000Z", "kind": "settlement", "subject": "ord_019ab5c0de000123456789abcdef0123", "amount": 12723, "currency": "CNY" }],
        }),
        "List_OpenSettlement" => json!({
            "object": "list", "has_more": false,
            "data": [{ "object": "open_settlement", "currency": "CNY", "closes_at": "2026-11-19T08:00:00.000Z", "after_entry": 4715, "lines": 3, "opening": 0, "closing": 25000, "pays": 24900, "fee": 100 }],
        }),
        "NewStatement" => json!({
            "type": "orders.1", "format": "csv", "from": "2026-11-01", "to": "2026-12-01", "zone": "Asia/Shanghai",
            "columns": ["at", "kind", "reference", "gross", "fee", "net", "currency", "plugin.campaign"],
        }),
        "StatementView" => statement(),
        "List_StatementView" => {
            json!({ "object": "list", "data": [statement()], "has_more": false })
        }
        "NewStatementPlan" => json!({
            "type": "account.1", "format": "jsonl", "period": "month", "zone": "Asia/Shanghai", "status": "on",
        }),
        "StatementPlanView" => statement_plan(),
        "List_StatementPlanView" => {
            json!({ "object": "list", "data": [statement_plan()], "has_more": false })
        }
        "NewContract" => json!({ "in_force_from": "2027-01-01T00:00:00Z", "contract": contract() }),
        "NewSimulation" => json!({ "contract": contract(), "days": 31 }),
        "ContractView" => agreed(),
        "List_ContractView" => json!({ "object": "list", "data": [agreed()], "has_more": false }),
        "FeesSimulated" => json!({
            "object": "fees_simulated", "orders": 2, "from": "2026-10-18T08:00:00.000Z",
            "totals": [{ "currency": "CNY", "orders": 2, "captured": "25600", "old": "154", "new": "98",
                "parts": [{ "kind": "payment", "old": "154", "new": "98" }] }], "hardest": [],
        }),
        "NewCalendar" => {
            json!({ "text": "calendar cn 2\nweekend sat sun\nyear 2026\n2026-01-01 off\n" })
        }
        "CalendarView" => json!({
            "object": "calendar", "name": "cn", "edition": 2, "digest": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
            "years": [2026], "text": "calendar cn 2\nweekend sat sun\nyear 2026\n2026-01-01 off\n",
        }),
        "NewCharge" => json!({ "code": "990000000000000001" }),
        "NewOwner" => json!({ "owner": "li" }),
        "NewResolution" => {
            json!({ "act": "suspense", "reason": "The channel is asked, case 4711", "by": "li" })
        }
        "NewApproval" => json!({ "verdict": "approve", "by": "wang" }),
        "NewReconciliation" => json!({ "channel": "wechat", "date": "2026-11-18" }),
        "NewCapture" => json!({ "amount": 6000, "currency": "CNY" }),
        "NewReview" => json!({ "verdict": "approve", "reason": "The buyer was called back" }),
        "ReviewedOrder" => reviewed(),
        "List_ReviewedOrder" => {
            json!({ "object": "list", "data": [reviewed()], "has_more": false })
        }
        "Claim" => json!({
            "client_secret": "q3b0y6nS0m3Th1ngR4nd0mOf32Bytes_0123456789A",
            // RFC 7517, appendix A.1.
            "key": { "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" },
        }),
        "Choice" => json!({ "method": "wallet_qr" }),
        "NewMerchant" => json!({
            "name": "Tea Shop", "notify_url": "https://shop.example/callbacks",
            "policy": serde_json::from_str::<Value>(include_str!("../../demo-shop/policy.json")).unwrap_or_default(),
        }),
        "NewKey" => {
            json!({ "public_key": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END PUBLIC KEY-----\n" })
        }
        "NewChannelAccount" => json!({
            "settings": {
                "merchant": "1900000001", "app_id": "wx8888888888888888", "private_key_file": "apiclient_key.pem",
                "certificate_serial": "5F1C72E2A8931B72A2E13AF8DEE92471EB397115", "api_v3_key_file": "api_v3_key",
                "download_certificates": true,
            },
            "files": { "apiclient_key.pem": "-----BEGIN PRIVATE KEY-----…", "api_v3_key": "0123456789abcdef0123456789abcdef" },
        }),
        // The shortest component there is, and texts in the place of a manifest and its signature.
        "NewRelease" => json!({
            "component": "AGFzbQ0AAQA=", "manifest": "eyJwbHVnaW4iOiJuaWdodF9vd2xzIn0=", "signature": "cmVsZWFzZQ==", "stage": "shadow",
        }),
        "Promotion" => json!({ "to": "canary", "per_mille": 10 }),
        "OrderView" => order(),
        "RefundView" => refund(),
        "BalancesView" => json!({
            "object": "balances", "at": "2026-11-18T00:00:00.000Z",
            "data": [
                { "account": "available", "currency": "CNY", "amount": 0, "exact": "0" }, { "account": "owes", "currency": "CNY", "amount": 9000, "exact": "9000" },
                { "account": "pending", "currency": "CNY", "amount": 12723, "exact": "12723" },
            ],
        }),
        "List_OrderView" => {
            json!({ "object": "list", "data": [order()], "has_more": true, "next": "ord_019ab5c0de000123456789abcdef0123" })
        }
        "List_RefundView" => json!({ "object": "list", "data": [refund()], "has_more": false }),
        "ReleaseStateView" => release(),
        "List_ReleaseStateView" => {
            json!({ "object": "list", "data": [release()], "has_more": false })
        }
        other => return super::payout_shapes::example(other),
    })
}

fn payout() -> Value {
    json!({
        "id": "po_019ab5c0de000123456789abcdef0123", "object": "payout", "merchant_payout_id": "P-1", "status": "paid",
        "amount": 10000, "currency": "CNY", "fee": 100, "destination": { "kind": "bank_account", "account": "****3445" },
        "description": "Jasmine leaves, March", "contract": 1, "created_at": "2026-11-18T08:00:00.000Z",
        "not_before": "2026-11-18T08:00:00.000Z", "paid_at": "2026-11-18T08:00:02.000Z", "channel_ref": "W6789abcdef0123",
        "attention": [],
    })
}

fn settlement() -> Value {
    json!({
        "id": "stl_019ab5c0de000123456789abcdef0123", "object": "settlement", "status": "paid", "currency": "CNY",
        "day": "2026-11-18", "cut_off": "2026-11-18T08:00:00.000Z", "closed_at": "2026-11-18T08:00:10.000Z", "late": false,
        "after_entry": 4710, "to_entry": 4715, "lines": 2, "opening": 0, "net": 12723, "closing": 12723, "paid": 12623,
        "fee": 100, "carried": 0, "payout_id": "po_019ab5c0de000123456789abcdef0123", "contract": 1,
    })
}

fn statement() -> Value {
    json!({
        "id": "stm_019ab5c0de000123456789abcdef0123", "object": "statement", "type": "orders.1", "format": "csv",
        "zone": "Asia/Shanghai", "from": "2026-10-31T16:00:00.000Z", "to": "2026-11-30T16:00:00.000Z", "after_entry": 4710,
        "until_entry": 4715, "state": "ready", "created_at": "2026-12-01T08:00:00.000Z", "content_until": "2027-03-01T08:00:00.000Z",
        "content": {
            "made_at": "2026-12-01T08:00:00.120Z", "bytes": 734, "digest": "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
            "lines": 2, "head": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
            "totals": [{ "currency": "CNY", "lines": 2, "gross_minor": "6800", "fee_minor": "41", "net_minor": "6759" }],
        },
    })
}

fn statement_plan() -> Value {
    json!({
        "name": "monthly", "object": "statement_plan", "type": "account.1", "format": "jsonl", "period": "month",
        "zone": "Asia/Shanghai", "status": "on", "updated_at": "2026-11-18T08:00:00.000Z",
        "next_end": "2026-12-31T16:00:00.000Z", "last_statement": "stm_019ab5c0de000123456789abcdef0123",
    })
}

/// The contract of docs/payouts.md.
fn contract() -> Value {
    json!({
        "fees": {
            "payment": [{ "currency": "CNY", "rate_ppm": 3800, "min": 1, "rounding": "half_up" }],
            "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 100, "rounding": "down" }],
        },
        "cycle": { "kind": "business_days", "days": 1 },
        "day": { "zone": "Asia/Shanghai", "cut_off": "16:00", "calendar": "cn" },
        "settlement": {
            "pay_to": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Tea House Ltd" },
            "minimums": [{ "minor": 10000, "currency": "CNY" }],
        },
        "payouts": {
            "limits": [{ "currency": "CNY", "min": 100, "max": 5_000_000, "day_max": 20_000_000, "approval_above": 1_000_000 }],
            "new_destination_wait_secs": 86_400, "fee_returned": false,
        },
    })
}

fn agreed() -> Value {
    json!({
        "object": "contract", "merchant": "m_tea", "number": 1, "status": "in_force",
        "in_force_from": "2026-11-18T08:00:00.000Z", "announced_at": "2026-11-18T08:00:00.000Z",
        "differences": [{ "path": "fees.payout.CNY", "new": "{\"currency\":\"CNY\",\"rate_ppm\":0,\"fixed\":100,\"min\":0,\"cap\":null,\"rounding\":\"down\"}", "worse": true }],
        "contract": contract(),
    })
}

fn order() -> Value {
    let hook = json!({ "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c", "fuel": 21834, "outcome": "ok" });
    json!({
        "id": "ord_019ab5c0de000123456789abcdef0123", "object": "order", "merchant_order_id": "A-1001", "status": "paid",
        "amount": 12800, "currency": "CNY", "capture": "automatic", "captured_amount": 12800, "refunded_amount": 0,
        "refunding_amount": 6000, "refundable_amount": 6800, "fee": 77, "description": "Jasmine tea, 100 g",
        "methods": ["wallet_qr"], "scene": "ecommerce", "metadata": { "basket": "b-9" }, "return_url": "https://shop.example/thanks",
        "created_at": "2026-11-18T11:06:40.042Z", "expires_at": "2026-11-18T11:21:40.042Z", "paid_at": "2026-11-18T11:07:12.310Z",
        "payment": { "attempt": "att_019ab5c0e1000123456789abcdef0123", "method": "wallet_qr", "channel": "sandbox", "channel_ref": "sbx-1" },
        "decision": {
            "verdict": "accept", "score": 0, "reasons": [], "channels": ["sandbox"], "replayable": true,
            "hooks": { "risk": hook, "pricing": hook, "routing": hook },
        },
        "checkout": {
            "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123", "session": "cs_019ab5c0de000123456789abcdef0123",
            "expires_at": "2026-11-18T11:21:40.042Z",
        },
    })
}

fn reviewed() -> Value {
    let mut order = order();
    order["decision"]["verdict"] = "review".into();
    order["decision"]["score"] = 60.into();
    order["decision"]["reasons"] = json!([{ "code": "large_amount", "message": "The amount is unusually large for this shop" }]);
    order["review"] = json!({
        "status": "closed", "verdict": "approved", "reason": "The buyer was called back", "at": "2026-11-18T13:00:00.000Z",
    });
    if let Some(order) = order.as_object_mut() {
        order.remove("checkout");
    }
    json!({
        "object": "review", "order_id": order["id"], "merchant": "m_tea", "order": order,
        "decisions": [{
            "verdict": "approved", "reason": "The buyer was called back", "by": "operator", "at": "2026-11-18T13:00:00.000Z",
        }],
    })
}

fn release() -> Value {
    json!({
        "merchant": "m_tea", "plugin": "night_owls", "version": "1.0.0", "sequence": 3,
        "digest": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c", "hooks": ["risk"], "size": 31844,
        "keyid": "tea-plugins", "published_at": "2026-11-18T11:06:40.042Z", "stage": "canary", "per_mille": 10, "paused": false,
        "since": "2026-11-18T12:06:40.042Z", "drift_percent": 10,
    })
}

fn refund() -> Value {
    json!({
        "id": "rfd_019ab5c0f1000123456789abcdef0123", "object": "refund", "order_id": "ord_019ab5c0de000123456789abcdef0123",
        "merchant_refund_id": "R-1", "status": "pending", "amount": 6000, "currency": "CNY", "fee": 36,
        "reason": "One tin was dented", "created_at": "2026-11-18T12:00:00.000Z",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lezai_core::key::VerifyingKey;
    use lezai_core::policy::Policy;

    use super::*;
    use crate::description;
    use lezai_gateway::orders::checkout;
    use lezai_gateway::orders::checkout::ClaimRequest;
    use lezai_gateway::orders::refunds;
    use lezai_gateway::orders::refunds::NewRefund;
    use lezai_wire::order_request::NewOrder;

    /// Routes for a person's eyes, for a browser or for a channel, and no calls.
    const PAGES: [&str; 20] = [
        "get /pay/{session}",
        // Providers', in their own formats.
        "post /channels/{channel}/notify",
        "post /channels/{channel}/notify/{merchant}/{version}",
        "get /channels/{channel}/page",
        "get /channels/{channel}/page/{merchant}/{version}",
        "post /channels/{channel}/return",
        "post /channels/{channel}/return/{merchant}/{version}",
        "get /sandbox/mandates/{mandate}",
        "post /sandbox/mandates/{mandate}/page/{act}",
        "get /sandbox/wallet/{attempt}",
        "post /sandbox/wallet/{attempt}/approve",
        "post /sandbox/wallet/{attempt}/decline",
        "post /sandbox/wallet/{attempt}/simulate/{outcome}",
        "get /sandbox/wallet.css",
        "get /checkout/v1/",
        "get /checkout/v1/{file}",
        "get /openapi.json",
        "get /reference",
        "get /reference.css",
        "get /reference.js",
    ];

    #[test]
    fn what_is_routed_beside_the_calls_is_a_page() {
        let routed: BTreeSet<String> = routes().into_iter().collect();
        assert_eq!(routed, PAGES.into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn the_document_names_no_codes_of_its_own_making() {
        assert!(!crate::description().contains(CODES));
        let document = description::parsed();
        let refused = &document["paths"]["/v1/refunds/{id}"]["get"]["responses"]["404"];
        assert!(refused.to_string().contains(Code::RefundNotFound.as_str()), "{refused}");
    }

    #[test]
    fn no_two_calls_have_one_name() {
        let document: Value = serde_json::from_str(crate::description()).unwrap();
        let items = document["paths"].as_object().unwrap().values();
        let calls = items.flat_map(|it| it.as_object().unwrap().values());
        let names: Vec<_> = calls.filter_map(|it| it["operationId"].as_str()).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }

    /// The routes as they stand in the source: a router cannot be asked for them.
    fn routes() -> Vec<String> {
        let source = include_str!("lib.rs");
        let routes = source.split(".route(").skip(1);
        let calls = routes.flat_map(|route| {
            let (path, rest) =
                route.split_once('"').and_then(|(_, it)| it.split_once('"')).unwrap();
            let mut depth = 1;
            let end = rest.find(|c| {
                depth += match c {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth == 0
            });
            let handlers = &rest[..end.unwrap()];
            let methods = ["get", "post", "put", "delete"].into_iter();
            let methods = methods.filter(|it| handlers.contains(&format!("{it}(")));
            methods.map(|it| format!("{it} {path}")).collect::<Vec<_>>()
        });
        calls.collect()
    }

    #[test]
    fn an_example_of_a_request_is_read_as_one() {
        let bytes = |schema: &str| example(schema).unwrap().to_string().into_bytes();
        NewOrder::parse(&bytes("NewOrder")).unwrap();
        NewRefund::parse(&bytes("NewRefund")).unwrap();
        lezai_gateway::orders::reviews::Decision::parse(&bytes("NewReview")).unwrap();
        assert!(refunds::parse_capture(&bytes("NewCapture")).unwrap().is_some());
        checkout::PayRequest::parse(&bytes("Choice")).unwrap();
        let claim = ClaimRequest::parse(&bytes("Claim")).unwrap();
        let key = VerifyingKey::from_jwk(&claim.key).unwrap();
        let pem = example("NewKey").unwrap()["public_key"].as_str().unwrap().to_owned();
        assert_eq!(VerifyingKey::from_spki_pem(&pem).unwrap().thumbprint(), key.thumbprint());
        let policy = &example("NewMerchant").unwrap()["policy"];
        Policy::from_json(policy.to_string().as_bytes()).unwrap();
    }
}
