/** Loads a module of the core: fetches it, checks its hash, and compiles it. */

import { Misuse, Unreachable } from "../../core/src/errors.ts";
import { limited } from "./abort.ts";

/** A connection that does not bring its few kilobytes in this time is dead, and is tried again. */
const TIMEOUT_MS = 60_000;

/**
 * Loads it from beside this script, or from the gateway if a shop's bundler left it behind: the
 * gateway serves the same bytes.
 *
 * @throws Unreachable if it cannot be fetched, Misuse if this page or browser does not allow it.
 */
export async function load(
  beside: URL,
  file: string,
  integrity: string,
  gateway: string,
): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === "undefined") {
    throw new Misuse(
      "wasm_missing",
      "this browser has no WebAssembly; send the shopper to checkout.url instead",
    );
  }
  const bytes =
    (await fetched(beside, integrity)) ??
    (await fetched(new URL(`/checkout/v1/${file}`, gateway), integrity));
  if (!bytes) throw new Unreachable();
  try {
    // Streaming compilation needs a media type that not every shop's server sends.
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw new Misuse(
      "wasm_forbidden",
      `WebAssembly could not be started; a Content-Security-Policy needs 'wasm-unsafe-eval' in its script-src (${error})`,
    );
  }
}

async function fetched(url: URL, integrity: string): Promise<ArrayBuffer | undefined> {
  const { signal, release } = limited(TIMEOUT_MS);
  try {
    const response = await fetch(url, { integrity, signal, referrerPolicy: "no-referrer" });
    return response.ok ? await response.arrayBuffer() : undefined;
  } catch {
    // No network, or bytes with another hash.
    return undefined;
  } finally {
    release();
  }
}
