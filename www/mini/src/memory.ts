/**
 * The memory of a payment when the app is closed in the middle of it: the page's key, the
 * gateway that it trusts, and the secret that claims the session. It is in the app's own storage, which
 * no other app can read, and is removed when the payment is over.
 */
import type { Platform } from "./platform.ts";

export interface Memory {
  /** The 32 secret bytes in hex. */
  key: string;
  /** The thumbprint of the gateway's key (RFC 7638). */
  gateway: string;
  /** Claims the session; dropped once that is done. */
  secret?: string;
}

const name = (session: string) => `lezai.${session}`;

export async function recall({ storage }: Platform, session: string): Promise<Memory | undefined> {
  const kept = await storage.read(name(session));
  try {
    const memory = JSON.parse(kept ?? "null") as Memory | null;
    return memory && /^[0-9a-f]{64}$/.test(memory.key) ? memory : undefined;
  } catch {
    return undefined;
  }
}

export function remember({ storage }: Platform, session: string, memory: Memory): Promise<void> {
  return storage.write(name(session), JSON.stringify(memory));
}

export function forget({ storage }: Platform, session: string): Promise<void> {
  return storage.remove(name(session));
}
