/**
 * The page's four calls. Every request is signed by the page's key, and nothing of an answer is
 * passed on before the gateway's signature over it, and the grant inside it, hold.
 */
import { limited } from "./abort.ts";
import { type Core, loadCore } from "./core.ts";
import { Misuse, Problem, Refused, Unreachable } from "./errors.ts";
import { type Key, openKey } from "./key.ts";
import type { Choice } from "./machine.ts";
import { forgetOld, type Memory, recall, remember } from "./memory.ts";
import { ownOrigin } from "./origin.ts";
import { type P256, p256, type Verify } from "./p256.ts";
import type { Method, Plan, Session } from "./session.ts";

const PAGE_KINDS: Method["kind"][] = ["qr", "redirect"];
/** An answer that takes longer is none. */
const TIMEOUT_MS = 15_000;
/** A clock off by less costs nothing; by more, the gateway would refuse our signatures. */
const CLOCK_SLACK_MS = 5_000;

/** Nothing but what is signed goes to the gateway, and nobody else gets it. */
const PRIVATE = {
  credentials: "omit",
  cache: "no-store",
  redirect: "error",
  referrerPolicy: "no-referrer",
} as const;

/** What the core has checked but for the signature over it. */
interface Signed<T> {
  to_verify(): Uint8Array;
  signature(): Uint8Array;
  /** @throws if it is not to be believed. */
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
  /** The gateway's clock less this device's, in milliseconds. */
  #ahead_ms = 0;

  private constructor(
    private readonly core: Core,
    private readonly opening: Opening,
    private readonly memory: Memory,
    private readonly key: Key,
    private readonly gateway: Verify,
  ) {}

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
    return new Gateway(core, opening, memory, key, gateway);
  }

  /** The gateway's time, in milliseconds since the epoch. */
  now_ms(): number {
    return Date.now() + this.#ahead_ms;
  }

  /** The gateway's key, by its thumbprint: what this page trusts. */
  get trusted(): string {
    return this.memory.gateway;
  }

  /** Claims the session for this page's key, or finds it claimed by it. */
  async open(): Promise<Session> {
    const { secret } = this.memory;
    if (secret === undefined) return this.look();
    const session = await this.#call(
      "POST",
      "/claim",
      { client_secret: secret, key: this.key.jwk },
      randomText(),
    );
    delete this.memory.secret;
    await remember(this.memory);
    return session;
  }

  look(): Promise<Session> {
    return this.#call("GET", "");
  }

  /** Repeated with the same idempotency key, it is one payment. */
  pay({ method, instalments }: Choice, idempotency_key: string): Promise<Session> {
    return this.#call("POST", "/pay", { method, instalments }, idempotency_key);
  }

  /** The stream of hints. It carries no signature, so nothing in it is believed. */
  async events(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
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
      // The refusal taught us the gateway's clock.
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
      const { response, body } = await ask(url, { ...init, signal: this.opening.signal });
      await this.#verify(exchange, response, body);
      const answer = JSON.parse(new TextDecoder().decode(body));
      if (!response.ok) {
        // Something broke, or there is too much to do: the same call may work in a moment.
        if (response.status >= 500 && answer.code !== "channel_unavailable") throw new Unreachable();
        throw new Problem(answer.code, answer.detail ?? answer.title);
      }
      await this.#check(answer);
      // Those of mini-programs work in no page.
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
      this.now_ms(),
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
    response: Response,
    body: Uint8Array,
  ): Promise<void> {
    let signed_at: number;
    try {
      signed_at = await this.#believed(
        exchange.answer(response.status, [...response.headers].flat().join("\n"), body),
      );
    } catch (error) {
      // A proxy that stands before a broken gateway signs nothing.
      if (response.status >= 500 || response.status === 429) throw new Unreachable();
      throw new Refused((error as Error).message);
    }
    const ahead_ms = signed_at - Date.now();
    this.#ahead_ms = Math.abs(ahead_ms) > CLOCK_SLACK_MS ? ahead_ms : 0;
  }

  async #check(answer: Session): Promise<void> {
    const open = answer.status === "created" || answer.status === "paying";
    const { session } = this.opening;
    try {
      if (answer.session !== session) throw new Error("the answer is for another session");
      if (!Number.isSafeInteger(answer.amount)) throw new Error("the amount is no whole number");
      if (!Number.isSafeInteger(answer.exponent)) throw new Error("the amount's decimals are not told");
      // A grant ends with the time to pay; what is paid or closed needs none.
      if (open) {
        const said = JSON.parse(await this.#believed(new this.core.SignedGrant(answer.grant)));
        const { iat, exp, merchant, methods, cnf, origin } = said;
        const granted = terms(said, merchant, cnf.jkt, origin, methods);
        const offered = answer.methods.map(({ id }) => id);
        const shown = terms(answer, answer.merchant.id, this.key.thumbprint, ownOrigin(), offered);
        this.core.allow(granted, shown, iat, exp, this.now_ms());
        for (const plan of plansOf(answer)) this.#checkPlan(answer.amount, plan);
      }
    } catch (error) {
      throw new Refused((error as Error).message);
    }
  }

  /** What a plan costs is not believed either: the core makes the same of it, or nothing is shown. */
  #checkPlan(amount: number, { count, rate_ppm, fee, total, first, each }: Plan): void {
    const parts = this.core.instalments(amount, count, rate_ppm);
    if (parts.join() !== [fee, total, first, each].join())
      throw new Error("the instalments are not what their plan comes to");
  }
}

/** As the core reads them: a line each. */
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

/** What this page knew of the session before, or a new key for it. */
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
  const memory = { session, key: await curve.make(), gateway, secret, made_at };
  await forgetOld(made_at);
  await remember(memory, true);
  return memory;
}

/** The gateway's key needs no signature of its own: the shop's server named it by its hash. */
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
    // Whatever it was, it was no list of P-256 keys.
  }
  throw new Refused("the gateway's key is not the one that the shop was told of");
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
