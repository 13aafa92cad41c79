/**
 * The core with `@noble/curves` for the arithmetic on the curve: faster where WebAssembly runs without a JIT,
 * as on iOS. The core still composes signature bases, parses messages and checks everything
 * else; noble signs and verifies. It needs BigInt, and the app installs it.
 *
 * Signatures are those of RFC 6979, the same bytes as the core's. While noble signs, the secret is in BigInts,
 * which cannot be wiped; the core wipes its own copies.
 */
import { unbase64url } from "../../core/src/bytes.ts";
import type { Module } from "../../core/src/call.ts";
import { type Asked, Core, type PublicKey } from "./core.ts";

/** The used part of `p256` from `@noble/curves/nist.js`, version 2. */
export interface Noble {
  getPublicKey(secret: Uint8Array, compressed: boolean): Uint8Array;
  sign(message: Uint8Array, secret: Uint8Array, options: { lowS: boolean }): Uint8Array;
  verify(signature: Uint8Array, message: Uint8Array, key: Uint8Array, options: { lowS: boolean }): boolean;
}

/** For `configure`, as its `core`. */
export function withNoble(p256: Noble): (module: Module) => Core {
  return (module) => new CoreWithNoble(module, p256);
}

/** Numbers of the core's calls for external signing and verifying: `crates/core/src/call.rs`. */
const TO_SIGN = 9;
const SIGNED = 10;
const TO_VERIFY = 11;
const VERIFIED = 12;
const GRANT_TO_VERIFY = 13;
const GRANT_VERIFIED = 14;

/** Half of all signatures have a high s, and the RFCs accept both. */
const BOTH = { lowS: false };

class CoreWithNoble extends Core {
  constructor(
    module: Module,
    private readonly p256: Noble,
  ) {
    super(module);
  }

  override async key(entropy: Uint8Array): Promise<PublicKey & { thumbprint: string }> {
    if (entropy.length !== 32 || entropy.every((byte) => byte === entropy[0])) {
      throw new Error("entropy refused: 32 bytes from a secure random source are needed, and these are not");
    }
    const point = this.p256.getPublicKey(entropy, false);
    const [x, y] = [base64url(point.subarray(1, 33)), base64url(point.subarray(33, 65))];
    return { x, y, thumbprint: await this.thumbprint({ x, y }) };
  }

  override async sign(
    secret: Uint8Array,
    keyid: string,
    created_ms: number,
    nonce: string,
    { method, authority, path, header }: Asked,
    body: Uint8Array,
  ): Promise<string[]> {
    const fields = [keyid, `${created_ms}`, nonce, method, authority, path, body, header];
    const [base = new Uint8Array(0)] = await this.ask(TO_SIGN, fields);
    return this.list(SIGNED, [this.p256.sign(base, secret, BOTH), ...fields]);
  }

  override async verify(
    key: PublicKey,
    status: number,
    body: Uint8Array,
    { method, authority, path, header }: Asked,
    answered: string[],
  ): Promise<number> {
    const fields = [`${status}`, body, method, authority, path, header, answered];
    const [base, signature] = await this.ask(TO_VERIFY, fields);
    if (!this.holds(key, base, signature))
      throw new Error("the signature does not verify over the signature base");
    return Number((await this.texts(VERIFIED, fields))[0]);
  }

  override async grant(key: PublicKey, jws: string): Promise<string> {
    const [message, signature] = await this.ask(GRANT_TO_VERIFY, [jws]);
    if (!this.holds(key, message, signature)) throw new Error("the grant was not signed by this gateway");
    return (await this.texts(GRANT_VERIFIED, [jws]))[0] ?? "";
  }

  override async signature(key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<void> {
    if (!this.holds(key, message, signature)) throw new Error("the signature does not verify");
  }

  private holds({ x, y }: PublicKey, message?: Uint8Array, signature?: Uint8Array): boolean {
    const [left, right] = [unbase64url(x), unbase64url(y)];
    if (!left || !right || !message || signature?.length !== 64) return false;
    const point = new Uint8Array(65);
    point[0] = 4;
    point.set(left, 1);
    point.set(right, 33);
    try {
      return this.p256.verify(signature, message, point, BOTH);
    } catch {
      return false;
    }
  }
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Without padding. */
function base64url(bytes: Uint8Array): string {
  let digits = "";
  let bits = 0;
  let held = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    bits = ((bits << 8) | (bytes[i] as number)) & 0x3fff;
    held += 8;
    while (held >= 6) {
      held -= 6;
      digits += ALPHABET.charAt((bits >> held) & 63);
    }
  }
  return held > 0 ? digits + ALPHABET.charAt((bits << (6 - held)) & 63) : digits;
}
