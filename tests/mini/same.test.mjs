/**
 * Every call has the same answer, byte for byte: in Node, in JavaScriptCore with and without its JIT, and,
 * for what pages do, from the page's own module. `tests/it/mini.rs` asks natively and in wasmtime.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ENGINES, jsc, lezai } from "./support/jsc.mjs";
import { built, path, vectors, wasm } from "./support/paths.mjs";
import { realm } from "./support/realm.mjs";

/** A file of words, as an expression: a list of the one language. */
const language = (/** @type {string} */ tag) =>
  `(function (module) { ${readFileSync(built(`package/languages/${tag}.js`), "utf8")} return [module.exports]; })({})`;

/** As `www/core/src/module.ts` does it, for an engine that reads no TypeScript. */
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
  for (let operation = 1; operation <= 14; operation += 1)
    assert.ok(operations.has(operation.toString(16).padStart(2, "0")), `${operation}`);
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
         learnt: (lezai.learn(${language("zh-TW")}.concat(${language("fr")})),
           ["zh-CN", "zh-HK", "fr-CA", "sw"].map(function (tag) { return lezai.wordsFor(tag).lang; })),
         lacking: [typeof TextEncoder, typeof crypto, typeof fetch],
       }));`,
    );
    assert.deepEqual(found, {
      same: true,
      hex: "e4b990",
      base64: "e4b990e59ca8",
      none: true,
      words: ["zh-CN", "zh-CN", "en"],
      learnt: ["zh-CN", "zh-TW", "fr", "en"],
      lacking: ["undefined", "undefined", "undefined"],
    });
  });
}

test("the page's module composes, reads and judges the same", async () => {
  const web = await import("../../target/wasm-bindgen/web/lezai_web.js");
  web.initSync({ module: readFileSync(path("target/wasm-bindgen/web/lezai_web_bg.wasm")) });
  const { instance } = await WebAssembly.instantiate(new Uint8Array(wasm()));
  const core = new Function(`${CALL}; return call;`)();
  /** The operations that a page leaves to WebCrypto, or to the module of mini-programs. */
  const ask = (/** @type {number} */ operation, /** @type {Uint8Array[]} */ ...fields) => {
    const answer = core(instance.exports, Buffer.concat([Buffer.of(1, operation), list(fields)]));
    return answer[1] === 0 ? unlist(answer.subarray(2)) : undefined;
  };
  const believed = (/** @type {Uint8Array[]} */ [x, y], /** @type {any} */ signed) =>
    signed.verified(ask(7, x, y, signed.to_verify(), signed.signature()) !== undefined);
  const texts = (/** @type {Uint8Array} */ field) => unlist(field).map(String);
  const terms = (/** @type {Uint8Array[]} */ fields) => {
    const [session, merchant, amount, currency, jkt] = fields.map(String);
    return [session, merchant, amount, currency, jkt, "", ...texts(fields[5] ?? Buffer.of())].join("\n");
  };

  /** A request as it went out, made anew of what its fields say. */
  const sent = (
    /** @type {string} */ method,
    /** @type {string} */ authority,
    /** @type {string} */ target,
    /** @type {string[]} */ asked,
  ) => {
    const [input = "", signature = ""] = ["signature-input", "signature"].map(
      (it) => asked[asked.indexOf(it) + 1],
    );
    const [, created, nonce = "", keyid = ""] = /created=(\d+);nonce="(.*?)";keyid="(.*?)"/.exec(input) ?? [];
    const exchange = new web.Exchange(method, authority, target, "", Number(created) * 1000, nonce, keyid);
    exchange.sign(Buffer.from(signature.slice("sig1=:".length), "base64"));
    return exchange;
  };

  /** By the operation's number: the answer's fields, as the page's module gives them. */
  const faces = /** @type {Record<number, (fields: any[]) => (string | Uint8Array)[]>} */ ({
    2: ([x, y]) => [web.thumbprint(String(x), String(y))],
    3: ([secret, keyid, created, nonce, method, authority, target, body, header]) => {
      const digest = body.length > 0 ? ["content-digest", web.content_digest(body)] : [];
      const exchange = new web.Exchange(
        String(method),
        String(authority),
        String(target),
        [...texts(header), ...digest].join("\n"),
        Number(created),
        String(nonce),
        String(keyid),
      );
      const [signature] = ask(8, secret, exchange.to_sign()) ?? [];
      const sent = exchange.sign(signature).split("\n");
      return [list(sent.slice(texts(header).length).map(utf8))];
    },
    4: ([x, y, status, body, method, authority, target, asked, answered]) => {
      const exchange = sent(String(method), String(authority), String(target), texts(asked));
      const answer = exchange.answer(Number(status), texts(answered).join("\n"), body);
      return [String(believed([x, y], answer))];
    },
    5: ([x, y, grant]) => [believed([x, y], new web.SignedGrant(String(grant)))],
    6: ([now, iat, exp, ...rest]) => {
      web.allow(terms(rest.slice(0, 6)), terms(rest.slice(6)), Number(iat), Number(exp), Number(now) * 1000);
      return [];
    },
  });
  let compared = 0;
  for (const { call, answer, what } of vectors) {
    const [operation = 0] = Buffer.from(call.slice(2, 4), "hex");
    const face = faces[operation];
    // A page has other types for a status and for lists, and asks elsewhere for points and secrets.
    if (!face || /with no status|without a value|of no point|with no secret/.test(what)) continue;
    const expected = Buffer.from(answer, "hex");
    let given;
    try {
      given = Buffer.concat([
        Buffer.of(1, 0),
        list(face(unlist(Buffer.from(call, "hex").subarray(2))).map(utf8)),
      ]);
    } catch (error) {
      given = Buffer.concat([Buffer.of(1, 1), list([utf8(/** @type {Error} */ (error).message)])]);
    }
    assert.equal(given.toString("hex"), expected.toString("hex"), `${what}: ${given} ${expected}`);
    compared += 1;
  }
  assert.ok(compared >= 15, `${compared}`);
});

test("the package draws every state in every language, with nothing missing", () => {
  const package_ = realm({});
  const { view, wordsFor, learn } = package_.load("lezai.js");
  const further = readdirSync(built("package/languages"));
  assert.equal(further.length, 13);
  learn(further.map((name) => package_.load(`languages/${name}`)));
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
    { at: "replaced" },
    { at: "elsewhere" },
    { at: "refused", why: "why" },
    { at: "outdated", why: "why" },
    { at: "failed", code: "x", why: "why" },
  ];
  const all = [...states, ...states.map((behind) => ({ at: "unreachable", behind, tries: 1 }))];
  for (const language of ["en", "zh-CN", ...further.map((name) => name.replace(".js", ""))]) {
    const words = wordsFor(language);
    assert.equal(words.lang, language);
    for (const state of all) {
      const shown = JSON.stringify(view(state, "wechat_jsapi", words, Date.parse("2026-11-25T11:59:00Z")));
      assert.doesNotMatch(shown, /undefined|\{\w+\}|null/, `${language} ${JSON.stringify(state)}`);
      assert.match(shown, /"title":"[^"]/);
      assert.match(shown, language === "ar" ? /"dir":"rtl"/ : /"dir":"ltr"/);
    }
  }
});

/** @param {string | Uint8Array} text */
function utf8(text) {
  return typeof text === "string" ? Buffer.from(text) : text;
}

/** @param {Uint8Array[]} fields */
function list(fields) {
  return Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(field.length);
      return [length, field];
    }),
  );
}

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
