/** A double of Alipay's host: its Worker is a realm of its own that has neither `my` nor the app's memory. */
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { device, strict } from "./double.mjs";
import { built } from "./paths.mjs";

/** @param {Parameters<typeof device>[0] & { quirks?: { worker?: "missing" | "silent" } }} options */
export function alipay(options) {
  const own = device(options);
  const quirks = /** @type {any} */ (own.quirks);
  /** @type {import("../../../www/mini/src/platform/alipay.ts").AlipayHost["my"]} */
  const my = {
    createWorker: (/** @type {string} */ path) => {
      if (quirks.worker === "missing" || path !== "workers/lezai.js") return undefined;
      return worker(own, quirks);
    },
    request: (/** @type {any} */ { url, method, headers, data, dataType, success, fail }) => {
      own
        .request({ url, method: method ?? "GET", header: headers ?? {}, body: data && Buffer.from(data) })
        .then(
          ({ status, header, body }) => {
            const content =
              dataType === "arraybuffer" ? new Uint8Array(body).buffer : JSON.parse(body.toString());
            success({ status, headers: header, data: content });
          },
          (error) => fail({ error: 12, errorMessage: String(error) }),
        );
    },
    // A key that is not there is no failure: the data is null.
    getStorage: (/** @type {any} */ { key, success }) =>
      own.later(() => success({ data: own.kept.get(key) ?? null })),
    setStorage: (/** @type {any} */ { key, data, success }) => {
      own.kept.set(key, data);
      own.later(() => success({}));
    },
    removeStorage: (/** @type {any} */ { key, success }) => {
      own.kept.delete(key);
      own.later(() => success({}));
    },
    tradePay: (/** @type {any} */ { tradeNO, success, fail }) => {
      own.pay({ tradeNO }, tradeNO).then(
        (said) =>
          said === "fails"
            ? fail({ error: 2 })
            : success({ resultCode: said === "cancels" ? "6001" : "9000" }),
        (error) => fail({ errorMessage: String(error) }),
      );
    },
    getSystemInfoSync: () => ({ language: own.quirks.language ?? "zh-Hans" }),
  };
  return { ...own, globals: { my: strict("my", my) } };
}

/** @param {ReturnType<typeof device>} own @param {any} quirks */
function worker(own, quirks) {
  const heard = /** @type {Record<"app" | "worker", ((message: any) => void)[]>} */ ({ app: [], worker: [] });
  // Messages are copied, and come later.
  const post = (/** @type {"app" | "worker"} */ to) => (/** @type {any} */ message) => {
    if (to === "worker" && quirks.worker === "silent") return;
    const copy = JSON.stringify(message);
    own.later(() => {
      for (const hear of heard[to]) hear(JSON.parse(copy));
    });
  };
  const realm = createContext({
    worker: { onMessage: (/** @type {any} */ hear) => heard.worker.push(hear), postMessage: post("app") },
    ...(quirks.wasm !== "missing" && { MYWebAssembly: { instantiate: own.instantiate } }),
  });
  runInContext(readFileSync(built("package/worker.js"), "utf8"), realm);
  return {
    onMessage: (/** @type {any} */ hear) => heard.app.push(hear),
    postMessage: post("worker"),
    terminate: () => {},
  };
}
