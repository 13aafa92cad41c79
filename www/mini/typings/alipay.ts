/**
 * Fails to compile when the adapter uses a member of `my` that Alipay's own typings lack. Two are
 * documented and not in the typings, and stand here by name: `onMessage` of a Worker, and the second
 * argument of `createWorker`.
 */
import type { AlipayHost, AlipayWorker, AppEvents } from "../src/platform/alipay.ts";

type Typed = Omit<AlipayHost["my"], "createWorker"> & {
  createWorker(path: string): Omit<AlipayWorker, "onMessage">;
};

export const host: Typed = my;
export const events: AppEvents = my;
