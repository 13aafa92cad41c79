/** The real gateway with its sandbox and demo shop, on free ports and in a folder of its own. */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const BINARY =
  process.env.LEZAI ?? fileURLToPath(new URL("../../../target/release/lezai", import.meta.url));

/**
 * @typedef {object} Gateway
 * @property {string} origin
 * @property {string} shop
 * @property {string} data  Its folder, with keys and the demo merchant's secret.
 * @property {(order?: object) => Promise<any>} create  Creates an order as the demo merchant, with `lezai call`.
 * @property {(order: any) => Promise<any>} renew  Gives the order a new session.
 * @property {(order: any) => Promise<any>} close
 * @property {(order: any) => Promise<any>} read  The order as its merchant sees it.
 * @property {(order: any, act: "pay" | "decline") => Promise<void>} shopper  A shopper's act in the sandbox.
 * @property {(seconds: number) => Promise<void>} advance  Moves the gateway's clock.
 * @property {() => string} log  What the gateway wrote, for when a test wonders.
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string[]} [flags] further arguments of `lezai dev`
 * @returns {Promise<Gateway>}
 */
export async function startGateway(flags = []) {
  const data = mkdtempSync(join(tmpdir(), "lezai-browser-"));
  const listen = flags.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const server = spawn(BINARY, ["dev", ...listen, "--shop", "127.0.0.1:0", "--data-dir", data, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  server.stderr.on("data", (chunk) => {
    log += chunk;
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));

  const banner = /** @type {Record<string, string>} */ ({});
  for await (const line of createInterface({ input: server.stdout })) {
    const [word = "", value = ""] = line.trim().split(/\s+/);
    if (word === "ready") break;
    banner[word] = value;
  }
  const { gateway: origin, shop } = banner;
  if (!origin || !shop) throw new Error(`lezai dev did not start:\n${log}`);
  // Nobody reads what follows; a full pipe would stop the server.
  server.stdout.resume();

  const call = async (/** @type {string} */ path, /** @type {object | undefined} */ body) => {
    const what = body ? ["POST", path, "--data", JSON.stringify(body)] : ["GET", path];
    const args = ["call", ...what, "--gateway", origin];
    const { stdout } = await promisify(execFile)(BINARY, [...args, "--key", join(data, "demo-merchant.pem")]);
    return JSON.parse(stdout.slice(stdout.indexOf("{")));
  };
  let orders = 0;

  return {
    origin,
    shop,
    data,
    create: (order = {}) =>
      call("/v1/orders", {
        merchant_order_id: `T-${++orders}`,
        amount: 12800,
        currency: "CNY",
        description: "Jasmine tea, 100 g",
        return_url: `${shop}/orders.html`,
        ...order,
      }),
    read: ({ id }) => call(`/v1/orders/${id}`, undefined),
    renew: ({ id }) => call(`/v1/orders/${id}/session`, {}),
    close: ({ id }) => call(`/v1/orders/${id}/close`, {}),
    log: () => log,
    advance: async (advance_secs) => {
      const body = JSON.stringify({ advance_secs });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${origin}/sandbox/clock`, { method: "POST", headers, body });
      if (!answer.ok) throw new Error(`clock: ${answer.status} ${await answer.text()}`);
    },
    shopper: async ({ id }, act) => {
      const answer = await fetch(`${origin}/sandbox/orders/${id}/${act}`, { method: "POST" });
      if (!answer.ok) throw new Error(`${act}: ${answer.status} ${await answer.text()}`);
    },
    stop: async () => {
      server.kill("SIGINT");
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  };
}
