/** Other people's vectors, through the module that pages load, in a browser and under its own policy. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";

const read = (/** @type {string} */ path) => readFileSync(new URL(`../../${path}`, import.meta.url));
const vectors = (/** @type {string} */ name) => JSON.parse(read(`tests/vectors/${name}`).toString());

const shipped = readdirSync(new URL("../../target/artifacts/checkout", import.meta.url));
const module = `target/artifacts/checkout/${shipped.find((name) => name.endsWith(".wasm"))}`;
const FILES = /** @type {Record<string, { contentType: string, body: Buffer }>} */ ({
  "/": { contentType: "text/html", body: Buffer.from("<!doctype html><title>Vectors</title>") },
  "/lezai_web.js": { contentType: "text/javascript", body: read("target/wasm-bindgen/web/lezai_web.js") },
  "/lezai_web_bg.wasm": { contentType: "application/wasm", body: read(module) },
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
    Object.assign(globalThis, { core });
  });
});
after(() => browser?.close());

test("ECDSA on P-256: RFC 9421's example, Project Wycheproof's cases", async () => {
  const { cases } = vectors("p256.json");
  assert.equal(cases.length, 512);
  const wrong = await page.evaluate((/** @type {any[]} */ cases) => {
    const { core } = /** @type {any} */ (globalThis);
    const bytes = (/** @type {string} */ hex) =>
      Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    const misjudged = cases.filter(({ x, y, msg, sig, valid }) => {
      const key = new core.PublicKey(x, y);
      const verdict = key.verify(bytes(msg), bytes(sig));
      key.free();
      return verdict !== valid;
    });
    return misjudged.map(({ name, comment }) => `${name}: ${comment}`);
  }, cases);
  assert.deepEqual(wrong, []);
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
      const { core } = /** @type {any} */ (globalThis);
      const utf8 = new TextEncoder();
      const base64 = (/** @type {Uint8Array} */ bytes) => btoa(String.fromCharCode(...bytes));
      const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
      const pair = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
      const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
      const key = new core.PublicKey(x, y);
      const sign = async (/** @type {string} */ text) =>
        new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, utf8.encode(text)));

      const messages = [];
      for (const { digest, body = "{}", input, signature } of rows) {
        const exchange = new core.Exchange("GET", "localhost", "/v1/x", [], 1.8e12, "nonce-page", "page");
        const asked = exchange.sign(new Uint8Array(64).fill(1));
        const sent = asked[asked.indexOf("signature") + 1];
        const fields = {
          "content-type": "application/json",
          "content-digest": digest ?? core.content_digest(utf8.encode(body)),
        };
        const params =
          '("@status" "content-type" "content-digest" "@method";req "@path";req "signature";req)' +
          `;created=1800000000;nonce="nonce-gateway";keyid="${key.thumbprint()}";alg="ecdsa-p256-sha256";tag="lezai-gateway"`;
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
          exchange.verify(200, Object.entries(answer).flat(), utf8.encode(body), key);
          messages.push("");
        } catch (error) {
          messages.push(/** @type {Error} */ (error).message);
        }
        exchange.free();
      }
      return messages;
    }, rows);

  const rows = vectors("structured-fields.json");

  test("an answer written and signed by others is believed", async () => {
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
    const { core } = /** @type {any} */ (globalThis);
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const url = (/** @type {string} */ base64) =>
      base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const encode = (/** @type {object | Uint8Array} */ part) => {
      const bytes = part instanceof Uint8Array ? part : new TextEncoder().encode(JSON.stringify(part));
      return url(btoa(String.fromCharCode(...bytes)));
    };
    const pair = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const key = new core.PublicKey(x, y);
    const jws = async (/** @type {object} */ header, /** @type {object} */ payload) => {
      const signed = `${encode(header)}.${encode(payload)}`;
      const bytes = new TextEncoder().encode(signed);
      return `${signed}.${encode(new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, bytes)))}`;
    };
    const header = { alg: "ES256", kid: key.thumbprint(), typ: "lezai-grant+jwt" };
    const good = await jws(header, { amount: 12800 });
    const parts = good.split(".");
    const other = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    const stranger = await crypto.subtle.exportKey("jwk", other.publicKey);
    const judge = (/** @type {() => unknown} */ act) => {
      try {
        return String(act());
      } catch (error) {
        return /** @type {Error} */ (error).message;
      }
    };
    const terms = (/** @type {string} */ amount, methods = ["wallet_qr"]) =>
      new core.Terms("cs_1", "m_demo", amount, "CNY", methods, "page", "https://shop.example");
    const at = (/** @type {number} */ seconds) => (1_795_000_000 + seconds) * 1000;
    const allow = (/** @type {any} */ shown, now = at(0), exp = 1_795_000_900) =>
      judge(() => terms("12800").allow(shown, 1_795_000_000, exp, now));
    return {
      good: judge(() => core.signed_grant(good, key)),
      changed: judge(() => core.signed_grant([parts[0], encode({ amount: 1 }), parts[2]].join("."), key)),
      by_another: judge(() => core.signed_grant(good, new core.PublicKey(stranger.x, stranger.y))),
      unsigned: judge(() =>
        core.signed_grant([encode({ ...header, alg: "none" }), parts[1], ""].join("."), key),
      ),
      another_use: judge(() =>
        core.signed_grant([encode({ ...header, typ: "JWT" }), ...parts.slice(1)].join("."), key),
      ),
      allowed: allow(terms("12800")),
      last_second: allow(terms("12800"), at(899)),
      stale: allow(terms("12800"), at(900)),
      endless: allow(terms("12800"), at(0), 1_795_000_901),
      dearer: allow(terms("12801")),
      another_way: allow(terms("12800", ["bank"])),
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
