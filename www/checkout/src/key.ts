/** The page's own key: made here, bound to one session, gone with it. */
import type { Core } from "./core.ts";
import type { Memory } from "./memory.ts";

export interface Key {
  jwk: { kty: "EC"; crv: "P-256"; x: string; y: string };
  /** RFC 7638. */
  thumbprint: string;
  /** r and s, 32 bytes each. */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A new key that cannot be read by any script where WebCrypto is there; it is not on plain HTTP. */
export async function newKey(): Promise<Memory["key"]> {
  return crypto.subtle
    ? crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"])
    : crypto.getRandomValues(new Uint8Array(32));
}

export async function openKey(core: Core, stored: Memory["key"]): Promise<Key> {
  if (stored instanceof Uint8Array) {
    const key = new core.PageKey(stored);
    const [x = "", y = ""] = key.coordinates();
    return named(core, x, y, async (message) => key.sign(message));
  }
  const { x = "", y = "" } = await crypto.subtle.exportKey("jwk", stored.publicKey);
  return named(
    core,
    x,
    y,
    async (message) => new Uint8Array(await crypto.subtle.sign(ALGORITHM, stored.privateKey, message)),
  );
}

function named(core: Core, x: string, y: string, sign: Key["sign"]): Key {
  const key = new core.PublicKey(x, y);
  const thumbprint = key.thumbprint();
  key.free();
  return { jwk: { kty: "EC", crv: "P-256", x, y }, thumbprint, sign };
}
