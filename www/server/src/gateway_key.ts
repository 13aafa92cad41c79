/** The gateway's public key, fetched once, when a shop's server is set up. */
import { PublicKey, startCore } from "./core.ts";
import { Misuse, Unreachable } from "./errors.ts";
import { originOf } from "./keys.ts";

const JWKS_PATH = "/.well-known/jwks.json";
const TIMEOUT_MS = 10_000;

/**
 * Fetches the gateway's public key, and returns it only if it has this thumbprint (RFC
 * 7638). Get the thumbprint over another way than the network, such as from the operator. Returns PEM
 * to store.
 *
 * @throws Misuse if the gateway has no such key, Unreachable if it does not answer
 */
export async function fetchGatewayKey(gateway: string, thumbprint: string): Promise<string> {
  startCore();
  let set: { keys: { x: string; y: string }[] };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(new URL(JWKS_PATH, originOf(gateway)), { redirect: "error", signal });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    set = await answer.json();
  } catch (error) {
    if (error instanceof Misuse) throw error;
    throw new Unreachable((error as Error).message, undefined, error);
  }
  for (const { x, y } of set.keys ?? []) {
    try {
      // The key's name in the set is not trusted: its thumbprint is computed.
      const key = PublicKey.from_jwk(x, y);
      if (key.thumbprint() === thumbprint) return key.pem();
    } catch {
      // Not a P-256 key, so not the one.
    }
  }
  throw new Misuse(
    `${gateway} has no key with the thumbprint ${thumbprint}: is this the gateway that was meant?`,
  );
}
