/** Everything that a checkout needs of its platform. */
import type { Module } from "../../core/src/call.ts";
import type { Core } from "./core.ts";

export interface Ask {
  method: "GET" | "POST";
  url: string;
  /** Names and values in turn. */
  header: string[];
  /** Sent as it is. */
  body: Uint8Array | undefined;
}

export interface Answered {
  status: number;
  /** Lowercase names and values in turn. */
  header: string[];
  /** As it arrived. */
  body: Uint8Array;
}

/** The platform's result of a payment. None of it is proof: the gateway is queried. */
export type Hint = "success" | "cancelled" | "unknown";

export interface Platform {
  name: "wechat" | "alipay" | "douyin";
  /** The gateway's method that works here. */
  method: string;
  /** Whether a page's key is made of the device's own bytes, or of bytes from the shop's server. */
  entropy: "device" | "server";
  load(): Promise<Module>;
  /** Makes the core over the module, if the app chose another than `Core`. */
  core?: ((module: Module) => Core) | undefined;
  random(length: number): Promise<Uint8Array>;
  /** Rejects if there was no answer. */
  request(ask: Ask): Promise<Answered>;
  storage: {
    read(key: string): Promise<string | undefined>;
    write(key: string, value: string): Promise<void>;
    remove(key: string): Promise<void>;
  };
  /** Never rejects: the cashier's result is only a hint. */
  pay(parameters: Record<string, unknown>): Promise<Hint>;
  /** BCP 47. */
  language(): string;
  /** Calls back later; returns a function that cancels it. */
  after(ms: number, act: () => void): () => void;
}

/** Timers of the host, which a realm may lack under `globalThis`. */
export interface Timers {
  setTimeout(act: () => void, ms: number): unknown;
  clearTimeout(timer: never): void;
}

export function after({ setTimeout, clearTimeout }: Timers): Platform["after"] {
  return (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer as never);
  };
}

/** Headers in the platforms' form: an object with names in any case. */
export function flat(header: unknown): string[] {
  const list: string[] = [];
  for (const [name, value] of Object.entries((header ?? {}) as Record<string, unknown>)) {
    list.push(name.toLowerCase(), Array.isArray(value) ? value.join(", ") : String(value));
  }
  return list;
}

export function headers(list: string[]): Record<string, string> {
  const header: Record<string, string> = {};
  for (let i = 0; i < list.length; i += 2) header[list[i] as string] = list[i + 1] as string;
  return header;
}

/** The member's text, if it is one. */
export function word(parameters: Record<string, unknown>, name: string): string {
  const value = parameters[name];
  if (typeof value !== "string" || value === "") throw new Error(`the parameter ${name} is missing`);
  return value;
}

/** How all three platforms answer. */
export interface Outcome<T> {
  success(result: T): void;
  fail(error: unknown): void;
}

export function promised<T>(call: (outcome: Outcome<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    // A promise that the call returns as well is ignored.
    call({ success: resolve, fail: (error) => reject(new Error(reason(error))) });
  });
}

export function reason(error: unknown): string {
  const { errMsg, errorMessage } = (error ?? {}) as { errMsg?: unknown; errorMessage?: unknown };
  return String(errMsg ?? errorMessage ?? error);
}
