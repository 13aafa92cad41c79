/** Keys and secrets as configuration has them. */
import { KeyRing, MerchantKey, PublicKey, startCore, verify_webhook } from "./core.ts";
import { Misuse } from "./errors.ts";

export function merchantKey(text: string): MerchantKey {
  const pem = asPem("privateKey", text, "PRIVATE KEY");
  startCore();
  try {
    return new MerchantKey(pem);
  } catch (error) {
    throw new Misuse(
      `privateKey must be a P-256 key in PKCS#8 PEM ("-----BEGIN PRIVATE KEY-----"): ${(error as Error).message}`,
    );
  }
}

/** The trusted keys of the gateway: one, or two while it rotates its key. */
export function keyRing(texts: string | readonly string[]): KeyRing {
  const pems = [texts].flat().map((text) => asPem("gatewayKey", text, "PUBLIC KEY"));
  if (pems.length === 0) throw new Misuse("gatewayKey is needed: the list has no key");
  startCore();
  const ring = new KeyRing();
  for (const pem of pems) {
    try {
      ring.add(PublicKey.from_pem(pem));
    } catch (error) {
      throw new Misuse(
        `gatewayKey must be a P-256 key in PEM ("-----BEGIN PUBLIC KEY-----"): ${(error as Error).message}`,
      );
    }
  }
  return ring;
}

/**
 * PEM as environments and configuration files have it: in quotes, indented, on one line, or with
 * `\\n` written out. The core parses its content.
 */
function asPem(option: string, text: unknown, label: string): string {
  if (typeof text !== "string" || text.trim() === "") {
    const what = typeof text === "string" ? "it is empty" : `it is ${text === null ? "null" : typeof text}`;
    throw new Misuse(
      `${option} is needed, as the text of a PEM ("-----BEGIN ${label}-----"): ${what}. Is its environment variable set?`,
    );
  }
  const lines = text.replace(/\\r|\\n|\r|\n/g, "\n");
  if (option === "privateKey" && lines.includes("BEGIN EC PRIVATE KEY")) {
    throw new Misuse(
      "privateKey is in SEC 1 (BEGIN EC PRIVATE KEY), and PKCS#8 is needed: openssl pkcs8 -topk8 -nocrypt -in key.pem -out key-pkcs8.pem",
    );
  }
  const [, found, content] = /-----BEGIN ([A-Z ]+)-----([^-]*)-----END \1-----/.exec(lines) ?? [];
  if (found === undefined || content === undefined) return text;
  const base64 = content.replace(/\s/g, "").replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${found}-----\n${base64}\n-----END ${found}-----\n`;
}

/** A secret without white space and quotes of a file or an environment. The core validates it. */
export function webhookSecretOf(text: string): string {
  const secret = String(text)
    .trim()
    .replace(/^(["'])(.*)\1$/, "$2");
  startCore();
  try {
    verify_webhook(secret, "", "0", "", new Uint8Array(), 0);
  } catch (error) {
    // Nothing was signed, so of a secret it says that no signature fits.
    if (/^not a webhook secret/.test((error as Error).message)) {
      throw new Misuse('webhookSecret must be "whsec_" and 24 to 64 bytes in base64');
    }
  }
  return secret;
}

/** An http or https address without path, query or user. */
export function originOf(gateway: string): URL {
  const url = URL.canParse(gateway) ? new URL(gateway) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new Misuse(`gateway must be an origin such as https://pay.example, not "${gateway}"`);
  }
  return url;
}
