/**
 * P-256 keys: WebCrypto's if there is one, and otherwise the core's own, on plain HTTP
 * and in old browsers. The core's is a module of its own, the one of mini-programs. Only such a page
 * loads it, because it is larger than the rest of the core. Both give the same results for the same vectors
 * (`tests/browser/vectors.test.mjs`).
 */
import { decodeAnswer, encodeCall, type Field } from "../../core/src/call.ts";
import { caller } from "../../core/src/module.ts";
import { load } from "./wasm.ts";

/** Filled in by the build; see `core.ts`. */
declare const P256_FILE: string;
declare const P256_INTEGRITY: string;

/** A private key as the page keeps it: one that no script can read, or 32 secret bytes. */
export type Kept = CryptoKeyPair | Uint8Array;

export interface Coordinates {
  x: string;
  y: string;
}

/** The signature is r and s, 32 bytes each. */
export type Sign = (message: Uint8Array) => Promise<Uint8Array>;
/** False, whatever is wrong with the signature. */
export type Verify = (message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

export interface P256 {
  make(): Promise<Kept>;
  open(kept: Kept): Promise<Coordinates & { sign: Sign }>;
  /** @throws if they are not a point on the curve. */
  verifier(key: Coordinates): Promise<Verify>;
}

/** @throws as `load` if the core's own is needed. */
export async function p256(gateway: string): Promise<P256> {
  return crypto.subtle ? webCrypto : ofTheCore(gateway);
}

/** The module's results are copies outside of its memory, and never in shared memory. */
type Bytes = Uint8Array<ArrayBuffer>;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const webCrypto: P256 = {
  make: () => crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]) as Promise<CryptoKeyPair>,
  async open(kept) {
    const { publicKey, privateKey } = kept as CryptoKeyPair;
    const { x = "", y = "" } = await crypto.subtle.exportKey("jwk", publicKey);
    const sign: Sign = async (message) =>
      new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, message as Bytes));
    return { x, y, sign };
  },
  async verifier({ x, y }) {
    const jwk = { kty: "EC", crv: "P-256", x, y };
    const key = await crypto.subtle.importKey("jwk", jwk, ALGORITHM, false, ["verify"]);
    return (message, signature) => crypto.subtle.verify(ALGORITHM, key, signature as Bytes, message as Bytes);
  },
};

/** The numbers of the core's calls: `crates/core/src/call.rs`. */
const KEY = 1;
const THUMBPRINT = 2;
const SIGNATURE = 7;
const MESSAGE = 8;

async function ofTheCore(gateway: string): Promise<P256> {
  const module = await load(new URL(P256_FILE, import.meta.url), P256_FILE, P256_INTEGRITY, gateway);
  const call = caller(new WebAssembly.Instance(module));
  const ask = (operation: number, ...fields: Field[]) => decodeAnswer(call(encodeCall(operation, fields)));
  return {
    make: async () => crypto.getRandomValues(new Uint8Array(32)),
    async open(kept) {
      const secret = kept as Uint8Array;
      const [x = "", y = ""] = ask(KEY, secret).map((field) => new TextDecoder().decode(field));
      return { x, y, sign: async (message) => ask(MESSAGE, secret, message)[0] as Uint8Array };
    },
    async verifier({ x, y }) {
      ask(THUMBPRINT, x, y);
      return async (message, signature) => {
        try {
          ask(SIGNATURE, x, y, message, signature);
          return true;
        } catch {
          return false;
        }
      };
    },
  };
}
