/**
 * The page's four calls: open the session, query it, choose a method, and follow changes. Opening
 * claims nothing; the first choice does. Every request is signed by the page's key, and nothing of an answer is
 * passed on before the gateway's signature over it, and the grant inside it, are verified.
 */

import { isOld } from "../../core/src/age.ts";
import { Misuse, Outdated, Problem, Refused, Unreachable } from "../../core/src/errors.ts";
import type { Choice } from "../../core/src/machine.ts";
import type { Method, Plan, Session } from "../../core/src/session.ts";
import { limited } from "./abort.ts";
import { type Core, loadCore } from "./core.ts";
import { type Key, openKey } from "./key.ts";
import { forgetOld, type Memory, recall, remember, rememberFirst } from "./memory.ts";
import { ownOrigin } from "./origin.ts";
import { type P256, p256, type Verify } from "./p256.ts";

const PAGE_KINDS: Method["kind"][] = ["qr", "redirect", "wechat_jsapi"];
/** The time limit of an answer. */
const TIMEOUT_MS = 15_000;
/** A smaller clock difference is ignored; with a larger one, the gateway would refuse our signatures. */
const CLOCK_SLACK_MS = 5_000;

/** Codes for a page that does not have the session, or no longer has it. */
const NOT_OURS = new Set(["session_taken", "session_unclaimed", "key_unknown"]);
/** The number of answers that an old one is compared with: a cache keeps the first. */
const MOST_KNOWN = 100;

/** Requests carry nothing but what is signed, and go to the gateway only. */
const PRIVATE = {
  credentials: "omit",
  cache: "no-store",
  redirect: "error",
  referrerPolicy: "no-referrer",
} as const;

/** A message that the core has checked except for its signature. */
interface Signed<T> {
  to_verify(): Uint8Array;
  signature(): Uint8Array;
  /** @throws if it cannot be trusted. */
  verified(holds: boolean): T;
}

export interface Opening {
  /** Such as `https://pay.example`. */
  origin: string;
  session: string;
  /** Random part, dot, thumbprint of the gateway's key; absent when the page was reloaded without it. */
  client_secret: string | undefined;
  signal: AbortSignal;
}

export class Gateway {
  /** The gateway's clock less this device's, in milliseconds, for making and verifying signatures. */
  #ahead_ms = 0;
  /** The same for its business clock, by which an order expires. A sandbox's can be moved. */
  #business_ahead_ms = 0;
  /** The client secret, kept as long as this page lives: it claims the session, also again. */
  readonly #secret: string | undefined;
  /** Whether this page's key has the session. */
  #claimed: boolean;
  /** The `Signature-Input` of answers that were verified. */
  readonly #known = new Set<string>();
  /** The last choice, as it was sent. */
  #paying: { idempotency_key: string; content: object } | undefined;

  private constructor(
    private readonly core: Core,
    private readonly opening: Opening,
    private readonly curve: P256,
    private memory: Memory,
    private key: Key,
    private readonly gateway: Verify,
  ) {
    this.#secret = memory.secret ?? opening.client_secret?.split(".")[0];
    this.#claimed = memory.secret === undefined;
  }

  /** Finds or makes the page's key, and the gateway's key by its thumbprint. */
  static async connect(opening: Opening): Promise<Gateway> {
    const keys = ask(new URL("/.well-known/jwks.json", opening.origin), { signal: opening.signal });
    const loading = loadCore(opening.origin);
    // Awaited below; a failure before that is not unhandled.
    keys.catch(() => {});
    loading.catch(() => {});
    const curve = await p256(opening.origin);
    const [core, memory] = await Promise.all([loading, remembered(opening, curve)]);
    const [key, gateway] = await Promise.all([
      openKey(core, curve, memory.key),
      keys.then((answer) => pinned(core, curve, answer, memory.gateway)),
    ]);
    return new Gateway(core, opening, curve, memory, key, gateway);
  }

  /** The gateway's business time, in milliseconds since the epoch, for the time left of a code or an order. */
  now_ms(): number {
    return Date.now() + this.#business_ahead_ms;
  }

  #signing_ms(): number {
    return Date.now() + this.#ahead_ms;
  }

  /** The thumbprint of the gateway's key, which this page trusts. */
  get trusted(): string {
    return this.memory.gateway;
  }

  /** Returns the session, and claims nothing. */
  look(): Promise<Session> {
    return this.#persist(() =>
      this.#claimed ? this.#call("GET", "") : this.#call("POST", "/open", this.#claim(), randomText()),
    );
  }

  /**
   * Chooses a method, and claims the session with it if this page does not have it. Repeated with the same
   * idempotency key, it is one payment.
   */
  pay({ method, instalments }: Choice, idempotency_key: string): Promise<Session> {
    return this.#persist(() => {
      // A repeat sends the same bytes, although the first one may have claimed the session.
      if (this.#paying?.idempotency_key !== idempotency_key) {
        const claim = this.#claimed ? undefined : this.#claim();
        this.#paying = { idempotency_key, content: { method, instalments, claim } };
      }
      return this.#call("POST", "/pay", this.#paying.content, idempotency_key);
    });
  }

  #claim(): object {
    return { client_secret: this.#secret, key: this.key.jwk };
  }

  /**
   * If another key has the session, this browser may have stored that key for another element or window.
   * Otherwise this page follows, and can claim the session again when the other does not pay.
   */
  async #persist(call: () => Promise<Session>): Promise<Session> {
    for (const mend of [() => this.#takeStored(), async () => this.#lookOn()]) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Problem && NOT_OURS.has(error.code))) throw error;
        if (!(await mend()) && !this.#lookOn()) throw error;
        // The gateway stored nothing of the refused request.
        this.#paying = undefined;
      }
    }
    return call();
  }

  /** Uses the key that this browser has stored; returns whether it is another. */
  async #takeStored(): Promise<boolean> {
    const kept = await recall(this.opening.session);
    if (!kept) return false;
    const key = await openKey(this.core, this.curve, kept.key);
    if (key.thumbprint === this.key.thumbprint) return false;
    this.memory = { ...kept, gateway: this.memory.gateway };
    this.key = key;
    this.#claimed = kept.secret === undefined || this.#secret === undefined;
    return true;
  }

  /** Returns whether it changed. */
  #lookOn(): boolean {
    const had = this.#claimed && this.#secret !== undefined;
    if (had) this.#claimed = false;
    return had;
  }

  /** Keeps what an answer says about this page itself. */
  async #note({ now, claimed }: Session, repeated: boolean): Promise<void> {
    // A repeated first answer has the time of the first one.
    if (!repeated) this.#business_ahead_ms = Date.parse(now) - Date.now();
    this.#claimed = claimed || this.#secret === undefined;
    if (!claimed || this.memory.secret === undefined) return;
    delete this.memory.secret;
    await remember(this.memory);
  }

  /** The stream of hints. It is not signed, so its content is not trusted. */
  async events(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    // A page that does not have the session queries periodically.
    if (!this.#claimed) throw new Unreachable();
    const { url, init, exchange } = await this.#request("GET", "/events", undefined, undefined);
    exchange.free();
    const response = await fetch(url, { ...init, ...PRIVATE, signal });
    if (!response.ok || !response.body) throw new Unreachable();
    return response.body;
  }

  async #call(
    method: "GET" | "POST",
    call: string,
    content?: object,
    idempotency_key?: string,
  ): Promise<Session> {
    try {
      return await this.#once(method, call, content, idempotency_key);
    } catch (error) {
      // The refusal told us the gateway's time.
      if (!(error instanceof Problem && error.code === "signature_expired")) throw error;
      return this.#once(method, call, content, idempotency_key);
    }
  }

  async #once(
    method: "GET" | "POST",
    call: string,
    content: object | undefined,
    idempotency_key: string | undefined,
  ): Promise<Session> {
    const { url, init, exchange } = await this.#request(method, call, content, idempotency_key);
    try {
      const asked_ms = this.#signing_ms();
      const { response, body } = await ask(url, { ...init, signal: this.opening.signal });
      await this.#verify(exchange, asked_ms, response, body);
      const answer = JSON.parse(new TextDecoder().decode(body));
      if (!response.ok) {
        // A fault or an overload: the same call may work in a moment.
        if (response.status >= 500 && answer.code !== "channel_unavailable") throw new Unreachable();
        throw new Problem(answer.code, answer.detail ?? answer.title);
      }
      await this.#check(answer);
      await this.#note(answer, response.headers.has("idempotency-hit"));
      // Methods of mini-programs do not work in a page.
      return { ...answer, methods: answer.methods.filter(({ kind }: Method) => PAGE_KINDS.includes(kind)) };
    } finally {
      exchange.free();
    }
  }

  async #request(
    method: "GET" | "POST",
    call: string,
    content: object | undefined,
    idempotency_key: string | undefined,
  ) {
    const url = new URL(`/v1/checkout/sessions/${this.opening.session}${call}`, this.opening.origin);
    const body = content && new TextEncoder().encode(JSON.stringify(content));
    const headers: string[] = [];
    if (body)
      headers.push("content-type", "application/json", "content-digest", this.core.content_digest(body));
    if (idempotency_key) headers.push("idempotency-key", `"${idempotency_key}"`);
    const exchange = new this.core.Exchange(
      method,
      url.host,
      url.pathname,
      headers.join("\n"),
      this.#signing_ms(),
      randomText(),
      this.key.thumbprint,
    );
    const signed = exchange.sign(await this.key.sign(exchange.to_sign())).split("\n");
    const pairs = signed.flatMap((name, at) =>
      at % 2 ? [] : [[name, signed[at + 1] ?? ""] as [string, string]],
    );
    return { url, init: { method, headers: pairs, ...(body && { body }) } satisfies RequestInit, exchange };
  }

  async #believed<T>(signed: Signed<T>): Promise<T> {
    return signed.verified(await this.gateway(signed.to_verify(), signed.signature()));
  }

  async #verify(
    exchange: InstanceType<Core["Exchange"]>,
    asked_ms: number,
    response: Response,
    body: Uint8Array,
  ): Promise<void> {
    const input = response.headers.get("signature-input");
    let signed_at: number;
    try {
      signed_at = await this.#believed(
        exchange.answer(response.status, [...response.headers].flat().join("\n"), body),
      );
    } catch (error) {
      // A proxy in front of a broken gateway signs nothing.
      if (response.status >= 500 || response.status === 429) throw new Unreachable();
      const why = (error as Error).message;
      throw isOld(input, this.#known, asked_ms) ? new Outdated(why) : new Refused(why);
    }
    if (input !== null && this.#known.size < MOST_KNOWN) this.#known.add(input);
    const ahead_ms = signed_at - Date.now();
    this.#ahead_ms = Math.abs(ahead_ms) > CLOCK_SLACK_MS ? ahead_ms : 0;
  }

  async #check(answer: Session): Promise<void> {
    const open = answer.status === "created" || answer.status === "paying";
    const { session } = this.opening;
    try {
      if (answer.session !== session) throw new Error("the answer is for another session");
      if (!Number.isSafeInteger(answer.amount))
        throw new Error("amount must be a whole number of minor units");
      if (!Number.isSafeInteger(answer.exponent)) throw new Error("exponent must be a whole number");
      // A grant ends with the time to pay; a paid or closed order needs none.
      if (open) {
        const said = JSON.parse(await this.#believed(new this.core.SignedGrant(answer.grant)));
        const { iat, exp, merchant, methods, cnf, origin } = said;
        const granted = terms(said, merchant, cnf.jkt, origin, methods);
        const offered = answer.methods.map(({ id }) => id);
        const shown = terms(answer, answer.merchant.id, this.key.thumbprint, ownOrigin(), offered);
        this.core.allow(granted, shown, iat, exp, this.#signing_ms());
        for (const plan of plansOf(answer)) this.#checkPlan(answer.amount, plan);
      }
    } catch (error) {
      throw new Refused((error as Error).message);
    }
  }

  /** The costs of a plan are not trusted either: the core recomputes them, and a difference is refused. */
  #checkPlan(amount: number, { count, rate_ppm, fee, total, first, each }: Plan): void {
    const parts = this.core.instalments(amount, count, rate_ppm);
    if (parts.join() !== [fee, total, first, each].join())
      throw new Error("the instalments differ from what their plan computes");
  }
}

/** The core's form: a line each. */
function terms(
  { session, amount, currency }: Session,
  merchant: string,
  jkt: string,
  origin: string,
  methods: string[],
): string {
  return [session, merchant, amount, currency, jkt, origin, ...methods].join("\n");
}

function plansOf({ methods, payment }: Session): Plan[] {
  const offered = methods.flatMap(({ instalments }) => instalments ?? []);
  return payment?.instalments ? [...offered, payment.instalments] : offered;
}

/** The stored facts of the session, or a new key for it. */
async function remembered({ session, client_secret }: Opening, curve: P256): Promise<Memory> {
  const known = await recall(session);
  const [secret, gateway] = client_secret?.split(".") ?? [];
  if (known) return gateway ? { ...known, gateway } : known;
  if (!secret || !gateway) {
    throw new Misuse(
      "client_secret_missing",
      "the attribute client-secret is needed: pass checkout.client_secret as the gateway gave it to your server",
    );
  }
  const made_at = Date.now();
  await forgetOld(made_at);
  return rememberFirst({ session, key: await curve.make(), gateway, secret, made_at });
}

/** The gateway's key needs no signature of its own: the client secret has its hash. */
async function pinned(
  core: Core,
  curve: P256,
  { response, body }: Answered,
  thumbprint: string,
): Promise<Verify> {
  if (response.status === 404) {
    console.error(
      `<lezai-checkout>: gateway_unknown: no gateway answers at ${response.url}; set the attribute gateway to its origin`,
    );
  }
  if (!response.ok) throw new Unreachable();
  try {
    for (const { x, y } of JSON.parse(new TextDecoder().decode(body)).keys) {
      if (core.thumbprint(x, y) === thumbprint) return await curve.verifier({ x, y });
    }
  } catch {
    // The answer is not a list of P-256 keys.
  }
  throw new Refused("the gateway's key does not have the thumbprint in the client secret");
}

interface Answered {
  response: Response;
  body: Uint8Array;
}

async function ask(url: URL, init: RequestInit & { signal: AbortSignal }): Promise<Answered> {
  const { signal, release } = limited(TIMEOUT_MS, init.signal);
  try {
    const response = await fetch(url, { ...init, ...PRIVATE, signal });
    return { response, body: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    throw new Unreachable();
  } finally {
    release();
  }
}

/** 128 random bits in hex. */
export function randomText(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
