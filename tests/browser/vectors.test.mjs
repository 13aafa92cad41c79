/** Other people's vectors, through the module that pages load, in a browser and under its own policy. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { npm, openPage, startBrowser } from "./support/browser.mjs";

const read = (/** @type {string} */ path) => readFileSync(new URL(`../../${path}`, import.meta.url));
const vectors = (/** @type {string} */ name) => JSON.parse(read(`tests/vectors/${name}`).toString());

const shipped = readdirSync(new URL("../../target/artifacts/checkout", import.meta.url));
const module = (/** @type {string} */ name) =>
  read(
    `target/artifacts/checkout/${shipped.find((it) => it.startsWith(`lezai_${name}`) && it.endsWith(".wasm"))}`,
  );
/** The page's own way to keys and signatures, with the module that it loads where WebCrypto is missing. */
const { outputFiles } = await npm("esbuild").build({
  entryPoints: [fileURLToPath(new URL("../../www/checkout/src/p256.ts", import.meta.url))],
  bundle: true,
  format: "esm",
  write: false,
  define: {
    P256_FILE: '"./lezai_p256.wasm"',
    P256_INTEGRITY: JSON.stringify(`sha384-${createHash("sha384").update(module("p256")).digest("base64")}`),
  },
});
const FILES = /** @type {Record<string, { contentType: string, body: Buffer }>} */ ({
  "/": { contentType: "text/html", body: Buffer.from("<!doctype html><title>Vectors</title>") },
  "/lezai_web.js": { contentType: "text/javascript", body: read("target/wasm-bindgen/web/lezai_web.js") },
  "/lezai_web_bg.wasm": { contentType: "application/wasm", body: module("web_bg") },
  "/p256.js": { contentType: "text/javascript", body: Buffer.from(outputFiles[0].contents) },
  "/lezai_p256.wasm": { contentType: "application/wasm", body: module("p256") },
});
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

/** @type {any} */
let browser;
/** @type {any} */
let page;

before(async () => {
  browser = await startBrowser();
  ({ page } = await openPage(browser));
  await page.route("http://localhost/**", (/** @type {any} */ route) => {
    const file = FILES[new URL(route.request().url()).pathname];
    return file
      ? route.fulfill({ ...file, headers: { "content-security-policy": POLICY } })
      : route.fulfill({ status: 404 });
  });
  await page.goto("http://localhost/");
  await page.evaluate(async () => {
    const core = await import(/** @type {any} */ ("/lezai_web.js"));
    await core.default({ module_or_path: "/lezai_web_bg.wasm" });
    const { p256 } = await import(/** @type {any} */ ("/p256.js"));
    const webCrypto = await p256("http://localhost");
    const native = /** @type {PropertyDescriptor} */ (
      Object.getOwnPropertyDescriptor(Crypto.prototype, "subtle")
    );
    Object.defineProperty(Crypto.prototype, "subtle", { value: undefined, configurable: true });
    const ofTheCore = await p256("http://localhost");
    Object.defineProperty(Crypto.prototype, "subtle", native);
    /** Lets a key verify what the core has checked but for that. */
    const believed = async (/** @type {any} */ key, /** @type {any} */ signed) =>
      signed.verified(await key(signed.to_verify(), signed.signature()));
    Object.assign(globalThis, { core, curves: { webCrypto, ofTheCore }, believed });
  });
});
after(() => browser?.close());

for (const curve of ["webCrypto", "ofTheCore"]) {
  test(`ECDSA on P-256, ${curve}: RFC 9421's example, Project Wycheproof's cases`, async () => {
    const { cases } = vectors("p256.json");
    assert.equal(cases.length, 512);
    const wrong = await page.evaluate(
      async (/** @type {[any[], string]} */ [cases, name]) => {
        const curve = /** @type {any} */ (globalThis).curves[name];
        const bytes = (/** @type {string} */ hex) =>
          Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
        const misjudged = [];
        for (const { x, y, msg, sig, valid, name, comment } of cases) {
          const verify = await curve.verifier({ x, y });
          if ((await verify(bytes(msg), bytes(sig))) !== valid) misjudged.push(`${name}: ${comment}`);
        }
        return misjudged;
      },
      [cases, curve],
    );
    assert.deepEqual(wrong, []);
  });
}

test("each verifies what the other signs, and both refuse invalid keys", async () => {
  const found = await page.evaluate(async () => {
    const { curves, core } = /** @type {any} */ (globalThis);
    const message = new TextEncoder().encode("what is signed");
    const verdicts = /** @type {Record<string, unknown>} */ ({});
    for (const [one, other] of [
      ["webCrypto", "ofTheCore"],
      ["ofTheCore", "webCrypto"],
    ]) {
      const key = await curves[one].open(await curves[one].make());
      const signature = await key.sign(message);
      const verify = await curves[other].verifier(key);
      const off = key.y.startsWith("A") ? `B${key.y.slice(1)}` : `A${key.y.slice(1)}`;
      verdicts[one] = [
        signature.length,
        core.thumbprint(key.x, key.y).length,
        await verify(message, signature),
        await verify(message.subarray(1), signature),
        await verify(message, signature.subarray(1)),
        await verify(message, new Uint8Array(64)),
        await verify(message, new Uint8Array(0)),
        await curves[other].verifier({ x: key.x, y: off }).then(
          () => "taken",
          () => "refused",
        ),
      ];
    }
    return verdicts;
  });
  const verdicts = [64, 43, true, false, false, false, false, "refused"];
  assert.deepEqual(found, { webCrypto: verdicts, ofTheCore: verdicts });
});

/** @typedef {{ digest?: string, body?: string, input?: string, signature?: string }} Row */

/**
 * Answers whose signature base is written out here by hand, from RFC 9421 and not from our core,
 * and signed by WebCrypto: the module believes them for what their fields say alone.
 */
describe("structured fields", () => {
  /**
   * Lets the module judge one answer for each row; gives back the messages, empty where it believes.
   *
   * @param {Row[]} rows
   */
  const judged = (rows) =>
    page.evaluate(async (/** @type {Row[]} */ rows) => {
      const { core, curves, believed } = /** @type {any} */ (globalThis);
      const utf8 = new TextEncoder();
      const base64 = (/** @type {Uint8Array} */ bytes) => btoa(String.fromCharCode(...bytes));
      const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
      const pair = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
      const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
      const key = await curves.webCrypto.verifier({ x, y });
      const thumbprint = core.thumbprint(x, y);
      const sign = async (/** @type {string} */ text) =>
        new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, utf8.encode(text)));

      const messages = [];
      for (const { digest, body = "{}", input, signature } of rows) {
        const exchange = new core.Exchange("GET", "localhost", "/v1/x", "", 1.8e12, "nonce-page", "page");
        const asked = exchange.sign(new Uint8Array(64).fill(1)).split("\n");
        const sent = asked[asked.indexOf("signature") + 1];
        const fields = {
          "content-type": "application/json",
          "content-digest": digest ?? core.content_digest(utf8.encode(body)),
        };
        const params =
          '("@status" "content-type" "content-digest" "@method";req "@path";req "signature";req)' +
          `;created=1800000000;nonce="nonce-gateway";keyid="${thumbprint}";alg="ecdsa-p256-sha256";tag="lezai-gateway"`;
        const base = [
          '"@status": 200',
          ...Object.entries(fields).map(([name, value]) => `"${name}": ${value.trim()}`),
          '"@method";req: GET',
          '"@path";req: /v1/x',
          `"signature";req: ${sent}`,
          `"@signature-params": ${params}`,
        ].join("\n");
        const answer = {
          ...fields,
          "signature-input": input ?? `sig1=${params}`,
          signature: signature ?? `sig1=:${base64(await sign(base))}:`,
        };
        try {
          await believed(
            key,
            exchange.answer(200, Object.entries(answer).flat().join("\n"), utf8.encode(body)),
          );
          messages.push("");
        } catch (error) {
          messages.push(/** @type {Error} */ (error).message);
        }
        exchange.free();
      }
      return messages;
    }, rows);

  const rows = vectors("structured-fields.json");

  test("an answer written and signed by other libraries is accepted", async () => {
    assert.deepEqual(await judged([{}, { body: "[]" }]), ["", ""]);
  });

  test("Content-Digest", async () => {
    const list = rows["content-digest"];
    const messages = await judged(
      list.map((/** @type {any} */ { field, body }) => ({ digest: field, body: body || " " })),
    );
    for (const [index, { field, body, result }] of list.entries()) {
      // A body that is empty has no digest to cover.
      if (body === "") continue;
      // The gateway digests with SHA-256, and a page's module knows no other: SHA-512 would be a seventh of it.
      const fits = field.includes("sha-512=") ? field.includes("sha-256=") : result === "fits";
      assert.equal(messages[index] === "", fits, `${field}: ${messages[index]}`);
    }
  });

  test("Signature-Input and Signature that are not RFC 9651", async () => {
    for (const [name, part] of /** @type {const} */ ([
      ["signature-input", "input"],
      ["signature", "signature"],
    ])) {
      const bad = rows[name].filter((/** @type {any} */ { structured }) => !structured);
      assert.ok(bad.length > 5);
      const messages = await judged(bad.map((/** @type {any} */ { field }) => ({ [part]: field })));
      for (const [index, { field }] of bad.entries()) assert.notEqual(messages[index], "", field);
    }
  });
});

test("a grant: a JWS written here by hand and signed by WebCrypto, changed, by another key, and stale", async () => {
  const verdicts = await page.evaluate(async () => {
    const { core, curves, believed } = /** @type {any} */ (globalThis);
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const url = (/** @type {string} */ base64) =>
      base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const encode = (/** @type {object | Uint8Array} */ part) => {
      const bytes = part instanceof Uint8Array ? part : new TextEncoder().encode(JSON.stringify(part));
      return url(btoa(String.fromCharCode(...bytes)));
    };
    const pair = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const key = await curves.ofTheCore.verifier({ x, y });
    const jws = async (/** @type {object} */ header, /** @type {object} */ payload) => {
      const signed = `${encode(header)}.${encode(payload)}`;
      const bytes = new TextEncoder().encode(signed);
      return `${signed}.${encode(new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, bytes)))}`;
    };
    const header = { alg: "ES256", kid: core.thumbprint(x, y), typ: "lezai-grant+jwt" };
    const good = await jws(header, { amount: 12800 });
    const parts = good.split(".");
    const other = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    const stranger = await crypto.subtle.exportKey("jwk", other.publicKey);
    const judge = async (/** @type {() => unknown} */ act) => {
      try {
        return String(await act());
      } catch (error) {
        return /** @type {Error} */ (error).message;
      }
    };
    const signed = (/** @type {string} */ jws, by = key) =>
      judge(() => believed(by, new core.SignedGrant(jws)));
    const terms = (/** @type {string} */ amount, methods = ["wallet_qr"]) =>
      ["cs_1", "m_demo", amount, "CNY", "page", "https://shop.example", ...methods].join("\n");
    const at = (/** @type {number} */ seconds) => (1_795_000_000 + seconds) * 1000;
    const allow = (/** @type {any} */ shown, now = at(0), exp = 1_795_000_900) =>
      judge(() => core.allow(terms("12800"), shown, 1_795_000_000, exp, now));
    return {
      good: await signed(good),
      changed: await signed([parts[0], encode({ amount: 1 }), parts[2]].join(".")),
      by_another: await signed(good, await curves.webCrypto.verifier(stranger)),
      unsigned: await signed([encode({ ...header, alg: "none" }), parts[1], ""].join(".")),
      another_use: await signed([encode({ ...header, typ: "JWT" }), ...parts.slice(1)].join(".")),
      allowed: await allow(terms("12800")),
      last_second: await allow(terms("12800"), at(899)),
      stale: await allow(terms("12800"), at(900)),
      endless: await allow(terms("12800"), at(0), 1_795_000_901),
      dearer: await allow(terms("12801")),
      another_way: await allow(terms("12800", ["bank"])),
    };
  });
  const malformed = "not a grant: a compact JWS with ES256 of type lezai-grant+jwt is needed";
  assert.deepEqual(verdicts, {
    good: '{"amount":12800}',
    changed: "the grant was not signed by this gateway",
    by_another: "the grant was not signed by this gateway",
    unsigned: malformed,
    another_use: malformed,
    allowed: "undefined",
    last_second: "undefined",
    stale: "the grant has ended",
    endless: "the grant has ended",
    dearer: "the grant is for another amount",
    another_way: "the grant is for another list of methods",
  });
});
