/**
 * The page's origin, as the browser sends it to the gateway in `Origin`: the only source for it. In a frame
 * with `srcdoc` it is the origin of the page around it, unlike `location.origin`. An opaque origin, as
 * of a sandboxed frame, is empty here as in the gateway.
 */
export function ownOrigin(): string {
  return globalThis.origin === "null" ? "" : globalThis.origin;
}

/** The origin of an address, or nothing if it is invalid. `URL.canParse` is newer than the promised browsers. */
export function originOf(address: string): string | undefined {
  try {
    return new URL(address).origin;
  } catch {
    return undefined;
  }
}
