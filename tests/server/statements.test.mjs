/** Statements: asked for, downloaded as a stream that is verified to its last byte, and planned. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { startGateway } from "../browser/support/gateway.mjs";
import { eventually } from "../browser/support/patience.mjs";
import { lezaiAt, newOrder } from "./support/shop.mjs";

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

async function read(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("a statement is a stream that fails unless all of it was signed", async () => {
  const lezai = lezaiAt(gateway);
  const from = (await lezai.balances.get()).at;
  for (let count = 0; count < 2; count += 1) {
    await gateway.shopper(await lezai.orders.create(newOrder()), "pay");
  }
  await gateway.advance(60);
  const to = (await lezai.balances.get()).at;
  await gateway.advance(60);
  const asked = { type: "orders.1", format: "csv", from, to, columns: ["reference", "net"] };
  const made = await lezai.statements.create(asked);
  assert.equal(made.state, "making");
  let statement = made;
  await eventually(async () => {
    statement = await lezai.statements.find(made.id);
    return statement.state === "ready";
  }, "the statement is made");
  const bytes = await read(await lezai.statements.content(made.id));
  const digest = createHash("sha256").update(bytes).digest("base64");
  assert.equal(statement.content.digest, `sha-256=:${digest}:`);
  assert.equal(bytes.length, statement.content.bytes);
  assert.ok(bytes.toString().startsWith("reference,net,record,note\r\n"));
  const first = await lezai.statements.all().next();
  assert.equal(first.value.id, made.id);

  for (const [change, expected] of [
    [(body) => body, undefined],
    [(body) => body.subarray(0, -1), { name: "Refused" }],
    [(body) => Buffer.concat([body.subarray(0, -1), Buffer.from(" ")]), { name: "Refused" }],
  ]) {
    const forging = lezaiAt(gateway, {
      fetch: async (...asked) => {
        const { status, headers, ...response } = await fetch(...asked).then(async (it) => ({
          status: it.status,
          headers: it.headers,
          body: Buffer.from(await it.arrayBuffer()),
        }));
        return new Response(change(response.body), { status, headers });
      },
    });
    const stream = await forging.statements.content(made.id);
    if (expected === undefined) assert.deepEqual(await read(stream), bytes);
    else await assert.rejects(read(stream), expected);
  }
  const nobody = `stm_${"0".repeat(32)}`;
  await assert.rejects(lezai.statements.content(nobody), { name: "Problem", code: "statement_not_found" });
});

test("a plan is put under a name of the merchant's own", async () => {
  const { statementPlans } = lezaiAt(gateway);
  const plan = { type: "account.1", format: "jsonl", period: "month", zone: "Asia/Shanghai" };
  const put = await statementPlans.put("monthly", plan);
  assert.deepEqual([put.name, put.status, put.period], ["monthly", "on", "month"]);
  assert.deepEqual(await statementPlans.put("monthly", plan), put);
  assert.deepEqual(await statementPlans.find("monthly"), put);
  assert.deepEqual(await statementPlans.list(), [put]);
  await assert.rejects(async () => statementPlans.put("Monthly/..", plan), { name: "Misuse" });
  await assert.rejects(statementPlans.find("weekly"), { code: "statement_plan_not_found" });
});
