/** A module of the core's: fetched, its bytes checked against their hash, and compiled. */
import { Misuse, Unreachable } from "./errors.ts";

/**
 * Loads it from beside this script; where a shop's bundler left it behind, from the gateway, which
 * serves the same bytes.
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
  const response =
    (await fetched(beside, integrity)) ??
    (await fetched(new URL(`/checkout/v1/${file}`, gateway), integrity));
  if (!response) throw new Unreachable();
  try {
    // Not while it streams in: that wants a media type which not every shop's server gives.
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    throw new Misuse(
      "wasm_forbidden",
      `WebAssembly could not be started; a Content-Security-Policy needs 'wasm-unsafe-eval' in its script-src (${error})`,
    );
  }
}

async function fetched(url: URL, integrity: string): Promise<Response | undefined> {
  try {
    const response = await fetch(url, { integrity, referrerPolicy: "no-referrer" });
    return response.ok ? response : undefined;
  } catch {
    // No network, or bytes with another hash.
    return undefined;
  }
}
