/**
 * Where this page is, as the browser names it to the gateway in `Origin`: the one source for it. In a frame
 * of `srcdoc` that is the page around it, which `location.origin` does not say. An origin that is opaque, as
 * that of a sandboxed frame, is nothing here as in the gateway.
 */
export function ownOrigin(): string {
  return globalThis.origin === "null" ? "" : globalThis.origin;
}

/** The origin of an address, or nothing where it is none. `URL.canParse` is younger than browsers that we promise. */
export function originOf(address: string): string | undefined {
  try {
    return new URL(address).origin;
  } catch {
    return undefined;
  }
}
