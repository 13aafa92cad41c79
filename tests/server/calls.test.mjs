/** Every call that the gateway describes for a merchant's server is one of the package, and arrives. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { BINARY, startGateway } from "../browser/support/gateway.mjs";
import { lezaiAt, newOrder } from "./support/shop.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

test("no call of the document is missing", PATIENCE, async () => {
  const text = execFileSync(BINARY, ["openapi"], { encoding: "utf8", maxBuffer: 1 << 26 });
  const described = Object.entries(JSON.parse(text).paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, call]) => (call.security ?? []).some((it) => "merchant" in it))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  assert.ok(described.includes("POST /v1/orders"));

  const sent = new Set();
  const nothing = async (url, { method }) => {
    const path = new URL(url).pathname
      .replace(/\b[a-z]{2,4}_[0-9a-f]{32}\b/, "{id}")
      .replace(/(?<=statement_plans\/).*/, "{name}");
    sent.add(`${method} ${path}`);
    throw new TypeError("fetch failed");
  };
  const lezai = lezaiAt(gateway, { fetch: nothing, tries: 1 });
  const { orders, refunds, events, balances, receivers, splits, payouts, settlements } = lezai;
  const { fxQuotes, mandates, payoutBatches } = lezai;
  const { statements, statementPlans } = lezai;
  const id = `ord_${"0".repeat(32)}`;
  for (const call of [
    orders.create(newOrder()),
    orders.list(),
    orders.find(id),
    orders.renewSession(id),
    orders.close(id),
    orders.capture(id),
    orders.charge(id, { code: "990000000000000001" }),
    orders.void(id),
    orders.refund(id, { merchant_refund_id: "R-1" }),
    orders.refunds(id),
    refunds.find(id),
    refunds.findByNumber("R-1"),
    events.list(),
    events.find(id),
    events.redeliver(id),
    events.redeliverRange({}),
    events.test(),
    balances.get(),
    fxQuotes.create({ from_currency: "USD", to_currency: "CNY", lock_duration: "hour" }),
    fxQuotes.list(),
    fxQuotes.find(id),
    receivers.register({ name: "courier", kind: "company" }),
    receivers.list(),
    receivers.find(id),
    receivers.remove(id),
    splits.create(id, { merchant_split_id: "S-1", shares: [{ receiver: "courier", amount: 1 }] }),
    splits.list(id),
    splits.finish(id),
    splits.giveBack(id, { merchant_return_id: "T-1", receiver: "courier", amount: 1 }),
    mandates.create({
      merchant_mandate_id: "M-1",
      description: "Tea",
      max_amount: 5000,
      currency: "CNY",
      expires_at: "2027-11-18T08:00:00Z",
    }),
    mandates.list(),
    mandates.find(id),
    mandates.revoke(id),
    mandates.debit(id, { merchant_order_id: "D-1", amount: 1, currency: "CNY", description: "Tea" }),
    payouts.create({
      merchant_payout_id: "P-1",
      amount: 100,
      currency: "CNY",
      destination: { kind: "bank_account", account: "6222020200112233445" },
    }),
    payouts.list(),
    payouts.find(id),
    payouts.cancel(id),
    payoutBatches.create({
      merchant_payout_batch_id: "B-1",
      currency: "CNY",
      total_amount: 100,
      total_count: 1,
      items: [{ merchant_payout_id: "P-2", amount: 100, destination: { kind: "wallet", account: "tea" } }],
    }),
    payoutBatches.list(),
    payoutBatches.find(id),
    payoutBatches.payouts(id).next(),
    settlements.list(),
    settlements.open(),
    settlements.find(id),
    settlements.lines(id).next(),
    settlements.contracts(),
    statements.create({ type: "orders.1", format: "csv", from: "2026-03-01", to: "2026-04-01" }),
    statements.list(),
    statements.find(id),
    statements.content(id),
    statementPlans.put("monthly", { type: "account.1", format: "csv", period: "month" }),
    statementPlans.find("monthly"),
    statementPlans.list(),
  ]) {
    await assert.rejects(call, { name: "Unreachable" });
  }
  assert.deepEqual([...sent].sort(), described.sort());
});

test("balances are those of now, of a moment and of a receiver", PATIENCE, async () => {
  const lezai = lezaiAt(gateway);
  const order = await lezai.orders.create(newOrder());
  const before = await lezai.balances.get();
  const { at } = before;
  // Later than that moment, however fast all this is.
  await gateway.advance(1);
  await gateway.shopper(order, "pay");
  const pending = ({ data }) => data.find((it) => it.account === "pending")?.amount ?? 0;
  // Other tests may have been paid before this one.
  assert.ok(pending(await lezai.balances.get()) > pending(before));
  assert.equal(pending(await lezai.balances.get({ at })), pending(before));
  const tea = await lezai.balances.get({ receiver: "tea" });
  assert.deepEqual([tea.object, pending(tea)], ["balances", 0]);
});

test("a number that was sent before with other content is named in the error", PATIENCE, async () => {
  const lezai = lezaiAt(gateway);
  const asked = newOrder();
  const order = await lezai.orders.create(asked);
  await assert.rejects(lezai.orders.create({ ...asked, amount: 1 }), {
    name: "Problem",
    code: "idempotency_key_reused",
    message: new RegExp(
      `the merchant_order_id "${asked.merchant_order_id}" was sent before with other content.*orders\\.findByNumber`,
    ),
  });
  // Of a key of the caller's own, the gateway's words are right.
  const own = { idempotencyKey: `order-${asked.merchant_order_id}` };
  await assert.rejects(lezai.orders.create({ ...asked, amount: 1 }, own), {
    code: "idempotency_key_reused",
    message: /^(?!.*findByNumber)/,
  });
  await gateway.shopper(order, "pay");
  const refund = { merchant_refund_id: `R-${order.id}`, amount: 100, currency: "CNY" };
  await lezai.orders.refund(order.id, refund);
  await assert.rejects(lezai.orders.refund(order.id, { ...refund, amount: 200 }), {
    message: /the merchant_refund_id "R-ord_.*" was sent before.*refunds\.findByNumber/,
  });
});

test(
  "the gateway's largest page is accepted, and a larger answer is refused without a retry",
  PATIENCE,
  async () => {
    const metadata = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`k${at}`, "茶".repeat(200)]));
    const lezai = lezaiAt(gateway);
    for (let count = 0; count < 70; count += 1) await lezai.orders.create(newOrder({ metadata }));
    const page = await lezai.orders.list({ limit: 100 });
    assert.ok(page.has_more, "the page ended early");
    assert.ok(JSON.stringify(page).length > 200_000);

    let asked = 0;
    const flooded = lezaiAt(gateway, {
      fetch: async () => {
        asked += 1;
        return new Response(new Uint8Array((4 << 20) + 1));
      },
    });
    await assert.rejects(flooded.orders.list(), { name: "Refused", message: /larger than 4194304 bytes/ });
    assert.equal(asked, 1);
  },
);
