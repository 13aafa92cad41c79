/** @lezai/server out of its tarball, in Node, Deno and Bun: the same program, the same answers. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { startGateway } from "../browser/support/gateway.mjs";
import { credentials, lezaiAt, MERCHANT, newOrder, startReceiver } from "../server/support/shop.mjs";
import { pack, project } from "./support/project.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
let receiver;
let folder;
before(async () => {
  [gateway, receiver] = await Promise.all([startGateway(), startReceiver()]);
  folder = await project("runtimes", "runtimes", await pack("server"));
}, PATIENCE);
after(async () => {
  await receiver?.stop();
  await gateway?.stop();
});

for (const [name, ...command] of [
  ["Node", process.execPath],
  ["Deno", "deno", "run", "--allow-net", "--node-modules-dir=manual"],
  ["Bun", "bun", "run"],
]) {
  test(name, PATIENCE, async () => {
    const { webhookSecret, ...options } = credentials(gateway);
    const order = await lezaiAt(gateway).orders.create(newOrder({ notify_url: receiver.url }));
    await lezaiAt(gateway).orders.close(order.id);
    const { method, headers, body } = await receiver.next((it) => it.body.includes(order.id));
    const input = {
      options,
      callback: { url: receiver.url, gatewayKey: options.gatewayKey, webhookSecret, merchant: MERCHANT },
      delivery: { method, headers, body: body.toString() },
      order: newOrder(),
    };
    const [program, ...args] = command;
    const path = program.includes("/") ? program : join(folder, "node_modules/.bin", program);
    const { stdout } = await promisify(execFile)(path, [...args, "shop.js", JSON.stringify(input)], {
      cwd: folder,
    });
    assert.equal(stdout, "created order.closed callback_forged\n");
  });
}
