/** @lezai/server as a shop uses it: order, payment, callback, refund, against the real gateway. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "../browser/support/gateway.mjs";
import {
  Callbacks,
  credentials,
  fetchGatewayKey,
  lezaiAt,
  MERCHANT,
  newOrder,
  startReceiver,
  typeOf,
} from "./support/shop.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
let lezai;
let receiver;
before(async () => {
  gateway = await startGateway();
  lezai = lezaiAt(gateway);
  receiver = await startReceiver();
});
after(async () => {
  await receiver?.stop();
  await gateway?.stop();
});

test("an order is created, paid, reported by callback and refunded", PATIENCE, async () => {
  const { gatewayKey, webhookSecret } = credentials(gateway);
  const callbacks = new Callbacks({ url: receiver.url, gatewayKey, webhookSecret, merchant: MERCHANT });
  const asked = newOrder({ notify_url: receiver.url });

  const order = await lezai.orders.create(asked);
  assert.equal(order.status, "created");
  assert.match(order.checkout.client_secret, /^[\w-]+\.[\w-]+$/);

  await gateway.shopper(order, "pay");
  const told = await receiver.next((it) => typeOf(it) === "order.paid");
  const callback = await callbacks.verify(told);
  assert.equal(callback.data.order.id, order.id);
  assert.equal(callback.data.order.amount, asked.amount);

  const refund = await lezai.orders.refund(order.id, {
    merchant_refund_id: `R-${order.id}`,
    amount: 6000,
    currency: "CNY",
  });
  assert.equal(refund.amount, 6000);
  const ended = await receiver.next((it) => typeOf(it) === "refund.succeeded");
  assert.equal((await callbacks.verify(ended)).data.refund.id, refund.id);

  const now = await lezai.orders.find(order.id);
  assert.deepEqual([now.status, now.refunded_amount, now.refundable_amount], ["paid", 6000, 6800]);
  assert.equal((await lezai.refunds.find(refund.id)).status, "succeeded");
  assert.equal((await lezai.refunds.findByNumber(`R-${order.id}`)).id, refund.id);
  assert.deepEqual(
    (await lezai.orders.refunds(order.id)).map((it) => it.id),
    [refund.id],
  );
});

test("an order can be authorised, captured in part, and found again", PATIENCE, async () => {
  const order = await lezai.orders.create(newOrder({ capture: "manual" }));
  await gateway.shopper(order, "pay");
  assert.equal((await lezai.orders.find(order.id)).status, "authorized");
  await lezai.orders.capture(order.id, { amount: 5000, currency: "CNY" });
  const paid = await until(() => lezai.orders.findByNumber(order.merchant_order_id), "paid");
  assert.equal(paid.captured_amount, 5000);
});

test("an order is closed, and a paid one voided", PATIENCE, async () => {
  const unpaid = await lezai.orders.create(newOrder());
  const renewed = await lezai.orders.renewSession(unpaid.id);
  assert.notEqual(renewed.checkout.session, unpaid.checkout.session);
  assert.match(renewed.checkout.client_secret, /^[\w-]+\.[\w-]+$/);
  assert.equal((await lezai.orders.close(unpaid.id)).status, "closed");
  const paid = await lezai.orders.create(newOrder());
  await gateway.shopper(paid, "pay");
  await lezai.orders.void(paid.id);
  await until(() => lezai.orders.find(paid.id), "voided");
});

test("lists are walked page by page, and events are redelivered", PATIENCE, async () => {
  const made = [];
  for (let count = 0; count < 5; count += 1) made.push(await lezai.orders.create(newOrder()));
  const walked = [];
  for await (const order of lezai.orders.all({ limit: 2 })) walked.push(order.id);
  assert.deepEqual(walked.slice(0, 5), made.map((it) => it.id).reverse());

  await gateway.shopper(made[0], "pay");
  const types = [];
  for await (const event of lezai.events.all({ limit: 2, type: "order.paid" })) types.push(event.type);
  assert.ok(types.length > 0 && types.every((it) => it === "order.paid"), String(types));

  const [event] = (await lezai.events.list({ type: "order.paid", limit: 1 })).data;
  const again = await lezai.events.redeliver(event.id);
  assert.equal(again.id, event.id);
  assert.equal((await lezai.events.find(event.id)).id, event.id);
  const range = { from: new Date(Date.now() - 60_000).toISOString(), to: new Date().toISOString() };
  assert.equal((await lezai.events.redeliverRange(range)).object, "redelivery");
});

test("the gateway's test of a receiver passes with this package", PATIENCE, async () => {
  const { gatewayKey, webhookSecret } = credentials(gateway);
  for (const keys of [{ gatewayKey, merchant: MERCHANT }, { webhookSecret }, { gatewayKey, webhookSecret }]) {
    let callbacks;
    const tried = await startReceiver((it) =>
      callbacks.verify(it).then(
        () => 200,
        () => 401,
      ),
    );
    callbacks = new Callbacks({ url: tried.url, ...keys });
    const report = await lezai.events.test(tried.url);
    assert.ok(report.passed, JSON.stringify(report));
    await tried.stop();
  }
});

test("a callback is verified from a web Request", PATIENCE, async () => {
  const { gatewayKey } = credentials(gateway);
  const order = await lezai.orders.create(newOrder({ notify_url: receiver.url }));
  await lezai.orders.close(order.id);
  const { headers, body } = await receiver.next((it) => typeOf(it) === "order.closed");
  const callbacks = new Callbacks({ url: "https://elsewhere.example/", gatewayKey, merchant: MERCHANT });
  // Behind a proxy, a request's own address is not the one that was signed: it is not looked at.
  const request = new Request("http://10.0.0.7/", { method: "POST", headers, body });
  assert.equal((await callbacks.verify(request, receiver.url)).data.order.id, order.id);
});

test("the gateway's key is fetched by its thumbprint", PATIENCE, async () => {
  const { keys } = await (await fetch(`${gateway.origin}/.well-known/jwks.json`)).json();
  assert.equal((await fetchGatewayKey(gateway.origin, keys[0].kid)).trim(), credentials(gateway).gatewayKey);
  await assert.rejects(fetchGatewayKey(gateway.origin, "A".repeat(43)), {
    name: "Misuse",
    message: /thumbprint/,
  });
});

async function until(find, status) {
  for (;;) {
    const order = await find();
    if (order.status === status) return order;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
