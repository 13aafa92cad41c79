/** When @lezai/server sends a request again, and that it is one payment's worth of work all the same. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "../browser/support/gateway.mjs";
import { lezaiAt, newOrder } from "./support/shop.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

/** A client whose first tries meet trouble on the way, and what it sent. */
function troubled(troubles, options = {}) {
  const sent = [];
  const lezai = lezaiAt(gateway, {
    ...options,
    fetch: async (url, init) => {
      const { "idempotency-key": key, signature } = Object.fromEntries(init.headers);
      sent.push({ key, signature, body: init.body && Buffer.from(init.body).toString() });
      const trouble = troubles[sent.length - 1];
      return trouble ? trouble(url, init) : fetch(url, init);
    },
  });
  return { lezai, sent };
}

/** The package's waits between tries, which take no time here. One for an answer is longer than any of them. */
function waits(context) {
  const asked = [];
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (act, ms, ...rest) => {
    // Node's own fetch has timers, too.
    const [, , caller] = new Error().stack.split("\n");
    if (!caller.includes("/www/server/dist/") || ms >= 10_000) return real(act, ms, ...rest);
    asked.push(ms);
    return real(act, 0);
  };
  context.after(() => {
    globalThis.setTimeout = real;
  });
  return asked;
}

const lostOnTheWay = () => Promise.reject(new TypeError("fetch failed"));
const answerLost = async (url, init) => {
  await fetch(url, init);
  throw new TypeError("fetch failed");
};
const proxyFails = async () => new Response("<h1>Bad gateway</h1>", { status: 502 });

test(
  "a lost answer is requested again with the same key and body, signed anew: one order",
  PATIENCE,
  async (context) => {
    const waited = waits(context);
    const { lezai, sent } = troubled([lostOnTheWay, answerLost, proxyFails]);
    const asked = newOrder();
    const order = await lezai.orders.create(asked);
    assert.equal(order.merchant_order_id, asked.merchant_order_id);
    assert.equal(sent.length, 4);
    assert.equal(new Set(sent.map((it) => it.key)).size, 1);
    assert.equal(new Set(sent.map((it) => it.body)).size, 1);
    assert.equal(new Set(sent.map((it) => it.signature)).size, 4);
    assert.equal((await lezai.orders.list({ merchant_order_id: asked.merchant_order_id })).data.length, 1);
    assert.equal(waited.length, 3);
    for (const [index, most] of [250, 500, 1_000].entries()) {
      assert.ok(waited[index] >= most / 2 && waited[index] <= most, String(waited));
    }
  },
);

test("the same order made again after a crash is the same order", PATIENCE, async () => {
  const asked = newOrder();
  const first = await lezaiAt(gateway).orders.create(asked);
  const again = await lezaiAt(gateway).orders.create(asked);
  assert.deepEqual(again, first);
});

test("attempts are bounded, and the error carries the key", PATIENCE, async () => {
  const { lezai, sent } = troubled([lostOnTheWay, lostOnTheWay, lostOnTheWay, lostOnTheWay], { tries: 3 });
  await assert.rejects(lezai.orders.create(newOrder(), { idempotencyKey: "mine" }), {
    name: "Unreachable",
    retry: "same_key",
    idempotencyKey: "mine",
  });
  assert.equal(sent.length, 3);
});

test("a request that cannot succeed is not retried", PATIENCE, async () => {
  const { lezai, sent } = troubled([]);
  await assert.rejects(lezai.orders.create(newOrder({ currency: "XXX" })), { name: "Problem" });
  assert.equal(sent.length, 1);
});

test("an answer that never comes times out", PATIENCE, async () => {
  const never = (_url, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { lezai, sent } = troubled([never, never], { timeoutMs: 100, tries: 2 });
  await assert.rejects(lezai.orders.list(), { name: "Unreachable", message: /none within 100 ms/ });
  assert.equal(sent.length, 2);
});

test("a call ends before an attempt that would exceed its patience", PATIENCE, async () => {
  const { lezai, sent } = troubled([lostOnTheWay, lostOnTheWay, lostOnTheWay], { patienceMs: 200 });
  await assert.rejects(lezai.orders.list(), { name: "Unreachable" });
  assert.ok(sent.length < 3, String(sent.length));
});

test("the caller can give up", PATIENCE, async () => {
  const controller = new AbortController();
  const lostAndGivenUp = () => {
    // A turn later, which is in the wait for the next try.
    setImmediate(() => controller.abort());
    return lostOnTheWay();
  };
  const { lezai, sent } = troubled([lostAndGivenUp, lostOnTheWay, lostOnTheWay, lostOnTheWay]);
  await assert.rejects(lezai.orders.list({}, { signal: controller.signal }), { name: "AbortError" });
  assert.equal(sent.length, 1);
});

test("Retry-After is obeyed when calls come too fast", PATIENCE, async (context) => {
  const few = await startGateway(["--merchant-rate", "1"]);
  try {
    const waited = waits(context);
    const asked = [];
    const lezai = lezaiAt(few, {
      tries: 2,
      fetch: async (url, init) => {
        const answer = await fetch(url, init);
        if (answer.status === 429) asked.push(Number(answer.headers.get("retry-after")) * 1_000);
        return answer;
      },
    });
    // On a slow machine a second may lie between the two, and then neither is refused.
    while (asked.length === 0) await Promise.allSettled([lezai.orders.list(), lezai.orders.list()]);
    assert.ok(asked[0] >= 1_000, String(asked));
    assert.equal(waited[0], asked[0]);
  } finally {
    await few.stop();
  }
});
