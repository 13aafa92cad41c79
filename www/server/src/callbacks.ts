/** Callbacks: verified over the bytes as received, and parsed only then. */
import { type KeyRing, startCore, verify_callback, verify_webhook } from "./core.ts";
import { Forged, Misuse } from "./errors.ts";
import { keyRing, webhookSecretOf } from "./keys.ts";
import type { Callback } from "./types.ts";

/** The largest accepted body. The gateway's callbacks have some 2 KiB. */
const MAX_BODY = 64 * 1024;
/** How long a nonce is remembered: a signature is valid from 30 s before it was made to 300 s after. */
const REMEMBERED_MS = 330_000;
/** Beyond so many deliveries in six minutes, the oldest are forgotten early: 16 MB at most. */
const MOST_REMEMBERED = 100_000;

export interface CallbackOptions {
  /** Your receiver's public address, as you gave it in `notify_url`. */
  url: string;
  /** The gateway's public key in PEM; two while it rotates its key. */
  gatewayKey?: string | readonly string[];
  /** Your webhook secret, `whsec_…`. */
  webhookSecret?: string;
  /** Your merchant id. Needed without a secret, because the gateway's key signs for every merchant. */
  merchant?: string;
}

/** A callback as a server without web requests has it, such as Node's `http` or Express. */
export interface Received {
  /** `POST` if absent. */
  method?: string | undefined;
  /** An object as Node's, or names with values: `Headers` of any implementation, a `Map`, a list of pairs. */
  headers: Iterable<readonly [string, string]> | Record<string, string | readonly string[] | undefined>;
  /** The bytes as received, before any parsing. */
  body: Uint8Array | ArrayBuffer | string;
}

/** Verifies the callbacks of one address. Create one and keep it: it remembers the deliveries that it accepted. */
export class Callbacks {
  readonly #url: URL;
  readonly #keys: KeyRing | undefined;
  readonly #secret: string | undefined;
  readonly #merchant: string | undefined;
  /** Nonces and when to forget them; oldest first. */
  readonly #taken = new Map<string, number>();

  /** @throws Misuse if an option is wrong; the message says which, and what is right */
  constructor({ url, gatewayKey, webhookSecret, merchant }: CallbackOptions) {
    if (gatewayKey === undefined && webhookSecret === undefined) {
      throw new Misuse(
        "gatewayKey or webhookSecret is needed: without either, anybody could tell you that an order is paid",
      );
    }
    if (webhookSecret === undefined && merchant === undefined) {
      throw new Misuse("merchant is needed beside gatewayKey: the gateway's key signs for every merchant");
    }
    startCore();
    this.#url = receiverAt(url);
    this.#keys = gatewayKey === undefined ? undefined : keyRing(gatewayKey);
    this.#secret = webhookSecret === undefined ? undefined : webhookSecretOf(webhookSecret);
    this.#merchant = merchant;
  }

  /**
   * Returns the event in a callback, verified with every key and secret that was passed. This object
   * accepts the same delivery once. The gateway retries an event until you answer 2xx, with
   * the same `id` and a new signature: act on an `id` once, in the transaction that stores it.
   *
   * `url` is the order's own `notify_url`, if it is another than this object's.
   *
   * @throws Forged: answer 401, and do nothing
   * @throws Misuse if the argument is not a request: change the server
   */
  async verify(received: Request | Received, url?: string): Promise<Callback> {
    const address = url === undefined ? this.#url : receiverAt(url);
    const body = await bytes(received);
    const fields = flat(received.headers);
    const now_ms = Date.now();
    const nonce =
      this.#keys && this.#signed(this.#keys, received.method ?? "POST", address, fields, body, now_ms);
    if (this.#secret !== undefined) this.#authentic(this.#secret, fields, body, now_ms);

    const callback = parse(body);
    if (this.#secret !== undefined && callback.id !== once(fields, "webhook-id")) {
      throw new Forged("webhook-id differs from the body's id");
    }
    if (this.#merchant !== undefined && callback.merchant !== this.#merchant) {
      throw new Forged(`the callback is for the merchant ${callback.merchant}`);
    }
    if (nonce !== undefined) this.#remember(nonce, now_ms);
    return callback;
  }

  #signed(
    keys: KeyRing,
    method: string,
    { host, pathname, search }: URL,
    fields: [string, string][],
    body: Uint8Array,
    now_ms: number,
  ): string {
    try {
      return verify_callback(method, host, pathname, search.slice(1), fields.flat(), body, keys, now_ms);
    } catch (error) {
      throw new Forged((error as Error).message);
    }
  }

  #authentic(secret: string, fields: [string, string][], body: Uint8Array, now_ms: number): void {
    const [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
      once(fields, name),
    ) as [string, string, string];
    try {
      verify_webhook(secret, id, timestamp, signature, body, now_ms);
    } catch (error) {
      throw new Forged((error as Error).message);
    }
  }

  #remember(nonce: string, now_ms: number): void {
    if (this.#taken.has(nonce)) {
      throw new Forged("this delivery was already accepted", "callback_replayed");
    }
    for (const [known, until] of this.#taken) {
      if (until > now_ms && this.#taken.size < MOST_REMEMBERED) break;
      this.#taken.delete(known);
    }
    this.#taken.set(nonce, now_ms + REMEMBERED_MS);
  }
}

function receiverAt(url: string): URL {
  if (!URL.canParse(url)) throw new Misuse(`url must be your receiver's whole public address, not "${url}"`);
  return new URL(url);
}

/** Accepts objects of any realm and any fetch, which `instanceof` would not. */
async function bytes(received: Request | Received): Promise<Uint8Array> {
  const whole = asBytes("arrayBuffer" in received ? await received.arrayBuffer() : received.body);
  if (whole === undefined) {
    throw new Misuse("body must be the bytes as received: turn off JSON parsing for this path");
  }
  if (whole.length > MAX_BODY) throw new Forged(`the body is larger than ${MAX_BODY} bytes`);
  return whole;
}

function asBytes(body: unknown): Uint8Array | undefined {
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const tag = Object.prototype.toString.call(body);
  return tag === "[object ArrayBuffer]" ? new Uint8Array(body as ArrayBuffer) : undefined;
}

/** Lowercase names with their values, one pair for each occurrence of a field. */
function flat(headers: Received["headers"] | Headers): [string, string][] {
  const entries: unknown[] =
    Symbol.iterator in Object(headers) ? [...(headers as Headers)] : Object.entries(headers ?? {});
  const fields = entries.flatMap((entry): unknown[][] => {
    if (!Array.isArray(entry)) return [[]];
    const [name, values] = entry;
    return [values ?? []].flat().map((value: unknown) => [name, value]);
  });
  const right = fields.every((it) => it.length === 2 && it.every((text) => typeof text === "string"));
  if (fields.length === 0 || !right) {
    throw new Misuse("headers must be the request's, as Node's object, a Headers or a Map: names with texts");
  }
  return (fields as [string, string][]).map(([name, value]) => [name.toLowerCase(), value]);
}

function once(fields: [string, string][], name: string): string {
  const values = fields.filter(([it]) => it === name);
  const [first, second] = values;
  if (!first || second) throw new Forged(`the header must have ${name} exactly once`);
  return first[1];
}

function parse(body: Uint8Array): Callback {
  try {
    const callback = JSON.parse(new TextDecoder().decode(body));
    if (typeof callback.id === "string" && typeof callback.type === "string") return callback;
  } catch {
    // Reported below, like everything that is not a callback.
  }
  throw new Forged("the body is not a callback");
}
