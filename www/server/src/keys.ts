/** Keys as configuration has them: PEM. */
import { KeyRing, MerchantKey, PublicKey, startCore } from "./core.ts";
import { Misuse } from "./errors.ts";

export function merchantKey(pem: string): MerchantKey {
  startCore();
  try {
    return new MerchantKey(pem);
  } catch (error) {
    throw new Misuse(
      `privateKey is no P-256 key in PKCS#8 PEM ("-----BEGIN PRIVATE KEY-----"): ${(error as Error).message}`,
    );
  }
}

/** The gateway's keys that are trusted: one, or two while it changes its key. */
export function keyRing(pems: string | readonly string[]): KeyRing {
  startCore();
  const ring = new KeyRing();
  for (const pem of [pems].flat()) {
    try {
      ring.add(PublicKey.from_pem(pem));
    } catch (error) {
      throw new Misuse(
        `gatewayKey is no P-256 key in PEM ("-----BEGIN PUBLIC KEY-----"): ${(error as Error).message}`,
      );
    }
  }
  return ring;
}

/** An http or https address without path, query or user. */
export function originOf(gateway: string): URL {
  const url = URL.canParse(gateway) ? new URL(gateway) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new Misuse(`gateway must be an origin such as https://pay.example, not "${gateway}"`);
  }
  return url;
}
