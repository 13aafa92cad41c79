/**
 * What a page must not forget when it is reloaded: its key, which gateway it trusts, and what is
 * needed to claim the session. Kept in IndexedDB, where a key can stay that no script can read.
 */

import type { Kept } from "./p256.ts";

/** All that is kept of one session. */
export interface Memory {
  session: string;
  /** The page's key. */
  key: Kept;
  /** The thumbprint of the gateway's key (RFC 7638). */
  gateway: string;
  /** Claims the session; dropped once that is done. */
  secret?: string;
  /** Milliseconds since the epoch. */
  made_at: number;
}

/** Databases belong to the website, so the name is one that a shop has no use for. */
const DATABASE = "lezai-checkout";
const STORE = "sessions";
/** No session lives longer; what is older is deleted. */
const KEEP_MS = 2 * 24 * 3600 * 1000;
/** Some browsers never answer when storage is off; the payment does not wait for them. */
const PATIENCE_MS = 2_000;

/** What is known of a session; nothing where the browser keeps nothing. */
export async function recall(session: string): Promise<Memory | undefined> {
  return within(() => run("readonly", (store) => store.get(session)));
}

/** A new key never takes the place of one that is kept: that one may have claimed the session. */
export async function remember(memory: Memory, isNew = false): Promise<void> {
  await within(() => run("readwrite", (store) => (isNew ? store.add(memory) : store.put(memory))));
}

/** Deletes what no session can need any more. */
export async function forgetOld(now_ms: number): Promise<void> {
  await within(() =>
    run("readwrite", (store) => {
      const walk = store.openCursor();
      walk.onsuccess = () => {
        const cursor = walk.result;
        if (!cursor) return;
        if ((cursor.value as Memory).made_at < now_ms - KEEP_MS) cursor.delete();
        cursor.continue();
      };
      return walk;
    }),
  );
}

function run<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "session" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      try {
        const transaction = database.transaction(STORE, mode, { durability: "strict" });
        const request = act(transaction.objectStore(STORE));
        transaction.oncomplete = () => {
          database.close();
          resolve(request.result);
        };
        transaction.onabort = () => {
          database.close();
          reject(transaction.error);
        };
      } catch (error) {
        // A database of this name that is not ours has no such store.
        database.close();
        reject(error);
      }
    };
  });
}

/** What the storage was asked when it fell silent, until it answers. */
let pending: Promise<unknown> | undefined;

/**
 * Waits for the storage in so far as it answers. Once it was silent, it is asked what follows only when it has answered, and
 * nobody waits for that: a slow disk keeps the key all the same.
 */
async function within<T>(work: () => Promise<T>): Promise<T | undefined> {
  if (pending) {
    fallSilent(pending.then(work, work));
    return undefined;
  }
  const asked = work();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      fallSilent(asked);
      resolve(undefined);
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([asked, patience]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function fallSilent(asked: Promise<unknown>): void {
  const answered = () => {
    if (pending === asked) pending = undefined;
  };
  pending = asked;
  asked.then(answered, answered);
}
