/**
 * Alipay. Its WebAssembly runs only in a Worker, which has no `my`, and it documents no source of
 * randomness. So the module is called by messages, and a page's key is made of random bytes that the shop's
 * server sends, as it sends the client secret: an attacker who reads one can read the other. That is
 * weaker than a key that only this device ever had, and `entropy` says so.
 */
import { hex, text, unbase64url, unhex } from "../../../core/src/bytes.ts";
import type { Module } from "../../../core/src/call.ts";
import {
  type Answered,
  after,
  flat,
  headers,
  type Outcome,
  type Platform,
  promised,
  type Timers,
  word,
} from "../platform.ts";

/** As documented; the typings lack `onMessage` and the second argument of `createWorker`. */
export interface AlipayWorker {
  postMessage(message: Record<string, unknown>): void;
  onMessage(heard: (message: Record<string, unknown>) => void): void;
  terminate(): void;
}

/** Versions name status and header differently; some have both names. */
interface Answer {
  status?: number;
  statusCode?: number;
  headers?: object;
  header?: object;
  data: unknown;
}

export interface AlipayHost extends Timers {
  my: {
    createWorker(path: string, option?: { useExperimentalWorker: boolean }): AlipayWorker | undefined;
    request(
      option: {
        url: string;
        method: "GET" | "POST";
        headers: Record<string, string>;
        data?: string | undefined;
        dataType: "arraybuffer";
        timeout: number;
      } & Outcome<Answer>,
    ): unknown;
    getStorage(option: { key: string } & Outcome<{ data: unknown }>): unknown;
    setStorage(option: { key: string; data: string } & Outcome<unknown>): unknown;
    removeStorage(option: { key: string } & Outcome<unknown>): unknown;
    tradePay(option: { tradeNO: string } & Outcome<{ resultCode: string }>): unknown;
    getSystemInfoSync(): { language?: string };
  };
}

/** Events of the app for a component: its page has none for it. */
export interface AppEvents {
  onAppShow(heard: () => void): void;
  offAppShow(heard: () => void): void;
  onAppHide(heard: () => void): void;
  offAppHide(heard: () => void): void;
}

export interface AlipayOptions {
  /** The Worker's script, as `app.json` names it. */
  worker: string;
  /** The module's absolute path in the package. */
  wasm: string;
  /** Requests random bytes of this length from the shop's server, in base64url. */
  entropy: ((length: number) => Promise<string>) | undefined;
}

const TIMEOUT_MS = 15_000;
/** The time limit of a Worker's answer. */
const WORKER_MS = 20_000;

/** Result codes of `my.tradePay`. Even 9000 does not prove a payment. */
const CODES: Record<string, "success" | "cancelled"> = { 9000: "success", 6001: "cancelled" };

export function alipay(host: AlipayHost, options: AlipayOptions): Platform {
  const { my } = host;
  const later = after(host);
  return {
    name: "alipay",
    method: "alipay_mini",
    entropy: "server",
    load: () => inWorker(host, options, later),
    random: async (length) => {
      if (options.entropy === undefined)
        throw new Error("configure needs entropy: a function that gets random bytes from the shop's server");
      return unbase64url(await options.entropy(length)) ?? new Uint8Array(0);
    },
    request: ({ method, url, header, body }) =>
      promised<Answer>((outcome) =>
        my.request({
          url,
          method,
          headers: headers(header),
          data: body && text(body),
          dataType: "arraybuffer",
          timeout: TIMEOUT_MS,
          success: outcome.success,
          fail: outcome.fail,
        }),
      ).then(
        (answer): Answered => ({
          status: answer.status ?? answer.statusCode ?? 0,
          header: flat(answer.headers ?? answer.header),
          body: new Uint8Array(answer.data as ArrayBuffer),
        }),
      ),
    storage: {
      read: (key) =>
        promised<{ data: unknown }>((outcome) => my.getStorage(Object.assign(outcome, { key }))).then(
          ({ data }) => (typeof data === "string" ? data : undefined),
          () => undefined,
        ),
      write: (key, data) =>
        promised<unknown>((outcome) => my.setStorage(Object.assign(outcome, { key, data }))).then(
          nothing,
          nothing,
        ),
      remove: (key) =>
        promised<unknown>((outcome) => my.removeStorage(Object.assign(outcome, { key }))).then(
          nothing,
          nothing,
        ),
    },
    pay: async (parameters) => {
      try {
        const tradeNO = word(parameters, "tradeNO");
        const { resultCode } = await promised<{ resultCode: string }>((outcome) =>
          my.tradePay(Object.assign(outcome, { tradeNO })),
        );
        return CODES[String(resultCode)] ?? "unknown";
      } catch {
        return "unknown";
      }
    },
    language: () => (my.getSystemInfoSync().language ?? "zh-CN").replace("_", "-"),
    after: later,
  };
}

function nothing(): void {}

/** @throws if the module does not start there: a later error could not be told from one of the core's. */
async function inWorker(
  { my }: AlipayHost,
  options: AlipayOptions,
  later: Platform["after"],
): Promise<Module> {
  // On iOS, only the experimental Worker has WebAssembly.
  const worker = my.createWorker(options.worker, { useExperimentalWorker: true });
  if (!worker) throw new Error(`there is no Worker ${options.worker}: app.json must name it under workers`);
  const waiting = new Map<number, (message: Record<string, unknown>) => void>();
  let calls = 0;
  worker.onMessage((message) => waiting.get(message.id as number)?.(message));
  const ask = (content: { call?: string }) =>
    new Promise<Uint8Array>((resolve, reject) => {
      const id = ++calls;
      const end = later(WORKER_MS, () => heard({ trouble: "the Worker is silent" }));
      const heard = ({ answer, trouble }: Record<string, unknown>) => {
        end();
        waiting.delete(id);
        if (typeof answer === "string") resolve(unhex(answer));
        else reject(new Error(String(trouble)));
      };
      waiting.set(id, heard);
      worker.postMessage({ lezai: 1, id, wasm: options.wasm, ...content });
    });
  await ask({});
  return { call: (bytes) => ask({ call: hex(bytes) }) };
}
