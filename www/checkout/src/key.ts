/** The page's own key: generated here, bound to one session, and deleted with it. */
import type { Core } from "./core.ts";
import type { Kept, P256, Sign } from "./p256.ts";

export interface Key {
  jwk: { kty: "EC"; crv: "P-256"; x: string; y: string };
  /** RFC 7638. */
  thumbprint: string;
  sign: Sign;
}

export async function openKey(core: Core, p256: P256, kept: Kept): Promise<Key> {
  const { x, y, sign } = await p256.open(kept);
  return { jwk: { kty: "EC", crv: "P-256", x, y }, thumbprint: core.thumbprint(x, y), sign };
}
