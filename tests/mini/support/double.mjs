/**
 * Doubles of the three hosts, written from what their platforms document, with switches for what is
 * known to differ between versions and tools. They are no proof that a device does the same: docs/mini.md
 * calls what they show `simulated`.
 */
import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { built, wasm } from "./paths.mjs";

/**
 * @typedef {object} Quirks
 * @property {"instance" | "both" | "returned error" | "missing" | "fails"} [wasm]  What `instantiate` gives.
 * @property {"good" | "zeros" | "short" | "repeated" | "same" | "late" | "fails"} [random]
 * @property {boolean} [parsed]  `request` parses JSON although it was told not to.
 * @property {boolean} [offline]
 * @property {(answer: { status: number, header: Record<string, string>, body: Buffer }) => void} [tamper]
 * @property {"pays" | "cancels" | "fails" | "lies"} [cashier]  What the shopper and the platform do.
 * @property {string} [language]
 * @property {boolean} [forgets]  Nothing is kept.
 * @property {boolean} [old]  A base library before 2.20.1: no `getAppBaseInfo`.
 *
 * Of the realm and not of the host is one more: `macrotask` of `open` in shopper.mjs.
 */

/**
 * A host says which member it lacks, where a real one would only say `undefined is not a function`.
 *
 * @template {object} T
 * @param {string} name
 * @param {T} host
 * @returns {T}
 */
export function strict(name, host) {
  return new Proxy(host, {
    get: (members, member) => {
      if (typeof member === "string" && !(member in members))
        throw new Error(`the double of ${name} lacks ${member}`);
      return Reflect.get(members, member);
    },
  });
}

/** Between these lie the component's waits: its clock's ticks, and from one look at the order to the next. */
const PASSING_LEAST_MS = 1_000;
const PASSING_MOST_MS = 10_000;

/**
 * The abilities of every double, whatever its platform calls them.
 *
 * @param {{ origin: string, quirks?: Quirks, kept?: Map<string, string> }} options
 */
export function device({ origin, quirks = {}, kept = new Map() }) {
  /** @type {Uint8Array | undefined} */
  let before;
  const timers = /** @type {Map<any, { act: () => void, ms: number }>} */ (new Map());
  /** Requests and cashiers that are under way. */
  let busy = 0;
  const counted = async (/** @type {() => Promise<any>} */ act) => {
    busy += 1;
    try {
      return await act();
    } finally {
      busy -= 1;
    }
  };
  const asked = /** @type {{ url: string, body: Buffer | undefined }[]} */ ([]);
  const cashier = /** @type {any[]} */ ([]);
  const later = (/** @type {() => void} */ act, ms = 1) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.set(timer, { act, ms });
    return timer;
  };
  return {
    quirks,
    kept,
    asked,
    cashier,
    later,
    setTimeout: later,
    clearTimeout: (/** @type {any} */ timer) => {
      clearTimeout(timer);
      timers.delete(timer);
    },
    stop: () => {
      for (const timer of timers.keys()) clearTimeout(timer);
    },

    /** Waits until nothing is under way, and no timer is left but those that wait for time to pass. */
    async settled() {
      const short = () => [...timers.values()].some(({ ms }) => ms < PASSING_LEAST_MS);
      // A callback's consequences begin in a later turn.
      for (let quiet = 0; quiet < 5; quiet = busy > 0 || short() ? 0 : quiet + 1)
        await new Promise((resolve) => setTimeout(resolve, 2));
    },

    /** Time passes: what waits for some seconds happens now. */
    pass() {
      for (const [timer, { act, ms }] of [...timers]) {
        if (ms < PASSING_LEAST_MS || ms > PASSING_MOST_MS || !timers.delete(timer)) continue;
        clearTimeout(timer);
        act();
      }
    },

    /** @param {string} path @param {unknown} imports */
    async instantiate(path, imports) {
      if (typeof path !== "string") throw new TypeError("instantiate takes a path in the package");
      if (!path.startsWith("/")) throw new Error(`no such file: pages/checkout/${path}`);
      if (!/\.wasm(\.br)?$/.test(path)) throw new Error("not a wasm file");
      if (quirks.wasm === "fails") throw new Error("instantiate failed");
      if (quirks.wasm === "returned error") return new Error("instantiate failed");
      const bytes = path.endsWith(".br")
        ? brotliDecompressSync(readFileSync(built("lezai.wasm.br")))
        : wasm();
      const both = await WebAssembly.instantiate(bytes, /** @type {any} */ (imports));
      return quirks.wasm === "instance" ? both.instance : both;
    },

    /** @param {number} length @returns {Uint8Array} */
    random(length) {
      const bytes = randomFillSync(new Uint8Array(quirks.random === "short" ? length - 1 : length));
      if (quirks.random === "zeros") bytes.fill(0);
      if (quirks.random === "repeated") for (let i = 32; i < length; i += 1) bytes[i] = bytes[i % 32];
      if (quirks.random === "same" && before) bytes.set(before);
      before = bytes.slice();
      return bytes;
    },

    /** @param {{ url: string, method: string, header: Record<string, string>, body: Buffer | undefined }} request */
    request: ({ url, method, header, body }) =>
      counted(async () => {
        asked.push({ url, body });
        if (quirks.offline) throw new Error("request:fail");
        const response = await fetch(url, {
          method,
          headers: header,
          ...(body && { body: new Uint8Array(body) }),
        });
        const answer = {
          status: response.status,
          // Platforms write names as they like.
          header: Object.fromEntries([...response.headers].map(([name, value]) => [title(name), value])),
          body: Buffer.from(await response.arrayBuffer()),
        };
        quirks.tamper?.(answer);
        return answer;
      }),

    /** The shopper before the platform's cashier. @param {any} parameters @param {string} attempt */
    pay: (parameters, attempt) =>
      counted(async () => {
        cashier.push(parameters);
        const act = { pays: "approve", cancels: undefined, fails: undefined, lies: undefined }[
          quirks.cashier ?? "pays"
        ];
        if (act) {
          const response = await fetch(`${origin}/sandbox/wallet/${attempt}/${act}`, {
            method: "POST",
            redirect: "manual",
          });
          if (response.status >= 400) throw new Error(`the wallet says ${response.status}`);
        }
        return quirks.cashier ?? "pays";
      }),
  };
}

/**
 * The doubles have the types of what the adapters use, and the adapters' are held against the platforms' own
 * typings (www/mini/typings): a member that either lacks fails to compile.
 *
 * @typedef {import("../../../www/mini/src/platform/wechat.ts").WechatHost} WechatHost
 * @typedef {import("../../../www/mini/src/platform/douyin.ts").DouyinHost} DouyinHost
 * @typedef {import("../../../www/mini/src/platform/wechat_like.ts").Api} Api
 */

/** @param {Parameters<typeof device>[0]} options */
export function wechat(options) {
  const own = device(options);
  const info = () => ({ language: own.quirks.language ?? "zh_CN" });
  /** @type {WechatHost["wx"]} */
  const wx = {
    ...like(own),
    getSystemInfoSync: info,
    getAppBaseInfo: own.quirks.old ? undefined : info,
    requestPayment: ({ success, fail, ...parameters }) => {
      own.pay(parameters, parameters.package.replace("prepay_id=", "")).then(
        (said) => {
          if (said === "cancels") fail({ errMsg: "requestPayment:fail cancel" });
          else if (said === "fails") fail({ errMsg: "requestPayment:fail system error" });
          else success({ errMsg: "requestPayment:ok" });
        },
        (error) => fail({ errMsg: String(error) }),
      );
    },
  };
  return {
    ...own,
    globals: {
      wx: strict("wx", wx),
      ...(own.quirks.wasm !== "missing" && { WXWebAssembly: { instantiate: own.instantiate } }),
    },
  };
}

/** @param {Parameters<typeof device>[0]} options */
export function douyin(options) {
  const own = device(options);
  /** @type {DouyinHost["tt"]} */
  const tt = {
    ...like(own),
    pay: ({ orderInfo, service, success, fail }) => {
      if (service !== 5) throw new Error("service must be 5");
      own.pay({ orderInfo, service }, orderInfo.order_id).then(
        (said) =>
          said === "fails" ? fail({ errMsg: "pay:fail" }) : success({ code: said === "cancels" ? 4 : 0 }),
        (error) => fail({ errMsg: String(error) }),
      );
    },
  };
  return {
    ...own,
    globals: {
      tt: strict("tt", tt),
      ...(own.quirks.wasm !== "missing" && { TTWebAssembly: { instantiate: own.instantiate } }),
    },
  };
}

/** The common part of `wx` and `tt`. @param {ReturnType<typeof device>} own @returns {Api} */
function like(own) {
  return {
    getRandomValues: (/** @type {any} */ { length, success, fail }) => {
      if (own.quirks.random === "late") return;
      own.later(() => {
        if (own.quirks.random === "fails") fail({ errMsg: "getRandomValues:fail" });
        else success({ randomValues: own.random(length).buffer, errMsg: "getRandomValues:ok" });
      });
    },
    request: (/** @type {any} */ { url, method, header, data, dataType, responseType, success, fail }) => {
      const body =
        data &&
        Buffer.from(
          typeof data === "string"
            ? data
            : data instanceof ArrayBuffer || Object.prototype.toString.call(data) === "[object ArrayBuffer]"
              ? new Uint8Array(data)
              : JSON.stringify(data),
        );
      const raw = responseType === "arraybuffer" && !own.quirks.parsed;
      own
        .request({
          url,
          method: method ?? "GET",
          header: data && !header ? { "content-type": "application/json" } : (header ?? {}),
          body,
        })
        .then(
          ({ status, header, body }) =>
            success({
              statusCode: status,
              header,
              data: raw
                ? new Uint8Array(body).buffer
                : dataType === "text"
                  ? body.toString()
                  : JSON.parse(body.toString()),
            }),
          (error) => fail({ errMsg: `request:fail ${error}` }),
        );
    },
    getStorage: (/** @type {any} */ { key, success, fail }) => {
      const data = own.quirks.forgets ? undefined : own.kept.get(key);
      own.later(() =>
        data === undefined ? fail({ errMsg: "getStorage:fail data not found" }) : success({ data }),
      );
    },
    setStorage: (/** @type {any} */ { key, data, success, fail }) => {
      own.kept.set(key, data);
      own.later(() => (own.quirks.forgets ? fail({ errMsg: "setStorage:fail" }) : success({})));
    },
    removeStorage: (/** @type {any} */ { key, success }) => {
      own.kept.delete(key);
      own.later(() => success({}));
    },
  };
}

const title = (/** @type {string} */ name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
