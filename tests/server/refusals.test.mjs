/** Answers that @lezai/server refuses, and its errors for the gateway's refusals. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "../browser/support/gateway.mjs";
import {
  Callbacks,
  credentials,
  lezaiAt,
  MERCHANT,
  newOrder,
  otherKeys,
  Problem,
  startReceiver,
  typeOf,
} from "./support/shop.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
let receiver;
before(async () => {
  gateway = await startGateway();
  receiver = await startReceiver();
});
after(async () => {
  await receiver?.stop();
  await gateway?.stop();
});

/** A client between whom and the gateway somebody sits who changes answers. */
const through = (change) =>
  lezaiAt(gateway, {
    tries: 1,
    fetch: async (url, init) => {
      const answer = await fetch(url, init);
      const parts = {
        status: answer.status,
        headers: new Headers(answer.headers),
        body: await answer.text(),
      };
      const { body, ...rest } = { ...parts, ...(await change(parts)) };
      return new Response(body, rest);
    },
  });

test("a key that the gateway does not know is refused", PATIENCE, async () => {
  const { privateKey } = otherKeys();
  await assert.rejects(lezaiAt(gateway, { privateKey }).orders.create(newOrder()), {
    name: "Problem",
    code: "signature_invalid",
    retry: "never",
    status: 401,
    requestId: /^req_/,
  });
  await assert.rejects(lezaiAt(gateway, { keyId: "nobody" }).orders.list(), { code: "key_unknown" });
});

test("another gateway's answers are not believed", PATIENCE, async () => {
  const { publicKey } = otherKeys();
  const lezai = lezaiAt(gateway, { gatewayKey: publicKey });
  await assert.rejects(lezai.orders.list(), {
    name: "Refused",
    code: "answer_refused",
    message: /another key/,
  });
  const both = lezaiAt(gateway, { gatewayKey: [publicKey, credentials(gateway).gatewayKey] });
  assert.equal((await both.orders.list()).object, "list");
});

test("a changed answer is not believed", PATIENCE, async () => {
  let other;
  const kept = through((parts) => {
    other = parts;
    return parts;
  });
  await kept.orders.create(newOrder());
  for (const change of [
    ({ body }) => ({ body: body.replace("12800", "1") }),
    () => ({ status: 200 }),
    ({ headers }) => void headers.delete("signature"),
    ({ headers }) => void headers.set("content-digest", "sha-256=:AAAA:"),
    // A good answer of the gateway's, but to another request.
    () => ({ ...other }),
  ]) {
    await assert.rejects(
      through(change).orders.create(newOrder()),
      { name: "Refused", retry: "same_key" },
      String(change),
    );
  }
});

test("a changed, old, foreign or replayed callback is refused", PATIENCE, async (context) => {
  const { gatewayKey, webhookSecret } = credentials(gateway);
  const lezai = lezaiAt(gateway);
  const order = await lezai.orders.create(newOrder({ notify_url: receiver.url }));
  await lezai.orders.close(order.id);
  const good = await receiver.next((it) => typeOf(it) === "order.closed");
  const changedBody = { ...good, body: Buffer.from(good.body.toString().replace("12800", "1")) };
  const without = (name) => ({ ...good, headers: { ...good.headers, [name]: undefined } });

  const by = {
    rfc9421: () => new Callbacks({ url: receiver.url, gatewayKey, merchant: MERCHANT }),
    standardWebhooks: () => new Callbacks({ url: receiver.url, webhookSecret }),
    both: () => new Callbacks({ url: receiver.url, gatewayKey, webhookSecret }),
  };
  const refused = (callbacks, delivery, code = "callback_forged") =>
    assert.rejects(callbacks.verify(delivery), { name: "Forged", code });

  for (const make of Object.values(by)) {
    assert.equal((await make().verify(good)).data.order.id, order.id);
    await refused(make(), changedBody);
    await refused(make(), { ...good, body: Buffer.alloc(0) });
    await refused(make(), { ...good, body: Buffer.alloc(64 * 1024 + 1) });
  }
  await refused(by.rfc9421(), without("signature"));
  await refused(by.rfc9421(), { ...good, method: "GET" });
  await refused(by.standardWebhooks(), without("webhook-signature"));
  await refused(by.standardWebhooks(), {
    ...good,
    headers: { ...good.headers, "webhook-id": ["evt_1", "evt_2"] },
  });
  await refused(by.both(), without("webhook-signature"));
  await refused(new Callbacks({ url: `${receiver.url}4`, gatewayKey, merchant: MERCHANT }), good);
  await refused(new Callbacks({ url: receiver.url, gatewayKey, merchant: "m_other" }), good);
  await refused(
    new Callbacks({ url: receiver.url, gatewayKey: otherKeys().publicKey, merchant: MERCHANT }),
    good,
  );
  await refused(
    new Callbacks({ url: receiver.url, webhookSecret: `whsec_${Buffer.alloc(32, "ab").toString("base64")}` }),
    good,
  );

  const callbacks = by.both();
  await callbacks.verify(good);
  await refused(callbacks, good, "callback_replayed");

  // Good for five minutes, which are counted from the second in which it was signed.
  const signed_s = Number(good.headers["webhook-timestamp"]);
  let now_s = signed_s + 300;
  context.mock.method(Date, "now", () => now_s * 1000);
  for (const make of Object.values(by)) await make().verify(good);
  now_s = signed_s + 301;
  for (const make of Object.values(by)) await refused(make(), good);
});

test("a problem says which field, and whether to retry", PATIENCE, async () => {
  const lezai = lezaiAt(gateway);
  await assert.rejects(lezai.orders.create(newOrder({ amount: -1 })), {
    name: "Problem",
    code: "invalid_field",
    field: "amount",
    retry: "never",
    status: 400,
  });
  const order = await lezai.orders.create(newOrder());
  const again = lezai.orders.create(newOrder({ merchant_order_id: order.merchant_order_id }), {
    idempotencyKey: "another",
  });
  await assert.rejects(again, (error) => {
    assert.ok(error instanceof Problem);
    assert.deepEqual(
      [error.code, error.retry, error.problem.order_id],
      ["merchant_order_id_taken", "query_first", order.id],
    );
    return true;
  });
  await assert.rejects(lezai.orders.find(`ord_${"0".repeat(32)}`), { code: "order_not_found", status: 404 });
});

test("misuse is reported before anything is sent, with what to do", PATIENCE, async () => {
  const { gatewayKey, webhookSecret } = credentials(gateway);
  const options = (changes) => () => lezaiAt(gateway, { ...changes });
  for (const [make, what] of [
    [options({ gateway: "pay.example" }), /gateway must be an origin/],
    [options({ gateway: "https://pay.example/v1" }), /gateway must be an origin/],
    [options({ keyId: "" }), /keyId is needed/],
    [options({ privateKey: "secret" }), /privateKey must be a P-256 key in PKCS#8 PEM/],
    [options({ gatewayKey: credentials(gateway).privateKey }), /gatewayKey must be a P-256 key in PEM/],
    [() => new Callbacks({ url: "/callbacks", webhookSecret }), /whole public address/],
    [() => new Callbacks({ url: receiver.url }), /gatewayKey or webhookSecret is needed/],
    [() => new Callbacks({ url: receiver.url, gatewayKey }), /merchant is needed/],
    [() => new Callbacks({ url: receiver.url, webhookSecret: "secret" }), /must be "whsec_"/],
  ]) {
    assert.throws(make, { name: "Misuse", message: what });
  }
  const lezai = lezaiAt(gateway);
  assert.throws(() => lezai.orders.find("A-1001"), { name: "Misuse", message: /findByNumber/ });
  assert.throws(() => lezai.orders.close(`ord_${"0".repeat(32)}`, { idempotencyKey: 'a"b' }), {
    name: "Misuse",
  });
  await assert.rejects(
    new Callbacks({ url: receiver.url, webhookSecret }).verify({ headers: {}, body: { id: 1 } }),
    {
      name: "Misuse",
      message: /bytes as received/,
    },
  );
});
