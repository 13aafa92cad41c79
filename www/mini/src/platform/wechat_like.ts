/** The common part of WeChat's and Douyin's interfaces: Douyin's is modelled on WeChat's. */
import type { Module } from "../../../core/src/call.ts";
import { caller, type Instantiated } from "../../../core/src/module.ts";
import {
  type Answered,
  type Ask,
  flat,
  headers,
  type Outcome,
  type Platform,
  promised,
} from "../platform.ts";

/** The members that both `wx` and `tt` have, as both document them. */
export interface Api {
  getRandomValues(option: { length: number } & Outcome<{ randomValues: ArrayBuffer }>): void;
  request(
    option: {
      url: string;
      method: "GET" | "POST";
      header: Record<string, string>;
      data?: ArrayBuffer | undefined;
      dataType: string;
      responseType: "arraybuffer";
      timeout: number;
    } & Outcome<{ statusCode: number; header: object; data: unknown }>,
  ): unknown;
  getStorage(option: { key: string } & Outcome<{ data: unknown }>): unknown;
  setStorage(option: { key: string; data: string } & Outcome<unknown>): unknown;
  removeStorage(option: { key: string } & Outcome<unknown>): unknown;
}

export interface Wasm {
  instantiate(path: string, imports: Record<string, never>): Promise<unknown>;
}

/** The time limit of a request, which is then repeated. */
const TIMEOUT_MS = 15_000;

export async function load(wasm: Wasm | undefined, path: string): Promise<Module> {
  if (wasm === undefined) throw new Error("this version of the app runs no WebAssembly");
  const instantiated = await wasm.instantiate(path, {});
  const call = caller(instantiated as Instantiated);
  return { call: async (bytes) => call(bytes) };
}

export function random(api: Pick<Api, "getRandomValues">, length: number): Promise<Uint8Array> {
  return promised<{ randomValues: ArrayBuffer }>((outcome) =>
    api.getRandomValues(Object.assign(outcome, { length })),
  ).then(({ randomValues }) => new Uint8Array(randomValues));
}

export function request(api: Pick<Api, "request">, { method, url, header, body }: Ask): Promise<Answered> {
  return promised<{ statusCode: number; header: object; data: unknown }>((outcome) =>
    api.request({
      url,
      method,
      header: headers(header),
      data: body && (body.slice().buffer as ArrayBuffer),
      // Neither parsed nor decoded: the bytes are verified as received.
      dataType: "arraybuffer",
      responseType: "arraybuffer",
      timeout: TIMEOUT_MS,
      success: outcome.success,
      fail: outcome.fail,
    }),
  ).then(({ statusCode, header, data }) => ({
    status: statusCode,
    header: flat(header),
    body: new Uint8Array(data as ArrayBuffer),
  }));
}

export function storage(api: Pick<Api, "getStorage" | "setStorage" | "removeStorage">): Platform["storage"] {
  return {
    read: (key) =>
      promised<{ data: unknown }>((outcome) => api.getStorage(Object.assign(outcome, { key }))).then(
        ({ data }) => (typeof data === "string" ? data : undefined),
        () => undefined,
      ),
    write: (key, data) =>
      promised<unknown>((outcome) => api.setStorage(Object.assign(outcome, { key, data }))).then(
        nothing,
        nothing,
      ),
    remove: (key) =>
      promised<unknown>((outcome) => api.removeStorage(Object.assign(outcome, { key }))).then(
        nothing,
        nothing,
      ),
  };
}

/** An app's storage is a convenience: a payment must work without it. */
function nothing(): void {}
