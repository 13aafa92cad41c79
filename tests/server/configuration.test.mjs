/** Keys and secrets as environments have them, and requests as other frameworks have them. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { runInNewContext } from "node:vm";
import { startGateway } from "../browser/support/gateway.mjs";
import {
  Callbacks,
  credentials,
  lezaiAt,
  MERCHANT,
  newOrder,
  startReceiver,
  typeOf,
} from "./support/shop.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
let receiver;
let good;
before(async () => {
  gateway = await startGateway();
  receiver = await startReceiver();
  const order = await lezaiAt(gateway).orders.create(newOrder({ notify_url: receiver.url }));
  await lezaiAt(gateway).orders.close(order.id);
  good = await receiver.next((it) => typeOf(it) === "order.closed");
});
after(async () => {
  await receiver?.stop();
  await gateway?.stop();
});

/** One PEM in the forms in which people pass it. */
const forms = (pem) => ({
  "\\n written out": pem.replaceAll("\n", "\\n"),
  "\\r\\n written out": pem.replaceAll("\n", "\\r\\n"),
  "in quotes": `"${pem}"`,
  "in quotes, \\n written out": `'${pem.replaceAll("\n", "\\n")}'`,
  "one line": pem.replaceAll("\n", " "),
  "no line at all": pem.replaceAll("\n", ""),
  indented: pem.replace(/^/gm, "    "),
  "of Windows": pem.replaceAll("\n", "\r\n"),
  "between blank lines": `\n\n${pem}\n\n`,
});

test("a key is accepted in every form that environment variables have", PATIENCE, async () => {
  const { privateKey, gatewayKey } = credentials(gateway);
  for (const [name, key] of Object.entries(forms(privateKey))) {
    const list = await lezaiAt(gateway, { privateKey: key }).orders.list();
    assert.equal(list.object, "list", name);
  }
  for (const [name, key] of Object.entries(forms(gatewayKey))) {
    const list = await lezaiAt(gateway, { gatewayKey: key }).orders.list();
    assert.equal(list.object, "list", name);
  }
});

test("a missing or wrong key is named, with what to do", () => {
  const { gatewayKey } = credentials(gateway);
  const sec1 = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
  for (const [changes, message] of [
    [{ privateKey: undefined }, /privateKey is needed.*it is undefined\. Is its environment variable set\?/],
    [{ privateKey: "" }, /privateKey is needed.*it is empty/],
    [{ privateKey: Buffer.from("") }, /privateKey is needed, as the text of a PEM.*it is object/],
    [{ privateKey: sec1.privateKey }, /openssl pkcs8 -topk8 -nocrypt/],
    [{ privateKey: sec1.privateKey.replaceAll("\n", "\\n") }, /openssl pkcs8 -topk8 -nocrypt/],
    [{ privateKey: gatewayKey }, /privateKey must be a P-256 key in PKCS#8 PEM/],
    [{ gatewayKey: undefined }, /gatewayKey is needed.*it is undefined/],
    [{ gatewayKey: [gatewayKey, undefined] }, /gatewayKey is needed.*it is undefined/],
    [{ gatewayKey: [] }, /gatewayKey is needed: the list has no key/],
    [{ gateway: undefined }, /gateway must be an origin/],
  ]) {
    assert.throws(() => lezaiAt(gateway, changes), { name: "Misuse", message });
  }
});

test("a webhook secret is accepted with a file's white space and quotes", PATIENCE, async () => {
  const { webhookSecret } = credentials(gateway);
  for (const secret of [`${webhookSecret}\n`, ` ${webhookSecret}\r\n`, `"${webhookSecret}"`]) {
    const callback = await new Callbacks({ url: receiver.url, webhookSecret: secret }).verify(good);
    assert.equal(callback.type, "order.closed");
  }
});

test(
  "an invalid webhook secret or address is reported when it is set, not at each callback",
  PATIENCE,
  async () => {
    const { gatewayKey, webhookSecret } = credentials(gateway);
    for (const wrong of ["", "secret", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", null]) {
      assert.throws(
        () => new Callbacks({ url: receiver.url, webhookSecret: wrong }),
        { name: "Misuse", message: /must be "whsec_" and 24 to 64 bytes in base64/ },
        String(wrong),
      );
    }
    const callbacks = new Callbacks({ url: receiver.url, gatewayKey, webhookSecret, merchant: MERCHANT });
    await assert.rejects(callbacks.verify(good, "/callbacks"), {
      name: "Misuse",
      message: /whole public address/,
    });
  },
);

/** Verifies by the signature and by the secret, which read headers each in its own way. */
const verified = async (changes) => {
  const { gatewayKey, webhookSecret } = credentials(gateway);
  const callbacks = new Callbacks({ url: receiver.url, gatewayKey, webhookSecret, merchant: MERCHANT });
  return (await callbacks.verify({ ...good, ...changes })).type;
};

test("headers are accepted in every framework's form", PATIENCE, async () => {
  const pairs = Object.entries(good.headers);
  class OtherHeaders {
    *[Symbol.iterator]() {
      yield* pairs;
    }
  }
  for (const headers of [
    new Headers(pairs),
    new Map(pairs),
    new OtherHeaders(),
    pairs,
    Object.fromEntries(pairs.map(([name, value]) => [name.toUpperCase(), [value]])),
    runInNewContext("new Map(pairs)", { pairs }),
  ]) {
    assert.equal(await verified({ headers }), "order.closed");
  }
  for (const headers of [undefined, {}, "host: shop.example", new (class Hidden {})(), { host: 1 }, [1]]) {
    await assert.rejects(verified({ headers }), { name: "Misuse", message: /headers must be/ });
  }
});

test("bytes are accepted from every realm and in every view", PATIENCE, async () => {
  const bytes = [...good.body];
  for (const body of [
    good.body,
    good.body.toString(),
    new Uint8Array(bytes),
    new Uint8Array(bytes).buffer,
    new DataView(new Uint8Array([0, ...bytes, 0]).buffer, 1, bytes.length),
    runInNewContext("new Uint8Array(bytes)", { bytes }),
    runInNewContext("new Uint8Array(bytes).buffer", { bytes }),
  ]) {
    assert.equal(await verified({ body }), "order.closed");
  }
  for (const body of [undefined, null, bytes, JSON.parse(good.body), 7]) {
    await assert.rejects(verified({ body }), { name: "Misuse", message: /bytes as received/ });
  }
  // A request of another implementation than the global one.
  const foreign = { method: "POST", headers: new Map(Object.entries(good.headers)) };
  const { buffer } = new Uint8Array(bytes);
  assert.equal(await verified({ ...foreign, body: null, arrayBuffer: async () => buffer }), "order.closed");
});
