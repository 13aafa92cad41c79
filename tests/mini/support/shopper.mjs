/** A shopper in a mini-program: a checkout of the built package over a double, and what it shows. */
import { alipay } from "./alipay.mjs";
import { douyin, wechat } from "./double.mjs";
import { realm } from "./realm.mjs";

export const PLATFORMS = /** @type {Record<string, { double: any, method: string }>} */ ({
  wechat: { double: wechat, method: "wechat_jsapi" },
  alipay: { double: alipay, method: "alipay_mini" },
  douyin: { double: douyin, method: "douyin_mini" },
});

/**
 * @param {string} name
 * @param {{ origin: string, order: any, quirks?: object, kept?: Map<string, string>, without?: string[], macrotask?: boolean, secret?: string, wasm?: string, core?: (world: any) => unknown }} options
 */
export function open(
  name,
  {
    origin,
    order,
    quirks = {},
    kept = new Map(),
    without = [],
    macrotask = false,
    secret,
    wasm = "/lezai/lezai.wasm.br",
    core,
  },
) {
  const { double } = /** @type {any} */ (PLATFORMS[name]);
  const host = double({ origin, quirks, kept });
  const world = realm(
    { ...host.globals, setTimeout: host.setTimeout, clearTimeout: host.clearTimeout },
    { without, macrotask },
  );
  const own = world.load(`${name}.js`);
  const shared = world.load("lezai.js");
  const chosen = core && { core: core(world) };
  if (name === "alipay") {
    own.configure({
      ...chosen,
      entropy: async (/** @type {number} */ length) => Buffer.from(host.random(length)).toString("base64url"),
    });
  } else {
    own.configure({ wasm, ...chosen });
  }
  const told = /** @type {any[]} */ ([]);
  const shown = /** @type {any[]} */ ([]);
  const waiting = new Set();
  const mounted = shared.mount(
    own.platform(),
    {
      gateway: origin,
      session: order.checkout.session,
      client_secret: secret ?? order.checkout.client_secret,
    },
    (/** @type {any} */ { v }) => {
      shown.push(v);
      for (const wait of waiting) wait();
    },
    (/** @type {string} */ type, /** @type {object} */ detail) => told.push({ type, ...detail }),
  );
  const now = () => shown.at(-1) ?? { at: "nothing" };
  return {
    host,
    world,
    mounted,
    told,
    shown,
    now,
    /** @param {string} at @param {number} [patience_ms] */
    at: (at, patience_ms = 60_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`${name} is at ${now().at}, not ${at}: ${JSON.stringify(now())}`));
        }, patience_ms);
        const look = () => {
          if (now().at !== at) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(now());
        };
        waiting.add(look);
        look();
      }),
    close: () => {
      mounted.end();
      host.stop();
    },
  };
}
