/**
 * Every call has the same answer, byte for byte: in Node, in JavaScriptCore with and without its JIT, and,
 * for what pages do, from the page's own module. `tests/mini.rs` asks natively and in wasmtime.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ENGINES, jsc, lezai } from "./support/jsc.mjs";
import { path, vectors, wasm } from "./support/paths.mjs";
import { realm } from "./support/realm.mjs";

/** As `www/mini/src/module.ts` does it, for an engine that reads no TypeScript. */
const CALL = `
function call(exports, bytes) {
  var pointer = exports.alloc(bytes.length);
  if (bytes.length) new Uint8Array(exports.memory.buffer).set(bytes, pointer);
  var answer = exports.call(pointer, bytes.length);
  exports.free(pointer, bytes.length);
  var length = new DataView(exports.memory.buffer).getUint32(answer, true);
  var out = new Uint8Array(exports.memory.buffer.slice(answer + 4, answer + 4 + length));
  exports.free(answer, length + 4);
  return out;
}`;

test("there are vectors of every operation", () => {
  const operations = new Set(vectors.map(({ call }) => call.slice(2, 4)));
  for (const operation of ["01", "02", "03", "04", "05", "06", "07"]) assert.ok(operations.has(operation));
  assert.ok(vectors.length > 40, `${vectors.length}`);
});

test("Node", async () => {
  const { instance } = await WebAssembly.instantiate(new Uint8Array(wasm()));
  const call = new Function(`${CALL}; return call;`)();
  for (const vector of vectors) {
    const answer = call(instance.exports, Buffer.from(vector.call, "hex"));
    assert.equal(Buffer.from(answer).toString("hex"), vector.answer, vector.what);
  }
});

for (const [engine, flags] of Object.entries(ENGINES)) {
  test(`${engine}, with the package's own code`, () => {
    const differ = jsc(
      flags,
      `var lezai = ${lezai()};
       ${CALL}
       var exports_ = new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports;
       var differ = ${JSON.stringify(vectors)}.filter(function (vector) {
         return lezai.hex(call(exports_, lezai.unhex(vector.call))) !== vector.answer;
       });
       print(JSON.stringify(differ));`,
    );
    assert.deepEqual(differ, []);
  });

  test(`${engine}: texts, bytes, words and amounts`, () => {
    const found = jsc(
      flags,
      `var lezai = ${lezai()};
       var text = "乐在 é 😀 \\u0000";
       print(JSON.stringify({
         same: lezai.text(lezai.utf8(text)) === text,
         hex: lezai.hex(lezai.utf8("乐")),
         base64: lezai.hex(lezai.unbase64url("5LmQ5Zyo")),
         none: lezai.unbase64url("5L+/") === undefined,
         words: [lezai.wordsFor("zh-Hans").lang, lezai.wordsFor("zh-HK").lang, lezai.wordsFor("fr").lang],
         lacking: [typeof TextEncoder, typeof crypto, typeof fetch],
       }));`,
    );
    assert.deepEqual(found, {
      same: true,
      hex: "e4b990",
      base64: "e4b990e59ca8",
      none: true,
      words: ["zh-CN", "zh-TW", "en"],
      lacking: ["undefined", "undefined", "undefined"],
    });
  });
}

test("the page's module signs and names the same", async () => {
  const web = await import("../../target/wasm-bindgen/web/lezai_web.js");
  web.initSync({ module: readFileSync(path("target/wasm-bindgen/web/lezai_web_bg.wasm")) });
  const fields = (/** @type {string} */ hex) => unlist(Buffer.from(hex, "hex").subarray(2));
  const find = (/** @type {string} */ what) => {
    const vector = /** @type {any} */ (vectors.find((it) => it.what === what));
    return { asked: fields(vector.call), answered: fields(vector.answer) };
  };

  const {
    asked: [entropy],
    answered: named,
  } = find("a key");
  const key = new web.PageKey(entropy);
  const [x = "", y = ""] = key.coordinates();
  assert.deepEqual([x, y, new web.PublicKey(x, y).thumbprint()], named.map(String));

  for (const what of ["sign a POST", "sign a GET"]) {
    const { asked, answered } = find(what);
    const [, keyid, created, nonce, method, authority, target, body] = asked;
    const header = unlist(asked[8]).map(String);
    const extra = body.length > 0 ? ["content-digest", web.content_digest(body)] : [];
    const exchange = new web.Exchange(
      String(method),
      String(authority),
      String(target),
      [...header, ...extra],
      Number(created),
      String(nonce),
      String(keyid),
    );
    assert.deepEqual(
      [...extra, ...exchange.sign(key.sign(exchange.to_sign()))],
      unlist(answered[0]).map(String),
      what,
    );
  }

  for (const { call, answer, what } of vectors.filter(({ what }) => what.startsWith("wycheproof"))) {
    const [x, y, message, signature] = fields(call);
    const judged = new web.PublicKey(String(x), String(y)).verify(message, signature);
    assert.equal(judged, answer.slice(2, 4) === "00", what);
  }
});

test("the package draws every state in every language, with nothing missing", () => {
  const { view, wordsFor } = realm({}).load("lezai.js");
  const session = {
    session: "cs_1",
    version: 1,
    status: "paying",
    amount: 12800,
    currency: "CNY",
    exponent: 2,
    description: "Tea",
    merchant: { id: "m", name: "乐在" },
    merchant_order_id: "A-1",
    expires_at: "2026-11-25T12:00:00Z",
    methods: [{ id: "wechat_jsapi", kind: "wechat_jsapi" }],
  };
  const states = [
    { at: "loading" },
    { at: "ready", session, method: "wechat_jsapi" },
    { at: "ready", session, method: "wechat_jsapi", unavailable: "x" },
    { at: "confirming", session, method: "wechat_jsapi", key: "k" },
    { at: "waiting", session },
    { at: "declined", session, method: "wechat_jsapi", code: "insufficient_funds" },
    { at: "declined", session, method: "wechat_jsapi", code: "never_heard_of" },
    { at: "paid", session },
    { at: "closed", session, reason: "expired" },
    { at: "closed", reason: "merchant" },
    { at: "taken" },
    { at: "refused", why: "why" },
    { at: "failed", code: "x", why: "why" },
  ];
  const all = [...states, ...states.map((behind) => ({ at: "unreachable", behind, tries: 1 }))];
  for (const language of ["en", "zh-CN", "zh-TW"]) {
    const words = wordsFor(language);
    assert.equal(words.lang, language);
    for (const state of all) {
      const shown = JSON.stringify(view(state, "wechat_jsapi", words, Date.parse("2026-11-25T11:59:00Z")));
      assert.doesNotMatch(shown, /undefined|\{\w+\}|null/, `${language} ${JSON.stringify(state)}`);
      assert.match(shown, /"title":"[^"]/);
    }
  }
});

/** @param {Uint8Array} bytes @returns {any[]} */
function unlist(bytes) {
  const fields = [];
  const buffer = Buffer.from(bytes);
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32LE(at);
    fields.push(buffer.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}
