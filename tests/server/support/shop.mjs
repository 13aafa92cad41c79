/** A merchant's server for the tests: the package by its name, the demo merchant's keys, a receiver. */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const npm = createRequire(new URL("../../../www/package.json", import.meta.url));
export const {
  Callbacks,
  Forged,
  Lezai,
  LezaiError,
  Misuse,
  Problem,
  Refused,
  Unreachable,
  fetchGatewayKey,
  reconcile,
} = await import(pathToFileURL(npm.resolve("@lezai/server")).href);

export const MERCHANT = "m_demo";

/** The demo merchant's credentials, from the gateway's folder. */
export function credentials({ origin, data }) {
  const read = (name) => readFileSync(join(data, name), "utf8").trim();
  return {
    gateway: origin,
    keyId: "demo-1",
    privateKey: read("demo-merchant.pem"),
    gatewayKey: read("gateway-public.pem"),
    webhookSecret: read("demo-webhook-secret"),
  };
}

export function lezaiAt(gateway, changes = {}) {
  const { webhookSecret: _, ...options } = credentials(gateway);
  return new Lezai({ ...options, ...changes });
}

/** Keys that nobody has registered. */
export const otherKeys = () =>
  generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

let numbers = 0;
export function newOrder(changes = {}) {
  numbers += 1;
  const merchant_order_id = `S-${process.pid}-${numbers}`;
  return { merchant_order_id, amount: 12800, currency: "CNY", description: "Jasmine tea", ...changes };
}

/** Receives requests as they come and keeps them; `answer` says with which status. */
export async function startReceiver(answer = async () => 200) {
  const received = [];
  const waiting = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const delivery = { method: request.method, headers: request.headers, body: Buffer.concat(chunks) };
    response.statusCode = await answer(delivery);
    response.end();
    received.push(delivery);
    for (const wake of waiting.splice(0)) wake();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}/callbacks?shop=3`,
    received,
    /** The first delivery that fits. */
    async next(fits = () => true) {
      for (;;) {
        const found = received.find(fits);
        if (found) return found;
        await new Promise((resolve) => waiting.push(resolve));
      }
    },
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The type of a delivered event; nothing of what is no event, such as a body that a test cut off. */
export const typeOf = (delivery) => {
  try {
    return JSON.parse(delivery.body).type;
  } catch {
    return undefined;
  }
};
