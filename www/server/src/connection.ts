/** Signed requests and verified answers, for every call. */
import { type BodyDigest, Exchange, type KeyRing, type MerchantKey } from "./core.ts";
import { Misuse, Problem, type ProblemDetails, Refused, Unreachable } from "./errors.ts";
import { keyRing, merchantKey, originOf } from "./keys.ts";
import { pauseMs, retryAfterMs, sleep } from "./retry.ts";

/** Longer than the gateway needs for anything; afterwards it is unknown what the gateway did. */
const TIMEOUT_MS = 10_000;
/** The limit of attempts and waits together, so that a shopper who waits for the page gets an answer. */
const PATIENCE_MS = 30_000;
/** Four attempts wait some three seconds in all. */
const TRIES = 4;
/** No answer of the gateway is that large: a page of a list ends before 768 KiB. */
const MAX_ANSWER = 4 << 20;
/** The accepted form: visible ASCII without characters that a quoted string must escape. */
const IDEMPOTENCY_KEY = /^(?=[!-~]{1,255}$)[^"\\,;]*$/;

export interface ConnectionOptions {
  /** The gateway's origin, such as `https://pay.example`. */
  gateway: string;
  /** The name under which your public key is registered. */
  keyId: string;
  /** Your private key, P-256, in PKCS#8 PEM. Never put it into a page. */
  privateKey: string;
  /** The gateway's public key in PEM, which verifies answers; two while it rotates its key. */
  gatewayKey: string | readonly string[];
  /** Milliseconds for one attempt; 10,000 if absent. */
  timeoutMs?: number;
  /** Milliseconds for all attempts of a call together; 30,000 if absent. */
  patienceMs?: number;
  /** The number of attempts; 4 if absent, 1 for no retries. */
  tries?: number;
  /** For a proxy or a test; the global one if absent. */
  fetch?: typeof fetch;
}

/** The caller's options for one call. */
export interface CallOptions {
  /** The same for every repeat of the same request; generated if absent. */
  idempotencyKey?: string;
  /** Aborts the call. It is then unknown what the gateway did. */
  signal?: AbortSignal;
}

/** The request of a call. */
export interface Asked extends CallOptions {
  query?: object | undefined;
  content?: object | undefined;
}

export class Connection {
  readonly #origin: URL;
  readonly #keyId: string;
  readonly #key: MerchantKey;
  readonly #trusted: KeyRing;
  readonly #timeout_ms: number;
  readonly #patience_ms: number;
  readonly #tries: number;
  readonly #fetch: typeof fetch;

  constructor(options: ConnectionOptions) {
    this.#origin = originOf(options.gateway);
    if (!options.keyId)
      throw new Misuse("keyId is needed: the name under which your public key is registered");
    this.#keyId = options.keyId;
    this.#key = merchantKey(options.privateKey);
    this.#trusted = keyRing(options.gatewayKey);
    this.#timeout_ms = options.timeoutMs ?? TIMEOUT_MS;
    this.#patience_ms = options.patienceMs ?? PATIENCE_MS;
    this.#tries = options.tries ?? TRIES;
    this.#fetch = options.fetch ?? ((...asked) => fetch(...asked));
  }

  get<T>(path: string, asked: Asked = {}): Promise<T> {
    return this.#call("GET", path, asked, undefined);
  }

  post<T>(path: string, asked: Asked = {}): Promise<T> {
    const key = asked.idempotencyKey ?? crypto.randomUUID();
    if (!IDEMPOTENCY_KEY.test(key)) {
      throw new Misuse('idempotencyKey must be 1 to 255 visible ASCII characters, without " \\ , ;');
    }
    return this.#call("POST", path, asked, key);
  }

  /** A PUT is the same request when it is repeated: it needs no key. */
  put<T>(path: string, asked: Asked = {}): Promise<T> {
    return this.#call("PUT", path, asked, undefined);
  }

  /** The body of an answer as it comes. The stream fails at its end if the body is not the one that was signed. */
  stream(path: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const url = new URL(`${this.#origin.origin}${path}`);
    return this.#patiently(options.signal, () => this.#open(url, options.signal));
  }

  #call<T>(method: string, path: string, asked: Asked, key: string | undefined): Promise<T> {
    const url = new URL(`${this.#origin.origin}${path}`);
    for (const [name, value] of Object.entries(asked.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    // Serialised once: each attempt signs and sends exactly these bytes.
    const body = new TextEncoder().encode(asked.content === undefined ? "" : JSON.stringify(asked.content));
    return this.#patiently(asked.signal, () => this.#once<T>(method, url, body, key, asked.signal));
  }

  async #patiently<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
    const until = Date.now() + this.#patience_ms;
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt();
      } catch (error) {
        signal?.throwIfAborted();
        const pause = tried < this.#tries ? pauseMs(error, tried, Math.random) : undefined;
        if (pause === undefined || Date.now() + pause > until) throw error;
        await sleep(pause, signal);
      }
    }
  }

  async #once<T>(
    method: string,
    url: URL,
    body: Uint8Array<ArrayBuffer>,
    key: string | undefined,
    outer: AbortSignal | undefined,
  ): Promise<T> {
    const exchange = this.#sign(method, url, key, body);
    try {
      const init = { method, headers: fieldsOf(exchange), ...(body.length > 0 && { body }) };
      const read = async (response: Response) => ({ response, content: await bounded(response, key) });
      const { response, content } = await this.#ask(url, init, key, outer, read);
      const answer = this.#read(exchange, response, content, key);
      if (response.ok) return answer as T;
      throw problem(response, answer, key);
    } finally {
      exchange.free();
    }
  }

  async #open(url: URL, outer: AbortSignal | undefined): Promise<ReadableStream<Uint8Array>> {
    const exchange = this.#sign("GET", url, undefined, new Uint8Array());
    try {
      const init = { method: "GET", headers: fieldsOf(exchange) };
      const response = await this.#ask(url, init, undefined, outer, async (response) => response);
      if (!response.ok || response.body === null) {
        const content = await bounded(response, undefined);
        throw problem(response, this.#read(exchange, response, content, undefined), undefined);
      }
      const fields = [...response.headers].flat();
      const digest = this.#believe(response, undefined, () =>
        exchange.verify_head(response.status, fields, this.#trusted, Date.now()),
      );
      // The caller can abort it as long as it runs.
      const options = outer === undefined ? {} : { signal: outer };
      return response.body.pipeThrough(digested(digest, response.status), options);
    } finally {
      exchange.free();
    }
  }

  #sign(method: string, url: URL, key: string | undefined, body: Uint8Array<ArrayBuffer>): Exchange {
    // A nonce is accepted once, so each attempt is signed anew.
    return new Exchange(
      this.#key,
      this.#keyId,
      method,
      url.host,
      url.pathname,
      url.search.slice(1),
      key,
      body,
      Date.now(),
      crypto.randomUUID(),
    );
  }

  #read(exchange: Exchange, response: Response, content: Uint8Array, key: string | undefined): unknown {
    const fields = [...response.headers].flat();
    this.#believe(response, key, () =>
      exchange.verify(response.status, fields, content, this.#trusted, Date.now()),
    );
    return JSON.parse(new TextDecoder().decode(content));
  }

  #believe<T>(response: Response, key: string | undefined, verify: () => T): T {
    try {
      return verify();
    } catch (error) {
      const why = (error as Error).message;
      // A proxy in front of a broken or busy gateway signs nothing.
      if (response.status >= 500 || response.status === 429) {
        throw new Unreachable(`status ${response.status}, unsigned`, key, error);
      }
      throw new Refused(why, response.status, key);
    }
  }

  /** Asks, and reads the answer as far as `read` does, within the time of one attempt. */
  async #ask<T>(
    url: URL,
    init: RequestInit,
    key: string | undefined,
    outer: AbortSignal | undefined,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const stop = () => controller.abort(outer?.reason);
    const timer = setTimeout(
      () => controller.abort(new Error(`none within ${this.#timeout_ms} ms`)),
      this.#timeout_ms,
    );
    if (outer?.aborted) stop();
    outer?.addEventListener("abort", stop, { once: true });
    try {
      const response = await this.#fetch(url, { ...init, redirect: "error", signal: controller.signal });
      return await read(response);
    } catch (error) {
      if (error instanceof Refused) throw error;
      const { cause, message } = error as Error;
      throw new Unreachable(cause instanceof Error ? `${message}: ${cause.message}` : message, key, error);
    } finally {
      clearTimeout(timer);
      outer?.removeEventListener("abort", stop);
    }
  }
}

/** The header fields of a request. */
function fieldsOf(exchange: Exchange): [string, string][] {
  // The digest of an answer is over the bytes as sent.
  return [...pairs(exchange.fields()), ["accept-encoding", "identity"]];
}

function problem(response: Response, answer: unknown, key: string | undefined): Problem {
  const wait = retryAfterMs(response.headers.get("retry-after"), Date.now());
  return new Problem(answer as ProblemDetails, wait, key);
}

/** Passes bytes on, and fails at their end unless they are those that were signed. */
function digested(digest: BodyDigest, status: number): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(piece, controller) {
      digest.update(piece);
      controller.enqueue(piece);
    },
    flush() {
      try {
        digest.verify();
      } catch (error) {
        throw new Refused((error as Error).message, status, undefined);
      }
    },
  });
}

/** Names and values in turn, as pairs. */
function pairs(flat: string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]);
}

/** Reads the body up to its bound, which no answer of the gateway exceeds. */
async function bounded(response: Response, key: string | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { value, done } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MAX_ANSWER) {
      await reader.cancel();
      throw new Refused(`the answer is larger than ${MAX_ANSWER} bytes`, response.status, key);
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
