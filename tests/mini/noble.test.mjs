/**
 * The option for engines without a JIT: `@noble/curves` signs and verifies, and the core does all the rest. It gives
 * the bytes that the core gives, takes and refuses the signatures that the core does, and a shopper pays with it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { runInContext } from "node:vm";
import { startGateway } from "../browser/support/gateway.mjs";
import { npm, path, vectors, wasm } from "./support/paths.mjs";
import { realm } from "./support/realm.mjs";
import { open, PLATFORMS } from "./support/shopper.mjs";

/** An app's copy of `@noble/curves`, bundled as one script. */
const { outputFiles } = await npm("esbuild").build({
  stdin: { contents: `export { p256 } from "@noble/curves/nist.js";`, resolveDir: path("www/mini") },
  bundle: true,
  format: "iife",
  globalName: "noble",
  write: false,
});
const noble = (/** @type {any} */ context) => runInContext(`${outputFiles[0].text}; noble.p256`, context);

/** @type {any} */
let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

/** Both cores over one module, in a realm with nothing but ECMAScript. */
async function both() {
  const world = realm({});
  const { Core, unhex } = world.load("lezai.js");
  const { withNoble } = world.load("noble.js");
  const { instance } = await WebAssembly.instantiate(new Uint8Array(wasm()));
  const core = /** @type {any} */ (instance.exports);
  const module = {
    call: async (/** @type {Uint8Array} */ bytes) => {
      const pointer = core.alloc(bytes.length);
      new Uint8Array(core.memory.buffer).set(bytes, pointer);
      const answer = core.call(pointer, bytes.length);
      core.free(pointer, bytes.length);
      const length = new DataView(core.memory.buffer).getUint32(answer, true);
      const out = new Uint8Array(core.memory.buffer.slice(answer + 4, answer + 4 + length));
      core.free(answer, length + 4);
      return unhex(Buffer.from(out).toString("hex"));
    },
  };
  const p256 = noble(world.context);
  return { ours: new Core(module), theirs: withNoble(p256)(module), unhex };
}

/** The outcome of a promise, its failure included. */
const outcome = (/** @type {Promise<unknown>} */ promise) =>
  promise.then(
    (value) => JSON.stringify(value),
    (error) => `refused: ${error.message}`,
  );

test("every call returns what the core alone returns", async () => {
  const { ours, theirs, unhex } = await both();
  /** Bytes of the package's own realm: noble takes no others. */
  const own = (/** @type {Buffer} */ bytes) => unhex(bytes.toString("hex"));
  /** @typedef {Buffer[]} Fields */
  const texts = (/** @type {Buffer} */ list) => unlist(list).map(String);
  const asked = (/** @type {Fields} */ [method, authority, target, header]) => ({
    method: String(method),
    authority: String(authority),
    path: String(target),
    header: texts(header),
  });
  const calls = /** @type {Record<string, (core: any, fields: Fields) => Promise<unknown>>} */ ({
    "01": (core, [entropy]) => core.key(own(entropy)),
    "03": (core, [secret, keyid, created, nonce, method, authority, target, body, header]) =>
      core.sign(
        own(secret),
        String(keyid),
        Number(created),
        String(nonce),
        asked([method, authority, target, header]),
        body,
      ),
    "04": (core, [x, y, status, body, method, authority, target, header, answered]) =>
      core.verify(
        { x: String(x), y: String(y) },
        Number(status),
        body,
        asked([method, authority, target, header]),
        texts(answered),
      ),
    "05": (core, [x, y, jws]) => core.grant({ x: String(x), y: String(y) }, String(jws)),
  });
  let compared = 0;
  for (const { call, what } of vectors) {
    const ask = calls[call.slice(2, 4)];
    // Each refuses an invalid secret in its own words.
    if (!ask || /with no secret|above the order|too little|a field|another version|no status/.test(what))
      continue;
    const fields = unlist(Buffer.from(call.slice(4), "hex"));
    assert.equal(await outcome(ask(theirs, fields)), await outcome(ask(ours, fields)), what);
    compared += 1;
  }
  assert.ok(compared >= 12, `${compared}`);
});

test("it refuses invalid secrets", async () => {
  const { theirs, unhex } = await both();
  for (const entropy of ["00".repeat(32), "07".repeat(31), `${"ff".repeat(31)}fe`])
    await assert.rejects(theirs.key(unhex(entropy)), entropy);
});

test("Project Wycheproof's cases are judged as the core judges them", async () => {
  const { theirs, unhex } = await both();
  const { cases } = JSON.parse(readFileSync(path("tests/vectors/p256.json"), "utf8"));
  const wrong = [];
  for (const { x, y, msg, sig, valid, name } of cases) {
    const verdict = await theirs.signature({ x, y }, unhex(msg), unhex(sig)).then(
      () => true,
      () => false,
    );
    if (verdict !== valid) wrong.push(name);
  }
  assert.deepEqual(wrong, []);
});

for (const [name, { method }] of Object.entries(PLATFORMS)) {
  describe(name, () => {
    const start = async (/** @type {object} */ quirks = {}) =>
      open(name, {
        origin: gateway.origin,
        order: await gateway.create({ methods: [method] }),
        quirks,
        core: (/** @type {any} */ world) => world.load("noble.js").withNoble(noble(world.context)),
      });

    test("a shopper pays with it", async () => {
      const shopper = await start();
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("paid");
      shopper.close();
    });

    test("an answer that was changed on its way is refused", async () => {
      const shopper = await start();
      await shopper.at("ready");
      shopper.host.quirks.tamper = (/** @type {any} */ answer) => {
        answer.body = Buffer.from(answer.body.toString().replace('"amount":12800', '"amount":1'));
      };
      shopper.mounted.press("pay");
      await shopper.at("refused");
      assert.equal(shopper.host.cashier.length, 0);
      shopper.close();
    });
  });
}

/** @param {Uint8Array} bytes */
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
