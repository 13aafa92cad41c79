/**
 * The memory of a page across reloads: its key, the gateway that it trusts, and the secret that claims the
 * session. It is stored in IndexedDB, which can hold a key that no script can read. If the browser stores
 * nothing, it lives as long as the document: after a reload the page has another key, and
 * claims the session again, which the gateway allows while no payment is under way.
 */

import type { Kept } from "./p256.ts";

/** The stored record of one session. */
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

/** Databases belong to the website, so the name is one that a shop does not use. */
const DATABASE = "lezai-checkout";
const STORE = "sessions";
/** No session lives longer; older records are deleted. */
const KEEP_MS = 2 * 24 * 3600 * 1000;
/** Some browsers never answer when storage is off; the payment does not wait for them. */
const PATIENCE_MS = 2_000;

/** More than one document shows at once; a till's document that lives for days keeps the last ones. */
const HERE_MOST = 100;

/** Sessions that the browser did not store, oldest first. */
const here = new Map<string, Memory>();

/** The stored facts of a session. */
export async function recall(session: string): Promise<Memory | undefined> {
  return (await within(() => run("readonly", (store) => store.get(session)))) ?? here.get(session);
}

export async function remember(memory: Memory): Promise<void> {
  if (here.has(memory.session)) here.set(memory.session, memory);
  await within(() => run("readwrite", (store) => store.put(memory)));
}

/**
 * Stores a session's record unless there is one, and returns the stored record. It is one transaction,
 * so two elements or windows that open a session at the same time have one key.
 */
export async function rememberFirst(memory: Memory): Promise<Memory> {
  let first = memory;
  const kept = await within(() =>
    run("readwrite", (store) => {
      const known = store.get(memory.session);
      known.onsuccess = () => {
        if (known.result) first = known.result;
        else store.put(memory);
      };
      return known;
    }).then(() => first),
  );
  if (kept) return kept;
  const known = here.get(memory.session);
  if (known) return known;
  for (const oldest of here.keys()) {
    if (here.size < HERE_MOST) break;
    here.delete(oldest);
  }
  here.set(memory.session, memory);
  return memory;
}

/** Deletes records that no session can need any more. */
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
        // A foreign database of this name has no such store.
        database.close();
        reject(error);
      }
    };
  });
}

/** The request that the storage has not answered yet. */
let pending: Promise<unknown> | undefined;

/**
 * Waits for the storage while it answers. After it was silent once, further requests follow only when it has
 * answered, and nothing waits for them: a slow disk still stores the key.
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
